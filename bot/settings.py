"""Environment (or .env) -> frozen settings. Every mistake is reported at once, in one message."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from bot.channels.messenger import MessengerSettings
from bot.channels.telegram import TelegramSettings
from bot.pair import ACTIONS_AFTER, ACTIONS_PREFIX, ChildrenSettings

TELEGRAM_API = "https://api.telegram.org"
GRAPH_API = "https://graph.facebook.com"
GRAPH_VERSION = "v26.0"
_MESSENGER = ("MESSENGER_PAGE_ID", "MESSENGER_PAGE_TOKEN", "MESSENGER_APP_SECRET", "MESSENGER_VERIFY_TOKEN")
#: Each may also be given as NAME_FILE, the path of a file that holds it: an environment can be read by too many.
SECRETS = (
    "TELEGRAM_BOT_TOKEN",
    "TELEGRAM_WEBHOOK_SECRET",
    "MESSENGER_PAGE_TOKEN",
    "MESSENGER_APP_SECRET",
    "MESSENGER_VERIFY_TOKEN",
    "DATABASE_URL",
    "DATABASE_PASSWORD",
    "REDIS_URL",
    "REDIS_PASSWORD",
)
#: Short words for TRUSTED_PROXIES. `private` is what a container's neighbours have.
_NETWORKS = {
    "none": (),
    "loopback": ("127.0.0.0/8", "::1/128"),
    "private": ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
}
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class BadSettings(Exception):
    """One or more settings are wrong; the text has a line for each."""


@dataclass(frozen=True)
class Settings:
    """What the service needs to know to start. Without `engine_urls` the engine is a child process."""

    root: Path  # the project's folder: content, engine, migrations
    data: Path  # everything that is written: database, models, logs
    host: str
    port: int
    public_url: str | None  # where platforms reach us; None: only Telegram, by long polling
    database_url: str
    engine_urls: tuple[str, ...]
    engine_port: int
    sandbox: bool
    sandbox_port: int
    telegram: TelegramSettings | None
    messenger: MessengerSettings | None
    redis_url: str | None = None  # what the processes of one installation tell each other; None: there is only one
    proxies: tuple[IPv4Network | IPv6Network, ...] = ()  # believed when they say for whom they ask
    engine_memory_mb: int = 1500  # a child engine that holds more is exchanged for a fresh one
    share_port: bool = False  # several processes may listen on PORT: the kernel spreads what comes
    drain_seconds: int = 0  # from the word to stop until the port closes: a balancer looks elsewhere meanwhile
    json_logs: bool = False  # a JSON object a line, for collectors; else plain lines
    #: BACKEND_…, for the actions alone: docs/backends.md. They hold tokens.
    systems: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)

    @property
    def own_url(self) -> str:
        """Where a browser on this machine reaches us."""
        return f"http://{'127.0.0.1' if self.host == '0.0.0.0' else self.host}:{self.port}"

    @property
    def children(self) -> ChildrenSettings:
        """Where the engine and its actions are, when they are children of this process."""
        return ChildrenSettings(self.root, self.data, self.engine_port, self.engine_port + ACTIONS_AFTER)

    def secrets(self) -> tuple[str, ...]:
        """Values that must never be seen in a log."""
        passwords = [urlsplit(url).password for url in (self.database_url, self.redis_url or "")]
        found: list[str | None] = [each for password in passwords for each in (password, unquote(password or ""))]
        if self.telegram:
            found += [self.telegram.token, self.telegram.webhook_secret]
        if self.messenger:
            found += [self.messenger.page_token, self.messenger.app_secret, self.messenger.verify_token]
        return tuple(value for value in found if value)


def read_settings(environ: Mapping[str, str], root: Path) -> Settings:
    """The settings in `environ`. Raises BadSettings, naming every mistake."""
    reader = _Reader(environ)
    public_url = reader.address("PUBLIC_URL", secure=True)
    telegram = reader.telegram(public_url)
    messenger = reader.messenger(public_url)
    port = reader.port("PORT", 8080)
    engine_port = reader.port("ENGINE_PORT", 5005, most=65535 - ACTIONS_AFTER)
    sandbox_port = reader.port("SANDBOX_PORT", port + 1 if port < 65535 else port - 1)
    data = Path(environ.get("DATA_DIR") or root / "data")
    settings = Settings(
        root=root,
        data=data,
        host=environ.get("HOST") or "127.0.0.1",
        port=port,
        public_url=public_url,
        database_url=reader.database(f"sqlite:///{data / 'sportello.db'}"),
        engine_urls=reader.addresses("ENGINE_URL"),
        engine_port=engine_port,
        engine_memory_mb=reader.number("ENGINE_MEMORY_MB", 1500, least=200, most=1_000_000),
        sandbox=reader.yes_or_no("SANDBOX", default=not (telegram or messenger)),
        sandbox_port=sandbox_port,
        telegram=telegram,
        messenger=messenger,
        redis_url=reader.redis(),
        proxies=reader.networks("TRUSTED_PROXIES"),
        share_port=reader.yes_or_no("SHARE_PORT", default=False),
        drain_seconds=reader.number("DRAIN_SECONDS", 0, least=0, most=60),
        json_logs=reader.one_of("LOG_FORMAT", "text", "json") == "json",
        systems={name: value for name, value in environ.items() if name.startswith(ACTIONS_PREFIX)},
    )
    if len({port, engine_port, sandbox_port}) < 3:
        reader.problems.append("PORT, ENGINE_PORT and SANDBOX_PORT must differ")
    if reader.problems:
        lines = "\n".join(f"  - {problem}" for problem in reader.problems)
        raise BadSettings(f"These settings are wrong:\n{lines}")
    return settings


class _Reader:
    """Reads one setting after the other and keeps what is wrong. A value is never repeated: it may be a secret."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.problems: list[str] = []
        self.environ = {**environ, **{name: self._from_file(name, environ) for name in SECRETS}}

    def _from_file(self, name: str, environ: Mapping[str, str]) -> str:
        """The secret itself, or what its file holds. An empty file is a secret that is not set."""
        given, path = environ.get(name) or "", environ.get(f"{name}_FILE")
        if not path:
            return given
        if given:
            self.problems.append(f"{name} and {name}_FILE are both set: which one counts?")
        try:
            return Path(path).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            self.problems.append(f"{name}_FILE cannot be read ({type(error).__name__})")
            return given

    def one_of(self, name: str, *words: str) -> str:
        """One of the words, the first when nothing is set."""
        value = (self.environ.get(name) or words[0]).lower()
        if value not in words:
            self.problems.append(f"{name} must be {' or '.join(words)}")
        return value

    def port(self, name: str, default: int, *, most: int = 65535) -> int:
        return self.number(name, default, least=1, most=most)

    def number(self, name: str, default: int, *, least: int, most: int) -> int:
        value = self.environ.get(name)
        if not value:
            return default
        if not re.fullmatch(r"[0-9]{1,7}", value) or not least <= int(value) <= most:
            self.problems.append(f"{name} must be a number from {least} to {most}")
            return default
        return int(value)

    def yes_or_no(self, name: str, *, default: bool) -> bool:
        value = (self.environ.get(name) or "").lower()
        if value not in ("", "1", "0", "yes", "no", "true", "false", "on", "off"):
            self.problems.append(f"{name} must be yes or no")
        return default if not value else value in ("1", "yes", "true", "on")

    def addresses(self, name: str) -> tuple[str, ...]:
        """Addresses with commas between them; none when nothing is set."""
        values = [value.strip() for value in (self.environ.get(name) or "").split(",")]
        return tuple(self._checked(name, value.rstrip("/")) for value in values if value)

    def address(self, name: str, *, secure: bool = False) -> str | None:
        value = (self.environ.get(name) or "").rstrip("/")
        return self._checked(name, value, secure=secure) if value else None

    def _checked(self, name: str, value: str, *, secure: bool = False) -> str:
        try:
            parts = urlsplit(value)
            _ = parts.port
        except ValueError:
            self.problems.append(f"{name} is no address: its host or port is wrong")
            return value
        local = parts.hostname in _LOOPBACK
        if parts.scheme not in ("http", "https") or not parts.hostname:
            self.problems.append(f"{name} must be an address such as https://care.example.org")
        elif secure and parts.scheme != "https" and not local:
            self.problems.append(f"{name} must begin with https: the platforms send nothing to plain http")
        elif parts.username or parts.query or parts.fragment:
            self.problems.append(f"{name} must be a plain address, without user, ? or #")
        return value

    def networks(self, name: str) -> tuple[IPv4Network | IPv6Network, ...]:
        """Addresses and networks with commas between, or one of the words; `loopback` when nothing is set."""
        words = (self.environ.get(name) or "loopback").replace(",", " ").split()
        found = []
        for one in (one for word in words for one in _NETWORKS.get(word, (word,))):
            try:
                found.append(ip_network(one))
            except ValueError:
                self.problems.append(f"{name} must be none, loopback, private, or addresses such as 10.0.0.0/8")
                break
        return tuple(found)

    def database(self, default: str) -> str:
        value = self.environ.get("DATABASE_URL") or default
        if not value.startswith(("sqlite:///", "postgresql://")):
            self.problems.append("DATABASE_URL must begin with sqlite:/// or postgresql://")
        password = self.environ.get("DATABASE_PASSWORD")
        return self._with_password(value, password) if password else value

    def redis(self) -> str | None:
        """redis:// or rediss://, a host, perhaps a port and the number of a database."""
        value, password = self.environ.get("REDIS_URL") or "", self.environ.get("REDIS_PASSWORD") or ""
        if not value:
            if password:
                self.problems.append("REDIS_PASSWORD is set, but REDIS_URL is not")
            return None
        try:
            parts = urlsplit(value)
            right = parts.scheme in ("redis", "rediss") and parts.hostname and re.fullmatch(r"/?\d*", parts.path)
            _ = parts.port
        except ValueError:
            right = None
        if not right:
            self.problems.append("REDIS_URL must be an address such as redis://host:6379/0")
            return None
        if not password:
            return value
        user, _, host = parts.netloc.rpartition("@")
        if ":" in user:
            self.problems.append("REDIS_PASSWORD is set, and REDIS_URL holds a password too: which one counts?")
        return parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}").geturl()

    def _with_password(self, url: str, password: str) -> str:
        """The address with the password that is kept apart from it."""
        parts = urlsplit(url)
        user, at, host = parts.netloc.rpartition("@")
        if not url.startswith("postgresql://") or not at or ":" in user:
            self.problems.append("DATABASE_PASSWORD needs a DATABASE_URL of the form postgresql://user@host/name")
            return url
        return parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}").geturl()

    def telegram(self, public_url: str | None) -> TelegramSettings | None:
        token = self.environ.get("TELEGRAM_BOT_TOKEN") or ""
        secret = self.environ.get("TELEGRAM_WEBHOOK_SECRET") or None
        if not token:
            if secret:
                self.problems.append("TELEGRAM_WEBHOOK_SECRET is set, but TELEGRAM_BOT_TOKEN is not")
            return None
        if not re.fullmatch(r"\d+:[\w-]{30,}", token):
            self.problems.append("TELEGRAM_BOT_TOKEN is not of the form 123456789:ABC…, as BotFather gives it")
        if secret and not re.fullmatch(r"[\w-]{16,256}", secret):
            self.problems.append("TELEGRAM_WEBHOOK_SECRET must be 16 to 256 of A-Z a-z 0-9 _ -")
        url = self.address("TELEGRAM_API_URL") or TELEGRAM_API
        return TelegramSettings(token=token, webhook_secret=secret, api_url=url, public_url=public_url)

    def messenger(self, public_url: str | None) -> MessengerSettings | None:
        values = [self.environ.get(name) or "" for name in _MESSENGER]
        if not any(values):
            return None
        missing = [name for name, value in zip(_MESSENGER, values, strict=True) if not value]
        if missing:
            self.problems.append(f"Messenger needs {', '.join(missing)} too")
        elif not values[0].isdigit():
            self.problems.append("MESSENGER_PAGE_ID must be the Page's number")
        if not public_url:
            self.problems.append("Messenger needs PUBLIC_URL: it has no long polling")
        version = self.environ.get("GRAPH_API_VERSION") or GRAPH_VERSION
        if not re.fullmatch(r"v\d+\.\d+", version):
            self.problems.append("GRAPH_API_VERSION must be of the form v26.0")
        return MessengerSettings(
            page_id=values[0],
            page_token=values[1],
            app_secret=values[2],
            verify_token=values[3],
            graph_url=self.address("GRAPH_API_URL") or GRAPH_API,
            version=version,
            public_url=public_url,
        )
