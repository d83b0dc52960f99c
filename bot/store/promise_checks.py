"""Asking the company's systems about a promise: who asks next and when, and what was answered last."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, update

from bot.model.promise_times import ASK_AGAIN, next_question
from bot.store.promises import OPEN
from bot.store.tables import promises

#: What a company's system may say of an open promise: that it has not happened, or that it does not know.
NOT_YET, UNKNOWN = "not_yet", "unknown"

_p = promises.c


def claim(connection: Connection, promise: Row[Any], now: datetime) -> bool:
    """Be the one who asks now. False when another process does. Whoever dies while asking is followed by the next."""
    changed = connection.execute(
        update(promises)
        .where(_p.id == promise.id, _p.state == OPEN, _p.check_at == promise.check_at)
        .values(check_at=now + ASK_AGAIN)
    )
    return changed.rowcount == 1


def keep(connection: Connection, promise: Row[Any], answer: str, now: datetime) -> None:
    """The system's answer about a promise that stays open as it is."""
    connection.execute(
        update(promises)
        .where(_p.id == promise.id, _p.state == OPEN)
        .values(answer=answer, answered_at=now, check_at=next_question(promise.created_at, promise.due_at, now))
    )
