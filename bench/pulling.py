"""Many agents pull from one queue: is none taken twice, and how long does each wait for the answer?

Each has the list open, which hears what the others took, and takes one of its first cases, again and again, at random
moments; who was slower is told so and takes another. At the start all of them want the same one. Over HTTP, from the
real server.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import func, select

from bench.desks import Served, browsers, measured
from bench.load import percentile
from bench.open_desk import OpenDesk, open_desks
from bot.store import tables as t

FIRST = 10  # cases at the head of the list, of which people choose
LOST = 5_000  # races in all: more than these are a mistake of the measurement


@dataclass(frozen=True)
class Scale:
    """How many. A fifth of the store's open cases waits."""

    agents: int = 160
    cases: int = 800
    seconds: float = 120  # in which the cases are asked for: each agent takes one every 24 s


QUICK = Scale(agents=20, cases=40, seconds=6)


@dataclass
class Pulled:
    """What one database did. Times in milliseconds."""

    times: list[float] = field(default_factory=list)
    slower: int = 0  # times that somebody else had been faster
    taken: int = 0
    twice: int = 0
    rush: float = 0.0  # until the last of those who all wanted the same case had an answer


Found = dict[str, Pulled]


def measure(scale: Scale) -> Found:
    """Both databases. Raises NotStarted, RuntimeError."""
    everything = scale.cases * 5
    work = partial(_pull, scale=scale)
    found: Found = measured(work, conversations=everything, open_cases=everything, alone=True)
    return found


async def _pull(served: Served, *, scale: Scale) -> Pulled:
    found, chance = Pulled(), random.Random(1)
    async with browsers(served, scale.agents) as opened, open_desks(opened) as desks:
        await asyncio.gather(*(one.refresh() for one in desks))
        await _rush(desks, found)
        began = time.perf_counter()
        shares = [range(number, scale.cases - 1, scale.agents) for number in range(scale.agents)]

        async def works(one: OpenDesk, share: range) -> None:
            """One thing after the other, as a person does."""
            for moment in sorted(chance.uniform(0, scale.seconds) for _ in share):
                await asyncio.sleep(max(began + moment - time.perf_counter(), 0))
                await _take_one(one, chance, found)

        await asyncio.gather(*(works(one, share) for one, share in zip(desks, shares, strict=True)))
    with served.db.engine.connect() as connection:
        takes = select(func.count()).where(t.decisions.c.kind == "taken").group_by(t.decisions.c.case_id)
        counts = connection.execute(takes).scalars().all()
        found.taken, found.twice = len(counts), sum(count > 1 for count in counts)
    return found


async def _rush(desks: list[OpenDesk], found: Pulled) -> None:
    first = desks[0].rows[0]
    began = time.perf_counter()
    answers = await asyncio.gather(*(one.browser.send(f"/desk/c/{first}/take") for one in desks))
    found.rush = (time.perf_counter() - began) * 1000
    if sum(answer["ok"] for answer in answers) != 1:
        found.twice += 1


async def _take_one(desk: OpenDesk, chance: random.Random, found: Pulled) -> None:
    """Take one of the first cases, or another when somebody was faster; the page is brought up to date after each."""
    while True:
        if not desk.rows:  # others took all that the page had
            await desk.refresh()
        if not desk.rows:
            return
        began = time.perf_counter()
        answer = await desk.browser.send(f"/desk/c/{chance.choice(desk.rows[:FIRST])}/take")
        found.times.append((time.perf_counter() - began) * 1000)
        await desk.refresh()
        if answer["ok"]:
            return
        found.slower += 1
        if found.slower > LOST:
            raise RuntimeError(f"nobody gets anything: {answer['notice']}")


def slowest(found: Found) -> float:
    """The p99 on the worse database, in ms: the number that is promised."""
    return max(percentile(one.times, 0.99) for one in found.values())


def twice(found: Found) -> int:
    """Cases that two people got."""
    return sum(one.twice for one in found.values())


def rows(found: Found) -> list[list[str]]:
    """For the report's table."""
    return [
        [
            database,
            str(one.taken),
            str(one.twice),
            str(one.slower),
            *(f"{percentile(one.times, share):.1f}" for share in (0.5, 0.95, 0.99)),
            f"{one.rush:.0f}",
        ]
        for database, one in found.items()
    ]
