"""The company's systems are asked about promises: kept, moved, not yet, unknown, down; by one process, over crashes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.dialogue import ActionFailed, EngineDown, read_turn
from bot.flow import handoff
from bot.flow.promise_life import promises_due
from bot.model.dialogue import Ask, PromiseAnswer, PromiseMade
from bot.model.states import Status
from bot.store.tables import promise_changes
from bot.store.tables import promises as table
from tests.flow_support import TUESDAY, World, turn, with_abilities, world

DUE = TUESDAY + timedelta(hours=5)
CHECK = '/check_promise{"promise": "appointment:APT-1"}'
KEPT, OPEN, UNKNOWN = PromiseAnswer("kept"), PromiseAnswer("open", DUE), PromiseAnswer("unknown")
DOWN = PromiseAnswer("no_answer")


async def told(flow: World, kind: str = "appointment", **more: Any) -> None:
    """The bot tells when the technician comes."""
    made = replace(PromiseMade("Visita del tecnico", DUE, "APT-1", kind, CHECK), **more)
    flow.engine.script = [turn("Il tecnico viene oggi.", promises=(made,))]
    await flow.writes("il tecnico?")
    flow.engine.asked.clear()


async def sweeps(flow: World, *answers: PromiseAnswer | Exception) -> list[str]:
    """One look by the sweep, with what the system then says; what the customer reads."""
    before = len(flow.platform.texts())
    flow.engine.script = [one if isinstance(one, Exception) else turn(promise_answer=one) for one in answers]
    await promises_due(flow.way)
    assert flow.engine.script == [], "the system was not asked"
    await flow.delivers()
    return flow.platform.texts()[before:]


async def promise(flow: World) -> Any:
    return (await flow.rows(table))[0]


async def last_change(flow: World) -> tuple[str, str, str, str]:
    row = (await flow.rows(promise_changes))[-1]
    return row.from_state, row.to_state, row.who, row.why


async def test_what_happened_is_kept_and_nobody_is_asked(flow: World) -> None:
    await told(flow)
    flow.clock.now = DUE
    assert await sweeps(flow, KEPT) == []
    assert (await promise(flow)).state == "kept"
    assert await last_change(flow) == ("open", "kept", "company", "says it happened")
    assert (await flow.said("system"))[-1] == "promise_done: Visita del tecnico APT-1"
    flow.clock.passes(days=3)
    assert await sweeps(flow) == [] and len(flow.engine.asked) == 1


async def test_the_question_carries_what_actions_need(flow: World) -> None:
    await told(flow)
    flow.clock.now = DUE
    await sweeps(flow, OPEN)
    asked = flow.engine.asked[0]
    assert asked.text == CHECK and asked.metadata["turn_id"] == asked.turn_id and asked.events == []
    assert asked.metadata["language"] == "it" and asked.metadata["now"] == "2026-11-24T16:00:00+01:00"


async def test_a_slip_is_told_before_the_time_is_over(flow: World) -> None:
    await told(flow)
    flow.clock.passes(hours=3, minutes=45)  # the last quarter
    later = DUE + timedelta(days=1)
    assert await sweeps(flow, PromiseAnswer("open", later)) == [
        flow.text("promise_moved", what="la visita del tecnico (APT-1)", when="domani alle 16:00")
    ]
    row = await promise(flow)
    assert row.state == "open" and row.due_at == later and row.warned_at is None
    assert await last_change(flow) == ("open", "open", "company", "another time")
    flow.clock.now = DUE + timedelta(minutes=1)
    assert await sweeps(flow) == []
    flow.clock.now = later
    assert await sweeps(flow, KEPT) == []


async def test_it_is_asked_daily_long_before(flow: World) -> None:
    await told(flow, due=DUE + timedelta(days=5))
    flow.clock.passes(hours=23)
    assert await sweeps(flow) == []
    flow.clock.passes(hours=1)
    assert await sweeps(flow, PromiseAnswer("open", DUE + timedelta(days=5))) == []
    flow.clock.passes(hours=24)
    assert len(await sweeps(flow, PromiseAnswer("open", DUE + timedelta(days=7)))) == 1


async def test_what_did_not_happen_is_said_a_person_gets_it_and_the_system_has_the_last_word(flow: World) -> None:
    await told(flow)
    flow.clock.now = DUE
    read = await sweeps(flow, OPEN)
    assert len(read) == 1 and "mi risulta" in read[0] and "È successo?" not in read[0]
    assert await flow.status() == Status.WAITING and (await flow.case()).reason == "promise_late"
    flow.clock.passes(hours=3)
    assert await sweeps(flow, OPEN) == []
    flow.clock.passes(hours=24)  # at night nothing; in the morning it is asked a last time
    assert await sweeps(flow, OPEN) == []
    assert (await promise(flow)).state == "broken"
    assert await last_change(flow) == ("open", "broken", "company", "says it did not happen")


async def test_what_happened_late_is_kept(flow: World) -> None:
    await told(flow)
    flow.clock.now = DUE
    await sweeps(flow, OPEN)
    flow.clock.passes(hours=1)
    await sweeps(flow, KEPT)
    assert (await promise(flow)).state == "kept"


async def test_what_the_system_does_not_know_the_customer_is_asked(flow: World) -> None:
    await told(flow)
    flow.clock.now = DUE
    assert await sweeps(flow, UNKNOWN) == [flow.text("promise_question", what="la visita del tecnico (APT-1)")]
    await flow.taps("Sì, è successo")
    assert await last_change(flow) == ("open", "kept", "customer", "says it happened")


@pytest.mark.parametrize("down", [DOWN, EngineDown("too slow"), ActionFailed("502")])
async def test_a_system_that_is_down_is_no_answer_and_breaks_nothing(
    flow: World, down: PromiseAnswer | EngineDown
) -> None:
    await told(flow)
    flow.clock.now = DUE
    assert await sweeps(flow, down) == [] and (await promise(flow)).escalated_at is None
    assert await sweeps(flow) == [] and len(flow.engine.asked) == 1  # not before five minutes
    flow.clock.passes(minutes=5)
    assert await sweeps(flow, down) == []
    flow.clock.passes(hours=2)
    assert await sweeps(flow, down) == [flow.text("promise_question", what="la visita del tecnico (APT-1)")]
    flow.clock.passes(days=2)
    await sweeps(flow, down)
    assert (await promise(flow)).state == "open"
    flow.clock.passes(minutes=5)
    await sweeps(flow, KEPT)
    assert (await promise(flow)).state == "kept"


async def test_a_system_that_is_down_is_not_asked_for_each_promise(flow: World) -> None:
    for chat in ("1", "2", "3"):
        flow.engine.script = [turn("ok", promises=(PromiseMade("PIN", DUE, chat, "pin", CHECK),))]
        await flow.writes("pin", chat)
    flow.clock.now = DUE
    flow.engine.asked.clear()
    await sweeps(flow, DOWN)
    assert len(flow.engine.asked) == 1


async def test_two_processes_ask_once_and_what_changed_meanwhile_stays(flow: World) -> None:
    await told(flow)
    flow.clock.now = DUE

    async def slow(_: Ask) -> Any:
        await asyncio.sleep(0)
        await promises_due(flow.way)  # the other process looks while this one waits for the answer
        await flow.db.write(lambda c: c.execute(table.update().values(state="kept")))
        return turn(promise_answer=OPEN)

    flow.engine.script = [slow]
    await promises_due(flow.way)
    assert len(flow.engine.asked) == 1
    row = await promise(flow)
    assert row.state == "kept" and row.answer == ""


async def test_whoever_dies_while_asking_is_followed_by_the_next(flow: World) -> None:
    await told(flow)
    flow.clock.now = DUE

    async def dies(_: Ask) -> Any:
        raise asyncio.CancelledError

    flow.engine.script = [dies]
    with pytest.raises(asyncio.CancelledError):
        await promises_due(flow.way)
    again = world(flow.db, flow.way.cache, platforms=[flow.platform], now=DUE + timedelta(minutes=5))
    await sweeps(again, KEPT)
    assert (await promise(again)).state == "kept"


async def test_while_a_person_has_the_word_the_slip_is_theirs_to_tell(flow: World) -> None:
    await told(flow)
    flow.engine.script = [turn(handoff="asked")]
    await flow.writes("una persona")
    await flow.does(handoff.claim, await flow.agent())
    await flow.delivers()
    flow.clock.passes(hours=4)
    assert await sweeps(flow, PromiseAnswer("open", DUE + timedelta(days=1))) == []
    assert (await flow.said("system"))[-1] == "promise_moved_tell: Visita del tecnico APT-1"
    assert await flow.status() == Status.AGENT


async def test_after_the_window_a_person_gets_the_case(db: Any, tmp_path: Any) -> None:
    flow = world(db, tmp_path, platforms=[with_abilities(reply_window=timedelta(hours=24))])
    await told(flow, due=DUE + timedelta(days=3))
    flow.clock.passes(days=2)
    assert await sweeps(flow, PromiseAnswer("open", DUE + timedelta(days=4))) == []
    assert await flow.status() == Status.WAITING and (await flow.case()).reason == "promise_late"


async def test_at_night_no_system_is_asked(flow: World) -> None:
    await told(flow)
    flow.clock.passes(hours=13)
    await sweeps(flow)
    assert flow.engine.asked == []
    flow.clock.passes(hours=8)
    await sweeps(flow, KEPT)


async def test_the_same_time_told_again_changes_nothing(flow: World) -> None:
    await told(flow)
    await told(flow)
    assert len(await flow.rows(promise_changes)) == 1


def test_an_answer_as_the_engine_gives_it() -> None:
    data: dict[str, Any] = {"events": [], "intent": {}, "intent_ranking": [], "model_id": "m"}
    said = {"state": "open", "due": "2026-11-24T16:00:00+01:00"}
    read = read_turn({**data, "messages": [{"custom": {"promise_result": said}}]}, [])
    assert read.promise_answer == PromiseAnswer("open", DUE)
    for wrong in ({**said, "state": "maybe"}, {**said, "due": "2026-11-24T16:00:00"}, {"due": None}):
        with pytest.raises((ValueError, KeyError)):
            read_turn({**data, "messages": [{"custom": {"promise_result": wrong}}]}, [])
