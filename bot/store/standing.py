"""How a person stands to a case: whether it is their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from bot.store.tables import cases, conversations


@dataclass(frozen=True)
class Standing:
    """`own`: owner, helper or the one it is offered to; `open`: and the case is not closed."""

    own: bool
    open: bool


def standing(connection: Connection, conversation_id: int, agent_id: int) -> Standing | None:
    """Of a person towards a conversation and its newest case; None when there is no such conversation."""
    row = connection.execute(
        select(
            conversations.c.agent_id,
            cases.c.owner_id,
            cases.c.helper_id,
            cases.c.offered_to,
            cases.c.closed_at,
        )
        .outerjoin(cases, cases.c.id == _newest())
        .where(conversations.c.id == conversation_id)
    ).first()
    if row is None:
        return None
    own = agent_id in (row.agent_id, row.owner_id, row.helper_id, row.offered_to)
    return Standing(own, own and (row.agent_id == agent_id or row.closed_at is None))


def open_of(connection: Connection, agent_id: int, among: Sequence[int]) -> set[int]:
    """Which of these conversations are the person's own and open."""
    rows = connection.execute(
        select(conversations.c.id)
        .outerjoin(cases, cases.c.id == _newest())
        .where(conversations.c.id.in_(among), or_(conversations.c.agent_id == agent_id, _theirs(agent_id)))
    )
    return set(rows.scalars())


def held_by(connection: Connection, agent_id: int) -> set[int]:
    """The conversations that are in the person's hands, offered to them, or in which their help is asked."""
    in_hand = select(conversations.c.id).where(conversations.c.agent_id == agent_id)
    helped = select(cases.c.conversation_id).where(cases.c.helper_id == agent_id)
    offered = select(cases.c.conversation_id).where(cases.c.offered_to == agent_id)
    return {row for each in (in_hand, helped, offered) for row in connection.execute(each).scalars()}


def _theirs(agent_id: int) -> ColumnElement[bool]:
    theirs = or_(*(cases.c[name] == agent_id for name in ("owner_id", "helper_id", "offered_to")))
    return and_(cases.c.closed_at.is_(None), theirs)


def _newest() -> ColumnElement[int]:
    newest = select(func.max(cases.c.id)).where(cases.c.conversation_id == conversations.c.id)
    return func.coalesce(conversations.c.case_id, newest.correlate(conversations).scalar_subquery())
