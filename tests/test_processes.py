"""Several real processes on one database: spread, killed and restarted under load, split by roles."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from sqlalchemy import select

from bot.sandbox import Sandbox
from bot.store.database import Database
from bot.store.tables import events, leases, messages
from tests.bot_process import BotProcess, EchoEngine, echo_engine
from tests.conftest import free_port
from tests.test_kill import Load

POLLS = re.compile(r"this process leads: serve telegram")


class Balancer:
    """Gives each webhook to a process that says it is ready. What is refused or broken off all the same is counted."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.port = free_port()
        self.passed: Counter[int] = Counter()
        self.failed: list[str] = []
        self.ports = ports
        self._ready: set[int] = set()
        self._turn = itertools.count()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Balancer]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._pass)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        async with aiohttp.ClientSession() as self._http:
            looks = [asyncio.create_task(self._look(port)) for port in self.ports]
            yield self
            for look in looks:
                look.cancel()
            await runner.cleanup()

    async def _look(self, port: int) -> None:
        while True:
            try:
                async with self._http.get(f"http://127.0.0.1:{port}/readyz") as answer:
                    ready = answer.status == 200
            except aiohttp.ClientError:
                ready = False
            (self._ready.add if ready else self._ready.discard)(port)
            await asyncio.sleep(0.1)

    async def _pass(self, request: web.Request) -> web.Response:
        body, headers = await request.read(), {k: v for k, v in request.headers.items() if k.lower() != "host"}
        ports = sorted(self._ready) or list(self.ports)
        port = ports[next(self._turn) % len(ports)]
        url = f"http://127.0.0.1:{port}{request.rel_url}"
        try:
            async with self._http.request(request.method, url, data=body, headers=headers) as answer:
                text = await answer.read()
        except aiohttp.ClientError as error:
            self.failed.append(type(error).__name__)
            return web.Response(status=502)
        if answer.status >= 500:
            self.failed.append(str(answer.status))
        self.passed[port] += 1
        return web.Response(status=answer.status, body=text)


class Installation:
    """Bots, platforms and customers."""

    def __init__(self, sandbox: Sandbox, engine: EchoEngine, url: str, folder: Path) -> None:
        self.sandbox, self._folder, self._url = sandbox, folder, url
        self.settings = {
            **sandbox.environment(),
            "ENGINE_URL": engine.url,
            "SANDBOX": "off",
            "DATA_DIR": str(folder),
            "DATABASE_URL": url,
        }
        self.bots: list[BotProcess] = []

    async def adds(self, *bots: tuple[int, str]) -> list[BotProcess]:
        """More processes, ready: each a port and its one part, "" for all."""
        new = [
            BotProcess(self.settings, self._folder / f"log{port}", port, (only,) if only else ()) for port, only in bots
        ]
        self.bots += new
        for bot in new:
            await bot.start()
        await asyncio.gather(*(bot.until("/readyz") for bot in new))
        return new

    async def rows(self, query: Any) -> list[Any]:
        database = Database(self._url)
        try:
            return list(await database.read(lambda c: c.execute(query).all()))
        finally:
            database.close()

    async def ends(self) -> None:
        """Stop all; they must end well and have nothing to complain of."""
        for bot in self.bots:
            if bot.process and bot.process.returncode is None:
                assert await bot.stop() == 0
            assert "Traceback" not in bot.log.read_text(), bot.log.read_text()[-3000:]


@asynccontextmanager
async def installed(url: str, folder: Path, *, public_url: str | None) -> AsyncIterator[Installation]:
    async with AsyncExitStack() as stack:
        sandbox = Sandbox(port=0, bot_url=lambda: public_url or "http://127.0.0.1:9", hurry=0.05)
        await stack.enter_async_context(sandbox)
        engine = await stack.enter_async_context(echo_engine(0.05))
        made = Installation(sandbox, engine, url, folder)
        if public_url:
            made.settings["PUBLIC_URL"] = public_url
        else:
            made.settings = {k: v for k, v in made.settings.items() if not k.startswith("MESSENGER_")}
        try:
            yield made
        finally:
            for bot in made.bots:
                if bot.process and bot.process.returncode is None:
                    await bot.kill()


async def all_answered(load: Load, seconds: float) -> None:
    end = asyncio.get_running_loop().time() + seconds
    while load.missing():
        assert asyncio.get_running_loop().time() < end, load.described()
        await asyncio.sleep(0.05)


