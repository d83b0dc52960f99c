"""Small talk, a person asked for, not understood, complaints, privacy: what the action server answers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.actions.conftest import ActionServer, Answer


def user(intent: str, text: str = "…") -> list[dict[str, Any]]:
    """A message of before, as it stands in the conversation's events."""
    return [
        {"event": "action", "name": "action_listen"},
        {"event": "user", "text": text, "parse_data": {"intent": {"name": intent, "confidence": 0.9}}},
    ]


def ran(action: str) -> list[dict[str, Any]]:
    return [{"event": "action", "name": action}, {"event": "bot", "text": "…", "data": {}, "metadata": {}}]


def follows(answer: Answer) -> list[str]:
    return [event["name"] for event in answer.events if event["event"] == "followup"]


def small_talk(server: ActionServer, intent: str, **more: Any) -> Answer:
    return server.call("action_small_talk", text="…", intent=intent, **more)


@pytest.mark.parametrize("intent", ["goodbye", "thank", "affirm", "deny", "ask_bot"])
def test_small_talk_has_an_answer_for_each(actions: ActionServer, intent: str) -> None:
    assert small_talk(actions, intent).said == [f"utter_{intent}"]


def test_the_first_hello_says_that_it_is_a_bot_and_a_later_one_does_not(actions: ActionServer) -> None:
    assert small_talk(actions, "greet", metadata={"first_turn": True}).said == ["utter_greet"]
    greeted = [*user("greet"), {"event": "bot", "text": "…", "data": {}, "metadata": {"utter_action": "utter_greet"}}]
    assert small_talk(actions, "greet", events=greeted).said == ["utter_greet_again"]
    assert small_talk(actions, "greet", events=user("bill_question")).said == ["utter_greet"]


def test_in_a_form_small_talk_is_an_aside_and_the_form_asks_again(actions: ActionServer) -> None:
    for intent, said in {"thank": ["utter_thank_aside"], "ask_bot": ["utter_ask_bot_aside"], "affirm": []}.items():
        answer = small_talk(actions, intent, loop="stock_form", asked="stock_town")
        assert (answer.said, follows(answer), answer.ends_form) == (said, ["stock_form"], False)


@pytest.mark.parametrize(("intent", "said"), [("deny", "utter_cancelled"), ("goodbye", "utter_goodbye")])
def test_no_and_goodbye_end_a_form(actions: ActionServer, intent: str, said: str) -> None:
    answer = small_talk(actions, intent, loop="stock_form", asked="stock_town")
    assert answer.said == [said] and answer.ends_form


def test_small_talk_that_is_only_a_guess_was_not_understood(actions: ActionServer) -> None:
    guess = small_talk(actions, "affirm", confidence=0.4)
    assert guess.said == [] and follows(guess) == ["action_not_understood"]
    tapped = actions.call("action_small_talk", text="/greet", intent="greet", confidence=0.4)
    assert tapped.said == ["utter_greet"]


def test_a_person_is_asked_for_with_the_topic_of_before_and_ends_a_form(actions: ActionServer) -> None:
    before = [*user("bill_question"), *user("thank")]
    answer = actions.call("action_ask_human", text="operatore", intent="ask_human", events=before, loop="stock_form")
    handoff = answer.custom("handoff")
    assert answer.said == [] and answer.ends_form
    assert handoff is not None and (handoff["reason"], handoff["topic"]) == ("asked", "bill_question")


def not_understood(server: ActionServer, events: list[dict[str, Any]], **more: Any) -> Answer:
    return server.call("action_not_understood", text="xyz", intent="nlu_fallback", events=events, **more)


def test_not_understood_once_is_rephrased_and_twice_in_a_row_brings_a_person(actions: ActionServer) -> None:
    missed = [*user("nlu_fallback"), *ran("action_not_understood")]
    assert not_understood(actions, []).said == ["utter_rephrase"]
    second = not_understood(actions, missed)
    assert second.said == ["utter_not_understood_again"]
    assert (second.custom("handoff") or {})["reason"] == "not_understood"


@pytest.mark.parametrize(
    "between",
    [
        [*user("greet"), *ran("action_small_talk")],
        [{"event": "session_started"}],
        [{"event": "bot", "text": None, "data": {"custom": {"handoff": {"reason": "not_understood"}}}}],
    ],
    ids=["another message", "a new session", "a person already asked"],
)
def test_the_count_begins_anew_after(actions: ActionServer, between: list[dict[str, Any]]) -> None:
    missed = [*user("nlu_fallback"), *ran("action_not_understood")]
    assert not_understood(actions, [*missed, *between]).said == ["utter_rephrase"]


def test_not_understood_in_a_form_keeps_it_the_first_time_and_ends_it_the_second(actions: ActionServer) -> None:
    first = not_understood(actions, [], loop="stock_form", asked="stock_town")
    assert (first.said, follows(first), first.ends_form) == (["utter_rephrase_aside"], ["stock_form"], False)
    missed = [*user("nlu_fallback"), *ran("action_default_fallback")]
    second = not_understood(actions, missed, loop="stock_form", asked="stock_town")
    assert second.custom("handoff") and second.ends_form


