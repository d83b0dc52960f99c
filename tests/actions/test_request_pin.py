"""The PIN: which one, for whom, the codice fiscale, and one request per turn."""

from __future__ import annotations

from typing import Any

import pytest

from tests.actions.conftest import ActionServer, Answer

CODE = "RSSMRA80A01H501U"
#: Made up, with a right control character; the demo has no contract under it.
STRANGER = "ZZZZZZ00A01H501K"
DONE = {"pin_kind": "customer_area", "pin_holder": "self", "_fiscal_code": CODE}


def form(server: ActionServer, text: str, asked: str | None, **more: Any) -> Answer:
    return server.call("validate_pin_form", text=text, loop="pin_form", asked=asked, **more)


def test_the_first_message_is_read_for_what_it_already_says(actions: ActionServer) -> None:
    nothing = form(actions, "mi serve il pin", None, intent="request_pin")
    assert nothing.said == ["utter_question_pin_kind"]
    kind = form(actions, "la sim mi chiede il puk", None, intent="request_pin")
    assert kind.slots["pin_kind"] == "sim_puk" and kind.said == ["utter_question_pin_holder"]
    code = form(actions, f"pin area clienti, cf {CODE.lower()}", None, intent="request_pin")
    assert (code.slots["pin_kind"], code.slots["_fiscal_code"]) == ("customer_area", CODE)


def test_what_the_last_request_left_is_forgotten(actions: ActionServer) -> None:
    again = form(actions, "mi serve il pin", None, intent="request_pin", slots=DONE)
    assert again.said == ["utter_question_pin_kind"]
    assert again.slots["pin_holder"] is None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("quello dell'app", "customer_area"),
        ("area clienti", "customer_area"),
        ("della scheda", "sim_pin"),
        ("il telefono", "sim_pin"),
        ("puck", "sim_puk"),
        ("my sim is locked", "sim_puk"),
    ],
)
def test_the_kind_in_the_customers_words(actions: ActionServer, text: str, kind: str) -> None:
    assert form(actions, text, "pin_kind").slots["pin_kind"] == kind


@pytest.mark.parametrize(
    ("text", "holder"), [("si", "self"), ("sono io", "self"), ("no, mia madre", "other"), ("mio marito", "other")]
)
def test_for_whom(actions: ActionServer, text: str, holder: str) -> None:
    assert form(actions, text, "pin_holder", slots={"pin_kind": "sim_pin"}).slots["pin_holder"] == holder


@pytest.mark.parametrize(
    "text",
    [
        "RSSMRA80A01H501U", "rss mra 80a01 h501u", "è RSSMRA8OA01H5O1U grazie", "CF:rssmra80a01h501u.",
        pytest.param("a " * 2000 + "RSSMRA80A01H501U", id="behind all that fits into a message"),
    ],
)  # fmt: skip
def test_a_codice_fiscale_as_people_type_it(actions: ActionServer, text: str) -> None:
    ready = form(actions, text, "_fiscal_code", slots={"pin_kind": "sim_pin", "pin_holder": "self"})
    assert ready.slots["_fiscal_code"] == CODE
    assert ready.said == []


def test_a_wrong_codice_fiscale_is_explained_once_then_a_person(actions: ActionServer) -> None:
    slots: dict[str, Any] = {"pin_kind": "sim_pin", "pin_holder": "self"}
    wrong = form(actions, "RSSMRA80A01H501X", "_fiscal_code", slots=slots)
    assert wrong.said == ["utter_fiscal_code_wrong"]
    none = form(actions, "non ce l'ho qui", "_fiscal_code", slots=slots)
    assert none.said == ["utter__fiscal_code_unclear"]
    second = form(actions, "boh", "_fiscal_code", slots=slots | wrong.slots)
    handoff = second.custom("handoff")
    assert handoff is not None and handoff["reason"] == "not_understood"
    assert second.ends_form and second.slots["pin_kind"] is None


def test_another_topic_leaves_the_form(actions: ActionServer) -> None:
    bill = form(actions, "la mia bolletta è troppo alta", "pin_holder", intent="bill_question", slots=DONE)
    assert bill.events == [] and bill.responses == []
    new = form(actions, "dove parcheggio?", "_fiscal_code", intent="a_topic_that_an_editor_added", slots=DONE)
    assert new.events == [] and new.responses == []
    person = form(actions, "voglio una persona", "_fiscal_code", intent="ask_human")
    assert person.events == []


