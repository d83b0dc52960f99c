"""Many open desks: how long until a new case is on the screen of its agent?

A customer asks for a person by webhook; the case is offered to an agent, whose browser hears of it on its live stream
and asks for the page again. The time is from the case's row until the page with it is there. All other open desks hear
of it too, and mend their lists later, at the pace that the service tells them, as their script does. After that, with
all of these still open, some more come to one agent who has the page in a real Chromium as well.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Row, case, select, update

from bench.customers import ByWebhook
from bench.desks import PERSON, Served, browsers, measured
from bench.load import Newcomers, percentile
from bench.open_desk import OpenDesk, open_desks
from bench.real_page import chromium, real_page
from bot.store import tables as t


@dataclass(frozen=True)
class Scale:
    """How much there is, how many desks are open, and how many cases come, one a second."""

    desks: int = 200
    open_cases: int = 10_000
    cases: int = 40
    warm_up: int = 5
    in_chromium: int = 20


QUICK = Scale(desks=40, open_cases=1_000, cases=8, warm_up=2, in_chromium=4)
SETTLES = 3.0  # seconds from the opening of Chromium until the first case: its start is not what is measured


@dataclass
class Seen:
    """What one database did. Milliseconds, for each case that its agent saw."""

    told: list[float] = field(default_factory=list)  # until the stream said it
    shown: list[float] = field(default_factory=list)  # until the page was there
    missed: int = 0
    in_chromium: list[float] = field(default_factory=list)  # until its row was in the page; empty without Chromium
    not_in_chromium: int = 0


Found = dict[str, Seen]


def measure(scale: Scale) -> Found:
    """Both databases. Raises NotStarted, RuntimeError."""
    found: Found = measured(
        partial(_watch, scale=scale), conversations=scale.open_cases, open_cases=scale.open_cases, alone=True
    )
    return found


async def _watch(served: Served, *, scale: Scale) -> Seen:
    customers, newcomers = ByWebhook(served.platform, served.port), Newcomers("9")

    async def come(first: int, cases: int) -> None:
        for number in range(first, first + cases):
            await customers.tell(newcomers.customer(number), PERSON)
            await asyncio.sleep(1)

    found, all_ = Seen(), scale.warm_up + scale.cases
    try:
        async with browsers(served, scale.desks) as opened, open_desks(opened) as desks:
            await come(0, all_)
            await _until_seen(desks, all_)
            offered = _offered(served, scale)
            _count(found, served, {one.browser.agent: one for one in desks}, offered, scale)
            if chromium():
                _prefer(served, opened[-1].agent)
                async with real_page(opened[-1], served.port) as page:
                    await asyncio.sleep(SETTLES)
                    await come(all_, scale.in_chromium)
                    await asyncio.sleep(SETTLES)
                    shown = await page.shown()
                _count_real(found, served, shown, _offered(served, scale)[len(offered) :], scale)
    finally:
        customers.close()
    return found


def _prefer(served: Served, agent: int) -> None:
    """Whoever comes is offered to this one: all others are asked by name only."""
    capacity = case((t.agents.c.id == agent, 1_000_000), else_=0)
    with served.db.engine.connect().execution_options(writer=True) as connection, connection.begin():
        connection.execute(update(t.agents).values(capacity=capacity))


async def _until_seen(desks: list[OpenDesk], cases: int) -> None:
    """What does not come within a long while does not come."""
    for _ in range(100):
        if sum(len(one.shown) for one in desks) >= cases:
            return
        await asyncio.sleep(0.1)


def _offered(served: Served, scale: Scale) -> list[Row[Any]]:
    """The new cases, to whom each was offered, and when it was there."""
    offered = (
        select(t.cases.c.conversation_id, t.decisions.c.agent_id, t.packets.c.created_at)
        .join(t.decisions, t.decisions.c.case_id == t.cases.c.id)
        .join(t.packets, t.packets.c.case_id == t.cases.c.id)
        .where(t.decisions.c.kind == "offered", t.cases.c.id > scale.open_cases)
        .order_by(t.decisions.c.id)
    )
    with served.db.engine.connect() as connection:
        return list(connection.execute(offered))


def _count(found: Seen, served: Served, desks: dict[int, OpenDesk], rows: list[Row[Any]], scale: Scale) -> None:
    found.missed = max(scale.cases + scale.warm_up - len(rows), 0)
    for row in rows[scale.warm_up :]:
        desk = desks[row.agent_id]
        if row.conversation_id not in desk.shown:
            found.missed += 1
            continue
        for times, seen in ((found.told, desk.told), (found.shown, desk.shown)):
            times.append(_after(served, row, seen[row.conversation_id]))


def _count_real(
    found: Seen, served: Served, shown: dict[int, datetime], rows: list[Row[Any]], scale: Scale
) -> None:
    times = [_after(served, row, shown[row.conversation_id]) for row in rows if row.conversation_id in shown]
    found.in_chromium, found.not_in_chromium = times, scale.in_chromium - len(times)


def _after(served: Served, row: Row[Any], seen: datetime) -> float:
    return float((seen - (row.created_at - served.ahead)).total_seconds() * 1000)


def slowest(found: Found) -> float:
    """The p99 on the worse database, in ms: the number that is promised. nan when a case was never shown."""
    return max(percentile(one.shown, 0.99) if not one.missed else float("nan") for one in found.values())


def rows(found: Found) -> list[list[str]]:
    """For the report's table."""
    lines = [
        (database, what, times, missed)
        for database, one in found.items()
        for what, times, missed in (
            ("told by the stream", one.told, one.missed),
            ("on the screen", one.shown, one.missed),
            ("in a real Chromium", one.in_chromium, one.not_in_chromium),
        )
        if times or missed
    ]
    return [
        [database, what, *(f"{percentile(times, share):.0f}" for share in (0.5, 0.95, 0.99)), str(missed)]
        for database, what, times, missed in lines
    ]
