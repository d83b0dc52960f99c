"""The order of the queue: the caps hold for any cases, marks come from rows, words and people, jumps are rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Row, select, update

from bot.flow import assign, handoff, queue, transfer
from bot.flow.sweep import sweep
from bot.flow.teams import take_in
from bot.model.errors import Refused
from bot.model.queue import CAP, SHOUT_CAP, SHOUTED, WORTH, minutes_of, standing
from bot.model.states import Outcome
from bot.store import decisions, lists
from bot.store import promises as store
from bot.store import tables as t
from tests.flow_support import CARE, CHAT, SUNDAY, TEAMS, World
from tests.test_assign import asks, offered_to, passes, there

# The arithmetic.

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
MARKS = st.sets(st.sampled_from(sorted(WORTH)))
WAITS = st.integers(0, 3000).map(lambda minutes: NOON + timedelta(minutes=minutes))


@given(WAITS, WAITS, MARKS, MARKS)
def test_whoever_waits_longer_than_the_cap_comes_first(
    a: datetime, b: datetime, of_a: set[str], of_b: set[str]
) -> None:
    if b - a > timedelta(minutes=CAP):
        assert standing(a, None, of_a).counts_since < standing(b, None, of_b).counts_since


@given(WAITS, WAITS, MARKS, st.sets(st.sampled_from(sorted(SHOUTED))))
def test_shouting_alone_overtakes_nobody_who_waited_a_little_longer(
    a: datetime, b: datetime, of_a: set[str], shouts: set[str]
) -> None:
    if b - a > timedelta(minutes=SHOUT_CAP):
        assert standing(a, None, of_a).counts_since < standing(b, None, shouts).counts_since


@given(WAITS, MARKS)
def test_a_mark_never_puts_a_case_back(a: datetime, marks: set[str]) -> None:
    for mark in WORTH:
        assert minutes_of({*marks, mark}) >= minutes_of(marks) >= 0


@given(st.lists(st.tuples(st.integers(0, 600), MARKS), min_size=1, max_size=60), st.integers(1, 20))
def test_everybody_is_served_whoever_else_comes(cases: list[tuple[int, set[str]]], service: int) -> None:
    """One person serves from the top of the queue. Only those who came at most CAP later can be served before."""
    waits = [standing(NOON + timedelta(minutes=minute), None, marks) for minute, marks in cases]
    now, left, served = NOON, list(waits), []
    while left:
        here = [one for one in left if one.base <= now]
        if here:
            best = min(here, key=lambda one: (one.counts_since, one.base))
            left.remove(best)
            served.append(best)
        now += timedelta(minutes=service if here else 1)
    for place, one in enumerate(served):
        assert all(before.base <= one.base + timedelta(minutes=CAP) for before in served[:place])


def test_a_night_counts_from_the_opening() -> None:
    night, opening = NOON - timedelta(hours=14), NOON - timedelta(hours=4)
    assert standing(night, opening, ()).counts_since == opening
    assert standing(NOON, None, ("again",)).counts_since == NOON - timedelta(minutes=15)
    assert standing(NOON, None, ("again", "of-old")).marks == ("again",)


# Where a case stands.


async def waiting(flow: World, agent_id: int = 99) -> list[str]:
    """The chats in the waiting list's order."""
    rows = (await flow.db.read(lambda c: lists.listed(c, "waiting", agent_id))).rows
    chats = {row.id: row.chat for row in await flow.rows(t.conversations)}
    return [chats[row.id] for row in rows]


async def story(flow: World, chat: str = CHAT) -> list[Row[Any]]:
    case = await flow.case(chat)
    assert case
    return await flow.db.read(lambda c: decisions.of_case(c, case.id))


async def marks(flow: World, chat: str = CHAT) -> list[str]:
    case = await flow.case(chat)
    assert case
    return list(case.marks)


async def says(flow: World, chat: str, text: str) -> Row[Any]:
    """The customer says something, then asks for a person."""
    await flow.writes(text, chat)
    return await asks(flow, chat)


