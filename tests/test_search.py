"""Finding a customer at the desk: by name, case number, code and phone, from their beginnings; and who may."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command

from bench.postgres import Postgres
from bot.store import lists
from bot.store import tables as t
from bot.store.database import Database
from bot.store.migrate import FOLDER, _config
from tests.desk_support import DeskWorld
from tests.flow_support import World, turn


async def knows(flow: World, chat: str, name: str, **slots: Any) -> None:
    """A customer who said some things to the bot."""
    flow.engine.script.append(turn("Va bene.", slots=slots))
    await flow.writes("ciao", chat, sender={"name": name, "language": "it"})


async def found(flow: World, query: str) -> list[str]:
    rows = await flow.db.read(lambda c: lists.found(c, query))
    chats = {row.id: row.chat for row in await flow.rows(t.conversations)}
    return sorted(chats[row.id] for row in rows)


async def three(flow: World) -> None:
    await knows(flow, "1", "Niccolò De Luca", customer_code="VL-0012345")
    await knows(flow, "2", "Luca Ferrari", fault_line="+39 080 555 1234", line_place="Pavia")
    await knows(flow, "3", "Мария O'Connor-Böhm")


@pytest.mark.parametrize(
    "query, chats",
    [
        ("luca", "12"), ("LUCA", "12"), ("luc", "12"), ("de luca", "1"), ("luca nic", "1"), ("niccolo", "1"),
        ("Niccolò", "1"), ("ferr", "2"), ("uca", ""), ("мар", "3"), ("bohm", "3"), ("o'connor", "3"), ("connor", "3"),
        ("VL-0012345", "1"), ("vl 0012345", "1"), ("vl0012", "1"), ("0012345", ""), ("080 5551234", "2"),
        ("0805551234", "2"), ("+390805551234", "2"), ("00390805551234", "2"), ("080/555", "2"), ("pavia", ""),
        ("l", ""), ("", ""), ("%", ""), ("_", ""), ("' OR 1=1 --", ""), ("luca rossi", ""), ("x" * 500, ""),
    ],
)  # fmt: skip
async def test_by_the_beginning_of_any_word(flow: World, query: str, chats: str) -> None:
    await three(flow)
    assert await found(flow, query) == list(chats)


async def test_by_the_case_s_number_however_it_is_written(flow: World) -> None:
    flow.engine.script.append(turn("Va bene.", handoff="asked"))
    await flow.writes("una persona", "1")
    case = await flow.case("1")
    assert case
    bare = case.number.removeprefix("C-")
    for query in (case.number, case.number.lower(), bare, f"c {bare}", bare[:3]):
        assert await found(flow, query) == ["1"], query


async def test_a_number_that_the_customer_shared_and_not_another_s(flow: World) -> None:
    await flow.writes("", "1", contact={"phone": "+39 333 1234567", "name": "Rosa", "own": True})
    await flow.writes("", "2", contact={"phone": "+39 333 7654321", "name": "Altro", "own": False})
    assert await found(flow, "3331234567") == ["1"] and await found(flow, "3337654321") == []


async def test_what_changes_is_found_by_its_new_words_only(flow: World) -> None:
    await knows(flow, "1", "Maria Rossi", customer_code="VL-1")
    await knows(flow, "1", "Maria Bianchi", customer_code="VL-22")
    assert await found(flow, "rossi") == [] and await found(flow, "bianchi") == ["1"]
    assert await found(flow, "vl1") == [] and await found(flow, "vl22") == ["1"]
    await knows(flow, "1", "Maria Bianchi", customer_code=None)
    assert await found(flow, "vl22") == [] and await found(flow, "maria") == ["1"]


async def test_the_newest_first_and_no_more_than_a_page(flow: World) -> None:
    for n in range(4):
        await knows(flow, str(n), "Anna Uguale")
        flow.clock.passes(minutes=1)
    rows = await flow.db.read(lambda c: lists.found(c, "anna"))
    assert [row.last_message_at for row in rows] == sorted((row.last_message_at for row in rows), reverse=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def older(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database as it was before the migration, of each kind."""
    url, admin = f"sqlite:///{tmp_path / 'old.db'}", None
    if request.param == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        admin, url = psycopg.connect(server.url("postgres"), autocommit=True), server.url("older")
        admin.execute("CREATE DATABASE older")
    database = Database(url)
    file = next((FOLDER / "versions").glob("*_search.py"))
    with database.engine.connect().execution_options(writer=True) as connection:
        command.upgrade(_config(connection), f"{int(file.name[:4]) - 1:04}")
        connection.commit()
    yield database
    database.close()
    if admin:
        admin.execute("DROP DATABASE older")
        admin.close()


MANY = 7000  # more than the migration reads at a time
BEFORE = (
    "INSERT INTO customers (id, name, created_at) WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s "
    f"WHERE n < {MANY}) SELECT n, 'Zoë Zoe Ferrari' || CAST(n AS TEXT), '2026-11-01 00:00:00.000000' FROM s",
    "INSERT INTO conversations (id, customer_id, channel, chat, status, version, language, "
    "locale, blocked, created_at) SELECT id, id, 'paper', CAST(id AS TEXT), 'bot', 0, 'it', '', false, created_at "
    "FROM customers",
    "INSERT INTO cases (id, number, conversation_id, customer_id, reason, topic, note, opened_at) "
    "VALUES (1, 'C-ABCDE', 7, 7, 'asked', '', '', '2026-11-01 00:00:00.000000')",
    "INSERT INTO facts (conversation_id, name, value, at) SELECT id, 'customer_code', '\"VL-77\"', created_at "
    "FROM conversations WHERE id IN (7, 8)",
)


def test_what_was_known_before_is_found_too(older: Database) -> None:
    """The migration keeps the words of names, cases and codes that were there."""
    wanted = {"ferrari1": 1, "zoe ferrari4444": 4444, f"ferrari{MANY}": MANY, "abcde": 7, "vl-77": 7}
    with older.engine.connect().execution_options(writer=True) as connection:
        for statement in BEFORE:
            connection.exec_driver_sql(statement)
        command.upgrade(_config(connection), "head")
        connection.commit()
        for query, id_ in wanted.items():
            assert id_ in [row.id for row in lists.found(connection, query)], query
        words = connection.exec_driver_sql("SELECT count(*) FROM search_words").scalar_one()
        assert words == 2 * MANY + 2 + 2, "each once"


# At the desk.


async def test_the_desk_finds_and_says_when_there_is_nobody(desk: DeskWorld) -> None:
    await three(desk.flow)
    anna = await desk.agent()
    page = (await anna.opens("/desk?q=ferrari")).text
    assert "Luca Ferrari" in page and "Niccol" not in page and "Trovate: 1." in page
    assert 'value="ferrari"' in page and "&amp;q=ferrari" in page
    page = (await anna.opens('/desk?q="><script>alert(1)</script>')).text
    assert "<script>alert" not in page and "Nessun cliente per" in page


async def test_an_editor_searches_nothing(desk: DeskWorld) -> None:
    await three(desk.flow)
    eva = await desk.agent("eva", "Eva E.", "editor")
    page = (await eva.opens("/desk?q=ferrari")).text
    assert "Luca Ferrari" not in page and 'id="q"' not in page
