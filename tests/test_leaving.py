"""Somebody may no longer do what they did: sessions end, pages close, offers go on, customers are in good hands."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import Connection

from bot.desk import add_agent, set_password
from bot.desk.live import BREATH, LOOK
from bot.store import cases, conversations, presence
from bot.store.database import Database
from bot.store.tables import conversations as conversation_rows
from bot.store.tables import decisions, sessions
from tests.desk_support import DeskWorld, Visitor
from tests.flow_support import world

WITHIN = BREATH / 2  # seconds: nothing but the signal comes this early


async def are_there(desk: DeskWorld, *people: int) -> None:
    now = desk.flow.clock()

    def work(connection: Connection) -> None:
        for one in people:
            presence.here(connection, one, used_at=now, now=now)

    await desk.flow.db.write(work)


async def last_word(visitor: Visitor, ends: Any) -> dict[str, bool]:
    """What the person's open stream says last, when `ends` happens meanwhile."""
    async with visitor.client.get("/desk/live") as stream, asyncio.timeout(WITHIN):
        await stream.content.readuntil(b": still here\n\n")
        await ends()
        await stream.content.readuntil(b"event: out\ndata: ")
        said: dict[str, bool] = json.loads(await stream.content.readline())
        assert await stream.content.read() == b"\n"
        return said


@pytest.mark.parametrize(
    ("path", "form", "gone"),
    [("out", {}, True), ("role", {"role": "lead"}, False), ("password", {}, False)],
)
async def test_the_open_pages_of_the_person_close_and_no_others(
    desk: DeskWorld, path: str, form: dict[str, str], gone: bool
) -> None:
    anna, boss = await desk.agent(), await desk.agent("boss", "Elena Conti", "admin")
    said = await last_word(anna, lambda: boss.posts(f"/desk/people/1/{path}", form))
    assert said == {"ended": True, "gone": gone}
    assert {row.agent_id for row in await desk.flow.rows(sessions)} == {2}
    part = await anna.opens("/desk", **{"Desk-Part": "yes"})
    assert (part.status, part.headers.get("Desk-Ended")) == (401, "yes")


async def test_a_session_that_nobody_used_ends_without_a_word_against_anyone(desk: DeskWorld) -> None:
    anna = await desk.agent()

    async def sleeps() -> None:
        desk.flow.clock.passes(hours=13)
        await desk.flow.db.write(lambda c: conversations.tell(c, 1, "message", desk.flow.clock()))
        desk.flow.way.live.ring()

    assert await last_word(anna, sleeps) == {"ended": False, "gone": False}
    part = await anna.opens("/desk", **{"Desk-Part": "yes"})
    assert (part.status, part.headers.get("Desk-Ended")) == (401, None)


async def test_another_process_ends_it_as_soon(desk: DeskWorld, database_url: str, tmp_path: Any) -> None:
    """Nobody rings here: the lines in the store are looked at more than once a second."""
    assert LOOK < 1
    anna = await desk.agent()
    other = Database(database_url)
    elsewhere = world(other, tmp_path / "other")
    try:
        said = await last_word(anna, lambda: set_password(elsewhere.way, 1))
    finally:
        other.close()
    assert said == {"ended": True, "gone": False}


async def test_offers_go_on_at_once_and_customers_go_back_visibly(desk: DeskWorld) -> None:
    anna = await desk.agent()
    boss = await desk.agent("boss", "Elena Conti", "admin")
    bea = await desk.agent("bea", "Bea Brandt")
    await are_there(desk, 1)
    mine = await desk.asks("mine")
    await anna.posts(f"/desk/c/{mine}/take")
    offered = await desk.asks("offered")
    assert [row.offered_to for row in await desk.flow.rows(cases.cases)] == [None, 1]
    await are_there(desk, 3)
    assert (await boss.posts("/desk/people/1/out")).status == 303
    first, second = await desk.flow.rows(cases.cases)
    assert (first.offered_to, second.offered_to) == (3, 3)
    assert await desk.flow.status("mine") == "waiting"
    told = [(row.case_id, row.kind, row.agent_id) for row in await desk.flow.rows(decisions)][-4:]
    assert told == [(2, "gone", 1), (2, "offered", 3), (1, "put_back", 1), (1, "offered", 3)]
    assert "non è più al banco" in (await bea.opens(f"/desk/c/{mine}")).text
    assert "Rosa" not in (await bea.opens(f"/desk/c/{offered}")).text


