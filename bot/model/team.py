"""One team behind the desk: its name, its topics, its opening hours, and when it is back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
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


@dataclass(frozen=True)
class Team:
    """Opening hours are spans of local time per weekday, Monday first."""

    key: str
    name: dict[str, str]
    zone: ZoneInfo
    hours: tuple[tuple[tuple[time, time], ...], ...]
    country: str = ""  # whose public holidays are closed
    closed: frozenset[date] = frozenset()  # further days off
    languages: tuple[str, ...] = ("it", "en")
    topics: frozenset[str] = frozenset()
    minutes: int = 5  # a case offered to one person and not taken within this goes on

    def opens(self, now: datetime) -> datetime | None:
        """None while the team is there; else when it is back (local time). `now` is aware.

        Raises ValueError when it never opens.
        """
        local = now.astimezone(self.zone)
        for ahead in range(366):
            day = local.date() + timedelta(days=ahead)
            for start, end in self.spans(day):
                begins = datetime.combine(day, start, self.zone)
                if begins <= local < datetime.combine(day, end, self.zone):
                    return None
                if begins > local:
                    return begins
        raise ValueError("the team's file has no opening hours")

    def spans(self, day: date) -> tuple[tuple[time, time], ...]:
        """The opening hours of a day, local; none on a holiday."""
        if day in self.closed:
            return ()
        if self.country and day in holidays.country_holidays(self.country, years=day.year):
            return ()
        return self.hours[day.weekday()]


def when(moment: datetime, now: datetime, language: str) -> str:
    """A coming moment the way people say it: "domani alle 8:30", "Monday at 8:30"."""
    local_now = now.astimezone(moment.tzinfo)
    days = (moment.date() - local_now.date()).days
    today, tomorrow, this_week, later = _WHEN[language]
    form = today if days == 0 else tomorrow if days == 1 else this_week if days < 7 else later
    return form.format(
        clock=f"{moment.hour}:{moment.minute:02}",
        day=_DAY_NAMES[language][moment.weekday()],
        date=f"{moment.day}/{moment.month}",
    )
