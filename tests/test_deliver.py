"""Rows to send: in order, once, and honest about what is not known."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Row

from bot.channels.base import Delivery, Limits
from bot.flow import deliver, handoff
from bot.flow.deliver import Delivering, failure_of
from bot.flow.rates import LocalRates, Place
from bot.flow.sweep import sweep
from bot.model.errors import SendError
from bot.model.messages import ConversationKey
from bot.model.replies import Reply
from bot.model.states import Sending
from bot.store.database import Database
from bot.store.tables import live, outgoing
from tests.flow_support import CHAT, TUESDAY, World, away, turn, with_abilities, world

SLOW_DOWN = SendError("limit", "429", retry_after=30)
TIME_OUT = SendError("timeout", "no answer", ambiguous=True)
REFUSED = SendError("connect", "refused")
BLOCKED = SendError("blocked", permanent=True)


async def answered(flow: World, *texts: str, chat: str = CHAT) -> None:
    """A turn whose answers wait to be sent."""
    flow.engine.script = [turn(*texts, intent="greet")]
    await flow.receives(flow.raw(chat, text="ciao"))
    await flow.answers(chat)


async def test_a_429_on_one_chat_delays_no_other(flow: World) -> None:
    await answered(flow, "a1", "a2")
    flow.platform.problems = [SLOW_DOWN]
    await flow.delivers()
    await answered(flow, "b1", chat="18")
    await flow.delivers()
    assert flow.platform.texts() == [] and flow.platform.texts("18") == ["b1"]
    flow.clock.passes(seconds=29)
    await flow.delivers()
    assert flow.platform.texts() == []
    flow.clock.passes(seconds=1)
    await flow.delivers()
    assert flow.platform.texts() == ["a1", "a2"]
    assert {row.resent for row in await flow.rows(outgoing)} == {False}


async def test_one_call_a_chat_is_under_way_and_many_chats_at_once(flow: World) -> None:
    under_way: set[str] = set()
    most = 0

    async def slowly(delivery: Delivery) -> None:
        nonlocal most
        assert delivery.key.chat not in under_way
        under_way.add(delivery.key.chat)
        most = max(most, len(under_way))
        await asyncio.sleep(0.01)
        under_way.discard(delivery.key.chat)

    for n in range(8):
        await answered(flow, "1", "2", "3", chat=f"c{n}")
    flow.platform.before_send = slowly
    await flow.delivers()
    assert most == 8
    for n in range(8):
        assert flow.platform.texts(f"c{n}") == ["1", "2", "3"]


@pytest.mark.parametrize("problem", [None, SLOW_DOWN])
async def test_what_came_of_a_call_is_kept_when_the_store_is_back(
    flow: World, monkeypatch: pytest.MonkeyPatch, problem: SendError | None
) -> None:
    monkeypatch.setattr("bot.flow.deliver.STORE", 0.0)
    await answered(flow, "a1")
    flow.platform.problems = [problem] if problem else []
    refusals: list[list[int]] = []

    async def goes_away(_: Delivery) -> None:
        refusals.append(away(flow.db, monkeypatch, times=3))

    flow.platform.before_send = goes_away
    await flow.delivers()
    assert refusals == [[]], "it was away"
    assert [row.state for row in await flow.rows(outgoing)] == [Sending.LATER if problem else Sending.SENT]


async def test_what_did_not_arrive_is_tried_again_for_minutes_then_given_up(flow: World) -> None:
    await answered(flow, "uno")
    flow.platform.problems = [REFUSED] * deliver.TRIES
    began = flow.clock()
    for _ in range(deliver.TRIES):
        assert await flow.states() != ["failed"]
        await flow.delivers()
        flow.clock.passes(seconds=120)
    assert await flow.states() == ["failed"]
    assert len(flow.platform.tried) == deliver.TRIES
    assert flow.clock() - began > timedelta(minutes=5)
    (row,) = await flow.rows(outgoing)
    assert not row.resent and "given up" in row.problem


@pytest.mark.parametrize("second", [None, TIME_OUT])
async def test_an_unproven_send_is_repeated_once_and_marked(flow: World, second: Exception | None) -> None:
    await answered(flow, "uno", "due")
    flow.platform.problems = [TIME_OUT, second]
    await flow.delivers()
    assert await flow.states() == ["ambiguous", "pending"]
    flow.clock.passes(seconds=2)
    await sweep(flow.way)
    await flow.delivers()
    await sweep(flow.way)
    flow.clock.passes(seconds=60)
    await sweep(flow.way)
    await flow.delivers()
    first, after, *notice = await flow.rows(outgoing)
    assert first.resent and not after.resent and len(notice) == (second is not None)  # lost: a person is asked
    assert (first.state, after.state) == ("sent" if second is None else "failed", "sent")
    assert len(flow.platform.tried) == 3 + len(notice)


async def test_an_echo_settles_what_was_unproven(db: Database, tmp_path: Any) -> None:
    flow = world(db, tmp_path, platforms=[with_abilities(echoes=True)])
    await answered(flow, "uno", "due")
    flow.platform.problems = [TIME_OUT]
    await flow.delivers()
    (row, _) = await flow.rows(outgoing)
    await flow.writes(kind="echo", ours=True, metadata=str(row.id), platform_id="p9")
    flow.clock.passes(minutes=5)
    await sweep(flow.way)
    await flow.delivers()
    assert await flow.states() == ["sent", "sent"]
    assert [d.part.text for d in flow.platform.tried] == ["uno", "due"]


async def test_without_an_echo_it_is_sent_again_after_a_while_and_again(db: Database, tmp_path: Any) -> None:
    """No echo means that it did not arrive, however often that happens: only then is a person asked."""
    flow = world(db, tmp_path, platforms=[with_abilities(echoes=True)])
    await answered(flow, "uno")
    flow.platform.problems = [TIME_OUT] * deliver.TRIES
    await flow.delivers()
    flow.clock.passes(seconds=5)
    await sweep(flow.way)
    await flow.delivers()
    assert len(flow.platform.tried) == 1
    for tries in range(2, deliver.TRIES + 1):
        flow.clock.passes(seconds=20)
        await sweep(flow.way)
        await flow.delivers()
        assert len(flow.platform.tried) == tries
    flow.clock.passes(seconds=30)
    await sweep(flow.way)
    await flow.delivers()
    assert [d.row for d in flow.platform.tried] == ["1"] * deliver.TRIES + ["2"]  # the last: a person is asked
    assert await flow.states() == ["failed", "sent"]


async def test_open_desks_are_told_what_became_of_a_doubt(db: Database, tmp_path: Any) -> None:
    """Without a line for them the person's screen would go on saying that it is not known."""
    flow = world(db, tmp_path, platforms=[with_abilities(echoes=True)])
    flow.engine.script = [turn(handoff="asked")]
    await flow.writes("una persona")
    agent = await flow.agent()
    await flow.does(handoff.claim, agent)
    await flow.delivers()
    await flow.does(handoff.reply, agent, Reply("Eccomi"))
    for state in (*["pending"] * (deliver.TRIES - 1), "failed"):
        flow.platform.problems = [TIME_OUT]
        await flow.delivers()
        told = len(await flow.rows(live))
        flow.clock.passes(seconds=30)
        await sweep(flow.way)
        assert (await flow.states())[-1] == state
        assert [row.kind for row in (await flow.rows(live))[told:]] == ["delivery"]


