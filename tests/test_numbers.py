"""Numbers per hour and per day: where the team is, and honest about who still waits."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from bot.model.numbers import counts_per_day, per_hour, share_of, waits_per_day

ROME = ZoneInfo("Europe/Rome")
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)  # a Tuesday, 11:00 in Rome


def test_today_per_hour_and_what_is_usual_on_this_weekday() -> None:
    moments = [
        NOW - timedelta(minutes=5),
        NOW - timedelta(hours=2),
        NOW - timedelta(days=1),  # a Monday says nothing about Tuesdays
        *(NOW - timedelta(weeks=weeks) for weeks in (1, 2, 4)),
        NOW - timedelta(weeks=5),  # too long ago
    ]
    today, usual = per_hour(moments, NOW, ROME, weeks=4)
    assert today[9] == 1 and today[10] == 1 and today[11] == 0
    assert today[12:] == [None] * 12  # not nothing: not yet
    assert usual[11] == 0.75 and sum(usual) == 0.75


def test_hours_are_those_of_the_wall_when_clocks_change() -> None:
    after = datetime(2026, 10, 27, 10, 0, tzinfo=UTC)  # 11:00: summer time ended two days before
    before = datetime(2026, 10, 20, 9, 0, tzinfo=UTC)  # 11:00 then, a week earlier
    assert per_hour([before], after, ROME, weeks=1)[1][11] == 1.0


def test_waits_by_the_day_of_the_hand_off_those_who_still_wait_too() -> None:
    pairs = [
        *((NOW - timedelta(days=1), NOW - timedelta(days=1) + timedelta(minutes=m)) for m in (1, 2, 3, 4, 30)),
        (NOW - timedelta(minutes=50), None),
        (datetime(2026, 11, 22, 23, 30, tzinfo=UTC), datetime(2026, 11, 22, 23, 40, tzinfo=UTC)),  # the 23rd there
    ]
    found = waits_per_day(pairs, NOW, ROME, days=3)
    assert found.days == (date(2026, 11, 22), date(2026, 11, 23), date(2026, 11, 24))
    assert found.values["middle"] == (None, 4, 50)
    assert found.values["most"] == (None, 10, 50)


def test_counts_per_day_have_a_nought_for_quiet_days() -> None:
    rows = [(NOW, "kept"), (NOW, "broken"), (NOW - timedelta(days=2), "kept"), (NOW - timedelta(days=9), "kept")]
    found = counts_per_day(rows, ("kept", "broken"), NOW, ROME, days=3)
    assert found.values == {"kept": (1, 0, 1), "broken": (0, 0, 1)}


@given(st.lists(st.floats(0, 1e5), min_size=1), st.floats(0.01, 0.99))
def test_that_share_of_them_stays_within(values: list[float], share: float) -> None:
    most = share_of(sorted(values), share)
    assert most is not None
    assert sum(value <= most + 0.05 for value in values) >= share * len(values)
