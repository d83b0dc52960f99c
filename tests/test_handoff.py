"""From the bot to a named person and back, with everything in hand, and never two who speak at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.flow import handoff
from bot.flow.scene import take
from bot.model.dialogue import Ask, PromiseMade, Turn
from bot.model.errors import Refused
from bot.model.replies import QuickReply, Reply
from bot.model.states import Outcome, Status
from bot.store import cases as stored
from bot.store.tables import moves, packets
from tests.flow_support import CARE, CHAT, TUESDAY, World, turn

NO_NEED, SOLVED, NOT_YET, TALK = "Non serve più", "Sì, risolto", "No, non ancora", "Parla con noi"
REASONS = ["asked", "not_understood", "complaint", "topic", "backend_down", "identity_failed"]


async def waiting(flow: World, chat: str = CHAT, reason: str = "asked") -> Any:
    """A customer who waits for a person; the case."""
    flow.engine.script = [turn("Mi dispiace.", handoff=reason)]
    await flow.writes("vorrei una persona", chat)
    return await flow.case(chat)


async def taken(flow: World, chat: str = CHAT) -> Any:
    """A customer whom a person has; the person."""
    await waiting(flow, chat)
    agent = await flow.agent(f"Anna {chat}")
    await flow.does(handoff.claim, agent, chat=chat)
    await flow.delivers()
    return agent


async def newest_packet(flow: World) -> dict[str, Any]:
    found: dict[str, Any] = (await flow.rows(packets))[-1].body
    return found


@pytest.mark.parametrize("reason", REASONS)
async def test_every_reason_opens_a_case_and_says_what_happens_next(flow: World, reason: str) -> None:
    case = await waiting(flow, reason=reason)
    assert (case.reason, case.topic, case.note, case.waiting_since) == (reason, "store_hours", "una nota", TUESDAY)
    assert await flow.status() == Status.WAITING
    assert "Mi dispiace." in flow.platform.texts()[0]
    last = flow.platform.texts()[-1]
    assert case.number in last and flow.way.team.name["it"] in last and flow.text("wait_unknown") in last
    assert flow.buttons() == [NO_NEED]
    body = await newest_packet(flow)
    assert (body["reason"], body["first_words"]) == (reason, "vorrei una persona")


# Waiting.


async def test_put_back_or_open_again_a_case_is_said_to_wait(flow: World) -> None:
    """A person had it once: that must not make the bot say that somebody has it now."""
    agent = await taken(flow)
    told = [await status_told(flow)]
    await flow.does(handoff.requeue, agent, "")
    told.append(await status_told(flow))
    await flow.does(handoff.claim, agent)
    await flow.does(handoff.close, agent, Outcome.SOLVED)
    await flow.delivers()
    told.append(await status_told(flow))
    await flow.writes(NOT_YET)
    told.append(await status_told(flow))
    assert told == ["taken", "waiting", "closed", "waiting"]


async def status_told(flow: World) -> str:
    """What the engine would be told of the newest case."""
    await flow.receives(flow.raw(text="Orari", payload="/store_hours"))
    scene = await flow.db.write(lambda connection: take(connection, flow.way, flow.key()))
    assert scene
    await flow.answers()
    await flow.delivers()
    status: str = scene.cases[0]["status"]
    return status


async def test_who_no_longer_needs_a_person_goes_back_to_the_bot(flow: World) -> None:
    case = await waiting(flow)
    assert await flow.taps(NO_NEED) == [flow.text("cancelled", number=case.number)]
    assert flow.buttons() == [TALK]
    closed = await flow.case()
    assert closed and (closed.outcome, closed.waiting_since, await flow.status()) == ("withdrawn", None, "bot")
    assert await flow.writes(NO_NEED) == [flow.text("status_none")]
    again = await waiting(flow)
    assert again.number != case.number


# A person has the word.


async def test_a_person_introduces_themself_and_the_bot_is_silent(flow: World) -> None:
    agent = await taken(flow)
    introduction = flow.platform.sent[-1]
    assert introduction.human and introduction.speaker and introduction.speaker.name == agent.name
    assert introduction.part.text == flow.text("taken", name=agent.name)
    assert introduction.part.image and introduction.part.image.endswith(f"{agent.id}-1.jpg")
    assert Path(introduction.part.image).read_bytes() == b"jpeg"
    await flow.does(handoff.reply, agent, Reply("Buongiorno, controllo subito."))
    assert await flow.writes("grazie") == ["Anna 17: Buongiorno, controllo subito."]
    assert await flow.writes("Orari", payload="/store_hours") == []
    assert await flow.writes(attachments=[{"kind": "photo", "ref": "r"}]) == []
    assert len(flow.engine.asked) == 1
    assert (await flow.said("customer"))[1:] == ["grazie", "Orari", ""]


async def test_of_two_who_take_at_once_one_is_told_who_has_it(flow: World) -> None:
    await waiting(flow)
    people = [await flow.agent(name) for name in ("Anna", "Bruno", "Carla")]
    results = await asyncio.gather(*(flow.does(handoff.claim, a) for a in people), return_exceptions=True)
    lost = [result for result in results if isinstance(result, Refused)]
    assert len(lost) == 2
    case = await flow.case()
    winner = next(a.name for a, result in zip(people, results, strict=True) if not isinstance(result, Refused))
    assert case and {refused.who for refused in lost} == {winner}
    assert [m.to_status for m in await flow.rows(moves)] == ["waiting", "agent"]
    await flow.delivers()
    assert sum(flow.text("taken", name=winner) == text for text in flow.platform.texts()) == 1


async def test_only_who_has_the_customer_may_speak_or_decide(flow: World) -> None:
    agent, other = await taken(flow), await flow.agent("Bruno")
    conversation = await flow.conversation()
    assert conversation
    for move, arguments in [
        (handoff.reply, (Reply("io!"),)),
        (handoff.give_back, ()),
        (handoff.requeue, ("perché",)),
        (handoff.close, (Outcome.SOLVED,)),
        (handoff.claim, ()),
    ]:
        with pytest.raises(Refused) as refused:
            await flow.does(move, other, *arguments)
        assert refused.value.who == agent.name
    now = flow.clock()
    await flow.db.write(lambda c: handoff.note(c, conversation, other, "lo conosco", now=now))
    assert await flow.said("note") == ["lo conosco"]
    assert await flow.status() == Status.AGENT


async def test_a_turn_computed_before_the_take_is_dropped(flow: World) -> None:
    """The agent takes between the engine's answer and its commit."""
    await flow.writes("ciao")
    await waiting(flow)
    agent = await flow.agent()

    async def taken_meanwhile(_: Ask) -> Turn:
        await flow.does(handoff.claim, agent)
        return turn("troppo tardi", handoff="complaint")

    flow.engine.script = [taken_meanwhile]
    read = await flow.writes("Orari", payload="/store_hours")
    assert read == [flow.text("taken", name=agent.name)]
    assert (await flow.said("customer"))[-1] == "Orari"
    assert "troppo tardi" not in " ".join(await flow.said("bot"))
    assert len(await flow.rows(packets)) == 1


