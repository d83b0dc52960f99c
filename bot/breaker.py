"""When to stop asking an engine that fails, and when to try it again. Knows no network, only what it is told.

    closed ──failures in a row──> open ──it answers a look──> half open ──one turn went well──> closed
                                   ^                              └──────it did not────> open
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum

#: Seconds between two tries of an engine whose turns fail: doubled each time.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 15.0


class State(StrEnum):
    """Of a breaker: closed lets turns through, open lets none, half open lets one at a time."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Counts the failures of one engine. `changed(state, why)` is called at each change."""

    def __init__(
        self,
        changed: Callable[[State, str], None] = lambda _state, _why: None,
        *,
        failures: int = 4,
        window: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Opens after `failures` in a row, the first of them at most `window` seconds ago."""
        self.state = State.CLOSED
        self._changed, self._clock = changed, clock
        self._most, self._window = failures, window
        self._failed_at: list[float] = []
        self._trying = False
        self._pause, self._rests_until = 0.0, 0.0

    @property
    def lets_through(self) -> bool:
        """May a turn be asked now?"""
        return self.state == State.CLOSED or (self.state == State.HALF_OPEN and not self._trying)

    def asking(self) -> None:
        """A turn is being asked: in the half open state it is the one that decides."""
        self._trying = self.state == State.HALF_OPEN

    def succeeded(self) -> None:
        """A turn was answered."""
        self._failed_at.clear()
        if self.state == State.HALF_OPEN:
            self._trying, self._pause = False, 0.0
            self._become(State.CLOSED, "it answers again")

    def failed(self, why: str) -> None:
        """A turn got no usable answer."""
        now = self._clock()
        self._failed_at = [at for at in self._failed_at if now - at < self._window] + [now]
        if self.state == State.HALF_OPEN:
            # It answers looks and fails at turns: each try may cost a customer the whole patience, so try less often.
            self._pause = min(self._pause * 2 or FIRST_PAUSE, LONGEST_PAUSE)
            self._rests_until = now + self._pause
            self.trip(why)
        elif self.state == State.CLOSED and len(self._failed_at) >= self._most:
            self.trip(f"{why}; {len(self._failed_at)} failures in a row")

    def trip(self, why: str) -> None:
        """Open at once: it was looked at and does not answer."""
        self._trying = False
        if self.state != State.OPEN:
            self._become(State.OPEN, why)

    def abandoned(self) -> None:
        """The turn that was asked ended without telling anything about the engine; the next one decides."""
        self._trying = False

    def answers_a_look(self) -> None:
        """It answers when asked whether it is there: let one turn find out whether it works."""
        if self.state == State.OPEN and self._clock() >= self._rests_until:
            self._failed_at.clear()
            self._become(State.HALF_OPEN, "it answers when looked at")

    def _become(self, state: State, why: str) -> None:
        self.state = state
        self._changed(state, why)
