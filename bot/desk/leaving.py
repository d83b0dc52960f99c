"""Who may no longer do what they did: their sessions end at once, and their customers are left with nobody's silence.

deactivated       sessions end, offers go on, customers go back to the queue or to a colleague
another role      the same where the new role is given no customers; else sessions end, offers go on, customers stay
a new password    sessions end, offers go on, customers stay: the person signs in again in a minute
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from bot.flow import assign, handoff, transfer
from bot.flow.way import Way
from bot.model.errors import Refused
from bot.model.roles import ADMIN, GIVEN_CUSTOMERS, ROLES
from bot.model.states import Status
from bot.store import agents, audit, cases, conversations, decisions, presence
from bot.store import tables as t


async def set_active(
    way: Way, agent_id: int, *, active: bool, by: Row[Any] | None = None, to: int | None = None
) -> None:
    """Let someone in or out, decided `by` someone. Their customers go to colleague `to`, else to the queue.

    Raises Refused: nobody, last_admin.
    """

    def work(connection: Connection) -> None:
        now, person = way.clock(), _person(connection, agent_id)
        if person.active == active:
            return
        if not active:
            _not_the_last_admin(connection, person)
        agents.change(connection, agent_id, active=active)
        left = [] if active else _leave(connection, way, person, by=by, to=to, now=now)
        kind = "person_in" if active else "person_out"
        more = {} if active else {"customers": len(left)}
        audit.add(connection, kind, by.id if by else None, person_id=agent_id, now=now, **more)

    await way.db.write(work)
    way.committed()


async def set_role(way: Way, agent_id: int, role: str, *, by: Row[Any] | None = None) -> None:
    """Give another role. Raises Refused: nobody, bad_role, last_admin."""
    if role not in ROLES:
        raise Refused("bad_role")

    def work(connection: Connection) -> None:
        now, person = way.clock(), _person(connection, agent_id)
        if person.role == role:
            return
        _not_the_last_admin(connection, person)
        agents.change(connection, agent_id, role=role)
        left = []
        if person.role in GIVEN_CUSTOMERS and role not in GIVEN_CUSTOMERS:
            left = _leave(connection, way, person, by=by, to=None, now=now)
        else:
            agents.end_sessions(connection, agent_id=agent_id, now=now)
            offers_go_on(connection, way, agent_id, now=now)
        audit.add(
            connection,
            "role",
            by.id if by else None,
            person_id=agent_id,
            now=now,
            role=[person.role, role],
            customers=len(left),
        )

    await way.db.write(work)
    way.committed()


def offers_go_on(connection: Connection, way: Way, agent_id: int, *, now: datetime) -> None:
    """The person is not at the desk: what was offered to them is offered to the next at once."""
    presence.gone(connection, agent_id)
    offered = select(t.cases.c.conversation_id).where(t.cases.c.offered_to == agent_id)
    for conversation_id in connection.execute(offered).scalars().all():
        assign.again(connection, way=way, conversation_id=conversation_id, now=now)


def _leave(
    connection: Connection, way: Way, person: Row[Any], *, by: Row[Any] | None, to: int | None, now: datetime
) -> list[int]:
    """Sessions, offers, calls for help, customers: the conversations that were in the person's hands."""
    agents.end_sessions(connection, agent_id=person.id, now=now)
    offers_go_on(connection, way, person.id, now=now)
    helped = select(t.cases.c.id).where(t.cases.c.helper_id == person.id, t.cases.c.closed_at.is_(None))
    for case_id in connection.execute(helped).scalars().all():
        cases.change(connection, case_id, helper_id=None)
        decisions.add(connection, case_id, "gone", agent_id=person.id, by_agent_id=by.id if by else None, now=now)
    colleague = transfer.colleague(connection, to) if to else None
    in_hand = select(t.conversations.c.id).where(
        t.conversations.c.status == Status.AGENT, t.conversations.c.agent_id == person.id
    )
    left = list(connection.execute(in_hand.order_by(t.conversations.c.id)).scalars())
    for conversation_id in left:
        conversation = conversations.get(connection, conversation_id, hold=True)
        assert conversation
        # a customer whose channel was switched off cannot be told who comes now
        if colleague and by and conversation.channel in way.channels:
            transfer.to_person(connection, way, conversation, person, colleague, "", by=by, now=now)
        else:
            handoff.requeue(connection, way, conversation, person, "left", now=now)
            assign.again(connection, way=way, conversation_id=conversation_id, now=now)
    return left


def _person(connection: Connection, agent_id: int) -> Row[Any]:
    person = agents.get(connection, agent_id)
    if person is None:
        raise Refused("nobody")
    return person


def _not_the_last_admin(connection: Connection, person: Row[Any]) -> None:
    others = select(t.agents.c.id).where(t.agents.c.role == ADMIN, t.agents.c.active, t.agents.c.id != person.id)
    if person.role == ADMIN and connection.execute(others).first() is None:
        raise Refused("last_admin")
