"""Between processes, with a real Redis: what is heard, what happens while it is gone, and that nothing is lost."""

from __future__ import annotations

import argparse
import asyncio
import logging
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.between.bells import SharedBell, share_bells
from bot.between.link import Gone, Link, Script
from bot.health import health_routes
from bot.operations.check import check
from bot.operations.commands import operate
from tests.flow_support import World
from tests.redis_server import BEAT, RedisServer, at_once, linked, until

ONE = Script("return 1")


class Listener:
    """Counts the rings of a bell."""

    def __init__(self, bell: Any) -> None:
        self.rings = 0
        self._bell = bell
        self._task = asyncio.create_task(self._wait())

    async def _wait(self) -> None:
        while True:
            event = self._bell.next()
            await event.wait()
            self.rings += 1

    def stop(self) -> None:
        self._task.cancel()


async def settled() -> None:
    """Everything that is on its way has come."""
    await asyncio.sleep(3 * BEAT)


async def test_a_ring_is_heard_in_every_process(redis_server: RedisServer) -> None:
    async with linked(redis_server, 3) as links:
        bells = [SharedBell(link, "live") for link in links]
        other = SharedBell(links[1], "outgoing")
        listeners = [Listener(bell) for bell in [*bells, other]]
        await settled()
        began = [each.rings for each in listeners]
        bells[0].ring()
        await until(lambda: all(each.rings > before for each, before in zip(listeners[:3], began[:3], strict=True)))
        await settled()
        assert [each.rings - before for each, before in zip(listeners, began, strict=True)] == [1, 1, 1, 0]
        for each in listeners:
            each.stop()


async def test_many_rings_at_once_are_few_words(redis_server: RedisServer) -> None:
    async with linked(redis_server, 2) as links:
        here, there = (SharedBell(link, "live") for link in links)
        listener = Listener(there)
        await settled()
        for _ in range(1000):
            here.ring()
        await settled()
        assert 1 <= listener.rings < 10
        listener.stop()


async def test_rows_are_told_only_by_who_does_not_deliver(redis_server: RedisServer, flow: World) -> None:
    async with linked(redis_server, 2) as (own, other):
        share_bells(flow.way, own, delivers=True)
        bells = {name: SharedBell(other, name) for name in ("outgoing", "live")}
        heard = {name: Listener(bell) for name, bell in bells.items()}
        await settled()
        flow.way.committed()
        await until(lambda: heard["live"].rings)
        await settled()
        assert heard["outgoing"].rings == 0
        share_bells(flow.way, own, delivers=False)
        flow.way.committed()
        await until(lambda: heard["outgoing"].rings)
        for each in heard.values():
            each.stop()


async def test_two_installations_on_one_server_do_not_wake_each_other(redis_server: RedisServer) -> None:
    async with linked(redis_server) as (own,):
        other = Link(redis_server.url.replace("/0", "/1"), beat=BEAT)
        heard: list[str] = []
        other.hear("live", heard.append)
        other.start()
        await until(lambda: other.up)
        own.tell("live")
        await settled()
        assert heard == [] and own.processes == other.processes == 1
        await other.stop()


async def test_a_process_knows_how_many_there_are(redis_server: RedisServer) -> None:
    async with linked(redis_server, 3) as links:
        await until(lambda: all(link.processes == 3 for link in links))
        await links[2].stop()
        await until(lambda: all(link.processes == 2 for link in links[:2]))


async def test_a_word_that_cannot_be_used_stops_nothing(redis_server: RedisServer) -> None:
    async with linked(redis_server, 2) as (own, other):
        heard: list[str] = []
        other.hear("odd", lambda text: heard.append(text) or int(text))  # type: ignore[func-returns-value]
        own.tell("odd", "no number")
        own.tell("unknown", "x")
        own.tell("odd", "2")
        await until(lambda: len(heard) == 2)
        assert other.up


# Gone, and back.


