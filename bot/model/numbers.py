"""Rows of what happened as numbers per hour and per day, where the team is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

HOURS = 24
FOUR_IN_FIVE = 0.8


@dataclass(frozen=True)
class Days:
    """One value per day for each name, oldest day first; None where there is nothing to say."""

    days: tuple[date, ...]
    values: dict[str, tuple[float | None, ...]]


def per_hour(
    moments: Iterable[datetime], now: datetime, zone: ZoneInfo, *, weeks: int
) -> tuple[list[int | None], list[float]]:
    """Today's count per hour of the day, None for hours to come; and the average of the same weekday in past weeks."""
    local = now.astimezone(zone)
    today: list[int | None] = [0 if hour <= local.hour else None for hour in range(HOURS)]
    before = [0] * HOURS
    for moment in moments:
        there = moment.astimezone(zone)
        ago = (local.date() - there.date()).days
        if ago == 0 and there <= local:
            today[there.hour] = (today[there.hour] or 0) + 1
        elif ago > 0 and ago % 7 == 0 and ago // 7 <= weeks:
            before[there.hour] += 1
    return today, [round(count / weeks, 2) for count in before]


def waits_per_day(
    pairs: Iterable[tuple[datetime, datetime | None]], now: datetime, zone: ZoneInfo, *, days: int
) -> Days:
    """Minutes from the hand-off until a person took it, by the day of the hand-off: in the middle, and four in five.

    Who still waits counts with the time so far: a bad day must not look good because nobody was answered.
    """
    lengths: dict[date, list[float]] = {}
    for begun, ended in pairs:
        minutes = ((ended or now) - begun).total_seconds() / 60
        lengths.setdefault(begun.astimezone(zone).date(), []).append(minutes)
    calendar = _days(now, zone, days)
    ordered = [sorted(lengths.get(day, ())) for day in calendar]
    return Days(
        calendar,
        {
            "middle": tuple(share_of(each, 0.5) for each in ordered),
            "most": tuple(share_of(each, FOUR_IN_FIVE) for each in ordered),
        },
    )


def counts_per_day(
    rows: Iterable[tuple[datetime, str]], names: Sequence[str], now: datetime, zone: ZoneInfo, *, days: int
) -> Days:
    """How many of each name per day."""
    calendar = _days(now, zone, days)
    found: dict[tuple[str, date], int] = {}
    for moment, name in rows:
        key = (name, moment.astimezone(zone).date())
        found[key] = found.get(key, 0) + 1
    return Days(calendar, {name: tuple(found.get((name, day), 0) for day in calendar) for name in names})


def share_of(ordered: Sequence[float], share: float) -> float | None:
    """The value that `share` of them stay within, rounded to a tenth; None of nothing."""
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 1)


def _days(now: datetime, zone: ZoneInfo, number: int) -> tuple[date, ...]:
    today = now.astimezone(zone).date()
    return tuple(today - timedelta(days=ago) for ago in reversed(range(number)))
