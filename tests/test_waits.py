"""The honest wait: said from what was, kept as a row, told again when it slips; and an hour that becomes a promise."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Row, insert

from bench.waits import Days, held
from bot.flow import handoff, transfer
from bot.flow.sweep import sweep
from bot.flow.waiting import slipped
from bot.model.replies import Reply
from bot.model.states import Outcome, Status
from bot.model.team import FIRST, by
from bot.model.teams import teams_of
from bot.model.waits import ENOUGH, Past, Scene, corrected, minutes_of, quantile, usual
from bot.store import cases, conversations
from bot.store import tables as t
from bot.store import waits as store
from tests.flow_support import CARE, CHAT, SUNDAY, TEAMS, TECHNICIANS, World, turn

HELLO = Reply("Eccomi.")
NO_NEED = "Non serve più"
NOON = Scene(weekday=1, minute=12 * 60, closed=False, load=1.0)


async def asks(flow: World, chat: str = CHAT) -> Row[Any]:
    """A person is wanted; the wait's row."""
    flow.engine.script = [turn(handoff="asked")]
    await flow.writes("una persona", chat)
    return (await flow.rows(t.waits))[-1]


async def was(
    flow: World, minutes: list[float], *, team: str = "care", closed: bool = False, load: float = 1.0
) -> None:
    """Waits of the last days, at this hour: these many minutes of opening hours until a person answered."""
    if await flow.conversation("past") is None:
        await flow.writes("ciao", "past")
    past = await flow.conversation("past")
    began = flow.clock() - timedelta(days=2)

    def work(connection: Connection) -> None:
        found = conversations.get(connection, past.id) if past else None
        case = cases.open_case(connection, found, reason="asked", topic="", note="", now=began)  # type: ignore[arg-type]
        for each in minutes:
            connection.execute(
                insert(t.waits).values(
                    case_id=case.id, team=team, began_at=began, weekday=1, minute=11 * 60, closed=closed, ahead=0,
                    people=0, load=load, ended_at=began + timedelta(minutes=each), ended_why="answered",
                    seconds=round(each * 60),
                )
            )  # fmt: skip

    await flow.db.write(work)


async def slips(flow: World) -> list[str]:
    """What the sweep makes the customer read."""
    before = len(flow.platform.texts())
    await slipped(flow.way)
    await flow.delivers()
    return flow.platform.texts()[before:]


async def answers(flow: World, name: str = "Anna K.") -> Row[Any]:
    agent = await flow.agent(name)
    await flow.does(handoff.claim, agent)
    await flow.does(handoff.reply, agent, HELLO)
    await flow.delivers()
    return agent


TWENTY = [float(n) for n in range(1, 25)]  # 8 in 10 within 20 minutes, which are said as such


# What is said.


async def test_with_too_little_history_it_is_said_so(flow: World) -> None:
    await was(flow, TWENTY[: ENOUGH - 1])
    wait = await asks(flow)
    assert flow.platform.texts()[-1].endswith(flow.text("wait_unknown"))
    assert (wait.minutes, wait.due_at, wait.basis, wait.people) == (None, None, None, 0)
    assert flow.buttons() == [NO_NEED]


async def test_eight_in_ten_of_comparable_waits_are_said_and_kept_as_a_row(flow: World) -> None:
    await was(flow, TWENTY)
    wait = await asks(flow)
    team = flow.way.team.name["it"]
    assert flow.text("wait_known", team=team, minutes=20) in flow.platform.texts()[-1]
    assert (wait.minutes, wait.due_at, wait.team) == (20, flow.clock() + timedelta(minutes=20), "care")
    assert wait.basis == {"seconds": 1200, "share": 0.8, "count": 24, "step": "hour_and_day"}
    flow.clock.passes(minutes=20)
    await answers(flow)
    wait = (await flow.rows(t.waits))[-1]
    assert (wait.kept, wait.ended_why, wait.seconds) == (True, "answered", 1200)


async def test_being_taken_is_no_answer(flow: World) -> None:
    await was(flow, TWENTY)
    await asks(flow)
    agent = await flow.agent()
    await flow.does(handoff.claim, agent)
    flow.clock.passes(minutes=21)
    await flow.does(handoff.reply, agent, HELLO)
    assert (await flow.rows(t.waits))[-1].kept is False


