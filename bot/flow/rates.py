"""How fast a platform may be called: over all conversations of a channel, and in one of them.

Each rate is a bucket that is described by one number, the time at which it will be full again (the generic cell rate
algorithm). `bot/between/limits.py` keeps the same numbers where all processes see them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from bot.channels.base import Limits
from bot.model.messages import ConversationKey

#: Seconds that a claimed row waits for its turn in the whole channel's queue; longer, and it comes again. Enough for
#: all places of some processes at a slow platform's pace: else a backlog would be claimed and put back in circles.
PATIENCE = 10.0
NOTHING = 0.001  # seconds that are not worth a wait, and the noise of reckoning with fractions
MANY = 10_000  # conversations after which the forgotten ones are looked for


@dataclass(frozen=True)
class Place:
    """Whether a send may leave, after `seconds` (which nobody else gets); otherwise ask again after `seconds`."""

    granted: bool
    seconds: float


class Rates(Protocol):
    """The limits of all channels. Nothing here waits for anything but Redis, and for that a second at most."""

    async def room(self, key: ConversationKey, limits: Limits) -> Place:
        """A place for one send. Never raises."""

    async def hold(self, channel: str, limits: Limits, seconds: float) -> None:
        """The platform wants nothing of the whole channel for so long. Never raises."""


class LocalRates:
    """Kept by one process. `share`: the part of each limit that is this process's, asked at each send."""

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, share: Callable[[], float] = lambda: 1.0
    ) -> None:
        self._clock, self._share = clock, share
        self._full_at: dict[tuple[str, str], float] = {}

    async def room(self, key: ConversationKey, limits: Limits) -> Place:
        now, share = self._clock(), self._share()
        chat, everyone = (key.channel, key.chat), (key.channel, "")
        gap, burst = spread(limits.per_chat_second, limits.chat_burst, share)
        wait = _wait(self._full_at.get(chat, now), now, gap, burst)
        if wait > 0:
            return Place(False, wait)
        gap_all, burst_all = spread(limits.per_second, limits.burst, share)
        wait = _wait(self._full_at.get(everyone, now), now, gap_all, burst_all)
        if wait > PATIENCE:
            return Place(False, wait)
        self._forget(now)
        self._full_at[chat] = max(self._full_at.get(chat, now), now) + gap
        self._full_at[everyone] = max(self._full_at.get(everyone, now), now) + gap_all
        return Place(True, wait)

    async def hold(self, channel: str, limits: Limits, seconds: float) -> None:
        now = self._clock()
        gap, burst = spread(limits.per_second, limits.burst, self._share())
        until = now + seconds + gap * (burst - 1)  # afterwards one at a time, not all at once
        self._full_at[channel, ""] = max(self._full_at.get((channel, ""), now), until)

    def _forget(self, now: float) -> None:
        if len(self._full_at) > MANY:
            self._full_at = {key: full_at for key, full_at in self._full_at.items() if full_at > now}


def spread(per_second: float, burst: int, share: float) -> tuple[float, float]:
    """Seconds between sends, and how many may leave at once, for this share of a limit."""
    return 1 / (per_second * share), max(1.0, burst * share)


def _wait(full_at: float, now: float, gap: float, burst: float) -> float:
    """Seconds until there is a place in the bucket."""
    wait = max(full_at, now) - gap * (burst - 1) - now
    return wait if wait > NOTHING else 0.0
