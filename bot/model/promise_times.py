"""When a promise is looked at: before it is due, when it is, and how often the company's systems are asked about it."""

from __future__ import annotations

from datetime import datetime, timedelta

WARN_AT_MOST = timedelta(hours=4)  # before it is due: the last quarter of its time, at most this long
ASK_DAILY = timedelta(days=1)  # long before it is due: a slip is known a day later at the latest
ASK_LATE = timedelta(hours=1)  # once it is over
ASK_AGAIN = timedelta(minutes=5)  # when no answer came: the system is down, or whoever asked has died


def soon(created: datetime, due: datetime) -> datetime:
    """From when on a promise is soon due."""
    return due - max(timedelta(0), min(WARN_AT_MOST, (due - created) / 4))


def next_question(created: datetime, due: datetime, now: datetime) -> datetime:
    """When to ask the company's system next, having just asked it (or just promised)."""
    if now >= due:
        return now + ASK_LATE
    near = soon(created, due)
    return min(now + ASK_DAILY, near if now < near else due)
