"""Where is my activation, and when does the technician come; moving the visit is in actions/moving.py."""

from __future__ import annotations

import re
from datetime import datetime, time

from rasa_sdk import Tracker
from rasa_sdk.events import FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.backends import Backends
from actions.backends.orders import STATES, Order
from actions.buying import sell, wants_it
from actions.common import ROME, CareAction, hand_off, language, last_answers, now, promise, text, was_told
from actions.extremes import follows_products
from actions.follow_ups import Answer, follow_up
from actions.forms import Events
from actions.identity import need_identity
from actions.moving import MOVE, SHORT, facts, offer, say_visit
from actions.opening import BOOKING, SHOP
from actions.when import say_day

#: Orders told in one answer; the newest are the ones people ask about.
MOST = 2
#: A day that was told for an activation ends.
DAY_ENDS = time(20)
#: Nobody came: a promise was broken, and a customer code is not what should be asked for first.
_MISSED = re.compile(
    r"\bnon (è|e'|si è|s'è) (mai |ancora )?(venut|passat|presentat|arrivat|vist|fatt)[oa]\b"
    r"|\bnessuno (è|si è) (venut|passat|presentat|vist)\w+|\b(mi ha|avete|ha) dato buca|\bbidon\w+"
    r"|\b(didn'?t|did not|never) (show\w*|c[oa]me|turn\w*)|no[- ]show|\bnobody (came|showed|turned)",
    re.IGNORECASE,
)
#: Orders and visits by name.
_NAMED = re.compile(
    r"\b(tecnic\w+|visit\w*|appuntament\w*|ordin\w+|fibra|adsl|e?sim|attiv\w+|pacc\w+|modem|router|technician|engineer"
    r"|appointment|order|activat\w+|fib(er|re)|parcel"
    r"|portabilit\w+|port(ing|ed)?|passaggio|subentr\w+|trasferiment\w+|allacci\w*|sopralluog\w+|install\w+|spedi\w+"
    r"|consegn\w+|deliver\w*|ship\w*|changeover|provvisori[oa]|provisional|(linea|numero|utenza) nuov[oa]"
    r"|(nuov[oa]|new|mi[ao]) (linea|numero|utenza|line|number)|(vecchi|altr)o (gestore|operatore)"
    r"|(old|other) provider)\b",
    re.IGNORECASE,
)
#: "Un appuntamento allo sportello" is no visit of a technician.
_AT_SHOP = re.compile(
    r"\b(negozi\w*|punt[oi] vendita|sportell\w+|filial\w+|in sede|vostra sede|da voi|shops?|stores?|branch\w*"
    r"|counter)\b",
    re.IGNORECASE,
)
_VISIT = re.compile(r"\b(tecnic\w+|install\w+|a casa|technician|engineer|my (house|home|place))\b", re.IGNORECASE)
_COMES = re.compile(r"\b(arriv\w+|quando|manca|ci vuole|attiv[aoe]\w*|arriv(e|es|ing)|when|how long)\b", re.IGNORECASE)
_CANCEL = re.compile(
    # Not "annullata": "perché avete annullato la visita?" is no wish.
    r"\b((annull|cancell)(o|a|iamo|ate|are|arl[ao])|disd(ire|irl[ao]|ico)|disdett\w+|non (mi serve|serve|voglio) più"
    r"|cancel|cancell?ing|call (it )?off|no longer need)\b",
    re.IGNORECASE,
)


class ActivationStatus(CareAction):
    """Each order on its way: how far it is, when it should be active, what comes next."""

    topic = "activation_status"

    def name(self) -> str:
        return "action_activation_status"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> Events:
        if wants_it(tracker):
            return await sell(dispatcher, tracker, systems)
        if goes_on := _goes_on(tracker):
            return await goes_on(dispatcher, tracker, systems)
        if asking := need_identity(tracker, self.topic):
            return asking
        orders = await systems.orders.of_customer(tracker.get_slot("verified_customer"))
        told_late = "utter_activation_late" in last_answers(tracker)
        late = next((each.number for each in orders[:MOST] if told_late and is_late(each, tracker)), None)
        if late:
            # Asked again after the delay was told: the same words once more would help nobody.
            dispatcher.utter_message(response="utter_activation_chased")
            hand_off(dispatcher, tracker, reason="topic", topic=self.topic, note=f"case_late: {late}")
            return []
        if not orders:
            dispatcher.utter_message(response="utter_activation_none")
        for order in orders[:MOST]:
            _say_order(order, dispatcher, tracker)
        return [SlotSet("order_number", orders[0].number)] if orders else []


