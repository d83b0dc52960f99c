"""By when? Times as people write them, in Italian and English, as the last moment at which they are still kept.

A day ends when the team closes; working days and hours are those on which the team is there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

DAY_ENDS = time(23, 59)  # as people say it: midnight already has the next day's name
CLOSED_DAY_ENDS = time(18)  # a promise for a day on which nobody is there is still meant for its working hours
AHEAD = 400  # days looked ahead for a day on which the team is there

_NUMBERS = {
    "un": 1, "uno": 1, "una": 1, "one": 1, "a": 1, "an": 1, "due": 2, "two": 2, "paio": 2, "couple": 2, "tre": 3,
    "three": 3, "quattro": 4, "four": 4, "cinque": 5, "five": 5, "sei": 6, "six": 6, "sette": 7, "seven": 7,
    "otto": 8, "eight": 8, "nove": 9, "nine": 9, "dieci": 10, "ten": 10, "quindici": 15, "fifteen": 15,
    "venti": 20, "twenty": 20, "trenta": 30, "thirty": 30,
}  # fmt: skip
_NUMBER = r"(?:\d{1,3}|(?:un |a )?(?:paio|couple)|un'|" + "|".join(sorted(_NUMBERS, key=len, reverse=True)) + ")"
_DAYS = ("lunedi|monday", "martedi|tuesday", "mercoledi|wednesday", "giovedi|thursday", "venerdi|friday",
         "sabato|saturday", "domenica|sunday")  # fmt: skip
_MONTHS = (
    "gennaio|febbraio|marzo|aprile|maggio|giugno|luglio|agosto|settembre|ottobre|novembre|dicembre|january|february|"
    "march|april|may|june|july|august|september|october|november|december|jan|feb|mar|apr|jun|jul|aug|sep|oct|nov|dec"
)
_UNIT = (
    r"(?P<minutes>minut[oi]|minutes?|mins?)|(?P<hours>or[ae]|hours?|hrs?|h)|(?P<days>giorn[oi]|giornate|gg|days?)|"
    r"(?P<weeks>settiman[ae]|weeks?)|(?P<months>mes[ei]|months?)"
)
_LENGTH = re.compile(
    r"\b(?:entro|tra|fra|in|nelle?|nei|nel giro|within|max|massimo|mi dia|dammi|give me)\b"
    r"(?: (?:the next|next|le|i|prossim[ei]|circa|about|max|massimo|al massimo|di|d'|altr[ei]|about))*"
    rf" ?(?P<first>{_NUMBER})(?: ?(?:-|/|o|a|ai|to|or) ?(?P<last>{_NUMBER}))?(?: di| d'| of)? ?"
    rf"(?P<before>working |business )?(?:{_UNIT})\b(?P<after> lavorativ[iaeo]| feriali?)?"
)
_HALF_HOUR = re.compile(r"\bmezz'? ?ora\b|\bhalf an hour\b")
_THE_HOUR = re.compile(r"\bwithin (?:the|an) hour\b|\bentro l'ora\b")
_CLOCK = r"(\d{1,2})(?:[:.](\d{2}))? ?(am|pm)?"
_SPAN = re.compile(
    rf"\b(?:(?:tra|fra) (?:le |l')|dalle |dall'|between |from ){_CLOCK} ?(?:e|alle|all'|and|to|-) ?(?:le |l'|alle "
    rf")?{_CLOCK}\b"
)
_HOUR = re.compile(
    r"\b(?:alle|all'|entro le|entro l'|per le|prima delle|prima dell'|verso le|le ore|ore|at|by|before|around|"
    rf"no later than) ?{_CLOCK}\b(?! ?(?:giorn|or[ae]|day|hour|minut|settiman|week|[/%€]))|"
    rf"\b(\d{{1,2}})(?:[:.](\d{{2}}))? ?(am|pm)\b"
)
_DATE = re.compile(
    rf"\b(\d{{1,2}})(?:°|º|st|nd|rd|th)?(?: di| of)? ({_MONTHS})\b(?: (\d{{4}}))?"
    rf"|\b({_MONTHS}) (\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (\d{{4}}))?"
    r"|\b(\d{1,2})/(\d{1,2})(?:/(\d{2,4}))?\b"
)
_DAY_NUMBER = re.compile(
    rf"\b(?:(?:{'|'.join(_DAYS)}) (?P<named>\d{{1,2}})|(?:il|per il|entro il|on the|by the) "
    rf"(?P<plain>\d{{1,2}})(?:st|nd|rd|th)?)\b"
    r"(?! ?(?:%|per cento|euro|€|/|:|giorn|or[ae]))"
)
_NEXT_WEEK = re.compile(r"\b(?:settimana prossima|prossima settimana|next week)\b")
_WEEK_STARTS = re.compile(r"\b(?:inizio(?: della)?(?: prossima)? settimana|(?:start|beginning) of next week)\b")
_WEEK_ENDS = re.compile(
    r"\b(?:fine(?: della)? settimana|entro (?:la|questa) settimana|in settimana|this week|end of (?:the |this "
    r")?week)\b"
)
_MONTH_ENDS = re.compile(r"\b(?:fine(?: del)? mese|entro il mese|end of (?:the |this )?month)\b")
_AFTER_TOMORROW = re.compile(r"\b(?:dopodomani|dopo domani|day after tomorrow)\b")
_TOMORROW = re.compile(r"\b(?:domani|domattina|tomorrow)\b")
_TODAY = re.compile(
    r"\b(?:oggi|in giornata|today|tonight|stasera|stamattina|entro sera|fine giornata|end of (?:the )?day|eod|cob|"
    r"close of business|this (?:morning|afternoon|evening))\b"
)
#: Part of the day -> when it ends; the more exact first.
_PARTS: tuple[tuple[re.Pattern[str], time | None], ...] = (
    (re.compile(r"\bfirst thing\b|\bprima mattina|\bprimissima mattina|\binizio (?:della )?mattina"), time(10)),
    (re.compile(r"\bmezzogiorno\b|\bnoon\b|\bmidday\b|\bmorning\b"), time(12)),
    (re.compile(r"\bmattin(?:a|o|ata)\b|\bdomattina\b|\bstamattina\b|\bpranzo\b|\blunch"), time(13)),
    (re.compile(r"\bpomeriggio\b|\bafternoon\b"), time(18)),
    (re.compile(r"\bser(?:a|ata)\b|\bstasera\b|\bevening\b|\btonight\b"), time(21)),
)  # fmt: skip
_PM = re.compile(r"\bpomeriggio\b|\bafternoon\b|\bsera(?:ta)?\b|\bstasera\b|\bevening\b|\btonight\b")


class Hours(Protocol):
    """Who is there when; a Team is one."""

    @property
    def zone(self) -> ZoneInfo:
        """Where the team is."""

    def spans(self, day: date) -> tuple[tuple[datetime, datetime], ...]:
        """Opening hours of a day, local."""


@dataclass(frozen=True)
class _Said:
    text: str  # small letters without accents
    now: datetime  # local
    hours: Hours


def due_of(text: str, now: datetime, hours: Hours) -> datetime | None:
    """The moment that `text` (small letters, no accents) names; local to the team, None where it names none."""
    said = _Said(text, now.astimezone(hours.zone), hours)
    length = _LENGTH.search(text)
    if length and (length["minutes"] or length["hours"]):
        return _in_hours(said, length)
    if _HALF_HOUR.search(text):
        return said.now + timedelta(minutes=30)
    if _THE_HOUR.search(text):
        return said.now + timedelta(hours=1)
    day = _day(said, length)
    clock = _clock(said)
    part = next((ends for pattern, ends in _PARTS if pattern.search(text)), None)
    if day is None and clock is None and part is None:
        return None
    found = day or said.now.date()
    due = datetime.combine(found, clock or part or _closing(hours, found), hours.zone)
    if due > said.now:
        return due
    if day is None:  # "alle 9", said at 11
        return datetime.combine(found + timedelta(days=1), due.time(), hours.zone)
    return datetime.combine(found, DAY_ENDS, hours.zone) if found == said.now.date() else None


def is_closed(moment: datetime, hours: Hours) -> bool:
    """Is nobody there on the whole day of `moment`?"""
    return not hours.spans(moment.astimezone(hours.zone).date())


def _in_hours(said: _Said, length: re.Match[str]) -> datetime:
    count = _number(length["last"] or length["first"])
    whole = timedelta(minutes=count) if length["minutes"] else timedelta(hours=count)
    if not (length["before"] or length["after"]):
        return (said.now.astimezone(ZoneInfo("UTC")) + whole).astimezone(said.hours.zone)
    for ahead in range(AHEAD):
        day = said.now.date() + timedelta(days=ahead)
        for opens, closes in said.hours.spans(day):
            begins = max(opens, said.now)
            room = closes - begins
            if room >= whole:
                return begins + whole
            whole -= max(room, timedelta())
    return said.now + whole


def _day(said: _Said, length: re.Match[str] | None) -> date | None:
    """The day that is named, the most exact way first."""
    text, today = said.text, said.now.date()
    if (found := _DATE.search(text)) and (day := _date(found, said)):
        return day
    if found := _DAY_NUMBER.search(text):
        return _next_number(today, int(found["named"] or found["plain"]))
    if length:
        count = _number(length["last"] or length["first"])
        if length["days"] and (length["before"] or length["after"]):
            return _working_day(said.hours, today, count)
        return today + timedelta(days=count * (30 if length["months"] else 7 if length["weeks"] else 1))
    for pattern, ahead in ((_AFTER_TOMORROW, 2), (_TOMORROW, 1), (_TODAY, 0)):
        if pattern.search(text):
            return today + timedelta(days=ahead)
    monday = today - timedelta(days=today.weekday())
    for weekday, names in enumerate(_DAYS):
        if re.search(rf"\b(?:{names})\b", text):
            return today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1)
    if _WEEK_STARTS.search(text):
        return _working_day(said.hours, monday + timedelta(days=6), 1)
    if _NEXT_WEEK.search(text):
        return _last_open(said.hours, monday + timedelta(days=13))
    if _WEEK_ENDS.search(text):
        return max(_last_open(said.hours, monday + timedelta(days=6)), today)
    if _MONTH_ENDS.search(text):
        end = (today.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)
        return max(_last_open(said.hours, end), today)
    return None


def _date(found: re.Match[str], said: _Said) -> date | None:
    """A date written out; without a year, the next one."""
    import dateparser  # a tenth of a second, which most starts of a process would take for nothing

    base = said.now.replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    moment = dateparser.parse(
        re.sub(r"[°º]|\b(?:di|of)\b", " ", found[0]),
        languages=["it", "en"],
        settings={"RELATIVE_BASE": base, "PREFER_DATES_FROM": "future", "DATE_ORDER": "DMY"},
    )
    return moment.date() if moment else None


def _next_number(today: date, number: int) -> date | None:
    """The coming day of the month with that number."""
    return next(
        (day for day in (today + timedelta(days=n) for n in range(62)) if day.day == number), None
    )


def _clock(said: _Said) -> time | None:
    """The hour that is named; of a span its end."""
    if span := _SPAN.search(said.text):
        hour, minute, half = span[4], span[5], span[6] or span[3]
    elif found := _HOUR.search(said.text):
        hour, minute, half = found[1] or found[4], found[2] or found[5], found[3] or found[6]
    else:
        return None
    number = int(hour)
    if number > 23 or int(minute or 0) > 59:
        return None
    if number < 12 and (half == "pm" or (not half and (number < 8 or _PM.search(said.text)))):
        number += 12  # nobody means three in the night
    return time(0 if half == "am" and number == 12 else number, int(minute or 0))


def _closing(hours: Hours, day: date) -> time:
    spans = hours.spans(day)
    if not spans:
        return CLOSED_DAY_ENDS
    ends = spans[-1][1]
    return ends.time() if ends.date() == day else DAY_ENDS


def _working_day(hours: Hours, after: date, count: int) -> date:
    """The day on which the team is there for the `count`-th time after a day."""
    day = after
    for ahead in range(1, AHEAD):
        day = after + timedelta(days=ahead)
        count -= bool(hours.spans(day))
        if count <= 0:
            break
    return day


def _last_open(hours: Hours, day: date) -> date:
    """The last day up to `day` on which the team is there."""
    return next((back for n in range(7) if hours.spans(back := day - timedelta(days=n))), day)


def _number(word: str) -> int:
    return int(word) if word.isdigit() else _NUMBERS[word.rstrip("'").split()[-1]]
