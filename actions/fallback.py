"""What was not understood: asked once, which of two topics or in other words; the second time in a row a person.

The customer who says that the bot answered something else counts as well.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from rasa_sdk import Tracker
from rasa_sdk.events import FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.ask_human import NO_TOPIC, AskHuman, grant, last_topic
from actions.backends import Backends
from actions.common import CareAction, Event, asks_to_wait, end_form, hand_off, intent, language, text
from actions.facts import find_customer_code, find_phone
from actions.follow_ups import follow_up
from actions.line_status import LineStatus
from actions.orders import ActivationStatus, follows_an_order
from actions.small_talk import LANGUAGE
from actions.stores import follows_a_store
from actions.towns import find_town

#: A thumb up or a heart needs no words: the tokenizer drops it, and "I didn't get that" would be a poor answer.
KIND_SIGN = re.compile("[\\s👍👌🙏👏💪😊🙂😀😁😃😉🤗😍\u2764\ufe0f🏻-🏿]+")
#: "That is not what I asked."
MISUNDERSTOOD = "misunderstood"
#: So many messages back it counts still: said, the question in other words, said again.
SO_LATE = 2
#: Two topics with one answer: which of them it is makes no difference.
SAME_FORM = {"find_store", "store_hours"}
#: More words than these around a customer code or a number ask something.
ONLY_CODE = 5
#: A turn in which one of these ran was a turn that was not understood.
MISSES = ("action_not_understood", "action_default_fallback")


class NotUnderstood(CareAction):
    """Rephrase or hand over. Everything it needs stands in the conversation's events; it keeps no count."""

    topic: ClassVar[str] = "nlu_fallback"
    keeps_form: ClassVar[bool] = True

    def name(self) -> str:
        """See domain/fallback.yml."""
        return "action_not_understood"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Mapping[str, Any]) -> list[Event]:
        """See CareAction. Only here is the domain at hand, and in it the topics' titles."""
        events = await super().run(dispatcher, tracker, domain)
        if [message.get("response") for message in dispatcher.messages] == ["utter_rephrase"]:
            ask_which(dispatcher, tracker, domain)
        return events

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> list[Event]:
        """See CareAction."""
        form = tracker.active_loop_name
        if KIND_SIGN.fullmatch(text(tracker)):
            dispatcher.utter_message(response="utter_thank_aside" if form else "utter_thank")
            return [FollowupAction(form or "action_listen")]
        if LANGUAGE.match(text(tracker)):
            dispatcher.utter_message(response="utter_ask_language")
            return [FollowupAction(form or "action_listen")]
        if not form and asks_to_wait(tracker):
            dispatcher.utter_message(response="utter_take_your_time")
            return [FollowupAction("action_listen")]
        goes_on = None if form else follow_up(tracker, likely=True)
        if goes_on:
            told: list[Event] = await goes_on(dispatcher, tracker, systems)
            asks_on = any(event["event"] == "followup" for event in told)
            return told if asks_on else [*told, FollowupAction("action_listen")]
        if not form and follows_an_order(tracker):
            return [*await ActivationStatus().answer(dispatcher, tracker, systems), FollowupAction("action_listen")]
        if not form and (follows_a_store(tracker) or set(close_topics(tracker)) == SAME_FORM):
            return [FollowupAction("store_form")]
        code = find_customer_code(text(tracker), bare=False)
        if not form and code and len(text(tracker).split()) <= ONLY_CODE:
            dispatcher.utter_message(response="utter_code_noted")
            return [SlotSet("customer_code", code), FollowupAction("action_listen")]
        if not form and find_phone(text(tracker)) and len(text(tracker).split()) <= ONLY_CODE:
            return [*await LineStatus().answer(dispatcher, tracker, systems), FollowupAction("action_listen")]
        # Said in so many words: after a follow-up or Rasa's own fallback no policy knows that the turn is over.
        over: list[Event] = [*(end_form() if form else []), FollowupAction("action_listen")]
        if about := also_asked_for_a_person(tracker):
            grant(dispatcher, tracker, about)
            return over
        if not form and {*close_topics(tracker)} == {AskHuman.topic, "ask_wait"}:
            dispatcher.utter_message(response="utter_ask_wait")  # "how long for an agent?"; one is a tap away
            return over
        protests = intent(tracker)[0] == MISUNDERSTOOD
        if missed_before(tracker) or protests and protested(tracker):
            dispatcher.utter_message(response="utter_not_understood_again")
            hand_off(
                dispatcher, tracker, reason="not_understood", topic=last_topic(tracker) or self.topic,
                note="not_understood",
            )
            return over
        if protests:  # in a form, too: that is one more thing that nobody asked for
            dispatcher.utter_message(response="utter_neither")
            return over
        if form:
            dispatcher.utter_message(response="utter_rephrase_aside")
            return [FollowupAction(form)]
        dispatcher.utter_message(response="utter_rephrase")
        # Which of two is asked; where it was said already.
        town = find_town(text(tracker)) if close_topics(tracker) else None
        return [*([SlotSet("town", town.name)] if town else []), FollowupAction("action_listen")]


