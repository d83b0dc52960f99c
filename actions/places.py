"""Which line is meant: a telephone number, a town, a shared position, or a transit line by the name people give it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rasa_sdk import Tracker

from actions.backends import Backends
from actions.backends.lines import TransitLine
from actions.common import entity, shared_location, text
from actions.facts import find_phone
from actions.towns import find_town, town_near

_KINDS = {
    "metro": "metro", "metropolitana": "metro", "underground": "metro", "subway": "metro", "tube": "metro",
    "tram": "tram", "bus": "bus", "autobus": "bus", "filobus": "bus", "pullman": "bus", "linea": None, "line": None,
}  # fmt: skip
_COLOURS = "rossa|verde|gialla|lilla|blu|arancione|red|green|yellow|lilac|blue|orange"
_KIND = r"(?P<kind>metropolitana|metro|underground|subway|tube|tram|autobus|filobus|bus|pullman|linea|line)"
_NUMBERED = re.compile(
    rf"\b{_KIND}(?:\s+(?:numero|number|linea|line|n\.?°?))?"
    rf"\s*(?P<name>[ML]?\d{{1,3}}[A-Z]?|[BC]1?|{_COLOURS})(?![\w]|[\s./-]?\d)",
    re.IGNORECASE,
)
# "metro a" is the A line only where "a" cannot be the Italian "at": capital, or nothing after it.
_LETTER_A = re.compile(rf"\b{_KIND}\s+(?:linea\s+)?(?P<name>A(?!\w)|a(?=\W*$))")
_BEHIND = re.compile(rf"\b(?P<name>\d{{1,3}}|{_COLOURS})\s+(?P<kind>metro|tram|bus|line)\b", re.IGNORECASE)
_ALONE = re.compile(r"\b(?P<name>M[1-5])\b", re.IGNORECASE)
_ONLY_KIND = re.compile(r"\b(?P<kind>metropolitana|metro|underground|subway|tube|tram|autobus|filobus|bus)\b", re.I)
#: Nothing but a line's name, as the answer to "which one?": "la rossa", "quella gialla", "la 1", "B".
_ONLY_NAME = re.compile(
    rf"\W*(?:(?:e|ed|ma|invece|la|il|quella|quello|è|e'|and|the|it'?s|linea|line|numero|number)\s+)*"
    rf"(?P<name>{_COLOURS}|[ABC]1?|M?\d{{1,3}})(?:\s+(?:line|one))?(?P<town>\s+(?:di|a|in|of)\s+.+?)?\W*",
    re.IGNORECASE,
)
_GENERATIONS = {"2G", "3G", "4G", "5G"}

_MOBILE = re.compile(
    r"\b([345]g|cell?ular[ei]|mobile|telefonin[oi]|smartphone|antenn\w+|segnale|sim|ricarica\w*|signal|tacche)\b",
    re.IGNORECASE,
)
_FIXED = re.compile(
    r"\b(fibra|adsl|fttc|ftth|wi-?fi|modem|router|fiss[oa]|a casa|di casa|fibre|fiber|broadband|landline|home)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Place:
    """What the customer asks about. `kind` is number, town or transit; `value` digits, town's name or line's ref."""

    kind: str
    value: str
    title: str
    cap: str | None = None

    @property
    def stored(self) -> str:
        """The place as one slot's value."""
        return "|".join((self.kind, self.value, self.title, self.cap or ""))

    @classmethod
    def restored(cls, value: str) -> Place:
        kind, rest, title, cap = value.split("|")
        return cls(kind, rest, title, cap or None)


@dataclass(frozen=True)
class Looked:
    """What was found in a message: one place, or several transit lines of that name, or a name nobody knows."""

    place: Place | None = None
    choices: tuple[TransitLine, ...] = ()
    unknown: str | None = None


async def look(tracker: Tracker, systems: Backends) -> Looked:
    """The line that the latest message is about. Raises BackendDown."""
    ref = entity(tracker, "line_ref")
    if ref:
        lines = await systems.lines.transit(name=None, kind=None, city=None)
        return _one_of([line for line in lines if line.ref == ref], None)
    here = shared_location(tracker)
    if here:
        town = town_near(*here)
        return Looked(Place("town", town.name, town.name))
    words = text(tracker)
    if words.startswith("/"):
        return Looked()
    number = find_phone(words)
    if number:
        known = await systems.lines.by_number(number)
        return Looked(Place("number", number, number)) if known else Looked(unknown="number")
    named = transit_name(words)
    if named:
        return await _transit(named, words, systems)
    town_named = find_town(words)
    if town_named:
        cap = re.search(r"(?<!\d)\d{5}(?!\d)", words)
        return Looked(Place("town", town_named.name, town_named.name, cap[0] if cap else None))
    return Looked()


def transit_name(words: str) -> tuple[str | None, str | None] | None:
    """(name, kind) of a transit line that `words` name, either of them possibly None; None when they name none."""
    for pattern in (_NUMBERED, _LETTER_A, _BEHIND, _ALONE):
        for match in pattern.finditer(words):
            parts = match.groupdict()
            name = parts["name"].upper()
            if name not in _GENERATIONS:
                return name, _KINDS.get((parts.get("kind") or "").lower())
    kind = _ONLY_KIND.search(words)
    return (None, _KINDS[kind["kind"].lower()]) if kind else None


async def narrow(words: str, lines: list[TransitLine], systems: Backends) -> Looked:
    """Those of several offered lines that an answer such as "quella di Roma", "il tram" or "la rossa" points to."""
    called = _ONLY_NAME.fullmatch(words)
    if called:
        of_name = {line.ref for line in await systems.lines.transit(name=called["name"].upper(), kind=None, city=None)}
        there = find_town(called["town"] or "")
        return _one_of(
            [line for line in lines if line.ref in of_name and (there is None or line.city == there.name)], None
        )
    town, kind, named = find_town(words), _ONLY_KIND.search(words), transit_name(words)
    kind_named = _KINDS[kind["kind"].lower()] if kind else None
    if not (town or kind_named) or (named and named[0]):
        return Looked()
    left = [line for line in lines if (not town or line.city == town.name) and kind_named in (None, line.kind)]
    return _one_of(left, None)


def service_of(words: str) -> str | None:
    """fixed or mobile, when the words say so; None when they name neither or both."""
    mobile, fixed = bool(_MOBILE.search(words)), bool(_FIXED.search(words))
    return None if mobile == fixed else "mobile" if mobile else "fixed"


async def _transit(named: tuple[str | None, str | None], words: str, systems: Backends) -> Looked:
    name, kind = named
    lines = await systems.lines.transit(name=name, kind=kind, city=None)
    town = find_town(words)
    there = [line for line in lines if town and line.city == town.name]
    return _one_of(there or lines, "transit")


def _one_of(lines: list[TransitLine], unknown: str | None) -> Looked:
    if len(lines) == 1:
        return Looked(Place("transit", lines[0].ref, lines[0].title))
    return Looked(choices=tuple(lines), unknown=None if lines else unknown)
