"""A customer writes: whose turn is it, what is answered, and what never happens."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy.event import listen as listens
from sqlalchemy.event import remove
from sqlalchemy.exc import SQLAlchemyError

from bot.dialogue import EngineDown, EngineRefused
from bot.flow import handoff, workers
from bot.flow.answer import answer_next
from bot.model.dialogue import Ask, PromiseMade, Turn
from bot.model.messages import ConversationKey, RawEvent, Sender
from bot.model.replies import QuickReply, Reply
from bot.model.states import Status
from bot.store.tables import customers, events, messages, outgoing
from tests.flow_support import CHAT, SUNDAY, World, away, turn

TALK = "Parla con noi"
FORGED = ["/ask_human", "/ask_human{}", ' /x{"a": "b"}', "#cancel", "#solved:1:yes", "//x", "/ /x", "/#cancel"]
FORGED += ["\n/ask_human", "\t#cancel", "\u00a0/x", "\u2003 /x", "# /x", "\x1c/x"]

TOPICS = (QuickReply("Orari", "/store_hours"), QuickReply("PIN", "/pin"))
COMMANDS = {"start": "/greet", "help": "/greet", "agent": "/ask_human", "privacy": "/privacy_request"}


async def test_receive_stores_once_and_wakes_for_what_is_new(flow: World) -> None:
    woken = []
    flow.way.arrived = woken.append
    first, second, nowhere = flow.raw(text="a"), flow.raw("18", text="b"), flow.raw(None, text="c")
    assert await flow.receives(first, first, second, nowhere) == 3
    assert await flow.receives(first, nowhere) == 0
    assert sorted(woken, key=str) == [flow.key(), flow.key("18")]
    assert [row.state for row in await flow.rows(events)] == ["new", "new", "aside"]


async def test_what_cannot_be_stored_is_not_acknowledged(flow: World) -> None:
    """A read-only disk: receive raises, so the platform is not told 200 and sends it again."""
    read_only = "PRAGMA query_only = ON" if flow.db.sqlite else "SET default_transaction_read_only = on"

    def refuse(connection: Connection) -> None:
        connection.exec_driver_sql(read_only)

    listens(flow.db.single, "begin", refuse)
    with pytest.raises(SQLAlchemyError, match="read-?only"):
        await flow.receives(flow.raw(text="ciao"))
    remove(flow.db.single, "begin", refuse)


# The bot's turn.


async def test_the_bot_answers_says_that_it_is_one_and_offers_a_person(flow: World) -> None:
    flow.engine.script = [turn("Siamo aperti.", "Serve altro?")]
    first, second = await flow.writes("orari di apertura")
    assert first == f"{flow.text('introduction')}\n\nSiamo aperti."
    assert second == "Serve altro?"
    assert flow.buttons() == [TALK]
    assert [q.title for q in flow.platform.sent[0].part.quick_replies] == []
    (ask,) = flow.engine.asked
    assert (ask.text, ask.events, ask.metadata["language"], ask.metadata["first_turn"]) == (
        "orari di apertura",
        [],
        "it",
        True,
    )
    assert ask.metadata["now"] == "2026-11-24T11:00:00+01:00"


async def test_the_introduction_comes_once_and_again_after_a_day(flow: World) -> None:
    hello = flow.text("introduction")
    assert hello in (await flow.writes("uno"))[0]
    flow.clock.passes(hours=23)
    assert hello not in (await flow.writes("due"))[0]
    flow.clock.passes(hours=24, seconds=1)
    assert hello in (await flow.writes("tre"))[0]
    assert hello not in (await flow.writes("quattro"))[0]


async def test_a_greeting_that_introduces_itself_is_left_alone(flow: World) -> None:
    flow.engine.script = [turn("Sono un assistente automatico.", intent="greet")]
    assert await flow.writes("ciao") == ["Sono un assistente automatico."]


async def test_the_dialogues_state_goes_out_and_comes_back(flow: World) -> None:
    state = [{"event": "slot", "name": "town", "value": "Pisa"}]
    flow.engine.script = [turn("ok", events=state)]
    await flow.writes("a Pisa")
    await flow.writes("e domani?")
    assert flow.engine.asked[1].events == state
    assert flow.engine.asked[1].metadata["first_turn"] is False
    assert flow.engine.asked[0].turn_id != flow.engine.asked[1].turn_id


async def test_what_was_promised_with_a_number_is_told_to_the_engine(flow: World) -> None:
    due = flow.clock() + timedelta(days=2)
    flow.engine.script = [turn("ok", promises=(PromiseMade("PIN", due, "PIN-1"), PromiseMade("chiamata", due, "")))]
    await flow.writes("il pin")
    await flow.writes("a che punto è?")
    (told,) = flow.engine.asked[1].metadata["promises"]
    assert told["reference"] == "PIN-1" and datetime.fromisoformat(told["due"]) == due


async def test_a_turn_done_again_has_the_same_id(flow: World) -> None:
    """Writes of the company's systems carry it: a crash between engine and commit must not order twice."""

    def crash(_: Ask) -> Turn:
        raise MemoryError

    flow.engine.script = [crash]
    await flow.receives(flow.raw(text="ordina"))
    with pytest.raises(MemoryError):
        await flow.answers()
    assert await flow.rows(messages) == []
    await flow.answers()
    assert flow.engine.asked[0].turn_id == flow.engine.asked[1].turn_id
    assert await flow.said("customer") == ["ordina"]


