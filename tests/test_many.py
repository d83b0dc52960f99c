"""Several processes on one store: a conversation is one's at a time, in order, whoever hangs or dies."""

from __future__ import annotations

import asyncio
import itertools
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Row
from sqlalchemy.exc import OperationalError

from bot.channels.base import Delivery
from bot.flow import deliver, workers
from bot.flow.answer import answer_next
from bot.flow.receive import receive
from bot.flow.scene import LEASE
from bot.flow.sweep import sweep, watched
from bot.flow.workers import Answering
from bot.model.dialogue import Ask, Turn, Watch
from bot.model.messages import ConversationKey, RawEvent
from bot.model.states import Sending
from bot.store import outgoing as store
from bot.store.database import Database
from bot.store.tables import events, leases, outgoing
from tests.flow_support import Platform, World, turn, world
from tests.many_support import Hanging, another, soon


async def said(flow: World, *texts: str) -> None:
    """Wait until the bot has said this, and nothing else, to the one customer."""
    await soon(lambda: _count(flow, len(texts)))
    assert [text.split("\n")[-1] for text in await flow.said("bot")] == list(texts)


async def _count(flow: World, number: int) -> bool:
    return len(await flow.said("bot")) >= number


async def test_messages_spread_over_processes_are_answered_once_each_in_order(flow: World) -> None:
    crowd = [flow, another(flow), another(flow)]
    answering = [one.answering() for one in crowd]
    for each in answering:
        await each.start()
    chats, number = [f"c{n}" for n in range(12)], 6
    for n in range(number):
        for chat in random.sample(chats, len(chats)):
            raw = flow.raw(chat, text=f"n{n}")
            for one in random.sample(crowd, random.choice((1, 1, 2))):  # webhooks come twice, too
                await one.receives(raw)
        flow.clock.passes(seconds=1)
    await flow.rests()
    await asyncio.gather(*(each.stop() for each in answering))
    for chat in chats:
        assert await flow.said("customer", chat) == [f"n{n}" for n in range(number)]
        answers = [text.split("\n")[-1] for text in await flow.said("bot", chat)]
        assert answers == [f"echo n{n}" for n in range(number)]
    asked = [ask.text for one in crowd for ask in one.engine.asked]
    assert len(asked) == len(chats) * number, "no turn was worked on by two"
    assert await flow.rows(leases) == []


async def test_what_another_works_on_is_left_to_it(flow: World) -> None:
    other, hangs = another(flow), Hanging("eccomi")
    flow.engine.script = [hangs]
    await flow.receives(flow.raw(text="ciao"))
    first = asyncio.create_task(answer_next(flow.way, flow.key()))
    await hangs.begun.wait()
    assert not await answer_next(other.way, flow.key())
    hangs.goes_on.set()
    assert await first
    assert other.engine.asked == [] and await flow.rows(leases) == []


async def test_who_hangs_past_the_lease_keeps_nothing(flow: World) -> None:
    """It lost the conversation to another process, which answered; coming back, it must not answer again."""
    other, hangs = another(flow), Hanging("troppo tardi")
    flow.engine.script = [hangs]
    await flow.receives(flow.raw(text="ciao"))
    first = asyncio.create_task(answer_next(flow.way, flow.key()))
    await hangs.begun.wait()
    flow.clock.passes(seconds=LEASE.total_seconds() + 1)
    other_hangs = Hanging("eccomi")
    other.engine.script = [other_hangs]
    second = asyncio.create_task(answer_next(other.way, flow.key()))
    await other_hangs.begun.wait()
    hangs.goes_on.set()
    assert await first
    assert await flow.said("bot") == [] and await flow.said("customer") == [], "the fence: another has it"
    other_hangs.goes_on.set()
    assert await second
    assert await flow.said("customer") == ["ciao"]
    assert [text.split("\n")[-1] for text in await flow.said("bot")] == ["eccomi"]


