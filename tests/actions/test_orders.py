"""Orders and the technician's visit: what is told, and moving the visit once, for its owner only."""

from __future__ import annotations

from typing import Any

import pytest

from tests.actions.conftest import ActionServer, Answer, FakeSystems, answered

GIULIA, MARCO, AMINA, LUCA, SOFIA = "VL-104233", "VL-118457", "VL-126790", "VL-133508", "VL-140912"
VISIT = {
    "id": "APT-1",
    "start": "2026-11-24T08:00:00Z",
    "end": "2026-11-24T11:00:00Z",
    "address": "via Prova 1, Lecce",
    "technician": "Anna Greco",
    "movable": True,
}
SLOTS = {"slots": [{"id": "S1", "start": "2026-11-25T14:00:00+01:00", "end": "2026-11-25T17:00:00+01:00"}]}


def run(server: ActionServer, action: str, customer: str | None, text: str = "", **more: Any) -> Answer:
    slots = {"verified_customer": customer, **more.pop("slots", {})}
    return server.call(f"action_{action}", text=text, slots=slots, **more)


@pytest.mark.parametrize(
    ("customer", "responses"),
    [
        (GIULIA, ["utter_activation_technician", "utter_activation_when"]),
        (MARCO, ["utter_activation_porting", "utter_activation_when"]),
        (AMINA, ["utter_activation_late"]),
        (SOFIA, ["utter_activation_shipped", "utter_activation_when"]),
        (LUCA, ["utter_activation_none"]),
    ],
)
def test_how_far_the_order_is(actions: ActionServer, customer: str, responses: list[str]) -> None:
    # The demo's days count from the machine's today, so the turn's time must be the machine's too.
    assert run(actions, "activation_status", customer, metadata={"now": None}).said == responses


@pytest.mark.parametrize("action", ["activation_status", "technician_appointment", "move_appointment", "book_slot"])
def test_nothing_without_the_identity_check(actions: ActionServer, action: str) -> None:
    answer = run(actions, action, None, "quando viene?", entities={"time_slot": "20261201-09"})
    assert answer.responses == []
    assert [event["name"] for event in answer.events if event["event"] == "followup"] == ["identity_form"]


def test_the_visit_and_its_next_step(actions: ActionServer) -> None:
    assert run(actions, "technician_appointment", LUCA).said == ["utter_appointment_near"]
    assert run(actions, "technician_appointment", MARCO).said == ["utter_appointment_none"]
    assert run(actions, "move_appointment", LUCA).said == ["utter_appointment_near"]


def test_the_wish_to_move_survives_the_identity_check(actions: ActionServer) -> None:
    asked = run(actions, "technician_appointment", None, "devo spostare il tecnico")
    assert asked.slots["_move_wanted"]
    slots = {"_pending_topic": "technician_appointment", "_move_wanted": True}
    done = run(actions, "identity_done", GIULIA, "0147", slots=slots)
    assert done.said == ["utter_slots_offer"] and done.slots["_move_wanted"] is None


def test_windows_fit_a_quick_reply_and_a_tap_moves_once(actions: ActionServer) -> None:
    for language in ("it", "en"):
        offered = run(actions, "move_appointment", GIULIA, language=language).response("utter_slots_offer")
        titles = [button["title"] for button in offered["buttons"]]
        assert titles and len(set(titles)) == len(titles) and all(len(title) <= 20 for title in titles)
    payload = offered["buttons"][-1]["payload"]
    chosen = payload.split('"')[3]
    assert payload == f'/book_slot{{"time_slot": "{chosen}"}}'
    for turn in ("t-1", "t-1", "t-2"):
        moved = run(
            actions, "book_slot", GIULIA, payload, entities={"time_slot": chosen}, metadata={"turn_id": turn}
        )
        assert moved.said == ["utter_appointment_moved"]
        assert (moved.custom("promise") or {})["reference"] == "APT-5521"


def test_a_window_that_is_gone(actions: ActionServer) -> None:
    answer = run(actions, "book_slot", GIULIA, entities={"time_slot": "20200101-09"}, metadata={"turn_id": "t-5"})
    assert answer.said == ["utter_slot_taken", "utter_slots_offer"] and answer.custom("promise") is None


