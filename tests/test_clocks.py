"""Three clocks for a case, and what a team aims at: who waited for whom, how long, warned before it is too late."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Row

from bot.flow import handoff, transfer
from bot.flow.clocks import targets_due
from bot.flow.sweep import sweep
from bot.flow.teams import fresh, take_in
from bot.model.clocks import Clocks, clocks, summaries
from bot.model.errors import SendError
from bot.model.replies import Reply
from bot.model.states import Outcome
from bot.model.team import DAYS, FIRST, NEXT, RESOLUTION
from bot.model.teams import teams_of
from bot.store import clocks as store
from bot.store import lists, targets
from bot.store import tables as t
from tests.flow_support import CARE, CHAT, SUNDAY, TEAMS, TECHNICIANS, World, turn

AIMS = {FIRST: "10 min", NEXT: "20 min", RESOLUTION: "8 h"}
HELLO = Reply("Eccomi.")


def minutes(bot: float = 0, waiting: float = 0, person: float = 0, running: str = "") -> Clocks:
    return Clocks(timedelta(minutes=bot), timedelta(minutes=waiting), timedelta(minutes=person), running)


def aiming(flow: World, *, care: dict[str, str] | None = AIMS, technicians: dict[str, str] | None = None) -> World:
    """The same world with targets in its teams' file."""
    each = {"care": {**CARE, "targets": care}, "technicians": {**TECHNICIANS, "targets": technicians}}
    flow.way.teams = teams_of({**TEAMS, "teams": each})
    return flow


async def asks(flow: World, chat: str = CHAT) -> Row[Any]:
    """Three minutes with the bot, then a person is wanted; the case."""
    await flow.writes("buongiorno", chat)
    flow.clock.passes(minutes=3)
    flow.engine.script = [turn(handoff="asked")]
    await flow.writes("una persona", chat)
    case = await flow.case(chat)
    assert case
    return case


async def has(flow: World, name: str = "Anna K.") -> Row[Any]:
    """Somebody takes the case; the person."""
    agent = await flow.agent(name)
    await flow.does(handoff.claim, agent)
    return agent


async def now(flow: World) -> Clocks:
    case = await flow.case()
    assert case
    spans = await flow.db.read(lambda c: store.of_case(c, case.id))
    for one, after in zip(spans, spans[1:], strict=False):
        assert one.ended_at and one.ended_at <= after.began_at, "two clocks ran at once"
    return clocks(spans, flow.clock())


async def aimed(flow: World) -> list[tuple[str, str]]:
    case = await flow.case()
    assert case
    return [(row.kind, row.state) for row in await flow.db.read(lambda c: targets.of_case(c, case.id))]


async def lines(flow: World) -> list[str]:
    """What the sweep says at the desk about targets."""
    await targets_due(flow.way)
    return [text for text in await flow.said("system") if text.startswith("target")]


# Clocks.


async def test_each_clock_runs_by_itself(flow: World) -> None:
    await asks(flow)
    assert await now(flow) == minutes(bot=3, running="waiting")
    flow.clock.passes(minutes=5)
    agent = await has(flow)  # taken, and greeted by the desk: no answer yet
    flow.clock.passes(minutes=2)
    assert await now(flow) == minutes(bot=3, waiting=7, running="waiting")
    await flow.does(handoff.reply, agent, HELLO)
    flow.clock.passes(minutes=10)
    await flow.does(handoff.reply, agent, Reply("Ancora un momento."))
    await flow.writes("grazie, ma non va")
    flow.clock.passes(minutes=4)
    assert await now(flow) == minutes(bot=3, waiting=11, person=10, running="waiting")
    await flow.does(handoff.reply, agent, HELLO)
    flow.clock.passes(minutes=1)
    await flow.does(handoff.close, agent, Outcome.SOLVED)
    flow.clock.passes(minutes=60)
    assert await now(flow) == minutes(bot=3, waiting=11, person=11)