async def test_a_lapsed_lease_that_nobody_took_is_still_good(flow: World) -> None:
    """The database was away for longer than the lease: the turn is not thrown away."""
    hangs = Hanging("eccomi")
    flow.engine.script = [hangs]
    await flow.receives(flow.raw(text="ciao"))
    first = asyncio.create_task(answer_next(flow.way, flow.key()))
    await hangs.begun.wait()
    flow.clock.passes(hours=1)
    hangs.goes_on.set()
    assert await first
    await said(flow, "eccomi")


async def test_what_a_dead_process_had_in_hand_is_taken_over(flow: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "LOOK", 0.01)
    other, hangs = another(flow), Hanging()
    flow.engine.script = [hangs]
    await flow.receives(flow.raw(text="ciao"))
    dying = asyncio.create_task(answer_next(flow.way, flow.key()))
    await hangs.begun.wait()
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    answering = other.answering()
    await answering.start()
    await asyncio.sleep(0.1)
    assert other.engine.asked == []
    flow.clock.passes(seconds=LEASE.total_seconds() + 1)
    await said(flow, "echo ciao")
    await answering.stop()


async def test_a_turn_that_takes_long_keeps_its_lease(flow: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "RENEW", timedelta(milliseconds=10))
    other, hangs = another(flow), Hanging("eccomi")
    flow.engine.script = [hangs]
    answering = flow.answering()
    await answering.start()
    await flow.receives(flow.raw(text="ciao"))
    await hangs.begun.wait()
    for _ in range(3):
        flow.clock.passes(seconds=LEASE.total_seconds() - 1)
        now = flow.clock()
        await soon(lambda now=now: _renewed(flow, now))
    assert not await answer_next(other.way, flow.key())
    hangs.goes_on.set()
    await said(flow, "eccomi")
    await answering.stop()


async def _renewed(flow: World, now: Any) -> bool:
    (lease,) = await flow.rows(leases)
    return bool(lease.until == now + LEASE)


async def test_an_event_that_comes_elsewhere_during_a_turn_is_not_forgotten(flow: World) -> None:
    """The other process could not claim the conversation: who has it looks once more after each turn."""
    other, hangs = another(flow), Hanging("uno")
    flow.engine.script = [hangs]
    mine, theirs = flow.answering(), other.answering()
    await flow.receives(flow.raw(text="primo"))
    await hangs.begun.wait()
    other.arrived = flow.arrived
    flow.clock.passes(seconds=1)
    await other.receives(other.raw(text="secondo"))
    await theirs.stop()  # its vain attempt is over
    assert other.engine.asked == []
    hangs.goes_on.set()
    await said(flow, "uno", "echo secondo")
    await mine.stop()


async def test_who_has_no_room_calls_others(flow: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "LOOK", 60)
    other, hangs = another(flow), Hanging()
    full = Answering(flow.way, at_once=1)
    flow.way.arrived = full.wake
    theirs = other.answering()
    await full.start()
    await theirs.start()
    flow.engine.script = [hangs]
    await flow.receives(flow.raw("1", text="mi blocca"))
    await hangs.begun.wait()
    await flow.receives(flow.raw("2", text="ciao"))
    await soon(lambda: _answered(flow, "2"))
    assert [ask.text for ask in other.engine.asked] == ["ciao"]
    hangs.goes_on.set()
    await full.stop()
    await theirs.stop()


async def _answered(flow: World, chat: str) -> bool:
    return bool(await flow.said("bot", chat))


async def test_more_than_memory_holds_waits_in_the_store(flow: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "LOOK", 60)
    chats = [f"c{n}" for n in range(20)]
    for chat in chats[:10]:
        await flow.receives(flow.raw(chat, text="ciao"))
    answering = Answering(flow.way, at_once=1)
    flow.way.arrived = answering.wake
    await answering.start()
    for chat in chats[10:]:
        await flow.receives(flow.raw(chat, text="ciao"))
    await flow.rests()
    await answering.stop()
    assert len(flow.engine.asked) == len(chats)


