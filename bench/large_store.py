"""Fills a database as years of work would: in bulk, always the same rows for the same numbers."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import JSON, Connection, Table, case, false, insert, literal, select, text, true

from bot.desk.pictures import initials
from bot.store import search
from bot.store import tables as t
from bot.store.database import Database

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
AGENTS = 200
LONG = 2_000  # more in the first one
SHARE_WAITING = 5  # of the open cases, each fifth waits; the others are with a person
WORDS = "Buongiorno, la bolletta di questo mese è più alta del solito. Come mai?"
MIDDLE = 502  # an open case of agent AGENTS / 2
CHANNELS = ("telegram", "messenger")
NAMES = "Rossi Ferrari Russo Bianchi Romano Colombo Ricci Marino Greco Bruno Gallo Conti Costa".split()
FIRST = "Maria Giulia Marco Luca Anna Paolo Sara Franco Elena Pietro Chiara Davide Rosa Aldo".split()

Row = dict[str, Any]


def fill(db: Database, *, conversations: int, each: int, open_cases: int) -> None:
    """Agents, conversations with `each` messages and their deliveries, cases, packets, decisions, promises, facts.

    The first `open_cases` conversations have an open case, the others' are closed.
    """
    count = conversations
    with db.engine.connect().execution_options(writer=True) as connection:
        with connection.begin():
            for table, rows in (
                (t.agents, _agents()),
                (t.customers, _customers(count)),
                (t.conversations, _conversations(count, open_cases)),
                (t.cases, _cases(count, open_cases)),
                (t.facts, _facts(count)),
                (t.search_words, _words(count)),
                (t.packets, _packets(open_cases)),
                (t.decisions, _decisions(open_cases)),
                (t.moves, _moves(count)),
                (t.promises, _promises(count, open_cases)),
                (t.targets, _targets(open_cases)),
                (t.live, _live()),
            ):
                _insert(connection, table, rows)
            _talk(connection, each)
            _numbers_go_on(connection)
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def _numbers_go_on(connection: Connection) -> None:
    """PostgreSQL counts ids by itself and did not see ours: new rows would get the same again."""
    if connection.dialect.name != "postgresql":
        return
    for table in (t.agents, t.customers, t.conversations, t.cases):
        highest = f"(SELECT max(id) FROM {table.name})"
        connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), {highest})"))


def _insert(connection: Connection, table: Table, rows: Iterable[Row]) -> None:
    """As fast as the database takes them: COPY on PostgreSQL, one prepared statement on SQLite."""
    first, rest = _peek(rows)
    names = list(first)
    kinds = [table.c[name].type for name in names]
    dumped = [isinstance(kind, JSON) for kind in kinds]

    def values() -> Iterator[list[Any]]:
        for row in rest:
            yield [json.dumps(v) if j and v is not None else v for v, j in zip(row.values(), dumped, strict=True)]

    raw: Any = connection.connection.dbapi_connection
    if connection.dialect.name == "postgresql":
        with raw.cursor() as cursor, cursor.copy(f"COPY {table.name} ({', '.join(names)}) FROM STDIN") as copy:
            for value in values():
                copy.write_row(value)
        return
    marks = ", ".join("?" * len(names))
    plain = ([_text(v) if isinstance(v, datetime) else v for v in value] for value in values())
    raw.executemany(f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})", plain)


def _peek(rows: Iterable[Row]) -> tuple[Row, Iterator[Row]]:
    walk = iter(rows)
    first = next(walk)

    def again() -> Iterator[Row]:
        yield first
        yield from walk

    return first, again()


def _text(moment: datetime) -> str:
    """As SQLAlchemy keeps a time on SQLite."""
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}"


def _agents() -> Iterator[Row]:
    picture = initials("Anna Kessler")
    for n in range(1, AGENTS + 1):
        yield {
            "id": n, "login": f"agent{n}", "name": f"Agente {n}", "role": "lead" if n % 20 == 0 else "agent",
            "password_hash": "x", "active": True, "picture": picture, "picture_version": 1, "created_at": NOW,
            "teams": [], "languages": [], "topics": [], "capacity": 60,
        }  # fmt: skip


def _customers(count: int) -> Iterator[Row]:
    chance = random.Random(1)
    for n in range(1, count + 1):
        yield {"id": n, "name": f"{chance.choice(FIRST)} {chance.choice(NAMES)}", "created_at": NOW}


def _status(n: int, open_cases: int) -> str:
    if n > open_cases:
        return "closed" if n % 2 else "bot"
    return "waiting" if n % SHARE_WAITING == 0 else "agent"


def _agent_of(n: int) -> int:
    """The owner of an open case: MIDDLE's is AGENTS / 2."""
    return (n + AGENTS // 2 - MIDDLE) % AGENTS or AGENTS


def _last(n: int) -> datetime:
    """When a conversation's customer wrote last: the open ones within the last days."""
    return NOW - timedelta(minutes=n % 9000 + 1, seconds=n % 59)


def _conversations(count: int, open_cases: int) -> Iterator[Row]:
    for n in range(1, count + 1):
        status = _status(n, open_cases)
        yield {
            "id": n, "customer_id": n, "channel": CHANNELS[n % 2], "chat": str(n), "status": status, "version": 3,
            "case_id": n if n <= open_cases else None, "agent_id": _agent_of(n) if status == "agent" else None,
            "language": "it", "locale": "it", "blocked": False, "last_customer_at": _last(n),
            "last_message_at": _last(n), "created_at": NOW - timedelta(days=90),
        }  # fmt: skip


def _cases(count: int, open_cases: int) -> Iterator[Row]:
    for n in range(1, count + 1):
        waits = _status(n, open_cases) == "waiting"
        since = _last(n) if waits else None
        yield {
            "id": n, "number": f"C-{n:07}", "conversation_id": n, "customer_id": n, "reason": "asked",
            "topic": "bill_question", "note": "", "owner_id": None if waits else _agent_of(n), "opened_at": _last(n),
            "waiting_since": since, "counts_since": since, "marks": ["again"] if n % 7 == 0 else [],
            "taken_at": None if waits else _last(n), "closed_at": None if n <= open_cases else _last(n),
            "outcome": None if n <= open_cases else "solved", "team": "care" if n % 3 else "technicians",
            "offered_to": _agent_of(n) if waits and n % 50 == 0 else None,
            "lead_since": since if waits and n % 35 == 0 else None,
        }  # fmt: skip


def _talk(connection: Connection, each: int) -> None:
    """`each` messages in every conversation, LONG more in the first, and the rows that sent ours: made in SQL."""
    for many, where in ((each, true()), (LONG, t.conversations.c.id == 1)):
        place = select(literal(0).label("n")).cte("place", recursive=True)
        place = place.union_all(select(place.c.n + 1).where(place.c.n < many - 1))
        turn = place.c.n % 5
        author = case((turn.in_([0, 2]), "customer"), (turn == 3, "agent"), else_="bot")
        c = t.conversations.c
        rows = (
            select(c.id, c.id, author, case((turn == 3, t.cases.c.owner_id)), literal(WORDS), c.last_customer_at)
            .select_from(t.conversations.join(t.cases, t.cases.c.id == c.id).join(place, true()))
            .where(where)
            .order_by(c.id, place.c.n)
        )
        names = ["conversation_id", "case_id", "author", "agent_id", "text", "at"]
        connection.execute(insert(t.messages).from_select(names, rows))
    m = t.messages.c
    sent = (
        select(m.conversation_id, m.id, m.author, literal({"text": ""}, JSON), literal("sent"), 1, false(), m.at, m.at)
        .where(m.author.in_(["bot", "agent"]))
        .order_by(m.id)
    )
    names = ["conversation_id", "message_id", "author", "part", "state", "attempts", "resent", "due_at", "created_at"]
    connection.execute(insert(t.outgoing).from_select(names, sent))


def _facts(count: int) -> Iterator[Row]:
    for n in range(1, count + 1):
        yield {"conversation_id": n, "name": "customer_code", "value": f"VL{n:08}", "message_id": None, "at": _last(n)}


def _words(count: int) -> Iterator[Row]:
    for customer in _customers(count):
        for word in sorted(set(search.words_of(customer["name"]))):
            yield {"customer_id": customer["id"], "word": word, "kind": search.NAME}
        yield {"customer_id": customer["id"], "word": f"vl{customer['id']:08}", "kind": "customer_code"}


def _packets(open_cases: int) -> Iterator[Row]:
    for n in range(1, open_cases + 1):
        body = {"reason": "asked", "topic": "bill_question", "first_words": "La bolletta è alta", "language": "it"}
        yield {"case_id": n, "version": 1, "body": body, "created_at": _last(n)}


def _decisions(open_cases: int) -> Iterator[Row]:
    for n in range(1, open_cases + 1):
        for kind in ("offered", "lapsed"):
            yield {
                "case_id": n, "kind": kind, "agent_id": _agent_of(n), "why": "free", "facts": {"load": 1},
                "at": _last(n),
            }  # fmt: skip


def _moves(count: int) -> Iterator[Row]:
    for n in range(1, count + 1):
        for source, to in (("bot", "waiting"), ("waiting", "agent")):
            yield {
                "conversation_id": n, "case_id": n, "from_status": source, "to_status": to, "who": "bot",
                "why": "asked", "at": _last(n),
            }  # fmt: skip


def _promises(count: int, open_cases: int) -> Iterator[Row]:
    for n in range(1, count + 1, 2):
        settled = n > open_cases
        yield {
            "conversation_id": n, "case_id": n, "what": "un tecnico la chiamerà", "reference": "", "kind": "call",
            "made_by": "agent", "agent_id": _agent_of(n), "state": "kept" if settled else "open",
            "due_at": NOW + timedelta(minutes=n % 6000 - 600), "created_at": _last(n),
            "settled_at": _last(n) if settled else None,
        }  # fmt: skip


def _targets(open_cases: int) -> Iterator[Row]:
    for n in range(1, open_cases + 1):
        due = NOW + timedelta(minutes=n % 600 - 60)
        yield {
            "case_id": n, "kind": "first_answer", "team": "care", "began_at": _last(n), "warn_at": due, "due_at": due,
            "state": "open",
        }  # fmt: skip


def _live() -> Iterator[Row]:
    for n in range(1, 20_001):
        yield {"conversation_id": n, "kind": "message", "at": NOW}