async def test_each_team_has_its_own_waits(flow: World) -> None:
    await was(flow, TWENTY, team="technicians")
    assert (await asks(flow)).minutes is None


async def test_longer_waits_are_said_as_a_time_of_day(flow: World) -> None:
    await was(flow, [150.0] * 24)
    await asks(flow)
    assert "di solito risponde entro le 13:30 (8 volte su 10)" in flow.platform.texts()[-1]
    flow.clock.now = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)  # 21:00 in Rome, open for half an hour
    await was(flow, [60.0] * 24, load=2.0)
    await asks(flow, "2")
    assert "di solito risponde entro domani alle 9:00 (8 volte su 10)" in flow.platform.texts("2")[-1]


async def test_outside_the_hours_by_when_after_the_opening(flow: World) -> None:
    flow.clock.now = SUNDAY
    await was(flow, [25.0] * 24, closed=True)
    wait = await asks(flow)
    assert "domani alle 8:30" in flow.platform.texts()[-1]
    assert "di solito risponde entro domani alle 8:55" in flow.platform.texts()[-1]
    assert wait.closed and flow.buttons() == ["Aspetto qui", "Domani entro le 10", NO_NEED]


async def test_asked_silently_nothing_is_said_nor_told_again(flow: World) -> None:
    await was(flow, TWENTY)
    await asks(flow, "2")
    agent = await flow.agent()
    await flow.does(handoff.claim, agent, chat="2")
    await flow.does(handoff.reply, agent, HELLO, chat="2")
    found = await flow.conversation("past")
    assert found

    def quietly(connection: Connection) -> None:
        held_ = conversations.get(connection, found.id)
        assert held_
        wanted = turn(handoff="promise_late").handoff
        assert wanted
        handoff.request(connection, flow.way, held_, wanted, who="time", silently=True, now=flow.clock())

    await flow.db.write(quietly)
    wait = (await flow.rows(t.waits))[-1]
    assert (wait.minutes, wait.tell_at, wait.offer_at) == (None, None, None)


# It slips.


async def test_when_it_slips_the_customer_is_told_once_with_a_new_time(flow: World) -> None:
    await was(flow, TWENTY + [45.0] * 24, load=1.0)
    wait = await asks(flow)
    assert wait.minutes == 45
    flow.clock.passes(minutes=45)
    assert await slips(flow) == []
    await was(flow, [80.0] * 24)
    flow.clock.passes(seconds=1)
    case = await flow.case()
    assert case
    assert await slips(flow) == [flow.text("still_waiting_by", number=case.number, by="entro le 12:25")]
    assert flow.buttons()[-1] == NO_NEED
    wait = (await flow.db.read(lambda c: store.of_case(c, case.id)))[-1]
    assert (wait.told_at, wait.told_due_at) == (flow.clock(), datetime(2026, 11, 24, 11, 25, tzinfo=UTC))
    flow.clock.passes(hours=3)
    assert await slips(flow) == []


async def test_slipped_without_history_of_waits_so_long_no_new_time_is_made_up(flow: World) -> None:
    await was(flow, TWENTY)
    await asks(flow)
    flow.clock.passes(minutes=21)
    case = await flow.case()
    assert case and await slips(flow) == [flow.text("still_waiting_longer", number=case.number)]


async def test_who_was_told_no_time_is_told_after_the_teams_own_time(flow: World) -> None:
    flow.way.teams = teams_of(
        {**TEAMS, "teams": {"care": {**CARE, "targets": {FIRST: "1 h"}}, "technicians": TECHNICIANS}}
    )
    await asks(flow)
    flow.clock.passes(minutes=59)
    assert await slips(flow) == []
    flow.clock.passes(minutes=2)
    case = await flow.case()
    assert case and await slips(flow) == [flow.text("still_waiting", number=case.number)]


async def test_while_the_team_is_away_nobody_is_told(flow: World) -> None:
    flow.clock.now = datetime(2026, 11, 24, 20, 20, tzinfo=UTC)  # ten minutes before it closes
    await asks(flow)
    flow.clock.passes(hours=5)
    assert await slips(flow) == []
    flow.clock.now = datetime(2026, 11, 25, 7, 34, tzinfo=UTC)
    assert await slips(flow) == []
    flow.clock.passes(minutes=2)
    assert len(await slips(flow)) == 1


