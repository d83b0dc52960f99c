"""Shops: the nearest one by town, CAP or shared position; when it is open; what people ask next about it.

The form only finds out where to look and keeps it in `_place`; `action_store` answers. Both run again at each
follow-up ("e domenica?", "un altro"), with the shop of the last answer in `_store_id`.
"""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.backends import Backends
from actions.backends.stores import Store
from actions.buying import follows_a_product
from actions.common import CareAction, can_share_location, language, last_actions, now, shared_location, text
from actions.forms import Events, FormCheck, Said
from actions.line_status import LineStatus, follows_a_line
from actions.moving import MoveAppointment, follows_a_visit
from actions.opening import day_of, map_link, next_opening, say_clock, say_hours, say_week, state_at
from actions.price_availability import PriceAvailability
from actions.towns import Town, distance_km, find_town, plain
from actions.when import read_day, say_date, say_day, say_moment

ANOTHER = re.compile(
    r"\b(un )?altr[oi]\b(?! (giorn|orari))|\bnon (quest|quell)[oa]\b|\b(quest|quell)[oa]\b.*\bno\b"
    r"|\ban ?other\b|\bdifferent one\b|\bnot (this|that)\b",
    re.IGNORECASE,
)
ELSEWHERE = re.compile(
    r"\b(altr[ao]|divers[ao]) (citt[aà]|paese|zona|comune|posto)\b|\b(an)?other (town|city|place)", re.IGNORECASE
)
WEEK = re.compile(r"\b(settimana|settimanali|tutti i giorni|ogni giorno|whole week|all week|every day|weekly)\b", re.I)

#: "E a Bologna?", "e venerdì?", "ce l'avete a Milano?" sound like questions for a shop, and go on about something else
#: when that was told just before.
FOLLOW_UPS: tuple[tuple[Callable[[Tracker], bool], CareAction], ...] = (
    (follows_a_line, LineStatus()),
    (follows_a_visit, MoveAppointment()),
    (follows_a_product, PriceAvailability()),
)
#: Farther than this is not "in" the town any more: the customer is told so.
IN_TOWN_KM = 20.0
#: Another shop farther than this is not offered.
REACH_KM = 60.0
#: How far ahead an unusual day is worth a word.
NOTICE_DAYS = 5


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
            told = await goes_on.answer(dispatcher, tracker, systems)
            return [*told, SlotSet("_place", None), *self.end()]
        today = now(tracker).date()
        day = _asked_day(words, today)
        if day == today.isoformat() and "action_store" in last_actions(tracker):
            # A shop was told just before: "e domenica?", on a Sunday, is the next one.
            later = _asked_day(words, today + timedelta(days=1))
            day = later if later == (today + timedelta(days=7)).isoformat() else day
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
            self._say_where(dispatcher, tracker, store, place)
        self._say_when(dispatcher, tracker, store)
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
        if current and not _wants_another(tracker):
            store = await systems.stores.one(current)
            if store:
                return store, seen
        around = await systems.stores.near(place["latitude"], place["longitude"], len(seen) + 3)
        left = [store for store in around if store.id not in seen]
        if seen:
            left = [store for store in left if _km(store, place) <= REACH_KM]
        if not left:
            dispatcher.utter_message(response="utter_store_no_other" if seen else "utter_store_none")
            return None, seen
        return left[0], [*seen, left[0].id]

    def _say_where(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, store: Store, place: dict[str, Any]
    ) -> None:
        km = _km(store, place)
        if place.get("shared"):
            dispatcher.utter_message(
                response="utter_store_from_you", km=_say_km(km, language(tracker)), store=store.name
            )
        elif km > IN_TOWN_KM:
            dispatcher.utter_message(response="utter_store_far", km=f"{km:.0f}")

    def _say_when(self, dispatcher: CollectingDispatcher, tracker: Tracker, store: Store) -> None:
        moment, lang, asked = now(tracker), language(tracker), tracker.get_slot("_day")
        facts = {"store": store.name, "address": f"{store.address}, {store.town}", "map": map_link(store)}
        if asked == "week":
            dispatcher.utter_message(response="utter_store_week", week=say_week(store, lang), **facts)
            return
        day = date.fromisoformat(asked) if asked else moment.date()
        if day != moment.date():
            self._say_day(dispatcher, store, day, moment, lang=lang, facts=facts)
            return
        state = state_at(store, moment, lang)
        kind = state.kind if state.day.hours else "closed_today"
        if state.kind == "closed" and state.opens is None:
            kind = "closed_long"
        opens = "" if state.opens is None else say_moment(state.opens, moment, lang)
        if state.opens and kind in ("break", "later"):
            opens = say_clock(state.opens)
        dispatcher.utter_message(
            response=f"utter_store_{kind}",
            hours=say_hours(state.day.hours, lang),
            until=say_clock(state.until) if state.until else "",
            opens=opens,
            why=_why(state.day.reason),
            **facts,
        )
        self._say_notice(dispatcher, store, moment, lang)

    def _say_day(
        self,
        dispatcher: CollectingDispatcher,
        store: Store,
        day: date,
        moment: datetime,
        *,
        lang: str,
        facts: dict[str, str],
    ) -> None:
        found = day_of(store, day, lang)
        midnight = datetime.combine(day, moment.timetz().replace(hour=0, minute=0))
        opens = next_opening(store, midnight, lang)
        closed = "utter_store_day_closed" if opens else "utter_store_closed_long"
        dispatcher.utter_message(
            response="utter_store_day_open" if found.hours else closed,
            day=say_date(day, lang),
            hours=say_hours(found.hours, lang),
            opens="" if opens is None else say_moment(opens, moment, lang),
            why=_why(found.reason),
            **facts,
        )

    def _say_notice(self, dispatcher: CollectingDispatcher, store: Store, moment: datetime, lang: str) -> None:
        """One line about an unusual day close ahead: nobody should stand before a closed shutter."""
        for offset in range(1, NOTICE_DAYS + 1):
            day = moment.date() + timedelta(days=offset)
            found = day_of(store, day, lang)
            if found.reason and found.hours != store.week[day.weekday()]:
                dispatcher.utter_message(
                    response="utter_store_notice_open" if found.hours else "utter_store_notice_closed",
                    day=say_day(day, moment.date(), lang),
                    hours=say_hours(found.hours, lang),
                    why=_why(found.reason),
                )
                return


def follows_a_store(tracker: Tracker) -> bool:
    """True when words that no topic recognised ask on about the shop told just before: a day, a town, "un altro"."""
    said = text(tracker)
    asks = read_day(said, now(tracker).date()) or find_town(said) or WEEK.search(plain(said)) or ANOTHER.search(said)
    return bool(asks) and "action_store" in last_actions(tracker)


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


def _km(store: Store, place: dict[str, Any]) -> float:
    return distance_km(place["latitude"], place["longitude"], store.latitude, store.longitude)


def _say_km(km: float, lang: str) -> str:
    said = f"{km:.1f}" if km < 10 else f"{km:.0f}"
    return said if lang == "en" else said.replace(".", ",")


def _why(reason: str) -> str:
    return f" ({reason})" if reason else ""
