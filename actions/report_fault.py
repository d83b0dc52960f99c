"""A line that does not work: which one, since when, what happens, when to call; unless a known incident explains it."""

from __future__ import annotations

import re

from rasa_sdk import Tracker
from rasa_sdk.events import FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.backends import Backends
from actions.backends.lines import Fault
from actions.common import (
    CareAction,
    cancels,
    entity,
    hand_off,
    intent,
    language,
    last_answers,
    now,
    promise,
    text,
    turn_id,
)
from actions.facts import find_phone
from actions.fault_words import CALL_AT, SHORT, SINCE, SYMPTOM, other_since, says_nothing, says_when, works_again
from actions.forms import CORRECTS, Events, FormCheck, Said, ask
from actions.identity import own_lines
from actions.incidents import say_incident
from actions.line_status import number_told, tell, told_before
from actions.opening import SHOP
from actions.places import Place, look, service_of, transit_name
from actions.towns import find_town
from actions.when import say_moment

TOPIC = "report_fault"
SLOTS = ("fault_line", "fault_since", "fault_what", "contact_time")
#: Enough for the technician; a longer story stays in the conversation, which the agent sees anyway.
LONGEST = 200
ASKS_FOR_A_SHOP = frozenset({"find_store", "store_hours"})
#: Answers that offer to report a fault: "sì" is for that.
OFFERED = frozenset({"utter_line_fine", "utter_town_fine", "utter_own_lines_fine"})
_REPORTS = re.compile(r"\b(la|lo|stesso|voglio|vorrei|allora) segnal\w+|\bsegnal(ala|alo|atela)\b|\breport it\b", re.I)
_HOURS = re.compile(r"\b(orar\w+|hours)\b", re.IGNORECASE)
#: While facts are asked in free words, the customer's story sounds like these topics and is still the answer.
STORY = frozenset({"report_fault", "line_status", "complaint", "greet", "thank"})


class ReportFault(CareAction):
    """Opens the form, with the line's number when the message holds it."""

    topic = TOPIC

    def name(self) -> str:
        return "action_report_fault"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> Events:
        words = text(tracker)
        if cancels(tracker):
            dispatcher.utter_message(response="utter_cancelled")
            return _cleared()
        if transit_name(words) and not find_phone(words):
            looked = await look(tracker, systems)
            if looked.place:
                return await tell(looked.place, None, dispatcher, tracker, systems)
        beyond = entity(tracker, "beyond")
        told = None if beyond or told_before(tracker) else await tell_town(dispatcher, tracker, systems)
        if told is not None:
            return [*_cleared(), *told]
        keep = tracker.get_slot("fault_line") if beyond else None if find_phone(words) else number_told(tracker)
        typed = "" if words.startswith("/") else words
        since, what, call = SINCE.search(typed), SYMPTOM.search(typed), CALL_AT.search(typed)
        return [
            *_cleared(),
            SlotSet("fault_line", keep),
            SlotSet("fault_since", since.group() if since else None),
            SlotSet("fault_what", words[:LONGEST] if what else None),
            SlotSet("contact_time", call["time"] if call else None),
            SlotSet("_fault_beyond", beyond),
            FollowupAction("fault_form"),
        ]


