"""The identity check: tolerant of how people type, silent about what was wrong, three tries, no way around it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.actions.conftest import ActionServer, Answer, FakeSystems

GIULIA = "VL-104233"


def form(server: ActionServer, text: str, asked: str | None, **more: Any) -> Answer:
    return server.call("validate_identity_form", text=text, loop="identity_form", asked=asked, **more)


def followups(answer: Answer) -> list[str]:
    return [event["name"] for event in answer.events if event["event"] == "followup"]


@pytest.mark.parametrize(
    "text",
    ["VL-104233", "vl 104 233", "v.l. 104233", "VL104233", "104233", "è vl_104233 grazie", "il codice: Vl104.233"],
)
def test_the_code_as_people_type_it(actions: ActionServer, text: str) -> None:
    answer = form(actions, text, "customer_code")
    assert answer.slots["customer_code"] == GIULIA
    assert answer.said == ["utter_question_identity_fact"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("0147", "line_digits"),
        ("le ultime sono 0 1 8 2", "line_digits"),
        ("080 555 0147", "line_digits"),
        ("+39 340 555 0182", "line_digits"),
        ("frrgli81c52a662n", "tax_code"),
        ("FRR GLI 81C52 A662N", "tax_code"),
        ("frrgli8ic52a662n", "tax_code"),
        ("12/03/1981", "birth_date"),
        ("12.3.81", "birth_date"),
        ("sono nata il 12 marzo 1981", "birth_date"),
        ("12031981", "birth_date"),
        ("March 12, 1981", "birth_date"),
    ],
)
def test_any_one_fact_verifies_and_is_not_kept(actions: ActionServer, text: str, kind: str) -> None:
    answer = form(actions, text, "identity_fact", slots={"customer_code": GIULIA})
    assert answer.said == ["utter_identity_ok"]
    assert (answer.slots["verified_customer"], answer.slots["identity_fact"]) == (GIULIA, kind)
    assert text not in [str(value) for value in answer.slots.values()]


def test_both_in_one_message(actions: ActionServer) -> None:
    answer = form(actions, "sono VL-104233, finisce per 0147", "customer_code")
    assert answer.slots["verified_customer"] == GIULIA


@pytest.mark.parametrize("code", [GIULIA, "VL-999999"])
def test_a_wrong_code_and_a_wrong_fact_read_the_same(actions: ActionServer, code: str) -> None:
    fact = "0148" if code == GIULIA else "0147"
    answer = form(actions, fact, "identity_fact", slots={"customer_code": code})
    assert answer.said == ["utter_identity_wrong"]
    assert "verified_customer" not in answer.slots
    assert (answer.slots["customer_code"], answer.slots["identity_fact"]) == (None, None)
    assert (answer.slots["_identity_tries"], answer.slots["requested_slot"]) == (1, "customer_code")


def test_the_third_wrong_pair_goes_to_a_person_and_locks(actions: ActionServer) -> None:
    slots = {"customer_code": GIULIA, "_identity_tries": 2, "_pending_topic": "bill_question"}
    answer = form(actions, "1111", "identity_fact", slots=slots)
    handoff = answer.custom("handoff")
    assert handoff is not None and handoff["reason"] == "identity_failed" and handoff["topic"] == "bill_question"
    assert answer.ends_form and answer.slots["_identity_tries"] == 3
    assert GIULIA not in handoff["note"]
    again = actions.call("action_activation_status", intent="activation_status", slots={"_identity_tries": 3})
    assert followups(again) == ["action_identity_locked"]
    locked = actions.call("action_identity_locked", slots={"_identity_tries": 3})
    assert (locked.custom("handoff") or {})["reason"] == "identity_failed"


@pytest.mark.parametrize(
    ("pending", "topic"), [("book_slot", "technician_appointment"), ("case_status", "case_status"), (None, "identity")]
)
def test_who_failed_goes_to_the_team_of_what_was_asked(actions: ActionServer, pending: str | None, topic: str) -> None:
    locked = actions.call("action_identity_locked", slots={"_identity_tries": 3, "_pending_topic": pending})
    assert (locked.custom("handoff") or {})["topic"] == topic


def test_a_topic_waits_for_the_check_and_then_answers_by_itself(actions: ActionServer) -> None:
    asked = actions.call("action_activation_status", text="dov'è il mio ordine? VL104233", intent="activation_status")
    assert asked.slots["_pending_topic"] == "activation_status" and asked.slots["customer_code"] == GIULIA
    assert followups(asked) == ["identity_form"] and asked.responses == []
    slots = {"_pending_topic": "activation_status", "verified_customer": GIULIA, "identity_fact": "line_digits"}
    done = actions.call("action_identity_done", text="0147", slots=slots)
    assert done.said == ["utter_activation_technician", "utter_activation_when"]
    assert done.slots["_pending_topic"] is None


def test_a_form_left_half_way_says_nothing(actions: ActionServer) -> None:
    done = actions.call("action_identity_done", slots={"_pending_topic": "activation_status"})
    assert done.responses == [] and done.slots["_pending_topic"] is None


def test_a_number_of_the_first_message_is_no_wrong_try(actions: ActionServer) -> None:
    answer = form(actions, "VL-104233 ordine del 2026", None, slots={"customer_code": GIULIA})
    assert answer.said == ["utter_question_identity_fact"] and "_identity_tries" not in answer.slots


def test_who_does_not_know_the_code_is_told_where_it_is_then_helped(actions: ActionServer) -> None:
    for text in ("non lo so", "non ce l'ho", "boh non ricordo", "where do I find it?"):
        once = form(actions, text, "customer_code", intent="request_pin", confidence=0.6)
        assert once.said == ["utter_customer_code_help"] and once.slots["requested_slot"] == "customer_code"
    slots = {"_pending_topic": "case_status", **once.slots}
    twice = form(actions, "non lo trovo", "customer_code", slots=slots)
    assert (twice.custom("handoff") or {})["topic"] == "case_status" and twice.ends_form


def test_unreadable_once_is_explained_twice_is_a_person(actions: ActionServer) -> None:
    once = form(actions, "quello di prima", "customer_code")
    assert once.said == ["utter_customer_code_unclear"] and once.slots["requested_slot"] == "customer_code"
    twice = form(actions, "mah", "customer_code", slots={"_form_misses": 1})
    assert (twice.custom("handoff") or {})["reason"] == "not_understood" and twice.ends_form


@pytest.mark.parametrize(
    ("text", "intent", "confidence"),
    [
        ("/ask_human", "ask_human", 1.0),
        ("una persona", "ask_human", 0.6),
        ("guasti a bari?", "line_status", 0.5),
        ("no grazie", "deny", 0.9),
    ],
)
def test_a_person_or_another_topic_is_let_through(
    actions: ActionServer, text: str, intent: str, confidence: float
) -> None:
    answer = form(actions, text, "customer_code", intent=intent, confidence=confidence)
    assert answer.events == [] and answer.responses == []


def test_never_mind_ends_it(actions: ActionServer) -> None:
    for text, intent in (("annulla", "nlu_fallback"), ("lascia stare", "deny"), ("/cancel_form", "cancel_form")):
        answer = form(actions, text, "identity_fact", intent=intent)
        assert answer.said == ["utter_cancelled"] and answer.ends_form


def test_the_register_over_http(http_actions: ActionServer, systems: FakeSystems) -> None:
    customer = {"code": GIULIA, "first_name": "Giulia", "lines": ["0805550147"]}
    systems.on("/identity-checks", (200, {"verified": True, "customer": customer}))
    answer = form(http_actions, "12/03/1981", "identity_fact", slots={"customer_code": GIULIA})
    assert answer.slots["verified_customer"] == GIULIA
    asked = systems.asked[0]
    assert asked.body == {"customer_code": GIULIA, "fact": {"kind": "birth_date", "value": "1981-03-12"}}
    assert asked.headers["Idempotency-Key"] == "turn-1" and not asked.query
    systems.on("/identity-checks", (200, {"verified": False}))
    refused = form(http_actions, "0000", "identity_fact", slots={"customer_code": GIULIA})
    assert refused.said == ["utter_identity_wrong"]


def test_a_broken_register_verifies_nobody(http_actions: ActionServer, systems: FakeSystems) -> None:
    answers: tuple[tuple[int, Any], ...] = ((500, {}), (200, {"verified": True}), (200, []))
    for answer in answers:
        systems.on("/identity-checks", answer)
        result = form(http_actions, "0147", "identity_fact", slots={"customer_code": GIULIA})
        assert result.said == ["utter_backend_down"] and result.ends_form
        assert "verified_customer" not in result.slots and "_identity_tries" not in result.slots


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("zero uno quattro sette", "line_digits"),
        ("zero ottanta cinque cinque cinque zero uno quattro sette", "line_digits"),
        ("dodici marzo millenovecentottantuno", "birth_date"),
        ("il dodici marzo millenovecentoottantuno", "birth_date"),
        ("twelve march nineteen eighty one", "birth_date"),
    ],
)
def test_a_fact_as_dictation_writes_it(actions: ActionServer, text: str, kind: str) -> None:
    answer = form(actions, text, "identity_fact", slots={"customer_code": GIULIA})
    assert (answer.slots["verified_customer"], answer.slots["identity_fact"]) == (GIULIA, kind)


@pytest.mark.parametrize("text", ["uno giugno ventı", "ventı giugno millenovecentoottanta"])
def test_letters_of_another_alphabet_in_a_number_are_no_trouble(actions: ActionServer, text: str) -> None:
    answer = form(actions, text, "identity_fact", slots={"customer_code": GIULIA})
    assert answer.slots["requested_slot"] == "identity_fact" or "_identity_tries" in answer.slots


def test_a_code_as_dictation_writes_it(actions: ActionServer) -> None:
    answer = form(actions, "vl uno zero quattro due tre tre", "customer_code")
    assert answer.slots["customer_code"] == GIULIA
    assert "customer_code" not in form(actions, "sono due o tre giorni che aspetto", "customer_code").slots


@pytest.mark.parametrize(
    "text",
    ["VL-104233 0147", "codice VL-104233, ultime 4 cifre 0147, quando viene il tecnico?",
     "mi chiamo Giulia, VL-104233, nata il 12/03/1981, a che punto è la fibra", "vl104233 12/3/81 quanto devo pagare"],
)  # fmt: skip
def test_what_the_first_message_holds_is_not_asked_again(actions: ActionServer, text: str) -> None:
    assert form(actions, text, None).slots["verified_customer"] == GIULIA


@pytest.mark.parametrize("text", ["VL-104233 la bolletta 2026", "VL-104233, visita del 12/03/2026"])
def test_figures_of_a_first_message_are_no_wrong_fact(actions: ActionServer, text: str) -> None:
    answer = form(actions, text, None)
    assert answer.said == ["utter_question_identity_fact"] and "_identity_tries" not in answer.slots


def test_after_a_wrong_pair_another_fact_is_enough(actions: ActionServer) -> None:
    wrong = form(actions, "3/12/1981", "identity_fact", slots={"customer_code": GIULIA})
    assert wrong.said == ["utter_identity_wrong"]
    right = form(actions, "no, 12/3/1981", "customer_code", slots=wrong.slots)
    assert right.slots["verified_customer"] == GIULIA
    # It counts like any other try.
    again = form(actions, "9999", "customer_code", slots=wrong.slots)
    assert again.slots["_identity_tries"] == 2
