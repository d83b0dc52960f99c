"""Thirty days of a team that does not exist: is what customers are told about the wait true?

    product     bot.model.waits, as the hand-off uses it: comparable hours, load, who still waits
    fixed       the same words for everybody, as care pages do
    average     the mean of all waits so far

Arrivals vary over the day and with the weekday, some days bring more than others and two bring an incident; people
come and go in shifts, are ill, finish the chat they are in before they go home; what is left waits for the morning.
    python -m bench.waits     prints the table; part of `make bench`

Nothing is measured in real time: the same seed gives the same numbers on every machine.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import islice
from math import log, nan
from statistics import median
from zoneinfo import ZoneInfo

from bot.model.team import Team
from bot.model.waits import RECENT, Past, Scene, corrected, minutes_of, usual
from bot.store.waits import LAST

DAYS = 30
FIXED = 15  # minutes, said to everybody
SEEDS = (1, 2, 3, 4, 5)
METHODS = ("product", "fixed", "average")
ROME = ZoneInfo("Europe/Rome")
_WEEK = ((time(8, 30), time(19)),)
TEAM = Team(
    "activations", {"it": "Il team attivazioni"}, ROME, (_WEEK,) * 5 + (((time(9), time(13)),), ()), country="IT"
)
MONDAY = date(2026, 9, 7)
#: Customers an hour who ask for a person, by the hour of the day.
PROFILE = {8: 8, 9: 15, 10: 19, 11: 18, 12: 14, 13: 11, 14: 13, 15: 15, 16: 16, 17: 12, 18: 8, 19: 4, 20: 3, 21: 2}
WEEKDAYS = (1.2, 1.0, 0.95, 1.0, 0.9, 0.35, 0.08)
#: When each person comes and goes; on Saturdays three are there.
SHIFTS = ((8.5, 14.5), (8.5, 14.5), (8.5, 17), (9.5, 18), (12.5, 19), (12.5, 19), (13, 19))
ILL = 0.05  # how often a person does not come
HANDLING = 6.5  # minutes in the middle until somebody has a hand free again
READING = 1.5  # minutes in the middle from taking a case to the first words


@dataclass
class Wait:
    """One customer: when they asked, what was said to them (minutes, by method), when a person answered."""

    began: datetime
    scene: Scene
    said: dict[str, int] = field(default_factory=dict)
    answered: datetime | None = None
    _past: Past | None = None

    def seconds(self, now: datetime) -> float:
        """How long they have waited at `now`, in opening hours."""
        if self._past is not None:
            return self._past.seconds
        ended = min(self.answered, now) if self.answered else now
        return TEAM.open_time(self.began, ended).total_seconds()

    def past(self, now: datetime) -> Past:
        """What is known of it at `now`."""
        if self._past is None:
            if self.answered is None or self.answered > now:
                return Past(self.scene, self.seconds(now), answered=False)
            self._past = Past(self.scene, self.seconds(now), answered=True)
        return self._past

    def kept(self, method: str, now: datetime) -> bool | None:
        """Whether what was said was true; None while nobody can know yet."""
        late = self.seconds(now) > self.said[method] * 60
        return not late if late or (self.answered and self.answered <= now) else None


@dataclass
class Person:
    """Somebody at the desk: from when to when today, and until when in a chat."""

    comes: datetime
    goes: datetime
    free_at: datetime


@dataclass(frozen=True)
class Held:
    """How one method did: the share that was kept, and how long a wait it told of (minutes)."""

    asked: int
    said: int
    kept: float
    middle: float
    ninth: float  # nine in ten were told at most this


class Days:
    """The simulated days. `run` once."""

    def __init__(self, seed: int, days: int = DAYS) -> None:
        self._random = random.Random(seed)
        self._days = days
        self._incidents = {self._random.randrange(days) for _ in range(2)}
        self._people: list[Person] = []
        self._queue: list[Wait] = []
        self.waits: list[Wait] = []

    @property
    def end(self) -> datetime:
        """When the last day is over."""
        return datetime.combine(MONDAY + timedelta(days=self._days), time(), ROME)

    def run(self) -> list[Wait]:
        """All customers, in the order in which they asked."""
        for number in range(self._days):
            day = MONDAY + timedelta(days=number)
            self._people = self._who_comes(day)
            slow = self._random.lognormvariate(0, 0.15)
            for moment in self._arrivals(day, incident=number in self._incidents):
                self._serve(moment, slow)
                self._asks(moment)
            self._serve(datetime.combine(day, time(23, 59), ROME), slow)
        return self.waits

    def _who_comes(self, day: date) -> list[Person]:
        spans = TEAM.spans(day)
        if not spans:
            return []
        if day.weekday() == 5:
            shifts: Sequence[tuple[float, float]] = ((9, 13),) * 3
        else:
            shifts = [shift for shift in SHIFTS if self._random.random() > ILL]
        return [Person(_at(day, comes), _at(day, goes), _at(day, comes)) for comes, goes in shifts]

    def _arrivals(self, day: date, *, incident: bool) -> list[datetime]:
        much = WEEKDAYS[day.weekday()] * self._random.lognormvariate(0, 0.2)
        hit = self._random.choice((9, 10, 14, 15)) if incident else None
        moments = []
        for hour, rate in PROFILE.items():
            hourly = rate * much * (2.5 if hit in (hour, hour - 1) else 1)
            part = 0.0
            while (part := part + self._random.expovariate(hourly)) < 1:
                moments.append(_at(day, hour + part))
        return moments

    def _serve(self, until: datetime, slow: float) -> None:
        """Whoever is free first takes who waits longest; nobody begins a chat after going home."""
        while self._queue:
            first = self._queue[0].began
            able = [one for one in self._people if max(one.free_at, first) < one.goes]
            if not able:
                return
            person = min(able, key=lambda one: max(one.free_at, first))
            began = max(person.free_at, first)
            if began > until:
                return
            wait = self._queue.pop(0)
            wait.answered = began + self._minutes(READING, 0.6)
            after_lunch = 1.2 if 13 <= began.hour < 15 else 1.0
            person.free_at = wait.answered + self._minutes(HANDLING * slow * after_lunch, 0.7)

    def _asks(self, moment: datetime) -> None:
        there = [one for one in self._people if one.comes <= moment < one.goes]
        unanswered = len(self._queue) + sum(1 for one in self.waits[-20:] if one.answered and one.answered > moment)
        free = not self._queue and any(one.free_at <= moment for one in there)
        load = 0.0 if free else (unanswered + 1) / max(len(there), 1)
        closed = TEAM.opens(moment) is not None
        scene = Scene(moment.weekday(), moment.hour * 60 + moment.minute, closed, load)
        wait = Wait(moment, scene)
        self._say(wait)
        self.waits.append(wait)
        self._queue.append(wait)

    def _say(self, wait: Wait) -> None:
        now = wait.began
        past = [one.past(now) for one in self.waits[-LAST:]]
        known = (one.kept("product", now) for one in reversed(self.waits[-LAST:]) if "product" in one.said)
        recent = list(islice((kept for kept in known if kept is not None), RECENT))
        found = usual(past, wait.scene, share=corrected(recent))
        if found:
            wait.said["product"] = minutes_of(found.seconds)
        wait.said["fixed"] = FIXED
        answered = [one.seconds for one in past if one.answered]
        if answered:
            wait.said["average"] = minutes_of(sum(answered) / len(answered))

    def _minutes(self, middle: float, spread: float) -> timedelta:
        return timedelta(minutes=self._random.lognormvariate(log(middle), spread))


def held(waits: Sequence[Wait], method: str, now: datetime) -> Held:
    """How a method did until `now`."""
    said = [one for one in waits if method in one.said]
    known = [kept for one in said if (kept := one.kept(method, now)) is not None]
    minutes = sorted(one.said[method] for one in said)
    return Held(len(waits), len(said), sum(known) / len(known), median(minutes), minutes[len(minutes) * 9 // 10])


def _at(day: date, hour: float) -> datetime:
    return datetime.combine(day, time(), ROME) + timedelta(hours=hour)


Found = dict[str, list[Held]]


def simulated(seeds: Sequence[int] = SEEDS, days: int = DAYS) -> Found:
    """Each method over the same days, one result for each seed; "really" says how long the waits were."""
    found: Found = {}
    for seed in seeds:
        simulation = Days(seed, days)
        waits, end = simulation.run(), simulation.end
        for method in METHODS:
            found.setdefault(method, []).append(held(waits, method, end))
        minutes = sorted(one.seconds(end) / 60 for one in waits)
        real = Held(len(waits), 0, nan, median(minutes), minutes[len(minutes) * 9 // 10])
        found.setdefault("really", []).append(real)
    return found


def rows(found: Found) -> list[list[str]]:
    """A line for each method, and one for what the waits really were."""
    names = {
        "product": "Sportello",
        "fixed": f'always "{FIXED} minutes"',
        "average": "the plain average",
        "really": "the waits as they were",
    }
    lines = []
    for method, seeds in found.items():
        told = [] if method == "really" else [one.said / one.asked for one in seeds]
        kept = [one.kept for one in seeds] if told else []
        lines.append(
            [
                names[method],
                _from_to([one.asked for one in seeds], "{:,.0f}"),
                _from_to(told, "{:.0%}"),
                _from_to(kept, "{:.0%}"),
                _from_to([one.middle for one in seeds], "{:.0f}"),
                _from_to([one.ninth for one in seeds], "{:.0f}"),
            ]
        )
    return lines


def _from_to(values: Sequence[float], form: str) -> str:
    if not values:
        return ""
    low, high = form.format(min(values)), form.format(max(values))
    return low if low == high else f"{low} – {high}"


def main() -> int:
    """Simulate and print."""
    for row in rows(simulated()):
        print("\t".join(row))
    return 0


if __name__ == "__main__":
    sys.exit(main())