async def test_words_at_the_hand_off_put_a_case_ahead_and_say_so(flow: World) -> None:
    await asks(flow, "1")
    flow.clock.passes(minutes=20)
    await asks(flow, "2")
    flow.clock.passes(minutes=5)
    case = await says(flow, "3", "sono in dialisi e il telefono non va")
    assert case.marks == ["vulnerable"]
    assert case.counts_since == case.waiting_since - timedelta(minutes=30)
    assert await waiting(flow) == ["3", "1", "2"]
    assert [(row.kind, row.why, row.by_agent_id) for row in await story(flow, "3")] == [("marked", "vulnerable", None)]


async def test_words_written_while_waiting_put_a_case_ahead_too(flow: World) -> None:
    anna = await flow.agent()
    await asks(flow, "1")
    flow.clock.passes(minutes=20)
    await asks(flow, "2")
    for _ in range(2):
        await flow.writes("guardi che mio marito è in dialisi e siamo senza telefono", "2")
    assert await waiting(flow) == ["2", "1"]
    assert [(row.kind, row.why, row.by_agent_id) for row in await story(flow, "2")] == [("marked", "vulnerable", None)]
    assert "move" in [line.kind for line in await flow.rows(t.live)]
    await flow.does(queue.mark, anna, "vulnerable", on=False, chat="2")
    await flow.writes("le ripeto, è in dialisi", "2")
    assert await marks(flow, "2") == [] and await waiting(flow) == ["1", "2"]


async def test_a_threat_overtakes_ten_minutes_and_no_more(flow: World) -> None:
    await asks(flow, "1")
    flow.clock.passes(minutes=2)
    await asks(flow, "2")
    flow.clock.passes(minutes=9)
    await says(flow, "3", "se non rispondete vi disdico tutto")
    assert await marks(flow, "3") == ["leaving"]
    assert await waiting(flow) == ["1", "3", "2"]


async def test_who_comes_again_within_a_week_and_who_took_it_back(flow: World) -> None:
    anna = await flow.agent()
    await asks(flow)
    await flow.does(handoff.claim, anna)
    await flow.does(handoff.close, anna, Outcome.INFORMED)
    flow.clock.passes(days=4)
    assert (await asks(flow)).marks == ["again"]
    await flow.writes("/start")
    await asks(flow, "2")
    await flow.writes(chat="2", payload="#cancel")
    assert (await asks(flow, "2")).marks == []


async def test_a_case_opened_again_is_a_second_contact(flow: World) -> None:
    anna = await flow.agent()
    await asks(flow)
    await flow.does(handoff.claim, anna)
    await flow.does(handoff.close, anna, Outcome.SOLVED)
    flow.clock.passes(hours=5)
    case = await asks(flow)
    assert case.marks == ["again"] and len(await flow.rows(t.cases)) == 1


async def test_back_in_the_queue_is_no_second_contact(flow: World) -> None:
    anna = await flow.agent()
    await asks(flow)
    await flow.does(handoff.claim, anna)
    await flow.does(handoff.requeue, anna, "non so")
    assert await marks(flow) == []
    case = await flow.case()
    assert case and case.counts_since == flow.clock()


async def test_a_promise_that_becomes_late_while_waiting(flow: World) -> None:
    await asks(flow, "1")
    flow.clock.passes(minutes=10)
    case = await asks(flow)
    due = flow.clock() + timedelta(minutes=5)
    await flow.db.write(
        lambda c: store.make(
            c, case.conversation_id, what="w", due=due, kind="call", made_by="bot", who="bot", now=flow.clock()
        )
    )
    await sweep(flow.way)
    assert await waiting(flow) == ["1", CHAT]
    flow.clock.passes(minutes=6)
    for _ in range(2):
        await queue.late_promises(flow.way)
    assert await waiting(flow) == [CHAT, "1"] and await marks(flow) == ["promise"]
    assert [row.why for row in await story(flow) if row.kind == "marked"] == ["promise"]
    assert "move" in [line.kind for line in await flow.rows(t.live)][-2:]


