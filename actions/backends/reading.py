"""Reading a company system's JSON: what is not as documented counts as a broken system, never as a guess."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

from actions.backends.base import BackendDown

ROME = ZoneInfo("Europe/Rome")


@contextmanager
def as_documented(system: str, *, written: bool = False) -> Iterator[None]:
    """Inside it, a missing or odd field raises BackendDown; `written` when the system has already acted."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BackendDown(system, unsure=written) from error


def moment(value: str) -> datetime:
    """An ISO time with an offset ("Z" too), in Europe/Rome. Raises ValueError without an offset."""
    found = datetime.fromisoformat(value.replace("Z", "+00:00"))
    if found.tzinfo is None:
        raise ValueError("a time without an offset")
    return found.astimezone(ROME)