class DefaultFallback(NotUnderstood):
    """In place of Rasa's own: no rule knew what to do. Rasa's would forget the message and say nothing."""

    def name(self) -> str:
        """Rasa's name for it, see config.yml."""
        return "action_default_fallback"


def ask_which(dispatcher: CollectingDispatcher, tracker: Tracker, domain: Mapping[str, Any]) -> None:
    """In place of "say it in other words": the two topics it may be, when there are two and both have a title."""
    responses = domain.get("responses") or {}
    close = [(topic, title(responses, topic, language(tracker))) for topic in close_topics(tracker)]
    if len(close) != 2 or not all(name for _, name in close):
        return
    (first_topic, first), (second_topic, second) = close
    dispatcher.messages.clear()
    dispatcher.utter_message(
        response="utter_did_you_mean", first=first, second=second, first_topic=first_topic, second_topic=second_topic
    )


def close_topics(tracker: Tracker) -> list[str]:
    """The two topics that the message may be about, the likelier first; [] when it may be about anything."""
    intent = (tracker.latest_message or {}).get("intent") or {}
    return [str(name) for name in intent.get("candidates") or []]


def also_asked_for_a_person(tracker: Tracker) -> str:
    """The other of two topics where a person is the one: who says what is wrong and whom they want is asked no more."""
    close = close_topics(tracker)
    return next((topic for topic in close if AskHuman.topic in close and topic not in NO_TOPIC), "")


def title(responses: Mapping[str, Any], topic: str, spoken: str) -> str:
    """A topic's short title in a language, "" where it has none: small talk is nothing to choose."""
    variations = responses.get(f"utter_topic_{topic}") or []
    english = [str(one.get("text") or "") for one in variations if one.get("condition")]
    italian = [str(one.get("text") or "") for one in variations if not one.get("condition")]
    return next(iter(english if spoken == "en" else italian), "")


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
        elif turns_back == 1 and handed_over(event):
            # After a person took over the count begins anew: a second person would not help more than the first.
            return False
        elif turns_back == 1 and (kind == "action" and event.get("name") in MISSES or said(event) == "utter_neither"):
            missed = True
    return False


def protested(tracker: Tracker) -> bool:
    """True when the customer said so up to SO_LATE messages ago and no person took over since."""
    messages_back = -1
    for event in reversed(tracker.events):
        if event.get("event") == "user":
            messages_back += 1
            if messages_back > SO_LATE:
                return False
            name = ((event.get("parse_data") or {}).get("intent") or {}).get("name")
            if messages_back and name == MISUNDERSTOOD:
                return True
        elif handed_over(event):
            return False
    return False


def handed_over(event: Event) -> bool:
    """True when a person took over here."""
    return event.get("event") == "bot" and "handoff" in ((event.get("data") or {}).get("custom") or {})


def thanked(event: Event) -> bool:
    """True when the bot answered a kind sign, a code or a number here."""
    return said(event).startswith(("utter_thank", "utter_code_noted", "utter_line_fine"))


def said(event: Event) -> str:
    """The name of the answer that was given here, "" for anything else."""
    return str((event.get("metadata") or {}).get("utter_action") or "")
