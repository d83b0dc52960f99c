"""Many open desks: how long until a new case is on the screen of its agent?

A customer asks for a person by webhook; the case is offered to an agent, whose browser hears of it on its live stream
and asks for the page again. The time is from the case's row until the page with it is there. All other open desks hear
of it too, and mend their lists later, at the pace that the service tells them, as their script does.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from aiohttp import ClientTimeout
from sqlalchemy import select

from bench.customers import ByWebhook
from bench.desks import PERSON, Browser, Served, browsers, measured
from bench.load import Newcomers, percentile
from bot.app import utc_now
from bot.store import tables as t

LIST = "/desk?tab=waiting"


@dataclass(frozen=True)
class Scale:
    """How much there is, how many desks are open, and how many cases come, one a second."""

    desks: int = 200
    open_cases: int = 10_000
    cases: int = 40
    warm_up: int = 5


QUICK = Scale(desks=40, open_cases=1_000, cases=8, warm_up=2)


@dataclass
class Seen:
    """What one database did. Milliseconds, for each case that its agent saw."""

    told: list[float] = field(default_factory=list)  # until the stream said it
    shown: list[float] = field(default_factory=list)  # until the page was there
    missed: int = 0


Found = dict[str, Seen]


def measure(scale: Scale) -> Found:
    """Both databases. Raises NotStarted, RuntimeError."""
    found: Found = measured(
        partial(_watch, scale=scale), conversations=scale.open_cases, open_cases=scale.open_cases, alone=True
    )
    return found


class _Desk:
    """One open desk: its stream, and the page that it asks for when it hears something."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._soon: asyncio.Task[None] | None = None
        self._asked = 0.0
        self.told: dict[int, datetime] = {}  # conversation -> when
        self.shown: dict[int, datetime] = {}

    async def listen(self, ready: asyncio.Event) -> None:
        """Until cancelled."""
        forever = ClientTimeout(total=None)
        try:
            async with self._browser.session.get(
                "/desk/live", headers=self._browser.headers, timeout=forever
            ) as stream:
                async for line in stream.content:
                    ready.set()
                    if line.startswith(b"data: "):
                        await self._heard(json.loads(line[6:]))
        finally:
            if self._soon:
                self._soon.cancel()

    async def _heard(self, news: dict[str, Any]) -> None:
        if self._browser.agent in news["for"]:
            now = utc_now()
            for conversation in news["in"]:
                self.told.setdefault(conversation, now)
            page = await self._browser.page(LIST)
            now = utc_now()
            for conversation in news["in"]:
                if f'id="row-{conversation}"' in page:
                    self.shown.setdefault(conversation, now)
        elif news["moved"] and (self._soon is None or self._soon.done()):
            self._soon = asyncio.create_task(self._later(news["pace"]))

    async def _later(self, pace: float) -> None:
        await asyncio.sleep(max(random.uniform(0, pace), self._asked + pace - time.monotonic()))
        self._asked = time.monotonic()
        await self._browser.page(LIST)


async def _watch(served: Served, *, scale: Scale) -> Seen:
    customers, newcomers = ByWebhook(served.platform, served.port), Newcomers("9")
    async with browsers(served, scale.desks) as opened:
        desks = {one.agent: _Desk(one) for one in opened}
        ready = [asyncio.Event() for _ in desks]
        streams = [asyncio.create_task(one.listen(on)) for one, on in zip(desks.values(), ready, strict=True)]
        try:
            await asyncio.wait_for(asyncio.gather(*(one.wait() for one in ready)), 60)
            for number in range(scale.cases + scale.warm_up):
                await customers.tell(newcomers.customer(number), PERSON)
                await asyncio.sleep(1)
            await asyncio.sleep(2)
        finally:
            for stream in streams:
                stream.cancel()
            await asyncio.gather(*streams, return_exceptions=True)
            customers.close()
    return _seen(served, desks, scale)


def _seen(served: Served, desks: dict[int, _Desk], scale: Scale) -> Seen:
    offered = (
        select(t.cases.c.conversation_id, t.decisions.c.agent_id, t.packets.c.created_at)
        .join(t.decisions, t.decisions.c.case_id == t.cases.c.id)
        .join(t.packets, t.packets.c.case_id == t.cases.c.id)
        .where(t.decisions.c.kind == "offered", t.cases.c.id > scale.open_cases)
        .order_by(t.decisions.c.id)
    )
    with served.db.engine.connect() as connection:
        rows = connection.execute(offered).all()
    found = Seen(missed=max(scale.cases + scale.warm_up - len(rows), 0))
    for row in rows[scale.warm_up :]:
        desk = desks[row.agent_id]
        if row.conversation_id not in desk.shown:
            found.missed += 1
            continue
        for times, seen in ((found.told, desk.told), (found.shown, desk.shown)):
            times.append((seen[row.conversation_id] - (row.created_at - served.ahead)).total_seconds() * 1000)
    return found


def slowest(found: Found) -> float:
    """The p99 on the worse database, in ms: the number that is promised. nan when a case was never shown."""
    return max(percentile(one.shown, 0.99) if not one.missed else float("nan") for one in found.values())


def rows(found: Found) -> list[list[str]]:
    """For the report's table."""
    return [
        [database, what, *(f"{percentile(times, share):.0f}" for share in (0.5, 0.95, 0.99)), str(one.missed)]
        for database, one in found.items()
        for what, times in (("told by the stream", one.told), ("on the screen", one.shown))
    ]