def test_visits_over_http(http_actions: ActionServer, systems: FakeSystems) -> None:
    systems.on("/appointments", (200, {"appointments": [VISIT]}))
    systems.on("/appointments/APT-1/free-slots", (200, SLOTS))
    told = run(http_actions, "technician_appointment", GIULIA).response("utter_appointment")
    assert (told["day"], told["from_hour"], told["technician"]) == ("martedì 24 novembre", "9:00", "Anna Greco")
    assert systems.asked[0].query == {"customer": GIULIA}
    offered = run(http_actions, "move_appointment", GIULIA).response("utter_slots_offer")
    assert [button["title"] for button in offered["buttons"]] == ["mer 25 nov 14-17"]
    moved_to = {**VISIT, **{key: SLOTS["slots"][0][key] for key in ("start", "end")}}
    systems.on("/appointments/APT-1/moves", (200, {"moved": True, "appointment": moved_to}))
    moved = run(http_actions, "book_slot", GIULIA, entities={"time_slot": "S1"}, metadata={"turn_id": "t-7"})
    assert moved.response("utter_appointment_moved")["from_hour"] == "14:00"
    assert (moved.custom("promise") or {})["due"] == "2026-11-25T17:00:00+01:00"
    sent = systems.asked[-1]
    assert sent.body == {"slot": "S1"} and sent.headers["Idempotency-Key"] == "t-7"


def test_a_window_taken_meanwhile_over_http(http_actions: ActionServer, systems: FakeSystems) -> None:
    systems.on("/appointments", (200, {"appointments": [VISIT]}))
    systems.on("/appointments/APT-1/free-slots", (200, SLOTS))
    systems.on("/appointments/APT-1/moves", (200, {"moved": False}))
    answer = run(http_actions, "book_slot", GIULIA, entities={"time_slot": "S1"})
    assert answer.said == ["utter_slot_taken", "utter_slots_offer"]


def test_a_move_that_may_have_happened_is_said_to_the_agent(http_actions: ActionServer, systems: FakeSystems) -> None:
    systems.on("/appointments", (200, {"appointments": [VISIT]}))
    systems.slow("/appointments/APT-1/moves", 3.0, (200, {"moved": False}))
    answer = run(http_actions, "book_slot", GIULIA, entities={"time_slot": "S1"})
    handoff = answer.custom("handoff")
    assert answer.said == ["utter_backend_down"] and handoff is not None
    assert handoff["note"] == "backend_unsure: orders"


def test_orders_over_http(http_actions: ActionServer, systems: FakeSystems) -> None:
    order = {
        "number": "O-1", "title": {"it": "Fibra", "en": "Fibre"}, "state": "porting", "placed": "2026-11-10",
        "expected": "2026-11-23", "next_step": {"it": "passa", "en": "moves"},
    }  # fmt: skip
    systems.on("/orders", (200, {"orders": [order]}))
    told = run(http_actions, "activation_status", GIULIA, language="en")
    assert told.response("utter_activation_porting")["title"] == "Fibre"
    assert told.response("utter_activation_when")["expected"] == "Monday 23 November"
    systems.on("/orders", (200, {"orders": [{**order, "expected": "2026-11-20"}]}))
    assert run(http_actions, "activation_status", GIULIA).said == ["utter_activation_late"]
    systems.on("/orders", (200, {"orders": [{**order, "placed": "ieri"}]}))
    assert run(http_actions, "activation_status", GIULIA).said == ["utter_backend_down"]


FREE = {
    "slots": [
        {"id": f"{day}-{start}", **{
            name: f"2026-11-{day}T{hour:02}:00:00+01:00" for name, hour in (("start", start), ("end", start + 3))
        }}
        for day in (25, 26, 27)
        for start in (9, 14)
    ]
}  # fmt: skip


