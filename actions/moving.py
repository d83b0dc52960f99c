"""Moving the technician's visit: free windows to tap, or to name ("giovedì mattina", "il primo che hai")."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from rasa_sdk import Tracker
from rasa_sdk.events import FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.backends import Backends
from actions.backends.orders import Appointment, TimeSlot
from actions.common import CareAction, entity, intent, language, last_answers, now, promise, text, turn_id
from actions.forms import Events, FormCheck, Said, ask
from actions.identity import need_identity
from actions.opening import SHOP
from actions.when import DAYS, MONTHS, read_day, say_day
from actions.wishes import fitting

TOPIC = "technician_appointment"
#: "No dai, lascio com'è", "tengo quella di giovedì": none of the windows, also where it names the day of the visit.
KEEP = re.compile(
    r"\b(lascio|lasciamo|lasciala|lascialo|tengo|teniamo|tienila|tienilo|mantengo|manteniamo)\b(?!.*\b(stare|perdere)\b)"
    r"|\b(resta|rest[io]|restiamo|rimane|va bene)\b.{0,12}\b(com['’]? ?(è|e|era|sta)|così|cosi)\b"
    r"|\b(keep|leave) (it|that|the)\b",
    re.IGNORECASE,
)
#: What else than a visit people change: "come cambio la password del Wi-Fi?".
_ELSE = re.compile(
    r"\b(password|wi-?fi|banc\w+|iban|carta|domiciliazione|indirizzo|residenza|nome|intestat\w+|numero|piano|tariff\w+"
    r"|offerta|lingua|bank|card|direct debit|address|name|number|plan|language)\b",
    re.IGNORECASE,
)
#: Answers that tell when the visit is.
TOLD = ("utter_appointment", "utter_appointment_near", "utter_appointment_moved")
_TIME = re.compile(r"\b(a che ora|che ora|quando|orario|what time|when)\b", re.IGNORECASE)
#: A longer sentence is about something of its own.
SHORT = 7
#: And so is one with a day in it: "mi hanno detto martedì che la carta è scaduta e che devo rifare il contratto".
LONG = 12
MOVE = re.compile(
    r"\b(spost\w+|cambi\w+|rimand\w+|rinvi\w+|anticip\w+|posticip\w+|altro giorno"
    r"|giorno (dopo|prima|seguente|successivo)|non (posso|ci sono|sono in casa)"
    r"|più tardi|più presto|(venire|viene|passare|passa) (dopo|prima)|move|reschedul\w+|change|postpone|another day"
    r"|day (after|before)"
    r"|can'?t (make|do)|later|earlier)\b",
    re.IGNORECASE,
)
#: Windows in one message: the bot adds a button of its own.
MOST = 7


class MoveForm(FormCheck):
    """Waits for the window while the buttons are before the customer's eyes."""

    form = "move_form"
    topic = TOPIC
    slots = ("_time_slot",)
    strict = frozenset(slots)
    keeps = {"_time_slot": frozenset({TOPIC})}

    async def read(
        self, words: Said, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends
    ) -> Events | None:
        if words.asked is None:  # `offer` has just spoken
            return [ask("_time_slot")]
        if words.tapped:
            tapped = words.data.get("time_slot")
            return [SlotSet("_time_slot", str(tapped))] if tapped else None
        visit = await _visit(tracker, systems)
        if visit and KEEP.search(words.text):
            dispatcher.utter_message(response="utter_appointment_kept", **facts(visit, tracker))
            return self.end()
        slots = await systems.orders.free_slots(visit.id) if visit else []
        left = fitting(words.text, slots, now(tracker).date())
        if left is None:
            return None
        if left.named and len(left.slots) == 1:
            return [SlotSet("_time_slot", left.slots[0].id)]
        response = "utter_slots_then" if left.slots else "utter_slots_not_then"
        _say_slots(left.slots or slots, dispatcher, tracker, response=response)
        return [SlotSet("_time_slot", None), ask("_time_slot")]

    async def question(
        self, slot: str, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends
    ) -> None:
        visit = await _visit(tracker, systems)
        if visit:
            slots = await systems.orders.free_slots(visit.id)
            _say_slots(slots, dispatcher, tracker, response="utter_slots_offer", **facts(visit, tracker))

    def end(self) -> Events:
        return [*super().end(), SlotSet("_time_slot", None)]


class MoveAppointment(CareAction):
    """The tap on "Sposta": free windows as quick replies."""

    topic = "technician_appointment"

    def name(self) -> str:
        return "action_move_appointment"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> Events:
        if asking := need_identity(tracker, self.topic):
            return [SlotSet("_move_wanted", text(tracker)), *asking]
        visits = await systems.orders.appointments(tracker.get_slot("verified_customer"))
        if not visits:
            dispatcher.utter_message(response="utter_appointment_none")
        elif not visits[0].movable:
            dispatcher.utter_message(response="utter_appointment_near", **facts(visits[0], tracker))
        else:
            return await offer(visits[0], dispatcher, tracker, systems)
        return []