async def test_while_a_person_has_it_the_person_is_told(flow: World) -> None:
    await was(flow, TWENTY)
    await asks(flow)
    await flow.does(handoff.claim, await flow.agent())
    await flow.delivers()
    flow.clock.passes(minutes=21)
    assert await slips(flow) == []
    assert "wait_slipped" in await flow.said("system")
    await slips(flow)
    assert (await flow.said("system")).count("wait_slipped") == 1


async def test_who_blocked_us_is_not_written_to(flow: World) -> None:
    await asks(flow)
    await flow.receives(flow.raw(kind="blocked"))
    await flow.answers()
    flow.clock.passes(minutes=20)
    assert await slips(flow) == []
    assert (await flow.rows(t.waits))[-1].ended_why == "blocked"


# What became of it.


async def test_put_back_the_wait_goes_on_passed_to_a_team_another_begins(flow: World) -> None:
    await was(flow, TWENTY)
    await was(flow, [5.0] * 24, team="technicians")
    first = await asks(flow)
    agent = await flow.agent()
    await flow.does(handoff.claim, agent)
    flow.clock.passes(minutes=5)
    await flow.does(handoff.requeue, agent, "")
    await flow.does(handoff.claim, agent)
    await flow.does(transfer.to_team, agent, "technicians", "", by=agent)
    await flow.delivers()
    case = await flow.case()
    assert case
    old, new = await flow.db.read(lambda c: store.of_case(c, case.id))
    assert (old.id, old.ended_why, old.kept, old.seconds) == (first.id, "passed", None, 300)
    assert (new.team, new.minutes) == ("technicians", 5)
    assert "Il team tecnico di solito risponde entro 5 minuti" in flow.platform.texts()[-1]


async def test_put_back_after_an_answer_a_new_wait_is_said(flow: World) -> None:
    await was(flow, TWENTY)
    await asks(flow)
    agent = await answers(flow)
    flow.clock.passes(minutes=5)
    await flow.does(handoff.requeue, agent, "")
    await flow.delivers()
    assert "entro 20 minuti" in flow.platform.texts()[-1]
    assert len(await flow.rows(t.waits)) == 24 + 2


async def test_no_longer_needed_before_the_time_nobody_can_know(flow: World) -> None:
    await was(flow, TWENTY)
    await asks(flow)
    await flow.taps(NO_NEED)
    assert (await flow.rows(t.waits))[-1].kept is None
    await asks(flow)
    flow.clock.passes(minutes=30)
    await flow.taps(NO_NEED)
    assert [(row.kept, row.ended_why) for row in (await flow.rows(t.waits))[-1:]] == [(False, "cancelled")]


async def test_the_calibration_counts_what_was_said_and_whether_it_was_true(flow: World) -> None:
    await was(flow, TWENTY)
    since = flow.clock() - timedelta(minutes=1)
    for chat, minutes in (("1", 3), ("2", 30)):
        await asks(flow, chat)
        flow.clock.passes(minutes=minutes)
        agent = await flow.agent(f"A{chat}")
        await flow.does(handoff.claim, agent, chat=chat)
        await flow.does(handoff.reply, agent, HELLO, chat=chat)
    await asks(flow, "3")
    flow.clock.passes(hours=1)  # still waiting, and late already
    everybody, care = await flow.db.read(lambda c: store.calibration(c, since, flow.clock()))
    assert (everybody.team, care.team) == ("", "care")
    assert (care.asked, care.said, care.known, care.kept) == (3, 3, 3, 1)
    assert care.share == pytest.approx(1 / 3)


# Written to by an hour.


async def offered(flow: World) -> Row[Any]:
    await was(flow, TWENTY)
    wait = await asks(flow)
    assert flow.buttons() == ["Scrivimi entro le 12", NO_NEED]
    return wait


