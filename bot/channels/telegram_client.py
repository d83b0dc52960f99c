"""The client of the Bot API: python-telegram-bot's, its errors in our words, its logs without the token."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import httpx
from telegram import Bot
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
)
from telegram.request import HTTPXRequest

from bot.model.errors import SendError

# Otherwise the library gives seconds as a number and warns at each 429 that it will stop doing so.
os.environ.setdefault("PTB_TIMEDELTA", "true")

TOKEN_RETRY = 60.0  # seconds until the next try after the token was refused: only a person can mend that

#: Raised before a byte of the request left: the message is provably not sent.
_NOT_SENT = (httpx.PoolTimeout, httpx.ConnectTimeout, httpx.ConnectError, httpx.ProxyError)


class TokenFilter(logging.Filter):
    """Takes the token out of a record. httpx logs each address at INFO, and the token is part of it."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self._token = token

    def filter(self, record: logging.LogRecord) -> bool:
        """Always True: the record stays, the token goes."""
        message = record.getMessage()
        if self._token in message:
            record.msg, record.args = message.replace(self._token, "***"), ()
        return True


class RawBot(Bot):
    """The library's client, and two calls that give what the platform sent, as it sent it."""

    async def updates(self, offset: int | None, *, seconds: int, allowed: Sequence[str]) -> list[Any]:
        """Waiting updates as decoded JSON. `get_updates` raises for all when it cannot read one."""
        data = {"offset": offset, "timeout": seconds, "allowed_updates": list(allowed)}
        found = await self._post("getUpdates", data, read_timeout=seconds + 10)
        return found if isinstance(found, list) else []

    async def path_of(self, file_id: str) -> str:
        """Where a file can be fetched for an hour. The library's own answer would hold the token."""
        file = await self._post("getFile", {"file_id": file_id})
        return str(file.get("file_path") or "") if isinstance(file, dict) else ""

    async def disconnect(self) -> None:
        """Close all connections. `shutdown` does so only after `initialize`, which calls the platform."""
        for request in self._request:
            await request.shutdown()


def connect(token: str, api_url: str) -> RawBot:
    """A client that is not connected yet, and loggers that keep the token to themselves."""
    for name in ("httpx", "httpcore", "telegram"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)  # below it: addresses with the token, and texts of customers
        logger.filters = [f for f in logger.filters if not isinstance(f, TokenFilter) or f._token != token]
        logger.addFilter(TokenFilter(token))
    base = api_url.rstrip("/")
    trusted = {"verify": httpx.create_ssl_context()}  # read once: it takes longer than all else here
    return RawBot(
        token,
        base_url=f"{base}/bot",
        base_file_url=f"{base}/file/bot",
        request=HTTPXRequest(64, read_timeout=20, pool_timeout=5, media_write_timeout=60, httpx_kwargs=trusted),
        get_updates_request=HTTPXRequest(connection_pool_size=1, httpx_kwargs=trusted),
    )


def send_error(exc: TelegramError, token: str) -> SendError:
    """What a failed call means for the message: gone for good, later, or perhaps delivered.

    The Bot API gives no idempotency key, so a message that may have arrived is said to be ambiguous.
    """
    detail = str(exc).replace(token, "***")
    match exc:
        case RetryAfter():
            return SendError("limit", detail, retry_after=seconds(exc.retry_after))
        case Forbidden():  # blocked by the user, account deleted, or never started
            return SendError("blocked", detail, permanent=True)
        case BadRequest() | ChatMigrated():
            gone = "chat not found" in detail.lower()
            return SendError("gone" if gone else "bad_request", detail, permanent=True)
        case InvalidToken():
            return SendError("token", detail, retry_after=TOKEN_RETRY)
        case NetworkError() if isinstance(exc.__cause__, _NOT_SENT):
            return SendError("network", type(exc.__cause__).__name__)
        case NetworkError() if exc.__cause__ is None or isinstance(exc.__cause__, TelegramError):
            return SendError("platform", detail)  # an answer came, and it was a 5xx
    cause = type(exc.__cause__ or exc).__name__
    return SendError("no_answer", cause, ambiguous=True)


def seconds(value: float | timedelta) -> float:
    """A time the library gave, which is a number or a timedelta."""
    return value.total_seconds() if isinstance(value, timedelta) else float(value)