async def test_an_answer_not_yet_sent_at_the_take_is_suppressed(flow: World) -> None:
    """The agent takes between the commit of a turn and its sending."""
    flow.engine.script = [turn("uno", handoff="asked")]
    await flow.receives(flow.raw(text="una persona"))
    await flow.answers()
    agent = await flow.agent()
    await flow.does(handoff.claim, agent)
    await flow.delivers()
    assert flow.platform.texts() == [flow.text("taken", name=agent.name)]
    assert await flow.states() == ["suppressed", "suppressed", "sent"]


async def test_given_back_the_bot_says_who_speaks_now(flow: World) -> None:
    agent = await taken(flow)
    await flow.does(handoff.give_back, agent)
    await flow.delivers()
    assert flow.platform.texts()[-1] == flow.text("given_back", name=agent.name)
    assert flow.buttons() == [TALK]
    assert (await flow.writes("gli orari?"))[0] == "echo gli orari?"
    case = await flow.case()
    assert case and case.outcome == "given_back"


async def test_requeued_it_waits_again_with_a_new_packet(flow: World) -> None:
    agent = await taken(flow)
    await flow.writes("il modem è un Zyxel")
    flow.clock.passes(minutes=5)
    await flow.does(handoff.requeue, agent, "serve un tecnico")
    case = await flow.case()
    assert case and (await flow.status(), case.waiting_since) == (Status.WAITING, flow.clock())
    versions = await flow.rows(packets)
    assert [p.version for p in versions] == [1, 2]
    assert versions[1].body["note"] == "serve un tecnico"
    assert versions[0].body != versions[1].body
    other = await flow.agent("Bruno")
    await flow.does(handoff.claim, other)
    case = await flow.case()
    assert case and (case.owner_id, case.waiting_since) == (other.id, None)


# The end.


