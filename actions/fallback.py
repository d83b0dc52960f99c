"""What was not understood: asked once in other words, the second time in a row a person is asked."""

import re
from typing import ClassVar

from rasa_sdk import Tracker
from rasa_sdk.events import FollowupAction
from rasa_sdk.executor import CollectingDispatcher

from actions.ask_human import last_topic
from actions.backends import Backends
from actions.common import CareAction, Event, end_form, hand_off, text
from actions.stores import follows_a_store

#: A thumb up or a heart needs no words: the tokenizer drops it, and "I didn't get that" would be a poor answer.
KIND_SIGN = re.compile("[\\s👍👌🙏👏💪😊🙂😀😁😃😉🤗😍\u2764\ufe0f🏻-🏿]+")
#: A turn in which one of these ran was a turn that was not understood.
MISSES = ("action_not_understood", "action_default_fallback")


class NotUnderstood(CareAction):
    """Rephrase or hand over. Everything it needs stands in the conversation's events; it keeps no count."""

    topic: ClassVar[str] = "nlu_fallback"
    keeps_form: ClassVar[bool] = True

    def name(self) -> str:
        """See domain/fallback.yml."""
        return "action_not_understood"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> list[Event]:
        """See CareAction."""
        form = tracker.active_loop_name
        if KIND_SIGN.fullmatch(text(tracker)):
            dispatcher.utter_message(response="utter_thank_aside" if form else "utter_thank")
            return [FollowupAction(form or "action_listen")]
        if not form and follows_a_store(tracker):
            return [FollowupAction("store_form")]
        if missed_before(tracker):
            dispatcher.utter_message(response="utter_not_understood_again")
            hand_off(
                dispatcher, tracker, reason="not_understood", topic=last_topic(tracker) or self.topic,
                note="Il bot non ha capito per due volte di seguito: leggi gli ultimi messaggi del cliente.",
            )
            # Said in so many words: after a follow-up or Rasa's own fallback no policy knows that the turn is over.
            return [*(end_form() if form else []), FollowupAction("action_listen")]
        if form:
            dispatcher.utter_message(response="utter_rephrase_aside")
            return [FollowupAction(form)]
        dispatcher.utter_message(response="utter_rephrase")
        return [FollowupAction("action_listen")]


class DefaultFallback(NotUnderstood):
    """In place of Rasa's own: no rule knew what to do. Rasa's would forget the message and say nothing."""

    def name(self) -> str:
        """Rasa's name for it, see config.yml."""
        return "action_default_fallback"


def missed_before(tracker: Tracker) -> bool:
    """True when the turn just before this one was not understood and did not already bring a person."""
    turns_back = 0
    missed = False
    for event in reversed(tracker.events):
        kind = event.get("event")
        if kind == "user":
            turns_back += 1
            if turns_back == 2:
                return missed
        elif turns_back == 1 and (kind == "session_started" or event.get("name") == "action_store" or thanked(event)):
            # A shop was told in that turn, or a kind sign answered: it was understood after all.
            return False
        elif turns_back == 1 and kind == "bot" and "handoff" in ((event.get("data") or {}).get("custom") or {}):
            # After a person took over the count begins anew: a second person would not help more than the first.
            return False
        elif turns_back == 1 and kind == "action" and event.get("name") in MISSES:
            missed = True
    return False


def thanked(event: Event) -> bool:
    """True when the bot answered a kind sign here."""
    return str((event.get("metadata") or {}).get("utter_action")).startswith("utter_thank")