async def test_nothing_the_bot_says_stops_the_waiting(flow: World) -> None:
    await asks(flow)
    await flow.writes("è urgente")  # acknowledged by the bot
    flow.engine.script = [turn("Aperti fino alle 19.")]
    await flow.writes("Orari", payload="/store_hours")
    flow.clock.passes(minutes=16)
    await sweep(flow.way)
    await flow.delivers()
    assert len(flow.platform.texts()) > 4
    assert await now(flow) == minutes(bot=3, waiting=16, running="waiting")


async def test_passed_to_a_colleague_who_waits_keeps_waiting(flow: World) -> None:
    await asks(flow)
    anna, bea = await has(flow), await flow.agent("Bea B.")
    flow.clock.passes(minutes=6)
    await flow.does(transfer.to_person, anna, bea, "", by=anna)
    flow.clock.passes(minutes=1)
    assert (await now(flow)).waiting == timedelta(minutes=7)
    await flow.does(handoff.reply, bea, HELLO)
    flow.clock.passes(minutes=3)
    await flow.does(transfer.to_person, bea, anna, "", by=bea)
    flow.clock.passes(minutes=2)
    assert await now(flow) == minutes(bot=3, waiting=7, person=5, running="person")
    spans = await flow.rows(t.spans)
    assert [(one.clock, one.agent_id) for one in spans[1:]] == [
        ("waiting", bea.id), ("person", bea.id), ("person", anna.id)
    ]  # fmt: skip


async def test_put_back_and_passed_to_a_team_reset_no_clock(flow: World) -> None:
    await asks(flow)
    agent = await has(flow)
    flow.clock.passes(minutes=6)
    await flow.does(handoff.requeue, agent, "")
    flow.clock.passes(minutes=6)
    assert await now(flow) == minutes(bot=3, waiting=12, running="waiting")
    await flow.does(handoff.claim, agent)
    await flow.does(transfer.to_team, agent, "technicians", "", by=agent)
    flow.clock.passes(minutes=2)
    assert await now(flow) == minutes(bot=3, waiting=14, running="waiting")
    assert [one.team for one in await flow.rows(t.spans)] == ["care", "care", "technicians"]


async def test_opened_again_the_clocks_go_on(flow: World) -> None:
    await asks(flow)
    agent = await has(flow)
    await flow.does(handoff.reply, agent, HELLO)
    await flow.does(handoff.close, agent, Outcome.SOLVED)
    flow.clock.passes(hours=5)
    await flow.writes("ancora io")
    flow.clock.passes(minutes=2)
    flow.engine.script = [turn(handoff="asked")]
    await flow.writes("una persona")
    flow.clock.passes(minutes=4)
    assert len(await flow.rows(t.cases)) == 1
    assert await now(flow) == minutes(bot=5, waiting=4, running="waiting")


async def test_given_back_or_cancelled_no_clock_runs(flow: World) -> None:
    await asks(flow)
    flow.clock.passes(minutes=2)
    await flow.taps("Non serve più")
    flow.clock.passes(minutes=9)
    assert await now(flow) == minutes(bot=3, waiting=2)
    await asks(flow)
    agent = await has(flow)
    await flow.does(handoff.give_back, agent)
    flow.clock.passes(minutes=9)
    assert (await now(flow)).running == ""


async def test_who_blocked_us_is_not_waiting(flow: World) -> None:
    aiming(flow)
    await asks(flow)
    flow.clock.passes(minutes=5)
    await flow.receives(flow.raw(kind="blocked"))
    await flow.answers()
    flow.clock.passes(hours=3)
    assert (await now(flow), await lines(flow)) == (minutes(bot=3, waiting=5), [])
    await flow.receives(flow.raw(kind="unblocked"))
    await flow.answers()
    flow.clock.passes(minutes=5)
    assert await now(flow) == minutes(bot=3, waiting=10, running="waiting")
    assert await aimed(flow) == [(FIRST, "dropped"), (RESOLUTION, "open"), (FIRST, "open")]


async def test_blocked_is_also_what_a_send_finds_out(flow: World) -> None:
    await asks(flow)
    agent = await has(flow)
    await flow.does(handoff.reply, agent, HELLO)
    await flow.writes("ancora una cosa")
    await flow.does(handoff.reply, agent, HELLO)
    flow.platform.problems = [SendError("blocked", permanent=True)]
    await flow.delivers()
    assert (await now(flow)).running == ""
    await flow.writes("eccomi")  # whoever writes can be reached
    assert (await now(flow)).running == "waiting"