async def test_or_to_the_colleague_whom_the_admin_chooses(desk: DeskWorld) -> None:
    anna, boss = await desk.agent(), await desk.agent("boss", "Elena Conti", "admin")
    await desk.agent("bea", "Bea Brandt")
    for chat in ("one", "two"):
        await anna.posts(f"/desk/c/{await desk.asks(chat)}/take")
    assert (await boss.posts("/desk/people/1/out", {"to": "3"})).status == 303
    assert [(row.status, row.agent_id) for row in await desk.flow.rows(conversation_rows)] == [("agent", 3)] * 2
    await desk.flow.delivers()
    assert "Bea Brandt" in desk.flow.platform.texts("one")[-1]
    assert (await boss.posts("/desk/people/3/out", {"to": "1"})).status == 400  # who is out takes nobody
    assert [row.agent_id for row in await desk.flow.rows(conversation_rows)] == [3, 3]


async def test_a_helper_who_leaves_no_longer_helps(desk: DeskWorld) -> None:
    anna, boss = await desk.agent(), await desk.agent("boss", "Elena Conti", "admin")
    await desk.agent("bea", "Bea Brandt")
    conversation = await desk.asks()
    await anna.posts(f"/desk/c/{conversation}/take")
    await anna.posts(f"/desk/c/{conversation}/ask", {"to": "p3"})
    await boss.posts("/desk/people/3/out")
    [case] = await desk.flow.rows(cases.cases)
    assert (case.owner_id, case.helper_id) == (1, None)


async def test_a_role_without_customers_leaves_them_and_a_new_password_does_not(desk: DeskWorld) -> None:
    anna, boss = await desk.agent(), await desk.agent("boss", "Elena Conti", "admin")
    conversation = await desk.asks()
    await anna.posts(f"/desk/c/{conversation}/take")
    await boss.posts("/desk/people/1/password")
    assert await desk.flow.status() == "agent"
    await boss.posts("/desk/people/1/role", {"role": "lead"})
    assert await desk.flow.status() == "agent"
    await boss.posts("/desk/people/1/role", {"role": "editor"})
    assert await desk.flow.status() == "waiting"


async def test_a_channel_that_was_switched_off_keeps_nobody_in(desk: DeskWorld) -> None:
    anna, boss = await desk.agent(), await desk.agent("boss", "Elena Conti", "admin")
    await desk.agent("bea", "Bea Brandt")
    for chat in ("one", "two"):
        await anna.posts(f"/desk/c/{await desk.asks(chat)}/take")
    desk.flow.way.channels = {}
    assert (await boss.posts("/desk/people/1/out", {"to": "3"})).status == 303
    assert {row.status for row in await desk.flow.rows(conversation_rows)} == {"waiting"}


async def test_the_last_admin_stays_one_and_nobody_locks_themselves_out(desk: DeskWorld) -> None:
    boss = await desk.agent("boss", "Elena Conti", "admin")
    await add_agent(desk.flow.way, "carla", name="Carla Dini", role="admin")
    for path, form in (("role", {"role": "agent"}), ("out", {}), ("role", {"role": "king"})):
        assert (await boss.posts(f"/desk/people/1/{path}", form)).status == 400
    assert (await boss.posts("/desk/people/2/role", {"role": "agent"})).status == 303
    assert (await boss.posts("/desk/people/2/role", {"role": "king"})).status == 400


