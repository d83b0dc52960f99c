"""Cases: opened by a hand-off, owned by one person at a time, closed with an outcome."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, Row, bindparam, desc, func, insert, select, update

from bot.store import search
from bot.store.tables import agents, cases, moves, packets

#: Nobody is asked to take it (any more).
NOT_OFFERED = {"offered_to": None, "offered_at": None, "offer_until": None, "lead_since": None}
#: The customer does not wait for a person (any more).
NOT_WAITING = {**NOT_OFFERED, "waiting_since": None, "counts_since": None}

# Put together once, since they run in every turn or hand-off.
_OF_CUSTOMER = (
    select(cases, agents.c.name.label("owner_name"))
    .outerjoin(agents, agents.c.id == cases.c.owner_id)
    .where(cases.c.customer_id == bindparam("customer"))
    .order_by(desc(cases.c.id))
    .limit(bindparam("most", type_=Integer))
)

_GET = (
    select(cases, agents.c.name.label("owner_name"))
    .outerjoin(agents, agents.c.id == cases.c.owner_id)
    .where(cases.c.id == bindparam("its_id"))
)
_CHANGE = update(cases).where(cases.c.id == bindparam("its_id"))

#: No letter that is mistaken for a digit on the phone.
ALPHABET = "ACDEFGHJKLMNPQRTUVWXY34679"


def open_case(
    connection: Connection,
    conversation: Row[Any],
    *,
    reason: str,
    topic: str,
    note: str,
    now: datetime,
    team: str = "",
) -> Row[Any]:
    """A new case that waits for a person."""
    number = "C-" + "".join(secrets.choice(ALPHABET) for _ in range(5))
    while connection.execute(select(cases.c.id).where(cases.c.number == number)).first():
        number += secrets.choice(ALPHABET)
    key = connection.execute(
        insert(cases).values(
            number=number,
            conversation_id=conversation.id,
            customer_id=conversation.customer_id,
            reason=reason,
            topic=topic,
            note=note,
            team=team,
            opened_at=now,
            **waits_from(now),
        )
    ).inserted_primary_key
    assert key
    search.keep(connection, conversation.customer_id, search.CASE, search.case_words(number), only=False)
    return get(connection, key[0])


def waits_from(now: datetime) -> dict[str, datetime]:
    """The columns of a case whose customer waits from now on; flow/queue.py then finds its place."""
    return {"waiting_since": now, "counts_since": now}


def get(connection: Connection, case_id: int) -> Row[Any]:
    """The case with its owner's name. Raises NoResultFound."""
    return connection.execute(_GET, {"its_id": case_id}).one()


def by_number(connection: Connection, number: str) -> Row[Any] | None:
    """The case that people call by this number, as they write it."""
    bare = number.strip().upper().removeprefix("C-")
    return connection.execute(select(cases).where(cases.c.number == f"C-{bare}")).first()


def change(connection: Connection, case_id: int, **values: Any) -> None:
    """Set columns of a case."""
    connection.execute(_CHANGE, {"its_id": case_id, **values})


def latest(connection: Connection, conversation_id: int) -> Row[Any] | None:
    """The conversation's newest case."""
    return connection.execute(
        select(cases).where(cases.c.conversation_id == conversation_id).order_by(desc(cases.c.id)).limit(1)
    ).first()


def of_customer(connection: Connection, customer_id: int, limit: int = 5) -> list[Row[Any]]:
    """The customer's cases on every channel, the newest first, with the owner's name."""
    return list(connection.execute(_OF_CUSTOMER, {"customer": customer_id, "most": limit}))


def add_packet(connection: Connection, case_id: int, body: dict[str, Any], now: datetime) -> int:
    """Keep what is handed over; the packet's version."""
    newest = connection.execute(select(func.max(packets.c.version)).where(packets.c.case_id == case_id)).scalar()
    version = (newest or 0) + 1
    connection.execute(insert(packets).values(case_id=case_id, version=version, body=body, created_at=now))
    return version


def packet(connection: Connection, case_id: int) -> Row[Any] | None:
    """The newest packet of a case."""
    return connection.execute(
        select(packets).where(packets.c.case_id == case_id).order_by(desc(packets.c.version)).limit(1)
    ).first()


def moves_of(connection: Connection, conversation_id: int) -> list[Row[Any]]:
    """Who moved the conversation, from where to where, why and when; oldest first."""
    return list(
        connection.execute(
            select(moves, agents.c.name.label("agent_name"))
            .outerjoin(agents, agents.c.id == moves.c.agent_id)
            .where(moves.c.conversation_id == conversation_id)
            .order_by(moves.c.id)
        )
    )
