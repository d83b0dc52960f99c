"""What time does: nobody came, a fault is over, a promise is due, old data goes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert

from bot.dialogue import EngineDown
from bot.flow import handoff
from bot.flow.sweep import promises_due, retention, sweep, watched
from bot.flow.waiting import slipped
from bot.model.dialogue import Ask, PromiseMade, Turn, Watch
from bot.model.states import Status
from bot.store.tables import agents, events, live, promises, sessions, watches
from tests.flow_support import SUNDAY, TUESDAY, World, turn

FIXED = Watch("incident:1", '/check_incident{"incident": "1"}', '/incident_fixed{"incident": "1"}')


async def waits(flow: World, chat: str) -> Any:
    flow.engine.script = [turn(handoff="asked")]
    await flow.writes("una persona", chat)
    return await flow.case(chat)


async def comes(flow: World, chat: str) -> list[str]:
    """What the sweep makes a customer read."""
    before = len(flow.platform.texts(chat))
    await slipped(flow.way)
    await flow.delivers()
    return flow.platform.texts(chat)[before:]


async def test_who_waits_long_is_told_once(flow: World) -> None:
    first, second = await waits(flow, "1"), await waits(flow, "2")
    await flow.does(handoff.claim, await flow.agent(), chat="2")
    await flow.delivers()
    flow.clock.passes(minutes=15)
    assert await comes(flow, "1") == []
    flow.clock.passes(seconds=1)
    assert await comes(flow, "1") == [flow.text("still_waiting", number=first.number)]
    assert flow.buttons("1") == ["Non serve più"]
    flow.clock.passes(hours=1)
    assert await comes(flow, "1") == [] and second.number not in " ".join(flow.platform.texts("2")[2:])


async def test_who_asked_at_night_is_not_told_at_the_opening_that_it_takes_long(flow: World) -> None:
    """Fifteen minutes of opening hours, not of night."""
    flow.clock.now = SUNDAY
    await waits(flow, "1")
    flow.clock.now = datetime(2026, 11, 23, 7, 29, tzinfo=UTC)  # 8:29 in Rome
    assert await comes(flow, "1") == []
    flow.clock.passes(minutes=5)
    assert await comes(flow, "1") == []
    flow.clock.passes(minutes=12)
    assert len(await comes(flow, "1")) == 1


async def test_a_fixed_fault_is_told_to_each_watcher_once(flow: World) -> None:
    for chat in ("1", "2"):
        flow.engine.script = [turn("Guasto a Pisa.", watches=(FIXED, FIXED))]
        await flow.writes("la linea non va", chat)
    asked = len(flow.engine.asked)
    flow.engine.script = [turn(watch_results=(("incident:1", True),))]
    await watched(flow.way)
    assert [ask.text for ask in flow.engine.asked[asked:]] == [FIXED.check]
    check = flow.engine.asked[-1]
    assert check.events == [] and check.metadata["language"] == "it" and check.metadata["turn_id"] == check.turn_id
    assert {w.state for w in await flow.rows(watches)} == {"open"}
    flow.engine.script = [turn(watch_results=(("incident:1", False),))]
    woken: list[Any] = []
    flow.way.arrived = woken.append
    await watched(flow.way)
    assert {key.chat for key in woken} == {"1", "2"}
    for chat in ("1", "2"):
        flow.engine.script = [turn("La linea è tornata.")]
        await flow.answers(chat)
        await flow.delivers()
        assert flow.engine.asked[-1].text == FIXED.tell
        assert flow.platform.texts(chat)[-1] == "La linea è tornata."
        assert flow.buttons(chat) == ["Parla con noi"]
    asked = len(flow.engine.asked)
    await watched(flow.way)
    assert len(flow.engine.asked) == asked


async def test_one_fault_that_cannot_be_asked_about_holds_up_no_other(flow: World) -> None:
    other = Watch("incident:2", "/check 2", "/tell 2")
    flow.engine.script = [turn("x", watches=(FIXED, other))]
    await flow.writes("due guasti")

    def check(ask: Ask) -> Turn:
        if ask.text == FIXED.check:
            raise EngineDown("the action failed")
        return turn(watch_results=(("incident:2", False),))

    flow.engine.script = [check, check]
    await watched(flow.way)
    assert {w.subject: w.state for w in await flow.rows(watches)} == {"incident:1": "open", "incident:2": "told"}


async def test_news_while_a_person_has_the_word_go_to_the_person(flow: World) -> None:
    flow.engine.script = [turn("x", watches=(FIXED,))]
    await flow.writes("guasto")
    await waits(flow, "17")
    await flow.does(handoff.claim, await flow.agent())
    await flow.delivers()
    before, asked = len(flow.platform.sent), len(flow.engine.asked)
    flow.engine.script = [turn(watch_results=(("incident:1", False),))]
    await watched(flow.way)
    await flow.answers()
    await flow.delivers()
    assert len(flow.platform.sent) == before and len(flow.engine.asked) == asked + 1
    assert await flow.said("system") == ["follow_up: incident:1"]


async def test_a_due_promise_is_shown_once(flow: World) -> None:
    made = PromiseMade("PIN per posta", TUESDAY + timedelta(days=1), "PIN-1")
    flow.engine.script = [turn("Arriva domani.", promises=(made,))]
    await flow.writes("il PIN")
    await promises_due(flow.way)
    assert await flow.said("system") == []
    flow.clock.passes(days=1)
    for _ in range(2):
        await promises_due(flow.way)
    assert await flow.said("system") == ["promise_due: PIN per posta PIN-1"]


async def test_only_old_things_are_forgotten(flow: World) -> None:
    made = PromiseMade("il tecnico", flow.clock() + timedelta(days=60), "T-1")
    flow.engine.script = [turn("Guasto.", promises=(made,), watches=(FIXED,))]
    await flow.writes("vecchio")
    agent = await flow.agent()

    def sign_in(at: datetime, word: str) -> Any:
        return lambda c: c.execute(
            insert(sessions).values(token_hash=word, agent_id=agent.id, csrf="x", created_at=at, seen_at=at)
        )

    await flow.db.write(sign_in(flow.clock(), "old"))
    flow.clock.passes(days=31)
    await flow.writes("nuovo")
    await flow.db.write(sign_in(flow.clock(), "new"))
    await flow.receives(flow.raw(text="non ancora letto"))
    await retention(flow.way)
    assert [row.external_id for row in await flow.rows(events)] == ["e2", "e3"]
    assert [row.token_hash for row in await flow.rows(sessions)] == ["new"]
    assert all(row.at > flow.clock() - timedelta(days=1) for row in await flow.rows(live))
    assert await flow.said("customer") == ["vecchio", "nuovo"]
    assert len(await flow.rows(agents)) == 1
    assert [row.reference for row in await flow.rows(promises)] == ["T-1"], "however old, it is still to be kept"
    assert [row.state for row in await flow.rows(watches)] == ["open"]


async def test_the_whole_sweep_runs_and_changes_nothing_where_nothing_is_due(flow: World) -> None:
    await flow.writes("ciao")
    before = await flow.history()
    for everything in (True, False):
        await sweep(flow.way, everything=everything)
    assert await flow.history() == before and await flow.status() == Status.BOT
