"""Logs to standard error, one line an event, with every secret blacked out whoever writes it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable

#: They log addresses, and Telegram's addresses hold the bot's token.
CHATTY = ("httpx", "httpcore", "telegram", "aiohttp.access", "alembic", "asyncio")


class Scrub(logging.Formatter):
    """Formats, then blacks out secrets: in the message, its arguments and any traceback."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")
        self._secrets = [secret for secret in secrets if len(secret) > 3]

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def log_to_stderr(secrets: Iterable[str], *, level: int = logging.INFO) -> None:
    """Set logging up for the whole process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Scrub(secrets))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
