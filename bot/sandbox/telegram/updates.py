"""The updates that wait for the bot: fetched by long poll or delivered by webhook, never both."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import aiohttp

from bot.sandbox.courier import Courier, Parcel
from bot.sandbox.wire import Clock

KEPT = timedelta(hours=24)
TAP_KEPT = timedelta(seconds=150)  # a callback query waits no longer
NOT_BY_DEFAULT = frozenset({"chat_member", "message_reaction", "message_reaction_count"})


class Conflict(Exception):
    """Answered with 409."""


@dataclass(frozen=True)
class Webhook:
    """Where updates go, as setWebhook said. `url` "" means long poll."""

    url: str = ""
    secret: str = ""
    max_connections: int = 40


@dataclass(frozen=True)
class Update:
    """One update, its queue (a chat; taps have one of their own) and who is told that it was taken."""

    id: int
    queue: str
    kind: str
    body: dict[str, Any]
    at: datetime
    taken: Callable[[], None]


class Updates:
    """The queue of one bot."""

    def __init__(self, clock: Clock, courier: Courier) -> None:
        self.webhook = Webhook()
        self.allowed: list[str] = []
        self.pending: list[Update] = []
        self.session: aiohttp.ClientSession | None = None
        self.last_error: tuple[datetime, str] | None = None
        self._clock = clock
        self._courier = courier
        self.next_id = secrets.randbelow(900_000_000) + 1_000_000
        self._poller: object = None
        self._news = asyncio.Event()

    def add(self, kind: str, body: dict[str, Any], *, queue: str, taken: Callable[[], None]) -> int | None:
        """Queue an update unless the bot did not ask for its kind; its id."""
        wanted = kind in self.allowed if self.allowed else kind not in NOT_BY_DEFAULT
        if not wanted:
            return None
        update = Update(self.next_id, queue, kind, body, self._clock.now(), taken)
        self.next_id += 1
        self.pending.append(update)
        self._news.set()
        if self.webhook.url:
            self._post(update)
        return update.id

    def set_webhook(self, webhook: Webhook, *, drop_pending: bool) -> None:
        """Start, change or (with no url) end webhook delivery; what waits is delivered the new way."""
        self._courier.forget()
        self.last_error = None
        if drop_pending:
            self.pending.clear()
        self.webhook = webhook
        if webhook.url:
            self._poller = None
            self._news.set()
            for update in self.pending:
                self._post(update)

    async def poll(self, *, offset: int, limit: int, seconds: float) -> list[dict[str, Any]]:
        """Long poll. `offset` confirms everything before it (negative: all but the last ones).

        Raises Conflict when a webhook is set, and in the older of two polls that overlap.
        """
        if self.webhook.url:
            raise Conflict(
                "can't use getUpdates method while webhook is active; "
                "use deleteWebhook to delete the webhook first"
            )
        self._confirm(offset)
        mine = self._poller = object()
        self._news.set()
        end = asyncio.get_running_loop().time() + seconds
        while not self._fresh() and self._poller is mine:
            self._news = asyncio.Event()
            try:
                async with asyncio.timeout_at(end):
                    await self._news.wait()
            except TimeoutError:
                break
        if self._poller is not mine:
            raise Conflict(
                "terminated by other getUpdates request; make sure that only one bot instance is running"
            )
        self._poller = None
        return [self._json(update) for update in self._fresh()[:limit]]

    def _confirm(self, offset: int) -> None:
        if offset > 0:
            confirmed = [update for update in self.pending if update.id < offset]
        else:
            confirmed = self.pending[:offset] if offset else []
        for update in confirmed:
            self._done(update)

    def _done(self, update: Update) -> None:
        if update in self.pending:
            self.pending.remove(update)
            update.taken()

    def _fresh(self) -> list[Update]:
        self.pending = [update for update in self.pending if not self._expired(update)]
        return self.pending

    def _expired(self, update: Update) -> bool:
        return self._clock.now() - update.at > (TAP_KEPT if update.kind == "callback_query" else KEPT)

    def _post(self, update: Update) -> None:
        self._courier.hand_in(Parcel(update.queue, lambda: self._try(update), lambda: self._done(update)))

    async def _try(self, update: Update) -> bool:
        """One delivery. Anything but a 2xx, and any broken exchange, means once more with the same id."""
        if self._expired(update):
            self.pending.remove(update)
            return True
        assert self.session is not None
        headers = {"X-Telegram-Bot-Api-Secret-Token": self.webhook.secret} if self.webhook.secret else {}
        timeout = aiohttp.ClientTimeout(total=30)
        try:
            async with self.session.post(
                self.webhook.url,
                json=self._json(update),
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                if 200 <= response.status < 300:
                    return True
                trouble = f"Wrong response from the webhook: {response.status} {response.reason}"
        except aiohttp.ClientConnectorError:
            trouble = "Connection refused"
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            trouble = "Read timeout expired"
        self.last_error = (self._clock.now(), trouble)
        return False

    @staticmethod
    def _json(update: Update) -> dict[str, Any]:
        return {"update_id": update.id, update.kind: update.body}
