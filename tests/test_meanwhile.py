"""What a customer writes while they wait: kept for the person; told where they stand; answered by the bot beside."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.desk.cards import read_card
from bot.dialogue import Dialogue, EngineDown
from bot.flow import handoff
from bot.flow.meanwhile import ABOUT_THE_WAIT, taken_for
from bot.flow.sweep import sweep
from bot.model.dialogue import Ask, HandoffRequest, Turn
from bot.model.states import Status
from bot.model.team import FIRST
from bot.model.teams import teams_from, teams_of
from bot.store import tables as t
from tests.flow_support import CARE, SUNDAY, TEAMS, TECHNICIANS, World, turn
from tests.test_handoff import NO_NEED, TALK
from tests.test_waits import TWENTY, was

ROOT = Path(__file__).resolve().parent.parent
OPEN_TILL_SEVEN = "Aperti fino alle 19."
FORM = [{"event": "active_loop", "name": "hours_form"}]


@pytest.fixture(autouse=True)
def told_beside(flow: World) -> None:
    """Opening hours are told also to who waits."""
    flow.way.teams = replace(flow.way.teams, while_waiting=frozenset({"store_hours"}))


async def waits(flow: World, topic: str = "complaint") -> Any:
    """A customer who waits for a person about this; the case."""
    wanted = HandoffRequest("asked", topic, "una nota")
    flow.engine.script = [replace(turn("Mi dispiace.", intent=topic), handoff=wanted)]
    await flow.writes("vorrei una persona")
    return await flow.case()


def understood(intent: str) -> Turn:
    """What the engine makes of a message that it is only asked about."""
    return turn(intent=intent)


async def writes(flow: World, text: str, intent: str = "nlu_fallback", *more: Turn) -> list[str]:
    """Written while waiting, taken for this intent; `more`: the turns that follow from it."""
    flow.engine.script = [understood(intent), *more]
    return await flow.writes(text)


async def added(flow: World) -> list[str]:
    """What the card says was added while the customer waited."""
    found = await flow.conversation()
    card = await flow.db.read(lambda connection: read_card(connection, found)) if found else None
    return [row.text for row in card["added"]] if card else []


# For the person.


async def test_it_is_said_once_that_the_words_are_kept(flow: World) -> None:
    case = await waits(flow)
    added = flow.text("added", number=case.number)
    assert await writes(flow, "è urgente") == [added]
    assert flow.buttons() == [NO_NEED]
    assert await writes(flow, "la mia linea è quella di casa", "report_fault") == []
    assert await flow.writes(attachments=[{"kind": "photo", "ref": "r"}]) == []
    assert (await flow.said("customer"))[1:] == ["è urgente", "la mia linea è quella di casa", ""]
    flow.clock.passes(minutes=61)
    assert await writes(flow, "dimenticavo: il modem è nuovo") == [added]


async def test_the_card_tells_what_was_added_and_nothing_that_was_answered(flow: World) -> None:
    await waits(flow)
    for text, intent in (("è urgente", "nlu_fallback"), ("ci siete?", "greet"), ("grazie", "thank")):
        flow.clock.passes(seconds=20)
        await writes(flow, text, intent)
    await writes(flow, "a che ora aprite?", "store_hours", turn(OPEN_TILL_SEVEN))
    await writes(flow, "la fattura è quella di ottobre", "bill_question")
    assert await added(flow) == ["è urgente", "la fattura è quella di ottobre"]
    await flow.taps(NO_NEED)
    assert await added(flow) == ["è urgente", "la fattura è quella di ottobre"]


async def test_what_is_written_to_the_person_was_not_added_while_waiting(flow: World) -> None:
    await waits(flow)
    flow.clock.passes(seconds=20)
    await writes(flow, "è urgente")
    await flow.does(handoff.claim, await flow.agent())
    flow.clock.passes(seconds=20)
    await flow.writes("eccomi")
    assert await added(flow) == ["è urgente"]


async def test_words_that_were_under_way_at_the_hand_off_are_on_the_card(flow: World) -> None:
    """Platforms give the second in which something was written: earlier than the hand-off that it arrived after."""
    await waits(flow)
    flow.engine.script = [understood("nlu_fallback")]
    await flow.receives(replace(flow.raw(text="il numero è quello di casa"), at=flow.clock() - timedelta(seconds=1)))
    await flow.answers()
    assert await added(flow) == ["il numero è quello di casa"]


async def test_what_was_added_before_the_second_person_took_over_is_on_their_card(flow: World) -> None:
    await waits(flow)
    agent = await flow.agent()
    await flow.does(handoff.claim, agent)
    flow.clock.passes(minutes=5)
    await flow.writes("eccomi")
    await flow.does(handoff.requeue, agent, "")
    flow.clock.passes(minutes=5)
    await writes(flow, "dimenticavo: il modem è nuovo")
    assert await added(flow) == ["dimenticavo: il modem è nuovo"]
    await flow.does(handoff.claim, agent)
    flow.clock.passes(minutes=5)
    await flow.writes("ah, e il telefono pure")
    assert await added(flow) == ["dimenticavo: il modem è nuovo"]


async def test_a_question_or_a_story_that_only_sounds_like_the_wait_is_on_the_card(flow: World) -> None:
    await waits(flow)
    story = "ho fatto la richiesta lunedì in negozio a Torino e mi hanno detto che il rimborso arrivava entro venerdì"
    await writes(flow, "e il rimborso?")
    await writes(flow, story, "case_status")
    assert await added(flow) == ["e il rimborso?", story]


async def test_the_engine_is_only_asked_and_nothing_is_done(flow: World) -> None:
    await waits(flow)
    before = await flow.rows(t.dialogues)
    await writes(flow, "mi serve il puk", "request_pin")
    asked = flow.engine.asked[-1]
    assert (asked.text, asked.rehearsal, asked.events) == ("mi serve il puk", True, [])
    assert await flow.rows(t.dialogues) == before
    assert await flow.status() == Status.WAITING


async def test_without_an_engine_the_words_are_kept_and_nobody_is_told_of_it(flow: World) -> None:
    case = await waits(flow)
    flow.engine.script = [EngineDown("no engine")]
    assert await flow.writes("a che ora aprite?") == [flow.text("added", number=case.number)]
    assert (await flow.said("customer"))[-1] == "a che ora aprite?"


async def test_a_caption_is_the_pictures(flow: World) -> None:
    case = await waits(flow)
    flow.engine.script = [understood("store_hours")]
    assert await flow.writes("a che ora aprite?", attachments=[{"kind": "photo", "ref": "r"}]) == [
        flow.text("added", number=case.number)
    ]
    assert flow.engine.script, "nobody was asked"


async def test_what_puts_the_case_ahead_is_heard_also_in_a_question(flow: World) -> None:
    await waits(flow)
    await writes(flow, "sono disabile, a che ora aprite?", "store_hours", turn(OPEN_TILL_SEVEN))
    case = await flow.case()
    assert case and "vulnerable" in case.marks


# Where it stands.


@pytest.mark.parametrize(
    ("text", "intent"),
    [("ci siete?", "greet"), ("novità", "case_status"), ("voglio una persona", "ask_human"), ("quanto ci vuole?", "")],
)
async def test_who_asks_is_told_since_when_they_wait(flow: World, text: str, intent: str) -> None:
    case = await waits(flow)
    flow.clock.passes(minutes=5)
    said = flow.text("status_waiting", number=case.number, since="dalle 11:00")
    assert await writes(flow, text, intent or "nlu_fallback") == [f"{said} {flow.text('status_how_long')}"]
    assert flow.buttons() == [NO_NEED]
    assert await writes(flow, text, intent or "nlu_fallback") == []  # it stands right above
    flow.clock.passes(minutes=3)
    assert len(await writes(flow, text, intent or "nlu_fallback")) == 1


async def test_as_they_were_told_it_is_said_by_when(flow: World) -> None:
    await was(flow, TWENTY)
    await waits(flow)
    flow.clock.passes(minutes=5)
    (said,) = await writes(flow, "novità?", "case_status")
    assert "di solito risponde entro le 11:20 (8 volte su 10)" in said


async def test_who_asks_when_it_slips_is_told_so_and_not_once_more(flow: World) -> None:
    await was(flow, TWENTY)
    case = await waits(flow)
    flow.clock.passes(minutes=21)
    assert await writes(flow, "e allora?", "case_status") == [flow.text("still_waiting_longer", number=case.number)]
    before = len(flow.platform.sent)
    await sweep(flow.way)
    await flow.delivers()
    assert len(flow.platform.sent) == before
    flow.clock.passes(minutes=10)
    (said,) = await writes(flow, "e allora?", "case_status")
    assert said == f"{flow.text('status_waiting', number=case.number, since='dalle 11:00')} " + flow.text(
        "status_how_long"
    )


async def test_outside_the_hours_it_is_said_when_the_team_is_back(flow: World) -> None:
    flow.clock.now = SUNDAY
    await waits(flow)
    (said,) = await writes(flow, "c'è qualcuno?", "greet")
    assert flow.text("team_closed", when="domani alle 8:30") in said
    assert flow.text("status_how_long") not in said


async def test_an_hour_that_was_promised_is_said_again(flow: World) -> None:
    targets = {"care": {**CARE, "targets": {FIRST: "1 h"}}, "technicians": TECHNICIANS}
    flow.way.teams = teams_of({**TEAMS, "teams": targets})
    case = await waits(flow)
    promised = await flow.taps("Scrivimi entro le 12")
    flow.clock.passes(minutes=3)
    assert promised == [flow.text("wished_by", number=case.number, by="entro le 12:00")]
    assert await writes(flow, "novità?", "case_status") == promised
    assert flow.buttons() == [NO_NEED]


async def test_a_question_that_only_a_person_can_answer_is_not_met_with_silence(flow: World) -> None:
    case = await waits(flow)
    assert await writes(flow, "il modem lo devo restituire io?") == [flow.text("added", number=case.number)]
    (said,) = await writes(flow, "e me lo mandate voi a casa?")
    assert flow.text("status_waiting", number=case.number, since="dalle 11:00") in said


# Not needed any more.


@pytest.mark.parametrize(("text", "intent"), [("ho risolto, grazie", "thank"), ("lasciate stare", "deny")])
async def test_who_needs_nobody_any_more_ends_it_by_a_tap(flow: World, text: str, intent: str) -> None:
    case = await waits(flow)
    assert await writes(flow, text, intent) == [flow.text("stays", number=case.number)]
    assert await flow.status() == Status.WAITING
    assert await writes(flow, "ok", "affirm") == []
    assert await flow.taps(NO_NEED) == [flow.text("cancelled", number=case.number)]
    assert await flow.status() == Status.BOT


@pytest.mark.parametrize("text", ["no, non funziona ancora", "nope, still doesn't work"])
async def test_who_says_that_it_still_does_not_work_needs_somebody(flow: World, text: str) -> None:
    case = await waits(flow)
    assert await writes(flow, text, "deny") in (
        [flow.text("added", number=case.number)], [flow.text("added", "en", number=case.number)]
    )  # fmt: skip
    assert await added(flow) == [text]


# Answered beside.


async def test_what_only_has_to_be_told_is_told_and_the_waiting_goes_on(flow: World) -> None:
    case = await waits(flow)
    said = await writes(flow, "a che ora aprite domani?", "store_hours", turn(OPEN_TILL_SEVEN))
    assert said == [f"{OPEN_TILL_SEVEN}\n\n{flow.text('meanwhile', number=case.number)}"]
    assert flow.buttons() == [NO_NEED]
    assert await flow.status() == Status.WAITING
    assert [asked.rehearsal for asked in flow.engine.asked[-2:]] == [True, False]
    again = await flow.case()
    assert again and (again.id, again.waiting_since) == (case.id, case.waiting_since)


async def test_what_the_bot_asks_back_may_be_answered(flow: World) -> None:
    case = await waits(flow)
    flow.clock.passes(seconds=20)
    asks = Turn(**{**vars(turn("In quale città?")), "events": FORM})
    assert await writes(flow, "a che ora aprite?", "store_hours", asks) == ["In quale città?"]
    assert flow.buttons() == [NO_NEED]
    flow.engine.script = [turn(OPEN_TILL_SEVEN, events=[*FORM, {"event": "active_loop", "name": None}])]
    flow.clock.passes(seconds=20)
    assert await flow.writes("Torino") == [f"{OPEN_TILL_SEVEN}\n\n{flow.text('meanwhile', number=case.number)}"]
    flow.clock.passes(seconds=20)
    assert await writes(flow, "grazie mille", "thank") == [flow.text("stays", number=case.number)]


async def test_what_follows_on_the_bots_answer_is_its_own(flow: World) -> None:
    await waits(flow)
    flow.clock.passes(seconds=20)
    await writes(flow, "a che ora aprite?", "store_hours", turn(OPEN_TILL_SEVEN))
    flow.clock.passes(seconds=20)
    (said,) = await writes(flow, "e domenica?", "nlu_fallback", turn("La domenica siamo chiusi."))
    assert said.startswith("La domenica siamo chiusi.")
    flow.clock.passes(minutes=4)
    (said,) = await writes(flow, "e allora?")
    assert said.startswith("La tua richiesta")


async def test_a_form_that_the_hand_off_left_open_asks_nothing_any_more(flow: World) -> None:
    flow.engine.script = [turn("Che numero hai?", events=FORM), EngineDown("no engine")]
    await flow.writes("internet non va")
    flow.clock.passes(seconds=20)
    await flow.writes("0612345678")
    case = await flow.case()
    flow.clock.passes(seconds=20)
    assert case and await writes(flow, "è il numero di casa") == [flow.text("added", number=case.number)]


async def test_what_the_engine_is_not_certain_of_is_for_the_person(flow: World) -> None:
    case = await waits(flow)
    flow.engine.script = [turn(intent="store_hours", confidence=0.89)]
    words = "mi interessava sapere quando posso trovarvi aperti più o meno"
    assert await flow.writes(words) == [flow.text("added", number=case.number)]


async def test_what_might_be_about_the_wait_is(flow: World) -> None:
    case = await waits(flow)
    ranking = (("nlu_fallback", 0.6), ("line_status", 0.4), ("ask_wait", 0.3))
    flow.engine.script = [turn(intent="nlu_fallback", ranking=ranking)]
    (said,) = await flow.writes("va bene aspetto ma quanto ci vuole")
    assert said.startswith(flow.text("status_waiting", number=case.number, since="dalle 11:00"))


async def test_a_story_and_the_matter_itself_are_for_the_person(flow: World) -> None:
    case = await waits(flow)
    story = "sono andata due volte nel negozio di Torino e tutte e due le volte lo avete trovato chiuso"
    assert await writes(flow, story, "store_hours") == [flow.text("added", number=case.number)]


async def test_another_answer_of_the_bots_to_the_matter_itself_would_be_none(flow: World) -> None:
    case = await waits(flow, "store_hours")
    assert await writes(flow, "a che ora aprite?", "store_hours") == [flow.text("added", number=case.number)]


async def test_the_bots_buttons_still_answer(flow: World) -> None:
    await flow.writes("ciao")
    case = await waits(flow)
    flow.engine.script = [turn(OPEN_TILL_SEVEN)]
    (said,) = await flow.writes("Orari", payload="/store_hours")
    assert said.startswith(OPEN_TILL_SEVEN)
    flow.engine.script = [turn(handoff="asked")]
    (again,) = await flow.writes(TALK, payload="/ask_human")
    assert again.startswith(flow.text("status_waiting", number=case.number, since="dalle 11:00"))
    assert len(await flow.rows(t.cases)) == 1
    assert await flow.status() == Status.WAITING


async def test_taken_while_the_engine_thinks_the_message_is_the_persons(flow: World) -> None:
    await waits(flow)
    agent = await flow.agent()

    async def taken_meanwhile(question: Ask) -> Turn:
        await flow.does(handoff.claim, agent)
        return turn(OPEN_TILL_SEVEN)

    flow.engine.script = [understood("store_hours"), taken_meanwhile]
    assert OPEN_TILL_SEVEN not in "".join(await flow.writes("a che ora aprite?"))
    assert (await flow.said("customer"))[-1] == "a che ora aprite?"
    assert await flow.status() == Status.AGENT


# Strangers' sentences, by the real engine.

#: What is told beside, what only asks about the wait, and what is for the person; by the shipped teams.yml.
SHARES = {"beside": 0.7, "stands": 0.75, "kept": 0.95}
FOR_THE_BOT = ("store_hours", "find_store", "price_availability", "line_status", "request_pin")
FOR_A_PERSON = (
    "report_fault", "activation_status", "technician_appointment", "bill_question", "complaint", "privacy_request"
)  # fmt: skip
ABOUT = dict.fromkeys(FOR_THE_BOT, "beside") | dict.fromkeys(FOR_A_PERSON, "kept")


async def test_strangers_are_answered_beside_only_where_they_asked(engine_url: str) -> None:
    told = teams_from((ROOT / "teams.yml").read_text("utf-8")).while_waiting
    sentences = yaml.safe_load((ROOT / "tests/intents/blind.yml").read_text("utf-8"))
    wait = yaml.safe_load((ROOT / "tests/intents/while_waiting.yml").read_text("utf-8"))
    by_way: dict[str, list[str]] = {way: [] for way in SHARES}
    async with Dialogue(engine_url) as engine:
        for topic, texts in [*((topic, sentences[topic]) for topic in ABOUT), ("ask_wait", wait)]:
            for language, text in ((language, text) for language, some in texts.items() for text in some):
                asked = Ask("meanwhile", str(text), {"language": language}, [], rehearsal=True)
                taken = taken_for(await engine.ask(asked))
                way = "beside" if taken in told else "stands" if taken in ABOUT_THE_WAIT else "kept"
                by_way[ABOUT.get(topic, "stands")].append(way)
    shares = {way: ways.count(way) / len(ways) for way, ways in by_way.items()}
    assert all(shares[way] >= SHARES[way] for way in SHARES), shares


def test_the_shipped_topics_are_topics() -> None:
    shipped = teams_from((ROOT / "teams.yml").read_text("utf-8")).while_waiting
    known = {
        next(iter(intent)) if isinstance(intent, dict) else intent
        for file in (ROOT / "domain").glob("*.yml")
        for intent in yaml.safe_load(file.read_text("utf-8")).get("intents", ())
    }
    assert shipped and shipped <= known


def test_a_list_that_is_none_is_said() -> None:
    with pytest.raises(ValueError, match="while_waiting: must be a list of words"):
        teams_of({**TEAMS, "while_waiting": "store_hours"})
