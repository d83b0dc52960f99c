"""Is the shop open? Pure: a shop and a moment in, an answer out. Times are local (Europe/Rome).

Order of what counts on a day: special days of the shop, national holidays, the town's patron, the weekday.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from actions.backends.stores import Interval, Store
from actions.when import DAYS, italy

#: A shop closed for longer than this is as good as gone.
LOOK_AHEAD_DAYS = 60
#: Words of who asks for a shop.
SHOP = re.compile(
    r"\b(negozi\w*|punt[oi] vendita|sportell[oi]|filial[ei]|apert\w+|aprite|aprono|riapr\w+|chiu\w+"
    r"|orario (continuato|estivo|invernale)|shops?|stores?|branch(es)?|(re)?open\w*|clos(ed?|es|ing)|shut"
    r"|(opening|weekend|your) hours)\b",
    re.IGNORECASE,
)

#: Of appointments at shops nothing is known: where one is and when it is open answers most such questions.
BOOKING = re.compile(r"\b(appuntament\w*|prenot\w+|appointments?|book(ed|ing)?|reserv\w+|walk[- ]?ins?)\b", re.I)


@dataclass(frozen=True)
class Day:
    """The hours of one day, and the reason when they are not the weekday's usual ones."""

    hours: tuple[Interval, ...]
    reason: str = ""


@dataclass(frozen=True)
class State:
    """A shop at one moment. `kind`: open, break (opens again today), later (opens later today) or closed.

    `until`: when it closes (open). `opens`: when it opens next (all others); None when that is too far away.
    """

    kind: str
    day: Day
    until: datetime | None = None
    opens: datetime | None = None


def day_of(store: Store, day: date, language: str) -> Day:
    """The hours of `store` on `day`, with the reason in `language` when they are not the usual ones."""
    for special in store.specials:
        if special.first <= day <= special.last:
            return Day(special.hours, special.reason_en if language == "en" else special.reason_it)
    holiday = italy(day.year, language).get(day)
    if holiday:
        return Day(store.on_holidays, holiday)
    if store.patron == (day.month, day.day):
        return Day(store.on_holidays, "local patron saint's day" if language == "en" else "festa patronale")
    return Day(store.week[day.weekday()])


def state_at(store: Store, moment: datetime, language: str) -> State:
    """Whether `store` is open at `moment` (aware, Europe/Rome) and what comes next."""
    today = day_of(store, moment.date(), language)
    opened_before = False
    for opens, closes in today.hours:
        start, end = _at(moment, opens), _at(moment, closes)
        if start <= moment < end:
            return State("open", today, until=end)
        if moment < start:
            return State("break" if opened_before else "later", today, opens=start)
        opened_before = True
    return State("closed", today, opens=next_opening(store, moment, language))


def next_opening(store: Store, after: datetime, language: str) -> datetime | None:
    """When `store` opens next on a day after the day of `after`."""
    for offset in range(1, LOOK_AHEAD_DAYS + 1):
        day = after.date() + timedelta(days=offset)
        hours = day_of(store, day, language).hours
        if hours:
            return datetime.combine(day, time.fromisoformat(hours[0][0]), tzinfo=after.tzinfo)
    return None


def say_hours(hours: tuple[Interval, ...], language: str) -> str:
    """9:00-13:00 e 15:30-19:30."""
    return (" and " if language == "en" else " e ").join(f"{_clock(opens)}-{_clock(closes)}" for opens, closes in hours)


def say_clock(moment: datetime) -> str:
    """19:30, 9:00."""
    return f"{moment:%-H:%M}"


def map_link(store: Store) -> str:
    """A page with the shop on the map."""
    return (
        f"https://www.openstreetmap.org/?mlat={store.latitude}&mlon={store.longitude}"
        f"#map=17/{store.latitude}/{store.longitude}"
    )


def say_week(store: Store, lang: str) -> str:
    """The usual week in one line, days with the same hours together: "lun 15:30-19:30; mar-sab 9:00-13:00 e …"."""
    groups: list[tuple[int, int]] = []
    for day in range(7):
        if groups and store.week[groups[-1][0]] == store.week[day]:
            groups[-1] = (groups[-1][0], day)
        else:
            groups.append((day, day))
    closed = "closed" if lang == "en" else "chiuso"
    parts = []
    for first, last in groups:
        names = DAYS[lang][first][:3] + ("" if first == last else f"-{DAYS[lang][last][:3]}")
        parts.append(f"{names} {say_hours(store.week[first], lang) or closed}")
    return "; ".join(parts)


def _clock(clock: str) -> str:
    return clock.removeprefix("0")


def _at(moment: datetime, clock: str) -> datetime:
    return datetime.combine(moment.date(), time.fromisoformat(clock), tzinfo=moment.tzinfo)
