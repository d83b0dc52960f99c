"""Every door of the desk, tried as each role and as nobody; and what of the news each role is told."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from aiohttp import web
from sqlalchemy import Connection

from bot.desk import desk_app
from bot.desk.access import Door
from bot.desk.doors import DOORS, OPEN
from bot.model.roles import ROLES, SEE_EVERY_CASE
from bot.store import agents, cases, conversations
from tests.desk_support import DeskWorld, Visitor

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

#: Doors that a person behind them leaves by, or that never end: tried on their own.
NOT_TWICE = {"/logout", "/live"}


def plain(path: str) -> str:
    """A route's path as the router names it: without the patterns of its parts."""
    return re.sub(r"\{(\w+)[^}]*\}", r"{\1}", path)


def filled(path: str) -> str:
    """An address of the door: the first case, the first message, the first promise, the person who asks."""
    path = path.replace("{id:\\d+}", "1").replace("{message:\\d+}", "1").replace("{index:\\d+}", "0")
    return "/desk" + re.sub(r"\{\w+:([^|}]+)[^}]*\}", r"\1", path)


def test_every_route_has_its_roles(desk: DeskWorld) -> None:
    """A route that somebody adds elsewhere is open to everyone: this fails until it is a door."""
    app = desk_app(desk.flow.way, secure_cookies=False)
    declared = {(door.method, plain(door.path)) for door in DOORS} | {(m, plain(path)) for m, path, _ in OPEN}
    for route in app.router.routes():
        assert isinstance(route.resource, web.Resource)
        method = "GET" if route.method == "HEAD" else route.method
        assert (method, route.resource.canonical) in declared, f"{route.method} {route.resource.canonical}"
    for door in DOORS:
        assert door.roles and door.roles <= set(ROLES), door.path


async def tried(visitor: Visitor, door: Door) -> int:
    """The status that somebody gets at the door."""
    path = filled(door.path)
    if door.method == "GET":
        return (await visitor.opens(path)).status
    return (await visitor.posts(path, {"name": "X Y", "login": "x y", "role": "none"})).status


async def test_nobody_passes_without_signing_in(desk: DeskWorld) -> None:
    await desk.asks()
    for door in DOORS:
        stranger = desk.visitor()
        path = filled(door.path)
        answer = await (stranger.opens(path) if door.method == "GET" else stranger.posts(path))
        led_away = answer.status == 303 and answer.goes_to.startswith("/desk/login")
        assert led_away or answer.status == 401, (door.path, answer.status)


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_passes_its_own_doors_and_no_other(desk: DeskWorld, role: str) -> None:
    await desk.asks()
    one = await desk.agent("x1", "Xenia X.", role)
    for door in DOORS:
        if door.path in NOT_TWICE:
            continue
        # so that the case is one's own for everyone, whatever the door before did
        await desk.flow.db.write(lambda c: cases.change(c, 1, helper_id=1, closed_at=None))
        status = await tried(one, door)
        assert (status == 403) == (role not in door.roles), (door.method, door.path, status)
        assert status < 500, (door.path, status)


@pytest.mark.parametrize("role", ROLES)
async def test_a_case_of_others_is_closed_to_editors_whatever_the_door(desk: DeskWorld, role: str) -> None:
    await desk.asks(text="segreto")
    one = await desk.agent("x1", "Xenia X.", role)
    sees = role in SEE_EVERY_CASE
    for door in DOORS:
        if door.about == "conversation" and door.path.endswith("/take"):
            continue
        if door.about:
            assert (await tried(one, door) == 403) == (not sees or role not in door.roles), door.path
    lists = "".join([(await one.opens(f"/desk?tab={tab}")).text for tab in ("waiting", "mine", "all")])
    assert ("segreto" in lists) == sees
    assert (await tried(one, next(d for d in DOORS if d.path.endswith("/take"))) == 403) == (not sees)
    assert await desk.flow.status() == ("agent" if sees else "waiting")


async def test_an_editor_who_is_asked_sees_that_case_until_it_is_done(desk: DeskWorld) -> None:
    conversation = await desk.asks(text="il mio modem")
    anna, eva = await desk.agent(), await desk.agent("eva", "Eva Erle", "editor")
    await anna.posts(f"/desk/c/{conversation}/take")
    assert (await eva.opens(f"/desk/c/{conversation}")).status == 403
    await anna.posts(f"/desk/c/{conversation}/ask", {"to": "p2"})
    assert "il mio modem" in (await eva.opens(f"/desk/c/{conversation}")).text
    assert "il mio modem" in (await eva.opens("/desk")).text
    await eva.posts(f"/desk/c/{conversation}/helped")
    assert (await eva.opens(f"/desk/c/{conversation}")).status == 403


async def news(visitor: Visitor, wanted: int) -> list[dict[str, object]]:
    """The news of a stream from the first line on, until it has told of conversation `wanted`."""
    told: list[dict[str, object]] = []
    async with visitor.client.get("/desk/live", headers={"Last-Event-ID": "1"}) as stream, asyncio.timeout(10):
        async for line in stream.content:
            if line.startswith(b"data: "):
                told.append(json.loads(line[6:]))
                if wanted in told[-1].get("in", ()):  # type: ignore[operator]
                    return told
    return told


async def test_a_page_hears_once_that_its_case_is_no_longer_for_these_eyes(desk: DeskWorld) -> None:
    theirs, last = await desk.asks("theirs"), await desk.asks("last")
    await desk.agent()
    eva = await desk.agent("eva", "Eva Erle", "editor")

    async def helps(conversation: int, who: int | None) -> None:
        def work(connection: Connection) -> None:
            cases.change(connection, conversation, helper_id=who)
            conversations.tell(connection, conversation, "move", desk.flow.clock())

        await desk.flow.db.write(work)
        desk.flow.way.live.ring()

    await helps(theirs, 2)
    async with eva.client.get("/desk/live") as stream, asyncio.timeout(10):
        await stream.content.readuntil(b": still here\n\n")
        await helps(theirs, None)
        assert json.loads((await stream.content.readuntil(b"}\n")).split(b"data: ")[1])["in"] == [theirs]
        await helps(theirs, None)
        await helps(last, 2)
        assert json.loads((await stream.content.readuntil(b"}\n")).split(b"data: ")[1])["in"] == [last]


async def test_the_stream_tells_each_role_only_what_it_may_see(desk: DeskWorld) -> None:
    await desk.asks("first")
    theirs, other = await desk.asks("theirs"), await desk.asks("other")
    anna, eva = await desk.agent(), await desk.agent("eva", "Eva Erle", "editor")
    now = desk.flow.clock()

    def work(connection: Connection) -> None:
        agents.end_sessions(connection, agent_id=99, now=now)
        cases.change(connection, 2, helper_id=2)
        for id_, kind in ((other, "message"), (other, "offer:1"), (theirs, "offer:2"), (theirs, "message")):
            conversations.tell(connection, id_, kind, now)

    await desk.flow.db.write(work)
    [to_eva] = await news(eva, theirs)
    assert to_eva["in"] == [theirs] and to_eva["for"] == [2]
    [to_anna] = await news(anna, other)
    assert to_anna["in"] == sorted({theirs, other, *to_anna["in"]})  # type: ignore[misc]
    assert to_anna["for"] == [1]
