"""At the desk: a case's three clocks, what its team aims at, and what the customer was told."""

from __future__ import annotations

from bot.flow import handoff
from bot.flow.clocks import targets_due
from bot.model.replies import Reply
from bot.model.team import FIRST, RESOLUTION
from bot.model.teams import teams_of
from bot.store import agents
from tests.desk_support import DeskWorld
from tests.flow_support import CARE, TEAMS
from tests.test_waits import TWENTY, was

ITALIAN = {"Accept-Language": "it"}


async def test_a_case_shows_its_clocks_its_targets_and_what_was_said(desk: DeskWorld) -> None:
    flow = desk.flow
    flow.way.teams = teams_of({**TEAMS, "teams": {"care": {**CARE, "targets": {FIRST: "10 min", RESOLUTION: "2 h"}}}})
    await was(flow, TWENTY)
    anna = await desk.agent()
    conversation = await desk.asks()
    flow.clock.passes(minutes=7)
    page = (await anna.opens(f"/desk/c/{conversation}", **ITALIAN)).text
    clocks = page.partition('id="clocks"')[2].partition("</section>")[0]
    assert "Persona" in clocks and ">7 min</time>" in clocks and "Chiusura" in clocks
    assert "entro oggi, 11:10" in clocks and "risposta entro oggi, 11:20" in clocks
    flow.clock.passes(minutes=4)
    await targets_due(flow.way)
    page = (await anna.opens(f"/desk/c/{conversation}", **ITALIAN)).text
    assert "doveva essere entro oggi, 11:10" in page
    assert "La prima risposta è in ritardo" in page  # in the conversation, with its time
    found = await flow.db.read(lambda c: agents.by_login(c, "anna"))
    me = await flow.db.read(lambda c: agents.get(c, found.id if found else 0))
    await flow.does(handoff.claim, me)
    await flow.does(handoff.reply, me, Reply("Eccomi."))
    page = (await anna.opens(f"/desk/c/{conversation}", **ITALIAN)).text
    clocks = page.partition('id="clocks"')[2].partition("</section>")[0]
    assert "Prima risposta: in ritardo sull" in clocks and "è stato così" in clocks
