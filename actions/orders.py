"""Where is my activation, when does the technician come, and moving the visit."""

from __future__ import annotations

import re
from datetime import datetime, time

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.backends import Backends
from actions.backends.orders import STATES, Appointment, Order
from actions.common import ROME, CareAction, entity, language, now, promise, text, turn_id
from actions.forms import Events
from actions.identity import need_identity
from actions.when import DAYS, MONTHS, say_day

#: Orders told in one answer; the newest are the ones people ask about.
MOST = 2
#: A day that was told for an activation ends.
DAY_ENDS = time(20)
_MOVE = re.compile(
    r"\b(spost\w+|cambi\w+|rimand\w+|rinvi\w+|anticip\w+|posticip\w+|altro giorno|non (posso|ci sono|sono in casa)"
    r"|move|reschedul\w+|change|postpone|another day|can'?t make)\b",
    re.IGNORECASE,
)


class ActivationStatus(CareAction):
    """Each order on its way: how far it is, when it should be active, what comes next."""

    topic = "activation_status"

    def name(self) -> str:
        return "action_activation_status"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> Events:
        if asking := need_identity(tracker, self.topic):
            return asking
        orders = await systems.orders.of_customer(tracker.get_slot("verified_customer"))
        if not orders:
            dispatcher.utter_message(response="utter_activation_none")
        for order in orders[:MOST]:
            _say_order(order, dispatcher, tracker)
        return [SlotSet("order_number", orders[0].number)] if orders else []


class TechnicianAppointment(CareAction):
    """The next visit, or straight to the free windows when the customer wants to move it."""

    topic = "technician_appointment"

    def name(self) -> str:
        return "action_technician_appointment"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> Events:
        # Kept in a slot: after the identity check the latest message is the identity answer.
        wants_move = bool(_MOVE.search(text(tracker)) or tracker.get_slot("_move_wanted"))
        if asking := need_identity(tracker, self.topic):
            return [SlotSet("_move_wanted", wants_move or None), *asking]
        done: Events = [SlotSet("_move_wanted", None)]
        visits = await systems.orders.appointments(tracker.get_slot("verified_customer"))
        if not visits:
            dispatcher.utter_message(response="utter_appointment_none")
        elif wants_move and visits[0].movable:
            await _offer(visits[0], dispatcher, tracker, systems)
        else:
            kind = "appointment" if visits[0].movable else "appointment_near"
            dispatcher.utter_message(response=f"utter_{kind}", **_facts(visits[0], tracker))
            _promise_visit(visits[0], dispatcher)
        return done


class MoveAppointment(CareAction):
    """The tap on "Sposta": free windows as quick replies."""

    topic = "technician_appointment"

    def name(self) -> str:
        return "action_move_appointment"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> Events:
        if asking := need_identity(tracker, self.topic):
            return [SlotSet("_move_wanted", True), *asking]
        visits = await systems.orders.appointments(tracker.get_slot("verified_customer"))
        if not visits:
            dispatcher.utter_message(response="utter_appointment_none")
        elif not visits[0].movable:
            dispatcher.utter_message(response="utter_appointment_near", **_facts(visits[0], tracker))
        else:
            await _offer(visits[0], dispatcher, tracker, systems)
        return []


class BookSlot(CareAction):
    """The tap on a window: moves the visit, once."""

    topic = "technician_appointment"

    def name(self) -> str:
        return "action_book_slot"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> Events:
        chosen = entity(tracker, "time_slot") or tracker.get_slot("_time_slot")
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
            await _offer(visits[0], dispatcher, tracker, systems)
            return done
        dispatcher.utter_message(response="utter_appointment_moved", **_facts(moved, tracker))
        _promise_visit(moved, dispatcher)
        return [*done, SlotSet("appointment", f"{moved.id} {moved.start:%d/%m %H:%M}")]


def short_slot(start: datetime, end: datetime, lang: str) -> str:
    """A window that fits a quick reply of 20 characters: "mar 24 nov 9-12"."""
    weekday, month = DAYS[lang][start.weekday()][:3], MONTHS[lang][start.month - 1][:3]
    return f"{weekday} {start.day} {month} {start.hour}-{end.hour}"


async def _offer(
    visit: Appointment, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends
) -> None:
    slots = await systems.orders.free_slots(visit.id)
    if not slots:
        dispatcher.utter_message(response="utter_slots_none", **_facts(visit, tracker))
        return
    buttons = [
        {
            "title": short_slot(slot.start, slot.end, language(tracker)),
            "payload": f'/book_slot{{"time_slot": "{slot.id}"}}',
        }
        for slot in slots[:7]
    ]
    dispatcher.utter_message(response="utter_slots_offer", buttons=buttons, **_facts(visit, tracker))


def promised_by(order: Order) -> datetime | None:
    """The last moment at which an order is active when it should be: the end of its day."""
    return datetime.combine(order.expected, DAY_ENDS, ROME) if order.expected else None


def _promise_visit(visit: Appointment, dispatcher: CollectingDispatcher) -> None:
    promise(dispatcher, "visit", visit.end, visit.id, kind="appointment")


def _facts(visit: Appointment, tracker: Tracker) -> dict[str, str]:
    lang = language(tracker)
    return {
        "day": say_day(visit.start.date(), now(tracker).date(), lang),
        "from_hour": f"{visit.start:%-H:%M}",
        "to_hour": f"{visit.end:%-H:%M}",
        "address": visit.address,
        "technician": visit.technician or ("a technician" if lang == "en" else "un tecnico"),
    }


def _say_order(order: Order, dispatcher: CollectingDispatcher, tracker: Tracker) -> None:
    lang, today = language(tracker), now(tracker).date()
    facts = {
        "number": order.number,
        "title": order.title.get(lang) or order.title.get("it") or "",
        "next_step": order.next_step.get(lang) or order.next_step.get("it") or "",
        "placed": f"{order.placed:%-d/%-m}",
    }
    state = order.state if order.state in STATES else "received"
    if order.expected and order.expected < today and state != "active":
        facts["expected"] = f"{order.expected:%-d/%-m}"
        dispatcher.utter_message(response="utter_activation_late", **facts)
        return
    dispatcher.utter_message(response=f"utter_activation_{state}", **facts)
    if order.expected and state != "active":
        facts["expected"] = say_day(order.expected, today, lang)
        dispatcher.utter_message(response="utter_activation_when", **facts)
        due = promised_by(order)
        if due and due > now(tracker):
            promise(dispatcher, "activation", due, order.number, kind="activation")