async def test_a_broken_promise_is_felt_on_every_channel_for_a_while(flow: World) -> None:
    await flow.writes("ciao")
    found = await flow.conversation()
    assert found

    def break_one(connection: Connection) -> None:
        id_ = store.make(
            connection, found.id, what="w", due=flow.clock(), kind="call", made_by="bot", who="bot", now=flow.clock()
        )
        promise = store.get(connection, id_)
        assert promise
        store.settle(connection, promise, store.BROKEN, who="time", why="nobody came", now=flow.clock())

    await flow.db.write(break_one)
    await flow.writes("ciao", "2")
    second = await flow.conversation("2")
    assert second
    await flow.db.write(
        lambda c: c.execute(
            update(t.conversations).where(t.conversations.c.id == second.id).values(customer_id=found.customer_id)
        )
    )
    assert (await asks(flow, "2")).marks == ["promise"]
    flow.clock.passes(days=31)
    assert "promise" not in (await asks(flow)).marks


async def test_the_night_s_cases_count_from_the_opening(flow: World) -> None:
    flow.clock.now = SUNDAY
    await asks(flow, "1")
    flow.clock.passes(hours=8)
    await says(flow, "2", "mia madre ha 88 anni")
    first, second = await flow.case("1"), await flow.case("2")
    assert first and second and first.counts_since - second.counts_since == timedelta(minutes=30)
    assert first.counts_since > first.waiting_since
    assert await waiting(flow) == ["2", "1"]


async def test_a_night_s_case_is_placed_anew_when_its_team_s_hours_change(flow: World, tmp_path: Path) -> None:
    flow.clock.now = SUNDAY
    case = await asks(flow)
    assert case.counts_since > case.waiting_since
    flow.way.teams_file = tmp_path / "teams.yml"
    open_on_sundays = {**CARE, "hours": {**CARE["hours"], "sunday": ["00:00-24:00"]}}
    flow.way.teams_file.write_text(yaml.safe_dump({**TEAMS, "teams": {**TEAMS["teams"], "care": open_on_sundays}}))
    await take_in(flow.way)
    found = await flow.case()
    assert found and found.counts_since == found.waiting_since == case.waiting_since


# Marks by hand.


async def test_a_person_sets_and_takes_away_a_mark(flow: World) -> None:
    anna = await flow.agent()
    await asks(flow, "1")
    flow.clock.passes(minutes=5)
    await asks(flow)
    await flow.does(queue.mark, anna, "public", on=True)
    await flow.does(queue.mark, anna, "public", on=True)
    assert await waiting(flow) == [CHAT, "1"]
    await flow.does(queue.mark, anna, "public", on=False)
    assert await waiting(flow) == ["1", CHAT]
    assert [(row.kind, row.why, row.by_name) for row in await story(flow)] == [
        ("marked", "public", "Anna K."),
        ("unmarked", "public", "Anna K."),
    ]


async def test_what_was_taken_away_is_not_found_again_in_the_same_words(flow: World) -> None:
    anna = await flow.agent()
    await says(flow, CHAT, "mio padre ha 90 anni")
    await flow.does(queue.mark, anna, "vulnerable", on=False)
    await flow.does(handoff.claim, anna)
    await flow.does(handoff.requeue, anna, "")
    assert await marks(flow) == []


async def test_marks_stay_with_the_case_and_count_when_it_waits_again(flow: World) -> None:
    anna = await flow.agent()
    await asks(flow)
    await flow.does(handoff.claim, anna)
    await flow.does(queue.mark, anna, "vulnerable", on=True)
    taken = await flow.case()
    assert taken and taken.counts_since is None and taken.marks == ["vulnerable"]
    await flow.does(transfer.to_team, anna, "technicians", "", by=anna)
    case = await flow.case()
    assert case and case.counts_since == flow.clock() - timedelta(minutes=30)


@pytest.mark.parametrize("code", ["promise", "again", "", "nonsense"])
async def test_nobody_sets_what_rows_tell_and_nothing_without_a_case(flow: World, code: str) -> None:
    anna = await flow.agent()
    await asks(flow)
    with pytest.raises(Refused):
        await flow.does(queue.mark, anna, code, on=True)
    await flow.writes("ciao", "2")
    with pytest.raises(Refused):
        await flow.does(queue.mark, anna, "public", on=True, chat="2")


# Who jumps, and why.