def test_a_thumb_up_is_thanked_for_and_not_counted(actions: ActionServer) -> None:
    answer = actions.call("action_not_understood", text="👍🏻", intent="nlu_fallback")
    assert answer.said == ["utter_thank"]
    bot = {"event": "bot", "text": "…", "data": {}, "metadata": {"utter_action": "utter_thank"}}
    before = [*user("nlu_fallback", "👍🏻"), {"event": "action", "name": "action_not_understood"}, bot]
    assert not_understood(actions, before).said == ["utter_rephrase"]


def test_rasas_own_fallback_answers_too(actions: ActionServer) -> None:
    answer = actions.call("action_default_fallback", text="xyz")
    assert answer.said == ["utter_rephrase"] and follows(answer) == ["action_listen"]


def test_a_complaint_goes_to_a_person_who_knows_of_open_cases(actions: ActionServer) -> None:
    cases = [
        {"number": "C-1", "status": "waiting", "topic": "complaint", "opened_at": "2026-11-20T09:00:00+00:00"},
        {"number": "C-0", "status": "closed", "topic": "complaint", "opened_at": "2026-10-20T09:00:00+00:00"},
    ]
    answer = actions.call("action_complaint", text="vergogna", intent="complaint", metadata={"cases": cases})
    handoff = answer.custom("handoff")
    assert answer.said == ["utter_complaint"]
    assert handoff is not None and handoff["reason"] == "complaint" and handoff["note"] == "complaint_again: C-1"


def privacy(server: ActionServer, text: str, **more: Any) -> Answer:
    return server.call("action_privacy_request", text=text, intent="privacy_request", **more)


def test_what_is_kept_is_told_without_a_person(actions: ActionServer) -> None:
    answer = privacy(actions, "che dati avete su di me?")
    assert answer.said == ["utter_privacy_what"] and answer.custom("handoff") is None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("voglio una copia dei miei dati", "copy"),
        ("can i get an export of my data", "copy"),
        ("cancellate tutto", "erase"),
        ("please erase my data", "erase"),
        ("togliete il mio numero", "erase"),
    ],
)
def test_a_copy_or_an_erasure_is_promised_within_thirty_days(actions: ActionServer, text: str, kind: str) -> None:
    answer = privacy(actions, text)
    assert answer.said == [f"utter_privacy_{kind}"]
    assert answer.response(f"utter_privacy_{kind}")["due"] == "il 21 dicembre"
    assert (answer.custom("promise") or {})["due"].startswith("2026-12-21T18:00")
    assert (answer.custom("handoff") or {})["reason"] == "topic"


def test_a_button_says_which(actions: ActionServer) -> None:
    tapped = privacy(actions, '/privacy_request{"privacy_kind": "erase"}', entities={"privacy_kind": "erase"})
    assert tapped.said == ["utter_privacy_erase"] and tapped.slots["privacy_kind"] == "erase"


@pytest.mark.parametrize(
    "text", ["ciao, parli italiano?", "do you speak English?", "english please", "can I write in english", "inglese"]
)
def test_which_languages_it_speaks(actions: ActionServer, text: str) -> None:
    assert actions.call("action_small_talk", text=text, intent="ask_bot").said == ["utter_ask_language"]
    unsure = actions.call("action_not_understood", text=text)
    assert unsure.said == ["utter_ask_language"] and follows(unsure) == ["action_listen"]
    asked = actions.call("action_small_talk", text=text, intent="ask_bot", loop="stock_form", asked="stock_town")
    assert asked.said == ["utter_ask_language"] and follows(asked) == ["stock_form"]


@pytest.mark.parametrize("text", ["c'è qualcuno che parla inglese?", "an agent who speaks english", "parli con me?"])
def test_who_wants_a_person_of_a_language_is_not_answered_about_the_bot(actions: ActionServer, text: str) -> None:
    assert actions.call("action_not_understood", text=text).said == ["utter_rephrase"]


@pytest.mark.parametrize(
    "text", ["un attimo", "aspetta che lo cerco", "hold on, let me check", "ok, un momento per favore"]
)
def test_who_needs_a_moment_has_it(actions: ActionServer, text: str) -> None:
    assert actions.call("action_not_understood", text=text).said == ["utter_take_your_time"]
    asked = actions.call("validate_identity_form", text=text, loop="identity_form", asked="customer_code")
    assert asked.said == ["utter_take_your_time"] and asked.slots["requested_slot"] == "customer_code"


def test_a_moment_with_an_answer_in_it_is_the_answer(actions: ActionServer) -> None:
    text = "aspetta eccolo VL-104233"
    asked = actions.call("validate_identity_form", text=text, loop="identity_form", asked="customer_code")
    assert asked.slots["customer_code"] == "VL-104233"
    assert actions.call("action_not_understood", text="ok lo prendo").said == ["utter_rephrase"]
