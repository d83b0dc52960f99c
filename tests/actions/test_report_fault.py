"""A fault report: four facts, no report where an incident is known, one report per turn, a promise kept in data."""

from __future__ import annotations

from typing import Any

import pytest

from tests.actions.conftest import ActionServer, Answer, FakeSystems

FACTS = {
    "fault_line": "0555553107",
    "fault_since": "ieri",
    "fault_what": "internet non va",
    "contact_time": "sera",
}


OTHER_LINE = "0655508812"


def form(server: ActionServer, text: str, asked: str | None, **more: Any) -> Answer:
    return server.call("validate_fault_form", text=text, loop="fault_form", asked=asked, **more)


def test_the_number_of_the_first_message_is_not_asked_again(actions: ActionServer) -> None:
    answer = form(actions, "non va internet, il numero è 055 555 3107", None, intent="report_fault")
    assert answer.slots["fault_line"] == "0555553107" and answer.said == ["utter_question_fault_since"]


def test_a_known_incident_is_told_instead_of_a_report(actions: ActionServer) -> None:
    answer = form(actions, "0805550147", "fault_line")
    assert answer.said == ["utter_fault_known", "utter_incident_fixed", "utter_offer_watch_or_report"]
    assert answer.ends_form and answer.response("utter_offer_watch_or_report")["incident"] == "INC-1042"
    submit = actions.call("action_fault_submit", slots={"fault_line": "0805550147"})
    assert submit.responses == []


def test_in_spite_of_the_incident(actions: ActionServer) -> None:
    slots = {"fault_line": "0805550147"}
    opened = actions.call("action_report_fault", intent="report_fault", entities={"beyond": "INC-1042"}, slots=slots)
    assert opened.slots["_fault_beyond"] == "INC-1042" and opened.slots["fault_line"] == "0805550147"
    answer = form(actions, "/report_fault", None, intent="report_fault", slots=opened.slots)
    assert answer.said == ["utter_question_fault_since"]


def test_a_new_report_forgets_the_last_one(actions: ActionServer) -> None:
    answer = actions.call("action_report_fault", text="ho un guasto", intent="report_fault", slots=FACTS)
    assert all(answer.slots[name] is None for name in FACTS)


def test_answers_typed_or_tapped(actions: ActionServer) -> None:
    typed = form(actions, "da lunedì sera", "fault_since", slots={"fault_line": "0555553107"}, intent="greet")
    assert typed.slots["fault_since"] == "da lunedì sera" and typed.said == ["utter_question_fault_what"]
    tapped = form(actions, "/inform", "fault_what", intent="inform", entities={"fault_what": "internet lento"})
    assert tapped.slots["fault_what"] == "internet lento"
    story = form(actions, "non funziona niente, è una vergogna", "fault_what", intent="complaint")
    assert story.slots["fault_what"] == "non funziona niente, è una vergogna"


@pytest.mark.parametrize(
    ("text", "intent"), [("quando viene il tecnico?", "technician_appointment"), ("/store_hours", "store_hours")]
)
def test_another_topic_in_the_middle_leaves_the_form(actions: ActionServer, text: str, intent: str) -> None:
    assert form(actions, text, "fault_what", intent=intent, confidence=0.95).events == []


def test_a_foreign_number_is_checked_once_then_a_person(actions: ActionServer) -> None:
    once = form(actions, "0991234567", "fault_line")
    assert once.said == ["utter_fault_line_unknown"] and once.slots["requested_slot"] == "fault_line"
    twice = form(actions, "0991234567", "fault_line", slots={"_fault_unknown": True})
    assert (twice.custom("handoff") or {})["reason"] == "not_understood" and twice.ends_form


