"""Who is really there, with how much in hand; and who is looking at which conversation."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Subquery, bindparam, delete, func, select, update

from bot.model.choosing import Person
from bot.model.roles import GIVEN_CUSTOMERS
from bot.store.conversations import tell
from bot.store.events import insert_new
from bot.store.tables import Time, agents, attention, cases, conversations, presence

SEEN = timedelta(seconds=100)  # browsers let a page in the background speak once a minute
USED = timedelta(minutes=10)  # a desk that nobody touched this long is an empty chair
LOOKING = timedelta(seconds=50)  # two of a page's reports
TYPING = timedelta(seconds=12)

# Put together once, since each hand-off asks who is there.
_PRESENT = (
    select(
        *(agents.c[name] for name in ("id", "name", "role", "teams", "languages", "topics", "capacity")),
        presence.c.offered_at,
    )
    .join(presence, presence.c.agent_id == agents.c.id)
    .where(
        presence.c.seen_at >= bindparam("seen", type_=Time),
        presence.c.used_at >= bindparam("used", type_=Time),
        agents.c.active,
        agents.c.paused_at.is_(None),
    )
    .order_by(agents.c.id)
)
_ANYONE = _PRESENT.limit(1)
_ONE = _PRESENT.where(agents.c.id == bindparam("agent"))
#: Customers in hand and those offered, both read from an index alone.
_LOAD = (
    select(func.count()).where(conversations.c.agent_id == agents.c.id).scalar_subquery()
    + select(func.count()).where(cases.c.offered_to == agents.c.id).scalar_subquery()
).label("load")
_PEOPLE = _PRESENT.add_columns(_LOAD)


def here(connection: Connection, agent_id: int, *, used_at: datetime, now: datetime) -> bool:
    """A person's desk is open, and was last used at `used_at`; whether they were away until now."""
    before = connection.execute(select(presence).where(presence.c.agent_id == agent_id)).first()
    if before is None:
        insert_new(connection, presence, agent_id=agent_id, seen_at=now, used_at=used_at)
        return True
    # of two open browsers the one in use counts
    used_at = max(used_at, before.used_at)
    connection.execute(
        update(presence).where(presence.c.agent_id == agent_id).values(seen_at=now, used_at=used_at)
    )
    return bool(before.seen_at < now - SEEN or before.used_at < now - USED)


def was_offered(connection: Connection, agent_id: int, now: datetime) -> None:
    """Among equals the next one is somebody else's."""
    connection.execute(update(presence).where(presence.c.agent_id == agent_id).values(offered_at=now))


def gone(connection: Connection, agent_id: int) -> None:
    """The person left the desk."""
    connection.execute(delete(presence).where(presence.c.agent_id == agent_id))
    connection.execute(delete(attention).where(attention.c.agent_id == agent_id))


def is_here(connection: Connection, agent_id: int, now: datetime) -> bool:
    """Whether the person is at an open, used desk and not paused."""
    return connection.execute(_ONE, {"agent": agent_id, **_since(now)}).first() is not None


def anyone(connection: Connection, now: datetime) -> bool:
    """Whether somebody is there at all."""
    return connection.execute(_ANYONE, _since(now)).first() is not None


def people(connection: Connection, now: datetime) -> list[Person]:
    """Everyone who is there, with what they know and have in hand."""
    there = connection.execute(_PEOPLE, _since(now))
    return [
        Person(
            id=row.id,
            present=True,
            teams=frozenset(row.teams),
            languages=frozenset(row.languages),
            topics=frozenset(row.topics),
            # admins and editors are asked by name only
            capacity=row.capacity if row.role in GIVEN_CUSTOMERS else 0,
            load=row.load,
            last_offer=row.offered_at,
        )
        for row in there
    ]


def _since(now: datetime) -> dict[str, datetime]:
    return {"seen": now - SEEN, "used": now - USED}


def everyone(connection: Connection, now: datetime) -> list[Row[Any]]:
    """All active people with what the desk shows of them: whether there, paused, how many in hand."""
    count = _in_hand()
    return list(
        connection.execute(
            select(
                *(
                    agents.c[name]
                    for name in ("id", "name", "role", "picture_version", "teams", "languages", "topics", "capacity")
                ),
                agents.c.paused_at,
                presence.c.seen_at,
                presence.c.used_at,
                ((presence.c.seen_at >= now - SEEN) & (presence.c.used_at >= now - USED)).label("present"),
                func.coalesce(count.c.load, 0).label("load"),
            )
            .outerjoin(presence, presence.c.agent_id == agents.c.id)
            .outerjoin(count, count.c.agent_id == agents.c.id)
            .where(agents.c.active)
            .order_by(agents.c.name)
        )
    )


def _in_hand() -> Subquery:
    return (
        select(conversations.c.agent_id, func.count().label("load"))
        .where(conversations.c.agent_id.is_not(None))
        .group_by(conversations.c.agent_id)
        .subquery()
    )


def looks(connection: Connection, conversation_id: int, agent_id: int, *, typing: bool, now: datetime) -> None:
    """A person has the conversation open; colleagues are told when that is new or the typing changed."""
    of = (attention.c.conversation_id == conversation_id) & (attention.c.agent_id == agent_id)
    before = connection.execute(select(attention).where(of)).first()
    typed_at = now if typing else None
    if before is None:
        insert_new(
            connection,
            attention,
            conversation_id=conversation_id,
            agent_id=agent_id,
            seen_at=now,
            typed_at=typed_at,
        )
    else:
        connection.execute(update(attention).where(of).values(seen_at=now, typed_at=typed_at))
    was_typing = bool(before and before.typed_at and before.typed_at > now - TYPING)
    if before is None or before.seen_at < now - LOOKING or was_typing != typing:
        tell(connection, conversation_id, "look", now)


def looks_away(connection: Connection, agent_id: int, *, but: int | None, now: datetime) -> None:
    """A person has opened another conversation: who is still in the old ones need not wait to learn it."""
    rows = connection.execute(
        delete(attention)
        .where(attention.c.agent_id == agent_id, attention.c.conversation_id != (but or 0))
        .returning(attention.c.conversation_id)
    ).all()
    for row in rows:
        tell(connection, row.conversation_id, "look", now)


def lookers(
    connection: Connection, conversation_id: int, known: Mapping[int, bool] | None, *, but: int, now: datetime
) -> list[Row[Any]]:
    """Colleagues who have the conversation open now, and whether they type: as it is `known`, else as stored."""
    names = (agents.c.id, agents.c.name, agents.c.picture_version)
    if known is None:
        query = (
            select(*names, (attention.c.typed_at >= now - TYPING).label("typing"))
            .join(agents, agents.c.id == attention.c.agent_id)
            .where(attention.c.conversation_id == conversation_id, attention.c.seen_at >= now - LOOKING)
        )
    else:
        types = [agent_id for agent_id, typing in known.items() if typing]
        query = select(*names, agents.c.id.in_(types).label("typing")).where(agents.c.id.in_(list(known)))
    return list(connection.execute(query.where(agents.c.id != but, agents.c.active).order_by(agents.c.name)))
