"""Conversations whose window matters: a case is open, or a promise that somebody looks after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Row,
    Select,
    Subquery,
    TextClause,
    bindparam,
    exists,
    func,
    literal,
    or_,
    select,
    text,
    union,
    union_all,
)

from bot.model.states import Status
from bot.store.promises import OPEN, OWNER_ID
from bot.store.tables import Time, cases, conversations, promises

MOST = 100  # conversations of a kind that are looked for

_c = conversations.c
#: In the words of the index: with a parameter in their place it would not be used.
_UNDER_WAY = text("conversations.status IN ('waiting', 'agent')")
_WARNED = text("conversations.ends_warned > 0 AND conversations.status IN ('bot', 'closed')")


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


def closing(connection: Connection, where: Sequence[Closing], agent_id: int | None, *, limit: int = MOST) -> list[int]:
    """Ids of conversations that are closing, the soonest first, up to `limit` of each kind: with an open case, or with
    a promise that somebody looks after and of whose end they were warned.

    Of everyone, or (`agent_id`) of one person and the queue.
    """
    found: list[tuple[timedelta, int]] = []
    for one in where:
        values = {**values_of([one]), "most": limit, "me": agent_id}
        rows = connection.execute(_EVERYONE_S if agent_id is None else _ONE_S, values)
        found += [(row.last_customer_at - one.after, row.id) for row in rows]
    return [id_ for _, id_ in sorted(found)]


def number(kinds: int, *, everyone: bool) -> ColumnElement[int]:
    """How many close, up to MOST of each of so many kinds; a column of a statement that is given `values_of` them."""
    counts = (
        select(func.count()).select_from(_closing(n, everyone=everyone).subquery()).scalar_subquery()
        for n in range(kinds)
    )
    return sum(counts, start=literal(0))


def values_of(where: Sequence[Closing]) -> dict[str, Any]:
    """What `number` is to be asked with; `me`, the person's id, comes from the caller."""
    values: dict[str, Any] = {"most": MOST}
    for n, one in enumerate(where):
        values |= {f"channel{n}": one.channel, f"after{n}": one.after, f"until{n}": one.until}
    return values


_me = bindparam("me", type_=Integer)
_most = bindparam("most", type_=Integer)
_helped = (
    select(func.count()).where(cases.c.id == _c.case_id, cases.c.helper_id == _me).correlate(conversations)
).scalar_subquery()
_OWED = (
    select(promises.c.id)
    .select_from(promises.outerjoin(cases, cases.c.id == promises.c.case_id))
    .where(promises.c.conversation_id == _c.id, promises.c.state == OPEN)
    .correlate(conversations)
)


def _near(n: int, *wanted: ColumnElement[bool] | TextClause) -> Subquery:
    wrote = _c.last_customer_at
    query = select(_c.id, wrote).where(*wanted, _c.channel == bindparam(f"channel{n}"), _c.blocked.is_(False))
    query = query.where(wrote > bindparam(f"after{n}", type_=Time), wrote <= bindparam(f"until{n}", type_=Time))
    return query.order_by(wrote).limit(_most).subquery()


def _together(*parts: Subquery) -> Select[Any]:
    both = union_all(*(select(part) for part in parts)).subquery()
    return select(both).order_by(both.c.last_customer_at).limit(_most)


def _closing(n: int, *, everyone: bool) -> Select[Any]:
    if everyone:
        return _together(_near(n, _UNDER_WAY), _near(n, _WARNED, exists(_OWED.where(OWNER_ID.is_not(None)))))
    mine = or_(_c.status == Status.WAITING, _c.agent_id == _me, _helped > 0)
    return _together(_near(n, _UNDER_WAY, mine), _near(n, _WARNED, exists(_OWED.where(OWNER_ID == _me))))


_EVERYONE_S, _ONE_S = _closing(0, everyone=True), _closing(0, everyone=False)