@pytest.mark.parametrize("echoes", [False, True])
async def test_a_killed_sender_leaves_a_doubt_not_a_hole(db: Database, tmp_path: Any, echoes: bool) -> None:
    """The call was made, the process died before it wrote so. Where echoes come, they are waited for."""
    flow = world(db, tmp_path, platforms=[with_abilities(echoes=echoes)])
    await answered(flow, "uno", "due")
    await flow.db.write(
        lambda c: deliver.outgoing.claim(c, limit=9, lease=deliver.LEASE, now=flow.clock())
    )
    await sweep(flow.way, everything=True)
    await flow.delivers()
    if not echoes:
        assert flow.platform.texts() == ["uno", "due"]
        assert [row.resent for row in await flow.rows(outgoing)] == [True, False]
        return
    assert flow.platform.tried == []
    (row, _) = await flow.rows(outgoing)
    await flow.receives(flow.raw(kind="echo", ours=True, metadata=str(row.id), platform_id="p9"))
    flow.clock.passes(minutes=1)  # the engine took its time to start: the echo is stored, not yet read
    await sweep(flow.way)
    await flow.delivers()
    assert flow.platform.tried == []
    await flow.answers()
    await flow.delivers()
    assert flow.platform.texts() == ["due"]
    assert [row.resent for row in await flow.rows(outgoing)] == [False, False]


