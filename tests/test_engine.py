"""The engine through its real door: Rasa with the turn channel, a real action server, the bot's client."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from bot.children import Children, ChildrenSettings
from bot.dialogue import ActionFailed, Dialogue, EngineDown, EngineRefused, read_answers
from bot.model.dialogue import Ask, HandoffRequest, PromiseMade, Turn, Watch
from bot.model.replies import QuickReply, Reply
from tests.conftest import free_port, tiny_root

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def children(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Children]:
    """The product's engine/ and config.yml around a tiny bot whose actions fail on demand."""
    root = tiny_root(tmp_path_factory.mktemp("tiny"))
    settings = ChildrenSettings(root, root / "data", engine_port=free_port(), actions_port=free_port())
    children = Children(settings, environ={"PATH": "/usr/bin:/bin", "TELEGRAM_BOT_TOKEN": "1:secret"})
    await children.start()
    yield children
    await children.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def dialogue(children: Children) -> AsyncIterator[Dialogue]:
    async with Dialogue(children.engine_url) as dialogue:
        yield dialogue


State = list[dict[str, Any]]


def ask(text: str, state: State | None = None, *, language: str = "it", turn: str = "t1") -> Ask:
    return Ask(turn, text, {"language": language, "turn_id": turn}, state or [])


def at(town: str) -> str:
    return f'/town{{"town": "{town}"}}'


def texts(turn: Turn) -> list[str]:
    return [reply.text for reply in turn.replies]


async def test_a_turn_answers_with_replies_and_what_it_understood(dialogue: Dialogue) -> None:
    turn = await dialogue.ask(ask("ciao"))
    assert turn.replies == (Reply("Ciao", (QuickReply("PIN", "/request_pin"),), "smile.png"),)
    assert turn.intent == "greet" and turn.ranking[0] == ("greet", turn.confidence)
    assert turn.model_id and await dialogue.ready()


async def test_the_language_of_the_request_chooses_the_words(dialogue: Dialogue) -> None:
    english = await dialogue.ask(ask("ciao", language="en"))
    here = QuickReply("Here I am", "/inform", "location")
    assert english.replies[0].text == "Hello" and english.replies[0].quick_replies[1] == here
    back = await dialogue.ask(ask("ciao", english.events, language="it"))
    assert texts(back) == ["Ciao"]


async def test_the_state_goes_round(dialogue: Dialogue) -> None:
    first = await dialogue.ask(ask(at("Bergamo"), turn="t-77"))
    assert texts(first) == ["Bergamo it t-77"] and first.slots == {"town": "Bergamo", "visits": 1}
    form = await dialogue.ask(ask("voglio il pin", first.events))
    done = await dialogue.ask(ask('/inform{"tone": "sim"}', form.events))
    assert (texts(form), texts(done)) == (["Quale?"], ["Fatto: sim, Bergamo"])


async def test_what_is_not_understood_shows_as_nlu_fallback(dialogue: Dialogue) -> None:
    turn = await dialogue.ask(ask("calma buffe grandi"))
    assert (turn.intent, texts(turn)) == ("nlu_fallback", ["Non capisco"])


async def test_a_form_survives_the_cut(dialogue: Dialogue) -> None:
    turn = await dialogue.ask(ask(at("Milano")))
    turn = await dialogue.ask(ask("voglio il pin", turn.events))
    for _ in range(25):
        turn = await dialogue.ask(ask("zzz qqq 123", turn.events))
    assert len(turn.events) < 60
    turn = await dialogue.ask(ask('/inform{"tone": "sim"}', turn.events))
    assert texts(turn) == ["Fatto: sim, Milano"]
    # the form took the message; what it was understood as is still this turn's, not an earlier one's
    assert turn.intent == "inform"


async def test_conversations_at_the_same_time_do_not_mix(dialogue: Dialogue) -> None:
    towns = ["Bergamo", "Milano"] * 5
    begun = await asyncio.gather(*(dialogue.ask(ask(at(town), turn="same")) for town in towns))
    turns = await asyncio.gather(
        *(dialogue.ask(ask("/slow", turn.events, turn=f"t{i}")) for i, turn in enumerate(begun))
    )
    assert [texts(turn) for turn in turns] == [[f"slow {town}"] for town in towns]


async def test_what_an_action_asks_for_arrives_as_data(dialogue: Dialogue) -> None:
    turn = await dialogue.ask(ask("/data"))
    assert turn.replies == ()
    assert turn.handoff == HandoffRequest("asked", "data", "vuole una persona")
    due = datetime.fromisoformat("2026-11-23T12:00:00+01:00")
    assert turn.promises == (PromiseMade("PIN", due, "PIN-4F7K2"),)
    assert turn.watches == (Watch("incident:INC-1", "/check", "/tell"),)
    assert turn.watch_results == (("incident:INC-1", False),)


