"""Where a request has got to: those at the desk and those promised in this chat first, then the company's system."""

import re
from datetime import datetime
from typing import Any, ClassVar

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.backends import Backends
from actions.backends.cases import CompanyCase
from actions.common import ROME, CareAction, Event, entity, hand_off, language, metadata, now, text, was_told
from actions.identity import need_identity
from actions.opening import SHOP
from actions.when import say_moment
from actions.words import the_day

PIN_NUMBER = re.compile(r"\bPIN[\s-]?([A-Z0-9]{5})\b", re.IGNORECASE)
#: The desk's words for a case, in the customer's three: in line, in somebody's hands, closed.
DESK_STATUS = {"agent": "agent", "taken": "agent", "closed": "closed", "solved": "closed"}
#: Answers that tell of something under way, and what asks when it will be there.
UNDER_WAY = ("pin_done", "fault_reported", "promised", "desk_case", "case_")
WHEN = re.compile(
    r"\b(quando|a che ora|(entro|tra|fra) quanto|quanto (tempo )?(ci vuole|ci mett\w+|manca|devo aspettare)|when"
    r"|how (long|much longer))\b|\bnon (mi )?(è|e'|sono) (ancora |mai )?arrivat\w+|\bnon (mi )?arriva\b"
    r"|\bnon (l['’]?)?ho (ancora |mai )?(ricevut|avut)\w+|\bmai arrivat\w+"
    r"|\b(didn'?t|haven'?t|not|never) (get|got|gotten|receive|received|come|arrived?)\b",
    re.IGNORECASE,
)
#: A longer sentence is about something of its own.
SHORT = 8
#: More than this at once is a list nobody reads on a phone.
AT_ONCE = 2


class CaseStatus(CareAction):
    """Tells what is known without asking who it is; asks for the identity only for the company's system."""

    topic: ClassVar[str] = "case_status"

    def name(self) -> str:
        """See domain/case_status.yml."""
        return "action_case_status"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> list[Event]:
        """See CareAction."""
        if entity(tracker, "case_source") == "company" or tracker.get_slot("_case_source") == "company":
            return await self._company(dispatcher, tracker, systems)
        number = PIN_NUMBER.search(text(tracker))
        if number:
            request = await systems.pins.find(f"PIN-{number[1].upper()}", now=now(tracker))
            if request:
                return self._promised(dispatcher, tracker, [(request.number, request.due)])
        cases, promises = desk_cases(tracker), promised(tracker)
        if not cases and not promises:
            return await self._company(dispatcher, tracker, systems)
        for case in cases[:AT_ONCE]:
            opened = the_day(case["opened"].date(), language(tracker))
            dispatcher.utter_message(
                response=f"utter_desk_case_{case['status']}", number=case["number"], opened=opened
            )
        late = self._promised(dispatcher, tracker, promises[:AT_ONCE])
        dispatcher.utter_message(response="utter_case_more")
        return late

    def _promised(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, promises: list[tuple[str, datetime]]
    ) -> list[Event]:
        moment = now(tracker)
        for reference, due in promises:
            when = say_moment(due, moment, language(tracker))
            kind = "utter_promised_late" if due < moment else "utter_promised"
            dispatcher.utter_message(response=kind, reference=reference, due=when)
        return []

    async def _company(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends
    ) -> list[Event]:
        # Kept over the identity check: afterwards the latest message is the customer code.
        if asking := need_identity(tracker, self.topic):
            return [SlotSet("_case_source", "company"), *asking]
        customer = str(tracker.get_slot("verified_customer"))
        found = await systems.cases.of_customer(customer, today=now(tracker).date())
        found = sorted(found, key=lambda case: case.status == "solved")[:AT_ONCE]
        if not found:
            dispatcher.utter_message(response="utter_case_none")
        late = [case.number for case in found if self._say(dispatcher, tracker, case)]
        if late:
            note = f"case_late: {', '.join(late)}"
            hand_off(dispatcher, tracker, reason="topic", topic=self.topic, note=note)
        return [SlotSet("_case_source", None)]

    def _say(self, dispatcher: CollectingDispatcher, tracker: Tracker, case: CompanyCase) -> bool:
        """Utter one request; True when its expected day has passed."""
        lang = language(tracker)
        late = case.status in ("received", "working") and bool(case.expected and case.expected < now(tracker).date())
        no_day = case.status in ("received", "working") and case.expected is None
        dispatcher.utter_message(
            response="utter_case_late" if late else "utter_case_open_no_day" if no_day else f"utter_case_{case.status}",
            number=case.number,
            subject=case.subjects.get(lang) or case.subjects["it"],
            opened=the_day(case.opened, lang),
            expected=the_day(case.expected, lang) if case.expected else "",
        )
        return late


def follows_a_request(tracker: Tracker) -> bool:
    """True when something under way was told just before, and it is asked when it comes: "e quanto ci vuole?"."""
    said = text(tracker)
    asks = WHEN.search(said) and len(said.split()) <= SHORT and not SHOP.search(said)
    return bool(asks) and was_told(tracker, *UNDER_WAY)


def desk_cases(tracker: Tracker) -> list[dict[str, Any]]:
    """This customer's cases at the desk, open ones first: number, status (waiting, agent, closed), opened."""
    found = []
    for case in metadata(tracker).get("cases") or []:
        try:
            opened = datetime.fromisoformat(str(case["opened_at"]).replace("Z", "+00:00"))
            status = DESK_STATUS.get(str(case["status"]), "waiting")
            found.append({"number": str(case["number"]), "status": status, "opened": opened.astimezone(ROME)})
        except (KeyError, TypeError, ValueError):
            continue  # a case without a date cannot be told about; the others can
    return sorted(found, key=lambda case: case["status"] == "closed")


def promised(tracker: Tracker) -> list[tuple[str, datetime]]:
    """What was promised to this customer and is open, newest first: (reference, due). The service remembers it."""
    found = []
    for promise in metadata(tracker).get("promises") or []:
        try:
            due = datetime.fromisoformat(str(promise["due"]).replace("Z", "+00:00"))
            found.append((str(promise["reference"]), due))
        except (KeyError, TypeError, ValueError):
            continue  # as with cases: the others can still be told
    return found