def test_never_mind(actions: ActionServer) -> None:
    stopped = form(actions, "annulla", "_fiscal_code", slots=DONE)
    assert stopped.said == ["utter_cancelled"] and stopped.ends_form
    assert stopped.slots["_fiscal_code"] is None


def test_the_request_has_a_number_and_a_time_and_shows_no_code(actions: ActionServer) -> None:
    made = actions.call("action_request_pin", text=CODE, slots=DONE, metadata={"turn_id": "turn-40"})
    done = made.response("utter_pin_done_customer_area")
    assert done["due"] == "oggi alle 13:00" and done["fiscal_code"] == "RSS…01U"
    promise = made.custom("promise")
    assert promise is not None
    assert promise["reference"] == done["number"] and promise["due"] == "2026-11-21T13:00:00+01:00"
    assert made.slots["_fiscal_code"] is None and made.slots["fiscal_code"] == "RSS…01U"
    assert CODE not in str(made.responses)


def test_one_turn_makes_one_request(actions: ActionServer) -> None:
    def number(turn: str) -> str:
        made = actions.call("action_request_pin", slots=DONE, metadata={"turn_id": turn})
        return str(made.response("utter_pin_done_customer_area")["number"])

    assert number("turn-50") == number("turn-50")
    assert number("turn-50") != number("turn-51")


def test_somebody_elses_contract_goes_to_the_holder(actions: ActionServer) -> None:
    made = actions.call("action_request_pin", slots=DONE | {"pin_holder": "other", "pin_kind": "sim_puk"})
    assert made.said == ["utter_pin_done_sim_puk_other"]


def test_no_contract_under_this_code(actions: ActionServer) -> None:
    slots: dict[str, Any] = DONE | {"_fiscal_code": STRANGER}
    first = actions.call("action_request_pin", slots=slots)
    assert first.said == ["utter_pin_unknown_customer"] and first.custom("promise") is None
    second = actions.call("action_request_pin", slots=slots | {"_pin_misses": first.slots["_pin_misses"]})
    handoff = second.custom("handoff")
    assert handoff is not None and handoff["reason"] == "identity_failed"


def test_nothing_is_requested_when_the_form_ended_before(actions: ActionServer) -> None:
    silent = actions.call("action_request_pin", slots={"pin_kind": "sim_pin"})
    assert silent.responses == [] and "pin_request" not in silent.slots


def test_an_answer_given_before_may_be_put_right(actions: ActionServer) -> None:
    slots = {"pin_kind": "sim_pin"}
    kind = form(actions, "no scusa, volevo il puk", "pin_holder", slots=slots)
    assert kind.slots["pin_kind"] == "sim_puk" and "pin_holder" not in kind.slots
    assert kind.said == ["utter_question_pin_holder"]
    holder = form(actions, "aspetta, è intestato a mio marito", "_fiscal_code", slots={**slots, "pin_holder": "self"})
    assert holder.slots["pin_holder"] == "other" and holder.said == ["utter_question__fiscal_code"]
    again = form(actions, "no aspetta il pin", "pin_holder", slots={"pin_kind": "sim_puk"}, intent="request_pin")
    assert again.slots["pin_kind"] is None and again.said == ["utter_question_pin_kind"]
    mine = form(actions, "è intestato a me", "_fiscal_code", slots={**slots, "pin_holder": "other"})
    assert mine.slots["pin_holder"] == "self"
    assert form(actions, "no", "pin_holder", slots=slots).slots["pin_holder"] == "other"


def test_a_letter_of_single_characters_takes_no_memory(actions: ActionServer) -> None:
    """All ways to put a thousand words together are gigabytes for the longest letter that a customer can send."""
    before = actions.most_memory()
    slots = {"pin_kind": "sim_pin", "pin_holder": "self"}
    strange = form(actions, "a 1 " * 600, "_fiscal_code", slots=slots)
    assert strange.said == ["utter_fiscal_code_wrong"]
    assert actions.most_memory() - before < 100 * 2**20
    code = form(actions, f"{'a ' * 500} {' '.join(CODE)} {'b ' * 500}", "_fiscal_code", slots=slots)
    assert code.slots["_fiscal_code"] == CODE
