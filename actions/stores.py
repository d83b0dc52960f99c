"""Shops: the nearest one by town, CAP or shared position; when it is open; what people ask next about it.

The form only finds out where to look and keeps it in `_place`; `action_store` answers. Both run again at each
follow-up ("e domenica?", "un altro"), with the shop of the last answer in `_store_id`.
"""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.backends import Backends
from actions.backends.stores import Address, Store
from actions.buying import follows_a_product
from actions.common import CareAction, can_share_location, last_actions, last_answers, now, shared_location, text
from actions.follow_ups import Answer
from actions.forms import Events, FormCheck, Said, ask
from actions.line_status import LineStatus, follows_a_line
from actions.moving import MoveAppointment, asks_when_it_is, follows_a_visit, tell_visit
from actions.opening import BOOKING
from actions.price_availability import PriceAvailability
from actions.report_fault import ReportFault, follows_a_fault
from actions.store_words import IN_TOWN_KM, km_to, say_when, say_where
from actions.streets import named_among, names_street, on_street
from actions.towns import Town, find_town, plain
from actions.when import read_day

ANOTHER = re.compile(
    r"\b(un )?altr[oi]\b(?! (giorn|orari))|\bnon (quest|quell)[oa]\b|\b(quest|quell)[oa]\b.*\bno\b"
    r"|\ban ?other\b|\bdifferent one\b|\bnot (this|that)\b",
    re.IGNORECASE,
)
ELSEWHERE = re.compile(
    r"\b(altr[ao]|divers[ao]) (citt[aà]|paese|zona|comune|posto)\b|\b(an)?other (town|city|place)", re.IGNORECASE
)
_TOO_FAR = re.compile(
    r"\b(tropp\w+ (lontan\w+|strada|distant\w+)|pi[uù] vicin\w+|lontan(o|issimo)|too far|far off|closer|nearer)\b",
    re.IGNORECASE,
)
WEEK = re.compile(r"\b(settimana|settimanali|tutti i giorni|ogni giorno|whole week|all week|every day|weekly)\b", re.I)

#: "E a Bologna?", "e venerdì?", "ce l'avete a Milano?" sound like questions for a shop, and go on about something else
#: when that was told just before.
FOLLOW_UPS: tuple[tuple[Callable[[Tracker], bool], Answer], ...] = (
    (follows_a_fault, ReportFault().answer),
    (asks_when_it_is, tell_visit),
    (follows_a_line, LineStatus().answer),
    (follows_a_visit, MoveAppointment().answer),
    (follows_a_product, PriceAvailability().answer),
)
#: A longer sentence with a day in it is about something of its own.
SHORT = 7
#: A button's title on the narrowest channel.
TITLE = 20
#: Another shop farther than this is not offered.
REACH_KM = 60.0
#: Shops looked at for the one of a town that the words name; and most shops of one street name to choose from.
AROUND, MOST = 6, 6


