"""What the bot told is asked of the system that knows: happened, moved, not yet, unknown, down."""

from __future__ import annotations

from typing import Any

import pytest

from tests.actions.conftest import ActionServer, FakeSystems

LATER = "2026-11-24T12:00:00+01:00"
PIN = {"number": "PIN-1", "kind": "sim_pin", "due": LATER, "delivery": "sms"}
VISIT = {"id": "APT-1", "start": "2026-11-24T08:00:00Z", "end": "2026-11-24T11:00:00Z", "address": "x", "movable": True}
ORDER = {
    "number": "ORD-1", "title": {"it": "Fibra"}, "state": "technician", "placed": "2026-11-10",
    "expected": "2026-11-24", "next_step": {"it": "x"},
}  # fmt: skip


def check(server: ActionServer, promise: str, **metadata: Any) -> dict[str, Any]:
    answer = server.call("action_check_promise", entities={"promise": promise}, metadata=metadata)
    assert len(answer.responses) == 1 and answer.events == []  # nobody reads it
    found = answer.custom("promise_result")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("promise", "path", "answer", "state", "due"),
    [
        ("pin:PIN-1", "/pin-requests/PIN-1", {**PIN, "state": "sent"}, "kept", LATER),
        ("pin:PIN-1", "/pin-requests/PIN-1", {**PIN, "state": "requested"}, "open", LATER),
        ("pin:PIN-1", "/pin-requests/PIN-1", PIN, "unknown", None),
        ("repair:G-1", "/fault-reports/G-1", {"number": "G-1", "due": LATER, "state": "solved"}, "kept", LATER),
        ("repair:G-1", "/fault-reports/G-1", {"number": "G-1", "due": LATER, "state": "open"}, "open", LATER),
        ("appointment:APT-1", "/appointments/APT-1", {**VISIT, "state": "done"}, "kept", LATER),
        ("appointment:APT-1", "/appointments/APT-1", {**VISIT, "state": "missed"}, "open", LATER),
        ("appointment:APT-1", "/appointments/APT-1", VISIT, "unknown", None),
        ("activation:ORD-1", "/orders/ORD-1", {**ORDER, "state": "active"}, "kept", "2026-11-24T20:00:00+01:00"),
        ("activation:ORD-1", "/orders/ORD-1", ORDER, "open", "2026-11-24T20:00:00+01:00"),
        ("activation:ORD-1", "/orders/ORD-1", {**ORDER, "expected": None}, "open", None),
    ],
)
def test_what_the_system_says(
    http_actions: ActionServer, systems: FakeSystems, promise: str, path: str, answer: Any, state: str,
    due: str | None,
) -> None:  # fmt: skip
    systems.on(path, (200, answer))
    assert check(http_actions, promise) == {"state": state, "due": due}


@pytest.mark.parametrize("promise", ["pin:GONE", "repair:GONE", "appointment:GONE", "activation:GONE", "other:1", ""])
def test_what_the_system_does_not_know(http_actions: ActionServer, systems: FakeSystems, promise: str) -> None:
    assert check(http_actions, promise) == {"state": "unknown", "due": None}


@pytest.mark.parametrize("answer", [(401, {}), (200, {"number": "G-1"})])
def test_a_system_that_fails_gives_no_answer(http_actions: ActionServer, systems: FakeSystems, answer: Any) -> None:
    systems.on("/fault-reports/G-1", answer)
    assert check(http_actions, "repair:G-1") == {"state": "no_answer", "due": None}


def test_the_demo_keeps_what_it_told(actions: ActionServer) -> None:
    slots = {"pin_kind": "sim_puk", "pin_holder": "self", "_fiscal_code": "RSSMRA80A01H501U"}
    told = actions.call("action_request_pin", slots=slots, metadata={"turn_id": "checked"}).custom("promise")
    assert told and told["check"] == f'/check_promise{{"promise": "pin:{told["reference"]}"}}'
    pin = f"pin:{told['reference']}"
    assert check(actions, pin) == {"state": "open", "due": told["due"]}
    assert check(actions, pin, now=told["due"])["state"] == "kept"


@pytest.mark.parametrize(
    ("action", "kind"), [("activation_status", "activation"), ("technician_appointment", "appointment")]
)
def test_a_day_that_is_told_is_a_promise(actions: ActionServer, action: str, kind: str) -> None:
    told = actions.call(f"action_{action}", slots={"verified_customer": "VL-104233"}, metadata={"now": None})
    promise = told.custom("promise")
    assert promise and promise["kind"] == kind and promise["reference"]
    found = check(actions, f"{kind}:{promise['reference']}")
    assert found == {"state": "open", "due": promise["due"]}