async def judge(made: Installation, load: Load, *, doubled: int = 0) -> None:
    """Everything once, in order; only what was being sent when a process was killed may come twice, on Telegram."""
    await asyncio.sleep(0.5)  # what comes twice comes now
    twice = 0
    for customer, wrote in load.wrote.items():
        read = load.read(customer)
        assert list(dict.fromkeys(read)) == list(range(wrote)), f"{customer.name} reads {read}"
        twice += len(read) - wrote
    assert twice <= doubled
    assert {row.state for row in await made.rows(select(events.c.state))} == {"done"}
    written = await made.rows(select(messages.c.event_id).where(messages.c.author == "customer"))
    assert len(written) == len(set(written)) == sum(load.wrote.values())
    assert await made.rows(select(leases)) == []


async def test_a_rolling_restart_under_load_answers_every_webhook(database_url: str, tmp_path: Path) -> None:
    balancer = Balancer([free_port(), free_port()])
    async with balancer.running(), installed(database_url, tmp_path, public_url=balancer.url) as made:
        made.settings["DRAIN_SECONDS"] = "1"
        bots = await made.adds(*((port, "") for port in balancer.ports))
        customers: list[Any] = [made.sandbox.telegram.customer(f"Mario {n}") for n in range(3)]
        customers += [made.sandbox.messenger.customer(f"Giulia {n}") for n in range(3)]
        load = Load(customers)
        running = asyncio.create_task(load.run())
        for bot in bots:
            await asyncio.sleep(0.7)
            assert await bot.stop() == 0
            await bot.start()
            await bot.until("/readyz")
        await asyncio.sleep(0.7)
        load.over.set()
        await running
        await all_answered(load, 40)
        assert balancer.failed == [] and min(balancer.passed.values()) > 10
        await judge(made, load)
        await made.ends()


async def test_another_goes_on_for_one_that_is_killed(database_url: str, tmp_path: Path) -> None:
    """With long polling: the other polls, answers what was in hand, and sends what was not sent."""
    async with installed(database_url, tmp_path, public_url=None) as made:
        first, second = await made.adds((free_port(), ""), (free_port(), ""))
        load = Load([made.sandbox.telegram.customer(f"Mario {n}") for n in range(6)])
        running = asyncio.create_task(load.run())
        await asyncio.sleep(2)
        leader, heir = (first, second) if POLLS.search(first.log.read_text()) else (second, first)
        assert not POLLS.search(heir.log.read_text()), "one polls"
        await leader.kill()
        killed = asyncio.get_running_loop().time()
        while not POLLS.search(heir.log.read_text()):
            assert asyncio.get_running_loop().time() < killed + 10
            await asyncio.sleep(0.05)
        await asyncio.sleep(1)
        load.over.set()
        await running
        await all_answered(load, 60)
        await judge(made, load, doubled=6)
        await made.ends()


@pytest.mark.parametrize(
    ("database_url", "doors"), [("postgresql", "webhooks"), ("sqlite", "long poll")], indirect=["database_url"]
)
async def test_parts_in_processes_of_their_own(database_url: str, tmp_path: Path, doors: str) -> None:
    port = free_port()
    public_url = f"http://127.0.0.1:{port}" if doors == "webhooks" else None
    async with installed(database_url, tmp_path, public_url=public_url) as made:
        parts = (port, "webhooks"), (free_port(), "worker"), (free_port(), "desk")
        outside, worker, desk = await made.adds(*parts)
        mario = made.sandbox.telegram.customer("Mario")
        said = await mario.says("buongiorno")
        await mario.waits_for("re: buongiorno", since=said)
        async with aiohttp.ClientSession() as http:
            for bot in (outside, worker, desk):
                for path in ("/healthz", "/readyz", "/metrics"):
                    async with http.get(bot.url + path) as answer:
                        assert answer.status == 200, (bot.only, path)
            for bot, path, status in (
                (desk, "/desk/login", 200),
                (outside, "/desk/login", 404),
                (worker, "/desk/login", 404),
                (outside, "/webhooks/telegram", 405),
                (desk, "/webhooks/telegram", 404),
                (worker, "/webhooks/telegram", 404),
            ):
                async with http.get(bot.url + path) as answer:
                    assert answer.status == status, (bot.only, path)
        await made.ends()


async def test_the_sandbox_is_not_split(tmp_path: Path) -> None:
    bot = BotProcess({"DATA_DIR": str(tmp_path), "SANDBOX": "yes"}, tmp_path / "log", free_port(), ("desk",))
    await bot.start()
    assert bot.process
    assert await asyncio.wait_for(bot.process.wait(), 60) == 1
    assert "--only" in bot.log.read_text() and "Traceback" not in bot.log.read_text()
