"""The customer asks for a person: always granted, at any point, with what they were about."""

from typing import ClassVar

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.backends import Backends
from actions.common import CareAction, Event, hand_off

#: Intents that are not what the customer is about.
NO_TOPIC = frozenset(
    "greet goodbye thank affirm deny ask_bot misunderstood ask_human ask_wait nlu_fallback inform share_location"
    " share_contact cancel_form session_start".split()
)


class AskHuman(CareAction):
    """Hands over; what the customer is told comes from the bot itself. An open form ends: the person goes on."""

    topic: ClassVar[str] = "ask_human"

    def name(self) -> str:
        """See domain/ask_human.yml."""
        return "action_ask_human"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> list[Event]:
        """See CareAction."""
        grant(dispatcher, tracker, told_with_it(tracker) or last_topic(tracker) or self.topic)
        return []


def grant(dispatcher: CollectingDispatcher, tracker: Tracker, topic: str) -> None:
    """A person, because the customer asked for one; `topic`: what they are about."""
    note = "asked_in_form" if tracker.active_loop_name else "asked"
    hand_off(dispatcher, tracker, reason="asked", topic=topic, note=note)


def told_with_it(tracker: Tracker) -> str:
    """What the same message is about, "" where it does not say: "la bolletta è sbagliata, un operatore"."""
    about = str((tracker.latest_message.get("intent") or {}).get("about") or "")
    return "" if about in NO_TOPIC else about


def last_topic(tracker: Tracker) -> str | None:
    """The intent's name of the last message that was about something; None when there was none."""
    for event in reversed(tracker.events):
        if event.get("event") != "user":
            continue
        name = ((event.get("parse_data") or {}).get("intent") or {}).get("name")
        if name and name not in NO_TOPIC:
            return str(name)
    return None