async def test_who_waits_in_the_store_is_not_overtaken_for_ever(flow: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever somebody is answered somebody else writes: as long as more come than are answered, for minutes."""
    monkeypatch.setattr(workers, "LOOK", 0.01)
    came = itertools.count(1)

    async def one_more_writes(question: Ask) -> Turn:
        await flow.receives(flow.raw(f"late{next(came)}", text="dopo"))
        return turn(f"echo {question.text}")

    answering, hangs = Answering(flow.way, at_once=2), Hanging("uno")
    flow.way.arrived = answering.wake
    await answering.start()
    flow.engine.script = [hangs, *[one_more_writes] * 60]
    for number in range(12):
        await flow.receives(flow.raw(f"early{number}", text="prima"))
    await hangs.begun.wait()
    hangs.goes_on.set()
    await soon(lambda: _asked_of(flow, 40))
    await answering.stop()
    texts = [ask.text for ask in flow.engine.asked[:40]]
    assert texts.count("prima") == 12


async def _asked_of(flow: World, number: int) -> bool:
    return len(flow.engine.asked) >= number


async def test_a_process_that_stops_gives_back_what_it_could_not_finish(flow: World) -> None:
    def crash(_: Ask) -> Turn:
        raise MemoryError

    other = another(flow)
    flow.engine.script = [crash]
    answering = flow.answering()
    await flow.receives(flow.raw(text="ciao"))
    await soon(lambda: _asked(flow))
    await answering.stop()
    assert await answer_next(other.way, flow.key())
    await said(flow, "echo ciao")


async def _asked(flow: World) -> bool:
    return bool(flow.engine.asked)


# Sending.


async def test_several_processes_send_each_row_once_in_order(flow: World) -> None:
    crowd = [flow, another(flow), another(flow)]
    chats = [f"c{n}" for n in range(8)]
    for chat in chats:
        flow.engine.script = [turn("1", "2", "3", intent="greet")]
        await flow.receives(flow.raw(chat, text="ciao"))
        await flow.answers(chat)

    async def slowly(_: Delivery) -> None:
        await asyncio.sleep(0.01)

    flow.platform.before_send = slowly
    await asyncio.gather(*(one.delivers() for one in crowd))
    await flow.delivers()
    for chat in chats:
        assert flow.platform.texts(chat) == ["1", "2", "3"]
    assert {row.attempts for row in await flow.rows(outgoing)} == {1}


async def test_a_platform_that_hangs_takes_no_place_of_another(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "AT_ONCE", 2)
    slow, quick = Platform("slow"), Platform("quick")
    flow = world(db, tmp_path, platforms=[slow, quick])
    goes_on = asyncio.Event()

    async def hangs(_: Delivery) -> None:
        async with asyncio.timeout(20):
            await goes_on.wait()

    slow.before_send = hangs
    delivering = deliver.Delivering(flow.way)
    running = asyncio.create_task(delivering.run())
    for platform, number in ((slow, 5), (quick, 5)):
        for n in range(number):
            key = ConversationKey(platform.name, f"c{n}")
            raw = RawEvent(f"e{platform.name}{n}", key.chat, {"text": "ciao"}, flow.clock())
            await receive(flow.way, platform.name, [raw])
            await answer_next(flow.way, key)
    await soon(lambda: _is(len(quick.sent) == 5))
    assert len(slow.tried) == 2 and slow.sent == []
    goes_on.set()
    await soon(lambda: _is(len(slow.sent) == 5))
    await delivering.stop()
    await running


async def test_what_no_channel_can_send_fails_and_waits_for_nobody(flow: World) -> None:
    await flow.receives(flow.raw(text="ciao"))
    await flow.answers()
    flow.way.channels = {}
    await flow.delivers()
    assert await flow.states() == ["failed"]


async def _is(condition: bool) -> bool:
    return condition


async def test_a_call_that_takes_long_keeps_its_row(flow: World, monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on = asyncio.Event()

    async def hangs(_: Delivery) -> None:
        async with asyncio.timeout(20):
            await goes_on.wait()

    monkeypatch.setattr(deliver, "LEASE", timedelta(seconds=0.03))
    flow.platform.before_send = hangs
    delivering = deliver.Delivering(flow.way)
    running = asyncio.create_task(delivering.run())
    await flow.receives(flow.raw(text="ciao"))
    await flow.answers()
    await soon(lambda: _is(bool(flow.platform.tried)))
    for _ in range(3):
        flow.clock.passes(seconds=10)
        until = flow.clock() + deliver.LEASE
        await soon(lambda until=until: _leased(flow, until))
        await sweep(another(flow).way)
        assert await flow.states() == ["sending"]
    goes_on.set()
    await soon(lambda: _sent(flow))
    await delivering.stop()
    await running
    assert len(flow.platform.tried) == 1


async def _leased(flow: World, until: datetime) -> bool:
    return (await flow.rows(outgoing))[0].lease_until == until


async def _sent(flow: World) -> bool:
    return await flow.states() == ["sent"]


async def test_the_late_result_of_a_lost_call_changes_nothing(flow: World) -> None:
    """A sender hung past its lease; another sends the row now. The first one's refusal must not free it again."""
    await flow.receives(flow.raw(text="ciao"))
    await flow.answers()

    def claim(connection: Connection) -> list[Row[Any]]:
        return store.claim(connection, limit=9, lease=deliver.LEASE, now=flow.clock())

    (first,) = await flow.db.write(claim)
    flow.clock.passes(seconds=16)
    await sweep(flow.way)  # lost: ambiguous
    flow.clock.passes(seconds=2)
    await sweep(flow.way)  # once more
    (second,) = await flow.db.write(claim)
    assert (first.attempts, second.attempts) == (1, 2)
    now = flow.clock()
    await flow.db.write(lambda c: store.not_sent(c, first, Sending.LATER, "429", now, due_at=now))
    await flow.db.write(lambda c: store.not_yet(c, first, now))
    await flow.db.write(lambda c: store.renew(c, [first], now + timedelta(hours=1)))
    (row,) = await flow.rows(outgoing)
    assert (row.state, row.lease_until) == ("sending", second.lease_until)
    await flow.db.write(lambda c: store.sent(c, first, "p1", now))  # that it arrived after all is worth knowing
    assert await flow.states() == ["sent"]


# What time does.


async def test_two_that_sweep_at_once_do_everything_once(flow: World) -> None:
    """The lead may be two's for a moment."""
    flow.engine.script = [turn("Guasto.", watches=(Watch("incident:1", "/check", "/tell"),))]
    await flow.writes("la linea non va")
    other = another(flow)
    over = turn(watch_results=(("incident:1", False),))
    flow.engine.script, other.engine.script = [over], [over]
    await asyncio.gather(watched(flow.way), watched(other.way))
    flow.clock.passes(seconds=2)
    await asyncio.gather(watched(flow.way), watched(other.way))
    assert len([row for row in await flow.rows(events) if row.own]) == 1


async def test_a_store_that_goes_away_at_the_start_is_waited_for(
    flow: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The port is open by then: a process that ended now would take its webhooks with it."""
    await flow.receives(flow.raw(text="ciao"))
    real, left = flow.db.read, [1, 2]

    async def read(work: Any) -> Any:
        if left:
            left.pop()
            raise OperationalError("", {}, Exception("away"))
        return await real(work)

    monkeypatch.setattr(workers, "STORE", 0.01)
    monkeypatch.setattr(flow.db, "read", read)
    answering = flow.answering()
    await answering.start()
    await said(flow, "echo ciao")
    await answering.stop()
    assert not left
