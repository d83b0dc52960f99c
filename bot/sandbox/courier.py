"""Webhook delivery as the platforms do it: per chat in order, one in flight, again until a 2xx answers."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

log = logging.getLogger(__name__)

#: Seconds before the next try, after a failed one: at once, then 2 s, 4 s ... up to a minute.
PAUSES = (0.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)


@dataclass
class Parcel:
    """One event to deliver. `send` makes one try and says whether a 2xx came; `arrived` is told once."""

    chat: str
    send: Callable[[], Awaitable[bool]]
    arrived: Callable[[], None]
    tries: int = 0


@dataclass
class Courier:
    """Queues by chat. `pauses` may be replaced by shorter ones where a test has no minute to wait."""

    pauses: tuple[float, ...] = PAUSES
    _queues: dict[str, deque[Parcel]] = field(default_factory=dict)
    _runners: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def hand_in(self, parcel: Parcel) -> None:
        """Queue one event behind what its chat is still waiting for."""
        self._queues.setdefault(parcel.chat, deque()).append(parcel)
        if parcel.chat not in self._runners:
            self._runners[parcel.chat] = asyncio.create_task(self._run(parcel.chat))

    @property
    def waiting(self) -> int:
        """Events not yet acknowledged."""
        return sum(len(queue) for queue in self._queues.values())

    def forget(self) -> None:
        """Drop everything that waits (the webhook was removed, or the sandbox stops)."""
        self._queues.clear()
        for runner in self._runners.values():
            runner.cancel()
        self._runners.clear()

    async def _run(self, chat: str) -> None:
        queue = self._queues[chat]
        while queue:
            parcel = queue[0]
            if await parcel.send():
                queue.popleft()
                parcel.arrived()
                continue
            pause = self.pauses[min(parcel.tries, len(self.pauses) - 1)]
            parcel.tries += 1
            log.info("webhook not acknowledged, try %s, next in %s s", parcel.tries, pause)
            await asyncio.sleep(pause)
        self._queues.pop(chat, None)
        self._runners.pop(chat, None)


def on_loopback(address: str) -> bool:
    """Does this http address stay on this machine? The sandbox calls nobody else."""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return False
    if parts.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(parts.hostname).is_loopback
    except ValueError:
        return False
