"""One team behind the desk: its name, its topics, its opening hours, its targets, and when it is back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import holidays

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY_NAMES = {
    "it": ("lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato", "domenica"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
_WHEN = {
    "it": ("oggi alle {clock}", "domani alle {clock}", "{day} alle {clock}", "{day} {date} alle {clock}"),
    "en": ("today at {clock}", "tomorrow at {clock}", "{day} at {clock}", "{day} {date} at {clock}"),
}
_BY = {
    "it": ("entro le {clock}", "entro domani alle {clock}", "entro {day} alle {clock}", "entro {day} {date}, {clock}"),
    "en": ("by {clock}", "by tomorrow at {clock}", "by {day} at {clock}", "by {day} {date} at {clock}"),
}
_SINCE = {
    "it": ("dalle {clock}", "da ieri alle {clock}", "da {day} alle {clock}", "dal {date} alle {clock}"),
    "en": ("since {clock}", "since yesterday at {clock}", "since {day} at {clock}", "since {date} at {clock}"),
}
AHEAD = 366  # days looked ahead for one on which the team is there

#: What a team may set itself, each counted in its own opening hours.
FIRST, NEXT, RESOLUTION = "first_answer", "next_answer", "resolution"


@dataclass(frozen=True)
class Team:
    """Opening hours are spans of local time per weekday, Monday first; one that ends at 0:00 lasts until midnight."""

    key: str
    name: dict[str, str]
    zone: ZoneInfo
    hours: tuple[tuple[tuple[time, time], ...], ...]
    country: str = ""  # whose public holidays are closed
    closed: frozenset[date] = frozenset()  # further days off
    languages: tuple[str, ...] = ("it", "en")
    topics: frozenset[str] = frozenset()
    minutes: int = 5  # a case offered to one person and not taken within this goes on
    targets: Mapping[str, timedelta] = field(default_factory=dict)  # FIRST, NEXT, RESOLUTION -> of opening hours

    def opens(self, now: datetime) -> datetime | None:
        """None while the team is there; else when it is back (local time). `now` is aware.

        Raises ValueError when it never opens.
        """
        local = now.astimezone(self.zone)
        for ahead in range(AHEAD):
            day = local.date() + timedelta(days=ahead)
            for begins, ends in self.spans(day):
                if begins <= local < ends:
                    return None
                if begins > local:
                    return begins
        raise ValueError("the team's file has no opening hours")

    def spans(self, day: date) -> tuple[tuple[datetime, datetime], ...]:
        """From when to when the team is there on a day, local; none on a holiday."""
        if day in self.closed:
            return ()
        if self.country and day in _holidays(self.country, day.year):
            return ()
        return tuple(self._span(day, *clocks) for clocks in self.hours[day.weekday()])

    def _span(self, day: date, begins: time, ends: time) -> tuple[datetime, datetime]:
        last = day if ends > begins else day + timedelta(days=1)
        return datetime.combine(day, begins, self.zone), datetime.combine(last, ends, self.zone)

    def open_time(self, began: datetime, ended: datetime) -> timedelta:
        """How long the team was there between two moments."""
        total = timedelta()
        for start, end in self._open(began):
            if start >= ended:
                break
            total += min(end, ended) - start
        return total

    def later(self, began: datetime, amount: timedelta) -> datetime:
        """The moment at which the team has been there for `amount` since then (local time).

        Raises ValueError when it is not there that long within a year.
        """
        for start, end in self._open(began):
            if amount <= end - start:
                return (start + amount).astimezone(self.zone)
            amount -= end - start
        raise ValueError("the team is not there that long")

    def _open(self, since: datetime) -> Iterator[tuple[datetime, datetime]]:
        """From then on, when the team is there; in UTC: differences of local times forget that clocks change."""
        day = since.astimezone(self.zone).date()
        for ahead in range(AHEAD):
            for begins, ends in self.spans(day + timedelta(days=ahead)):
                if ends > since:
                    yield max(begins, since).astimezone(UTC), ends.astimezone(UTC)


@cache
def _holidays(country: str, year: int) -> frozenset[date]:
    """Making the list takes longer than everything else that is done with it."""
    return frozenset(holidays.country_holidays(country, years=year))


def when(moment: datetime, now: datetime, language: str) -> str:
    """A coming moment the way people say it: "domani alle 8:30", "Monday at 8:30"."""
    return _said(moment, now, language, _WHEN)


def by(moment: datetime, now: datetime, language: str) -> str:
    """A coming moment as the end of a wait: "entro le 15:20", "by tomorrow at 9:30"."""
    return _said(moment, now, language, _BY)


def since(moment: datetime, now: datetime, language: str) -> str:
    """A past moment as the beginning of a wait: "dalle 18:20", "since Friday at 18:20"."""
    return _said(moment, now, language, _SINCE)


def short_day(day: date, language: str) -> str:
    """A weekday's name where there is little room: "Lun.", "Mon."."""
    return f"{_DAY_NAMES[language][day.weekday()][:3].capitalize()}."


def _said(moment: datetime, now: datetime, language: str, forms: Mapping[str, tuple[str, str, str, str]]) -> str:
    local_now = now.astimezone(moment.tzinfo)
    days = abs((moment.date() - local_now.date()).days)
    same_day, next_day, within_a_week, further = forms[language]
    form = same_day if days == 0 else next_day if days == 1 else within_a_week if days < 7 else further
    return form.format(
        clock=f"{moment.hour}:{moment.minute:02}",
        day=_DAY_NAMES[language][moment.weekday()],
        date=f"{moment.day}/{moment.month}",
    )
