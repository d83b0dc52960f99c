"""Who did what at the desk, and who looked at what: rows that are only ever added.

Each is written in the transaction of the change it tells of: no change without its row, no row without its change.
Never a message's text, a note's, a password or a login that nobody has.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Integer, Row, Select, bindparam, delete, desc, func, insert, or_, select

from bot.store.tables import agents, audit, cases, conversations, customers

LOOK, FILE = "look", "file"  # the kinds that change nothing
SAME = timedelta(minutes=10)  # looking again within this is the same look: an open page asks for news all the time
KEEP = timedelta(days=365)

_ABOUT = bindparam("about", type_=Integer)
_ADD = insert(audit)
#: With the case in hand; after a move that ended it, the newest.
_ADD_OF_CASE = insert(audit).values(
    case_id=func.coalesce(
        select(conversations.c.case_id).where(conversations.c.id == _ABOUT).scalar_subquery(),
        select(func.max(cases.c.id)).where(cases.c.conversation_id == _ABOUT).scalar_subquery(),
    )
)


@dataclass(frozen=True)
class Wanted:
    """Which rows: about or by a person, of a case (its number), of a kind."""

    person: int | None = None
    case: str = ""
    kind: str = ""


def add(
    connection: Connection,
    kind: str,
    agent_id: int | None,
    *,
    conversation_id: int | None = None,
    person_id: int | None = None,
    now: datetime,
    **details: Any,
) -> None:
    """Write down that `agent_id` (None: the command line, or somebody unknown) did `kind` to a case or a person."""
    row = {"at": now, "agent_id": agent_id, "kind": kind, "person_id": person_id, "details": details}
    if conversation_id is None:
        connection.execute(_ADD, row)
    else:
        connection.execute(_ADD_OF_CASE, {**row, "conversation_id": conversation_id, _ABOUT.key: conversation_id})


def add_once(
    connection: Connection, kind: str, agent_id: int, *, conversation_id: int, now: datetime, **details: Any
) -> None:
    """`add`, unless the person did the very same within SAME."""
    if not _recently(connection, kind, agent_id, conversation_id, now, details):
        add(connection, kind, agent_id, conversation_id=conversation_id, now=now, **details)


def looked(connection: Connection, agent_id: int, conversation_id: int, now: datetime) -> bool:
    """Whether the person's look at the conversation is written down already."""
    return _recently(connection, LOOK, agent_id, conversation_id, now, {})


def _recently(
    connection: Connection, kind: str, agent_id: int, conversation_id: int, now: datetime, details: dict[str, Any]
) -> bool:
    rows = connection.execute(
        select(audit.c.details).where(
            audit.c.conversation_id == conversation_id,
            audit.c.agent_id == agent_id,
            audit.c.kind == kind,
            audit.c.at > now - SAME,
        )
    ).scalars()
    return any(row == details for row in rows)


def signed_in_from(connection: Connection, agent_id: int, limit: int = 50) -> list[str]:
    """The addresses of a person's last sign-ins."""
    mine = select(audit.c.details).where(audit.c.person_id == agent_id, audit.c.kind == "sign_in")
    rows = connection.execute(mine.order_by(desc(audit.c.id)).limit(limit)).scalars()
    return [str(row.get("address", "")) for row in rows]


def listed(connection: Connection, wanted: Wanted, *, before: int | None = None, limit: int = 100) -> list[Row[Any]]:
    """The rows that are wanted, the newest first, with names; `before`: older than that row."""
    query = _named().order_by(desc(audit.c.id)).limit(limit)
    if before is not None:
        query = query.where(audit.c.id < before)
    if wanted.person is not None:
        query = query.where(or_(audit.c.agent_id == wanted.person, audit.c.person_id == wanted.person))
    if wanted.kind:
        query = query.where(audit.c.kind == wanted.kind)
    if wanted.case:
        found = select(cases.c.id).where(cases.c.number == wanted.case).scalar_subquery()
        query = query.where(audit.c.case_id == found)
    return list(connection.execute(query))


def of_case(connection: Connection, case_id: int, limit: int = 30) -> list[Row[Any]]:
    """The last rows of a case, the newest first, with names."""
    return list(connection.execute(_named().where(audit.c.case_id == case_id).order_by(desc(audit.c.id)).limit(limit)))


def forget_before(connection: Connection, moment: datetime) -> None:
    """Delete what is older: these rows tell about the people who work here, and are not kept for ever."""
    connection.execute(delete(audit).where(audit.c.at < moment))


def _named() -> Select[Any]:
    about = agents.alias("about")
    return (
        select(
            audit,
            agents.c.name.label("agent_name"),
            about.c.name.label("person_name"),
            cases.c.number.label("case_number"),
            conversations.c.channel,
            customers.c.name.label("customer_name"),
        )
        .outerjoin(agents, agents.c.id == audit.c.agent_id)
        .outerjoin(about, about.c.id == audit.c.person_id)
        .outerjoin(cases, cases.c.id == audit.c.case_id)
        .outerjoin(conversations, conversations.c.id == audit.c.conversation_id)
        .outerjoin(customers, customers.c.id == conversations.c.customer_id)
    )