class StoreForm(FormCheck):
    """Finds out where to look. Asks for the town, or the position where the customer's app can share it."""

    topic = "find_store"
    form = "store_form"
    slots = ("_place",)
    keeps = {"_place": frozenset({"store_hours", "find_store"})}
    strict = frozenset({"_place"})

    async def read(
        self, words: Said, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends
    ) -> Events | None:
        opens = words.asked is None and not words.tapped
        goes_on = next((one for follows, one in FOLLOW_UPS if follows(tracker)), None) if opens else None
        if goes_on:
            told = await goes_on(dispatcher, tracker, systems)
            return [*told, SlotSet("_place", None), *self.end()]
        if opens and too_far(tracker):
            dispatcher.utter_message(response="utter_store_no_nearer")
            return [SlotSet("_place", None), *self.end()]
        today = now(tracker).date()
        day = _asked_day(words, today)
        if day == today.isoformat() and "action_store" in last_actions(tracker):
            # A shop was told just before: "e domenica?", on a Sunday, is the next one.
            later = _asked_day(words, today + timedelta(days=1))
            day = later if later == (today + timedelta(days=7)).isoformat() else day
        if BOOKING.search(words.text) and not words.tapped:
            dispatcher.utter_message(response="utter_store_booking")
        named = await self._named(words, dispatcher, tracker, systems)
        if named is not None:
            return [*named, SlotSet("_day", day)]
        place = _place(words, tracker)
        if words.asked == "_place" and tracker.get_slot("_place") is None:
            if place is None:
                return None
            return [*_at(place), *([SlotSet("_day", day)] if day else [])]
        events = [SlotSet("_day", day)]
        if place:
            # "un altro a Bari?" stays where we are: what was shown already must not come again.
            return [*events, *([] if place == tracker.get_slot("_place") else _at(place))]
        if words.data.get("town") == "?" or ELSEWHERE.search(words.text):
            return [*events, SlotSet("_place", None), SlotSet("_store_id", None), SlotSet("_stores_seen", None)]
        known = find_town(str(tracker.get_slot("town") or ""))
        if tracker.get_slot("_place") is None and known:
            return [*events, *_at(_named(known))]
        return events

    async def _named(
        self, words: Said, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends
    ) -> Events | None:
        """The shop of a button or of a street; asks which one, when the street's name is in several towns."""
        tapped = words.data.get("store")
        if words.tapped:
            store = await systems.stores.one(str(tapped)) if tapped and tapped != "another" else None
            return None if store is None else _in(store)
        found = on_street(words.text, await systems.stores.addresses()) if names_street(words.text) else []
        here = [shop for shop in found if shop.town == tracker.get_slot("town")]
        found = here if len(found) > 1 and here else found
        if len(found) > 1:
            _ask_which(found[:MOST], dispatcher)
            return [SlotSet("_place", None), ask("_place")]
        store = await systems.stores.one(found[0].id) if found else None
        return None if store is None else _in(store)

    async def question(self, slot: str, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> None:
        shares = can_share_location(tracker)
        dispatcher.utter_message(response="utter_question_place_or_position" if shares else "utter_question_place")


class StoreAnswer(CareAction):
    """Says which shop, and when it is open; nothing when the form ended without a place."""

    topic = "find_store"

    def name(self) -> str:
        return "action_store"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> Events:
        place = tracker.get_slot("_place")
        if not place:
            return []
        store, seen = await self._choose(dispatcher, tracker, systems, place)
        if store is None:
            return [SlotSet("_day", None)]
        if store.id != tracker.get_slot("_store_id"):
            say_where(dispatcher, tracker, store, place)
        say_when(dispatcher, tracker, store)
        return [
            SlotSet("store", store.name),
            SlotSet("_store_id", store.id),
            SlotSet("_stores_seen", seen),
            SlotSet("_day", None),
        ]

    async def _choose(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends, place: dict[str, Any]
    ) -> tuple[Store | None, list[str]]:
        seen = list(tracker.get_slot("_stores_seen") or [])
        current = tracker.get_slot("_store_id")
        if current and current not in seen:  # the form has just found it by its street
            store = await systems.stores.one(current)
            if store:
                return store, [*seen, current]
        around = await systems.stores.near(place["latitude"], place["longitude"], len(seen) + AROUND)
        named = named_among(text(tracker), [store for store in around if km_to(store, place) <= IN_TOWN_KM])
        if named:
            return named, [*(one for one in seen if one != named.id), named.id]
        if current and not _wants_another(tracker):
            store = next((one for one in around if one.id == current), None) or await systems.stores.one(current)
            if store:
                return store, seen
        left = [store for store in around if store.id not in seen]
        if seen:
            left = [store for store in left if km_to(store, place) <= REACH_KM]
        if not left:
            dispatcher.utter_message(response="utter_store_no_other" if seen else "utter_store_none")
            return None, seen
        return left[0], [*seen, left[0].id]


def follows_a_store(tracker: Tracker) -> bool:
    """True when words that no topic recognised ask on about the shop told just before: a day, a town, "un altro"."""
    said = text(tracker)
    where = find_town(said) or names_street(said) or ANOTHER.search(said)
    day = read_day(said, now(tracker).date()) or WEEK.search(plain(said))
    asks = where or day and len(said.split()) <= SHORT
    return bool(asks) and "action_store" in last_actions(tracker)


def too_far(tracker: Tracker) -> bool:
    """True when the nearest shop was told just before, and it is too far away."""
    told = "utter_store_far" in last_answers(tracker)
    return told and bool(_TOO_FAR.search(text(tracker))) and find_town(text(tracker)) is None


def _place(words: Said, tracker: Tracker) -> dict[str, Any] | None:
    shared = shared_location(tracker)
    if shared and words.intent == "share_location":
        return {"latitude": shared[0], "longitude": shared[1], "name": "", "shared": True}
    town = find_town(str(words.data.get("town") or ("" if words.tapped else words.text)))
    return _named(town) if town else None


def _named(town: Town) -> dict[str, Any]:
    return {"latitude": town.latitude, "longitude": town.longitude, "name": town.name}


def _at(place: dict[str, Any]) -> Events:
    events = [SlotSet("_place", place), SlotSet("_store_id", None), SlotSet("_stores_seen", None)]
    return [*events, SlotSet("town", place["name"])] if place["name"] else events


def _in(store: Store) -> Events:
    """The place of a shop that was named itself: `action_store` tells this one."""
    place = {"latitude": store.latitude, "longitude": store.longitude, "name": store.town}
    return [*_at(place), SlotSet("_store_id", store.id)]


def _ask_which(shops: list[Address], dispatcher: CollectingDispatcher) -> None:
    buttons = [{"title": shop.town[:TITLE], "payload": f'/find_store{{"store": "{shop.id}"}}'} for shop in shops]
    dispatcher.utter_message(response="utter_store_which_town", buttons=buttons)


def _asked_day(words: Said, today: date) -> str | None:
    """The day asked about as ISO date, `week`, or None for now."""
    said = str(words.data.get("day") or ("" if words.tapped else words.text))
    day = read_day(said, today)
    if day:
        return day.isoformat()
    return "week" if WEEK.search(plain(said)) else None


def _wants_another(tracker: Tracker) -> bool:
    message = tracker.latest_message
    tapped = next((one["value"] for one in message.get("entities") or [] if one["entity"] == "store"), None)
    said = str(message.get("text") or "")
    return tapped == "another" or (not said.startswith("/") and bool(ANOTHER.search(said)))