def wait(server: ActionServer, text: str, **more: Any) -> Answer:
    """A message while the bot waits for a window. It is Saturday, 21 November 2026."""
    slots = {"verified_customer": GIULIA, **more.pop("slots", {})}
    return server.call("validate_move_form", text=text, loop="move_form", asked="_time_slot", slots=slots, **more)


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("giovedì mattina", "26-9"), ("gio pomeriggio va bene", "26-14"), ("il 27 alle 15", "27-14"),
        ("venerdi 9-12", "27-9"), ("mercoledì dopo le 14", "25-14"), ("il primo che hai", "25-9"),
        ("prima possibile grazie", "25-9"), ("l'ultimo", "27-14"), ("friday afternoon", "27-14"),
        ("mercoledì 25 novembre prima delle 13", "25-9"), ("dalle 9 alle 12 di venerdì", "27-9"),
    ],
)  # fmt: skip
def test_a_window_is_named_in_words(http_actions: ActionServer, systems: FakeSystems, text: str, window: str) -> None:
    systems.on("/appointments", (200, {"appointments": [VISIT]}))
    systems.on("/appointments/APT-1/free-slots", (200, FREE))
    assert wait(http_actions, text, intent="store_hours", confidence=0.93).slots["_time_slot"] == window


def test_a_day_that_leaves_several_windows_or_none(http_actions: ActionServer, systems: FakeSystems) -> None:
    systems.on("/appointments", (200, {"appointments": [VISIT]}))
    systems.on("/appointments/APT-1/free-slots", (200, FREE))
    several = wait(http_actions, "giovedì")
    assert [button["title"] for button in several.response("utter_slots_then")["buttons"]] == [
        "gio 26 nov 9-12", "gio 26 nov 14-17",
    ]  # fmt: skip
    none = wait(http_actions, "domenica")
    assert len(none.response("utter_slots_not_then")["buttons"]) == 6 and none.slots["_time_slot"] is None


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ("non posso giovedì", ["mer 25 nov 9-12", "mer 25 nov 14-17", "ven 27 nov 9-12", "ven 27 nov 14-17"]),
        ("giovedì non ci sono, e di mattina non riesco", ["mer 25 nov 14-17", "ven 27 nov 14-17"]),
        ("la mattina no, non posso", ["mer 25 nov 14-17", "gio 26 nov 14-17", "ven 27 nov 14-17"]),
        ("giovedì, in che orari?", ["gio 26 nov 9-12", "gio 26 nov 14-17"]),
        ("tranne venerdì tutto", ["mer 25 nov 9-12", "mer 25 nov 14-17", "gio 26 nov 9-12", "gio 26 nov 14-17"]),
        ("I can't on Wednesday or in the morning", ["gio 26 nov 14-17", "ven 27 nov 14-17"]),
        ("non posso mercoledì, meglio venerdì", ["ven 27 nov 9-12", "ven 27 nov 14-17"]),
    ],
)
def test_what_somebody_cannot_is_not_what_they_want(
    http_actions: ActionServer, systems: FakeSystems, text: str, titles: list[str]
) -> None:
    systems.on("/appointments", (200, {"appointments": [VISIT]}))
    systems.on("/appointments/APT-1/free-slots", (200, FREE))
    answer = wait(http_actions, text)
    assert [button["title"] for button in answer.response("utter_slots_then")["buttons"]] == titles


def test_the_last_window_not_ruled_out_is_still_only_offered(http_actions: ActionServer, systems: FakeSystems) -> None:
    systems.on("/appointments", (200, {"appointments": [VISIT]}))
    systems.on("/appointments/APT-1/free-slots", (200, {"slots": FREE["slots"][:3]}))
    answer = wait(http_actions, "mercoledì non posso")
    assert [button["title"] for button in answer.response("utter_slots_then")["buttons"]] == ["gio 26 nov 9-12"]
    assert answer.slots["_time_slot"] is None


def test_the_day_of_the_visit_itself_is_no_wish(http_actions: ActionServer, systems: FakeSystems) -> None:
    visit = {**VISIT, "start": "2026-11-26T08:00:00Z", "end": "2026-11-26T11:00:00Z"}
    systems.on("/appointments", (200, {"appointments": [visit]}))
    systems.on("/appointments/APT-1/free-slots", (200, FREE))
    topic = "technician_appointment"
    asked = run(http_actions, topic, GIULIA, "devo spostare la visita di giovedì", intent=topic)
    assert len(asked.response("utter_slots_offer")["buttons"]) == 6


