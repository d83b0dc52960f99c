"""kill -9 at any moment, under load: what was acknowledged is answered, in order, once.

A long run: SPORTELLO_KILLS=100 pytest tests/test_kill.py
"""

from __future__ import annotations

import asyncio
import os
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.sandbox import Sandbox
from bot.store.database import Database
from bot.store.tables import events, messages, outgoing
from tests.bot_process import BotProcess, EchoEngine, echo_engine
from tests.conftest import free_port

KILLS = int(os.environ.get("SPORTELLO_KILLS", "5"))
CUSTOMERS, PAUSE = 4, 0.25  # of each platform; seconds between two messages of one, on average
PATIENCE = 8  # messages of one customer without an answer at most
ANSWER = re.compile(r"re: domanda (\d+)$")


class Load:
    """Customers who write numbers, one after the other, whether they are answered or not."""

    def __init__(self, customers: list[Any]) -> None:
        self.wrote: dict[Any, int] = dict.fromkeys(customers, 0)
        self.over = asyncio.Event()

    async def run(self) -> None:
        await asyncio.gather(*(self._writes(customer) for customer in self.wrote))

    async def _writes(self, customer: Any) -> None:
        while not self.over.is_set():
            if self.wrote[customer] - len(set(self.read(customer))) > PATIENCE:
                await asyncio.sleep(PAUSE)  # otherwise a slow machine would have ever more to catch up with
                continue
            await customer.says(f"domanda {self.wrote[customer]}")
            self.wrote[customer] += 1
            await asyncio.sleep(random.random() * 2 * PAUSE)

    def read(self, customer: Any) -> list[int]:
        """The answers on a customer's phone, in order."""
        texts = [bubble.text for bubble in customer.screen() if bubble.author == "bot"]
        return [int(found[1]) for text in texts if (found := ANSWER.search(text))]

    def missing(self) -> int:
        return sum(len(set(range(n)) - set(self.read(customer))) for customer, n in self.wrote.items())

    def described(self) -> str:
        """Who misses what."""
        missing = {c.name: sorted(set(range(n)) - set(self.read(c))) for c, n in self.wrote.items()}
        return "\n".join(f"{name} misses {numbers}" for name, numbers in missing.items())


@pytest.mark.parametrize("doors", ["webhooks", "long poll"])
async def test_nothing_acknowledged_is_lost_or_doubled(tmp_path: Path, doors: str) -> None:
    port = free_port()
    own_url = f"http://127.0.0.1:{port}"
    async with Sandbox(port=0, bot_url=lambda: own_url, hurry=0.05) as sandbox, echo_engine(0.05) as engine:
        settings = settings_of(sandbox, engine, tmp_path)
        customers: list[Any] = [sandbox.telegram.customer(f"Mario {n}") for n in range(CUSTOMERS)]
        if doors == "webhooks":
            settings["PUBLIC_URL"] = own_url
            customers += [sandbox.messenger.customer(f"Giulia {n}") for n in range(CUSTOMERS)]
        else:
            settings = {name: value for name, value in settings.items() if not name.startswith("MESSENGER_")}
        bot = BotProcess(settings, tmp_path / "log", port)
        load = Load(customers)
        running = asyncio.create_task(load.run())
        for _ in range(KILLS):
            await bot.start()
            await bot.until()
            await asyncio.sleep(0.3 + random.random() * 1.5)
            await bot.kill()
        load.over.set()
        await running
        await bot.start()
        await bot.until()
        await settled(load, tmp_path / "sportello.db")
        assert await bot.stop() == 0
        judge(load, tmp_path / "sportello.db")
        log = bot.log.read_text()
        assert "Traceback" not in log
        for name, value in sandbox.environment().items():
            assert not name.endswith(("TOKEN", "SECRET")) or value not in log, f"{name} is in the log"


def settings_of(sandbox: Sandbox, engine: EchoEngine, data: Path) -> dict[str, str]:
    return {**sandbox.environment(), "ENGINE_URL": engine.url, "SANDBOX": "off", "DATA_DIR": str(data)}


async def settled(load: Load, file: Path) -> None:
    """Wait until everybody is answered."""
    end = asyncio.get_running_loop().time() + 120 + 2 * KILLS
    while load.missing():
        assert asyncio.get_running_loop().time() < end, load.described()
        await asyncio.sleep(0.1)
    await asyncio.sleep(0.5)  # what comes twice comes now
    while rows(file, select(events.c.id).where(events.c.state == "new")):
        assert asyncio.get_running_loop().time() < end, "stored events are not worked on"
        await asyncio.sleep(0.1)


def rows(file: Path, query: Any) -> list[Any]:
    database = Database(f"sqlite:///{file}")
    with database.engine.connect() as connection:
        found = list(connection.execute(query).all())
    database.close()
    return found


def judge(load: Load, file: Path) -> None:
    """The ledger against the phones."""
    assert rows(file, select(outgoing).where(outgoing.c.state == "failed")) == []
    texts = {row.id: row.text for row in rows(file, select(messages.c.id, messages.c.text))}
    resent = Counter(texts[row.message_id] for row in rows(file, select(outgoing).where(outgoing.c.resent)))
    twice = 0
    for customer, wrote in load.wrote.items():
        read = load.read(customer)
        in_order = list(dict.fromkeys(read))
        assert in_order == sorted(in_order), f"{customer.name}: out of order"
        assert set(read) <= set(range(wrote))
        for number, times in Counter(read).items():
            twice += times - 1
            assert times <= 2 and (times == 1 or any(text.endswith(f"re: domanda {number}") for text in resent))
            assert times == 1 or not hasattr(customer, "psid"), "echoes prove what arrived there"
    assert {row.state for row in rows(file, select(events.c.state))} == {"done"}
    written = rows(file, select(messages.c.event_id).where(messages.c.author == "customer"))
    assert len(written) == len(set(written)) == sum(load.wrote.values())
    print(f"{sum(load.wrote.values())} messages, {KILLS} kills, {twice} read twice")
