"""What open desks are told, when, and at what pace they are to ask for their lists again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import StreamReader
from sqlalchemy import event

from bot.desk import live
from tests.desk_support import AS_SCRIPT, DeskWorld, Visitor


@asynccontextmanager
async def listening(visitor: Visitor) -> AsyncIterator[StreamReader]:
    async with visitor.client.get("/desk/live") as stream, asyncio.timeout(10):
        await stream.content.readuntil(b": still here\n\n")
        yield stream.content


async def told(stream: StreamReader, what: str) -> dict[str, Any]:
    """The next event in which `what` is so."""
    while True:
        line = (await stream.readuntil(b"}\n")).split(b"data: ")[1]
        news: dict[str, Any] = json.loads(line)
        if news[what]:
            return news


async def test_whom_a_customer_is_for_hears_before_everyone(desk: DeskWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "GATHER", 3600)
    anna, bea = await desk.agent(), await desk.agent("bea", "Bea Brandt")
    await anna.posts("/desk/here", {"idle": "0"}, **AS_SCRIPT)
    async with listening(anna) as to_anna, listening(bea) as to_bea:
        everyone = asyncio.create_task(told(to_bea, "in"))
        conversation = await desk.asks()
        early = await told(to_anna, "for")
        assert early["for"] == [1] and early["in"] == [conversation]
        assert early["last"] == 0, "who comes back must not pass over what others were not told yet"
        assert not everyone.done()
        everyone.cancel()


async def test_whom_it_is_for_is_told_so_once(desk: DeskWorld) -> None:
    anna = await desk.agent()
    await anna.posts("/desk/here", {"idle": "0"}, **AS_SCRIPT)
    async with listening(anna) as stream:
        await desk.asks()
        assert (await told(stream, "for"))["for"] == [1]
        assert (await told(stream, "last"))["for"] == [], "told twice, her page would ask twice"


async def test_the_event_says_who_is_gone_and_how_many_wait(desk: DeskWorld) -> None:
    taken, _ = await desk.asks("1"), await desk.asks("2")
    anna, bea = await desk.agent(), await desk.agent("bea", "Bea Brandt")
    async with listening(bea) as stream:
        await anna.posts(f"/desk/c/{taken}/take")
        news = await told(stream, "gone")
        assert news["gone"] == [taken] and news["waiting"] == 1
        await anna.posts(f"/desk/c/{taken}/queue", {"text": "torna subito"})
        news = await told(stream, "moved")
        assert news["gone"] == [] and news["waiting"] == 2


async def test_the_more_desks_are_open_the_rarer_each_asks_for_its_lists(
    desk: DeskWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna, bea = await desk.agent(), await desk.agent("bea", "Bea Brandt")
    async with listening(anna) as stream:
        await desk.asks("1")
        assert (await told(stream, "moved"))["pace"] == live.MEND
    monkeypatch.setattr(live, "LISTS", 0.5)
    async with listening(anna) as stream, listening(bea):
        await desk.asks("2")
        assert (await told(stream, "moved"))["pace"] == 4


async def test_many_desks_cost_the_store_no_more_than_few(desk: DeskWorld) -> None:
    statements: list[str] = []
    people = [await desk.agent(f"agent{number}", f"Agente {number}") for number in range(6)]

    async def counted(listeners: list[Visitor], chat: str) -> int:
        async with asyncio.timeout(10):
            streams = [await one.client.get("/desk/live") for one in listeners]
            for stream in streams:
                await stream.content.readuntil(b": still here\n\n")
            await asyncio.sleep(0)
            statements.clear()
            await desk.asks(chat)
            for stream in streams:
                await told(stream.content, "moved")
                stream.close()
        return sum("FROM sessions" in one for one in statements)

    event.listen(desk.flow.db.single, "before_cursor_execute", lambda *given: statements.append(given[2]))
    assert await counted(people[:1], "1") == await counted(people, "2")
