"""The way of a message on a small and on a large store, at a customer's first message and at the thousandth.

    python -m bench.size [--quick]     fills both databases twice and prints the table; part of `make bench`

The real way from the stored webhook to the call of the platform; the engine and the platform answer at once, always
the same. The small and the large store are in one process and take turns, so what else the machine does hits both.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import median

import psycopg

from bench.customers import PAGE
from bench.inbox import SETTINGS
from bench.many import fill
from bench.postgres import Postgres, programs
from bench.processes import ROOT
from bot.app import build_way, utc_now
from bot.channels.base import Delivery, Sent
from bot.channels.messenger import MessengerChannel
from bot.flow.deliver import Delivering
from bot.flow.language import prepare
from bot.flow.receive import receive
from bot.flow.way import Engine, Way
from bot.flow.workers import Answering
from bot.model.dialogue import Ask, Turn
from bot.model.messages import ConversationKey, RawEvent, Sender
from bot.model.replies import Reply
from bot.settings import read_settings
from bot.store.database import Database
from bot.store.migrate import migrate

DATA = ROOT / "data" / "bench" / "size"
LONG = "1"  # the chat that has written so often already
PLACES = ("first", "late")
STATE = [{"event": "slot", "timestamp": 1.0, "name": f"slot{n}", "value": "via Roma 1"} for n in range(28)]


@dataclass(frozen=True)
class Scale:
    """How many conversations there are, how long the long one is, and how many messages are measured of each kind."""

    sizes: tuple[int, ...] = (1_000, 1_000_000)
    late: int = 1_000
    turns: int = 150


QUICK = Scale(sizes=(1_000, 20_000), turns=50)

Found = dict[str, dict[int, dict[str, float]]]  # database -> conversations -> "first" or "late" -> median ms


class Canned(MessengerChannel):
    """Understands what really comes; what it sends arrives at once, without a pace."""

    limits = replace(MessengerChannel.limits, per_second=1e6, per_chat_second=1e6)
    sent: asyncio.Event

    async def send(self, delivery: Delivery) -> Sent:
        self.sent.set()
        return Sent(f"m_{delivery.row}")

    async def profile(self, key: ConversationKey) -> Sender:
        return Sender("Anna Prova", "it_IT")


class Same:
    """An engine that says the same at once."""

    async def ask(self, turn: Ask) -> Turn:
        said, learned = (Reply("Il negozio apre alle 9."),), {"place": "Brescia"}
        return Turn(said, STATE, learned, "ask_hours", 0.98, (("bye", 0.01),))

    def known(self, turn: Ask) -> Turn | None:
        return None

    async def ready(self) -> bool:
        return True

    async def state(self) -> str:
        return "ok"

    async def close(self) -> None:
        pass


class Shop:
    """One store with the whole way on it."""

    def __init__(self, db: Database) -> None:
        self._settings = read_settings(SETTINGS, ROOT)
        self._numbers = itertools.count(1)
        self._db, self._way = db, self._built(db)
        self._answering, self._delivering = Answering(self._way), Delivering(self._way)
        self._sending: asyncio.Task[None] | None = None

    def _built(self, db: Database) -> Way:
        assert self._settings.messenger
        self._channel = Canned(self._settings.messenger)
        way = build_way(self._settings, db)
        engine: Engine = Same()
        way.channels, way.engine = {self._channel.name: self._channel}, engine
        return way

    async def open(self) -> None:
        """Begin to answer and to send."""
        self._sending = asyncio.create_task(self._delivering.run())
        self._way.arrived = self._answering.wake
        await self._answering.start()

    async def close(self) -> None:
        """End what runs."""
        await self._answering.stop()
        await self._delivering.stop()
        assert self._sending
        await self._sending
        self._db.close()

    async def turn(self, chat: str) -> float:
        """Milliseconds from the stored webhook to the call of the platform."""
        self._channel.sent = asyncio.Event()
        raw = _message(chat, next(self._numbers))
        began = time.perf_counter()
        await receive(self._way, self._channel.name, [raw])
        await asyncio.wait_for(self._channel.sent.wait(), 30)
        took = (time.perf_counter() - began) * 1000
        await asyncio.sleep(0.01)  # the row "sent" is not the next message's cost
        return took


def _message(chat: str, number: int) -> RawEvent:
    now = utc_now()
    event = {"sender": {"id": chat}, "recipient": {"id": PAGE}, "timestamp": int(now.timestamp() * 1000)}
    event["message"] = {"mid": f"m_{number}", "text": "a che ora apre il negozio?"}
    payload = {"object": "page", "entry": [{"id": PAGE, "messaging": [event]}]}
    return RawEvent(f"m_{number}", chat, payload, now)


def measure(scale: Scale) -> Found:
    """Both databases, one after the other; PostgreSQL is left out where it is not installed."""
    prepare(("it", "en"))
    found = {}
    for name, stores in (("SQLite", _files), *((("PostgreSQL", _servers),) if programs() else ())):
        with stores(scale.sizes) as urls:
            found[name] = asyncio.run(_measured({size: _filled(url, size, scale) for size, url in urls.items()}, scale))
    return found


@contextmanager
def _files(sizes: tuple[int, ...]) -> Iterator[dict[int, str]]:
    shutil.rmtree(DATA, ignore_errors=True)
    try:
        yield {size: f"sqlite:///{DATA / str(size)}.db" for size in sizes}
    finally:
        shutil.rmtree(DATA, ignore_errors=True)


@contextmanager
def _servers(sizes: tuple[int, ...]) -> Iterator[dict[int, str]]:
    where = programs()
    assert where
    server = Postgres(where)
    try:
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            for size in sizes:
                connection.execute(f"CREATE DATABASE of{size}".encode())
        yield {size: server.url(f"of{size}") for size in sizes}
    finally:
        server.stop()


def _filled(url: str, size: int, scale: Scale) -> Database:
    db = Database(url)
    migrate(db)
    fill(db, conversations=size, late=scale.late, now=utc_now())
    return db


async def _measured(stores: dict[int, Database], scale: Scale) -> dict[int, dict[str, float]]:
    shops = {size: Shop(db) for size, db in stores.items()}
    times: dict[int, dict[str, list[float]]] = {size: {place: [] for place in PLACES} for size in shops}
    for shop in shops.values():
        await shop.open()
        await shop.turn(LONG)  # the first use of everything
    try:
        for number in range(scale.turns):
            for size, shop in shops.items():
                times[size]["first"].append(await shop.turn(f"new{number}"))
                times[size]["late"].append(await shop.turn(LONG))
    finally:
        for shop in shops.values():
            await shop.close()
    return {size: {place: median(each) for place, each in places.items()} for size, places in times.items()}


def rows(found: Found) -> list[list[str]]:
    """For the report's table."""
    return [
        [database, f"{size:,}", *(f"{ms[place]:.1f}" for place in PLACES), f"{_worst(sizes, size):.2f}"]
        for database, sizes in found.items()
        for size, ms in sizes.items()
    ]


def ratio(found: Found) -> float:
    """The largest store beside the smallest, at the worse place on the worse database: the number that is promised."""
    return max(_worst(sizes, max(sizes)) for sizes in found.values())


def _worst(sizes: dict[int, dict[str, float]], size: int) -> float:
    return max(sizes[size][place] / sizes[min(sizes)][place] for place in PLACES)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.size", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a fiftieth of it")
    for row in rows(measure(QUICK if parser.parse_args().quick else Scale())):
        print("\t".join(row))
    return 0


if __name__ == "__main__":
    sys.exit(main())
