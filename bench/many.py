"""Fills a database with many conversations that the bot alone has answered, in SQL: a million in less than a minute."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CTE,
    JSON,
    ColumnElement,
    Connection,
    Table,
    Text,
    cast,
    false,
    func,
    insert,
    literal,
    select,
    text,
)

from bot.store import tables as t
from bot.store.database import Database

CHANNEL = "messenger"
WORDS = "Il negozio di Brescia apre alle 9 e chiude alle 19, dal lunedì al sabato."
STATE = [{"event": "slot", "timestamp": 1.0, "name": f"slot{n}", "value": "via Roma 1"} for n in range(8)]

Columns = Mapping[str, Any]  # column -> expression


def fill(db: Database, *, conversations: int, late: int, now: datetime) -> None:
    """Each conversation has one message and its answer, all delivered; the first one has `late` of both."""
    with db.engine.connect().execution_options(writer=True) as connection:
        with connection.begin():
            n = _numbers(conversations)
            _insert(connection, t.customers, n, {"name": literal("Anna Prova"), "created_at": literal(now, t.Time)})
            _insert(connection, t.conversations, n, _conversation(n, now))
            state = {"conversation_id": n.c.n, "events": literal(STATE, JSON), "updated_at": literal(now, t.Time)}
            _insert(connection, t.dialogues, n, state)
            _talk(connection, n, n.c.n, "e", now)
            more = _numbers(late - 1)
            _talk(connection, more, literal(1), "more", now)
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def _numbers(count: int) -> CTE:
    """1 to `count`, as a table with the column n."""
    first = select(literal(1).label("n")).cte("numbers", recursive=True)
    return first.union_all(select(first.c.n + 1).where(first.c.n < count))


def _insert(connection: Connection, table: Table, numbers: CTE, columns: Columns) -> None:
    rows = select(*columns.values()).select_from(numbers).order_by(numbers.c.n)
    connection.execute(insert(table).from_select(list(columns), rows))


def _conversation(n: CTE, now: datetime) -> Columns:
    then = literal(now, t.Time)
    return {
        "customer_id": n.c.n, "channel": literal(CHANNEL), "chat": cast(n.c.n, Text), "status": literal("bot"),
        "version": literal(0), "language": literal("it"), "locale": literal("it"), "blocked": false(),
        "introduced_at": then, "last_customer_at": then, "last_message_at": then, "created_at": then,
    }  # fmt: skip


def _talk(connection: Connection, n: CTE, conversation: ColumnElement[int], prefix: str, now: datetime) -> None:
    """In each conversation (of the numbers) the event, the message, the answer, and the row that sent it."""
    then = literal(now, t.Time)
    event: Columns = {
        "channel": literal(CHANNEL), "external_id": literal(prefix).concat(cast(n.c.n, Text)),
        "chat": cast(conversation, Text), "own": false(), "payload": literal({"text": WORDS}, JSON), "at": then,
        "received_at": then, "state": literal("done"), "done_at": then,
    }  # fmt: skip
    _insert(connection, t.events, n, event)
    for author in ("customer", "bot"):
        said = {"conversation_id": conversation, "author": literal(author), "text": literal(WORDS), "at": then}
        _insert(connection, t.messages, n, said)
    latest = select(func.max(t.messages.c.id)).scalar_subquery()
    count = select(func.count()).select_from(n).scalar_subquery()
    sent: Columns = {
        "conversation_id": conversation, "message_id": latest - count + n.c.n, "author": literal("bot"),
        "part": literal({"text": WORDS, "quick_replies": [], "image": None}, JSON), "state": literal("sent"),
        "attempts": literal(1), "resent": false(), "due_at": then, "created_at": then, "sent_at": then,
    }  # fmt: skip
    _insert(connection, t.outgoing, n, sent)