def test_a_question_about_a_shop_is_none_about_the_visit(http_actions: ActionServer, systems: FakeSystems) -> None:
    systems.on("/appointments", (200, {"appointments": [VISIT]}))
    systems.on("/appointments/APT-1/free-slots", (200, FREE))
    assert wait(http_actions, "ma giovedì il negozio è aperto?", intent="store_hours", confidence=0.93).events == []
    assert wait(http_actions, "mah").said == ["utter__time_slot_unclear"]


def test_the_first_offer_is_what_was_asked_for(http_actions: ActionServer, systems: FakeSystems) -> None:
    systems.on("/appointments", (200, {"appointments": [VISIT]}))
    systems.on("/appointments/APT-1/free-slots", (200, FREE))
    topic = "technician_appointment"
    asked = run(http_actions, topic, GIULIA, "posso spostarlo a giovedì?", intent=topic)
    assert [button["title"] for button in asked.response("utter_slots_offer")["buttons"]] == [
        "gio 26 nov 9-12", "gio 26 nov 14-17",
    ]  # fmt: skip
    assert [event["name"] for event in asked.events if event["event"] == "followup"] == ["move_form"]


def test_who_leaves_the_offer_keeps_the_visit(actions: ActionServer) -> None:
    assert wait(actions, "lascia stare").said == ["utter_cancelled"]
    last = wait(actions, "niente di questi", slots={"_form_misses": 1})
    assert (last.custom("handoff") or {})["note"] == "form_unanswered"
    assert run(actions, "book_slot", GIULIA, "niente di questi").responses == []


@pytest.mark.parametrize(
    "text", ["annullo l'appuntamento del tecnico", "non mi serve più il tecnico", "cancel the visit"]
)
def test_a_visit_is_called_off_by_a_person(actions: ActionServer, text: str) -> None:
    asked = run(actions, "technician_appointment", None, text)
    assert asked.slots["_cancel_wanted"] is True
    slots = {"_pending_topic": "technician_appointment", "_cancel_wanted": True}
    done = run(actions, "identity_done", GIULIA, "0147", slots=slots)
    assert done.said == ["utter_appointment_cancel"] and done.slots["_cancel_wanted"] is None
    assert [(reason, note.split(":")[0]) for reason, _, note in done.persons] == [("topic", "visit_cancel")]


def test_a_visit_that_was_called_off_is_no_wish_to(actions: ActionServer) -> None:
    topic = "technician_appointment"
    assert run(actions, topic, GIULIA, "perché avete annullato la visita?").said == ["utter_appointment"]
    assert run(actions, topic, GIULIA, "può venire più tardi?").said == ["utter_slots_offer"]


@pytest.mark.parametrize(
    "text", ["il tecnico non è venuto ieri", "non è venuto nessuno", "the technician did not show up", "nobody came"]
)
def test_a_visit_that_nobody_came_to_brings_a_person_at_once(actions: ActionServer, text: str) -> None:
    answer = run(actions, "technician_appointment", None, text)
    assert answer.said == ["utter_appointment_missed"]
    assert answer.persons == [("complaint", "technician_appointment", "visit_missed")]


def test_another_time_is_asked_for_after_the_visit_was_told(http_actions: ActionServer, systems: FakeSystems) -> None:
    systems.on("/appointments", (200, {"appointments": [VISIT]}))
    systems.on("/appointments/APT-1/free-slots", (200, FREE))
    told = answered("technician_appointment", "utter_appointment")
    answer = run(http_actions, "not_understood", GIULIA, "can't do wednesday or thursday", events=told)
    assert [button["title"] for button in answer.response("utter_slots_offer")["buttons"]] == [
        "ven 27 nov 9-12", "ven 27 nov 14-17",
    ]  # fmt: skip
    assert run(http_actions, "not_understood", GIULIA, "can't do wednesday").said == ["utter_rephrase"]


