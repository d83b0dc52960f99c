"""Finding a customer at the desk: by name, case number, code and phone, from their beginnings; and who may."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from alembic import command

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


def test_what_was_known_before_is_found_too(sqlite_file: Path, tmp_path: Path) -> None:
    """The migration keeps the words of names, cases and codes that were there."""
    shutil.copy(sqlite_file, tmp_path / "old.db")
    db = Database(f"sqlite:///{tmp_path / 'old.db'}")
    file = next((FOLDER / "versions").glob("*_search.py"))
    with db.engine.connect().execution_options(writer=True) as connection:
        command.downgrade(_config(connection), f"{int(file.name[:4]) - 1:04}")
        for statement in (
            "INSERT INTO customers (id, name, created_at) VALUES (1, 'Zoë Ferrari', '2026-11-01 00:00:00.000000')",
            "INSERT INTO conversations (id, customer_id, channel, chat, status, version, language, locale, blocked, "
            "created_at) VALUES (7, 1, 'paper', '1', 'bot', 0, 'it', '', 0, '2026-11-01 00:00:00.000000')",
            "INSERT INTO cases (id, number, conversation_id, customer_id, reason, topic, note, opened_at) "
            "VALUES (1, 'C-ABCDE', 7, 1, 'asked', '', '', '2026-11-01 00:00:00.000000')",
            "INSERT INTO facts (conversation_id, name, value, at) "
            "VALUES (7, 'customer_code', '\"VL-77\"', '2026-11-01 00:00:00.000000')",
        ):
            connection.exec_driver_sql(statement)
        command.upgrade(_config(connection), "head")
        connection.commit()
        for query in ("zoe", "ferrari", "abcde", "vl-77"):
            assert [row.id for row in lists.found(connection, query)] == [7], query
    db.close()


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
