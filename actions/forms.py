"""How a form reads one message: an answer, a way out, another topic, or something it cannot read.

`FormCheck` is the validation action of a form (`validate_<form>`). Rasa runs it when the form opens and after each
message while it is open. What it returns decides what happens:

- slots set: the answer is taken and the next question asked;
- no slot set: Rasa rejects the form, so the rule of the other topic answers;
- `end()`: the form is over; the action after the form must then find the facts incomplete and say nothing.

Who asks the questions: Rasa, by the responses `utter_ask_<slot>`, again after each message that was not understood;
or, when the class lists its `slots`, the form itself by `utter_question_<slot>`, so that a hint is not followed by
the same question over again.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.backends import Backends
from actions.common import CareAction, asks_to_wait, cancels, cancels_and_asks, end_form, hand_off
from actions.towns import find_town

Events = list[dict[str, Any]]

#: Counts the messages in a row that the open form could not read.
MISSES = "_form_misses"
#: What may be an answer to any question. A message that is surely something else leaves the form, unless the asked slot
#: keeps it.
_ANSWERS = frozenset({"affirm", "deny", "nlu_fallback"})
#: Below this an intent is a guess, and a form's answer is the likelier reading of what was typed.
_SURE = 0.7
#: Small talk that is only a guess is no way out of a form either.
_SMALL_TALK = frozenset({"greet", "goodbye", "thank", "ask_bot", "ask_wait"})
#: For slots whose answer has a shape of its own: what has not that shape is easily something else.
_SURE_IF_STRICT = 0.45
_SURE_OF_PERSON = 0.5
#: "No aspetta, è …": what follows takes the place of an answer given before.
CORRECTS = re.compile(
    r"\b(no|anzi|aspetta|scusa(te|mi)?|sbagliat\w*|volevo dire|intendevo|sorry|wait|actually|i mean\w*|wrong)\b",
    re.IGNORECASE,
)
#: A day or a few words without any of these ask for no shop, however like "e domenica?" they sound.
_SHOPS = frozenset({"store_hours", "find_store"})
_OF_SHOPS = re.compile(
    r"\?|\b(negozi\w*|punt[oi] vendita|sed[ei]|sportell\w+|uffici\w*|filial\w+|orar\w+|apr\w+|apert\w+|chiu\w+|dov\w*"
    r"|indirizz\w+|vicin\w+|shops?|stores?|branch\w*|hours|open\w*|clos\w+|where|address|near\w*)\b",
    re.IGNORECASE,
)
#: "Perché devo dirvelo?": who is asked for something of their own may ask what for. Not "perché non sono a casa".
_WHY = re.compile(
    r"\b(perch[eé]'?|xk[eéè]?|come mai)(?!\w).{0,25}\b(dev\w+|dovre\w+|serv\w+|chied\w+|vol(ete|esse)|vuo[il]|sapere)\b"
    r"|\ba (che |cosa |che cosa )+(vi |ti |le )?serv\w+|\b(che|cosa) (ve ne|te ne|ne) fa(te|i)\b"
    r"|\bwhy (do|would|should|must|are) (you|i)\b|\bwhat (do|would) you (need|want|use) (it|that|this) for"
    r"|\bwhat for\b",
    re.IGNORECASE,
)
_NO = re.compile(r"^\W*no+[\s,]*(grazie|thanks|thank you)?\W*$", re.IGNORECASE)


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
    words = str(message.get("text") or "").strip()
    asked = tracker.get_slot("requested_slot")
    return Said(words, intent.get("name") or "", float(intent.get("confidence") or 0), asked, data)


def ask(slot: str) -> dict[str, Any]:
    """The event of a form that has itself asked for `slot` and now waits."""
    event: dict[str, Any] = SlotSet("requested_slot", slot)
    return event


class FormCheck(CareAction):
    """Base of `validate_<form>`. Subclasses set `form` and `topic`, perhaps `slots`, and write `read`."""

    keeps_form = True
    form: ClassVar[str]
    #: The required slots in the order of asking, when the form asks by itself.
    slots: ClassVar[tuple[str, ...]] = ()
    #: slot -> intents that are an answer while that slot is asked, not a change of topic
    keeps: ClassVar[dict[str, frozenset[str]]] = {}
    #: slots answered by a code, a number or a place, never by a story
    strict: ClassVar[frozenset[str]] = frozenset()

    def name(self) -> str:
        return f"validate_{self.form}"

    @abstractmethod
    async def read(
        self, words: Said, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends
    ) -> Events | None:
        """Slot events for what the message says; None when it does not answer the question.

        Events that hold `ask(slot)` or `end()` say that the bot has already said what comes next.
        """
        raise NotImplementedError

    def about(self, tracker: Tracker) -> str:
        """The topic that a person is told when the form fails."""
        return self.topic

    def unclear(self, words: Said, dispatcher: CollectingDispatcher) -> None:
        """Says once, kindly, how the answer should look."""
        dispatcher.utter_message(response=f"utter_{words.asked}_unclear")

    async def question(
        self, slot: str, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends
    ) -> None:
        """Utters the question for `slot`."""
        dispatcher.utter_message(response=f"utter_question_{slot}")

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> Events:
        words = said(tracker)
        if words.asked and words.asked in self.slots and _resumed(tracker, self.form):
            await self.question(words.asked, dispatcher, tracker, systems)
            return [ask(words.asked)]
        if words.asked and (words.intent == "cancel_form" or cancels(tracker)):
            dispatcher.utter_message(response="utter_cancelled")
            return self.end()
        events = await self.read(words, dispatcher, tracker, systems)
        if not self.slots and words.asked is None:
            return events or []
        if events is not None or words.asked is None:
            return await self._go_on(events or [], dispatcher, tracker, systems)
        if words.asked in self.strict and asks_to_wait(tracker):
            dispatcher.utter_message(response="utter_take_your_time")
            # Without any slot Rasa would take the message for another topic's.
            return [SlotSet(MISSES, tracker.get_slot(MISSES)), self._still(words.asked)]
        if words.asked in self.strict and _WHY.search(words.text):
            dispatcher.utter_message(response="utter_why_asked")
            await self.question(words.asked, dispatcher, tracker, systems)
            return [SlotSet(MISSES, tracker.get_slot(MISSES)), self._still(words.asked)]
        if self._changes_topic(words):
            return []
        if cancels_and_asks(tracker):
            dispatcher.utter_message(response="utter_cancelled_go_on")
            return self.end()
        return self.not_read(words, words.asked, dispatcher, tracker)

    def end(self) -> Events:
        """Ends the form without its facts."""
        return [SlotSet(MISSES, None), *end_form()]

    async def _go_on(
        self, events: Events, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends
    ) -> Events:
        known = {event["name"]: event["value"] for event in events if event["event"] == "slot"}
        if "requested_slot" in known:
            return events
        events = [*events, SlotSet(MISSES, None)]
        for slot in self.slots:
            if known.get(slot, None if slot in known else tracker.get_slot(slot)) is None:
                await self.question(slot, dispatcher, tracker, systems)
                return [*events, ask(slot)]
        return events

    def _changes_topic(self, words: Said) -> bool:
        if words.intent == "ask_human":
            return words.tapped or words.confidence >= _SURE_OF_PERSON
        if words.tapped:
            return words.intent != "inform"
        kept = self.keeps.get(words.asked or "", frozenset())
        # Digits are an attempt at a code or a number, however wrong.
        strict = words.asked in self.strict and not any(letter.isdigit() for letter in words.text)
        if strict and words.intent == "deny":
            # "No grazie" refuses to answer; "non va" is understood as a "no" too, and is not one.
            return bool(_NO.match(words.text))
        if strict and words.intent in _SHOPS and not _OF_SHOPS.search(words.text) and not find_town(words.text):
            return False
        # "Mah, vediamo" is no goodbye, "è la seconda volta" no hello.
        sure = _SURE_IF_STRICT if strict and words.intent not in _SMALL_TALK else _SURE
        return words.intent not in kept | _ANSWERS and words.confidence >= sure

    def not_read(
        self, words: Said, asked: str, dispatcher: CollectingDispatcher, tracker: Tracker
    ) -> Events:
        """The first time a hint, the second time a person."""
        misses = int(tracker.get_slot(MISSES) or 0) + 1
        if misses >= 2:
            dispatcher.utter_message(response="utter_not_understood_person")
            hand_off(
                dispatcher, tracker, reason="not_understood", topic=self.about(tracker), note="form_unanswered"
            )
            return self.end()
        self.unclear(words, dispatcher)
        return [SlotSet(MISSES, misses), self._still(asked)]

    def _still(self, asked: str) -> dict[str, Any]:
        """The same slot is waited for on."""
        event: dict[str, Any] = ask(asked) if asked in self.slots else SlotSet(asked, None)
        return event


def _resumed(tracker: Tracker, form: str) -> bool:
    """True when small talk was just answered and the question must simply be asked again."""
    names = [event["name"] for event in tracker.events if event.get("event") == "action" and event.get("name")]
    while names and names[-1] == form:
        names.pop()
    return bool(names) and names[-1] != "action_listen"


class CancelForm(CareAction):
    """A "never mind" tapped late: the form is gone already, or goes now."""

    topic = "cancel_form"

    def name(self) -> str:
        return "action_cancel_form"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> Events:
        dispatcher.utter_message(response="utter_cancelled")
        return [SlotSet(MISSES, None)]