async def test_many_events_are_answered_in_order_each_once(flow: World) -> None:
    raws = []
    for n in range(6):
        raws.append(flow.raw(text=f"n{n}"))
        flow.clock.passes(seconds=1)
    workers = flow.answering()
    for raw in raws:  # a platform sends a chat's next event after the last one was acknowledged
        await asyncio.gather(flow.receives(raw, raw), flow.receives(raw), flow.receives(raw))
    await flow.rests()
    await workers.stop()
    assert await flow.said("customer") == [f"n{n}" for n in range(6)]
    assert [ask.text for ask in flow.engine.asked] == [f"n{n}" for n in range(6)]


async def test_what_waits_in_the_store_is_taken_up_at_the_start(flow: World) -> None:
    for chat in ("1", "2"):
        await flow.receives(flow.raw(chat, text="prima del riavvio"))
    workers = flow.answering()
    await workers.start()
    async with asyncio.timeout(30):
        while len(await flow.rows(outgoing)) < 2:
            await asyncio.sleep(0.01)
    await workers.stop()


async def test_location_and_contact_reach_the_engine_as_data(flow: World) -> None:
    await flow.writes(location={"latitude": 45.1, "longitude": 9.2})
    await flow.writes(contact={"phone": "+39333", "name": "M", "own": True})
    await flow.writes(contact={"phone": "+39444", "name": "Altri", "own": False})
    place, phone = flow.engine.asked
    assert (place.text, place.metadata["location"]) == ("/share_location", {"latitude": 45.1, "longitude": 9.2})
    assert (phone.text, phone.metadata["contact"]) == ("/share_contact", {"phone": "+39333"})
    assert (await flow.said("bot"))[-1] == flow.text("unreadable.contact")


@pytest.mark.parametrize("kind", ["photo", "voice", "document", "sticker", "poll"])
async def test_what_the_bot_cannot_read_is_kept_and_said(flow: World, kind: str) -> None:
    attachment = {"kind": kind, "ref": "secret", "name": "x", "mime": "", "size": 3}
    (answer,) = await flow.writes(attachments=[attachment]) if kind != "poll" else await flow.writes(unreadable="poll")
    key = f"unreadable.{kind}"
    assert answer.endswith(flow.text(key if flow.way.texts.has(key) else "unreadable.other"))
    assert flow.buttons() == [TALK]
    assert flow.engine.asked == []
    (kept,) = [row for row in await flow.rows(messages) if row.author == "customer"]
    assert kept.attachments == ([attachment] if kind != "poll" else None)


