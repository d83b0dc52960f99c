"""What goes wrong, one after the other, while everybody writes."""

from __future__ import annotations

import asyncio
import contextlib
import random
import resource
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from tests.soak.customers import PATIENCE, Crowd
from tests.soak.ledger import Ledger, Waiting, percentile, reckon
from tests.soak.platforms import Platforms
from tests.soak.processes import Mortal, Service, service

#: Tells how far it is: the scene, and the share that is done.
Say = Callable[[str, float], None]


@dataclass(frozen=True)
class Plan:
    """How much of everything."""

    database: str = "postgresql"  # or sqlite
    per_second: float = 16.0  # messages of all customers
    kills: int = 5
    minutes: float = 2.0  # of kills at most
    wave: float = 0.0  # seconds that customers do not wait for answers meanwhile, and are then answered; 0: they wait
    drops: int = 30  # sends whose answer is dropped, on Messenger
    unheard: int = 3  # and on Telegram
    storm: float = 3.0  # seconds of each half of a round: without one chat refused, and with
    rounds: int = 1  # of these
    away: float = 2.0  # seconds that a server is away
    patience: float = 60.0  # seconds until it must be back to normal


TELEGRAM = 0.25  # of the messages: its pace is 30 a second over all chats, and one in each
BEARABLE = 0.6  # of what the machine can do: beyond it every answer waits for others
LIVES = {"bot": (0.3, 5.0), "engine": (1.0, 6.0), "redis": (4.0, 11.0), "sql": (20.0, 60.0)}
CALM, OLD = 45.0, 3.0  # seconds: how long that may take, and what was held up
EBB, DOUBTFUL = 300.0, 0.1  # seconds after a wave, and the share of the customers who may still wait then
SETTLE = 150.0  # seconds until everybody is answered: two leases, an echo's wait, and a slow machine


async def soak(plan: Plan, folder: Path, say: Say = lambda _scene, _share: None) -> Ledger:
    """All scenes; the ledger of them."""
    platforms = Platforms()
    crowd = Crowd(platforms, [])
    ledger = Ledger(plan.database)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    before = spent.ru_utime + spent.ru_stime
    async with platforms.serve():
        await crowd.open()
        try:
            say("start", 0)
            async with service(platforms, crowd, folder, database=plan.database) as running:
                used = time.process_time()
                await _run(plan, running, crowd, ledger, say)
                ledger.processor["customers and platforms"] = time.process_time() - used
        finally:
            await crowd.close()
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)  # of those that have ended, and all have
    bots, engines = (sum(each.spent for each in kind) for kind in (running.bots, running.engines))
    starts = sum(start.processor for start in ledger.starts)
    ledger.processor |= {"bots, but for their starts": bots - starts, "starts of bots": starts, "engines": engines}
    ledger.processor["PostgreSQL and Redis"] = spent.ru_utime + spent.ru_stime - before - bots - engines
    return ledger


async def _run(plan: Plan, running: Service, crowd: Crowd, ledger: Ledger, say: Say) -> None:
    for bot in running.bots:
        bot.first.clear()  # the very first start makes the tables
    each = plan.per_second * crowd.pause
    for platform, number in (("telegram", each * TELEGRAM), ("messenger", each * (1 - TELEGRAM))):
        for _ in range(max(2, round(number))):
            crowd.customer(platform)
    began = time.monotonic()
    writing = asyncio.create_task(crowd.write())
    try:
        ledger.normal["at the start"] = await crowd.normal(plan.patience)
        scenes: list[tuple[str, Callable[[], Awaitable[None]]]] = [
            ("killed", lambda: _kills(plan, running, crowd, ledger, say)),
            ("servers", lambda: _servers(plan, running, crowd, ledger)),
            ("dropped", lambda: _drops(plan, crowd)),
            ("storm", lambda: _storm(plan, crowd, ledger)),
        ]
        for name, scene in scenes:
            say(name, 0)
            await scene()
        crowd.over = True
        await writing
    finally:
        writing.cancel()  # after a scene that failed there may be nobody who acknowledges anything
        await asyncio.gather(writing, return_exceptions=True)
    ledger.seconds = time.monotonic() - began
    say("settle", 0)
    waiting = Waiting(running.url)
    try:
        end = time.monotonic() + SETTLE
        while (crowd.unanswered() or waiting.open()) and time.monotonic() < end:
            await asyncio.sleep(0.3)
        await asyncio.sleep(1)  # what comes twice comes now
        ledger.ended = sum(bot.ended for bot in running.bots)
        ledger.starts = [each for bot in running.bots for each in bot.first]
        reckon(ledger, crowd, waiting)
    finally:
        waiting.close()


