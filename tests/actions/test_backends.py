"""Company systems over HTTP: what a failing, slow or doubtful one does to the customer's answer."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.actions.conftest import ROOT, ActionServer, Answer, FakeSystems

PLACE = {"_place": {"latitude": 41.1187, "longitude": 16.852, "name": "Bari"}}
STORE: dict[str, Any] = {
    "id": "X1",
    "name": "Vivalinea Prova",
    "address": "via Roma 1",
    "town": "Bari",
    "latitude": 41.12,
    "longitude": 16.87,
    "hours": {"sat": "09:00-13:00 15:30-19:30"},
}
PIN_SLOTS = {"pin_kind": "sim_pin", "pin_holder": "self", "_fiscal_code": "RSSMRA80A01H501U"}
MADE = {"number": "PIN-A2B3C", "kind": "sim_pin", "due": "2026-11-21T13:00:00+01:00", "delivery": "sms"}


def ask_store(server: ActionServer) -> Answer:
    return server.call("action_store", text="orari", intent="store_hours", slots=PLACE)


def ask_pin(server: ActionServer, turn: str = "turn-7") -> Answer:
    return server.call("action_request_pin", text="ok", slots=PIN_SLOTS, metadata={"turn_id": turn})


def test_reads_are_tried_again(http_actions: ActionServer, systems: FakeSystems) -> None:
    systems.on("/stores", (503, {}), (502, {}), (200, {"stores": [STORE]}))
    assert ask_store(http_actions).said == ["utter_store_open"]
    assert len(systems.asked) == 3
    assert systems.asked[0].query["latitude"] == "41.1187"
    assert systems.asked[0].headers["Authorization"] == "Bearer stores-token", "from a file"


def test_a_system_that_keeps_failing_is_told_and_handed_over(http_actions: ActionServer, systems: FakeSystems) -> None:
    systems.on("/stores", (500, {}))
    started = time.monotonic()
    answer = ask_store(http_actions)
    assert answer.said == ["utter_backend_down"]
    handoff = answer.custom("handoff")
    assert handoff is not None and handoff["reason"] == "backend_down" and handoff["note"] == "backend_down: stores"
    assert answer.ends_form
    # Two seconds is the promise; the rest is room for a busy machine.
    assert time.monotonic() - started < 10


def test_a_slow_system_counts_as_broken(http_actions: ActionServer, systems: FakeSystems) -> None:
    systems.slow("/stores", 3.0, (200, {"stores": [STORE]}))
    assert ask_store(http_actions).said == ["utter_backend_down"]


def test_an_answer_that_is_not_as_documented_counts_as_broken(http_actions: ActionServer, systems: FakeSystems) -> None:
    for wrong in ({"stores": "none"}, {"stores": [{**STORE, "hours": {"sat": "9-25"}}]}, {"stores": [{}]}):
        systems.on("/stores", (200, wrong))
        assert ask_store(http_actions).said == ["utter_backend_down"], wrong


def test_a_refused_read_is_not_repeated(http_actions: ActionServer, systems: FakeSystems) -> None:
    systems.on("/stores", (403, {}))
    assert ask_store(http_actions).said == ["utter_backend_down"]
    assert len(systems.asked) == 1


def test_a_write_carries_key_and_token(http_actions: ActionServer, systems: FakeSystems) -> None:
    systems.on("/pin-requests", (200, MADE))
    answer = ask_pin(http_actions)
    assert answer.said == ["utter_pin_done_sim_pin"]
    assert answer.response("utter_pin_done_sim_pin")["number"] == "PIN-A2B3C"
    (asked,) = systems.asked
    assert asked.headers["Idempotency-Key"] == "turn-7:pin"
    assert asked.headers["Authorization"] == "Bearer pins-token"
    assert asked.body == {"kind": "sim_pin", "holder": "self", "fiscal_code": "RSSMRA80A01H501U"}


@pytest.mark.parametrize("failed", [(500, {}), (200, {"number": "PIN-A2B3C"})], ids=["broken", "odd"])
def test_a_failed_write_is_never_repeated_and_the_doubt_is_told(
    http_actions: ActionServer, systems: FakeSystems, failed: tuple[int, Any]
) -> None:
    systems.on("/pin-requests", failed)
    answer = ask_pin(http_actions)
    assert len(systems.asked) == 1
    handoff = answer.custom("handoff")
    assert handoff is not None and handoff["note"] == "backend_unsure: pins"
    assert answer.custom("promise") is None


def test_the_same_turn_twice_uses_the_same_key(http_actions: ActionServer, systems: FakeSystems) -> None:
    systems.on("/pin-requests", (200, MADE))
    first, second = ask_pin(http_actions), ask_pin(http_actions)
    assert {asked.headers["Idempotency-Key"] for asked in systems.asked} == {"turn-7:pin"}
    assert first.responses == second.responses


def test_nothing_personal_reaches_the_log(http_actions: ActionServer, systems: FakeSystems) -> None:
    systems.on("/pin-requests", (500, {}))
    ask_pin(http_actions)
    http_actions.call("validate_pin_form", text="RSSMRA80A01H501U", loop="pin_form", asked="_fiscal_code")
    log = http_actions.log.read_text(errors="replace")
    assert "backend down system=pins" in log
    assert "RSSMRA" not in log


def documented(section: str, number: int) -> Any:
    """A JSON block of docs/backends.md."""
    part = (ROOT / "docs" / "backends.md").read_text(encoding="utf-8").split(f"\n## {section}\n")[1].split("\n## ")[0]
    return json.loads(part.split("```json\n")[number].split("```")[0])


def test_the_documented_examples_are_understood(http_actions: ActionServer, systems: FakeSystems) -> None:
    systems.on("/stores", (200, {"stores": [documented("stores", 1)]}))
    assert ask_store(http_actions).said[0].startswith("utter_store_")
    systems.on("/pin-requests", (200, documented("pins", 2)))
    assert ask_pin(http_actions).said == ["utter_pin_done_sim_pin"]
    assert set(systems.asked[-1].body) == set(documented("pins", 1))


def test_every_example_in_the_documentation_is_json() -> None:
    text = (ROOT / "docs" / "backends.md").read_text(encoding="utf-8")
    blocks = [block.split("```")[0] for block in text.split("```json\n")[1:]]
    assert len(blocks) >= 9
    for block in blocks:
        json.loads(block)
