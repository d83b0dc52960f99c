"""The webhook alone: the real route and store on one port, the same route with a store that does nothing on another.

    python -m bench.acks PORT PORT_WITHOUT_STORAGE

It is what the bot does while its engine is still starting: check the signature, store once, answer 200.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence

from aiohttp import web

from bench.processes import ROOT, end_with_parent
from bot.app import build_way, open_database
from bot.channels.base import Receive
from bot.channels.messenger import MessengerChannel
from bot.flow.receive import receive
from bot.model.messages import RawEvent
from bot.settings import read_settings


async def without_storage(_channel: str, raws: Sequence[RawEvent]) -> int:
    """Takes everything and keeps nothing."""
    return len(raws)


async def serve(stored_port: int, plain_port: int) -> None:
    """Serve both until SIGTERM."""
    settings = read_settings(os.environ, ROOT)
    db = open_database(settings)
    way = build_way(settings, db)

    async def with_storage(channel: str, raws: Sequence[RawEvent]) -> int:
        return await receive(way, channel, raws)

    assert settings.messenger
    runners = [
        await _listen(MessengerChannel(settings.messenger), with_storage, stored_port),
        await _listen(MessengerChannel(settings.messenger), without_storage, plain_port),
    ]
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    for runner in runners:
        await runner.cleanup()
    db.close()


async def _listen(channel: MessengerChannel, store: Receive, port: int) -> web.AppRunner:
    async def alive(_request: web.Request) -> web.Response:
        return web.Response(text="ok")

    app = web.Application()
    app.add_routes([*channel.routes(store), web.get("/healthz", alive)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner


if __name__ == "__main__":
    end_with_parent()
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
