"""Settings: what is missing has a sensible value, what is wrong is named, all at once, and no secret is repeated."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from bot.__main__ import _lacks
from bot.app import children_of
from bot.environment import environment
from bot.logs import Scrub
from bot.settings import SECRETS, BadSettings, Settings, read_settings

ROOT = Path("/somewhere")
TOKEN = "123456789:AAbbCCddEEffGGhhIIjjKKllMMnnOOpp"
MESSENGER = {
    "MESSENGER_PAGE_ID": "123456",
    "MESSENGER_PAGE_TOKEN": "page-token-secret",
    "MESSENGER_APP_SECRET": "app-secret-secret",
    "MESSENGER_VERIFY_TOKEN": "verify-secret",
}


def read(**environ: str) -> Settings:
    return read_settings(environ, ROOT)


def problems(**environ: str) -> list[str]:
    with pytest.raises(BadSettings) as raised:
        read(**environ)
    return [line.removeprefix("  - ") for line in str(raised.value).splitlines()[1:]]


def test_without_any_setting_the_sandbox_plays_the_platforms() -> None:
    settings = read()
    assert settings.sandbox and settings.telegram is None and settings.messenger is None
    assert (settings.port, settings.sandbox_port, settings.engine_port) == (8080, 8081, 5005)
    assert settings.database_url == "sqlite:////somewhere/data/sportello.db"
    assert settings.own_url == "http://127.0.0.1:8080"


def test_the_sandbox_does_not_start_beside_real_tokens_unless_asked() -> None:
    assert not read(TELEGRAM_BOT_TOKEN=TOKEN).sandbox
    assert not read(PUBLIC_URL="https://care.example.org", **MESSENGER).sandbox
    assert read(TELEGRAM_BOT_TOKEN=TOKEN, SANDBOX="yes").sandbox
    assert not read(SANDBOX="off").sandbox


def test_real_settings_reach_their_channel() -> None:
    settings = read(
        TELEGRAM_BOT_TOKEN=TOKEN,
        TELEGRAM_WEBHOOK_SECRET="a-secret-of-ours-1",
        PUBLIC_URL="https://care.example.org/",
        **MESSENGER,
    )
    assert settings.telegram and settings.messenger
    assert settings.telegram.public_url == settings.messenger.public_url == "https://care.example.org"
    assert settings.telegram.api_url == "https://api.telegram.org"
    assert (settings.messenger.graph_url, settings.messenger.version) == ("https://graph.facebook.com", "v26.0")
    assert set(settings.secrets()) == {TOKEN, "a-secret-of-ours-1", *list(MESSENGER.values())[1:]}


@pytest.mark.parametrize("name", SECRETS)
def test_every_secret_may_be_in_a_file(name: str, tmp_path: Path) -> None:
    needed = {"PUBLIC_URL": "https://care.example.org", "TELEGRAM_BOT_TOKEN": TOKEN, **MESSENGER}
    needed["DATABASE_URL"] = "postgresql://sportello@db/sportello"
    needed["REDIS_URL"] = "redis://redis:6379/0"
    values = {**needed, "TELEGRAM_WEBHOOK_SECRET": "a-secret-of-ours-1", "DATABASE_PASSWORD": "p@ss/word"}
    values["REDIS_PASSWORD"] = "r@dis/word"
    secret = tmp_path / "secret"
    secret.write_text(values[name] + "\n")
    plain = {key: value for key, value in {**needed, name: values[name]}.items() if key != name}
    assert read(**plain, **{f"{name}_FILE": str(secret)}) == read(**plain, **{name: values[name]})


def test_an_empty_file_is_a_secret_that_is_not_set(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    files = {f"{name}_FILE": str(tmp_path / "empty") for name in SECRETS}
    assert read(**files) == read()


def test_a_secret_file_that_cannot_be_read_or_is_not_alone_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    found = problems(
        TELEGRAM_BOT_TOKEN=TOKEN,
        TELEGRAM_BOT_TOKEN_FILE=str(tmp_path / "token"),
        DATABASE_URL_FILE=str(tmp_path / "absent"),
    )
    assert len(found) == 2
    assert "both set" in found[0] and "DATABASE_URL_FILE" in found[1]


def test_the_databases_password_is_kept_apart_from_its_address() -> None:
    settings = read(DATABASE_URL="postgresql://sportello@db:5432/sportello", DATABASE_PASSWORD="p@ss/word")
    assert settings.database_url == "postgresql://sportello:p%40ss%2Fword@db:5432/sportello"
    assert {"p@ss/word", "p%40ss%2Fword"} <= set(settings.secrets())


def test_the_password_of_redis_may_be_kept_apart_too() -> None:
    settings = read(REDIS_URL="rediss://redis:6379/2", REDIS_PASSWORD="r@dis/word")
    assert settings.redis_url == "rediss://:r%40dis%2Fword@redis:6379/2"
    assert {"r@dis/word", "r%40dis%2Fword"} <= set(settings.secrets())
    assert read(REDIS_URL="redis://care@redis", REDIS_PASSWORD="x").redis_url == "redis://care:x@redis"
    assert read(REDIS_URL="redis://:geheim@redis").secrets() == ("geheim", "geheim")
    assert read().redis_url is None


def test_logs_are_lines_for_people_unless_json_is_wanted() -> None:
    assert not read().json_logs and read(LOG_FORMAT="json").json_logs


def test_every_mistake_is_named_at_once_and_no_value_repeated() -> None:
    found = problems(
        PORT="eighty",
        ENGINE_PORT="70000",
        SANDBOX="perhaps",
        PUBLIC_URL="http://care.example.org",
        DATABASE_URL="mysql://user:hunter2@host/x",
        ENGINE_URL="ftp://x",
        TELEGRAM_BOT_TOKEN="hunter2-no-token",
        TELEGRAM_WEBHOOK_SECRET="hunter2",
        MESSENGER_PAGE_ID="my page",
        MESSENGER_PAGE_TOKEN="hunter2",
        GRAPH_API_VERSION="26",
        GRAPH_API_URL="https://user:hunter2@graph",
    )
    names = ["PORT", "ENGINE_PORT", "SANDBOX", "PUBLIC_URL", "DATABASE_URL", "ENGINE_URL", "TELEGRAM_BOT_TOKEN"]
    names += ["TELEGRAM_WEBHOOK_SECRET", "MESSENGER_APP_SECRET, MESSENGER_VERIFY_TOKEN"]
    names += ["GRAPH_API_VERSION", "GRAPH_API_URL"]
    for name in names:
        assert any(name in line for line in found), name
    assert "hunter2" not in "".join(found)
    assert len(found) == len(names)


@pytest.mark.parametrize(
    ("environ", "word"),
    [
        ({"PORT": "²"}, "PORT"),
        ({"PORT": "0"}, "PORT"),
        ({"PORT": "5005"}, "must differ"),
        ({"ENGINE_PORT": "65530"}, "ENGINE_PORT"),
        ({"ENGINE_URL": "http://[::1"}, "ENGINE_URL"),
        ({"ENGINE_URL": "http://127.0.0.1:99999"}, "ENGINE_URL"),
        ({"ENGINE_URL": "127.0.0.1:5005"}, "ENGINE_URL"),
        ({"TELEGRAM_WEBHOOK_SECRET": "a-secret-of-ours-1"}, "TELEGRAM_BOT_TOKEN"),
        ({"LOG_FORMAT": "xml"}, "LOG_FORMAT"),
        ({"DATABASE_PASSWORD": "x"}, "DATABASE_PASSWORD"),
        ({"DATABASE_PASSWORD": "x", "DATABASE_URL": "postgresql://u:p@db/x"}, "DATABASE_PASSWORD"),
        ({"REDIS_PASSWORD": "x"}, "REDIS_URL"),
        ({"REDIS_URL": "http://redis"}, "REDIS_URL"),
        ({"REDIS_URL": "redis://redis:port"}, "REDIS_URL"),
        ({"REDIS_URL": "redis://redis/name"}, "REDIS_URL"),
        ({"REDIS_URL": "redis://:p@redis", "REDIS_PASSWORD": "x"}, "REDIS_PASSWORD"),
        (MESSENGER, "PUBLIC_URL"),
        ({**MESSENGER, "PUBLIC_URL": "https://x.example", "MESSENGER_PAGE_ID": "page"}, "MESSENGER_PAGE_ID"),
    ],
)
def test_one_mistake(environ: dict[str, str], word: str) -> None:
    (found,) = problems(**environ)
    assert word in found


def test_the_last_port_leaves_room_for_the_sandbox() -> None:
    assert read(PORT="65535").sandbox_port < 65535


def test_plain_http_is_taken_on_this_machine_only() -> None:
    assert read(PUBLIC_URL="http://127.0.0.1:8080").public_url == "http://127.0.0.1:8080"


def test_logs_are_scrubbed_whoever_writes_and_wherever_it_stands() -> None:
    scrub = Scrub([TOKEN, "pw"])
    try:
        raise ValueError(f"https://api.example/bot{TOKEN}/getMe")
    except ValueError as error:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "at %s", (f"bot{TOKEN}",), (type(error), error, None))
        record.exc_info = (type(error), error, error.__traceback__)
    text = scrub.format(record)
    assert TOKEN not in text and text.count("***") >= 2
    assert "pw" in scrub.format(logging.LogRecord("x", logging.INFO, "", 0, "pw", (), None))  # too short to be one


def test_what_a_file_says_of_the_companys_systems_reaches_the_actions_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKEND_URL_STORES", "https://of-the-process.example.org")
    lines = ["BACKEND_URL_LINES=https://lines.example.org", "BACKEND_URL_STORES=https://of-the-file.example.org"]
    (tmp_path / ".env").write_text("\n".join([*lines, f"TELEGRAM_BOT_TOKEN={TOKEN}"]))
    settings = read_settings(environment(tmp_path), tmp_path)
    (actions,) = children_of(settings).children
    assert actions.env["BACKEND_URL_LINES"] == "https://lines.example.org"
    assert actions.env["BACKEND_URL_STORES"] == "https://of-the-process.example.org"
    assert settings.telegram and TOKEN not in actions.env.values()


def test_a_start_says_that_customers_would_be_told_the_demos_data() -> None:
    real = {"TELEGRAM_BOT_TOKEN": TOKEN}
    assert [line.split()[0] for line in _lacks(read(**real))] == ["off", "systems"]
    assert len(_lacks(read(**real, BACKEND_URL_LINES="https://lines.example.org"))) == 1
    assert len(_lacks(read(**real, ENGINE_URL="http://engine:5005"))) == 1  # its actions' settings are not known here
