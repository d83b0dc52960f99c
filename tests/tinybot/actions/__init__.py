"""Actions of the tiny bot: one that answers, one that fails, one that is slow."""

from __future__ import annotations

import asyncio
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher


class Echo(Action):
    def name(self) -> str:
        return "action_echo"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Any:
        metadata = tracker.latest_message["metadata"]
        said = f"{tracker.get_slot('town')} {tracker.get_slot('language')} {metadata.get('turn_id')}"
        dispatcher.utter_message(text=said)
        return [SlotSet("visits", int(tracker.get_slot("visits") or 0) + 1)]


class Slow(Action):
    def name(self) -> str:
        return "action_slow"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Any:
        await asyncio.sleep(0.3)
        dispatcher.utter_message(text=f"slow {tracker.get_slot('town')}")
        return []


class Break(Action):
    def name(self) -> str:
        return "action_break"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Any:
        raise RuntimeError("the action broke")


class Ask(Action):
    """Says everything that an action may say as data."""

    def name(self) -> str:
        return "action_data"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Any:
        for data in (
            {"handoff": {"reason": "asked", "topic": "data", "note": "vuole una persona"}},
            {"promise": {"what": "PIN", "due": "2026-11-23T12:00:00+01:00", "reference": "PIN-4F7K2"}},
            {"watch": {"subject": "incident:INC-1", "check": "/check", "tell": "/tell"}},
            {"watch_result": {"subject": "incident:INC-1", "open": False}},
        ):
            dispatcher.utter_message(json_message=data)
        return []


class Odd(Action):
    def name(self) -> str:
        return "action_odd"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Any:
        dispatcher.utter_message(json_message={"call_me": "never"})
        return []