async def tell_town(dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> Events | None:
    """What is known to be wrong in a town that was named instead of a number; None when nothing is."""
    words = text(tracker)
    town = None if words.startswith("/") or find_phone(words) else find_town(words)
    service = service_of(words)
    if town is None or not await systems.lines.in_town(town.name, cap=None, service=service):
        return None
    return await tell(Place("town", town.name, town.name), service, dispatcher, tracker, systems)


def follows_a_fault(tracker: Tracker) -> bool:
    """True when a line was told just before, and it is reported or what is wrong with it told on: "da venerdì"."""
    said = text(tracker)
    if not told_before(tracker) or said.startswith("/") or SHOP.search(said):
        return False
    if _REPORTS.search(said) or intent(tracker)[0] == "affirm" and OFFERED & set(last_answers(tracker)):
        return True
    if not number_told(tracker):
        return False
    # "Da ieri" alone, in a sentence of some length, is since when anything is so.
    tells = SYMPTOM.search(said) or SINCE.search(said) and len(said.split()) <= SHORT
    return "?" not in said and bool(tells) and not works_again(said)


class ValidateFaultForm(FormCheck):
    """Four questions; each answer may be typed freely or tapped."""

    form = "fault_form"
    topic = TOPIC
    slots = SLOTS
    strict = frozenset({"fault_line"})
    keeps = {
        "fault_line": frozenset({"report_fault", "line_status"}),
        "fault_since": STORY,
        "fault_what": STORY,
        "contact_time": STORY | {"store_hours"},
    }

    async def read(
        self, words: Said, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends
    ) -> Events | None:
        if words.asked and not words.tapped and works_again(words.text):
            dispatcher.utter_message(response="utter_fault_over")
            return self.end()
        before = tracker.get_slot("fault_since")
        since = other_since(words, str(before)) if before and words.asked in ("fault_what", "contact_time") else None
        if words.asked and since:
            return [SlotSet("fault_since", since), SlotSet(words.asked, None)]
        if words.asked == "contact_time" and not words.tapped and SYMPTOM.search(words.text):
            # "Di sera si blocca tutto" tells more of the fault, and no time to call.
            what = f"{tracker.get_slot('fault_what')}; {words.text}"
            return [SlotSet("fault_what", what[:LONGEST]), SlotSet("contact_time", None)]
        if words.asked in (None, "fault_line") or _other_number(words):
            return await self._read_line(words, dispatcher, tracker, systems)
        tapped = words.data.get(words.asked)
        if tapped:
            return [SlotSet(words.asked, str(tapped))]
        if words.tapped or not any(letter.isalnum() for letter in words.text):
            return None
        if not says_when(words) and (says_nothing(words) or self._changes_topic(words)):
            return None
        return [SlotSet(words.asked, words.text[:LONGEST])]

    async def question(
        self, slot: str, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends
    ) -> None:
        lines = await own_lines(tracker, systems) if slot == "fault_line" else ()
        if not lines:
            dispatcher.utter_message(response=f"utter_question_{slot}")
            return
        buttons = [{"title": number, "payload": f'/inform{{"fault_line": "{number}"}}'} for number in lines[:6]]
        dispatcher.utter_message(response="utter_question_fault_line_own", buttons=buttons)

    def end(self) -> Events:
        return [*super().end(), *_cleared()]

    def _changes_topic(self, words: Said) -> bool:
        # "Via Roma 3, Lecce" says where the line is; it asks for no shop.
        shop = SHOP.search(words.text) or _HOURS.search(words.text)
        elsewhere = words.asked == "fault_line" and words.intent in ASKS_FOR_A_SHOP and not words.tapped and not shop
        return not elsewhere and super()._changes_topic(words)

    async def _read_line(
        self, words: Said, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends
    ) -> Events | None:
        kept = tracker.get_slot("fault_line") if words.asked is None else None
        number = kept or words.data.get("fault_line") or find_phone(words.text)
        if not number:
            since = SINCE.search(words.text) if words.asked and not words.tapped and "?" not in words.text else None
            if since and not tracker.get_slot("fault_since"):
                return [SlotSet("fault_since", since.group())]  # told before it was asked; the number is asked again
            told = await tell_town(dispatcher, tracker, systems) if words.asked else None
            if told is not None:
                return [*self.end(), *told]
            return await self._told_transit(words, dispatcher, tracker, systems)
        line = await systems.lines.by_number(str(number))
        if line is None:
            return self._number_unknown(dispatcher, tracker)
        known = line.incident and tracker.get_slot("_fault_beyond") != line.incident.id
        if known and line.incident and kept and line.incident.id == tracker.get_slot("_last_incident"):
            # What happens is told on after the reason was: the offer counts now, not the same news once more.
            dispatcher.utter_message(response="utter_offer_watch_or_report", incident=line.incident.id)
            return [*self.end(), SlotSet("fault_line", line.number)]
        if known and line.incident:
            dispatcher.utter_message(response="utter_fault_known")
            say_incident(line.incident, dispatcher, tracker, report_anyway=True)
            place = Place("number", line.number, line.number).stored
            told = [SlotSet("_last_incident", line.incident.id), SlotSet("_told_place", place)]
            return [*self.end(), SlotSet("fault_line", line.number), *told]
        if kept and not tracker.get_slot("_fault_beyond"):
            dispatcher.utter_message(response="utter_fault_for_line", line=f"{line.number[:3]}…{line.number[-2:]}")
        return [SlotSet("fault_line", line.number)]

    async def _told_transit(
        self, words: Said, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends
    ) -> Events | None:
        if words.asked is None or words.tapped or not transit_name(words.text):
            return None
        # A tram has no fault report: its state is the answer.
        looked = await look(tracker, systems)
        if not looked.place:
            return None
        return [*self.end(), *await tell(looked.place, None, dispatcher, tracker, systems)]

    def _number_unknown(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
        if tracker.get_slot("_fault_unknown"):
            dispatcher.utter_message(response="utter_not_understood_person")
            hand_off(dispatcher, tracker, reason="not_understood", topic=TOPIC, note="fault_line_unknown")
            return self.end()
        dispatcher.utter_message(response="utter_fault_line_unknown")
        return [SlotSet("_fault_unknown", True), SlotSet("fault_line", None), ask("fault_line")]


class FaultSubmit(CareAction):
    """After the form: makes the report, once, or says nothing when the form was left."""

    topic = TOPIC

    def name(self) -> str:
        return "action_fault_submit"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> Events:
        facts = [tracker.get_slot(slot) for slot in SLOTS]
        if not all(facts):
            return []
        ticket = await systems.lines.report_fault(Fault(*map(str, facts)), idempotency_key=turn_id(tracker))
        due = say_moment(ticket.due, now(tracker), language(tracker))
        dispatcher.utter_message(response="utter_fault_reported", number=ticket.number, due=due)
        promise(dispatcher, "fault_check", ticket.due, ticket.number, kind="repair")
        return [SlotSet("fault_report", ticket.number), *_cleared()]


def _other_number(words: Said) -> bool:
    """ "No aspetta, è 347…", or a number alone: the line's number is put right while something else is asked."""
    number = find_phone(words.text)
    alone = number and not re.search(r"[^\W\d_]{2,}", words.text)
    return bool(number and not words.tapped and (alone or CORRECTS.search(words.text)))


def _cleared() -> Events:
    return [SlotSet(slot, None) for slot in (*SLOTS, "_fault_beyond", "_fault_unknown")]
