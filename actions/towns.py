"""Which Italian town does this sentence name? By name, misspelt name or CAP, over the lists in `data/`.

A small town is found by its exact name only, and only where a town is expected: among seven thousand names there is one
near nearly every word.
"""

import csv
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import asin, cos, radians, sin, sqrt
from pathlib import Path

from rapidfuzz import fuzz, process

DATA = Path(__file__).parent / "data"

#: Other names under which people know a town; the left side as `plain()` leaves it.
ALIASES = {
    "rome": "Roma", "milan": "Milano", "turin": "Torino", "naples": "Napoli", "florence": "Firenze",
    "venice": "Venezia", "genoa": "Genova", "padua": "Padova", "mantua": "Mantova", "leghorn": "Livorno",
    "syracuse": "Siracusa", "reggio emilia": "Reggio Emilia", "reggio calabria": "Reggio Calabria",
    "aquila": "L'Aquila", "spezia": "La Spezia", "ascoli": "Ascoli Piceno", "busto": "Busto Arsizio",
    "cinisello": "Cinisello Balsamo", "giugliano": "Giugliano in Campania", "pomigliano": "Pomigliano d'Arco",
    "castellammare": "Castellammare di Stabia", "quartu": "Quartu Sant'Elena", "desenzano": "Desenzano del Garda",
    "mestre": "Venezia", "ostia": "Roma", "san dona": "San Donà di Piave", "sesto s giovanni": "Sesto San Giovanni",
    "bassano": "Bassano del Grappa", "lamezia": "Lamezia Terme", "civitanova": "Civitanova Marche",
    "casale": "Casale Monferrato", "napule": "Napoli", "torre greco": "Torre del Greco", "vibo": "Vibo Valentia",
}  # fmt: skip
#: Towns whose name is also an everyday word or a first name: only after "a", "di" … or alone in the message.
EVERYDAY = frozenset(
    "alba augusta bra cento cervia como crema desio enna erice fano fermo fondi latina lecco lodi lugo marino massa"
    " meda mentana mira nettuno noto paese pagani palo prato quarto rende rho sora vasto vittoria volla schio"
    " acri adria empoli imperia potenza aquila casale casarano busto ostia cascina carpi angri gela".split()
)
#: Words before a town's name. "sto", "abito" and the like are followed by one of these anyway.
BEFORE = frozenset("a ad di da in per su of at to near from around presso zona citta comune negozio store shop".split())
#: After one of these a town's name is only the name of a street: "via Roma 12, Catania".
STREETS = frozenset("via viale piazza piazzale corso largo vicolo street square avenue".split())
#: How alike (0-100) a word must be to a town's name: alone or after "a", "di" …, and anywhere else.
LIKE_NEAR, LIKE_FAR = 80.0, 88.0
EARTH_KM = 6371.0


@dataclass(frozen=True)
class Town:
    """A town: its CAP range and its middle in degrees."""

    name: str
    cap_from: str
    cap_to: str
    latitude: float
    longitude: float


@lru_cache(maxsize=1)
def towns() -> tuple[Town, ...]:
    """The large towns, the largest first."""
    return tuple(town for town, _ in _listed("towns.csv"))


@lru_cache(maxsize=1)
def small_towns() -> dict[str, Town]:
    """All others by their plain names, and by the first word that people cut a long name to ("Polignano")."""
    found: dict[str, Town] = {}
    for town, also in _listed("small_towns.csv"):
        for name in (plain(town.name), also):
            if name:
                found.setdefault(name, town)
    return found


def _listed(file: str) -> Iterator[tuple[Town, str]]:
    with (DATA / file).open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            place = float(row["latitude"]), float(row["longitude"])
            yield Town(row["name"], row["cap_from"], row["cap_to"], *place), row.get("also") or ""


def find_town(text: str) -> Town | None:
    """The town that `text` names: "Bari", "sto a reggio emilia", "70121", "firnze". None rather than a wild guess."""
    return _by_cap(text) or _by_name(plain(text).split())