async def test_a_colleague_elsewhere_is_a_person_too(flow: World) -> None:
    await asks(flow)
    flow.clock.passes(minutes=4)
    await flow.receives(flow.raw(kind="echo", text="Ci penso io"))
    await flow.answers()
    flow.clock.passes(minutes=4)
    assert await now(flow) == minutes(bot=3, waiting=4, person=4, running="person")
    await flow.writes("e quando?")
    assert (await now(flow)).running == "waiting"


async def test_a_message_that_comes_late_makes_no_clock_run_backwards(flow: World) -> None:
    await asks(flow)
    agent = await has(flow)
    late = flow.raw(text="scritto prima")
    flow.clock.passes(minutes=5)
    await flow.does(handoff.reply, agent, HELLO)
    await flow.receives(late)
    await flow.answers()
    flow.clock.passes(minutes=1)
    assert await now(flow) == minutes(bot=3, waiting=6, running="waiting")


async def test_the_report_keeps_the_clocks_apart(flow: World) -> None:
    since = flow.clock()
    for chat, wait in (("1", 2), ("2", 4)):
        await asks(flow, chat)
        flow.clock.passes(minutes=wait)
        agent = await flow.agent(f"A{chat}")
        await flow.does(handoff.claim, agent, chat=chat)
        await flow.does(handoff.reply, agent, HELLO, chat=chat)
        flow.clock.passes(minutes=10)
        await flow.does(handoff.close, agent, Outcome.SOLVED, chat=chat)
    found = summaries(await flow.db.read(lambda c: store.report(c, since)))
    told = [(one.team, one.clock, one.cases, one.most / timedelta(minutes=1)) for one in found]
    assert told == [("care", "bot", 2, 3), ("care", "waiting", 2, 4), ("care", "person", 2, 10)]


# Targets.


async def test_targets_are_met_in_time(flow: World) -> None:
    aiming(flow)
    await asks(flow)
    agent = await has(flow)
    flow.clock.passes(minutes=7)
    assert await lines(flow) == []
    await flow.does(handoff.reply, agent, HELLO)
    await flow.writes("e poi?")
    flow.clock.passes(minutes=15)
    await flow.does(handoff.reply, agent, HELLO)
    await flow.does(handoff.close, agent, Outcome.SOLVED)
    assert await aimed(flow) == [(FIRST, "met"), (RESOLUTION, "met"), (NEXT, "met")]
    assert await lines(flow) == []


async def test_before_one_breaks_its_owner_is_warned_once(flow: World) -> None:
    aiming(flow)
    await asks(flow)
    agent = await has(flow)
    flow.clock.passes(minutes=8)
    assert await lines(flow) == ["target_soon_first_answer"]
    assert await lines(flow) == ["target_soon_first_answer"]
    row = (await flow.rows(t.targets))[0]
    assert (row.warned_agent_id, row.warned_at, row.state) == (agent.id, flow.clock(), "open")
    flow.clock.passes(minutes=2)
    assert len(await lines(flow)) == 1  # ten minutes are within ten minutes
    flow.clock.passes(seconds=1)
    assert await lines(flow) == ["target_soon_first_answer", "target_broken_first_answer"]
    await flow.does(handoff.reply, agent, HELLO)  # better late, but late
    row = (await flow.rows(t.targets))[0]
    assert (row.state, row.broken_at, row.ended_why) == ("broken", flow.clock(), "answered")
    assert {each.kind for each in await flow.rows(t.live)} >= {"target"}


async def test_nobody_has_it_so_the_queue_is_warned(flow: World) -> None:
    aiming(flow)
    await asks(flow)
    flow.clock.passes(minutes=9)
    assert await lines(flow) == ["target_soon_first_answer"]
    assert (await flow.rows(t.targets))[0].warned_agent_id is None


