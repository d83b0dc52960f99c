"""Answers that are lost on the way bring a person; what is said of a person is never dropped as a stale answer."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Row

from bot.flow import handoff
from bot.flow.lost import lost_answers
from bot.flow.sweep import sweep
from bot.flow.way import Way
from bot.model.dialogue import PromiseMade
from bot.model.errors import SendError
from bot.model.states import Outcome, Status
from bot.store import cases
from bot.store.tables import cases as case_table
from bot.store.tables import promises
from tests.flow_support import World, turn

TIMEOUT = SendError("timeout", ambiguous=True)
REFUSED = SendError("bad_request", permanent=True)


async def goes_wrong(flow: World, *problems: SendError, text: str = "orari?") -> None:
    """The customer writes, and the answer meets these problems, with the sweep in between."""
    flow.engine.script = [turn("Ecco.")]
    await flow.receives(flow.raw(text=text))
    await flow.answers()
    for problem in problems:
        flow.platform.problems = [problem]
        await flow.delivers()
        flow.clock.passes(seconds=2)
        await sweep(flow.way)
    flow.platform.problems = []


@pytest.mark.parametrize("problems", [(TIMEOUT, TIMEOUT), (REFUSED,)])
async def test_an_answer_that_is_lost_brings_a_person_and_the_customer_reads_so(
    flow: World, problems: tuple[SendError, ...]
) -> None:
    await goes_wrong(flow, *problems)
    case = await flow.case()
    assert case and case.reason == "not_delivered" and await flow.status() == Status.WAITING
    await flow.delivers()
    assert case.number in flow.platform.texts()[-1]
    await asyncio.gather(lost_answers(flow.way), lost_answers(flow.way))
    assert len(await flow.rows(case_table)) == 1


async def test_somebody_who_blocked_the_bot_is_nobodys_work(flow: World) -> None:
    await goes_wrong(flow, SendError("blocked", permanent=True))
    assert await flow.case() is None


async def test_a_person_who_has_the_word_sees_it_there(flow: World) -> None:
    await flow.writes("ciao")
    flow.engine.script = [turn("Ecco.")]
    await flow.receives(flow.raw(text="orari?"))
    await flow.answers()
    flow.platform.problems = [REFUSED]
    await flow.delivers()
    flow.engine.script = [turn(handoff="asked")]
    await flow.writes("una persona")
    await flow.does(handoff.claim, await flow.agent())
    await lost_answers(flow.way)
    assert await flow.status() == Status.AGENT and len(await flow.rows(case_table)) == 1


async def test_a_hand_off_that_was_not_sent_yet_is_not_stale(flow: World) -> None:
    flow.engine.script = [turn("Mi dispiace.", handoff="complaint")]
    await flow.receives(flow.raw(text="reclamo"))
    await flow.answers()
    await flow.does(_given_up)
    flow.clock.passes(minutes=11)
    flow.engine.script = [turn("Eccomi.")]
    read = await flow.writes("ci siete?")
    case = await flow.case()
    assert case and not any("Mi dispiace." in text for text in read)
    assert any(case.number in text for text in read) and read[-1] == "Eccomi."


def _given_up(connection: Connection, way: Way, conversation: Row[Any], *, now: datetime) -> None:
    """The customer no longer needs a person."""
    assert handoff.cancel(connection, way, conversation, now=now)


async def test_a_case_that_comes_back_says_why_this_time(flow: World) -> None:
    flow.engine.script = [turn(handoff="complaint")]
    await flow.writes("reclamo")
    anna = await flow.agent()
    await flow.does(handoff.claim, anna)
    await flow.does(handoff.close, anna, Outcome.SOLVED)
    await flow.delivers()
    await flow.taps(flow.text("solved_no"))
    case = await flow.case()
    assert case and (case.reason, case.topic) == ("not_solved", "store_hours") and case.owner_id == anna.id
    packet = await flow.db.read(lambda c: cases.packet(c, case.id))
    assert packet and packet.body["reason"] == "not_solved" and packet.version == 2


async def test_a_promise_told_with_the_hand_off_belongs_to_the_case(flow: World) -> None:
    made = PromiseMade("Copia dei dati", flow.clock() + timedelta(days=30), "", "privacy")
    flow.engine.script = [turn("Entro 30 giorni.", promises=(made,), handoff="topic")]
    await flow.writes("i miei dati")
    case = await flow.case()
    assert case and [row.case_id for row in await flow.rows(promises)] == [case.id]
