"""Who looks and who types, at two desks of two processes that share a database and a Redis."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest_asyncio

from bot.between.bells import share_bells
from bot.between.link import Link
from bot.between.looking import SharedGlances
from bot.store.tables import attention, live, presence
from tests.desk_support import AS_SCRIPT, DeskWorld, Visitor
from tests.flow_support import World, world
from tests.redis_server import RedisServer, linked, until

LOOKS, TYPES = "Anna Kessler sta guardando", "Anna Kessler sta scrivendo"


@dataclass
class Two:
    """Two processes, and an agent at the desk of each."""

    one: DeskWorld
    other: DeskWorld
    links: list[Link]
    anna: Visitor
    bea: Visitor
    conversation: int

    async def anna_reports(self, typing: str = "") -> None:
        form = {"idle": "0", "open": str(self.conversation), "typing": typing}
        assert (await self.anna.posts("/desk/here", form, **AS_SCRIPT)).status == 204

    async def bea_sees(self) -> str:
        return (await self.bea.opens(f"/desk/c/{self.conversation}")).text


@pytest_asyncio.fixture
async def two(flow: World, tmp_path: Path, redis_server: RedisServer) -> AsyncIterator[Two]:
    async with AsyncExitStack() as stack:
        links = await stack.enter_async_context(linked(redis_server, 2))
        flows = [flow, world(flow.db, tmp_path / "other")]
        for each, link in zip(flows, links, strict=True):
            share_bells(each.way, link, delivers=True)
            each.way.glances = SharedGlances(link)
        one, other = [await stack.enter_async_context(DeskWorld(each)) for each in flows]
        yield Two(
            one, other, links, await one.agent(), await other.agent("bea", "Bea Brandt"), await one.asks()
        )


async def test_a_colleague_at_another_process_is_seen_and_not_written_down(two: Two) -> None:
    assert LOOKS not in await two.bea_sees()
    lines = len(await two.one.flow.rows(live))
    await two.anna_reports()
    page = await two.bea_sees()
    assert LOOKS in page and TYPES not in page
    await two.anna_reports(typing="1")
    assert TYPES in await two.bea_sees()
    assert TYPES not in (await two.anna.opens(f"/desk/c/{two.conversation}")).text, "nobody is told of oneself"
    await two.anna.posts("/desk/away")
    assert LOOKS not in await two.bea_sees() and TYPES not in await two.bea_sees()
    assert not await two.one.flow.rows(attention) and len(await two.one.flow.rows(live)) == lines
    (there,) = await two.one.flow.rows(presence)
    assert there.used_at, "what decides who is given a customer is in the store"


async def test_open_pages_of_other_processes_hear_of_it(two: Two) -> None:
    stream = await two.bea.client.get("/desk/live", params={"after": "1"})
    heard: list[tuple[str, list[int]]] = []

    async def listen() -> None:
        number = ""
        async for line in stream.content:
            if line.startswith(b"id:"):
                number = line[3:].decode().strip()
            if line.startswith(b"data:"):
                heard.append((number, json.loads(line[5:]).get("in", [])))
                number = ""

    listening = asyncio.create_task(listen())
    await until(lambda: heard)  # the hand-over, which is in the store
    await asyncio.sleep(0.3)
    heard.clear()
    await two.anna_reports(typing="1")
    await until(lambda: heard)
    assert heard == [("", [two.conversation])], "no number: it is not a line of the store"
    heard.clear()
    await two.anna_reports(typing="1")
    await asyncio.sleep(0.4)
    assert heard == [], "nothing changed"
    await two.anna_reports()
    await until(lambda: heard)
    listening.cancel()
    stream.close()


async def test_without_redis_the_store_keeps_it(two: Two, redis_server: RedisServer) -> None:
    await two.anna_reports()
    redis_server.stop()
    await until(lambda: not any(link.up for link in two.links))
    assert LOOKS not in await two.bea_sees()
    await two.anna_reports(typing="1")  # within twenty seconds each open page does
    assert TYPES in await two.bea_sees()
    assert await two.one.flow.rows(attention)
    await two.one.asks("18")
    case = await two.one.flow.case("18")
    assert case and case.offered_to, "who is there is known all the same"
    await two.anna.posts("/desk/away")
    assert TYPES not in await two.bea_sees()
    redis_server.start()
    await until(lambda: all(link.up for link in two.links))
    await two.anna_reports()
    assert LOOKS in await two.bea_sees()


async def test_marks_expire_by_themselves(two: Two, redis_server: RedisServer) -> None:
    await two.anna_reports(typing="1")
    with redis_server.client() as client:
        marks = [name for name in client.keys("*") if "look" in name or "types" in name]
        assert len(marks) == 3
        for name in marks:
            assert 0 < client.pttl(name) <= 50_000
            client.zadd(name, {member: 1 for member in client.zrange(name, 0, -1)})  # their time is over
    assert LOOKS not in await two.bea_sees()
    with redis_server.client() as client:
        client.flushall()
    await two.anna_reports()
    assert LOOKS in await two.bea_sees()


async def test_who_signs_out_looks_at_nothing(two: Two) -> None:
    await two.anna_reports()
    await two.anna.posts("/desk/logout")
    assert LOOKS not in await two.bea_sees()