async def test_after_days_of_downtime_it_is_broken_not_warned(flow: World) -> None:
    aiming(flow)
    await asks(flow)
    flow.clock.passes(days=2)
    assert await lines(flow) == ["target_broken_first_answer", "target_broken_resolution"]


async def test_late_without_any_sweep_is_late_all_the_same(flow: World) -> None:
    aiming(flow)
    await asks(flow)
    agent = await has(flow)
    flow.clock.passes(minutes=11)
    await flow.does(handoff.reply, agent, HELLO)
    assert await aimed(flow) == [(FIRST, "broken"), (RESOLUTION, "open")]


async def test_targets_count_opening_hours(flow: World) -> None:
    aiming(flow)
    flow.clock.now = datetime(2026, 12, 24, 20, 25, tzinfo=UTC)  # 21:25 in Rome, then Christmas until Monday
    await asks(flow)
    first, resolution = await flow.rows(t.targets)
    assert first.due_at == datetime(2026, 12, 28, 7, 38, tzinfo=UTC)  # two of the ten minutes were on the 24th
    assert resolution.due_at == datetime(2026, 12, 28, 15, 28, tzinfo=UTC)
    flow.clock.now = SUNDAY + timedelta(days=35)
    assert await lines(flow) == []


async def test_passing_on_begins_the_teams_own_targets_but_not_the_resolution(flow: World) -> None:
    aiming(flow, technicians={FIRST: "1 h", RESOLUTION: "1 h"})
    case = await asks(flow)
    due = (await flow.rows(t.targets))[1].due_at
    agent = await has(flow)
    flow.clock.passes(minutes=5)
    await flow.does(transfer.to_team, agent, "technicians", "", by=agent)
    rows = await flow.rows(t.targets)
    assert [(row.kind, row.team, row.state) for row in rows] == [
        (FIRST, "care", "dropped"), (RESOLUTION, "care", "open"), (FIRST, "technicians", "open")
    ]  # fmt: skip
    assert rows[1].due_at == due and rows[2].due_at == flow.clock() + timedelta(hours=1)
    (shown,) = await flow.db.read(lambda c: lists.chosen(c, [case.conversation_id]))
    assert (shown.aim_kind, shown.aim_due_at) == (FIRST, rows[2].due_at)


async def test_put_back_the_same_target_goes_on(flow: World) -> None:
    aiming(flow)
    await asks(flow)
    agent = await has(flow)
    flow.clock.passes(minutes=5)
    await flow.does(handoff.requeue, agent, "")
    assert await aimed(flow) == [(FIRST, "open"), (RESOLUTION, "open")]
    counted = await flow.db.read(lambda c: targets.counts(c, flow.clock() - timedelta(days=1)))
    assert [(row.team, row.kind, row.state, row.number) for row in counted] == [
        ("care", FIRST, "open", 1), ("care", RESOLUTION, "open", 1)
    ]  # fmt: skip


async def test_no_targets_no_rows(flow: World) -> None:
    await asks(flow)
    assert await flow.rows(t.targets) == []


# The file.


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({FIRST: "soon"}, "first_answer: 'soon' is not of the form 15 min or 8 h"),
        ({FIRST: 15}, "first_answer: 15 is not of the form"),
        ({RESOLUTION: "501 h"}, "at most 500 h"),
        ({"first": "15 min"}, "targets: 'first' is not known here"),
        (["15 min"], "targets: must name"),
    ],
)
def test_a_mistake_in_the_targets_is_named(given: Any, problem: str) -> None:
    with pytest.raises(ValueError, match="care: targets") as raised:
        teams_of({**TEAMS, "teams": {"care": {**CARE, "targets": given}}})
    assert problem in str(raised.value)


def test_a_target_that_a_team_could_never_reach_is_a_mistake() -> None:
    rarely = {**TECHNICIANS, "hours": {"tuesday": ["09:00-10:00"]}, "targets": {RESOLUTION: "27 h"}}
    with pytest.raises(ValueError, match="care: targets: the team is not there that long in 26 weeks"):
        teams_of({**TEAMS, "teams": {"care": rarely}})


