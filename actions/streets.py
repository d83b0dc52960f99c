"""Which shop is meant by its street ("quello in corso Buenos Aires", "via scarlati"), or by its name in its town."""

import re
from collections.abc import Sequence

from rapidfuzz import fuzz

from actions.backends.stores import Address, Store
from actions.towns import STREETS, common_words, find_town, plain

#: How people shorten the kinds of streets.
_SHORT = (
    (re.compile(r"\bc\.?\s?so\b\.?", re.IGNORECASE), "corso"),
    (re.compile(r"\bv\.?\s?le\b\.?", re.IGNORECASE), "viale"),
    (re.compile(r"\bp\.?\s?z?z(z|a|za)\b\.?", re.IGNORECASE), "piazza"),
    (re.compile(r"\bp\.?\s?le\b\.?", re.IGNORECASE), "piazzale"),
)
#: Only the Italian kinds stand before the name.
_AFTER_NAME = frozenset("street square avenue".split())
_PARTICLES = frozenset("di de del della dei degli d da i il la l".split())
#: Who says where they live does not name a shop.
_LIVES = re.compile(
    r"\b(abit\w+|vivo|viviamo|resident\w+|casa mia|casa nostra|da me|mia via|i live|we live|my (street|house|home))\b",
    re.IGNORECASE,
)
#: How alike (0-100) a name must be: a whole one, a part of one, and the kind before it.
ALIKE, PART_ALIKE, KIND_ALIKE = 84.0, 88.0, 80.0
#: Shorter words must be exact.
LONG = 5


def names_street(said: str) -> bool:
    """True when a street is named, whether or not a shop is on it."""
    return not said.startswith("/") and bool(_named(said))


def on_street(said: str, shops: Sequence[Address]) -> list[Address]:
    """The shops on the street that is named; in the named town, when one is. None for who tells their own street."""
    town = find_town(said)
    if town is None and _LIVES.search(said):
        return []
    shops = [shop for shop in shops if town is None or shop.town == town.name]
    for kind, name in _named(said):
        found = [shop for shop in shops if _is_called(name, _street(shop.address)[1])]
        same_kind = [shop for shop in found if _street(shop.address)[0] == kind]
        # Hardly anybody knows whether it is "via" or "corso"; but of several streets of that name none is a guess.
        if same_kind or len(found) == 1:
            return same_kind or found
    return []


def named_among(said: str, around: Sequence[Store]) -> Store | None:
    """The one of the shops of a town that a word of its name or its street tells from the others."""
    if said.startswith("/"):
        return None
    words = [word for word in plain(_spelt_out(said)).split() if word not in common_words()]
    marks = {store.id: _marks(store) for store in around}
    found = []
    for store in around:
        others = {mark for other in around if other is not store for mark in marks[other.id]}
        own = marks[store.id] - others
        if any(_alike(word, mark, PART_ALIKE) for word in words for mark in own):
            found.append(store)
    return found[0] if len(found) == 1 else None


def _named(said: str) -> list[tuple[str, list[str]]]:
    """(kind, the words that may be the street's name) for each street in a sentence."""
    words = plain(_spelt_out(said)).split()
    found = []
    for n, word in enumerate(words):
        kind = _kind(word)
        if kind in _AFTER_NAME:
            found += [(kind, words[start:n]) for start in range(max(0, n - 3), n)]
        elif kind and words[n + 1 :]:
            found.append((kind, words[n + 1 :]))
    return found


def _kind(word: str) -> str | None:
    if word in STREETS:
        return word
    return next((kind for kind in STREETS if _alike(word, kind, KIND_ALIKE) and word not in common_words()), None)


def _spelt_out(said: str) -> str:
    for short, kind in _SHORT:
        said = short.sub(f"{kind} ", said)
    return said


def _street(address: str) -> tuple[str, list[str]]:
    """("corso", ["buenos", "aires"]) of "corso Buenos Aires 33"."""
    words = plain(_spelt_out(address)).split()
    name = [word for word in words[1:] if not word.isdigit()]
    return words[0] if words else "", name


def _is_called(said: Sequence[str], street: Sequence[str]) -> bool:
    """Whether the words begin with the street's name, or with the one word of it that people use."""
    name = [word for word in street if word not in _PARTICLES]
    while said and said[0] in _PARTICLES:
        said = said[1:]
    if not said or not name:
        return False
    # With its particles, too: "via daquino" is "via D'Aquino".
    for size in range(1, len(street) + 2):
        told = "".join(word for word in said[:size] if word not in _PARTICLES)
        if any(_alike(told, "".join(whole), ALIKE) for whole in (name, street)):
            return True
    if len(name) == 1 or len(said) > 1 and not _ends_a_name(said[1]):
        return False
    return any(len(part) >= LONG and _alike(said[0], part, PART_ALIKE) for part in (name[0], name[-1]))


def _ends_a_name(word: str) -> bool:
    """Nothing more of a name: "via Emilia che orari fa", not "corso Vittorio Veneto"."""
    return len(word) <= 3 or word.isdigit() or word in common_words() or find_town(word) is not None


def _marks(store: Store) -> set[str]:
    words = {*plain(store.name).split(), *_street(store.address)[1]}
    return {word for word in words - set(plain(store.town).split()) if len(word) >= LONG and word not in STREETS}


def _alike(said: str, name: str, needed: float) -> bool:
    """Equal, or with a typo where it is long enough; the first letter is always right."""
    if said == name:
        return True
    return len(name) >= LONG and said[:1] == name[:1] and fuzz.ratio(said, name) >= needed
