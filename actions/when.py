"""Dates and times as people say them: read from a sentence, and written back, in Italian and English.

The holidays are the `holidays` library's. Days are read here: in sentences of a chat dateparser finds "now" in "a che
ora", September in "set", a day in "via XX settembre", and for "l'otto dicembre" a day that nobody said.
"""

import re
from datetime import date, datetime, timedelta
from functools import lru_cache

import holidays

from actions.towns import STREETS, plain

DAYS = {
    "it": ("lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato", "domenica"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
MONTHS = {
    "it": ("gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre").split(),
    "en": ("January February March April May June July August September October November December").split(),
}
#: Feasts by the names people use; the value is (month, day), or days after Easter.
FEASTS: dict[str, tuple[int, int] | int] = {
    "vigilia di natale": (12, 24), "christmas eve": (12, 24), "xmas eve": (12, 24), "vigilia": (12, 24),
    "natale": (12, 25), "christmas": (12, 25), "xmas": (12, 25), "santo stefano": (12, 26), "boxing day": (12, 26),
    "san silvestro": (12, 31), "new year s eve": (12, 31), "ultimo dell anno": (12, 31), "capodanno": (1, 1),
    "new year": (1, 1), "befana": (1, 6), "epifania": (1, 6), "epiphany": (1, 6), "liberazione": (4, 25),
    "festa dei lavoratori": (5, 1), "primo maggio": (5, 1), "labour day": (5, 1), "festa della repubblica": (6, 2),
    "ferragosto": (8, 15), "ognissanti": (11, 1), "all saints": (11, 1), "tutti i santi": (11, 1),
    "immacolata": (12, 8), "pasquetta": 1, "lunedi dell angelo": 1, "easter monday": 1, "pasqua": 0, "easter": 0,
}  # fmt: skip
TOMORROW = {"dopodomani": 2, "dopo domani": 2, "day after tomorrow": 2, "domani": 1, "domattina": 1, "tomorrow": 1}
TODAY = re.compile(r"\b(oggi|stasera|stamattina|stamani|stamane|today|tonight|this (morning|afternoon|evening))\b")
NUMERIC = re.compile(r"(?<![\d:.])(\d{1,2})\s?[/-]\s?(\d{1,2})(?![\d:])")
#: "25.12", but neither the time in "alle 10.12" nor an amount.
DOTTED = re.compile(r"(?<![\d:.,])(?<!alle )(?<!ore )(?<!at )(\d{1,2})\.(\d{1,2})(?![\d:]|\.\d|\s?(?:€|eur))")
_UNITS = "uno due tre quattro cinque sei sette otto nove".split()
_TEENS = "dieci undici dodici tredici quattordici quindici sedici diciassette diciotto diciannove".split()
#: Days of a month as dictation writes them out.
NUMBERS = {word: number for number, word in enumerate([*_UNITS, *_TEENS], start=1)} | {
    word: 10 * tens + unit
    for tens, name in ((2, "venti"), (3, "trenta"))
    for unit, word in enumerate([name, *(f"{name[:-1] if each[0] in 'uo' else name}{each}" for each in _UNITS)])
    if 10 * tens + unit <= 31
} | {"primo": 1, "first": 1}
MONTH = {name.lower()[:size]: number for names in MONTHS.values() for number, name in enumerate(names, start=1)
         for size in (3, 4, len(name))}  # fmt: skip
WEEKDAY = {name: number for number, each in enumerate(
    ("lun mon", "mar tue tues", "mer wed", "gio thu thur thurs", "ven fri", "sab sat", "dom sun")
) for name in each.split()}  # fmt: skip
_IN = r"\b(?:tra|fra|in|tempo) (?P<many>\d{1,2}|un|una|uno|a|an|due|tre|quattro|cinque|sei|two|three|four|five|six)"
IN_DAYS = re.compile(rf"{_IN} (?P<unit>giorn[oi]|settiman[ae]|days?|weeks?)\b")
_FEW = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
#: "il 24", "the 24th": a day of this month or the next; not what is counted ("il 5 giga").
ALONE = re.compile(
    r"\b(?:il|l|del|dal|per il|the|on) (?P<day>\d{1,2})(?:st|nd|rd|th)?(?= |$)"
    r"(?! (?:euro|giga|gb|mega|ore|hours|anni|years|giorni|days|minuti|minutes|percento|percent|per cento))"
)


def read_day(text: str, today: date) -> date | None:
    """The day that `text` asks about, today or later: "domani", "domenica", "a natale", "il 25 aprile", "24/12"."""
    words = plain(text)
    for name, days in TOMORROW.items():
        if _has(name, words):
            return today + timedelta(days=days)
    for name, when in FEASTS.items():
        if _has(name, words):
            return _feast(when, today)
    dated = _dated(text, words, today)
    if dated:
        return dated
    ahead = _in_days(words)
    if ahead is not None:
        return today + timedelta(days=ahead)
    weekday = _weekday(words)
    if weekday is not None:
        found = today + timedelta(days=(weekday - today.weekday()) % 7)
        # "Domenica prossima", said on a Sunday, is not today.
        return found + timedelta(days=7) if found == today and re.search(r"\b(prossim[oa]|next)\b", words) else found
    if re.search(r"\b(festiv[io]|giorni di festa|(bank |public )?holidays?)\b", words):
        return next_holiday(today)
    if re.search(r"\b(weekend|week end|fine settimana)\b", words):
        return today + timedelta(days=(5 - today.weekday()) % 7)
    if TODAY.search(words):
        return today
    alone = ALONE.search(words)
    return _next_of_month(today, int(alone["day"])) if alone else None


def next_holiday(today: date) -> date:
    """The next national holiday from `today` on that is not a Sunday."""
    return next(
        day
        for offset in range(1, 400)
        if (day := today + timedelta(days=offset)) in italy(day.year, "it") and day.weekday() != 6
    )


@lru_cache(maxsize=32)
def italy(year: int, language: str) -> holidays.HolidayBase:
    """The national holidays of one year, named in `it` or `en`."""
    return holidays.country_holidays("IT", years=year, language="en_US" if language == "en" else "it_IT")


def say_day(day: date, today: date, language: str) -> str:
    """oggi, domani, or "domenica 29 novembre"."""
    if day == today:
        return "today" if language == "en" else "oggi"
    if day == today + timedelta(days=1):
        return "tomorrow" if language == "en" else "domani"
    return say_date(day, language)


def say_date(day: date, language: str) -> str:
    """ "domenica 29 novembre"."""
    return f"{DAYS[language][day.weekday()]} {day.day} {MONTHS[language][day.month - 1]}"


def say_moment(moment: datetime, now: datetime, language: str) -> str:
    """ "oggi alle 17:40", "domani alle 9:00": `moment` as seen from `now`, both aware."""
    local = moment.astimezone(now.tzinfo)
    at = "at" if language == "en" else "all'" if local.hour == 1 else "alle"
    space = "" if at.endswith("'") else " "
    return f"{say_day(local.date(), now.date(), language)} {at}{space}{local:%-H:%M}"


def _has(name: str, words: str) -> bool:
    return bool(re.search(rf"\b{name}\b", words))


def _feast(when: tuple[int, int] | int, today: date) -> date:
    for year in (today.year, today.year + 1):
        day = date(year, *when) if isinstance(when, tuple) else _easter(year) + timedelta(days=when)
        if day >= today:
            return day
    return today


def _easter(year: int) -> date:
    """Gregorian Easter Sunday (the anonymous algorithm)."""
    a, b, c = year % 19, year // 100, year % 100
    d = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    e = (32 + 2 * (b % 4) + 2 * (c // 4) - d - c % 4) % 7
    f = d + e - 7 * ((a + 11 * d + 22 * e) // 451) + 114
    return date(year, f // 31, f % 31 + 1)


def _dated(text: str, words: str, today: date) -> date | None:
    said = [word for word in words.split() if word not in ("of", "di", "del")]
    months = [n for n, word in enumerate(said) if word in MONTH and not STREETS & set(said[max(0, n - 3) : n])]
    # "24 nov" before "nov 24"; and "mar 24" is a Tuesday.
    pairs = [(n, n - 1) for n in months if n] + [(n, n + 1) for n in months if n + 1 < len(said) and said[n] != "mar"]
    found = next(((MONTH[said[n]], day) for n, beside in pairs if (day := _number(said[beside]))), None)
    if found:
        return _next(today, *found)
    numeric = NUMERIC.search(text) or DOTTED.search(text)
    return _next(today, int(numeric[2]), int(numeric[1])) if numeric else None


def _number(word: str) -> int | None:
    """A day of a month: "8", "8th", "1o" (from 1°), "otto"."""
    digits = re.fullmatch(r"(\d{1,2})(?:st|nd|rd|th|o)?", word)
    return int(digits[1]) if digits else NUMBERS.get(word)


def _in_days(words: str) -> int | None:
    """How many days ahead "tra due giorni", "fra una settimana", "in 3 days" is."""
    found = IN_DAYS.search(words)
    if not found:
        return None
    many = _number(found["many"]) or _FEW.get(found["many"], 1)
    return many * (7 if found["unit"].startswith(("settiman", "week")) else 1)


def _weekday(words: str) -> int | None:
    """Monday is 0: by its name in either language, misspelt at its end ("lunedi", "sabati"), or cut ("sab", "thu")."""
    for names in DAYS.values():
        for weekday, name in enumerate(names):
            if re.search(rf"\b{plain(name)[:-1] if name != 'sabato' else 'sabat'}\w?s?\b", words):
                return weekday
    return next((WEEKDAY[word] for word in words.split() if word in WEEKDAY), None)


def _next_of_month(today: date, day: int) -> date | None:
    """The next day of that number, in this month or one of the next two: no month is without it twice in a row."""
    for ahead in range(3):
        months = today.month - 1 + ahead
        try:
            found = date(today.year + months // 12, months % 12 + 1, day)
        except ValueError:
            continue
        if found >= today:
            return found
    return None


def _next(today: date, month: int, day: int) -> date | None:
    for year in (today.year, today.year + 1):
        try:
            found = date(year, month, day)
        except ValueError:
            continue
        if found >= today:
            return found
    return None
