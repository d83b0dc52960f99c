"""What the newest model lets the service say while no engine answers: kept for processes that start just then."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from bot.store.events import insert_new
from bot.store.tables import fixed_answers

_ONLY = 1  # the row there is


def newest(connection: Connection) -> dict[str, Any]:
    """As an engine said them; empty when none ever did."""
    return connection.execute(select(fixed_answers.c.answers)).scalar() or {}


def keep(connection: Connection, answers: dict[str, Any], *, now: datetime) -> None:
    """From now on these."""
    if not insert_new(connection, fixed_answers, id=_ONLY, answers=answers, at=now):
        connection.execute(update(fixed_answers).values(answers=answers, at=now))
