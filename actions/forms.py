"""How a form reads one message: an answer, a way out, another topic, or something it cannot read.

`FormCheck` is the validation action of a form (`validate_<form>`). Rasa runs it after each message while the form is
open, and once or twice when the form opens. What it returns decides what happens:

- slots set: the answer is taken and the next question asked;
- no slot set: Rasa rejects the form, so the rule of the other topic answers;
- `end()`: the form is over; the action after the form must then find the facts incomplete and say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.backends import Backends
from actions.common import CareAction, cancels, end_form, hand_off

Events = list[dict[str, Any]]

#: Counts the messages in a row that the open form could not read.
MISSES = "_form_misses"

#: Other topics of the bot. A message that is surely one of these leaves the form, unless the asked slot keeps it.
_TOPICS = frozenset(
    "goodbye ask_bot request_pin store_hours find_store line_status report_fault activation_status"
    " technician_appointment bill_question price_availability complaint case_status privacy_request greet thank".split()
)
#: Below this an intent is a guess, and a form's answer is the likelier reading of what was typed.
_SURE = 0.75


@dataclass(frozen=True)
class Said:
    """One message as a form sees it. `asked` is None while the form is only opening."""

    text: str
    intent: str
    confidence: float
    asked: str | None
    data: dict[str, Any]

    @property
    def tapped(self) -> bool:
        """True for a quick reply: its text is a payload, not words of the customer."""
        return self.text.startswith("/")


def said(tracker: Tracker) -> Said:
    """The latest message, with the entities of a payload as `data`."""
    message = tracker.latest_message
    intent = message.get("intent") or {}
    data = {entity["entity"]: entity["value"] for entity in message.get("entities") or []}
    text = str(message.get("text") or "").strip()
    asked = tracker.get_slot("requested_slot")
    return Said(text, intent.get("name") or "", float(intent.get("confidence") or 0), asked, data)


class FormCheck(CareAction):
    """Base of `validate_<form>`. Subclasses set `form`, `topic`, and write `read`."""

    keeps_form = True
    form: ClassVar[str]
    #: slot -> intents that are an answer while that slot is asked, not a change of topic
    keeps: ClassVar[dict[str, frozenset[str]]] = {}

    def name(self) -> str:
        return f"validate_{self.form}"

    async def read(
        self, words: Said, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends
    ) -> Events | None:
        """Slot events for what the message says; None when it does not answer the question."""
        raise NotImplementedError

    def unclear(self, words: Said, dispatcher: CollectingDispatcher) -> None:
        """Says once, kindly, how the answer should look: `utter_<slot>_unclear`."""
        dispatcher.utter_message(response=f"utter_{words.asked}_unclear")

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> Events:
        words = said(tracker)
        if words.intent == "cancel_form" or (words.asked and cancels(tracker)):
            dispatcher.utter_message(response="utter_cancelled")
            return self.end()
        events = await self.read(words, dispatcher, tracker, systems)
        if events is not None:
            return [*events, SlotSet(MISSES, None)] if events else []
        if words.asked is None or self._changes_topic(words):
            return []
        return self._not_read(words, dispatcher, tracker)

    def end(self) -> Events:
        """Ends the form without its facts."""
        return [SlotSet(MISSES, None), *end_form()]

    def _changes_topic(self, words: Said) -> bool:
        if words.intent == "ask_human":
            return words.tapped or words.confidence >= 0.5
        if words.tapped:
            return True
        kept = self.keeps.get(words.asked or "", frozenset())
        return words.intent in _TOPICS - kept and words.confidence >= _SURE

    def _not_read(self, words: Said, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        misses = int(tracker.get_slot(MISSES) or 0) + 1
        if misses >= 2:
            dispatcher.utter_message(response="utter_not_understood_person")
            hand_off(
                dispatcher,
                tracker,
                reason="not_understood",
                topic=self.topic,
                note=f"Il cliente non è riuscito a rispondere alla domanda «{words.asked}».",
            )
            return self.end()
        self.unclear(words, dispatcher)
        return [SlotSet(MISSES, misses), SlotSet(words.asked, None)]


class CancelForm(CareAction):
    """A "never mind" tapped late: the form is gone already, or goes now."""

    topic = "cancel_form"

    def name(self) -> str:
        return "action_cancel_form"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> Events:
        dispatcher.utter_message(response="utter_cancelled")
        return [SlotSet(MISSES, None)]