def test_opening_hours_are_counted_over_nights_holidays_and_the_change_of_the_clocks() -> None:
    team = replace(teams_of(TEAMS).first)
    friday = datetime(2026, 3, 27, 21, 0, tzinfo=team.zone)
    assert team.later(friday, timedelta(hours=1)) == datetime(2026, 3, 28, 9, 30, tzinfo=team.zone)
    monday = team.later(friday, timedelta(hours=10))  # the night to Sunday is an hour shorter
    assert monday == datetime(2026, 3, 30, 9, 0, tzinfo=team.zone)
    assert team.open_time(friday, monday) == timedelta(hours=10)
    assert team.open_time(monday, friday) == timedelta()
    assert team.later(friday, timedelta(minutes=30)) == datetime(2026, 3, 27, 21, 30, tzinfo=team.zone)
    with pytest.raises(ValueError, match="not there that long"):
        team.later(friday, timedelta(hours=9000))


# Other opening hours.


async def hours_of(flow: World, tmp_path: Path, **care: list[str]) -> None:
    """From now on the team is there at these hours, each day of the week."""
    flow.way.teams_file = tmp_path / "teams.yml"
    each = {**CARE, "targets": AIMS, "holidays": "", "hours": {day: care["daily"] for day in DAYS}}
    flow.way.teams_file.write_text(yaml.safe_dump({**TEAMS, "teams": {**TEAMS["teams"], "care": each}}))
    await take_in(flow.way)


async def aims(flow: World) -> dict[str, tuple[datetime, datetime]]:
    return {row.kind: (row.warn_at, row.due_at) for row in await flow.rows(t.targets)}


async def test_what_is_under_way_moves_with_the_opening_hours(flow: World, tmp_path: Path) -> None:
    await hours_of(flow, tmp_path, daily=["09:00-18:00"])  # it is 11:00 in Rome
    await asks(flow)
    begun = flow.clock()
    first, whole = (await aims(flow))[FIRST], (await aims(flow))[RESOLUTION]
    assert whole[1] == begun + timedelta(hours=8 + 15)  # seven hours today, and one tomorrow
    (wait,) = await flow.rows(t.waits)
    assert wait.minutes is None and wait.tell_at == first[1]
    flow.clock.passes(minutes=2)
    await hours_of(flow, tmp_path, daily=["09:00-11:10"])
    at_home = datetime(2026, 11, 24, 10, 10, tzinfo=UTC)
    left = timedelta(minutes=10) - (at_home - begun)
    assert (await aims(flow))[FIRST][1] == at_home + timedelta(hours=21, minutes=50) + left
    (wait,) = await flow.rows(t.waits)
    assert wait.tell_at == (await aims(flow))[FIRST][1]
    moved = await aims(flow)
    flow.way.teams_version = 0
    await fresh(flow.way)  # another process, or a restart, hears of the same version
    assert await aims(flow) == moved
    await hours_of(flow, tmp_path, daily=["00:00-24:00"])
    assert (await aims(flow))[FIRST] == first and (await aims(flow))[RESOLUTION][1] == begun + timedelta(hours=8)


async def test_a_team_that_opens_after_all_has_not_been_late_before(flow: World, tmp_path: Path) -> None:
    await hours_of(flow, tmp_path, daily=["18:00-20:00"])
    await asks(flow)
    flow.clock.passes(hours=3)
    await hours_of(flow, tmp_path, daily=["00:00-24:00"])
    assert (await aims(flow))[FIRST] == (flow.clock() + timedelta(minutes=8), flow.clock() + timedelta(minutes=10))
    assert await lines(flow) == []


async def test_an_hour_that_was_offered_for_when_nobody_is_there_any_more_is_replaced(
    flow: World, tmp_path: Path
) -> None:
    await hours_of(flow, tmp_path, daily=["09:00-18:00"])
    await asks(flow)
    offered = flow.buttons()[0]
    assert offered == "Scrivimi entro le 12"
    await hours_of(flow, tmp_path, daily=["09:00-11:30"])
    await flow.taps(offered)
    assert not await flow.rows(t.promises) and flow.buttons()[0] == "Domani entro le 10"