def town_near(latitude: float, longitude: float) -> Town:
    """The listed town whose middle is nearest to a place in degrees."""
    return min(towns(), key=lambda town: distance_km(latitude, longitude, town.latitude, town.longitude))


def distance_km(latitude_a: float, longitude_a: float, latitude_b: float, longitude_b: float) -> float:
    """Great-circle distance in km of two places in degrees."""
    one, two = radians(latitude_a), radians(latitude_b)
    half = sin((two - one) / 2) ** 2 + cos(one) * cos(two) * sin(radians(longitude_b - longitude_a) / 2) ** 2
    return 2 * EARTH_KM * asin(sqrt(half))


def plain(text: str) -> str:
    """`text` in lower case, without accents, apostrophes or punctuation; one space between words."""
    ascii_only = unicodedata.normalize("NFKD", text.lower()).encode("ascii", "ignore").decode()
    return " ".join(re.sub(r"[^a-z0-9]+", " ", re.sub(r"\bs\.\s*", "san ", ascii_only)).split())


@lru_cache(maxsize=1)
def _names() -> dict[str, Town]:
    named = {plain(town.name): town for town in towns()}
    return named | {alias: named[plain(name)] for alias, name in ALIASES.items()}


@lru_cache(maxsize=1)
def common_words() -> frozenset[str]:
    """Everyday words, as `plain()` leaves them: none of them is a name with a typo."""
    lines = (DATA / "town_words.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def _by_cap(text: str) -> Town | None:
    found = re.search(r"(?<!\d)\d{5}(?!\d)", text)
    if not found:
        return None
    cap = found.group()
    for town in towns():
        if town.cap_from <= cap <= town.cap_to:
            return town
    small = {town for town in small_towns().values() if town.cap_from <= cap <= town.cap_to}
    if len(small) == 1:
        return small.pop()
    # Several small places share it: the largest town of the same postal district is near enough to look around it.
    return next((town for town in towns() if town.cap_from[:3] == cap[:3]), None) or next(
        (town for town in towns() if town.cap_from[:2] == cap[:2]), None
    )


def _by_name(words: list[str]) -> Town | None:
    for size in (5, 4, 3, 2, 1):
        for start in range(len(words) - size + 1):
            name = " ".join(words[start : start + size])
            town = _names().get(name)
            if town and not _street(words, start) and (name not in EVERYDAY or _expected(words, start, size)):
                return town
    for size in (5, 4, 3, 2, 1):
        for start in range(len(words) - size + 1):
            small = small_towns().get(" ".join(words[start : start + size]))
            if small and not _street(words, start) and _expected(words, start, size):
                return small
    return _alike(words)


def _alike(words: list[str]) -> Town | None:
    best: tuple[float, Town] | None = None
    for size in (3, 2, 1):
        for start in range(len(words) - size + 1):
            part = words[start : start + size]
            if len("".join(part)) < 5 or part[0] in BEFORE or _street(words, start):
                continue
            if any(word in common_words() for word in part):
                continue
            needed = LIKE_NEAR if _expected(words, start, size) else LIKE_FAR
            match = process.extractOne(" ".join(part), _fuzzy_names(), scorer=fuzz.ratio, score_cutoff=needed)
            if match and match[0][0] == part[0][0] and (best is None or match[1] > best[0]):
                best = (match[1], _names()[match[0]])
    return best[1] if best else None


@lru_cache(maxsize=1)
def _fuzzy_names() -> list[str]:
    return [name for name in _names() if len(name) >= 5]


def _street(words: list[str], start: int) -> bool:
    return start > 0 and words[start - 1] in STREETS


def _expected(words: list[str], start: int, size: int) -> bool:
    """A town is expected here: nothing else was written, or "a", "di" and the like stand before."""
    return len(words) == size or (start > 0 and words[start - 1] in BEFORE)