async def test_the_wait_for_an_echo_begins_anew_at_a_start(db: Database, tmp_path: Any) -> None:
    """While the process was down nobody listened: the time must not count."""
    flow = world(db, tmp_path, platforms=[with_abilities(echoes=True)])
    await answered(flow, "uno")
    flow.platform.problems = [TIME_OUT]
    await flow.delivers()
    flow.clock.passes(minutes=5)
    await sweep(flow.way, everything=True)
    await flow.delivers()
    assert len(flow.platform.tried) == 1
    flow.clock.passes(seconds=21)
    await sweep(flow.way)
    await flow.delivers()
    assert flow.platform.texts() == ["uno"]


async def test_who_writes_without_a_pause_gets_the_doubtful_message_too(db: Database, tmp_path: Any) -> None:
    """Only what came while an echo was waited for may be one."""
    flow = world(db, tmp_path, platforms=[with_abilities(echoes=True)])
    await answered(flow, "uno")
    flow.platform.problems = [TIME_OUT]
    await flow.delivers()
    flow.clock.passes(seconds=21)
    await flow.receives(flow.raw(text="e allora?"))
    await sweep(flow.way)
    await flow.delivers()
    assert flow.platform.texts() == ["uno"]


async def test_a_lease_protects_a_call_that_still_runs(flow: World) -> None:
    await answered(flow, "uno")
    await flow.db.write(lambda c: deliver.outgoing.claim(c, limit=9, lease=deliver.LEASE, now=flow.clock()))
    flow.clock.passes(seconds=14)
    await sweep(flow.way)
    assert await flow.states() == ["sending"]
    flow.clock.passes(seconds=2)
    await sweep(flow.way)
    flow.clock.passes(seconds=20)
    await sweep(flow.way)
    await flow.delivers()
    assert flow.platform.texts() == ["uno"]


