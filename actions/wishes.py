"""Which of several free windows a customer means: "giovedì mattina", "il 27 alle 15", "il primo che hai".

And which not: "giovedì non posso", "di mattina no, meglio venerdì".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from actions.backends.orders import TimeSlot
from actions.opening import SHOP
from actions.when import read_day

_FIRST = re.compile(
    r"\b(il|la) prim[oa]\b|\bprima possibile\b|\bprim[oa] (disponibil|liber)\w+|\b(first|soonest|earliest|asap)\b"
    r"|\bas soon as\b|\b(qualsiasi|indifferente|quando (volete|vuoi)|any ?time|any of (them|these)|whichever)\b",
    re.IGNORECASE,
)
_LAST = re.compile(r"\bl'? ?ultim[oa]\b|\bthe last\b|\bthe latest\b", re.IGNORECASE)
#: A part of the day and its hours.
_PARTS = (
    (re.compile(r"\b(mattin\w*|domattina|stamattina|mornings?)\b", re.IGNORECASE), (0, 12)),
    (re.compile(r"\b(pomeriggi\w*|afternoons?)\b", re.IGNORECASE), (12, 18)),
    (re.compile(r"\b(ser[ae]|stasera|evenings?)\b", re.IGNORECASE), (18, 24)),
)
_FROM_TO = re.compile(r"(?<![\d/])(\d{1,2})(?:[:.]00)?\s?(?:-|alle|e le|to|and)\s?(\d{1,2})(?:[:.]00)?(?![\d/])")
_AFTER = re.compile(r"\b(?:dopo le|dalle|after|from) (\d{1,2})\b", re.IGNORECASE)
_BEFORE = re.compile(r"\b(?:prima delle|entro le|before|by) (\d{1,2})\b", re.IGNORECASE)
_AT = re.compile(r"\b(?:alle|ore|verso le|per le|at|around) (\d{1,2})\b", re.IGNORECASE)
#: Where a new thought begins. "Giovedì e venerdì non posso" is one, of two days.
_THOUGHTS = re.compile(
    r"[,;.!?](?!\d)|\b(?:ma|però|meglio|piuttosto|invece|preferi\w+|but|rather|instead|prefer)\b", re.IGNORECASE
)
_AND = re.compile(r"\b(?:e|o|oppure|né|and|or|nor)\b(?! le\b)", re.IGNORECASE)
_NOT = re.compile(
    r"(?<!perché )\b(?:non|nn|tranne|eccetto|salvo|fuorché|not|except|can[’']?t|cannot)\b|\bno\s*$", re.IGNORECASE
)
_BEGINS_WITH_NO = re.compile(r"\W*no\b", re.IGNORECASE)


@dataclass(frozen=True)
class Wish:
    """When the customer would like the visit: each part None where nothing was said of it. Hours of a day."""

    day: date | None = None
    hours: tuple[int, int] | None = None
    part: tuple[int, int] | None = None
    after: int | None = None
    before: int | None = None
    at: int | None = None

    def fits(self, slot: TimeSlot) -> bool:
        """Whether a window is all that was wished."""
        starts, ends = _hours(slot)
        return (
            self.day in (None, slot.start.date())
            and self.hours in (None, (starts, ends))
            and (self.part is None or self.part[0] <= starts < self.part[1])
            and (self.after is None or starts >= self.after)
            and (self.before is None or ends <= self.before)
            and (self.at is None or starts <= self.at < ends)
        )


@dataclass(frozen=True)
class Left:
    """The windows that are left. `named`: the customer asked for them, and did not only rule out others."""

    slots: list[TimeSlot]
    named: bool


def fitting(said: str, slots: Sequence[TimeSlot], today: date) -> Left | None:
    """What a wish leaves; None when no wish was said."""
    if SHOP.search(said):  # a question about shops that names a day is none about the visit
        return None
    left, named, ruled_out = list(slots), False, False
    for thought in _THOUGHTS.split(said):
        if not _NOT.search(thought):
            wanted = _wanted(thought, left, today)
            left, named = (left, named) if wanted is None else (wanted, True)
            continue
        for part in _AND.split(thought):
            unwanted = _wanted(part, slots, today)
            left = [slot for slot in left if slot not in (unwanted or ())]
            ruled_out = ruled_out or unwanted is not None
    # "No venerdì mattina" may mean either.
    return Left(left, named and not _BEGINS_WITH_NO.match(said)) if named or ruled_out else None


def _wanted(said: str, slots: Sequence[TimeSlot], today: date) -> list[TimeSlot] | None:
    if not slots:
        return None
    span = next((each for each in _FROM_TO.finditer(said) if _window(each) in map(_hours, slots)), None)
    # "9-12" is no ninth of December where a window has these hours.
    said = said[: span.start()] + " " + said[span.end() :] if span else said
    day = read_day(said, today)
    if day is None and not span and _FIRST.search(said):
        return [slots[0]]
    if day is None and not span and _LAST.search(said):
        return [slots[-1]]
    part = next((hours for pattern, hours in _PARTS if pattern.search(said)), None)
    wish = Wish(day, _window(span) if span else None, part, *(_hour(one, said) for one in (_AFTER, _BEFORE, _AT)))
    return [slot for slot in slots if wish.fits(slot)] if wish != Wish() else None


def _window(span: re.Match[str]) -> tuple[int, int]:
    return int(span[1]), int(span[2])


def _hours(slot: TimeSlot) -> tuple[int, int]:
    return slot.start.hour, slot.end.hour


def _hour(pattern: re.Pattern[str], said: str) -> int | None:
    found = pattern.search(said)
    return int(found[1]) if found else None
