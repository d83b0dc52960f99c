"""Conversations whose window matters: a case is open, or a promise that somebody looks after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, func, or_, select, text, union

from bot.model.states import Status
from bot.store.promises import OPEN, OWNER_ID
from bot.store.tables import cases, conversations, promises

_c = conversations.c
#: In the words of the index: with a parameter in their place it would not be used.
_UNDER_WAY = text("conversations.status IN ('waiting', 'agent')")


@dataclass(frozen=True)
class Closing:
    """Where to look: a channel's customers who wrote last after `after` and not after `until`."""

    channel: str
    after: datetime
    until: datetime


def under_way(connection: Connection, *, channel: str, since: datetime) -> Sequence[Row[Any]]:
    """Conversations (id, last_customer_at, ends_warned, team) to watch, of customers who wrote after `since`."""
    names = (_c.id, _c.last_customer_at, _c.ends_warned, cases.c.team)
    wrote = (_c.channel == channel, _c.last_customer_at > since, _c.blocked.is_(False))
    with_case = select(*names).outerjoin(cases, cases.c.id == _c.case_id).where(*wrote, _UNDER_WAY)
    with_promise = (
        select(*names)
        .join(promises, promises.c.conversation_id == _c.id)
        .outerjoin(cases, cases.c.id == promises.c.case_id)
        .where(*wrote, promises.c.state == OPEN, OWNER_ID.is_not(None), _c.status.in_([Status.BOT, Status.CLOSED]))
    )
    return connection.execute(union(with_case, with_promise)).all()


def whom(connection: Connection, conversation: Row[Any]) -> set[int]:
    """The people to warn: who has the customer, and who looks after their open promises."""
    owners = connection.execute(
        select(OWNER_ID)
        .select_from(promises.outerjoin(cases, cases.c.id == promises.c.case_id))
        .where(promises.c.conversation_id == conversation.id, promises.c.state == OPEN, OWNER_ID.is_not(None))
    ).scalars()
    return {*owners, *([conversation.agent_id] if conversation.agent_id else [])}


def closing(connection: Connection, where: Sequence[Closing], agent_id: int | None, *, limit: int = 100) -> list[int]:
    """Ids of conversations with an open case that are closing, the soonest first, up to `limit` of each kind.

    Of everyone, or (`agent_id`) of one person and the queue.
    """
    found: list[tuple[timedelta, int]] = []
    for one in where:
        query: Select[Any] = (
            select(_c.id, _c.last_customer_at)
            .where(_UNDER_WAY, _c.channel == one.channel, _c.blocked.is_(False))
            .where(_c.last_customer_at > one.after, _c.last_customer_at <= one.until)
            .order_by(_c.last_customer_at)
            .limit(limit)
        )
        if agent_id is not None:
            asked = select(func.count()).where(cases.c.id == _c.case_id, cases.c.helper_id == agent_id)
            query = query.where(
                or_(_c.status == Status.WAITING, _c.agent_id == agent_id, asked.scalar_subquery() > 0)
            )
        found += [(row.last_customer_at - one.after, row.id) for row in connection.execute(query)]
    return [id_ for _, id_ in sorted(found)]
