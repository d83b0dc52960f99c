"""The webhook alone: the real route and store on one port, the same route with a store that does nothing on another.

    python -m bench.acks PORT PORT_WITHOUT_STORAGE      the measured process

It is what the bot does while its engine is still starting: check the signature, store once, answer 200.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from bench.postgres import databases
from bench.processes import BOT_PYTHON, ROOT, Process, end_with_parent, free_ports
from bench.sides import DATA, Customers, settings
from bench.tables import middle
from bot.app import SWITCH, build_way, open_database
from bot.channels.base import Receive
from bot.channels.messenger import MessengerChannel
from bot.flow.receive import receive
from bot.model.messages import RawEvent
from bot.settings import read_settings

CONNECTIONS = 64


@dataclass(frozen=True)
class Scale:
    """How many in a round."""

    webhooks: int = 20_000
    rounds: int = 5


Found = dict[str, dict[str, list[dict[str, Any]]]]  # database -> "stored" or "plain" -> rounds


def measure(scale: Scale, show: Callable[[float], None]) -> Found:
    """Each database in turn; on each with and without storage by turns. Raises NotStarted, RuntimeError."""
    customers = Customers(show)
    try:
        with databases(DATA / "acks", durable=True) as urls:
            return {name: _rounds(customers, url, scale) for name, url in urls.items()}
    finally:
        customers.end()


def _rounds(customers: Customers, url: str, scale: Scale) -> dict[str, list[dict[str, Any]]]:
    stored, plain = free_ports(), free_ports()
    found: dict[str, list[dict[str, Any]]] = {"stored": [], "plain": []}
    process = Process(
        [str(BOT_PYTHON), "-m", "bench.acks", str(stored), str(plain)],
        env={**settings(stored, customers.platform_port, "acks"), "DATABASE_URL": url},
        log=DATA / "acks.log",
    )
    try:
        process.wait_for(f"http://127.0.0.1:{plain}/healthz", 60)
        for _ in range(scale.rounds):
            for name, port in (("stored", stored), ("plain", plain)):
                found[name].append(
                    customers.do(
                        "acknowledgements", "webhook", port, webhooks=scale.webhooks, connections=CONNECTIONS
                    )
                )
    finally:
        process.end()
    return found


def ratio(found: Found) -> float:
    """With storage beside without, on the worse database: the number that is promised."""
    return min(middle(one["stored"], "per_second") / middle(one["plain"], "per_second") for one in found.values())


def rows(found: Found) -> list[list[str]]:
    """For the report's table."""
    lines = []
    for database, one in found.items():
        plain = middle(one["plain"], "per_second")
        for name, words in (("plain", "without storage"), ("stored", "stored")):
            rate = middle(one[name], "per_second")
            times = (f"{middle(one[name], key):.1f}" for key in ("p50", "p99"))
            lines.append([database, words, f"{rate:.0f}", *times, f"{rate / plain:.2f}"])
    return lines


async def without_storage(_channel: str, raws: Sequence[RawEvent]) -> int:
    """Takes everything and keeps nothing."""
    return len(raws)


async def serve(stored_port: int, plain_port: int) -> None:
    """Serve both until SIGTERM."""
    sys.setswitchinterval(SWITCH)
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
    gc.freeze()  # as bot/__main__.py does
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
