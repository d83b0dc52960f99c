"""Logs to standard error, one line an event, without secrets and personal data, whoever writes it.

Plain lines for people, or a JSON object a line for a collector (LOG_FORMAT=json): at, level, logger, text, the
line's own fields (`log.info(..., extra={"fields": {...}})`), and error with the traceback.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from bot.redact import Redactor

#: They log addresses, and Telegram's addresses hold the bot's token.
CHATTY = ("httpx", "httpcore", "telegram", "aiohttp.access", "alembic", "asyncio")


class Scrub(logging.Formatter):
    """Formats, and blacks out: in the message, its arguments and any traceback."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")
        self._redactor = Redactor(secrets)

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = self._redactor.text(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:
        return self._redactor.error(ei[1]) if ei[1] else ""

    def format(self, record: logging.LogRecord) -> str:
        # what another formatter kept here was not blacked out by this one
        record.exc_text = None
        return super().format(record)


class ScrubJson(Scrub):
    """The same as a JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "text": self._redactor.text(record.getMessage()),
        }
        for name, value in getattr(record, "fields", {}).items():
            line[name] = self._redactor.text(value) if isinstance(value, str) else value
        if record.exc_info and record.exc_info[1]:
            line["error"] = self._redactor.error(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False, default=str)


def log_to_stderr(secrets: Iterable[str], *, level: int = logging.INFO, as_json: bool = False) -> None:
    """Set logging up for the whole process, also for errors that nobody catches."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(ScrubJson(secrets) if as_json else Scrub(secrets))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    sys.excepthook = _uncaught


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Python's own last words would show what the error quotes."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logging.getLogger("bot").critical("ended by an error that nobody expected", exc_info=(kind, error, trace))
