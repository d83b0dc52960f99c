"""What the order of the queue is read from: earlier contacts, late promises, and who is passed over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, func, or_, select

from bot.model.queue import AGAIN, BROKEN
from bot.model.states import Outcome, Status
from bot.store.promises import BROKEN as BROKEN_STATE
from bot.store.promises import OPEN
from bot.store.tables import at_most, cases, conversations, moves, promises

_c = cases.c
MOST = 100  # who are passed over are counted up to so many

# Put together once: at each taking that would take longer than asking it.
_longer = (
    select(_c.id, _c.number, _c.waiting_since, _c.counts_since)
    .where(
        _c.counts_since.is_not(None),
        _c.team == bindparam("of_team"),
        _c.waiting_since < bindparam("before"),
        _c.offered_to.is_(None),
        _c.lead_since.is_(None),
    )
    .order_by(_c.waiting_since)
    .limit(at_most(MOST))
    .subquery()
)
_PASSED_OVER = (
    select(_longer.c.number, _longer.c.waiting_since, func.count().over(), func.min(_longer.c.counts_since).over())
    .order_by(_longer.c.waiting_since)
    .limit(at_most(1))
)


@dataclass(frozen=True)
class Passed:
    """Who waits longer in the same team and is not (yet) offered to anybody."""

    count: int
    number: str  # of the one that waits longest
    since: datetime
    behind: bool  # every one of them stands behind in the order, too: the marks are why


def came_again(connection: Connection, case: Row[Any], now: datetime) -> bool:
    """Whether the customer had to come back: an earlier case of theirs, or this one once closed, within AGAIN.

    A request that the customer took back themselves does not count.
    """
    earlier = connection.execute(
        select(_c.id)
        .where(
            _c.customer_id == case.customer_id,
            _c.id < case.id,
            _c.opened_at > now - AGAIN,
            or_(_c.outcome.is_(None), _c.outcome != Outcome.WITHDRAWN),
        )
        .limit(1)
    ).first()
    if earlier:
        return True
    back = select(moves.c.id).where(
        moves.c.conversation_id == case.conversation_id,
        moves.c.case_id == case.id,
        moves.c.to_status == Status.WAITING,
        moves.c.from_status != Status.AGENT,
        moves.c.at > now - AGAIN,
    )
    return len(connection.execute(back.limit(2)).all()) == 2


def promise_late(connection: Connection, customer_id: int, now: datetime) -> bool:
    """Whether a promise to the customer, on any channel, is overdue or was broken lately."""
    query = (
        select(promises.c.id)
        .join(conversations, conversations.c.id == promises.c.conversation_id)
        .where(
            conversations.c.customer_id == customer_id,
            or_(
                and_(promises.c.state == OPEN, promises.c.due_at <= now),
                and_(promises.c.state == BROKEN_STATE, promises.c.settled_at > now - BROKEN),
            ),
        )
    )
    return connection.execute(query.limit(1)).first() is not None


def waiting(connection: Connection) -> list[Row[Any]]:
    """All cases that wait for a person (id, team, marks, waiting_since, counts_since)."""
    columns = (_c.id, _c.team, _c.marks, _c.waiting_since, _c.counts_since)
    return list(connection.execute(select(*columns).where(_c.counts_since.is_not(None))))


def waiting_with_late_promise(connection: Connection, now: datetime) -> list[Row[Any]]:
    """Waiting cases (id, marks) of customers who have a promise that is overdue now."""
    late = (
        select(conversations.c.customer_id)
        .join(promises, promises.c.conversation_id == conversations.c.id)
        .where(promises.c.state == OPEN, promises.c.due_at <= now)
        .distinct()
        .subquery()
    )
    return list(
        connection.execute(
            select(_c.id, _c.marks)
            .join(late, late.c.customer_id == _c.customer_id)
            .where(_c.counts_since.is_not(None))
        )
    )


def passed_over(connection: Connection, case: Row[Any]) -> Passed | None:
    """Who waits longer than this case in its team; None when nobody does. Counts up to MOST.

    Not those that are offered to somebody, nor those that are the leads' already: they have a turn of their own.
    """
    row = connection.execute(_PASSED_OVER, {"of_team": case.team, "before": case.waiting_since}).first()
    if row is None:
        return None
    number, since, count, first = row
    return Passed(count, number, since, first >= case.counts_since)
