"""Personal data: what this chat keeps, a copy of it, its erasure. The last two are a person's work, with a date."""

import re
from datetime import timedelta
from typing import ClassVar

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.backends import Backends
from actions.common import CareAction, Event, entity, hand_off, language, now, promise, text
from actions.words import the_day

#: The time the law gives for an answer (GDPR art. 12: one month; 30 days never exceed it by a short February alone).
ANSWER_DAYS = 30
ERASE = re.compile(
    r"cancell|elimin|rimuov|togli|dimentic|oblio|revoc|non voglio pi|erase|delet|remove|forg[eo]t|withdraw",
    re.IGNORECASE,
)
COPY = re.compile(
    r"copia|scaric|esport|trascri|mandat?e?mi|mi mandi|tutto quello che avete|articolo 15"
    r"|copy|export|download|transcript|access request|send me",
    re.IGNORECASE,
)
#: What a person has to do.
BY_HAND = ("copy", "erase")


class PrivacyRequest(CareAction):
    """Says what is kept; a copy or an erasure goes to a person, with the day by which it is done."""

    topic: ClassVar[str] = "privacy_request"

    def name(self) -> str:
        """See domain/privacy_request.yml."""
        return "action_privacy_request"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> list[Event]:
        """See CareAction."""
        kind = wanted(tracker)
        if kind not in BY_HAND:
            dispatcher.utter_message(response="utter_privacy_what")
            return []
        due = (now(tracker) + timedelta(days=ANSWER_DAYS)).replace(hour=18, minute=0, second=0, microsecond=0)
        dispatcher.utter_message(response=f"utter_privacy_{kind}", due=the_day(due.date(), language(tracker)))
        # No number of its own: the number that the customer gets is that of the case.
        promise(dispatcher, f"privacy_{kind}", due, "", kind="privacy")
        hand_off(dispatcher, tracker, reason="topic", topic=self.topic, note=f"privacy_{kind}")
        return [SlotSet("privacy_kind", kind)]


def wanted(tracker: Tracker) -> str:
    """`copy`, `erase`, or `what` (what is kept, and any other question)."""
    tapped = entity(tracker, "privacy_kind")
    if tapped:
        return tapped
    said = text(tracker)
    if ERASE.search(said):
        return "erase"
    return "copy" if COPY.search(said) else "what"