@pytest.mark.parametrize("how", ["stopped", "held", "read only"])
async def test_gone_is_noticed_said_once_and_ends_by_itself(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    caplog.set_level(logging.INFO)
    async with linked(redis_server, 2) as (own, other):
        bell, theirs = SharedBell(own, "live"), SharedBell(other, "live")
        listener, theirs_heard = Listener(bell), Listener(theirs)
        await settled()
        before = listener.rings
        _end(redis_server, how)
        await until(lambda: not own.up and not other.up)
        await until(lambda: listener.rings > before)  # whoever waits looks at the store
        with pytest.raises(Gone):
            at_once(own.run(ONE, []))  # nothing waits for what is known to be gone
        bell.ring()
        await asyncio.sleep(1)
        said = [r.getMessage() for r in caplog.records if r.name == "bot.between.link"]
        assert sum("is gone" in line for line in said) == 2, "each process says it once"
        before = theirs_heard.rings
        _begin(redis_server, how)
        await until(lambda: own.up and other.up)
        await until(lambda: theirs_heard.rings > before)  # back: what was rung meanwhile may be in the store
        await settled()
        before = theirs_heard.rings
        bell.ring()
        await until(lambda: theirs_heard.rings > before)
        assert await own.run(ONE, []) == 1
        listener.stop()
        theirs_heard.stop()


def _end(server: RedisServer, how: str) -> None:
    if how == "stopped":
        server.stop()
    elif how == "held":
        server.hold()
    else:
        with server.client() as client:
            client.config_set("min-replicas-to-write", 3)


def _begin(server: RedisServer, how: str) -> None:
    if how == "stopped":
        server.start()
    elif how == "held":
        server.let_go()
    else:
        with server.client() as client:
            client.config_set("min-replicas-to-write", 0)


async def test_a_start_without_redis_waits_for_nothing(redis_server: RedisServer) -> None:
    redis_server.stop()
    link = Link(redis_server.url, beat=BEAT)
    link.start()
    bell = SharedBell(link, "live")
    event = bell.next()
    bell.ring()
    assert event.is_set()
    await until(lambda: link.trouble == "ConnectionError")
    assert await link.ask() == "ConnectionError"
    redis_server.start()
    await until(lambda: link.up)
    assert await link.ask() == ""
    await link.stop()


async def test_one_that_refuses_scripts_is_not_there_and_does_not_fill_the_log(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with redis_server.client() as client:
        client.execute_command("ACL", "SETUSER", "default", "-@scripting")
    try:
        link = Link(redis_server.url, beat=BEAT)
        link.start()
        await asyncio.sleep(1)
        assert not link.up and len([r for r in caplog.records if r.name == "bot.between.link"]) == 1
        await link.stop()
    finally:
        with redis_server.client() as client:
            client.execute_command("ACL", "SETUSER", "default", "+@all")


async def test_everything_in_it_may_be_deleted(redis_server: RedisServer) -> None:
    async with linked(redis_server, 2) as (own, other):
        bell, heard = SharedBell(own, "live"), Listener(SharedBell(other, "live"))
        assert await own.run(ONE, []) == 1
        with redis_server.client() as client:
            client.flushall()
            client.script_flush()
        assert await own.run(ONE, []) == 1
        before = heard.rings
        bell.ring()
        await until(lambda: heard.rings > before)
        assert own.up and other.up
        heard.stop()


async def test_a_subscription_that_died_without_a_word_is_noticed(redis_server: RedisServer) -> None:
    async with linked(redis_server, 2) as (own, other):
        heard = Listener(SharedBell(other, "live"))
        with redis_server.client() as client:
            client.client_kill_filter(_type="pubsub", skipme=True)
        await settled()
        await until(lambda: own.up and other.up)
        before = heard.rings
        SharedBell(own, "live").ring()
        await until(lambda: heard.rings > before)
        heard.stop()


async def test_a_wrong_password_is_not_told_to_the_log(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    with redis_server.client() as client:
        client.config_set("requirepass", "right-password")
    try:
        link = Link(redis_server.url.replace("//", "//:wrong-password@"), beat=BEAT)
        link.start()
        await until(lambda: link.trouble not in ("", "not yet reached"))
        await link.stop()
        assert "password" not in caplog.text and "127.0.0.1" not in caplog.text and "is gone" in caplog.text
        right = Link(redis_server.url.replace("//", "//:right-password@"), beat=BEAT)
        assert await right.ask() == ""
        await right.stop()
    finally:
        redis_server.stop()
        redis_server.start()


# What those who run it see.


async def answers(flow: World, link: Link | None) -> tuple[int, dict[str, Any]]:
    """What /readyz says in a process with this link."""

    async def engine() -> str:
        return "ok"

    async def redis() -> str:
        assert link
        return "ok" if link.up else f"degraded: gone ({link.trouble})"

    app = web.Application()
    app.add_routes(health_routes(flow.way, engine, redis=redis if link else None))
    async with TestClient(TestServer(app)) as client, client.get("/readyz") as answer:
        return answer.status, await answer.json()


async def test_ready_all_the_same_and_said_what_is_missing(redis_server: RedisServer, flow: World) -> None:
    assert "redis" not in (await answers(flow, None))[1]
    async with linked(redis_server) as (link,):
        assert await answers(flow, link) == (200, {"ready": True, "database": "ok", "engine": "ok", "redis": "ok"})
        redis_server.stop()
        await until(lambda: not link.up)
        status, said = await answers(flow, link)
        assert status == 200 and said["ready"] and said["redis"].startswith("degraded: gone (")


async def test_check_and_doctor_know_it(
    redis_server: RedisServer, flow: World, capsys: pytest.CaptureFixture[str]
) -> None:
    async def doctor() -> str:
        return await operate(flow.way, argparse.Namespace(command="doctor"), link)

    async def state() -> str:
        return "ok"

    flow.engine.state = state  # type: ignore[attr-defined]
    flow.way.channels = {}
    link = Link(redis_server.url, wait=0.5)
    try:
        found = {one.name: one.problems for one in await check(flow.way, link)}
        assert found["redis"] == ()
        assert await doctor() == "" and "Redis" not in capsys.readouterr().out
        redis_server.stop()
        found = {one.name: one.problems for one in await check(flow.way, link)}
        assert "does not answer (ConnectionError)" in found["redis"][0]
        assert await doctor() == "", "nothing is stuck for want of it"
        assert "note   Redis does not answer" in capsys.readouterr().out
        assert "redis" not in {one.name for one in await check(flow.way, None)}
    finally:
        await link.stop()
