"""Two engines beside one: the same bot, written to as fast as it answers, on both databases.

    python -m bench.engines PORT      an engine and its actions, on this port and the one ACTIONS_AFTER above it

An engine works on one core. Where two of them share fewer than CORES with the bot, its customers and the database, the
second one finds no core free, and the ratio tells of the machine.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from bench.postgres import databases
from bench.processes import BOT_PYTHON, ROOT, Process, end_with_parent, free_ports
from bench.sides import DATA, Bot, Customers
from bench.tables import middle
from bot.children import Children, ChildrenSettings
from bot.pair import ACTIONS_AFTER

CORES = 4  # two for the engines, and two for their actions, the bot, the customers and the database
FOLDER = "engines"


@dataclass(frozen=True)
class Scale:
    """How long. Times in seconds."""

    rounds: int = 3
    seconds: float = 8
    warm_up: float = 2
    customers: int = 32  # at once


QUICK = Scale(rounds=1, seconds=3, warm_up=1)
Found = dict[str, dict[int, list[dict[str, Any]]]]  # database -> engines -> rounds


def measure(scale: Scale, show: Callable[[float], None]) -> Found:
    """On each database one engine and two by turns: what else the machine does hits both. Raises NotStarted."""
    found: Found = {}
    with ExitStack() as stack:
        customers = Customers(show)
        stack.callback(customers.end)
        urls = [_engine(stack) for _ in range(2)]
        for database, address in stack.enter_context(databases(DATA / FOLDER / "store")).items():
            found[database] = {1: [], 2: []}
            for _ in range(scale.rounds):
                for number, rounds in found[database].items():
                    env = {"DATABASE_URL": address, "ENGINE_URL": ",".join(urls[:number])}
                    rounds.append(_saturated(customers, env, scale))
    return found


def _engine(stack: ExitStack) -> str:
    """Start one, with the model that the part "talk" uses; its address."""
    port = free_ports(ACTIONS_AFTER)
    command = [str(BOT_PYTHON), "-m", "bench.engines", str(port)]
    process = Process(command, env={}, log=DATA / f"{FOLDER}.log")
    stack.callback(process.end)
    process.wait_for(f"http://127.0.0.1:{port}/webhooks/turn/", 600)
    return f"http://127.0.0.1:{port}"


def _saturated(customers: Customers, env: dict[str, str], scale: Scale) -> dict[str, Any]:
    bot = Bot(customers.platform_port, data=FOLDER, env=env)
    try:
        result: dict[str, Any] = customers.do(
            "closed_loop",
            "webhook",
            bot.port,
            conversations=scale.customers,
            seconds=scale.seconds,
            warm_up=scale.warm_up,
        )
        return result
    finally:
        bot.end()


def ratio(found: Found) -> float:
    """Answers a second of two beside one, on the worse database: the number that is promised."""
    return min(middle(one[2], "per_second") / middle(one[1], "per_second") for one in found.values())


def room() -> str:
    """Why the promise cannot be kept on this machine; "" where it can."""
    cores = os.cpu_count() or 1
    return f"needs {CORES} cores, here are {cores}" if cores < CORES else ""


def rows(found: Found) -> list[list[str]]:
    """For the report's table."""
    lines = []
    for database, one in found.items():
        for number, rounds in one.items():
            rate = middle(rounds, "per_second")
            numbers = (f"{middle(rounds, key):.0f}" for key in ("p50", "p95", "failed"))
            beside = rate / max(middle(one[1], "per_second"), 1e-9)
            lines.append([database, str(number), f"{rate:.1f}", *numbers, f"{beside:.2f}"])
    return lines


async def serve(port: int) -> None:
    """An engine and its actions until SIGTERM. `.env` is not read: it may lead to a company's systems."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    product = DATA / "product"
    settings = ChildrenSettings(ROOT, product, engine_port=port, actions_port=port + ACTIONS_AFTER)
    children = Children(settings)
    await children.start()
    await ended.wait()
    await children.stop()


if __name__ == "__main__":
    end_with_parent()
    asyncio.run(serve(int(sys.argv[1])))