class Slowly:
    """Every send must wait for its turn so long."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def room(self, _key: ConversationKey, _limits: Limits) -> Place:
        return Place(True, self._seconds)

    async def hold(self, _channel: str, _limits: Limits, _seconds: float) -> None:
        raise AssertionError("nobody asked for it")


async def waiting(flow: World) -> Row[Any]:
    """The row that waits for its turn, and whose process then dies."""
    await answered(flow, "uno")
    flow.way.rates = Slowly(3600)
    delivering = Delivering(flow.way)
    await delivering.deliver_due()
    row = (await flow.rows(outgoing))[0]
    while not row.waits:
        await asyncio.sleep(0.005)
        row = (await flow.rows(outgoing))[0]
    for call in list(delivering._calls):
        call.cancel()
    flow.way.rates = LocalRates()
    return row


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_row_that_waited_for_its_turn_when_its_process_died_is_sent_without_a_doubt(
    flow: World, restarted: bool
) -> None:
    await waiting(flow)
    flow.clock.passes(seconds=16)
    await sweep(flow.way, everything=restarted)
    await flow.delivers()
    row = (await flow.rows(outgoing))[0]
    assert (row.state, row.resent, row.waits) == ("sent", False, False)
    assert flow.platform.texts() == ["uno"]


async def test_a_row_whose_claim_was_lost_while_it_waited_is_not_called(flow: World) -> None:
    row = await waiting(flow)
    flow.clock.passes(seconds=16)
    await sweep(flow.way)
    claimed = await flow.db.write(
        lambda c: deliver.outgoing.claim(c, limit=9, lease=deliver.LEASE, now=flow.clock())
    )
    assert not await flow.db.write(lambda c: deliver.outgoing.begin(c, row, flow.clock()))
    assert await flow.db.write(lambda c: deliver.outgoing.begin(c, claimed[0], flow.clock()))


async def test_a_customer_who_blocked_us_is_not_tried_again(flow: World) -> None:
    await answered(flow, "uno")
    flow.platform.problems = [BLOCKED]
    await flow.delivers()
    flow.clock.passes(hours=1)
    await flow.delivers()
    conversation = await flow.conversation()
    assert conversation and conversation.blocked
    assert len(flow.platform.tried) == 1 and await flow.states() == ["failed"]
    flow.engine.script = []
    assert await flow.writes("rieccomi")


async def test_a_failed_part_does_not_hold_up_the_rest(flow: World) -> None:
    await answered(flow, "uno", "due")
    flow.platform.problems = [SendError("bad_request", permanent=True)]
    await flow.delivers()
    assert flow.platform.texts() == ["due"]


async def test_a_mistake_in_a_channel_is_doubtful_not_lost(flow: World) -> None:
    await answered(flow, "uno")
    flow.platform.problems = [ZeroDivisionError()]
    await flow.delivers()
    assert await flow.states() == ["ambiguous"]


async def test_the_window_of_the_platform(db: Database, tmp_path: Any) -> None:
    flow = world(db, tmp_path, platforms=[with_abilities(reply_window=timedelta(hours=24), personas=True)])
    flow.engine.script = [turn(handoff="asked")]
    await flow.writes("una persona")
    agent = await flow.agent()
    await flow.does(handoff.claim, agent)
    await flow.delivers()
    flow.clock.passes(hours=25)
    await flow.does(handoff.reply, agent, Reply("eccomi"))
    await flow.delivers()
    await flow.does(handoff.give_back, agent)
    await flow.delivers()
    inside, late, bot = flow.platform.sent[-3:]
    assert (inside.within_window, inside.human) == (True, True)
    assert (late.within_window, late.human) == (False, True)
    assert (bot.within_window, bot.human, bot.speaker) == (False, False, None)


async def test_a_persona_is_made_once_for_each_face(db: Database, tmp_path: Any) -> None:
    flow = world(db, tmp_path, platforms=[with_abilities(personas=True)])
    flow.engine.script = [turn(handoff="asked")]
    await flow.writes("una persona")
    agent = await flow.agent()
    await flow.does(handoff.claim, agent)
    await flow.does(handoff.reply, agent, Reply("eccomi"))
    await flow.delivers()
    assert [speaker.name for speaker in flow.platform.registered] == [agent.name]
    assert {d.speaker.handle for d in flow.platform.sent[-2:] if d.speaker} == {f"persona-{agent.id}"}
    assert flow.platform.sent[-1].part.text == "eccomi"  # the platform shows the name
    assert flow.platform.sent[-2].part.image is None  # and the face
    await flow.db.write(lambda c: handoff.agents.change(c, agent.id, picture=b"new face"))
    await flow.does(handoff.reply, agent, Reply("ancora io"))
    await flow.delivers()
    assert len(flow.platform.registered) == 2
    assert flow.platform.registered[1].picture_url.endswith(f"/people/{agent.id}-2.jpg")


@pytest.mark.parametrize("problem", [SendError("bad", permanent=True), TIME_OUT, SLOW_DOWN])
async def test_a_person_is_heard_even_where_the_platform_refuses_the_face(
    db: Database, tmp_path: Any, problem: SendError
) -> None:
    """A picture that the platform cannot fetch must not cost the customer the answer, nor look like a doubt."""
    flow = world(db, tmp_path, platforms=[with_abilities(personas=True)])
    flow.engine.script = [turn(handoff="asked")]
    await flow.writes("una persona")
    agent = await flow.agent()

    async def refuse(_: Any) -> str:
        raise problem

    flow.platform.register = refuse  # type: ignore[method-assign]
    await flow.does(handoff.claim, agent)
    await flow.does(handoff.reply, agent, Reply("eccomi"))
    for _ in range(4):
        await flow.delivers()
        flow.clock.passes(seconds=30)
        await sweep(flow.way)
    last = flow.platform.sent[-1]
    assert last.part.text == f"{agent.name}: eccomi"
    assert not any(row.resent for row in await flow.rows(outgoing))


async def test_an_agent_may_try_a_failed_row_again(flow: World) -> None:
    await answered(flow, "uno")
    flow.platform.problems = [SendError("window", permanent=True)]
    await flow.delivers()
    (row,) = await flow.rows(outgoing)
    assert await flow.db.write(lambda c: deliver.outgoing.retry(c, row.id, flow.clock()))
    await flow.delivers()
    assert flow.platform.texts() == ["uno"]


# The loop.


async def test_the_loop_sends_at_once_and_stops_with_nothing_half_done(flow: World) -> None:
    delivering = Delivering(flow.way)
    running = asyncio.create_task(delivering.run())
    await answered(flow, *(f"n{n}" for n in range(5)))
    async with asyncio.timeout(20):
        while len(flow.platform.sent) < 3:
            await asyncio.sleep(0.005)
        await delivering.stop()
        await running
    assert "sending" not in await flow.states()


async def test_stopping_during_a_claim_sends_what_was_claimed(flow: World) -> None:
    """Otherwise each stop under load would leave rows that look as if they had perhaps been sent."""
    await answered(flow, "uno")
    write, claimed = flow.db.write, asyncio.Event()

    async def slow(work: Any) -> Any:
        result = await write(work)
        claimed.set()
        await asyncio.sleep(0.05)
        return result

    flow.db.write = slow  # type: ignore[method-assign]
    delivering = Delivering(flow.way)
    running = asyncio.create_task(delivering.run())
    async with asyncio.timeout(20):
        await claimed.wait()
        await delivering.stop()
        running.cancel()
    assert await flow.states() == ["sent"]


async def test_the_loop_sleeps_while_nothing_can_be_sent(flow: World) -> None:
    """A 429 with more behind it: whoever asks in a circle takes a whole core for half a minute."""
    await answered(flow, "uno", "due")
    flow.platform.problems = [SLOW_DOWN]
    delivering = Delivering(flow.way)
    running = asyncio.create_task(delivering.run())
    async with asyncio.timeout(20):
        while not flow.platform.tried:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)
        looks = 0
        look = delivering.deliver_due

        async def counted() -> int:
            nonlocal looks
            looks += 1
            return await look()

        delivering.deliver_due = counted  # type: ignore[method-assign]
        await asyncio.sleep(0.5)
        await delivering.stop()
        await running
    assert looks <= 3


def test_what_a_failure_means() -> None:
    def means(error: SendError, attempts: int = 1, *, resent: bool = False, proof: timedelta | None = None) -> Any:
        failure = failure_of(error, attempts, resent, proof=proof, now=TUESDAY)
        return failure.state, (failure.due_at - TUESDAY).total_seconds(), failure.blocked

    assert means(BLOCKED) == (Sending.FAILED, 0, True)
    assert means(SendError("window", permanent=True)) == (Sending.FAILED, 0, False)
    assert means(SLOW_DOWN, 50) == (Sending.LATER, 30, False)
    assert means(TIME_OUT) == (Sending.AMBIGUOUS, 1, False)
    assert means(TIME_OUT, resent=True) == (Sending.FAILED, 0, False)
    assert means(TIME_OUT, proof=deliver.ECHO_WAIT, resent=True) == (Sending.AMBIGUOUS, 20, False)
    assert [means(REFUSED, n)[1] for n in (1, 2, 7)] == [2, 4, 120]
    assert means(REFUSED, deliver.TRIES)[0] == Sending.FAILED
