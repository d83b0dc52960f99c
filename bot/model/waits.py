"""How long a team's first answer usually takes: from its own last comparable waits, and only when there are enough.

A wait is an amount of the team's opening hours, in seconds. Comparable are waits of the same kind of hour with as
many people waiting for each person who was there; where these are too few the circle is widened step by step.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, inf
from typing import Any

SHARE = 0.8  # of the waits: "8 times out of 10"
SURE = 0.95  # what a promise of an hour is made from: it must hold more often than an estimate
ENOUGH = 20  # answers; fewer are no history
LEAST = 2  # minutes: nobody is told "within 1 minute"
RECENT = 100  # statements by which the share corrects itself
_FEW = 30  # of them: fewer say nothing about it
_MOST = 0.95


@dataclass(frozen=True, slots=True)
class Scene:
    """A moment at which a customer asks a team for a person."""

    weekday: int  # Monday is 0, where the team is
    minute: int  # of the day, where the team is
    closed: bool  # asked outside the team's hours
    load: float  # how many wait for each person who is there; 0: somebody has a hand free


@dataclass(frozen=True, slots=True)
class Past:
    """A wait that began earlier. Not answered (yet): it took longer than `seconds`, nobody knows how much."""

    scene: Scene
    seconds: float
    answered: bool


@dataclass(frozen=True)
class Usual:
    """Within `seconds` in `share` of `count` comparable waits, which `step` names."""

    seconds: float
    share: float
    count: int
    step: str

    @property
    def basis(self) -> dict[str, Any]:
        """What is kept beside a stated wait, so that it can be explained."""
        return {"seconds": round(self.seconds), "share": self.share, "count": self.count, "step": self.step}


@dataclass(frozen=True)
class _Step:
    name: str
    minutes: int  # of the day, at most this far apart; 0: any hour
    times: float  # as much or as little load, at most
    same_day: bool = False
    more: bool = False  # or more load: it can only make the wait look longer


#: The first of these with enough waits counts. Waits under less load never stand for waits under more.
_STEPS = (
    _Step("hour_and_day", 60, 1.4, same_day=True),
    _Step("hour", 90, 1.5),
    _Step("load", 0, 1.5),
    _Step("load_or_more", 0, 1.5, more=True),
)


def usual(past: Sequence[Past], now: Scene, *, share: float = SHARE, waited: float = 0) -> Usual | None:
    """Within how long a person usually answers who asks now; None with too little history.

    `waited`: seconds of waiting that are over already; the result counts from the beginning all the same.
    """
    return usual_of(comparable(past, now, waited=waited), share)


def comparable(past: Sequence[Past], now: Scene, *, waited: float = 0) -> list[list[Past]]:
    """The waits that are longer than `waited` and comparable at the first step, those that the second adds, and on."""
    near: list[list[Past]] = [[] for _ in _STEPS]
    for one in past:
        if one.seconds > waited and (place := _place(one.scene, now)) is not None:
            near[place].append(one)
    return near


def usual_of(near: Sequence[Sequence[Past]], share: float) -> Usual | None:
    """The same from what is `comparable`: several shares of one scene need it only once."""
    found: list[Past] = []
    for step, more in zip(_STEPS, near, strict=True):
        found += more
        count = sum(one.answered for one in found)
        if count < ENOUGH:
            continue
        seconds = quantile(((one.seconds, one.answered) for one in found), share)
        if seconds is not None:
            return Usual(seconds, share, count, step.name)
    return None


def quantile(waits: Iterable[tuple[float, bool]], share: float) -> float | None:
    """The length within which `share` of the waits were answered (Kaplan-Meier); None when it was not seen.

    Who gave up or still waits counts as "longer than that": left out, long waits would be missing just when there
    are many. One more wait, longer than all, stands for the customer who asks now.
    """
    ordered = sorted(waits, key=lambda one: (one[0], not one[1]))
    at_risk, left = len(ordered) + 1, 1.0
    for seconds, answered in ordered:
        if answered:
            left *= 1 - 1 / at_risk
            if left <= 1 - share + 1e-9:
                return seconds
        at_risk -= 1
    return None


def corrected(kept: Sequence[bool], share: float = SHARE) -> float:
    """The share to aim at so that `share` of the statements hold: more, when lately fewer did (newest first)."""
    recent = kept[:RECENT]
    if len(recent) < _FEW:
        return share
    return min(_MOST, share + max(0.0, share - sum(recent) / len(recent)))


def minutes_of(seconds: float) -> int:
    """The minutes to say, rounded up: to the next minute, from a quarter of an hour on to the next five, from an
    hour on to the next quarter."""
    minutes = max(ceil(seconds / 60), LEAST)
    unit = 1 if minutes <= 15 else 5 if minutes <= 60 else 15
    return ceil(minutes / unit) * unit


def _place(one: Scene, now: Scene) -> int | None:
    """The first of the steps, each wider than the one before, at which the two are comparable."""
    if one.closed != now.closed:
        return None
    if one.load and now.load:
        ratio = one.load / now.load
    else:  # 0: somebody has a hand free, which is a kind of its own
        ratio = 1.0 if one.load == now.load else inf if one.load else 0.0
    if ratio < 1 / _STEPS[-1].times:
        return None  # less load
    apart = 0 if now.closed else abs(one.minute - now.minute)  # outside the hours all wait from the opening on
    for place, step in enumerate(_STEPS):
        if step.minutes and apart > step.minutes:
            continue
        if step.same_day and not now.closed and _kind(one.weekday) != _kind(now.weekday):
            continue
        if ratio >= 1 / step.times and (step.more or ratio <= step.times):
            return place
    return None


def _kind(weekday: int) -> int:
    """Working days, Saturdays, Sundays."""
    return max(weekday - 4, 0)
