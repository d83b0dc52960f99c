"""The team behind the desk: its name, its opening hours, and when it is back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
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

    company: str
    name: dict[str, str]
    zone: ZoneInfo
    hours: tuple[tuple[tuple[time, time], ...], ...]
    country: str
    languages: tuple[str, ...]

    def opens(self, now: datetime) -> datetime | None:
        """None while the team is there; else when it is back (local time). `now` is aware.

        Raises ValueError when it never opens.
        """
        local = now.astimezone(self.zone)
        for ahead in range(366):
            day = local.date() + timedelta(days=ahead)
            for start, end in self._spans(day):
                begins = datetime.combine(day, start, self.zone)
                if begins <= local < datetime.combine(day, end, self.zone):
                    return None
                if begins > local:
                    return begins
        raise ValueError("the team's file has no opening hours")

    def _spans(self, day: date) -> tuple[tuple[time, time], ...]:
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


def team_of(raw: Any) -> Team:
    """The team that team.yml describes. Raises ValueError, naming every mistake in it."""
    problems: list[str] = []
    if not isinstance(raw, dict):
        raise ValueError("team.yml: is empty or no list of names and values")
    hours = tuple(_spans_of(raw.get("hours") or {}, day, problems) for day in DAYS)
    if not any(hours):
        problems.append("hours: the team is never open")
    country = raw.get("holidays") or ""
    if country and country not in holidays.list_supported_countries():
        problems.append(f"holidays: {country!r} is no country's code")
    languages = tuple(raw.get("languages") or ())
    if not languages or set(languages) - {"it", "en"}:
        problems.append("languages: must name it, en or both")
    name = raw.get("name") or {}
    problems += [f"name: none for {language}" for language in languages if language not in name]
    try:
        zone = ZoneInfo(str(raw.get("timezone")))
    except (KeyError, ValueError, OSError):
        problems.append(f"timezone: {raw.get('timezone')!r} is not known")
    if problems:
        raise ValueError("team.yml: " + "; ".join(problems))
    return Team(str(raw.get("company") or ""), dict(name), zone, hours, country, languages)


def _spans_of(hours: dict[str, Any], day: str, problems: list[str]) -> tuple[tuple[time, time], ...]:
    spans = []
    listed = hours.get(day) or []
    if not isinstance(listed, list):
        problems.append(f"hours: {day} must be a list: [\"08:30-21:30\"]")
        return ()
    for span in listed:
        try:
            start, end = (time.fromisoformat(clock.strip()) for clock in str(span).split("-"))
        except ValueError:
            problems.append(f"hours: {day}: {span!r} is not of the form 08:30-21:30")
            continue
        if start >= end:
            problems.append(f"hours: {day}: {span!r} ends before it begins")
        spans.append((start, end))
    return tuple(sorted(spans))