def test_what_is_named_is_not_taken_for_the_visit_just_told(actions: ActionServer) -> None:
    told = answered("technician_appointment", "utter_appointment")
    slots = {"verified_customer": GIULIA}
    named = actions.call("action_activation_status", text="e quando arriva il modem?", slots=slots, events=told)
    assert named.said[0].startswith("utter_activation")
    asked = actions.call("action_activation_status", text="e a che ora?", slots=slots, events=told)
    assert asked.said == ["utter_appointment"]


def test_a_pin_that_did_not_come_is_no_missed_visit(actions: ActionServer) -> None:
    told = answered("request_pin", "utter_pin_done_sim_pin")
    promises = [{"reference": "PIN-A2B3C", "due": "2026-11-21T13:00:00+01:00"}]
    more: dict[str, Any] = {"text": "non è arrivato niente", "metadata": {"promises": promises}}
    asked = actions.call("action_technician_appointment", events=told, **more)
    assert asked.response("utter_promised")["reference"] == "PIN-A2B3C"
    assert actions.call("action_technician_appointment", **more).said == ["utter_appointment_missed"]


#: What was told just before, and what of it is remembered.
_A_LINE = {"_told_place": "number|0801234567|0801234567|"}


@pytest.mark.parametrize(
    ("before", "text", "slots"),
    [("utter_fault_reported", "quando si conclude la portabilità", {}),
     ("utter_pin_done", "when will you ship it", {}),
     ("utter_line_fine", "aspetto il subentro da tre settimane", _A_LINE)],
)  # fmt: skip
def test_an_order_that_is_named_is_not_what_was_told_before(
    actions: ActionServer, before: str, text: str, slots: dict[str, Any]
) -> None:
    events = answered("report_fault", before)
    answer = run(actions, "activation_status", None, text, intent="activation_status", events=events, slots=slots)
    assert answer.slots.get("_pending_topic") == "activation_status"


def test_of_two_orders_the_late_one_is_chased(http_actions: ActionServer, systems: FakeSystems) -> None:
    order = {
        "number": "O-2", "title": {"it": "Fibra"}, "state": "porting", "placed": "2026-11-10",
        "expected": "2026-11-30", "next_step": {"it": "passa"},
    }  # fmt: skip
    systems.on("/orders", (200, {"orders": [order, {**order, "number": "O-1", "expected": "2026-11-20"}]}))
    told = run(http_actions, "activation_status", GIULIA)
    assert told.said == ["utter_activation_porting", "utter_activation_when", "utter_activation_late"]
    events = answered("activation_status", *told.said)
    again = run(http_actions, "activation_status", GIULIA, "e quindi?", events=events)
    assert again.persons == [("topic", "activation_status", "case_late: O-1")]


@pytest.mark.parametrize("text", ["il pomeriggio a che ora aprono", "lo sportello che orari fa", "a che ora riaprite"])
def test_who_asks_for_the_shop_after_a_visit_is_not_told_the_visit(actions: ActionServer, text: str) -> None:
    events = answered("technician_appointment", "utter_appointment")
    slots = {"verified_customer": GIULIA}
    answer = actions.call("validate_store_form", text=text, intent="store_hours", events=events, slots=slots,
                          loop="store_form")  # fmt: skip
    assert "utter_appointment" not in answer.said


@pytest.mark.parametrize("text", ["posso cambiare l'iban dell'addebito?", "how can I change the address on file"])
def test_what_else_may_be_changed_moves_no_visit(actions: ActionServer, text: str) -> None:
    events = answered("technician_appointment", "utter_appointment")
    answer = actions.call("action_not_understood", text=text, events=events, slots={"verified_customer": GIULIA})
    assert answer.said == ["utter_rephrase"]


@pytest.mark.parametrize("text", ["meglio se cambiamo giorno", "venerdì va bene uguale?"])
def test_the_visit_itself_may_be_moved_in_any_words(actions: ActionServer, text: str) -> None:
    events = answered("technician_appointment", "utter_appointment")
    answer = actions.call("action_not_understood", text=text, events=events, slots={"verified_customer": GIULIA})
    assert "utter_rephrase" not in answer.said