def test_a_verified_customer_taps_the_line(actions: ActionServer) -> None:
    slots = {"verified_customer": "VL-126790"}
    asked = form(actions, "non va", None, intent="report_fault", slots=slots)
    buttons = asked.response("utter_question_fault_line_own")["buttons"]
    assert [button["title"] for button in buttons] == ["0115553308", "3475552764"]
    assert buttons[0]["payload"] == '/inform{"fault_line": "0115553308"}'
    tapped = form(actions, "/inform", "fault_line", intent="inform", entities={"fault_line": "0115553308"})
    assert tapped.slots["fault_line"] == "0115553308"


def test_a_tram_has_no_fault_report(actions: ActionServer) -> None:
    answer = actions.call("action_report_fault", text="il tram 14 di milano è rotto", intent="report_fault")
    assert answer.said[0] == "utter_incident_transit"


def test_the_report_has_a_number_and_a_promise(actions: ActionServer) -> None:
    answer = actions.call("action_fault_submit", slots=FACTS, metadata={"turn_id": "t-9"})
    number = answer.response("utter_fault_reported")["number"]
    promised = answer.custom("promise")
    assert promised is not None and promised["reference"] == number and promised["due"][-6:] in ("+01:00", "+02:00")
    assert answer.slots["fault_report"] == number and answer.slots["fault_line"] is None
    again = actions.call("action_fault_submit", slots=FACTS, metadata={"turn_id": "t-9"})
    other = actions.call("action_fault_submit", slots=FACTS, metadata={"turn_id": "t-10"})
    assert again.response("utter_fault_reported")["number"] == number
    assert other.response("utter_fault_reported")["number"] != number


def test_a_report_over_http_carries_the_key_and_is_sent_once(http_actions: ActionServer, systems: FakeSystems) -> None:
    systems.on("/fault-reports", (200, {"number": "F-1", "due": "2026-11-23T18:00:00+01:00"}))
    answer = http_actions.call("action_fault_submit", slots=FACTS, metadata={"turn_id": "t-3"})
    assert answer.response("utter_fault_reported")["due"] == "lunedì 23 novembre alle 18:00"
    sent = systems.asked[0]
    assert sent.headers["Idempotency-Key"] == "t-3" and sent.body["number"] == "0555553107"
    systems.asked.clear()
    systems.on("/fault-reports", (500, {}))
    failed = http_actions.call("action_fault_submit", slots=FACTS, metadata={"turn_id": "t-4"})
    assert failed.said == ["utter_backend_down"] and len(systems.asked) == 1


def test_what_the_first_message_tells_of_the_time_is_not_asked_again(actions: ActionServer) -> None:
    for text, since in (
        ("nn mi va internet da ieri sera", "da ieri sera"), ("muto, sono tre giorni che chiamo", "sono tre giorni"),
        ("my line is dead since this morning", "since this morning"), ("it's been down for 3 days", "for 3 days"),
        ("internet non va da casa", None),
    ):  # fmt: skip
        opened = actions.call("action_report_fault", text=text, intent="report_fault")
        assert opened.slots["fault_since"] == since, text
    told = {"fault_since": "da ieri sera"}
    assert form(actions, OTHER_LINE, "fault_line", slots=told).slots["requested_slot"] == "fault_what"


@pytest.mark.parametrize("asked", ["fault_since", "fault_what", "contact_time"])
def test_the_number_may_be_put_right_while_something_else_is_asked(actions: ActionServer, asked: str) -> None:
    slots = {"fault_line": "0815554421", "fault_since": "oggi", "fault_what": "muto"}
    slots = dict(list(slots.items())[: ("fault_line", "fault_since", "fault_what", "contact_time").index(asked)])
    right = form(actions, f"no aspetta, è {OTHER_LINE}", asked, slots=slots)
    assert right.slots["fault_line"] == OTHER_LINE and right.slots["requested_slot"] == asked
    assert right.said == [f"utter_question_{asked}"]
    unknown = form(actions, "scusa il numero giusto è 347 1234567", asked, slots=slots)
    assert unknown.said == ["utter_fault_line_unknown"] and unknown.slots["requested_slot"] == "fault_line"


