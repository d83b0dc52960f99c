"""Many open desks: how long until a new case is on the screen of its agent?

A customer asks for a person by webhook; the case is offered to an agent, whose browser hears of it on its live stream
and asks for the page again. The time is from the case's row until the page with it is there. All other open desks hear
of it too, and mend their lists later, at the pace that the service tells them, as their script does.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import select

from bench.customers import ByWebhook
from bench.desks import PERSON, Served, browsers, measured
from bench.load import Newcomers, percentile
from bench.open_desk import OpenDesk, open_desks
from bot.store import tables as t


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


async def _watch(served: Served, *, scale: Scale) -> Seen:
    customers, newcomers = ByWebhook(served.platform, served.port), Newcomers("9")
    try:
        async with browsers(served, scale.desks) as opened, open_desks(opened) as desks:
            for number in range(scale.cases + scale.warm_up):
                await customers.tell(newcomers.customer(number), PERSON)
                await asyncio.sleep(1)
            await _until_seen(desks, scale.cases + scale.warm_up)
    finally:
        customers.close()
    return _seen(served, {one.browser.agent: one for one in desks}, scale)


async def _until_seen(desks: list[OpenDesk], cases: int) -> None:
    """What does not come within a long while does not come."""
    for _ in range(100):
        if sum(len(one.shown) for one in desks) >= cases:
            return
        await asyncio.sleep(0.1)


def _seen(served: Served, desks: dict[int, OpenDesk], scale: Scale) -> Seen:
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
