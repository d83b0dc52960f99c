"""Recognises in a customer's words that they are vulnerable or say they will leave: phrases from a list, no guessing.

The lists are data (bot/flow/marks.yml): phrases without accents and signs; `*` ends a word openly, `#` is a digit.
An `unless` phrase takes its words out of the text before anything is looked for ("non voglio cambiare operatore").
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Phrases:
    """One mark's patterns, of all languages together: customers mix them."""

    mark: str
    wanted: re.Pattern[str]
    unless: re.Pattern[str] | None


def phrases_of(raw: Mapping[str, Mapping[str, Sequence[str]]]) -> tuple[Phrases, ...]:
    """The lists as patterns. `raw`: mark -> {"it": [...], "en": [...], "unless": [...]}. Raises ValueError."""
    found = []
    for mark, lists in raw.items():
        wanted = [phrase for name, phrases in lists.items() if name != "unless" for phrase in phrases]
        if not wanted:
            raise ValueError(f"{mark}: no phrases")
        unless = lists.get("unless") or ()
        found.append(Phrases(mark, _pattern(mark, wanted), _pattern(mark, unless) if unless else None))
    return tuple(found)


def marks_in(texts: Iterable[str], phrases: Sequence[Phrases]) -> set[str]:
    """The marks that any of the texts bears."""
    found: set[str] = set()
    for text in texts:
        plain = normal(text)
        for one in phrases:
            rest = one.unless.sub(" . ", plain) if one.unless else plain
            if one.wanted.search(rest):
                found.add(one.mark)
    return found


def normal(text: str) -> str:
    """Lower case, no accents, no signs, one space between words."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return " ".join(re.findall(r"[a-z0-9]+", bare))


def _pattern(mark: str, phrases: Iterable[Any]) -> re.Pattern[str]:
    each = []
    for phrase in phrases:
        if not isinstance(phrase, str) or not _can_be_found(phrase):
            raise ValueError(f"{mark}: {phrase!r} must be words in small letters, without accents and signs")
        each.append(re.escape(phrase).replace(r"\*", "[a-z0-9]*").replace(r"\#", "[0-9]").replace(r"\ ", " "))
    return re.compile(rf"(?<![a-z0-9])(?:{'|'.join(each)})(?![a-z0-9])")


def _can_be_found(phrase: str) -> bool:
    """Whether it reads as a customer's text does after `normal`: otherwise it would silently never match."""
    plain = phrase.replace("*", "").replace("#", "0")
    return bool(plain) and normal(plain) == plain