def test_a_number_to_call_back_is_no_other_line(actions: ActionServer) -> None:
    slots = {"fault_line": "0815554421", "fault_since": "oggi", "fault_what": "muto"}
    said = form(actions, "chiamatemi la sera al 340 5550182", "contact_time", slots=slots)
    assert said.slots["contact_time"] == "chiamatemi la sera al 340 5550182" and "fault_line" not in said.slots


@pytest.mark.parametrize(
    "text",
    ["06 5550 8812", "+39 06 55508812", "39 0655508812", "0039-06-5550-8812", "(06) 55508812", "+39 (0)6 55508812",
     "06–5550–8812", "0 6 5 5 5 0 8 8 1 2", "è lo 06/55508812!", "tel.06.5550.8812 grazie"],
)  # fmt: skip
def test_a_number_in_all_the_ways_people_write_one(actions: ActionServer, text: str) -> None:
    assert form(actions, text, "fault_line").slots["fault_line"] == OTHER_LINE


@pytest.mark.parametrize("text", ["+44 7700 900123", "VL-104233", "il 3/11/2026", "30 novembre 2026", "39,90 euro"])
def test_what_is_no_number_of_ours(actions: ActionServer, text: str) -> None:
    assert "fault_line" not in form(actions, text, "fault_line").slots


@pytest.mark.parametrize(
    ("asked", "text"),
    [("fault_line", "no ha ripreso grazie"), ("fault_since", "adesso va bene, grazie"), ("fault_what", "it's back now"),
     ("contact_time", "è tornata la linea")],
)  # fmt: skip
def test_what_works_again_is_reported_no_more(actions: ActionServer, asked: str, text: str) -> None:
    answer = form(actions, text, asked, intent="deny")
    assert answer.said == ["utter_fault_over"] and answer.slots["requested_slot"] is None


@pytest.mark.parametrize(
    ("asked", "text", "intent"),
    [("fault_since", "da lunedì", "goodbye"), ("fault_since", "tre giorni fa", "technician_appointment"),
     ("contact_time", "di pomeriggio", "store_hours"), ("contact_time", "after 5 pm", "activation_status")],
)  # fmt: skip
def test_a_time_is_an_answer_whatever_else_it_sounds_like(
    actions: ActionServer, asked: str, text: str, intent: str
) -> None:
    assert form(actions, text, asked, intent=intent, confidence=0.95).slots[asked] == text


@pytest.mark.parametrize(
    ("asked", "text", "intent"),
    [("fault_what", "sì", "affirm"), ("fault_what", "grazie", "thank"), ("fault_since", "ok", "affirm"),
     ("contact_time", "no", "deny")],
)  # fmt: skip
def test_a_word_that_tells_nothing_is_no_answer(actions: ActionServer, asked: str, text: str, intent: str) -> None:
    answer = form(actions, text, asked, intent=intent)
    assert answer.slots.get(asked) is None and answer.said == [f"utter_{asked}_unclear"]


@pytest.mark.parametrize(
    "text", ["ora va e viene", "ieri è tornata ma stasera no", "nothing works now", "è tornato il tecnico senza esito"]
)
def test_a_story_of_a_fault_goes_on(actions: ActionServer, text: str) -> None:
    assert form(actions, text, "fault_what", intent="report_fault").slots["fault_what"] == text


def test_what_is_told_before_it_is_asked_is_kept(actions: ActionServer) -> None:
    answer = form(actions, "da ieri sera", "fault_line", intent="store_hours", confidence=0.9)
    assert answer.slots["fault_since"] == "da ieri sera" and answer.said == ["utter_question_fault_line"]
    where = form(actions, "via roma 3 lecce", "fault_line", intent="find_store", confidence=0.9)
    assert where.said == ["utter_fault_line_unclear"]
    shop = form(actions, "dov'è il negozio di lecce?", "fault_line", intent="find_store", confidence=0.9)
    assert shop.said == [] and shop.events == []
