"""Redis emptied, stopped, held and started again under load, between two real processes: nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import func, select

from bench.postgres import Postgres
from bot.sandbox import Sandbox
from bot.store.database import Database
from bot.store.tables import events, outgoing
from tests.bot_process import BotProcess, echo_engine
from tests.conftest import free_port
from tests.databases import empty
from tests.redis_server import RedisServer
from tests.test_kill import Load

CUSTOMERS = 3  # of each platform


@asynccontextmanager
async def balanced(ports: list[int]) -> AsyncIterator[str]:
    """One address for several processes: each connection goes to one of them."""

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            back, on = await asyncio.open_connection("127.0.0.1", random.choice(ports))
        except OSError:
            writer.close()
            return
        await asyncio.gather(pipe(reader, on), pipe(back, writer))

    server = await asyncio.start_server(forward, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


async def says(bots: list[BotProcess], words: str) -> None:
    """Wait until every process says this of its Redis, and is ready all the while."""
    async with asyncio.timeout(30), aiohttp.ClientSession() as session:
        for bot in bots:
            while True:
                async with session.get(f"{bot.url}/readyz") as answer:
                    assert answer.status == 200
                    if (await answer.json())["redis"].startswith(words):
                        break
                await asyncio.sleep(0.05)


async def test_nothing_is_lost_whatever_happens_to_redis(
    tmp_path: Path, postgres: Postgres, redis_server: RedisServer
) -> None:
    url = postgres.url("postgres")
    ports = [free_port(), free_port()]
    try:
        async with (
            balanced(ports) as address,
            Sandbox(port=0, bot_url=lambda: address, hurry=0.05) as sandbox,
            echo_engine(0.05) as engine,
        ):
            settings = {**sandbox.environment(), "ENGINE_URL": engine.url, "SANDBOX": "off", "PUBLIC_URL": address}
            settings |= {"DATABASE_URL": url, "REDIS_URL": redis_server.url, "DATA_DIR": str(tmp_path)}
            bots = [BotProcess(settings, tmp_path / f"log{port}", port) for port in ports]
            for bot in bots:  # one after the other: the first makes the tables and the first people
                await bot.start()
                await bot.until()
            try:
                await _trouble(sandbox, bots, redis_server, url)
            finally:
                codes = [await bot.stop() for bot in bots]
            assert codes == [0, 0]
            logs = [bot.log.read_text() for bot in bots]
            assert not any("Traceback" in log for log in logs)
            assert all(1 <= log.count("redis is gone") <= 4 for log in logs), "said once each time"
            assert all("turn event=" in log for log in logs), "both took their part"
    finally:
        empty(url)


async def _trouble(sandbox: Sandbox, bots: list[BotProcess], server: RedisServer, url: str) -> None:
    customers: list[Any] = [sandbox.telegram.customer(f"Mario {n}") for n in range(CUSTOMERS)]
    customers += [sandbox.messenger.customer(f"Giulia {n}") for n in range(CUSTOMERS)]
    load = Load(customers)
    await says(bots, "ok")
    running = asyncio.create_task(load.run())
    ways: list[tuple[Callable[[], None], Callable[[], None]]] = [
        (server.stop, server.start),
        (server.hold, server.let_go),
    ]
    for end, begin in ways:
        await asyncio.sleep(0.5)
        with server.client() as client:
            client.flushall()
        await asyncio.sleep(0.5)
        end()
        await says(bots, "degraded")
        await asyncio.sleep(1)
        begin()
        await says(bots, "ok")
    load.over.set()
    await running
    async with asyncio.timeout(90):
        while load.missing() or _open(url):
            await asyncio.sleep(0.2)
    await asyncio.sleep(0.5)  # what comes twice comes now
    for customer, wrote in load.wrote.items():
        read = load.read(customer)
        assert read == sorted(read) and set(read) == set(range(wrote)), customer.name
        assert max(Counter(read).values()) == 1, f"{customer.name} read something twice"
    assert sum(load.wrote.values()) > 20


def _open(url: str) -> int:
    """Events and messages that are not done with."""
    database = Database(url)
    with database.engine.connect() as connection:
        new = connection.execute(select(func.count()).where(events.c.state == "new")).scalar_one()
        unsent = connection.execute(select(func.count()).where(outgoing.c.state != "sent")).scalar_one()
    database.close()
    return int(new) + int(unsent)