async def test_closed_the_customer_is_asked_and_no_brings_the_same_person_back(flow: World) -> None:
    agent = await taken(flow)
    await flow.does(handoff.close, agent, Outcome.SOLVED)
    await flow.delivers()
    case = await flow.case()
    assert case and case.outcome == "solved" and await flow.status() == Status.CLOSED
    assert flow.platform.texts()[-1] == flow.text("solved_question", name=agent.name, number=case.number)
    assert flow.buttons() == [SOLVED, NOT_YET]
    (answer,) = await flow.taps(NOT_YET)
    assert flow.text("handed_over_reopened", number=case.number, team=CARE["name"]["it"]) in answer  # she is away
    again = await flow.case()
    assert again and (again.id, again.owner_id, again.closed_at) == (case.id, agent.id, None)
    assert again.solved is False and await flow.status() == Status.WAITING
    assert (await newest_packet(flow))["reason"] == "not_solved"


async def test_yes_is_thanked(flow: World) -> None:
    agent = await taken(flow)
    await flow.does(handoff.close, agent, Outcome.SOLVED)
    await flow.delivers()
    assert await flow.taps(SOLVED) == [flow.text("solved_thanks")]
    assert flow.buttons() == [TALK]
    case = await flow.case()
    assert case and case.solved is True and await flow.status() == Status.BOT
    assert (await flow.writes(NOT_YET))[0].startswith(
        flow.text("handed_over_reopened", number=case.number, team=CARE["name"]["it"])
    )
    again = await flow.case()
    assert again and again.solved is False


async def test_buttons_of_an_old_case_do_nothing(flow: World) -> None:
    agent = await taken(flow)
    await flow.does(handoff.close, agent, Outcome.SOLVED)
    await flow.delivers()
    await flow.taps(NOT_YET)
    await flow.does(handoff.claim, agent)
    await flow.delivers()
    assert await flow.writes(SOLVED) == []  # typed, or tapped on an old keyboard: it is for the person
    assert await flow.status() == Status.AGENT
    await flow.does(handoff.give_back, agent)
    flow.clock.passes(days=4)
    second = await waiting(flow)
    assert await flow.writes(SOLVED) == [flow.text("added", number=second.number)]
    assert await flow.status() == Status.WAITING


async def test_who_writes_on_after_the_end_has_the_bot_again(flow: World) -> None:
    agent = await taken(flow)
    await flow.does(handoff.close, agent, Outcome.INFORMED)
    assert (await flow.writes("altra domanda"))[-1] == "echo altra domanda"
    assert await flow.status() == Status.BOT


async def test_a_fresh_case_goes_back_to_its_person_an_old_one_does_not(flow: World) -> None:
    agent = await taken(flow)
    await flow.does(handoff.close, agent, Outcome.SOLVED)
    first = await flow.case()
    flow.clock.passes(hours=71)
    again = await waiting(flow)
    assert first and (again.id, again.owner_id) == (first.id, agent.id)
    await flow.does(handoff.claim, agent)
    await flow.does(handoff.close, agent, Outcome.SOLVED)
    flow.clock.passes(hours=73)
    assert (await waiting(flow)).id != first.id


async def test_a_case_does_not_go_back_to_who_left(flow: World) -> None:
    """It would be promised to a person who never comes."""
    agent = await taken(flow)
    await flow.does(handoff.close, agent, Outcome.SOLVED)
    await flow.db.write(lambda c: handoff.agents.change(c, agent.id, active=False))
    again = await waiting(flow)
    assert again.owner_id is None
    assert agent.name not in flow.platform.texts()[-1]


# What is handed over.