async def _kills(plan: Plan, running: Service, crowd: Crowd, ledger: Ledger, say: Say) -> None:
    """Each process lives for a moment and is killed, until there were so many kills."""
    began, before = time.monotonic(), len(crowd.platforms.record)
    one_engine = asyncio.Lock()  # with both away customers are told so, and given to people
    enough = asyncio.Event()
    asyncio.get_running_loop().call_later(plan.minutes * 60, enough.set)
    high = asyncio.Event()  # the kills belong to the waves
    high.set()

    async def lives(kind: str, mortal: Mortal, lock: asyncio.Lock) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(enough.wait(), random.uniform(*LIVES[kind]))
            async with lock:
                await high.wait()
                if enough.is_set():
                    return
                await mortal.kill()
                ledger.kills[kind] += 1
                say("killed", ledger.kills.total() / plan.kills)
                if ledger.kills.total() >= plan.kills:
                    enough.set()
                await mortal.start()
                if kind == "engine":
                    await asyncio.sleep(3)  # the bots look at it, and find it well, before the other one goes

    mortals: list[tuple[str, Mortal, asyncio.Lock]] = [("bot", bot, asyncio.Lock()) for bot in running.bots]
    mortals += [("engine", engine, one_engine) for engine in running.engines]
    mortals += [("redis", running.redis, asyncio.Lock())] if running.redis else []
    mortals += [("sql", running.sql, asyncio.Lock())] if running.sql else []
    async with asyncio.TaskGroup() as group:
        for kind, mortal, lock in mortals:
            group.create_task(lives(kind, mortal, lock))
        if plan.wave:
            group.create_task(_waves(plan, crowd, ledger, high, enough))
    ledger.killing = time.monotonic() - began, len(crowd.platforms.record) - before


async def _waves(plan: Plan, crowd: Crowd, ledger: Ledger, high: asyncio.Event, enough: asyncio.Event) -> None:
    """Customers write at their pace for a while, answered or not; then they are answered, and nobody is killed."""
    while not enough.is_set():
        high.set()
        crowd.patience = sys.maxsize
        began, before = time.monotonic(), crowd.acknowledged()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(enough.wait(), plan.wave)
        ledger.waves.append((time.monotonic() - began, crowd.acknowledged() - before))
        high.clear()
        crowd.patience = 0
        await _calm(crowd, EBB, but=DOUBTFUL)
    high.set()
    crowd.patience = PATIENCE


async def _servers(plan: Plan, running: Service, crowd: Crowd, ledger: Ledger) -> None:
    """Each server away for a while, and how long after its return new customers are answered."""
    await _calm(crowd)  # what the kills held up would be answered before them
    if plan.wave:
        await _bearable(plan, crowd)  # of the waves' pace every answer waits for others, whatever server is away
    if running.redis:
        running.redis.flush()
        await running.redis.kill()
        await asyncio.sleep(plan.away)
        await running.redis.start()
        ledger.normal["Redis emptied, stopped and started"] = await crowd.normal(plan.patience)
    if running.sql:
        await running.sql.kill(signal.SIGINT)
        await asyncio.sleep(plan.away)
        await running.sql.start()
        ledger.normal["PostgreSQL restarted"] = await crowd.normal(plan.patience)
    engine = running.engines[0]
    engine.signal(signal.SIGSTOP)
    ledger.normal["while an engine hangs"] = await crowd.normal(plan.patience)
    await asyncio.sleep(plan.away)
    engine.signal(signal.SIGCONT)
    ledger.normal["the engine goes on"] = await crowd.normal(plan.patience)
    await engine.kill()
    await asyncio.sleep(plan.away)
    await engine.start()
    ledger.normal["an engine killed and started"] = await crowd.normal(plan.patience)


