"""An engine that grew too large leaves, to be started afresh by whoever keeps it running.

For engines in containers (ENGINE_MEMORY_MB): it takes no new turn, which the bot asks another engine then, ends those
under way, and ends itself. The limit of the container would kill it in the middle of turns. An engine that is the
bot's child has no such limit here: the bot exchanges it (bot/exchange.py).
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

#: Turns between two looks at the memory.
EVERY = 20


def memory() -> int:
    """Bytes of memory that this process holds; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


class Growth:
    """Counts turns; when it has grown too large and none runs, calls `end` once."""

    def __init__(self, limit_mb: int, end: Callable[[], None], *, held: Callable[[], int] = memory) -> None:
        """`limit_mb`: 0 for none. Engines that began together must not leave together: each takes up to 10 % less."""
        self._limit = limit_mb * 1024 * 1024 * random.uniform(0.9, 1.0)
        self._end, self._held = end, held
        self._running = self._done = 0
        self.leaving = False

    def begins(self) -> None:
        """A turn begins."""
        self._running += 1

    def ends(self) -> None:
        """A turn has ended, whatever came of it."""
        self._running -= 1
        self._done += 1
        if self._limit and self._done % EVERY == 0 and self._held() > self._limit:
            self.leaving = True
        if self.leaving and self._running == 0:
            self._limit, end = 0.0, self._end
            self._end = lambda: None
            end()