async def test_an_action_that_fails_is_no_answer(dialogue: Dialogue, children: Children) -> None:
    async with aiohttp.ClientSession() as session:
        private = {"note": "my private words"}
        request = {"turn_id": "t", "text": "/break_it", "metadata": private, "events": []}
        async with session.post(f"{children.engine_url}/webhooks/turn/webhook", json=request) as answer:
            assert answer.status == 502 and "action_break" in (await answer.json())["error"]
    with pytest.raises(EngineDown, match="502"):
        await dialogue.ask(ask("/break_it"))
    log = children.children[1].log.read_text()
    assert "action_break" in log and "my private words" not in log


async def test_the_engine_says_what_needs_no_engine(dialogue: Dialogue) -> None:
    """Plain answers that name no slot; not what a form, an action or a slot decides."""
    answers = read_answers(await dialogue.answers())
    assert set(answers) == {"/greet", "/nlu_fallback"}
    assert answers["/greet"][""] == (await dialogue.ask(ask("/greet"))).replies[0]
    assert answers["/greet"]["en"] == (await dialogue.ask(ask("/greet", language="en"))).replies[0]


async def test_a_rehearsal_says_what_would_be_done_and_calls_no_action(dialogue: Dialogue) -> None:
    turn = await dialogue.ask(replace(ask("/break_it"), rehearsal=True))
    assert turn.replies == () and [e["name"] for e in turn.events if e["event"] == "action"][-2:] == [
        "action_break",
        "action_listen",
    ]
    assert texts(await dialogue.ask(replace(ask("ciao"), rehearsal=True))) == ["Ciao"]
    with pytest.raises(ActionFailed):
        await dialogue.ask(ask("/break_it"))


async def test_data_that_no_one_agreed_on_is_no_answer(dialogue: Dialogue) -> None:
    with pytest.raises(EngineDown, match="malformed"):
        await dialogue.ask(ask("/odd"))


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"[" * 100_000,
        b'{"turn_id": "t", "text": "ciao", "metadata": {}}',
        b'{"turn_id": "", "text": "ciao", "metadata": {}, "events": []}',
        b'{"turn_id": "t", "text": " ", "metadata": {}, "events": []}',
        b'{"turn_id": "t", "text": "ciao", "metadata": {"language": 3}, "events": []}',
        b'{"turn_id": "t", "text": "ciao", "metadata": {}, "events": [{"event": "no such"}]}',
        b'{"turn_id": "t", "text": "ciao", "metadata": {}, "events": [{"event": "user"}]}',
        b'{"turn_id": "t", "text": "ciao", "metadata": {}, "events": ["user"]}',
    ],
)
async def test_a_bad_request_is_called_so(children: Children, body: bytes) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{children.engine_url}/webhooks/turn/webhook", data=body) as answer:
            assert answer.status == 400 and (await answer.json())["error"]


async def test_a_state_that_is_none_is_refused_for_good(dialogue: Dialogue) -> None:
    with pytest.raises(EngineRefused):
        await dialogue.ask(ask("ciao", [{"event": "no such"}]))


async def test_turn_300_costs_what_an_early_turn_costs(dialogue: Dialogue) -> None:
    times, state, turn = [], [], None
    for n in range(300):
        began = time.perf_counter()
        turn = await dialogue.ask(ask("/greet", state, turn=f"t{n}"))
        times.append(time.perf_counter() - began)
        state = turn.events
    # Turns 15 to 35 already have a full state: the growth that would show is the one after that.
    assert statistics.median(times[-20:]) < 2.5 * statistics.median(times[15:35])
    assert len(state) < 60


async def test_the_children_get_no_secret(children: Children) -> None:
    assert all("TELEGRAM_BOT_TOKEN" not in child.env for child in children.children)


async def test_a_killed_engine_is_started_again_and_serves_the_same_conversation(
    dialogue: Dialogue, children: Children
) -> None:
    before = await dialogue.ask(ask(at("Bergamo")))
    engine = children.children[1]
    engine.kill()
    async with asyncio.timeout(180):
        while engine.starts < 2 or not children.ready:
            await asyncio.sleep(0.05)
    assert texts(await dialogue.ask(ask("/town", before.events))) == ["Bergamo it t1"]


async def test_no_engine_says_so() -> None:
    async with Dialogue(f"http://127.0.0.1:{free_port()}") as dialogue:
        assert not await dialogue.ready()
        with pytest.raises(EngineDown, match="cannot be reached"):
            await dialogue.ask(ask("ciao"))
