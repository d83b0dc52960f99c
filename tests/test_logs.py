"""Nothing of a customer and no secret in a log, however it got there: in a message, its arguments, a traceback."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable

import pytest
from sqlalchemy import create_engine, text

from bot.logs import Scrub, ScrubJson, log_to_stderr
from bot.model.errors import SendError
from bot.redact import Redactor
from bot.store.database import Database

TOKEN = "123456789:AAbbCCddEEffGGhhIIjjKKllMMnnOOpp"
PLANTED = {
    "codice fiscale": "RSSMRA85T10A562S",
    "codice fiscale in small letters": "rssmra85t10a562s",
    "codice fiscale in groups": "RSS MRA 85T10 A562S",
    "codice fiscale of a double": "RSSMRA85T1LA56NH",
    "iban": "IT60X0542811101000000123456",
    "iban in groups": "IT60 X054 2811 1010 0000 0123 456",
    "iban of elsewhere": "DE89370400440532013000",
    "mobile": "3331234567",
    "mobile in groups": "333 123 4567",
    "mobile with dots": "333.1234567",
    "mobile with country": "+39 333 1234567",
    "mobile with zeros": "00393331234567",
    "landline": "06 6982 1234",
    "landline with dash": "0373-256789",
    "phone of elsewhere": "+44 (0)20 7946 0958",
    "e-mail": "maria.rossi+care@posta.example.it",
    "telegram token": TOKEN,
    "page token": "EAAGm0PX4ZCpsBAKZCZBr8n7ZAqWt5sDfGhJkLpQ",
    "bearer": "Authorization: Bearer abc.def-ghi",
    "query token": "https://graph.example/me?access_token=geheim1&fields=id",
    "named secret": '{"client_secret": "geheim1"}',
    "address with password": "postgresql://sportello:geheim1@db/sportello",
    "chat": "chat 987654321",
    "card": "4111111111111111",
}
#: What must be gone of each: the value, or the part of it that is secret.
SECRET_PART = {"bearer": "abc.def-ghi", "chat": "987654321"} | dict.fromkeys(
    ("query token", "named secret", "address with password"), "geheim1"
)
#: What logs are for: none of it may be blacked out.
KEPT = (
    "turn event=1234567 store_hours 0.93 35 ms",
    "row=42 attempt=3 later: limit",
    "the engine cannot be reached (ClientConnectorError)",
    "C-7F3KA",
    "2026-11-21 10:22:31.123 +0000",
    "http://127.0.0.1:5005/webhooks/turn/",
    "/app/bot/store/migrations/versions/0001_the_first_tables.py",
    "token expired; secret missing",
    "0002_the_right_person, 12345678 rows",
)

Format = Callable[[], logging.Formatter]
FORMATS: tuple[Format, ...] = (lambda: Scrub(["s3cret-of-ours"]), lambda: ScrubJson(["s3cret-of-ours"]))


def record(message: str, *arguments: object, error: BaseException | None = None) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("bot.x", logging.ERROR, "", 0, message, arguments, info)


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except BaseException as caught:
        return caught


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", PLANTED)
def test_nothing_planted_is_seen(kind: str, form: Format) -> None:
    planted, secret = PLANTED[kind], SECRET_PART.get(kind, PLANTED[kind])
    assert secret in planted
    lines = (
        record(f"it says {planted}, twice: ({planted})"),
        record("it says %s and %r", planted, planted),
        record("failed", error=raised(ValueError(f"cannot read {planted}"))),
        record("failed", error=raised(SendError("platform", planted))),
        record("failed", error=raised(RuntimeError("outer"), raised(KeyError(planted)))),
        record("failed", error=raised(ExceptionGroup("several", [ValueError(planted)]))),
    )
    for line in lines:
        assert secret not in form().format(line), line.getMessage()


@pytest.mark.parametrize("text_", KEPT)
def test_what_logs_are_for_is_kept(text_: str) -> None:
    assert Redactor([]).text(text_) == text_
    assert text_ in Scrub([]).format(record(text_))


@pytest.mark.parametrize("form", FORMATS)
def test_our_own_secrets_are_gone_whatever_they_look_like(form: Format) -> None:
    error = raised(SendError("platform", "s3cret-of-ours"))
    assert "s3cret-of-ours" not in form().format(record("s3cret-of-ours %s", "s3cret-of-ours", error=error))


@pytest.mark.parametrize("form", FORMATS)
def test_a_traceback_says_where_and_what_but_quotes_nobody(form: Format) -> None:
    words = "vorrei disdire il contratto di mia madre"
    for error in (ValueError(f"invalid literal for int() with base 10: '{words}'"), KeyError(words)):
        told = form().format(record("a turn failed", error=raised(error)))
        assert words not in told
        assert type(error).__name__ in told and "in raised" in told and "test_logs.py" in told
    told = form().format(record("a turn failed", error=raised(ValueError("invalid literal for int(): 'x'"))))
    assert "invalid literal for int()" in told


@pytest.mark.parametrize("form", FORMATS)
async def test_a_statement_that_fails_does_not_show_its_values(form: Format, db: Database) -> None:
    """Databases quote in their errors what they were given."""
    words = "la mia password è pippo"
    with pytest.raises(Exception) as caught:
        await db.write(lambda connection: connection.execute(text("SELECT :x FROM no_table"), {"x": words}))
    told = form().format(record("failed", error=caught.value))
    assert words not in told
    assert "no_table" in told


def test_an_error_printed_by_another_formatter_first_is_blacked_out_all_the_same() -> None:
    line = record("failed", error=raised(ValueError("geheim1 3331234567")))
    logging.Formatter().format(line)  # keeps its own text of the traceback in the record
    assert "3331234567" not in Scrub([]).format(line)


def test_json_lines_carry_their_fields() -> None:
    line = record("turn event=%s", 7)
    line.fields = {"event": 7, "outcome": "answered", "ms": 35.2, "who": PLANTED["mobile"]}
    told = json.loads(ScrubJson([]).format(line))
    assert {name: told[name] for name in ("level", "logger", "text", "event", "outcome", "ms", "who")} == {
        "level": "error",
        "logger": "bot.x",
        "text": "turn event=7",
        "event": 7,
        "outcome": "answered",
        "ms": 35.2,
        "who": "***",
    }
    assert told["at"].endswith("+00:00")
    assert "\n" not in ScrubJson([]).format(record("failed", error=raised(ValueError("a\nb"))))


@pytest.mark.parametrize("as_json", [False, True])
def test_the_whole_process_logs_like_this(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    hook, handlers, level = sys.excepthook, logging.root.handlers[:], logging.root.level
    try:
        log_to_stderr([TOKEN], as_json=as_json)
        logging.getLogger("bot.x").info("here is %s", TOKEN)
        error = raised(ValueError(f"nobody caught {PLANTED['e-mail']}"))
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        sys.excepthook, logging.root.level = hook, level
        logging.root.handlers[:] = handlers
    told = capsys.readouterr().err
    assert "here is ***" in told and "ValueError" in told
    assert TOKEN not in told and PLANTED["e-mail"] not in told
    if as_json:
        assert [json.loads(line)["level"] for line in told.splitlines()] == ["info", "critical"]


def test_values_of_statements_are_never_part_of_an_error() -> None:
    """Also where an error is logged by a library of its own accord."""
    database = Database("sqlite://")
    database.close()
    assert database.engine.hide_parameters
    assert not create_engine("sqlite://").hide_parameters  # or this test says nothing
