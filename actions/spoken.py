"""Numbers as dictation writes them out: "zero uno quattro sette", "otto settembre millenovecentonovantanove"."""

from __future__ import annotations

import re
from functools import lru_cache

from actions.towns import plain

_UNITS = "zero uno due tre quattro cinque sei sette otto nove".split()
_TEENS = "dieci undici dodici tredici quattordici quindici sedici diciassette diciotto diciannove".split()
_TENS = "venti trenta quaranta cinquanta sessanta settanta ottanta novanta".split()
_EN_UNITS = "zero one two three four five six seven eight nine".split()
_EN_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
_EN_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_MONTH = (
    r"(?:gennaio|febbraio|marzo|aprile|maggio|giugno|luglio|agosto|settembre|ottobre|novembre|dicembre|january|february"
    r"|march|april|may|june|july|august|september|october|november|december)"
)
#: Fewer figures than this in a row are words of a sentence ("sono due o tre giorni"), no code and no number.
LEAST = 4


def in_figures(text: str) -> str:
    """`text` with numbers that are spelt out, one word after the other, as figures; all else as it was."""
    if not any(word in _words() for word in plain(text).split()):
        return text
    text = _YEAR.sub(lambda found: f"{found[1]} {_figures(found[2]):0>2}", text)
    text = _DAY.sub(lambda found: f"{_figures(found[1])} {found[2]}", text)
    return _RUN.sub(_joined, text)


def _figures(word: str) -> str:
    """What a word says, else the word: to a pattern without case "ı" and "İ" are "i", to a list they are not."""
    return _words().get(plain(word), word)


@lru_cache(maxsize=1)
def _words() -> dict[str, str]:
    """What each word says, in figures; of years only those in which a customer can be born."""
    small = {word: str(number) for number, word in enumerate([*_UNITS, *_TEENS])}
    for tens, word in enumerate(_TENS, start=2):
        small[word] = str(10 * tens)
        # Ventuno, ventotto: the vowel goes.
        small |= {(word[:-1] if unit[0] in "uo" else word) + unit: str(10 * tens + n) for n, unit in
                  enumerate(_UNITS) if n}  # fmt: skip
    years: dict[str, str] = {}
    for word, number in small.items():
        years |= {f"millenovecento{word}": f"19{number:0>2}", f"duemila{word}": f"20{number:0>2}"}
        if word.startswith("o"):
            years[f"millenovecent{word}"] = f"19{number:0>2}"
    english = {word: str(number) for number, word in enumerate([*_EN_UNITS, *_EN_TEENS])}
    english |= {word: str(10 * tens) for tens, word in enumerate(_EN_TENS, start=2)}
    return small | years | english | {"duemila": "2000", "oh": "0", "primo": "1"}


def _any_of(words: list[str]) -> str:
    # "Ventitré" is written with its accent.
    return "|".join(re.sub("e$", "[eéè]", word) for word in sorted(words, key=len, reverse=True))


_WORD = _any_of(list(_words()))
_FIGURE = rf"(?:{_WORD}|\d+)"
#: From the first word to the last, with nothing but spaces and marks between.
_RUN = re.compile(rf"\b{_FIGURE}(?:[\s,.\-]+{_FIGURE})*\b", re.IGNORECASE)
#: "Giugno del novantatré", "giugno 93".
_YEAR = re.compile(rf"\b({_MONTH})\s+(?:del(?:l['’])?\s*|of\s+)?({_WORD})\b(?!\s+{_WORD})", re.IGNORECASE)
_DAY = re.compile(rf"\b({_WORD})\s+({_MONTH})\b", re.IGNORECASE)


def _joined(run: re.Match[str]) -> str:
    parts = [plain(part) for part in re.split(r"[\s,.\-]+", run[0])]
    if all(part.isdigit() for part in parts):
        return run[0]
    figures = ""
    for part, before in zip(parts, ["", *parts], strict=False):
        said = _words().get(part, part)
        # "Eighty one" is 81; "ottanta uno" is how an Italian dictates 80 and 1.
        ones = before in _EN_TENS and part in _EN_UNITS[1:]
        figures = figures[:-1] + said if ones else figures + said
    return figures if len(figures) >= LEAST else run[0]
