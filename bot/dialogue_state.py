"""The dialogue state that the service keeps: the engine's events, slimmed and cut.

Rasa replays all events of a conversation several times a turn: uncut, turn 400 costs thirty times turn 1.
Cutting them anywhere would forget the slots, a form that is running, or half a turn; so a conversation is
cut only between two turns, and what was cut is summed up in a few events that lead to the same state.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Event = dict[str, Any]

#: Events of the last turns that are kept as they were: some four turns. Each costs the engine time in every later turn.
KEEP = 28
#: Kept of an event besides its kind and time; the rest (scores, tokens, places) served its own turn only.
FIELDS = ("name", "value", "text", "policy", "hide_rule_turn", "use_text_for_featurization", "is_interrupted",
          "entities", "parse_data")
LISTEN = "action_listen"
REJECTED = "action_execution_rejected"
METADATA_SLOT = "session_started_metadata"


def next_state(before: list[Event], new: Iterable[Event]) -> list[Event]:
    """The whole state after a turn: `before` as stored, `new` as the engine gave them."""
    return cut([*before, *(slim(event) for event in new if event.get("name") != METADATA_SLOT)])


def slim(event: Event) -> Event:
    """Drop what no later turn reads, and with it the customer's shared place and phone number."""
    kept = {key: event[key] for key in ("event", "timestamp", *FIELDS) if event.get(key) is not None}
    if event["event"] == "slot":
        kept["value"] = event.get("value")
    elif event["event"] == "user":
        parsed = event.get("parse_data") or {}
        kept["parse_data"] = {key: parsed[key] for key in ("intent", "entities", "text") if key in parsed}
    elif event["event"] == "bot":
        if "utter_action" in event.get("metadata", {}):
            kept["metadata"] = {"utter_action": event["metadata"]["utter_action"]}
        if "handoff" in ((event.get("data") or {}).get("custom") or {}):
            # actions/fallback.py counts anew after a person what was not understood
            kept["data"] = {"custom": {"handoff": {}}}
    return kept


def cut(events: list[Event], keep: int = KEEP) -> list[Event]:
    """At most about `keep` events: the last whole turns, after a summary of what came before them."""
    if len(events) <= keep:
        return events
    last_message = max((i for i, event in enumerate(events) if event["event"] == "user"), default=0)
    borders = [i for i in range(1, last_message + 1) if _listens(events[i - 1])]
    if not borders:
        return events
    border = next((i for i in borders if i >= len(events) - keep), borders[-1])
    return [*summary(events[:border]), *events[border:]]


def summary(events: list[Event]) -> list[Event]:
    """The few events that lead to the same slots and running form as `events`, and then listen."""
    start: list[Event] = []
    slots: dict[str, Event] = {}
    loop: list[Event] = []
    pause: list[Event] = []
    for event in applied(events):
        kind = event["event"]
        if kind in ("session_started", "restart"):
            start, slots, loop, pause = [event], {}, [], []
        elif kind == "reset_slots":
            slots = {}
        elif kind == "slot":
            slots.pop(event["name"], None)
            slots[event["name"]] = event
        elif kind == "active_loop":
            # Rasa takes a form's first run for its start; without the action it would start the form anew.
            loop = [{**event, "event": "action"}, event] if event.get("name") else []
        elif kind in ("action", REJECTED) and loop and event.get("name") == loop[0]["name"]:
            loop = [*loop[:2], event] if kind == REJECTED else loop[:2]
        elif kind in ("pause", "resume"):
            pause = [event]
    listen = {"event": "action", "name": LISTEN, "timestamp": events[-1]["timestamp"]}
    return [*start, *slots.values(), *loop, *pause, listen]


def in_a_form(events: list[Event]) -> bool:
    """Whether the bot asked something and waits for the answer."""
    loops = [event for event in applied(events) if event["event"] == "active_loop"]
    return bool(loops and loops[-1].get("name"))


def applied(events: list[Event]) -> list[Event]:
    """The events without those that a later one took back (`rewind` of a message, `undo` of an action)."""
    left: list[Event] = []
    for event in events:
        if event["event"] == "rewind":
            _take_back(left, "user")
            _take_back(left, "action")
        elif event["event"] == "undo":
            _take_back(left, "action")
        else:
            left.append(event)
    return left


def _take_back(events: list[Event], kind: str) -> None:
    while events and events.pop()["event"] != kind:
        pass


def _listens(event: Event) -> bool:
    return event["event"] == "action" and event.get("name") == LISTEN
