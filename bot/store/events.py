"""Stored inbound events: put in once, answered in order, or set aside."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Row,
    Table,
    TextClause,
    bindparam,
    delete,
    desc,
    literal_column,
    select,
    text,
    update,
)

from bot.model.messages import ConversationKey, RawEvent
from bot.model.states import Inbound
from bot.store.tables import events

_COLUMNS = ("channel", "external_id", "chat", "own", "payload", "at", "received_at", "state")


def _put(rows: str, values: Sequence[str], returning: str = "") -> TextClause:
    words = f"INSERT INTO events ({', '.join(_COLUMNS)}) SELECT {', '.join(values)} FROM {rows} WHERE true"
    return text(f"{words} ON CONFLICT DO NOTHING {returning}")


_MOMENT = "CAST({} || '+00' AS TIMESTAMP WITH TIME ZONE)"
_CASTS = {"own": "CAST({} AS BOOLEAN)", "payload": "CAST({} AS JSON)", "at": _MOMENT, "received_at": _MOMENT}
#: All rows as one JSON text: a statement with a parameter for each of their values takes longer to prepare than the
#: rows to store, and hands Python's lock to and fro meanwhile.
_PUT = {
    "sqlite": _put(
        "json_each(:rows)", [f"json_extract(value, '$[{place}]')" for place in range(len(_COLUMNS))]
    ).execution_options(preserve_rowcount=True),
    "postgresql": _put(
        "json_array_elements(CAST(:rows AS JSON))",
        [_CASTS.get(name, "{}").format(f"(value ->> {place})") for place, name in enumerate(_COLUMNS)],
        "RETURNING channel, external_id",
    ),
}
_LAST = (
    select(events.c.channel, events.c.external_id).order_by(desc(events.c.id)).limit(bindparam("most", type_=Integer))
)
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


@dataclass(frozen=True)
class Arrival:
    """One delivery as it is stored: its events, and the row of each as plain values."""

    channel: str
    raws: Sequence[RawEvent]
    rows: Sequence[list[Any]]


def arrival(channel: str, raws: Sequence[RawEvent], now: datetime, *, own: bool = False) -> Arrival:
    """What arrived, written out. `own`: ours (a follow-up), not the platform's. Raises ValueError, TypeError.

    By whoever brings it: the thread that stores it would take turns with them for Python's lock, with all who wait.
    """
    came = _written(now)
    return Arrival(channel, raws, [_row(channel, raw, came, own) for raw in raws])


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
    return put_all(connection, [arrival(channel, raws, now, own=own)])[0]


def put_all(connection: Connection, arrivals: Sequence[Arrival]) -> list[list[RawEvent]]:
    """Store what arrived in several deliveries; of each, those that were not known yet."""
    first: dict[tuple[str, str], tuple[int, RawEvent, list[Any]]] = {}
    for number, one in enumerate(arrivals):
        for raw, row in zip(one.raws, one.rows, strict=True):
            first.setdefault((one.channel, raw.external_id), (number, raw, row))
    unknown = _stored(connection, json.dumps([row for *_, row in first.values()]), first.keys()) if first else ()
    new: list[list[RawEvent]] = [[] for _ in arrivals]
    for key, (number, raw, _) in first.items():
        if key in unknown:
            new[number].append(raw)
    return new


def _stored(connection: Connection, rows: str, keys: Collection[tuple[str, str]]) -> Collection[tuple[str, str]]:
    """Store the rows that have these keys; the keys of those that were new."""
    found = connection.execute(_PUT[connection.dialect.name], {"rows": rows})
    if found.returns_rows:
        return {(row.channel, row.external_id) for row in found}
    if found.rowcount == len(keys):
        return keys
    # SQLite's driver lets go of Python's lock at each row that it returns, and under load waits for it anew: only
    # where something was known already it is asked which were not. Nobody else writes meanwhile, so they are the last.
    return {(row.channel, row.external_id) for row in connection.execute(_LAST, {"most": found.rowcount})}


def _row(channel: str, raw: RawEvent, came: str, own: bool) -> list[Any]:
    """The values of _COLUMNS, as `_PUT` reads them."""
    state = Inbound.NEW if raw.chat is not None else Inbound.ASIDE
    # the payload as a text: of what is in it PostgreSQL would understand more than it takes
    return [channel, raw.external_id, raw.chat, own, json.dumps(raw.payload), _written(raw.at), came, state]


def _written(moment: datetime) -> str:
    """A moment in the words of the column's type on SQLite; the offset, always UTC's, is left out."""
    return moment.astimezone(UTC).isoformat(" ", "microseconds")[:26]


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
