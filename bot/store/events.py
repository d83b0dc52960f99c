"""Stored inbound events: put in once, answered in order, or set aside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
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
# Put together once, since they run in every turn.
_NEXT = (
    select(events)
    .where(NEW, events.c.channel == bindparam("channel"), events.c.chat == bindparam("chat"))
    .order_by(events.c.at, events.c.id)
    .limit(1)
)
_FINISH = update(events).where(events.c.id == bindparam("its_id"), NEW)


def insert_new(connection: Connection, table: Table, **values: Any) -> bool:
    """Insert a row unless it breaks a unique constraint; True when it was new. Defaults of columns do not apply."""
    return bool(_insert_unless_known(connection, table, [values], told=tuple(values)[:1]))


def _insert_unless_known(
    connection: Connection, table: Table, rows: Sequence[dict[str, Any]], *, told: tuple[str, ...]
) -> Sequence[Row[Any]]:
    """Insert rows of the same columns; of those that were new, the columns `told`.

    One statement for all: each hands Python's lock over, and many small ones wait for it more than for the disk.
    """
    values = {f"{name}_{place}": value for place, row in enumerate(rows) for name, value in row.items()}
    # not by counting rows: PostgreSQL's driver does not know how many, and every duplicate would look new
    return connection.execute(_statement(table, tuple(rows[0]), len(rows), told), values).all()


@cache
def _statement(table: Table, names: tuple[str, ...], rows: int, told: tuple[str, ...]) -> TextClause:
    """Written out: SQLAlchemy compiles its own ON CONFLICT at each use, which costs three times the insert itself."""
    places = ", ".join(f"({', '.join(f':{name}_{place}' for name in names)})" for place in range(rows))
    words = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES {places} ON CONFLICT DO NOTHING"
    types = [bindparam(f"{name}_{place}", type_=table.c[name].type) for place in range(rows) for name in names]
    return text(f"{words} RETURNING {', '.join(told)}").bindparams(*types)


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
        rows = [_row(key[0], *first[key][1:], own) for key in part]
        known = ("channel", "external_id")
        stored = {tuple(row) for row in _insert_unless_known(connection, events, rows, told=known)}
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


def next_of(connection: Connection, key: ConversationKey) -> Row[Any] | None:
    """The conversation's oldest event that nobody has worked on yet."""
    return connection.execute(_NEXT, {"channel": key.channel, "chat": key.chat}).first()


def finish(
    connection: Connection,
    event_id: int,
    now: datetime,
    *,
    state: Inbound = Inbound.DONE,
    problem: str | None = None,
) -> bool:
    """Mark an event worked on. False when it already was: then nothing of this turn may be kept."""
    values = {"state": state, "problem": problem, "done_at": now}
    return connection.execute(_FINISH, {"its_id": event_id, **values}).rowcount == 1


def forget_before(connection: Connection, before: datetime) -> int:
    """Delete finished events older than `before`; how many."""
    return forget_oldest(connection, events, at="received_at", before=before, but=events.c.state == Inbound.NEW)


def forget_oldest(
    connection: Connection, table: Table, *, at: str, before: datetime, but: ColumnElement[bool] | None = None
) -> int:
    """Delete the rows that were written (column `at`) earlier, `but` some; how many. `table` grows at its end only.

    Read from the oldest row up to the first that is young enough: what is kept, however much, is not looked at.
    """
    id_, old = table.c.id, table.c[at] < before
    young = connection.execute(select(id_).where(~old).order_by(id_).limit(1)).scalar()
    query = delete(table).where(old) if young is None else delete(table).where(old, id_ < young)
    return connection.execute(query if but is None else query.where(~but)).rowcount
