"""Bills and requests: the demo's customers, and the same systems over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.actions.conftest import ActionServer, Answer, FakeSystems, answered

#: Twelve days before the demo's bills fall due, and so on: see actions/backends/demo/billing.yml.
CUSTOMER = "VL-104233"
BILL: dict[str, Any] = {
    "number": "F1",
    "period": "2026-10",
    "due": "2026-11-30",
    "total": "34.90",
    "paid_on": None,
    "items": [{"key": "fibre", "name": {"it": "Viva Fibra"}, "amount": "34.90"}],
}
CASE: dict[str, Any] = {
    "number": "R-1",
    "subject": {"it": "rimborso", "en": "refund"},
    "status": "working",
    "opened": "2026-11-17",
    "expected": "2026-11-24",
}


def bill(server: ActionServer, text: str, customer: str | None = CUSTOMER, **more: Any) -> Answer:
    slots = {"verified_customer": customer, **more.pop("slots", {})}
    return server.call("action_bill_question", text=text, intent="bill_question", slots=slots, **more)


@pytest.mark.parametrize(
    ("customer", "said"),
    [
        ("VL-104233", "utter_bill_to_pay"),
        ("VL-118457", "utter_bill_paid"),
        ("VL-126790", "utter_bill_overdue"),
        ("VL-151276", "utter_bill_direct_debit"),
        ("VL-140912", "utter_bill_none"),
    ],
)
def test_each_state_of_a_bill_has_its_answer(actions: ActionServer, customer: str, said: str) -> None:
    assert bill(actions, "la mia bolletta", customer).said == [said]


def test_a_bill_needs_the_identity_and_the_question_survives_it(actions: ActionServer) -> None:
    asked = bill(actions, "perché la bolletta è così alta?", None)
    assert asked.said == [] and asked.slots["_bill_part"] == "why"
    assert {"event": "followup", "name": "identity_form"}.items() <= asked.events[-1].items()
    answered = bill(actions, "0147", slots={"_bill_part": "why"})
    assert answered.said == ["utter_bill_to_pay", "utter_bill_why_more"]
    assert answered.slots["_bill_part"] is None


def test_why_it_is_higher_names_what_changed(actions: ActionServer) -> None:
    why = bill(actions, "perché è più alta?").response("utter_bill_why_more")
    assert why["difference"] == "6,51 €" and why["before"] == "39,89 €"
    assert why["items"] == "chiamate verso l'estero +4,20 €; segreteria +2,31 €"
    english = bill(actions, "why is it higher?", language="en").response("utter_bill_why_more")
    assert english["items"] == "calls abroad +€4.20; voicemail +€2.31"


def test_lower_and_equal_bills_are_explained_too(actions: ActionServer) -> None:
    less = bill(actions, "come mai è cambiata?", "VL-133508").response("utter_bill_why_less")
    assert less["items"] == "rata dell'attivazione -9,90 €"
    assert bill(actions, "perché così?", "VL-118457").said[-1] == "utter_bill_why_same"


def test_buttons_ask_for_a_part_alone(actions: ActionServer) -> None:
    def tap(part: str, customer: str = CUSTOMER) -> list[str]:
        payload = f'/bill_question{{"bill_part": "{part}"}}'
        return bill(actions, payload, customer, entities={"bill_part": part}).said

    assert tap("why") == ["utter_bill_why_more"]
    assert tap("previous") == ["utter_bill_previous_paid"]
    assert tap("pay") == ["utter_bill_pay"]


def test_how_to_pay_needs_no_identity(actions: ActionServer) -> None:
    asked = "come si paga la bolletta", "devo pagare, come faccio", "posso pagarla in posta?", "where can i pay"
    for text in asked:
        assert bill(actions, text, None).said == ["utter_bill_pay"]
    assert bill(actions, "ho pagato in posta e risulta da pagare").said != ["utter_bill_pay"]


def test_a_bill_charged_twice_goes_to_a_person(actions: ActionServer) -> None:
    answer = bill(actions, "mi avete addebitato due volte la bolletta")
    handoff = answer.custom("handoff")
    assert answer.said == ["utter_bill_wrong"]
    assert handoff is not None and handoff["reason"] == "topic" and "46,40 €" in handoff["note"]
    assert CUSTOMER not in handoff["note"]


def test_bills_over_http(http_actions: ActionServer, systems: FakeSystems) -> None:
    systems.on(f"/customers/{CUSTOMER}/bills", (200, {"bills": [BILL]}))
    answer = bill(http_actions, "quanto devo pagare")
    assert answer.response("utter_bill_to_pay")["due"] == "il 30 novembre"
    assert bill(http_actions, "perché?").said[-1] == "utter_bill_why_first"
    assert systems.asked[0].query == {"limit": "2"}


def test_no_bills_and_broken_bills_over_http(http_actions: ActionServer, systems: FakeSystems) -> None:
    assert bill(http_actions, "bolletta").said == ["utter_bill_none"]
    for wrong in ({"bills": [{**BILL, "total": "a lot"}]}, {"bills": [{**BILL, "due": "soon"}]}, {"bills": 3}, {}):
        systems.on(f"/customers/{CUSTOMER}/bills", (200, wrong))
        assert bill(http_actions, "bolletta").said == ["utter_backend_down"], wrong
    systems.on(f"/customers/{CUSTOMER}/bills", (500, {}))
    down = bill(http_actions, "bolletta").custom("handoff")
    assert down is not None and down["reason"] == "backend_down" and down["topic"] == "bill_question"


def case(server: ActionServer, text: str = "a che punto è?", customer: str | None = None, **more: Any) -> Answer:
    slots = {"verified_customer": customer, **more.pop("slots", {})}
    return server.call("action_case_status", text=text, intent="case_status", slots=slots, **more)


def desk(*cases: tuple[str, str]) -> dict[str, Any]:
    days = [f"2026-11-{20 - age:02}T10:00:00+00:00" for age in range(len(cases))]
    return {
        "cases": [
            {"number": number, "status": status, "topic": "complaint", "opened_at": day}
            for (number, status), day in zip(cases, days, strict=True)
        ]
    }


def test_cases_of_the_desk_are_told_without_asking_who_it_is(actions: ActionServer) -> None:
    answer = case(actions, metadata=desk(("C-3", "closed"), ("C-2", "agent"), ("C-1", "waiting")))
    assert answer.said == ["utter_desk_case_agent", "utter_desk_case_waiting", "utter_case_more"]
    assert answer.response("utter_desk_case_agent") | {"number": "C-2", "opened": "il 19 novembre"} == answer.response(
        "utter_desk_case_agent"
    )
    assert case(actions, metadata=desk(("C-3", "closed"))).said[0] == "utter_desk_case_closed"


def test_a_case_that_the_desk_describes_badly_does_not_stop_the_others(actions: ActionServer) -> None:
    told = desk(("C-1", "waiting"))
    told["cases"].insert(0, {"number": "C-9", "status": "waiting"})
    assert case(actions, metadata=told).said == ["utter_desk_case_waiting", "utter_case_more"]


def test_what_this_chat_promised_is_told_and_admitted_when_late(actions: ActionServer) -> None:
    def promised(due: str) -> dict[str, Any]:
        return {"promises": [{"reference": "PIN-AB2C3", "due": due}]}

    soon = case(actions, metadata=promised("2026-11-21T12:00:00+00:00"))
    assert soon.response("utter_promised")["due"] == "oggi alle 13:00"
    assert case(actions, metadata=promised("2026-11-20T13:00:00+01:00")).said[0] == "utter_promised_late"


def test_nothing_known_here_asks_who_it_is_and_then_looks_in_the_companys_system(actions: ActionServer) -> None:
    asked = case(actions)
    assert asked.said == [] and asked.slots["_case_source"] == "company"
    told = case(actions, "0147", CUSTOMER, slots={"_case_source": "company"}, metadata=desk(("C-1", "waiting")))
    assert told.said == ["utter_case_working", "utter_case_solved"] and told.slots["_case_source"] is None


@pytest.mark.parametrize(
    ("customer", "said"),
    [
        ("VL-118457", "utter_case_waiting_customer"),
        ("VL-126790", "utter_case_received"),
        ("VL-140912", "utter_case_none"),
    ],
)
def test_each_state_of_a_request_has_its_answer(actions: ActionServer, customer: str, said: str) -> None:
    assert case(actions, customer=customer).said == [said]


def test_a_late_request_is_admitted_and_chased(actions: ActionServer) -> None:
    answer = case(actions, customer="VL-133508")
    handoff = answer.custom("handoff")
    assert answer.said == ["utter_case_late"]
    assert handoff is not None and handoff["reason"] == "topic" and "R-20410" in handoff["note"]


def test_requests_over_http(http_actions: ActionServer, systems: FakeSystems) -> None:
    path = f"/customers/{CUSTOMER}/cases"
    systems.on(path, (200, {"cases": [CASE, {**CASE, "number": "R-2", "expected": None}]}))
    answer = case(http_actions, customer=CUSTOMER, language="en")
    assert answer.said == ["utter_case_working", "utter_case_open_no_day"]
    assert answer.response("utter_case_working")["subject"] == "refund"
    for wrong in ({"cases": [{**CASE, "status": "lost"}]}, {"cases": [{}]}, {"cases": None}):
        systems.on(path, (200, wrong))
        assert case(http_actions, customer=CUSTOMER).said == ["utter_backend_down"], wrong


@pytest.mark.parametrize(
    "text", ["non mi torna", "it's not right", "è sbagliato", "this is too much!!", "non sono d'accordo"]
)
def test_a_bill_just_told_is_disputed_in_few_words(actions: ActionServer, text: str) -> None:
    bot = {"event": "bot", "text": "…", "data": {}, "metadata": {"utter_action": "utter_bill_to_pay"}}
    events = [{"event": "user", "text": "la mia bolletta"}, {"event": "action", "name": "action_bill_question"}, bot]
    told = {"events": events, "slots": {"verified_customer": CUSTOMER}}
    for action, intent in (("action_small_talk", "deny"), ("action_not_understood", "nlu_fallback")):
        answer = actions.call(action, text=text, intent=intent, **told)
        assert answer.said == ["utter_bill_wrong"] and (answer.custom("handoff") or {})["topic"] == "bill_question"
    assert actions.call("action_small_talk", text="no grazie", intent="deny", **told).said == ["utter_deny"]
    assert actions.call("action_small_talk", text=text, intent="deny").said == ["utter_deny"]


@pytest.mark.parametrize(
    ("text", "disputes"),
    [("scusate, ho sbagliato persona", False), ("sorry, wrong person", False), ("ma è sbagliata", True),
     ("avete sbagliato i conti", True), ("this is wrong", True)],
)  # fmt: skip
def test_who_was_wrong_themselves_disputes_no_bill(actions: ActionServer, text: str, disputes: bool) -> None:
    events = answered("bill_question", "utter_bill_why_more")
    answer = actions.call(
        "action_not_understood", text=text, events=events, slots={"verified_customer": "VL-104233"}
    )
    assert bool(answer.persons) == disputes
