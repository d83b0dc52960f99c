"""The right person, on both databases, with time moved by hand: who is offered a case, why, and what happens next."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Row

from bot.flow import assign, handoff, transfer
from bot.flow.sweep import sweep
from bot.model.dialogue import HandoffRequest
from bot.model.errors import Refused
from bot.model.states import Outcome
from bot.store import agents, decisions, presence
from bot.store import tables as t
from bot.store.database import Database
from tests.flow_support import CHAT, SUNDAY, World, turn, with_abilities, world


async def change(flow: World, person: Row[Any], **more: Any) -> None:
    await flow.db.write(lambda c: agents.change(c, person.id, **more))


async def is_there(flow: World, *people: Row[Any]) -> None:
    """These have their desks open, and move."""

    def work(connection: Connection) -> None:
        for one in people:
            presence.here(connection, one.id, used_at=flow.clock(), now=flow.clock())

    await flow.db.write(work)


async def there(flow: World, name: str = "Anna K.", **more: Any) -> Row[Any]:
    """Someone at an open desk."""
    person = await flow.agent(name)
    if more:
        await change(flow, person, **more)
    await is_there(flow, person)
    return person


async def asks(flow: World, chat: str = CHAT, topic: str = "store_hours", **payload: Any) -> Row[Any]:
    """A customer is handed over; the case."""
    flow.engine.script.append(replace(turn("Va bene."), handoff=HandoffRequest("asked", topic)))
    await flow.writes("vorrei parlare con una persona", chat, **payload)
    case = await flow.case(chat)
    assert case
    return case


async def passes(flow: World, *still_there: Row[Any], **amount: float) -> None:
    """Time goes by, these people stay, the sweep looks."""
    flow.clock.passes(**amount)
    await is_there(flow, *still_there)
    await assign.offers(flow.way)


async def offered_to(flow: World, chat: str = CHAT) -> int | None:
    case = await flow.case(chat)
    assert case
    return case.offered_to if case.offered_to is None else int(case.offered_to)


async def story(flow: World, chat: str = CHAT) -> list[tuple[str, str | None, str]]:
    """The decisions: kind, whom it is about, why."""
    case = await flow.case(chat)
    assert case
    rows = await flow.db.read(lambda c: decisions.of_case(c, case.id))
    return [(row.kind, row.agent_name, row.why) for row in rows]


# Whom it is offered to.


async def test_it_is_offered_in_the_hand_off_itself(flow: World) -> None:
    anna = await there(flow)
    case = await asks(flow)
    assert case.offered_to == anna.id and case.offer_until == flow.clock() + timedelta(minutes=5)
    assert await story(flow) == [("offered", "Anna K.", "free")]
    assert f"offer:{anna.id}" in [line.kind for line in await flow.rows(t.live)]


async def test_with_nobody_there_it_waits_in_the_queue(flow: World) -> None:
    await flow.agent("Away A.")
    case = await asks(flow)
    assert case.offered_to is None and await flow.status() == "waiting"
    await passes(flow, hours=3)
    assert await story(flow) == []


@pytest.mark.parametrize("how", ["never came", "closed the desk", "empty chair", "paused", "deactivated", "editor"])
async def test_never_someone_who_is_away(flow: World, how: str) -> None:
    one, now = await flow.agent(), flow.clock()
    seen = now - timedelta(minutes=2) if how == "closed the desk" else now
    used = now - timedelta(minutes=11) if how == "empty chair" else now
    if how != "never came":
        await flow.db.write(lambda c: presence.here(c, one.id, used_at=used, now=seen))
    changes: dict[str, Any] = {"paused": {"paused_at": now}, "deactivated": {"active": False}}
    await change(flow, one, **changes.get(how, {"role": "editor"} if how == "editor" else {"capacity": 6}))
    assert (await asks(flow)).offered_to is None


async def test_team_language_topic_and_load_decide(flow: World) -> None:
    care = await there(flow, "Care C.", teams=["care"])
    tech = await there(flow, "Tech T.", teams=["technicians"], languages=["it"])
    english = await there(flow, "English E.", teams=["technicians"], languages=["en"])
    assert (await asks(flow, "1")).offered_to == care.id
    fault = await asks(flow, "2", "report_fault")
    assert fault.team == "technicians" and fault.offered_to == tech.id
    assert fault.offer_until == flow.clock() + timedelta(minutes=10)  # the team's own
    assert (await asks(flow, "3", "report_fault", sender={"language": "en"})).offered_to in (tech.id, english.id)
    best = await there(flow, "Best B.", teams=["technicians"], topics=["report_fault"])
    assert (await asks(flow, "4", "report_fault")).offered_to == best.id
    assert (await story(flow, "4"))[0][2] == "topic"


async def test_the_least_busy_and_never_more_than_the_hands_hold(flow: World) -> None:
    anna, bea = await there(flow, capacity=2), await there(flow, "Bea B.", capacity=1)
    got = [(await asks(flow, str(n))).offered_to for n in range(4)]
    assert sorted(filter(None, got)) == sorted([anna.id, anna.id, bea.id]) and got[3] is None
    await flow.does(handoff.claim, bea, chat=str(got.index(bea.id)))
    await flow.does(handoff.give_back, bea, chat=str(got.index(bea.id)))
    await passes(flow, anna, bea, seconds=2)  # a hand is free again
    assert await offered_to(flow, "3") == bea.id


async def test_who_knows_the_customer_comes_first(flow: World) -> None:
    anna = await there(flow)
    await asks(flow)
    await flow.does(handoff.claim, anna)
    await flow.does(handoff.give_back, anna)
    for n in range(3):
        await asks(flow, f"other {n}")
    bea = await there(flow, "Bea B.")
    flow.clock.passes(days=7)
    await is_there(flow, anna, bea)
    case = await asks(flow)
    assert case.offered_to == anna.id and (await story(flow))[0] == ("offered", "Anna K.", "knows")


async def test_a_fresh_case_goes_back_to_its_person_or_if_away_to_another(flow: World) -> None:
    anna = await there(flow)
    first = await asks(flow)
    await flow.does(handoff.claim, anna)
    await flow.does(handoff.give_back, anna)
    bea = await there(flow, "Bea B.")
    again = await asks(flow)
    assert again.id == first.id and again.offered_to == anna.id
    assert any(anna.name in text for text in flow.platform.texts()[-1:])
    await flow.writes("Non serve più")
    flow.clock.passes(minutes=20)
    await is_there(flow, bea)
    assert (await asks(flow)).offered_to == bea.id
    assert anna.name not in flow.platform.texts()[-1]  # not promised: she is not there


# What becomes of an offer.


async def test_not_taken_it_goes_on_then_to_the_lead_and_never_twice_to_one(flow: World) -> None:
    people = [await there(flow, name) for name in ("Anna K.", "Bea B.", "Cleo C.")]
    await asks(flow)
    seen = [await offered_to(flow)]
    await passes(flow, *people, minutes=4, seconds=59)
    assert await offered_to(flow) == seen[0]
    await passes(flow, *people, seconds=1)
    seen.append(await offered_to(flow))
    await passes(flow, *people, minutes=5)
    case = await flow.case()
    assert case and case.offered_to is None and case.lead_since == flow.clock()
    assert len(set(seen)) == 2 and [kind for kind, *_ in await story(flow)] == [
        "offered", "lapsed", "offered", "lapsed", "lead",
    ]  # fmt: skip
    await passes(flow, *people, hours=1)
    assert len(await story(flow)) == 5  # the lead's, and no more noise
    await flow.does(handoff.claim, people[0])  # anyone still may
    case = await flow.case()
    assert case and case.lead_since is None and (await story(flow))[-1] == ("taken", people[0].name, "chosen")


async def test_with_nobody_else_there_the_lead_is_next(flow: World) -> None:
    anna = await there(flow)
    await asks(flow)
    await passes(flow, anna, minutes=5)
    assert [kind for kind, *_ in await story(flow)] == ["offered", "lapsed", "lead"]


async def test_an_offer_to_someone_who_leaves_goes_on_at_once(flow: World) -> None:
    anna = await there(flow)
    await asks(flow)
    bea = await there(flow, "Bea B.")
    await change(flow, anna, paused_at=flow.clock())
    await passes(flow, anna, bea, seconds=2)
    assert await offered_to(flow) == bea.id
    assert [kind for kind, *_ in await story(flow)] == ["offered", "gone", "offered"]


async def test_who_comes_gets_what_waits_the_longest_waiting_first(flow: World) -> None:
    await asks(flow, "1")
    flow.clock.passes(minutes=1)
    await asks(flow, "2")
    anna = await there(flow, capacity=1)
    await assign.offers(flow.way)
    assert [await offered_to(flow, chat) for chat in ("1", "2")] == [anna.id, None]


async def test_put_back_it_goes_to_somebody_else(flow: World) -> None:
    anna = await there(flow)
    await asks(flow)
    await flow.does(handoff.claim, anna)
    await flow.does(handoff.requeue, anna, "non so")
    await passes(flow, anna, seconds=2)
    assert await offered_to(flow) is None
    bea = await there(flow, "Bea B.")
    await passes(flow, anna, bea, seconds=2)
    assert await offered_to(flow) == bea.id


async def test_an_offer_taken_ends_and_one_withdrawn_too(flow: World) -> None:
    anna = await there(flow)
    for chat in ("1", "2"):
        await asks(flow, chat)
    await flow.does(handoff.claim, anna, chat="1")
    await flow.writes("Non serve più", "2")
    for chat in ("1", "2"):
        assert await offered_to(flow, chat) is None
    assert await story(flow, "1") == [("offered", "Anna K.", "free"), ("taken", "Anna K.", "offered")]


async def test_it_survives_a_restart(flow: World, tmp_path: Path) -> None:
    anna, bea = await there(flow), await there(flow, "Bea B.")
    await asks(flow)
    first = await offered_to(flow)
    after = world(flow.db, tmp_path / "people", platforms=[flow.platform], now=flow.clock() + timedelta(minutes=6))
    await is_there(after, anna, bea)
    await sweep(after.way, everything=True)
    assert {first, await offered_to(after)} == {anna.id, bea.id}


async def test_two_processes_never_offer_one_case_twice_nor_one_hand_twice(flow: World) -> None:
    for n in range(8):
        await asks(flow, str(n))
    people = [await there(flow, f"Person {n}", capacity=1) for n in range(4)]
    url = flow.db.engine.url.render_as_string(hide_password=False)
    other = Database(url)
    try:
        way = replace(flow.way, db=other)
        await asyncio.gather(*(assign.offers(one) for one in (flow.way, way, flow.way, way)))
    finally:
        other.close()
    got = [await offered_to(flow, str(n)) for n in range(8)]
    assert sorted(filter(None, got)) == [one.id for one in people]
    assert len([row for row in await flow.rows(t.decisions) if row.kind == "offered"]) == 4


async def test_of_twenty_takers_one_gets_the_offered_case(flow: World) -> None:
    people = [await there(flow, f"Person {n}") for n in range(20)]
    await asks(flow)
    takes = [flow.does(handoff.claim, one) for one in people]
    results = await asyncio.gather(*takes, return_exceptions=True)
    lost = [each for each in results if isinstance(each, Refused)]
    winner = next(one for one, each in zip(people, results, strict=True) if not isinstance(each, Exception))
    assert len(lost) == 19 and {each.who for each in lost} == {winner.name}
    case = await flow.case()
    assert case and case.owner_id == winner.id and [kind for kind, *_ in await story(flow)] == ["offered", "taken"]


# Outside the team's hours.


async def test_outside_the_hours_the_customer_chooses_and_nobody_is_asked(flow: World) -> None:
    flow.clock.now = SUNDAY
    await there(flow)
    assert (await asks(flow)).offered_to is None
    assert flow.buttons() == ["Aspetto qui", "Scrivetemi voi", "Non serve più"]
    assert "domani alle 8:30" in flow.platform.texts()[-1]
    said = await flow.taps("Scrivetemi voi")
    case = await flow.case()
    assert case and case.wish == "write" and "domani alle 8:30" in said[0] and case.number in said[0]
    anna = await there(flow, "Bea B.")
    await passes(flow, anna, hours=23)  # Monday, 11:00 in Rome
    assert await offered_to(flow) == anna.id
    await sweep(flow.way)
    await flow.delivers()
    assert flow.platform.texts()[-1] == said[0]  # who asked to be written to is not told how long it takes


async def test_an_old_choice_is_no_choice(flow: World) -> None:
    flow.clock.now = SUNDAY
    await asks(flow)
    case = await flow.case()
    assert case
    anna = await there(flow)
    await flow.does(handoff.claim, anna)
    await flow.writes(payload=f"#wish:{case.id}:wait")
    case = await flow.case()
    assert case and case.wish is None


# To somebody else.


@pytest.mark.parametrize("face", [True, False])
async def test_passed_on_the_customer_meets_the_new_person(db: Database, tmp_path: Path, face: bool) -> None:
    flow = world(db, tmp_path / "people", platforms=[with_abilities(personas=face)])
    (tmp_path / "people").mkdir()
    anna, bea = await there(flow), await there(flow, "Bea B.")
    await asks(flow)
    await flow.does(handoff.claim, anna)
    await flow.delivers()
    await flow.does(transfer.to_person, anna, bea, "sa tutto lei", by=anna)
    await flow.delivers()
    found, last = await flow.conversation(), flow.platform.sent[-1]
    assert found and (found.status, found.agent_id) == ("agent", bea.id)
    assert last.part.text == flow.text("taken_over", name="Bea B.", before="Anna K.")
    assert last.speaker and last.speaker.name == "Bea B." and bool(last.part.image) is not face
    assert await flow.said("note") == ["sa tutto lei"]
    assert (await story(flow))[-1] == ("passed", "Bea B.", "sa tutto lei")
    packets = await flow.rows(t.packets)
    assert packets[-1].version == 2 and packets[-1].body["note"] == "sa tutto lei"
    with pytest.raises(Refused):
        await flow.does(handoff.give_back, anna)


async def test_passed_to_someone_away_the_customer_is_told_so(flow: World) -> None:
    anna, shop = await there(flow), await flow.agent("Shop S.")
    await asks(flow)
    await flow.does(handoff.claim, anna)
    await flow.does(transfer.to_person, anna, shop, "", by=anna)
    await flow.delivers()
    assert flow.text("taken_over_later", name="Shop S.", before="Anna K.") in flow.platform.texts()[-1]


async def test_passed_to_a_team_its_right_person_is_asked_at_once(flow: World) -> None:
    anna, tech = await there(flow, teams=["care"]), await there(flow, "Tech T.", teams=["technicians"])
    await asks(flow)
    await flow.does(handoff.claim, anna)
    await flow.does(transfer.to_team, anna, "technicians", "guasto", by=anna)
    await flow.delivers()
    case = await flow.case()
    assert case and (case.team, case.offered_to, case.owner_id) == ("technicians", tech.id, None)
    assert await flow.status() == "waiting" and "Il team tecnico" in flow.platform.texts()[-1]
    await flow.does(handoff.claim, tech)
    await flow.delivers()
    assert "Tech T." in flow.platform.texts()[-1]


async def test_who_may_not_pass_on_and_to_whom_one_may_not(flow: World) -> None:
    anna, bea, left = await there(flow), await there(flow, "Bea B."), await flow.agent("Left L.", active=False)
    await asks(flow)
    await flow.does(handoff.claim, anna)
    for holder, to in ((bea, anna), (anna, left), (anna, anna)):
        with pytest.raises(Refused):
            await flow.does(transfer.to_person, holder, to, "", by=holder)
    with pytest.raises(Refused):
        await flow.does(transfer.to_team, anna, "nobody", "", by=anna)
    assert len(await flow.rows(t.moves)) == 2 and await flow.said("note") == []


async def test_a_colleague_is_asked_in_and_done(flow: World) -> None:
    anna, shop = await there(flow), await flow.agent("Shop S.")
    await asks(flow)
    await flow.does(handoff.claim, anna)
    found = await flow.conversation()
    assert found
    now = flow.clock()
    await flow.db.write(lambda c: transfer.pull_in(c, found, anna, shop, "c'è il modem?", now=now))
    case = await flow.case()
    assert case and (case.owner_id, case.helper_id) == (anna.id, shop.id) and await flow.status() == "agent"
    stranger = await flow.agent("Other O.")
    with pytest.raises(Refused):
        await flow.db.write(lambda c: transfer.helped(c, found, stranger, now=now))
    await flow.db.write(lambda c: transfer.helped(c, found, shop, now=now))
    assert [kind for kind, *_ in await story(flow)] == ["offered", "taken", "asked", "helped"]


async def test_who_was_asked_first_is_told_when_another_is_asked(flow: World) -> None:
    anna, shop, depot = await there(flow), await flow.agent("Shop S."), await flow.agent("Depot D.")
    await asks(flow)
    await flow.does(handoff.claim, anna)
    found = await flow.conversation()
    assert found
    for one in (shop, shop, depot):
        ask = partial(transfer.pull_in, conversation=found, holder=anna, colleague=one, note="", now=flow.clock())
        await flow.db.write(ask)
    case = await flow.case()
    assert case and case.helper_id == depot.id
    kinds = [(kind, name) for kind, name, *_ in await story(flow)]
    assert kinds[2:] == [("asked", "Shop S."), ("asked", "Shop S."), ("spared", "Shop S."), ("asked", "Depot D.")]
    assert f"offer:{shop.id}" in [line.kind for line in await flow.rows(t.live)][-2:]


async def test_who_comes_back_hears_of_their_person_only_when_that_one_is_there(flow: World) -> None:
    anna = await there(flow)
    case = await asks(flow)
    words = {
        True: flow.text("handed_over_again", number=case.number, name=anna.name),
        False: flow.text("handed_over_reopened", number=case.number, team="Il team assistenza"),
    }
    for is_here in (True, False):
        await flow.does(handoff.claim, anna)
        await flow.does(handoff.close, anna, Outcome.SOLVED)
        if not is_here:
            await flow.db.write(lambda c: presence.gone(c, anna.id))
        again = await asks(flow)
        assert (again.id, again.offered_to) == (case.id, anna.id if is_here else None)
        assert any(text.startswith(words[is_here]) for text in await flow.said("bot"))


async def test_at_the_end_of_a_shift_someone_is_suggested(flow: World) -> None:
    anna = await there(flow)
    await asks(flow)
    await flow.does(handoff.claim, anna)
    found = await flow.conversation()
    assert found

    def suggested(connection: Connection) -> Any:
        return transfer.suggested(connection, flow.way, found, anna.id, flow.clock())

    assert await flow.db.read(suggested) is None
    bea = await there(flow, "Bea B.")
    choice = await flow.db.read(suggested)
    assert choice and (choice.agent_id, choice.why) == (bea.id, "free")