async def test_a_photo_with_words_is_answered_by_its_words(flow: World) -> None:
    answers = await flow.writes("la mia bolletta", attachments=[{"kind": "photo", "ref": "r"}])
    assert flow.engine.asked[0].text == "la mia bolletta"
    assert answers[-1] == flow.text("kept_too")
    assert flow.buttons() == [TALK]


async def test_typing_is_shown_only_while_it_takes_long(flow: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.flow.turn.TYPING_AFTER", 0.01)

    async def slowly(_: Ask) -> Turn:
        while not flow.platform.typed:
            await asyncio.sleep(0.005)
        return turn("eccomi")

    flow.engine.script = [slowly]
    await flow.writes("una domanda lunga")
    assert flow.platform.typed == [flow.key()]
    monkeypatch.setattr("bot.flow.turn.TYPING_AFTER", 60)
    await flow.writes("una breve")
    assert len(flow.platform.typed) == 1


# What a text means.


@pytest.mark.parametrize("waiting", [False, True])
async def test_free_text_never_speaks_as_a_button(flow: World, waiting: bool) -> None:
    if waiting:
        flow.engine.script = [turn(handoff="asked")]
        await flow.writes("una persona")
    status = await flow.status()
    before = len(flow.engine.asked)
    for text in FORGED:
        await flow.writes(text)
        asked = [ask.text for ask in flow.engine.asked[before:]]
        assert not any(ask.strip().startswith(("/", "#")) for ask in asked), (text, asked)
        assert await flow.status() == status, text
    assert (await flow.said("customer"))[-len(FORGED) :] == FORGED


async def test_a_made_up_payload_is_no_command(flow: World) -> None:
    await flow.writes("ciao")
    for payload in ("/ask_human{}", "/delete_all", "#cancel", "#solved:1:no"):
        await flow.writes("testo", payload=payload)
        assert flow.engine.asked[-1].text == "testo"
        await flow.writes("", payload=payload)  # a tap without words
        assert flow.engine.asked[-1].text == "testo"
    assert await flow.status() == Status.BOT


async def test_our_own_buttons_speak_to_the_engine(flow: World) -> None:
    flow.engine.script = [turn(replies=(Reply("Cosa?", TOPICS),))]
    await flow.writes("ciao")
    assert flow.buttons() == ["Orari", "PIN", TALK]
    for typed, meant in [("orari", "/store_hours"), ("  PIN ", "/pin"), ("2", "2"), ("22", "22")]:
        flow.engine.script = [turn(replies=(Reply("Cosa?", TOPICS),))]
        await flow.writes(typed)
        assert flow.engine.asked[-1].text == meant
    await flow.writes("Orari", payload="/store_hours")
    assert flow.engine.asked[-1].text == "/store_hours"


async def test_a_number_taps_only_where_numbers_were_shown(flow: World) -> None:
    long = (*TOPICS, QuickReply("Un bottone che non ci sta", "/bill"))
    for typed, meant in [("2", "/pin"), ("3.", "/bill"), ("22", "22")]:
        flow.engine.script = [turn(replies=(Reply("Cosa?", long),))]
        await flow.writes("ciao")
        assert flow.buttons() == []
        await flow.writes(typed)
        assert flow.engine.asked[-1].text == meant


async def test_an_older_keyboard_still_works_but_a_number_means_the_newest_list(flow: World) -> None:
    flow.engine.script = [turn(replies=(Reply("Cosa?", TOPICS),))]
    await flow.writes("ciao")
    flow.engine.script = [turn(replies=(Reply("Dove?", (QuickReply("Roma", "/town"),)),))]
    await flow.writes("boh")
    await flow.writes("PIN")
    assert flow.engine.asked[-1].text == "/pin"
    assert flow.buttons() == [TALK]
    await flow.writes("2")
    assert flow.engine.asked[-1].text == "2"


async def test_commands(flow: World) -> None:
    for command, meant in {**COMMANDS, "status": "/case_status"}.items():
        await flow.writes(command=command)
        assert flow.engine.asked[-1].text == meant
        assert (await flow.said("customer"))[-1] == f"/{command}"


# Languages.


async def test_the_language_follows_the_customer(flow: World) -> None:
    await flow.writes("vorrei sapere gli orari del negozio")
    await flow.writes("hello, could you please tell me the opening hours of the shop?")
    assert flow.engine.asked[-1].metadata["language"] == "en"
    assert flow.buttons() == ["Talk to us"]
    await flow.writes("ok")
    assert flow.engine.asked[-1].metadata["language"] == "en"
    await flow.writes("scusa, puoi rispondermi in italiano per favore?")
    assert flow.engine.asked[-1].metadata["language"] == "it"
    assert flow.buttons() == [TALK]


async def test_the_platforms_locale_decides_the_first_word(flow: World) -> None:
    await flow.writes("ok", "1", sender={"language": "en-GB"})
    await flow.writes("ok", "2", sender={"language": "de"})
    await flow.writes("ok", "3", sender={"language": ""})
    assert [ask.metadata["language"] for ask in flow.engine.asked] == ["en", "en", "it"]


async def test_the_name_is_asked_of_the_platform_once(flow: World) -> None:
    flow.platform.name_of = Sender("Mario R.", "it_IT")
    await flow.writes("uno")
    await flow.writes("due")
    await flow.writes("tre", sender={"name": "Mario Rossi", "language": "it"})
    assert [row.name for row in await flow.rows(customers)] == ["Mario Rossi"]


# Trouble.


async def test_an_engine_that_is_down_is_told_and_a_person_asked(flow: World) -> None:
    flow.engine.script = [EngineDown("no answer")]
    sorry, next_ = await flow.writes("la linea non va")
    assert flow.text("introduction") in sorry
    case = await flow.case()
    assert case and (case.reason, await flow.status()) == ("engine_down", "waiting")
    assert flow.text("engine_down") in sorry and case.number in next_
    assert flow.buttons() == ["Non serve più"]
    assert await flow.said("customer") == ["la linea non va"]


async def test_a_dialogue_state_that_a_new_model_refuses_is_begun_anew(flow: World) -> None:
    await flow.writes("ciao")
    flow.engine.script = [EngineRefused("these are not my events"), turn("Eccomi")]
    (answer,) = await flow.writes("orari?")
    assert answer == "Eccomi" and await flow.status() == "bot"
    assert [bool(ask.events) for ask in flow.engine.asked] == [False, True, False]


async def test_a_person_is_asked_for_without_the_engine(flow: World) -> None:
    await flow.writes("ciao")
    flow.engine.script = [EngineDown("no answer")]
    (answer,) = await flow.taps(TALK)
    case = await flow.case()
    assert case and case.reason == "asked" and case.number in answer


async def test_an_engine_that_is_down_while_one_waits_leaves_a_way_out(flow: World) -> None:
    await flow.writes("ciao")
    flow.engine.script = [turn(handoff="asked"), EngineDown("no answer")]
    await flow.writes("una persona")
    await flow.writes("Orari", payload="/store_hours")
    assert flow.buttons() == ["Non serve più"]


async def test_an_engine_with_nothing_to_say_is_no_silence(flow: World) -> None:
    flow.engine.script = [turn()]
    answers = await flow.writes("mah")
    case = await flow.case()
    assert case and case.reason == "no_answer"
    assert flow.text("no_answer") in answers[0] and case.number in answers[-1]


async def test_an_event_that_always_fails_is_set_aside_and_the_chat_goes_on(
    flow: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await flow.writes("ciao")
    await hurried(flow, monkeypatch, flow.raw(broken=True), flow.raw(text="ci sei?"))
    assert [row.state for row in await flow.rows(events)] == ["done", "aside", "done"]
    case = await flow.case()
    assert case and await flow.status() == Status.WAITING
    assert any(case.number in text for text in await flow.said("bot"))
    assert (await flow.said("customer"))[-1] == "ci sei?"


async def test_a_first_event_that_always_fails_is_no_silence(flow: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await hurried(flow, monkeypatch, flow.raw(broken=True))
    case = await flow.case()
    assert case and any(case.number in text for text in flow.platform.texts())


async def test_the_person_is_told_of_an_event_that_always_fails(flow: World, monkeypatch: pytest.MonkeyPatch) -> None:
    flow.engine.script = [turn(handoff="asked")]
    await flow.writes("una persona")
    await flow.does(handoff.claim, await flow.agent())
    said = len(await flow.said("bot"))
    await hurried(flow, monkeypatch, flow.raw(broken=True))
    assert len(await flow.said("system")) == 1
    assert len(await flow.said("bot")) == said


async def test_a_name_that_was_not_told_is_asked_for_again_some_times_and_then_no_more(flow: World) -> None:
    asked: list[str] = []

    async def profile(key: ConversationKey) -> Sender:
        asked.append(key.chat)
        return flow.platform.name_of

    flow.platform.profile = profile  # type: ignore[method-assign]
    for _ in range(40):
        await flow.writes("ciao", sender={})
        await flow.writes("ancora", sender={})
        flow.clock.passes(minutes=59)
        await flow.writes("sempre io", sender={})
        flow.clock.passes(days=1)
    assert len(asked) == 4
    await flow.writes("ciao", "other", sender={})
    flow.platform.name_of = Sender("Rosa Bianchi")
    await flow.writes("ciao", "other", sender={})
    assert len(asked) == 5, "not so soon"
    flow.clock.passes(hours=1)
    for _ in range(3):
        await flow.writes("ciao", "other", sender={})
        flow.clock.passes(days=10)
    assert len(asked) == 6 and [row.name for row in await flow.rows(customers)] == ["", "Rosa Bianchi"]
    found = await flow.conversation("other")
    assert found and found.name_asked is None


async def test_a_store_that_is_away_for_a_while_sets_nothing_aside(
    flow: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.flow.workers.STORE", 0.0)
    await flow.receives(flow.raw(text="ciao"))
    left = away(flow.db, monkeypatch, times=workers.TRIES * 2)
    answering = flow.answering()
    answering.wake(flow.key())
    await flow.rests()
    await answering.stop()
    assert not left, "it was away"
    assert [row.state for row in await flow.rows(events)] == ["done"]
    assert await flow.case() is None


async def hurried(flow: World, monkeypatch: pytest.MonkeyPatch, *raws: RawEvent) -> None:
    """Answer with the real workers, without their pauses; then deliver."""
    real = asyncio.sleep
    monkeypatch.setattr("bot.flow.workers.asyncio.sleep", lambda _seconds: real(0))
    workers = flow.answering()
    await flow.receives(*raws)
    await flow.rests()
    await workers.stop()
    monkeypatch.undo()
    await flow.delivers()


@pytest.mark.parametrize("metadata", ["1700000000000", "9" * 19, "²"])
async def test_an_echo_with_the_mark_of_another_tool_is_no_trouble(flow: World, metadata: str) -> None:
    """A mark that looks like the number of a row of ours, and is none that there can be."""
    await flow.writes("ciao")
    assert await flow.writes("", kind="echo", ours=True, metadata=metadata) == []
    assert [row.state for row in await flow.rows(events)] == ["done", "done"]


async def test_updates_without_meaning_are_set_aside(flow: World) -> None:
    assert await flow.writes(not_for_us="a channel post") == []
    (row,) = await flow.rows(events)
    assert (row.state, row.problem) == ("aside", "a channel post")


async def test_a_switched_off_channel_holds_up_nobody(flow: World) -> None:
    await flow.receives(flow.raw(text="ciao"))
    flow.way.channels = {}
    assert await answer_next(flow.way, flow.key())
    assert not await answer_next(flow.way, flow.key())


# What is no message.


async def test_edits_reads_and_blocks_are_noted_and_not_answered(flow: World) -> None:
    await flow.writes("orari di Rma", platform_id="p1")
    before = len(flow.platform.sent)
    await flow.writes("orari di Roma", kind="edited", platform_id="p1")
    flow.clock.passes(seconds=5)
    await flow.writes(kind="read")
    await flow.writes(kind="blocked")
    blocked = await flow.conversation()
    assert blocked and blocked.blocked
    assert len(flow.platform.sent) == before and len(flow.engine.asked) == 1
    mine, ours, *_ = await flow.rows(messages)
    assert mine.text == "orari di Roma" and mine.edited_at and ours.read_at
    await flow.writes("rieccomi")
    again = await flow.conversation()
    assert again and not again.blocked


async def test_notes_about_somebody_unknown_begin_nothing(flow: World) -> None:
    for kind in ("edited", "read", "blocked", "echo", "status", "delivered"):
        assert await flow.writes(kind=kind, text="x", platform_id="p") == []
    assert await flow.conversation() is None
    assert {row.state for row in await flow.rows(events)} == {"done"}


async def test_a_colleague_who_answers_elsewhere_silences_the_bot_for_an_hour(flow: World) -> None:
    await flow.writes("ciao")
    await flow.receives(flow.raw(text="aspetta"))
    await flow.answers()
    await flow.writes("Ci penso io", kind="echo")
    assert "suppressed" in await flow.states()
    assert await flow.writes("grazie") == []
    assert (await flow.said("system")) == ["elsewhere: Ci penso io"]
    flow.clock.passes(hours=1, seconds=1)
    assert await flow.writes("ancora io")


async def test_stale_answers_are_not_sent_after_newer_ones(flow: World) -> None:
    await flow.receives(flow.raw(text="uno"))
    await flow.answers()
    flow.clock.passes(minutes=11)
    assert await flow.writes("due") == ["echo due"]


async def test_who_asks_again_while_an_answer_is_held_up_gets_both(flow: World) -> None:
    await flow.receives(flow.raw(text="uno"))
    await flow.answers()
    flow.clock.passes(minutes=5)
    first, second = await flow.writes("ci siete?")
    assert first.endswith("echo uno") and second == "echo ci siete?"


async def test_nothing_of_a_turn_is_kept_when_its_transaction_fails(
    flow: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*_: Any, **__: Any) -> None:
        raise RuntimeError("disk")

    await flow.receives(flow.raw(text="ciao"))
    with monkeypatch.context() as patch:
        patch.setattr("bot.store.messages.watch", explode)  # the last statement of a turn
        with pytest.raises(RuntimeError):
            await flow.answers()
    assert await flow.rows(messages) == [] and await flow.rows(outgoing) == []
    assert [row.state for row in await flow.rows(events)] == ["new"]
    await flow.answers()
    assert await flow.said("customer", CHAT) == ["ciao"]


async def test_hours_are_honest_when_the_team_is_away(flow: World) -> None:
    flow.clock.now = SUNDAY
    flow.engine.script = [turn(handoff="asked")]
    answers = await flow.writes("una persona")
    assert flow.text("team_closed", when="domani alle 8:30") in answers[-1]


async def test_a_button_whose_answer_is_fixed_is_answered_while_the_engine_is_down(flow: World) -> None:
    flow.engine.script = [turn("Di cosa hai bisogno?"), EngineDown("no answer"), EngineDown("no answer")]
    flow.engine.fixed = {"/store_hours": turn("Siamo aperti dalle 9.")}
    await flow.writes("ciao")
    said = await flow.writes(payload="/store_hours")
    assert said == ["Siamo aperti dalle 9."] and await flow.status() == "bot"
    await flow.writes("e la domenica?")
    assert await flow.status() == "waiting", "words still go to a person"