async def test_an_hour_that_the_customer_chooses_is_a_promise(flow: World) -> None:
    wait = await offered(flow)
    case = await flow.case()
    assert case
    assert "ti scriviamo noi entro le 12:00" in flow.platform.texts()[-1]
    assert await flow.taps("Scrivimi entro le 12") == [flow.text("wished_by", number=case.number, by="entro le 12:00")]
    (promise,) = await flow.rows(t.promises)
    assert (promise.due_at, promise.made_by, promise.kind, promise.case_id) == (
        wait.offer_at,
        "company",
        "answer",
        case.id,
    )
    assert promise.due_at == wait.offer_at == datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
    flow.clock.passes(minutes=30)
    assert await slips(flow) == []  # who is written to does not wait here
    agent = await answers(flow)
    (promise,) = await flow.rows(t.promises)
    assert promise.state == "kept"
    change = (await flow.rows(t.promise_changes))[-1]
    assert (change.who, change.agent_id, change.why) == ("agent", agent.id, "wrote")
    await flow.does(handoff.close, agent, Outcome.SOLVED)


async def test_written_too_late_it_is_broken(flow: World) -> None:
    await offered(flow)
    await flow.taps("Scrivimi entro le 12")
    flow.clock.passes(hours=1, seconds=1)
    await answers(flow)
    assert (await flow.rows(t.promises))[-1].state == "broken"


async def test_tapped_twice_it_is_one_promise(flow: World) -> None:
    wait = await offered(flow)
    for _ in range(2):
        (said,) = await flow.writes(payload=f"#wish:{wait.case_id}:by")
        assert "entro le 12:00" in said
    assert len(await flow.rows(t.promises)) == 1


async def test_tapped_too_late_the_next_hour_is_offered(flow: World) -> None:
    wait = await offered(flow)
    flow.clock.passes(minutes=55)
    (said,) = await flow.writes(payload=f"#wish:{wait.case_id}:by")
    case = await flow.case()
    assert case and said == flow.text("wish_by.gone", number=case.number)
    assert flow.buttons() == ["Scrivimi entro le 13", NO_NEED] and await flow.rows(t.promises) == []


async def test_no_longer_needed_the_promise_goes_too(flow: World) -> None:
    await offered(flow)
    await flow.taps("Scrivimi entro le 12")
    await flow.taps(NO_NEED)
    assert (await flow.rows(t.promises))[-1].state == "withdrawn"


async def test_passed_to_a_team_the_promise_goes_along(flow: World) -> None:
    await offered(flow)
    await flow.taps("Scrivimi entro le 12")
    agent = await flow.agent()
    await flow.does(handoff.claim, agent)
    await flow.does(transfer.to_team, agent, "technicians", "", by=agent)
    (promise,) = await flow.rows(t.promises)
    wait = (await flow.rows(t.waits))[-1]
    assert (promise.state, wait.promise_id, wait.offer_at, wait.tell_at) == ("open", promise.id, None, None)
    await flow.does(handoff.claim, agent)
    await flow.does(handoff.reply, agent, HELLO)
    assert (await flow.rows(t.promises))[-1].state == "kept"


async def test_late_the_customer_hears_of_the_promise_before_they_ask(flow: World) -> None:
    await offered(flow)
    await flow.taps("Scrivimi entro le 12")
    flow.clock.passes(hours=1, minutes=1)
    before = len(flow.platform.texts())
    await sweep(flow.way)
    await flow.delivers()
    case = await flow.case()
    (late,) = flow.platform.texts()[before:]
    assert case and f"ti scriviamo noi sulla richiesta {case.number}" in late


async def test_without_history_the_teams_target_tells_the_hour_or_nothing(flow: World) -> None:
    flow.way.teams = teams_of({**TEAMS, "teams": {"care": {**CARE, "targets": {FIRST: "2 h"}}}})
    await asks(flow)
    assert flow.buttons() == ["Scrivimi entro le 13", NO_NEED]
    flow.clock.now = datetime(2026, 11, 24, 20, 10, tzinfo=UTC)  # 21:10 in Rome: nothing that could be kept today
    await asks(flow, "2")
    assert flow.buttons("2") == ["Domani entro le 11", NO_NEED]
    flow.clock.now = datetime(2026, 11, 28, 16, 30, tzinfo=UTC)  # Saturday, half an hour before it closes
    await asks(flow, "3")
    assert flow.buttons("3") == ["Lun. entro le 10", NO_NEED]


async def test_an_hour_of_another_case_is_none(flow: World) -> None:
    wait = await offered(flow)
    await asks(flow, "other")
    await flow.writes(payload=f"#wish:{wait.case_id}:by", chat="other")
    assert await flow.rows(t.promises) == [] and await flow.status() == Status.WAITING


