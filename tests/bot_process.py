"""The bot as a process of its own, and an engine small enough to be understood at a glance."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from dotenv import dotenv_values

ROOT = Path(__file__).resolve().parent.parent
#: The settings of whoever runs the tests must not reach the bot.
OURS = ("TELEGRAM_", "MESSENGER_", "GRAPH_", "ENGINE_", "SANDBOX", "DATABASE_", "PUBLIC_", "PORT", "HOST", "DATA_")
OURS += ("REDIS_", "SHARE_PORT", "DRAIN_", "TRUSTED_", "LOG_FORMAT", "BACKEND_")


def environ_of(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with these settings and no others: what stands in .env here is of a real bot."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return {**kept, **dict.fromkeys(dotenv_values(ROOT / ".env"), ""), **settings}


@dataclass
class BotProcess:
    """`python -m bot run` with these settings. What it prints is in `log`."""

    settings: Mapping[str, str]
    log: Path
    port: int
    only: tuple[str, ...] = ()
    process: asyncio.subprocess.Process | None = None
    kills: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Begin; `until` waits for it."""
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "bot",
                "run",
                *(["--only", *self.only] if self.only else []),
                cwd=ROOT,
                env=environ_of({"PORT": str(self.port), **self.settings}),
                stdout=log,
                stderr=log,
            )

    async def until(self, path: str = "/healthz", *, seconds: float = 60) -> None:
        """Wait until a path answers 200. AssertionError, with the log, when the bot ended or time is up."""
        assert self.process
        end = asyncio.get_running_loop().time() + seconds
        async with aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(self.url + path) as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    pass
                late = asyncio.get_running_loop().time() > end
                assert self.process.returncode is None and not late, self.log.read_text()[-3000:]
                await asyncio.sleep(0.03)

    async def kill(self) -> None:
        """As a power cut would."""
        assert self.process
        self.process.kill()
        await self.process.wait()
        self.kills += 1

    async def stop(self) -> int:
        """As Ctrl-C would; the exit code."""
        assert self.process
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            return await self.process.wait()


@dataclass
class EchoEngine:
    """The engine's contract, and no understanding: answers "re: " and the text, after up to `seconds`."""

    seconds: float = 0.0
    asked: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""
    broken: bool = False
    status: int = 200
    answers: dict[str, Any] = field(default_factory=dict)
    hosts: set[str] = field(default_factory=set)

    async def fixed(self, _request: web.Request) -> web.Response:
        return web.json_response({"model_id": "echo", "answers": self.answers})

    async def ready(self, _request: web.Request) -> web.Response:
        return web.json_response({"ready": True}, status=503 if self.broken else 200)

    async def turn(self, request: web.Request) -> web.Response:
        if self.broken:
            return web.json_response({"error": "broken"}, status=500)
        asked = await request.json()
        self.asked.append(asked)
        self.hosts.add(request.host)
        if self.status != 200:
            return web.json_response({"error": "as the test wants"}, status=self.status)
        await asyncio.sleep(random.random() * self.seconds)
        at = {"timestamp": 0.0}
        events = [{"event": "user", "text": asked["text"], **at}, {"event": "action", "name": "action_listen", **at}]
        return web.json_response(
            {
                "messages": [{"text": f"re: {asked['text']}"}],
                "events": events,
                "intent": {"name": "store_hours", "confidence": 0.9},
                "intent_ranking": [{"name": "store_hours", "confidence": 0.9}],
                "entities": [],
                "model_id": "echo",
            }
        )


@asynccontextmanager
async def echo_engine(seconds: float = 0.0) -> AsyncIterator[EchoEngine]:
    """A running one, on a free loopback port."""
    engine = EchoEngine(seconds)
    app = web.Application(client_max_size=8 * 1024 * 1024)
    app.add_routes([web.get("/webhooks/turn/", engine.ready), web.post("/webhooks/turn/webhook", engine.turn)])
    app.add_routes([web.get("/webhooks/turn/answers", engine.fixed)])
    async with TestServer(app, shutdown_timeout=0.1) as server:
        engine.url = str(server.make_url("")).rstrip("/")
        yield engine
