"""Hello, thanks, yes, no, "are you a robot?", "how long is the wait?": answers that never lose what was going on."""

import re
from typing import ClassVar

from rasa_sdk import Tracker
from rasa_sdk.events import FollowupAction
from rasa_sdk.executor import CollectingDispatcher

from actions.backends import Backends
from actions.buying import sell, wants_it
from actions.common import CareAction, Event, end_form, intent, last_answers, metadata, text
from actions.follow_ups import follow_up
from actions.stores import follows_a_store, too_far
from actions.towns import find_town

#: In the middle of a form: what is said before its question is asked again. Intents not listed say nothing.
ASIDES = {
    "greet": "utter_greet_aside", "thank": "utter_thank_aside", "ask_bot": "utter_ask_bot_aside",
    "ask_wait": "utter_ask_wait",
}  # fmt: skip
#: Below this small talk is a guess: words that the model has never seen look a little like "yes".
SURE = 0.5
ANSWERS = {
    "greet": "utter_greet", "goodbye": "utter_goodbye", "thank": "utter_thank", "affirm": "utter_affirm",
    "deny": "utter_deny", "ask_bot": "utter_ask_bot", "ask_wait": "utter_ask_wait",
}  # fmt: skip


#: "Parli italiano?", "do you speak English?", "in English please"; not "is there a person who speaks English?".
LANGUAGE = re.compile(
    r"(?!.*\b(person\w*|operat\w+|qualcuno|someone|somebody|anyone|anybody|collega|agent\w*)\b)(?:.*?)(?:"
    r"\b(parl|cap|rispond|scriv)\w*\b.{0,20}\b(italiano|inglese)\b"
    r"|\b(speak|understand|write|reply|answer|talk|chat)\w*\b.{0,20}\b(italian|english)\b"
    r"|^\W*(in )?(italiano|inglese|italian|english)( please| per favore)?\W*$)",
    re.IGNORECASE,
)
#: Who waits for somebody says so.
_SOMEBODY = re.compile(
    r"\b(rispond\w+|operat\w+|person\w+|qualcun\w*|coda|fila|collega|answer\w*|repl(y|ies)|some(one|body)|agent\w*|queue|human)\b",
    re.IGNORECASE,
)


class SmallTalk(CareAction):
    """Answers by the intent's name. In a form the answer is an aside; "no" and "goodbye" end the form."""

    topic: ClassVar[str] = "greet"
    keeps_form: ClassVar[bool] = True

    def name(self) -> str:
        """See domain/small_talk.yml."""
        return "action_small_talk"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> list[Event]:
        """See CareAction."""
        said, confidence = intent(tracker)
        form = tracker.active_loop_name
        if LANGUAGE.match(text(tracker)) and said != "thank":
            dispatcher.utter_message(response="utter_ask_language")
            return [FollowupAction(form)] if form else []
        if confidence < SURE and not text(tracker).startswith("/"):
            return [FollowupAction("action_not_understood")]
        if form and said in ("deny", "goodbye"):
            dispatcher.utter_message(response="utter_cancelled" if said == "deny" else "utter_goodbye")
            return end_form()
        if form:
            if said in ASIDES:
                dispatcher.utter_message(response=ASIDES[said])
            return [FollowupAction(form)]
        # "How long?" after an outage was told is about the outage.
        goes_on = follow_up(tracker, likely=said == "ask_wait" and not _SOMEBODY.search(text(tracker)))
        if goes_on:
            return await goes_on(dispatcher, tracker, systems)
        if too_far(tracker):
            dispatcher.utter_message(response="utter_store_no_nearer")
            return []
        if said in ("affirm", "deny") and find_town(text(tracker)) and follows_a_store(tracker):
            return [FollowupAction("store_form")]
        if said == "affirm" and wants_it(tracker):
            return await sell(dispatcher, tracker, systems)
        if said == "deny" and "utter_did_you_mean" in last_answers(tracker):
            dispatcher.utter_message(response="utter_neither")
            return []
        again = said == "greet" and not first_greeting(tracker)
        dispatcher.utter_message(response="utter_greet_again" if again else ANSWERS[said])
        return []


def first_greeting(tracker: Tracker) -> bool:
    """True when this customer has not yet read in this conversation that they talk to a bot."""
    if metadata(tracker).get("first_turn"):
        return True
    said = ((event.get("metadata") or {}).get("utter_action") for event in tracker.events if event["event"] == "bot")
    return "utter_greet" not in said
