"""Stored inbound events: put in once, answered in order, or set aside."""

from __future__ import annotations

from collections.abc import Sequence
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

Arrival = tuple[str, Sequence[RawEvent], datetime]  # one delivery: the channel, its events, when it came
ROWS = 100  # in one statement
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
    connection: Connection, channel: str, raws: Sequence[RawEvent], now: datetime, *, own: bool = False
) -> list[RawEvent]:
    """Store what arrived; those that were not known yet. `own`: ours (a follow-up), not the platform's."""
    return put_all(connection, [(channel, raws, now)], own=own)[0]


def put_all(connection: Connection, arrivals: Sequence[Arrival], *, own: bool = False) -> list[list[RawEvent]]:
    """Store what arrived in several deliveries; of each, those that were not known yet."""
    first: dict[tuple[str, str], tuple[int, RawEvent, datetime]] = {}
    for number, (channel, raws, now) in enumerate(arrivals):
        for raw in raws:
            first.setdefault((channel, raw.external_id), (number, raw, now))
    new: list[list[RawEvent]] = [[] for _ in arrivals]
    keys = list(first)
    for start in range(0, len(keys), ROWS):
        part = keys[start : start + ROWS]
        values = {
            f"{name}_{place}": value
            for place, key in enumerate(part)
            for name, value in _row(key[0], *first[key][1:], own).items()
        }
        stored = {(row.channel, row.external_id) for row in connection.execute(_insert_unknown(len(part)), values)}
        for key in part:
            if key in stored:
                new[first[key][0]].append(first[key][1])
    return new


def _row(channel: str, raw: RawEvent, now: datetime, own: bool) -> dict[str, Any]:
    return {
        "channel": channel,
        "external_id": raw.external_id,
        "chat": raw.chat,
        "own": own,
        "payload": raw.payload,
        "at": raw.at,
        "received_at": now,
        "state": Inbound.NEW if raw.chat is not None else Inbound.ASIDE,
    }


@cache
def _insert_unknown(rows: int) -> TextClause:
    """Written out for the reason of `_insert_unless_known`; one statement, since each hands Python's lock over."""
    names = ("channel", "external_id", "chat", "own", "payload", "at", "received_at", "state")
    places = [f"({', '.join(f':{name}_{place}' for name in names)})" for place in range(rows)]
    words = f"INSERT INTO events ({', '.join(names)}) VALUES {', '.join(places)} ON CONFLICT DO NOTHING"
    types = [bindparam(f"{name}_{place}", type_=events.c[name].type) for place in range(rows) for name in names]
    return text(f"{words} RETURNING channel, external_id").bindparams(*types)


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
