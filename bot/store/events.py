"""Stored inbound events: put in once, answered in order, or set aside."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
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
_COLUMNS = ("channel", "external_id", "chat", "own", "payload", "at", "received_at", "state")


def _put(rows: str, values: Sequence[str]) -> TextClause:
    words = f"INSERT INTO events ({', '.join(_COLUMNS)}) SELECT {', '.join(values)} FROM {rows} WHERE true"
    return text(f"{words} ON CONFLICT DO NOTHING RETURNING channel, external_id")


_MOMENT = "CAST({} || '+00' AS TIMESTAMP WITH TIME ZONE)"
_CASTS = {"own": "CAST({} AS BOOLEAN)", "payload": "CAST({} AS JSON)", "at": _MOMENT, "received_at": _MOMENT}
#: All rows as one JSON text: a statement with a parameter for each of their values takes longer to prepare than the
#: rows to store, and hands Python's lock to and fro meanwhile.
_PUT = {
    "sqlite": _put("json_each(:rows)", [f"json_extract(value, '$[{place}]')" for place in range(len(_COLUMNS))]),
    "postgresql": _put(
        "json_array_elements(CAST(:rows AS JSON))",
        [_CASTS.get(name, "{}").format(f"(value ->> {place})") for place, name in enumerate(_COLUMNS)],
    ),
}
#: In the words of the index on new events: SQLite uses it only where it sees that its condition holds.
NEW = events.c.state == literal_column(f"'{Inbound.NEW}'")
ASIDE = events.c.state == literal_column(f"'{Inbound.ASIDE}'")
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
    # not by counting rows: PostgreSQL's driver does not know how many, and every duplicate would look new
    return connection.execute(_insert_unless_known(table, tuple(values)), values).first() is not None


@cache
def _insert_unless_known(table: Table, names: tuple[str, ...]) -> TextClause:
    """Written out: SQLAlchemy compiles its own ON CONFLICT at each use, which costs three times the insert itself."""
    words = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})"
    types = [bindparam(name, type_=table.c[name].type) for name in names]
    return text(f"{words} ON CONFLICT DO NOTHING RETURNING {names[0]}").bindparams(*types)


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
    rows = json.dumps([_row(key[0], *arrival[1:], own) for key, arrival in first.items()])
    stored = connection.execute(_PUT[connection.dialect.name], {"rows": rows}) if first else ()
    unknown = {tuple(row) for row in stored}
    new: list[list[RawEvent]] = [[] for _ in arrivals]
    for key, (number, raw, _) in first.items():
        if key in unknown:
            new[number].append(raw)
    return new


def _row(channel: str, raw: RawEvent, now: datetime, own: bool) -> list[Any]:
    """The values of _COLUMNS, as `_PUT` reads them."""
    state = Inbound.NEW if raw.chat is not None else Inbound.ASIDE
    times = (moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds") for moment in (raw.at, now))
    return [channel, raw.external_id, raw.chat, own, json.dumps(raw.payload), *times, state]


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