class BookSlot(CareAction):
    """The tap on a window, or its name: moves the visit, once."""

    topic = "technician_appointment"

    def name(self) -> str:
        return "action_book_slot"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> Events:
        chosen = entity(tracker, "time_slot") or tracker.get_slot("_time_slot")
        if not chosen:  # the form was left
            return []
        if asking := need_identity(tracker, "book_slot"):
            return [SlotSet("_time_slot", chosen), *asking]
        done: Events = [SlotSet("_time_slot", None)]
        # Whose visit it is comes from the register, never from the tap: a tap can be old, or someone else's.
        visits = await systems.orders.appointments(tracker.get_slot("verified_customer"))
        if not visits or not visits[0].movable:
            dispatcher.utter_message(response="utter_appointment_none")
            return done
        moved = await systems.orders.move(visits[0].id, str(chosen), idempotency_key=turn_id(tracker))
        if moved is None:
            dispatcher.utter_message(response="utter_slot_taken")
            return [*done, *await offer(visits[0], dispatcher, tracker, systems)]
        dispatcher.utter_message(response="utter_appointment_moved", **facts(moved, tracker))
        promise_visit(moved, dispatcher)
        return [*done, SlotSet("appointment", f"{moved.id} {moved.start:%d/%m %H:%M}")]


def follows_a_visit(tracker: Tracker) -> bool:
    """True when a visit was told just before and another time is asked for: "non posso mercoledì", "e venerdì?"."""
    said = text(tracker)
    if said.startswith("/") or not set(TOLD) & set(last_answers(tracker)) or SHOP.search(said):
        return False
    day = read_day(said, now(tracker).date()) and len(said.split()) <= LONG
    return bool(MOVE.search(said) and not _ELSE.search(said) or day)


def asks_when_it_is(tracker: Tracker) -> bool:
    """True when the visit was told just before and its time is asked once more: "e a che ora precisamente?"."""
    said = text(tracker)
    told = set(TOLD) & set(last_answers(tracker))
    return bool(told and _TIME.search(said)) and len(said.split()) <= SHORT and not SHOP.search(said)


async def tell_visit(dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> Events:
    """The next visit, and what was promised of it."""
    visits = await systems.orders.appointments(str(tracker.get_slot("verified_customer")))
    if not visits:
        dispatcher.utter_message(response="utter_appointment_none")
        return []
    say_visit(visits[0], dispatcher, tracker)
    return []


def say_visit(visit: Appointment, dispatcher: CollectingDispatcher, tracker: Tracker) -> None:
    """When it is, which is promised."""
    kind = "appointment" if visit.movable else "appointment_near"
    dispatcher.utter_message(response=f"utter_{kind}", **facts(visit, tracker))
    promise_visit(visit, dispatcher)


async def offer(
    visit: Appointment, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends
) -> Events:
    """Free windows as quick replies, those first that the message asks for; then wait for a tap or a day in words."""
    slots = await systems.orders.free_slots(visit.id)
    if not slots:
        dispatcher.utter_message(response="utter_slots_none", **facts(visit, tracker))
        return []
    # After an identity check the latest message is a code or a birth date, not a wish: that was kept before it.
    wishes = intent(tracker)[0] == TOPIC or follows_a_visit(tracker)
    said = text(tracker) if wishes else str(tracker.get_slot("_move_wanted") or "")
    wished = fitting(said, slots, now(tracker).date()) if said else None
    fits = wished.slots if wished else []
    # "Devo spostare la visita di giovedì": the day it is on is no wish.
    fits = [] if all(slot.start.date() == visit.start.date() for slot in fits) else fits
    _say_slots(fits or slots, dispatcher, tracker, response="utter_slots_offer", **facts(visit, tracker))
    return [SlotSet("_time_slot", None), FollowupAction("move_form")]


def _say_slots(
    slots: Sequence[TimeSlot], dispatcher: CollectingDispatcher, tracker: Tracker, *, response: str, **told: str
) -> None:
    buttons = [
        {
            "title": short_slot(slot.start, slot.end, language(tracker)),
            "payload": f'/book_slot{{"time_slot": "{slot.id}"}}',
        }
        for slot in slots[:MOST]
    ]
    dispatcher.utter_message(response=response, buttons=buttons, **told)


async def _visit(tracker: Tracker, systems: Backends) -> Appointment | None:
    """The customer's own next visit, if it can be moved."""
    visits = await systems.orders.appointments(str(tracker.get_slot("verified_customer")))
    return visits[0] if visits and visits[0].movable else None


def short_slot(start: datetime, end: datetime, lang: str) -> str:
    """A window that fits a quick reply of 20 characters: "mar 24 nov 9-12"."""
    weekday, month = DAYS[lang][start.weekday()][:3], MONTHS[lang][start.month - 1][:3]
    return f"{weekday} {start.day} {month} {start.hour}-{end.hour}"


def promise_visit(visit: Appointment, dispatcher: CollectingDispatcher) -> None:
    """Its end is when it has happened, or has not."""
    promise(dispatcher, "visit", visit.end, visit.id, kind="appointment")


def facts(visit: Appointment, tracker: Tracker) -> dict[str, str]:
    """What the answers about a visit may say of it."""
    lang = language(tracker)
    return {
        "day": say_day(visit.start.date(), now(tracker).date(), lang),
        "from_hour": f"{visit.start:%-H:%M}",
        "to_hour": f"{visit.end:%-H:%M}",
        "address": visit.address,
        "technician": visit.technician or ("a technician" if lang == "en" else "un tecnico"),
    }
