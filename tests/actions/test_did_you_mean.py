"""Two topics are close: the bot asks which of them, once."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.actions.conftest import ActionServer, answered

ROOT = Path(__file__).resolve().parents[2]
CLOSE = ["bill_question", "price_availability"]


def responses() -> dict[str, Any]:
    """All answers of domain/."""
    files = [yaml.safe_load(path.read_text("utf-8")) for path in sorted((ROOT / "domain").glob("*.yml"))]
    return {name: answer for file in files for name, answer in (file.get("responses") or {}).items()}


def say(server: ActionServer, candidates: list[str], language: str = "it", **more: Any) -> dict[str, Any]:
    """What the fallback says when the classifier names these topics, as engine/classifier.py does."""
    message = {
        "text": "quanto costa",
        "intent": {"name": "nlu_fallback", "confidence": 0.6, "outcome": "close", "candidates": candidates},
        "metadata": {"language": language, "turn_id": "t"},
    }
    user = {"event": "user", "text": "quanto costa", "parse_data": message}
    tracker = {
        "sender_id": "test", "slots": {"language": language, "requested_slot": None}, "latest_message": message,
        "events": [*more.get("events", []), {"event": "action", "name": "action_listen"}, user],
        "active_loop": {"name": more["loop"]} if "loop" in more else {}, "latest_action_name": "action_listen",
        "paused": False, "followup_action": None,
    }  # fmt: skip
    body = {"next_action": "action_not_understood", "sender_id": "test", "tracker": tracker,
            "domain": {"responses": responses()}}  # fmt: skip
    request = urllib.request.Request(
        f"{server.url}/webhook", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def said(found: dict[str, Any]) -> list[str]:
    """The names of the answers."""
    return [one["response"] for one in found["responses"] if one.get("response")]


@pytest.mark.parametrize(
    ("language", "titles"),
    [("it", ("La mia bolletta", "Prezzi e prodotti")), ("en", ("My bill", "Prices and products"))],
)
def test_two_close_topics_are_offered_by_their_titles(
    actions: ActionServer, language: str, titles: tuple[str, str]
) -> None:
    found = say(actions, CLOSE, language)
    assert said(found) == ["utter_did_you_mean"]
    one = found["responses"][0]
    assert (one["first"], one["second"]) == titles
    assert (one["first_topic"], one["second_topic"]) == ("bill_question", "price_availability")
    assert [event["name"] for event in found["events"] if event["event"] == "followup"] == ["action_listen"]


def test_how_long_for_a_person_is_told_and_the_person_is_a_tap_away(actions: ActionServer) -> None:
    assert said(say(actions, ["ask_wait", "ask_human"])) == ["utter_ask_wait"]


@pytest.mark.parametrize(
    "candidates", [["bill_question", "greet"], ["ask_human", "ask_bot"], []], ids=["small talk", "who", "none"]
)
def test_otherwise_other_words_are_asked_for(actions: ActionServer, candidates: list[str]) -> None:
    assert said(say(actions, candidates)) == ["utter_rephrase"]


def test_in_a_form_the_question_goes_on(actions: ActionServer) -> None:
    assert said(say(actions, CLOSE, loop="stock_form")) == ["utter_rephrase_aside"]


def test_after_it_a_second_miss_brings_a_person(actions: ActionServer) -> None:
    before = {"event": "user", "text": "x", "parse_data": {"intent": {"name": "nlu_fallback"}}}
    missed = [before, {"event": "action", "name": "action_not_understood"}]
    found = say(actions, CLOSE, events=missed)
    handoffs = [one["custom"]["handoff"] for one in found["responses"] if "handoff" in (one.get("custom") or {})]
    assert [handoff["reason"] for handoff in handoffs] == ["not_understood"]


def asked_which() -> list[dict[str, Any]]:
    """A turn that ended with "do you mean … or …?"."""
    bot = {"event": "bot", "text": "…", "data": {}, "metadata": {"utter_action": "utter_did_you_mean"}}
    return [*answered("nlu_fallback"), {"event": "action", "name": "action_not_understood"}, bot]


def test_neither_of_them_asks_for_other_words(actions: ActionServer) -> None:
    neither = actions.call("action_small_talk", text="nessuna delle due", intent="deny", events=asked_which())
    assert neither.said == ["utter_neither"]
    plain = actions.call("action_small_talk", text="no", intent="deny", events=answered("store_hours"))
    assert plain.said == ["utter_deny"]


def test_not_understood_after_neither_brings_a_person(actions: ActionServer) -> None:
    bot = {"event": "bot", "text": "…", "data": {}, "metadata": {"utter_action": "utter_neither"}}
    refused = [*asked_which(), *answered("deny"), {"event": "action", "name": "action_small_talk"}, bot]
    assert "utter_not_understood_again" in said(say(actions, [], events=refused))


@pytest.mark.parametrize("close", [["report_fault", "ask_human"], ["ask_human", "report_fault"]])
def test_who_may_have_asked_for_a_person_is_given_one(actions: ActionServer, close: list[str]) -> None:
    found = say(actions, close)
    wanted = [one["custom"]["handoff"] for one in found["responses"] if "handoff" in (one.get("custom") or {})]
    assert [(one["reason"], one["topic"]) for one in wanted] == [("asked", "report_fault")] and said(found) == []


def protest(actions: ActionServer, *, events: list[dict[str, Any]]) -> list[str]:
    """What is answered to "that is not what I asked"."""
    text = "non è quello che ho chiesto"
    return actions.call("action_not_understood", text=text, intent="misunderstood", events=events).said


def test_who_is_answered_something_else_is_asked_again_and_then_given_a_person(actions: ActionServer) -> None:
    first = answered("store_hours", "utter_store_open")
    assert protest(actions, events=first) == ["utter_neither"]
    second = [*first, *answered("misunderstood", "utter_neither"), *answered("find_store", "utter_store_open")]
    assert protest(actions, events=second) == ["utter_not_understood_again"]
    long_ago = [*second, *answered("thank", "utter_thank")]
    assert protest(actions, events=long_ago) == ["utter_neither"]
    taken_over = [*second, {"event": "bot", "text": None, "data": {"custom": {"handoff": {}}}}]
    assert protest(actions, events=taken_over) == ["utter_neither"]


def test_that_leaves_a_form_nobody_asked_for(actions: ActionServer) -> None:
    left = actions.call(
        "action_not_understood", text="ho chiesto altro", intent="misunderstood", loop="fault_form", asked="line"
    )
    assert left.said == ["utter_neither"]
    assert {"event": "active_loop", "name": None} in [
        {key: event[key] for key in ("event", "name")} for event in left.events if event["event"] == "active_loop"
    ]