async def test_the_packet_holds_all_that_was_said_and_learned(flow: World) -> None:
    due = TUESDAY + timedelta(days=2)
    slots = {"town": "Pisa", "requested_slot": "cap", "_ticket": "x", "language": "it", "gone": None}
    flow.engine.script = [
        turn("I negozi di Pisa.", slots=slots, promises=(PromiseMade("PIN per posta", due, "PIN-1"),)),
        turn("Non ho capito.", intent="nlu_fallback", ranking=(("nlu_fallback", 0.5), ("bill_question", 0.3))),
        turn("Mi dispiace.", handoff="not_understood", intent="nlu_fallback", confidence=0.4,
             ranking=(("nlu_fallback", 0.4), ("bill_question", 0.3), ("greet", 0.2), ("deny", 0.1), ("bye", 0.0))),
    ]
    await flow.writes("orari a Pisa")
    await flow.writes("la cosa del coso")
    await flow.writes(attachments=[{"kind": "photo", "ref": "secret", "name": "a.jpg"}])
    await flow.writes("il coso, dai")
    body = await newest_packet(flow)
    ids = [row.id for row in await flow.history() if row.author == "customer"]
    assert body["first_words"] == "orari a Pisa"
    assert body["collected"] == [{"name": "town", "value": "Pisa", "message_id": ids[0]}]
    assert body["do_not_ask"] == ["town"]
    first, second, photo, *_ = body["attempts"]
    assert (first["asked"], first["reaction"]) == ("orari a Pisa", "la cosa del coso")
    assert first["answers"][0].endswith("I negozi di Pisa.")
    assert (second["answers"], second["intent"]) == (["Non ho capito."], "nlu_fallback")
    assert photo["reaction"] == "il coso, dai"
    assert body["runner_up"] == [["bill_question", 0.3], ["greet", 0.2], ["deny", 0.1]]
    assert body["score"] == 0.4
    assert body["attachments"] == [{"message_id": ids[2], "kind": "photo", "name": "a.jpg", "index": 0}]
    assert body["promises"] == [
        {"what": "PIN per posta", "due_at": due.isoformat(), "reference": "PIN-1", "message_id": ids[0]}
    ]
    assert (body["language"], body["window_until"], body["other_cases"]) == ("it", None, [])


async def test_a_promise_that_is_overdue_is_still_handed_over(flow: World) -> None:
    from bot.flow.sweep import promises_due

    made = PromiseMade("tecnico", TUESDAY + timedelta(hours=1), "T-1")
    flow.engine.script = [turn("Viene oggi.", promises=(made,))]
    await flow.writes("il tecnico?")
    flow.clock.passes(hours=2)
    await promises_due(flow.way)
    await waiting(flow)
    assert [p["reference"] for p in (await newest_packet(flow))["promises"]] == ["T-1"]


async def test_a_packet_never_changes_and_begins_after_the_last_long_silence(flow: World) -> None:
    flow.engine.script = [turn("vecchio", slots={"town": "Roma"})]
    await flow.writes("una storia vecchia")
    flow.clock.passes(days=3)
    await waiting(flow)
    body = await newest_packet(flow)
    assert body["first_words"] == "vorrei una persona"
    assert body["collected"] == []
    await flow.writes("aggiungo una cosa")
    assert await newest_packet(flow) == body


async def test_the_packet_knows_earlier_cases(flow: World) -> None:
    agent = await taken(flow)
    await flow.does(handoff.close, agent, Outcome.SOLVED)
    first = await flow.case()
    flow.clock.passes(days=5)
    await waiting(flow)
    (other,) = (await newest_packet(flow))["other_cases"]
    assert first and (other["number"], other["owner"], other["outcome"], other["open"]) == (
        first.number,
        agent.name,
        "solved",
        False,
    )
    assert flow.engine.asked[-1].metadata["cases"] == [
        {"number": first.number, "status": "closed", "topic": first.topic, "opened_at": first.opened_at.isoformat()}
    ]


async def test_the_window_of_the_platform_is_handed_over(flow: World) -> None:
    from dataclasses import replace

    flow.platform.abilities = replace(flow.platform.abilities, reply_window=timedelta(hours=24))
    await waiting(flow)
    assert (await newest_packet(flow))["window_until"] == (TUESDAY + timedelta(hours=24)).isoformat()


async def test_moves_can_be_read_as_a_story(flow: World) -> None:
    agent = await taken(flow)
    await flow.does(handoff.close, agent, Outcome.SOLVED)
    await flow.delivers()
    await flow.taps(NOT_YET)
    conversation = await flow.conversation()
    assert conversation
    story = await flow.db.read(lambda c: stored.moves_of(c, conversation.id))
    for before, after in zip(story, story[1:], strict=False):
        assert before.to_status == after.from_status
    assert conversation.version == len(story)
    assert [(m.to_status, m.who, m.agent_name) for m in story[:3]] == [
        ("waiting", "customer", None),
        ("agent", "agent", agent.name),
        ("closed", "agent", agent.name),
    ]


async def test_wherever_the_bot_has_the_last_word_there_is_a_way_to_a_person(flow: World) -> None:
    flow.engine.script = [turn(replies=(Reply("?", (QuickReply("Parla con noi", "/ask_human"),)),))]
    await flow.writes("uno")
    assert flow.buttons() == [TALK]  # not twice
    flow.engine.script = [turn("due")]
    await flow.writes("due")
    assert flow.buttons() == [TALK]
    case = await waiting(flow)
    await flow.taps(NO_NEED)
    assert case and flow.buttons() == [TALK]
