"""The order of the queue: whoever has waited longest comes first; a reason puts a case some minutes ahead, no more.

    counts since = waiting since (or the team's opening, when it was closed then) less the minutes of its marks

Minutes, and not a rank, so that nobody is overtaken for ever: whoever waits CAP longer comes first whatever the
other's reasons are, and loud reasons alone (SHOUTED) are never worth more than SHOUT_CAP.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

#: Mark -> the minutes it is worth, in the order in which they are shown.
WORTH = {
    "promise": 30,  # a promise to the customer is overdue, or was broken lately
    "vulnerable": 30,  # old age, illness, disability: waiting costs them more
    "again": 15,  # they had to come back within AGAIN
    "leaving": 10,  # says they will go to somebody else
    "public": 10,  # the complaint is also in public
}
SHOUTED = frozenset({"leaving", "public"})  # what being loud brings
SHOUT_CAP = 10  # minutes for all of SHOUTED together
CAP = 60  # minutes for all marks together
AGAIN = timedelta(days=7)
BROKEN = timedelta(days=30)  # a promise broken within this is still felt
BY_HAND = ("vulnerable", "leaving", "public")  # what a person at the desk may set and take away


@dataclass(frozen=True)
class Standing:
    """A case's place: `base` is when its waiting began to count, `minutes` how far its marks put it ahead."""

    base: datetime
    minutes: int
    marks: tuple[str, ...]

    @property
    def counts_since(self) -> datetime:
        """What the queue is ordered by, the earliest first."""
        return self.base - timedelta(minutes=self.minutes)


def minutes_of(marks: Collection[str]) -> int:
    """How many minutes these marks are worth together, within both caps. Unknown ones are worth nothing."""
    shouted = sum(WORTH.get(mark, 0) for mark in set(marks) & SHOUTED)
    others = sum(WORTH.get(mark, 0) for mark in set(marks) - SHOUTED)
    return min(CAP, others + min(SHOUT_CAP, shouted))


def standing(waiting_since: datetime, opens: datetime | None, marks: Collection[str]) -> Standing:
    """Where a case stands. `opens`: when the team was next there, None if it was there at `waiting_since`."""
    known = tuple(mark for mark in WORTH if mark in marks)
    return Standing(max(waiting_since, opens) if opens else waiting_since, minutes_of(known), known)
