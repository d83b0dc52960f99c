"""A real Redis of the tests' own, that can be stopped, held and emptied."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from bot.between.link import Link
from tests.conftest import free_port

Gives = TypeVar("Gives")

BEAT = 0.1  # seconds between rounds: tests need not wait for the product's own pace


def at_once(awaitable: Coroutine[Any, Any, Gives]) -> Gives:
    """What a coroutine gives, or raises, without waiting for anything. However busy the machine, it must not pause."""
    try:
        awaitable.send(None)
    except StopIteration as ended:
        return ended.value  # type: ignore[no-any-return]
    awaitable.close()
    raise AssertionError("it waits")


class RedisServer:
    """A server on a free loopback port, without any file."""

    def __init__(self, program: str) -> None:
        self._program = program
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *settings: str) -> None:
        """Begin, empty, on the same port as before; returns when it answers."""
        command = [self._program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen([*command, *settings], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while True:
            try:
                with self.client() as client:
                    client.ping()
                return
            except redis.AuthenticationError:
                return
            except redis.ConnectionError:
                if self._process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError("redis-server does not start") from None
                time.sleep(0.02)

    def stop(self) -> None:
        """As a power cut would."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def hold(self) -> None:
        """It hangs: connections stay open, nothing is answered."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def let_go(self) -> None:
        """It goes on where it was held."""
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def client(self) -> redis.Redis:
        """A look into it."""
        never = Retry(NoBackoff(), 0)
        return redis.Redis(port=self.port, decode_responses=True, socket_timeout=5, retry=never)


@pytest.fixture(scope="module")
def redis_module() -> Iterator[RedisServer]:
    """The module's server."""
    program = shutil.which("redis-server")
    if not program:
        pytest.skip("no Redis here: apt-get install redis-server")
    server = RedisServer(program)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_server(redis_module: RedisServer) -> RedisServer:
    """The module's server, running and empty."""
    try:
        with redis_module.client() as client:
            client.flushall()
            client.config_set("maxmemory", 0)
    except redis.ConnectionError:
        redis_module.stop()
        redis_module.start()
    return redis_module


async def until(true: Callable[[], object], seconds: float = 15) -> None:
    """Wait until it is true."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def linked(server: RedisServer, number: int = 1) -> AsyncIterator[list[Link]]:
    """Links as of so many processes, all up."""
    links = [Link(server.url, wait=0.5, beat=BEAT) for _ in range(number)]
    try:
        for link in links:
            link.start()
        await until(lambda: all(link.up for link in links))
        yield links
    finally:
        for link in links:
            await link.stop()
