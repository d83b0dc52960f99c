"""Whom a case is offered to, and why: a pure choice among the people who are there.

    who knows the customer     if they are there, even with full hands: being known saves the customer the story
    the best free one          of the team, in the customer's language; by topic, then by load, then who waited longest
    nobody                     the case stays in the queue, where anyone may take it

Never someone who is away or paused, never again someone who let this case lapse.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

CAPACITY = 6  # customers at a time, unless the desk says otherwise for a person; 0: only when asked by name
LAPSES = 2  # offers that nobody took: then it is the lead's matter
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Person:
    """Someone at the desk, now. Empty teams, languages: all of them. `load` counts open offers too."""

    id: int
    present: bool
    teams: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    capacity: int = CAPACITY
    load: int = 0
    last_offer: datetime | None = None

    @property
    def free(self) -> bool:
        """There, with a hand free."""
        return self.present and self.load < self.capacity


@dataclass(frozen=True)
class Wanted:
    """What a case needs. `knows` is who knows the customer, `not_to` who let it lapse or put it back."""

    team: str
    topic: str
    language: str
    knows: int | None = None
    not_to: Collection[int] = ()


@dataclass(frozen=True)
class Choice:
    """Who, and why: knows, topic, free, language. `facts` are shown beside the reason."""

    agent_id: int
    why: str
    facts: dict[str, Any] = field(default_factory=dict)


def choose(people: Sequence[Person], wanted: Wanted) -> Choice | None:
    """The person to offer a case to, None when nobody fits."""
    knows = next((one for one in people if one.id == wanted.knows and one.present), None)
    if knows and knows.id not in wanted.not_to:
        return Choice(knows.id, "knows", _facts(knows))
    team = [one for one in people if one.present and one.capacity and _in(wanted.team, one.teams)]
    speak = [one for one in team if _in(wanted.language, one.languages)]
    # nobody of the team who is there speaks it: someone all the same, rather than nobody
    fit = [one for one in speak or team if one.free and one.id not in wanted.not_to]
    if not fit:
        return None
    best = min(fit, key=lambda one: _order(one, wanted.topic))
    why = "topic" if wanted.topic and wanted.topic in best.topics else "free"
    return Choice(best.id, why if speak else "language", _facts(best))


def goes_to_the_lead(lapses: int, choice: Choice | None) -> bool:
    """Whether a case that was offered and not taken `lapses` times is the lead's now."""
    return lapses >= LAPSES or (lapses > 0 and choice is None)


def _order(one: Person, topic: str) -> tuple[bool, float, datetime, int]:
    return (topic not in one.topics, one.load / one.capacity, one.last_offer or _LONG_AGO, one.id)


def _in(word: str, words: frozenset[str]) -> bool:
    return not words or word in words


def _facts(one: Person) -> dict[str, Any]:
    return {"load": one.load, "capacity": one.capacity}