async def test_offers_follow_the_order_and_a_jump_is_written_down(flow: World) -> None:
    await asks(flow, "1")
    flow.clock.passes(minutes=20)
    await says(flow, "2", "mio marito è in dialisi")
    assert [row.kind for row in await story(flow, "2")] == ["marked"]
    anna = await there(flow, capacity=1)
    await assign.offers(flow.way)
    assert [await offered_to(flow, chat) for chat in ("1", "2")] == [None, anna.id]
    jumped = (await story(flow, "2"))[-1]
    first = await flow.case("1")
    assert first and (jumped.kind, jumped.why, jumped.agent_id) == ("jumped", "marks", anna.id)
    assert jumped.facts == {
        "over": 1, "oldest": first.number, "oldest_minutes": 20, "waited": 0, "marks": ["vulnerable"], "minutes": 30,
    }  # fmt: skip
    await flow.does(handoff.claim, anna, chat="2")
    assert [row.kind for row in await story(flow, "2")].count("jumped") == 1


async def test_in_order_nothing_is_written(flow: World) -> None:
    await asks(flow, "1")
    flow.clock.passes(minutes=1)
    await asks(flow, "2")
    anna = await there(flow)
    await assign.offers(flow.way)
    await flow.does(handoff.claim, anna, chat="1")
    assert "jumped" not in [row.kind for chat in ("1", "2") for row in await story(flow, chat)]


async def test_picked_from_the_middle_of_the_list_says_so(flow: World) -> None:
    anna = await flow.agent()
    for chat in "123":
        await asks(flow, chat)
        flow.clock.passes(minutes=10)
    await flow.does(handoff.claim, anna, chat="3")
    jumped = next(row for row in await story(flow, "3") if row.kind == "jumped")
    assert (jumped.why, jumped.facts["over"], jumped.facts["oldest_minutes"]) == ("chosen", 2, 30)


async def test_who_is_known_goes_first_and_it_says_so(flow: World) -> None:
    anna = await there(flow, capacity=1)
    await asks(flow, "1")
    await flow.does(handoff.claim, anna, chat="1")
    await flow.does(handoff.close, anna, Outcome.SOLVED, chat="1")
    await asks(flow, "4")
    await flow.does(handoff.claim, anna, chat="4")
    await passes(flow, anna, minutes=1)
    await asks(flow, "2")
    await passes(flow, anna, minutes=20)
    await asks(flow, "1")
    jumped = next(row for row in await story(flow, "1") if row.kind == "jumped")
    assert jumped.why == "knows"


async def test_another_team_s_queue_is_not_jumped(flow: World) -> None:
    anna = await flow.agent()
    await asks(flow, "1")
    flow.clock.passes(minutes=10)
    await asks(flow, "2", topic="report_fault")
    await flow.does(handoff.claim, anna, chat="2")
    assert "jumped" not in [row.kind for row in await story(flow, "2")]


async def test_the_two_columns_of_waiting_go_together(flow: World) -> None:
    """Without counts_since a waiting customer would be in nobody's list; with it a taken one would stay in it."""
    anna, bea = await flow.agent(), await flow.agent("Bea B.")

    async def agree() -> None:
        def read(connection: Connection) -> list[Row[Any]]:
            k = t.cases.c
            pair = select(k.counts_since, k.waiting_since, t.conversations.c.status)
            return list(connection.execute(pair.join(t.conversations, t.conversations.c.case_id == k.id)))

        for row in await flow.db.read(read):
            assert (row.counts_since is not None) == (row.waiting_since is not None) == (row.status == "waiting")

    await asks(flow)
    await agree()
    for move in (
        lambda: flow.does(handoff.claim, anna),
        lambda: flow.does(transfer.to_person, anna, bea, "", by=anna),
        lambda: flow.does(handoff.requeue, bea, ""),
        lambda: flow.writes(payload="#cancel"),
        lambda: asks(flow),
        lambda: flow.does(handoff.claim, anna),
        lambda: flow.does(transfer.to_team, anna, "technicians", "", by=anna),
        lambda: flow.does(handoff.claim, anna),
        lambda: flow.does(handoff.give_back, anna),
        lambda: asks(flow),
    ):
        await move()
        await agree()
