"""Three clocks for a case, never one: the bot's time, the time waiting for a person's answer, a person's time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

Clock = Literal["bot", "waiting", "person"]
BOT: Clock = "bot"
WAITING: Clock = "waiting"
PERSON: Clock = "person"


class Span(Protocol):
    """From when to when a clock ran; still running without an end. A row of the store's spans is one."""

    @property
    def case_id(self) -> int: ...
    @property
    def clock(self) -> str: ...
    @property
    def team(self) -> str: ...
    @property
    def began_at(self) -> datetime: ...
    @property
    def ended_at(self) -> datetime | None: ...


@dataclass(frozen=True)
class Clocks:
    """How long each clock of a case ran; `running` is the one that runs now, "" when none does."""

    bot: timedelta = timedelta()
    waiting: timedelta = timedelta()
    person: timedelta = timedelta()
    running: str = ""


@dataclass(frozen=True)
class Summary:
    """The clocks of a team's cases: in the middle, and what four in five stay within."""

    team: str
    clock: Clock
    cases: int
    middle: timedelta
    most: timedelta


def clocks(spans: Iterable[Span], now: datetime) -> Clocks:
    """The three clocks of one case as they stand at `now`; what began later does not count."""
    total = {BOT: timedelta(), WAITING: timedelta(), PERSON: timedelta()}
    running = ""
    for span in spans:
        if span.began_at > now:
            continue
        if span.ended_at is None or span.ended_at > now:
            running = span.clock
        total[span.clock] += min(span.ended_at or now, now) - span.began_at  # type: ignore[index]
    return Clocks(total[BOT], total[WAITING], total[PERSON], running)


def summaries(spans: Iterable[Span]) -> list[Summary]:
    """Per team and clock, over cases that are closed: each clock by itself, never their sum.

    A case that was passed on counts for each team with the time it spent there.
    """
    lengths: dict[tuple[str, str], dict[int, timedelta]] = {}
    for span in spans:
        if span.ended_at is not None:
            cases = lengths.setdefault((span.team, span.clock), {})
            cases[span.case_id] = cases.get(span.case_id, timedelta()) + (span.ended_at - span.began_at)
    found = []
    for team in sorted({team for team, _ in lengths}):
        for clock in (BOT, WAITING, PERSON):
            ordered = sorted(lengths.get((team, clock), {}).values())
            if ordered:
                most = ordered[min(len(ordered) - 1, len(ordered) * 8 // 10)]
                found.append(Summary(team, clock, len(ordered), ordered[len(ordered) // 2], most))
    return found