def follows_an_order(tracker: Tracker) -> bool:
    """True when an order was told just before, and it is asked when it comes: "quindi domani arriva?"."""
    said = text(tracker)
    asks = _COMES.search(said) and len(said.split()) <= SHORT and not SHOP.search(said)
    return bool(asks) and was_told(tracker, "activation")


class TechnicianAppointment(CareAction):
    """The next visit, or straight to the free windows to move it; a person where it is called off, or nobody came."""

    topic = "technician_appointment"

    def name(self) -> str:
        return "action_technician_appointment"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> Events:
        if BOOKING.search(text(tracker)) and _AT_SHOP.search(text(tracker)) and not _VISIT.search(text(tracker)):
            return [FollowupAction("store_form")]
        if goes_on := _goes_on(tracker):
            return await goes_on(dispatcher, tracker, systems)
        if _MISSED.search(text(tracker)):
            dispatcher.utter_message(response="utter_appointment_missed")
            hand_off(dispatcher, tracker, reason="complaint", topic=self.topic, note="visit_missed")
            return []
        # Kept in a slot: after the identity check the latest message is the identity answer.
        wants_move = text(tracker) if MOVE.search(text(tracker)) else tracker.get_slot("_move_wanted")
        cancels = bool(_CANCEL.search(text(tracker)) or tracker.get_slot("_cancel_wanted"))
        if asking := need_identity(tracker, self.topic):
            return [SlotSet("_move_wanted", wants_move or None), SlotSet("_cancel_wanted", cancels or None), *asking]
        done: Events = [SlotSet("_move_wanted", None), SlotSet("_cancel_wanted", None)]
        visits = await systems.orders.appointments(tracker.get_slot("verified_customer"))
        if not visits:
            dispatcher.utter_message(response="utter_appointment_none")
        elif cancels and not wants_move:
            dispatcher.utter_message(response="utter_appointment_cancel", **facts(visits[0], tracker))
            note = f"visit_cancel: {visits[0].id} {visits[0].start:%d/%m %H:%M}"
            hand_off(dispatcher, tracker, reason="topic", topic=self.topic, note=note)
        elif wants_move and visits[0].movable:
            done += await offer(visits[0], dispatcher, tracker, systems)
        else:
            say_visit(visits[0], dispatcher, tracker)
        return done


def _goes_on(tracker: Tracker) -> Answer | None:
    """ "Quando mi chiamate?" after a fault was reported, "anzi no, il 17" after a phone: about those, no visit."""
    named = _NAMED.search(text(tracker)) and not follows_products(tracker)  # "quella col modem compreso" is a product
    return None if named else follow_up(tracker, likely=False)


def promised_by(order: Order) -> datetime | None:
    """The last moment at which an order is active when it should be: the end of its day."""
    return datetime.combine(order.expected, DAY_ENDS, ROME) if order.expected else None


def is_late(order: Order, tracker: Tracker) -> bool:
    """True when it should be active by now, and is not."""
    return bool(order.expected and order.expected < now(tracker).date() and order.state != "active")


def _say_order(order: Order, dispatcher: CollectingDispatcher, tracker: Tracker) -> None:
    lang, today = language(tracker), now(tracker).date()
    told = {
        "number": order.number,
        "title": order.title.get(lang) or order.title.get("it") or "",
        "next_step": order.next_step.get(lang) or order.next_step.get("it") or "",
        "placed": f"{order.placed:%-d/%-m}",
    }
    state = order.state if order.state in STATES else "received"
    if order.expected and is_late(order, tracker):
        told["expected"] = f"{order.expected:%-d/%-m}"
        dispatcher.utter_message(response="utter_activation_late", **told)
        return
    dispatcher.utter_message(response=f"utter_activation_{state}", **told)
    if order.expected and state != "active":
        told["expected"] = say_day(order.expected, today, lang)
        dispatcher.utter_message(response="utter_activation_when", **told)
        due = promised_by(order)
        if due and due > now(tracker):
            promise(dispatcher, "activation", due, order.number, kind="activation")