def test_every_title_of_the_hours_fits_a_button(flow: World) -> None:
    for language in ("it", "en"):
        for key in ("today", "tomorrow", "day"):
            assert len(flow.text(f"wish_by.{key}", language, hour=15, day="Mer.")) <= 20


# The estimate itself.


def past(*minutes: float, scene: Scene = NOON, answered: bool = True) -> list[Past]:
    return [Past(scene, each * 60, answered) for each in minutes]


def scene(**changes: Any) -> Scene:
    return Scene(**{"weekday": 1, "minute": 720, "closed": False, "load": 1.0, **changes})


@given(st.lists(st.floats(1, 1e5), min_size=4, max_size=60), st.sampled_from([0.5, 0.8, 0.95]))
def test_with_answers_only_it_is_the_corrected_quantile(values: list[float], share: float) -> None:
    place = math.ceil(round(share * (len(values) + 1), 9))
    expected = sorted(values)[place - 1] if place <= len(values) else None
    assert quantile(((each, True) for each in values), share) == expected


def test_who_gave_up_or_still_waits_makes_the_wait_longer() -> None:
    answered = past(*range(1, 31))
    alone, with_others = usual(answered, NOON), usual(answered + past(*[20] * 12, answered=False), NOON)
    assert alone and with_others and alone.seconds < with_others.seconds
    assert usual(answered + past(*[40] * 30, answered=False), NOON) is None  # most were never seen to end


def test_the_circle_is_widened_step_by_step() -> None:
    same, later = past(*[5] * 30), past(*[9] * 30, scene=scene(minute=800))
    evening, busy = past(*[12] * 30, scene=scene(minute=1200)), past(*[60] * 30, scene=scene(load=4.0))
    steps = [usual(history, NOON) for history in (busy, busy + evening, busy + evening + later, same + later)]
    assert [step and (step.step, step.seconds) for step in steps] == [
        ("load_or_more", 3600), ("load", 720), ("hour", 540), ("hour_and_day", 300)
    ]  # fmt: skip


def test_waits_under_less_load_say_nothing_about_more() -> None:
    assert usual(past(*[5] * 50, scene=scene(load=0.0)), NOON) is None
    assert usual(past(*[5] * 50), scene(load=5.0)) is None
    assert usual(past(*[5] * 50, scene=scene(closed=True)), NOON) is None


def test_after_some_waiting_only_longer_waits_count() -> None:
    history = past(*[5] * 40, *range(10, 60))
    before, after = usual(history, NOON), usual(history, NOON, waited=1800)
    assert before and after and before.seconds < after.seconds and after.seconds > 1800
    assert usual(history, NOON, waited=3500) is None


def test_the_share_corrects_itself() -> None:
    assert corrected([False] * 10) == 0.8  # too few to say
    assert corrected([True] * 100) == 0.8
    assert corrected([True] * 70 + [False] * 30) == pytest.approx(0.9)
    assert corrected([False] * 100) == 0.95


@pytest.mark.parametrize(("seconds", "minutes"), [(5, 2), (120, 2), (121, 3), (901, 20), (3600, 60), (3601, 75)])
def test_minutes_are_rounded_up(seconds: float, minutes: int) -> None:
    assert minutes_of(seconds) == minutes


def test_by_when_in_both_languages() -> None:
    zone = teams_of(TEAMS).zone
    now = datetime(2026, 11, 24, 10, tzinfo=zone)
    for days, it, en in (
        (0, "entro le 10:00", "by 10:00"),
        (1, "entro domani alle 10:00", "by tomorrow at 10:00"),
        (3, "entro venerdì alle 10:00", "by Friday at 10:00"),
        (9, "entro giovedì 3/12, 10:00", "by Thursday 3/12 at 10:00"),
    ):
        moment = now + timedelta(days=days)
        assert (by(moment, now, "it"), by(moment, now, "en")) == (it, en)


@pytest.mark.parametrize("seed", [11, 12])
def test_over_simulated_days_eight_in_ten_are_kept_without_saying_hours(seed: int) -> None:
    days = Days(seed, days=12)
    waits = days.run()
    product, average = (held(waits, method, days.end) for method in ("product", "average"))
    assert product.said > 0.7 * product.asked and product.kept >= 0.8 > average.kept
    assert product.middle <= average.middle