async def _drops(plan: Plan, crowd: Crowd) -> None:
    """The message arrives, and the bot is not told that it did."""
    drops = crowd.platforms.drops
    drops["messenger"], drops["telegram"] = plan.drops, plan.unheard
    end = time.monotonic() + plan.patience + plan.drops / 2
    while any(drops.values()) and time.monotonic() < end:
        await asyncio.sleep(0.1)
    drops.clear()


async def _storm(plan: Plan, crowd: Crowd, ledger: Ledger) -> None:
    """One chat of Telegram is refused, again and again; the others are compared with the time between."""
    await _calm(crowd)
    await _bearable(plan, crowd)
    unlucky = crowd.customer("telegram", probe=True)
    waits: dict[bool, list[float]] = {False: [], True: []}
    for refused in (False, True) * plan.rounds:
        began = time.monotonic()
        if refused:
            crowd.platforms.storms.add(unlucky.chat)
        for _ in range(2):  # in both halves, so that both bear the same
            await crowd.says(unlucky)
        await asyncio.sleep(plan.storm - (time.monotonic() - began))
        ended = time.monotonic()
        if refused:
            ledger.normal["while one chat is refused"] = await crowd.normal(plan.patience)
            crowd.platforms.storms.clear()
        await _answered(crowd, ended, plan.patience)
        waits[refused] += _waits(crowd, began, ended, but=unlucky.chat)
    assert crowd.platforms.refused
    ledger.others = percentile(waits[False], 0.99), percentile(waits[True], 0.99)
    ledger.others_of = min(len(each) for each in waits.values())


async def _bearable(plan: Plan, crowd: Crowd) -> None:
    """Let everybody write at the pace that leaves the machine some air."""
    crowd.pause = Crowd.pause
    before, began = len(crowd.platforms.record), time.monotonic()
    await asyncio.sleep(plan.storm)
    reached = (len(crowd.platforms.record) - before) / (time.monotonic() - began)
    writers = sum(not customer.probe for customer in crowd.customers)
    crowd.pause = max(crowd.pause, writers / max(reached * BEARABLE, 1.0))
    await asyncio.sleep(crowd.pause)
    await _calm(crowd)


async def _answered(crowd: Crowd, before: float, patience: float) -> None:
    """Wait until what was written before then is answered: slow answers must not be left out."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience):
            while any(customer.sent[number] < before for customer, number in crowd.unanswered()):
                await asyncio.sleep(0.1)


async def _calm(crowd: Crowd, most: float = CALM, *, but: float = 0.0) -> None:
    """Wait, not for ever, until what earlier scenes held up is answered: it would be taken for slowness.

    `but`: a share of the customers, such as those whose message a kill left in doubt for minutes.
    """
    end = time.monotonic() + most
    while time.monotonic() < end:
        held_up = {one.chat for one, number in crowd.unanswered() if time.monotonic() - one.sent[number] >= OLD}
        if len(held_up) <= but * len(crowd.customers):
            return
        await asyncio.sleep(0.2)


def _waits(crowd: Crowd, begin: float, end: float, *, but: str) -> list[float]:
    """Seconds from a message to its answer, of all messages of that time, other chats' than `but`."""
    return [
        at - customer.sent[number]
        for customer in crowd.customers
        if customer.chat != but and not customer.probe
        for number, at in crowd.platforms.read[customer.chat]
        if begin <= customer.sent[number] < end
    ]
