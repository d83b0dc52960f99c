"""Stored inbound events: put in once, answered in order, or set aside."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Table,
    TextClause,
    bindparam,
    delete,
    literal_column,
    select,
    text,
    update,
)

from bot.model.messages import ConversationKey, RawEvent
from bot.model.states import Inbound
from bot.store.tables import events

#: In the words of the index on new events: SQLite uses it only where it sees that its condition holds.
NEW = events.c.state == literal_column(f"'{Inbound.NEW}'")


def insert_new(connection: Connection, table: Table, **values: Any) -> bool:
    """Insert a row unless it breaks a unique constraint; True when it was new. Defaults of columns do not apply."""
    statement = _insert_unless_known(table, tuple(values))
    # not by counting rows: PostgreSQL's driver does not know how many, and every duplicate would look new
    return connection.execute(statement, values).first() is not None


@cache
def _insert_unless_known(table: Table, names: tuple[str, ...]) -> TextClause:
    """Written out: SQLAlchemy compiles its own ON CONFLICT at each use, which costs three times the insert itself."""
    columns, parameters = ", ".join(names), ", ".join(f":{name}" for name in names)
    keys = ", ".join(column.name for column in table.primary_key)
    words = f"INSERT INTO {table.name} ({columns}) VALUES ({parameters}) ON CONFLICT DO NOTHING RETURNING {keys}"
    return text(words).bindparams(*(bindparam(name, type_=table.c[name].type) for name in names))


def put(
    connection: Connection, channel: str, raws: Iterable[RawEvent], now: datetime, *, own: bool = False
) -> list[RawEvent]:
    """Store what arrived; those that were not known yet. `own`: ours (a follow-up), not the platform's."""
    return [
        raw
        for raw in raws
        if insert_new(
            connection,
            events,
            channel=channel,
            external_id=raw.external_id,
            chat=raw.chat,
            own=own,
            payload=raw.payload,
            at=raw.at,
            received_at=now,
            state=Inbound.NEW if raw.chat is not None else Inbound.ASIDE,
        )
    ]


def next_of(connection: Connection, key: ConversationKey) -> Row[Any] | None:
    """The conversation's oldest event that nobody has worked on yet."""
    return connection.execute(
        select(events)
        .where(NEW, events.c.channel == key.channel, events.c.chat == key.chat)
        .order_by(events.c.at, events.c.id)
        .limit(1)
    ).first()


def finish(
    connection: Connection,
    event_id: int,
    now: datetime,
    *,
    state: Inbound = Inbound.DONE,
    problem: str | None = None,
) -> bool:
    """Mark an event worked on. False when it already was: then nothing of this turn may be kept."""
    changed = connection.execute(
        update(events)
        .where(events.c.id == event_id, events.c.state == Inbound.NEW)
        .values(state=state, problem=problem, done_at=now)
    )
    return changed.rowcount == 1


def forget_before(connection: Connection, before: datetime) -> int:
    """Delete finished events older than `before`; how many."""
    return connection.execute(
        delete(events).where(events.c.received_at < before, events.c.state != Inbound.NEW)
    ).rowcount
