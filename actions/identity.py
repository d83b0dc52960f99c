"""Light identity: customer code plus one more fact, asked once and valid for the rest of the conversation.

A topic that needs it writes, as the first line of its answer:

    if ask := need_identity(tracker, "bill_question"):
        return ask

The form then asks, and `action_identity_done` runs the topic's own action (`action_<topic>`) again, this time with
the slot `verified_customer` set to the customer code. Anything the topic wants to keep from the customer's first
message must be put in a slot before, since by then the latest message is the identity answer.
"""

from __future__ import annotations

import re
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.events import FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.backends import Backends
from actions.backends.customers import Fact
from actions.common import CareAction, hand_off, turn_id
from actions.facts import find_customer_code, find_fact
from actions.forms import MISSES, Events, FormCheck, Said, ask

#: Wrong pairs of code and fact before a person takes over.
TRIES = 3
_DONT_KNOW = re.compile(
    r"\bnon (lo |la |mi |me |ce |l'?)*(so|ho|ricordo|trovo|conosco)\b|\bboh\b|\bdove (lo|la|si) (trov|vedo|legg)"
    r"|\b(don'?t|do not) (know|have|remember)\b|\bno idea\b|\bwhere (do|can) i\b",
    re.IGNORECASE,
)


def need_identity(tracker: Tracker, topic: str) -> Events:
    """Nothing when the customer is verified; else the events that make the bot ask, then come back to `topic`.

    `topic` is the intent's name; its action must be called `action_<topic>`.
    """
    if tracker.get_slot("verified_customer"):
        return []
    events: Events = [SlotSet("_pending_topic", topic)]
    if int(tracker.get_slot("_identity_tries") or 0) >= TRIES:
        return [*events, FollowupAction("action_identity_locked")]
    code = find_customer_code(str(tracker.latest_message.get("text") or ""), bare=False)
    if code:
        events.append(SlotSet("customer_code", code))
    return [*events, FollowupAction("identity_form")]


async def own_lines(tracker: Tracker, systems: Backends) -> tuple[str, ...]:
    """The phone numbers of the verified customer, digits only; empty when nobody is verified."""
    code = tracker.get_slot("verified_customer")
    customer = await systems.customers.by_code(code) if code else None
    return customer.lines if customer else ()


class ValidateIdentityForm(FormCheck):
    """Reads code and fact from one message or two, and compares them with the register."""

    form = "identity_form"
    topic = "identity"
    slots = ("customer_code", "identity_fact")
    strict = frozenset(slots)

    async def read(
        self, words: Said, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends
    ) -> Events | None:
        if words.data.get("identity_help"):
            asked = words.asked or "customer_code"
            dispatcher.utter_message(response=f"utter_{asked}_help")
            return [SlotSet(asked, None), ask(asked)]
        if words.tapped:
            return None
        if words.asked and _DONT_KNOW.search(words.text) and not any(letter.isdigit() for letter in words.text):
            return self._help(words, words.asked, dispatcher, tracker)
        found = find_customer_code(words.text, bare=words.asked == "customer_code")
        code = found or tracker.get_slot("customer_code")
        # While the form opens, four digits of the first message ("bolletta 2026") must not count as a wrong fact.
        fact = find_fact(words.text, loose=words.asked is not None)
        if code and fact:
            return await self._compare(code, fact, dispatcher, tracker, systems)
        if found:
            return [SlotSet("customer_code", found)]
        tried = tracker.get_slot("_tried_code")
        if fact and tried and words.asked == "customer_code":
            # The pair was wrong, and nobody says which half: the other fact may be the right one for the same code.
            return await self._compare(str(tried), fact, dispatcher, tracker, systems)
        if fact and words.asked == "customer_code":
            dispatcher.utter_message(response="utter_customer_code_first")
            return [SlotSet("customer_code", None), ask("customer_code")]
        return None

    def about(self, tracker: Tracker) -> str:
        return _asked_for(tracker)

    def _help(self, words: Said, asked: str, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        """"I don't know": where it is written, once; then a person, who has other ways to recognise somebody."""
        if tracker.get_slot(MISSES):
            return self.not_read(words, asked, dispatcher, tracker)
        dispatcher.utter_message(response=f"utter_{asked}_help")
        return [SlotSet(MISSES, 1), ask(asked)]

    async def _compare(
        self, code: str, fact: Fact, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends
    ) -> Events:
        customer = await systems.customers.verify(code, fact, idempotency_key=turn_id(tracker))
        if customer:
            dispatcher.utter_message(response="utter_identity_ok", first_name=customer.first_name)
            # Only the kind of fact is kept: the fact itself is personal and has done its work.
            return [
                SlotSet("customer_code", code),
                SlotSet("identity_fact", fact.kind),
                SlotSet("verified_customer", customer.code),
                SlotSet("_identity_tries", None),
                SlotSet("_tried_code", None),
            ]
        tries = int(tracker.get_slot("_identity_tries") or 0) + 1
        again = [
            SlotSet("_identity_tries", tries),
            SlotSet("_tried_code", code),
            SlotSet("customer_code", None),
            SlotSet("identity_fact", None),
        ]
        if tries >= TRIES:
            _locked(dispatcher, tracker)
            return [*again, *self.end()]
        dispatcher.utter_message(response="utter_identity_wrong")
        return [*again, ask("customer_code")]


class IdentityDone(CareAction):
    """After the form: the topic that asked for the identity answers now."""

    topic = "identity"

    def name(self) -> str:
        return "action_identity_done"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> Events:
        topic = tracker.get_slot("_pending_topic")
        done: Events = [SlotSet("_pending_topic", None), SlotSet("identity_fact", None)]
        if not topic or not tracker.get_slot("verified_customer"):
            return done
        # Run here and not as a follow-up: after a follow-up no rule says what comes next, and Rasa would fall back.
        action = _action_of(topic)
        return [*done[:1], *await action.answer(dispatcher, tracker, systems)]


class IdentityLocked(CareAction):
    """The customer failed the check three times and asks for personal data again: a person decides."""

    topic = "identity"

    def name(self) -> str:
        return "action_identity_locked"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> Events:
        _locked(dispatcher, tracker)
        return [SlotSet("_pending_topic", None), FollowupAction("action_listen")]


def _locked(dispatcher: CollectingDispatcher, tracker: Tracker) -> None:
    dispatcher.utter_message(response="utter_identity_failed")
    hand_off(
        dispatcher,
        tracker,
        reason="identity_failed",
        topic=_asked_for(tracker),
        note="identity_failed",
    )


def _asked_for(tracker: Tracker) -> str:
    """The topic whose action asked for the check: a tapped window is about the visit, and no team answers for taps."""
    pending = tracker.get_slot("_pending_topic")
    return _action_of(pending).topic if pending else "identity"


def _action_of(topic: str) -> CareAction:
    kinds: list[type[Any]] = [CareAction]
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        if kind.__dict__.get("name") and "answer" in kind.__dict__ and kind().name() == f"action_{topic}":
            found: CareAction = kind()
            return found
    raise LookupError(f"no action is called action_{topic}")
