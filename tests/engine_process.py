"""An engine of no understanding as a process of its own, that a test may stop, continue and kill."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from tests.bot_process import ROOT, EchoEngine


@dataclass
class EngineProcess:
    """Answers as EchoEngine does, at `url`."""

    url: str
    process: asyncio.subprocess.Process

    def signal(self, sign: int) -> None:
        self.process.send_signal(sign)


async def start(port: int = 0) -> EngineProcess:
    """A new one; it answers when this returns."""
    command = [sys.executable, "-m", "tests.engine_process", str(port)]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    assert process.stdout
    line = await process.stdout.readline()
    return EngineProcess(line.decode().strip(), process)


@asynccontextmanager
async def engine_processes(number: int) -> AsyncIterator[list[EngineProcess]]:
    """So many, ended afterwards."""
    engines = [await start() for _ in range(number)]
    try:
        yield engines
    finally:
        for engine in engines:
            if engine.process.returncode is None:
                engine.signal(signal.SIGKILL)
            await engine.process.wait()


async def serve(port: int) -> None:
    """Until it is killed; prints its address first."""
    engine = EchoEngine(0.02)
    app = web.Application()
    app.add_routes([web.get("/webhooks/turn/", engine.ready), web.post("/webhooks/turn/webhook", engine.turn)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
