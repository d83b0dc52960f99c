"""Says where a shop is and when it is open: now, on a day, the whole week, and on unusual days close ahead."""

from datetime import date, datetime, timedelta
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.backends.stores import Store
from actions.common import language, now
from actions.opening import day_of, map_link, next_opening, say_clock, say_hours, say_week, state_at
from actions.towns import distance_km
from actions.when import say_date, say_day, say_moment

#: Farther than this is not "in" the town any more: the customer is told so.
IN_TOWN_KM = 20.0
#: How far ahead an unusual day is worth a word.
NOTICE_DAYS = 5


def say_where(dispatcher: CollectingDispatcher, tracker: Tracker, store: Store, place: dict[str, Any]) -> None:
    """How far it is from a shared position, and where it is not in the town that was asked about."""
    km = km_to(store, place)
    if place.get("shared"):
        dispatcher.utter_message(
            response="utter_store_from_you", km=_say_km(km, language(tracker)), store=store.name
        )
    elif km > IN_TOWN_KM:
        dispatcher.utter_message(response="utter_store_far", km=f"{km:.0f}")


def say_when(dispatcher: CollectingDispatcher, tracker: Tracker, store: Store) -> None:
    """The shop, and when it is open: now, on the day asked about, or all week."""
    moment, lang, asked = now(tracker), language(tracker), tracker.get_slot("_day")
    facts = {"store": store.name, "address": f"{store.address}, {store.town}", "map": map_link(store)}
    if asked == "week":
        dispatcher.utter_message(response="utter_store_week", week=say_week(store, lang), **facts)
        return
    day = date.fromisoformat(asked) if asked else moment.date()
    if day != moment.date():
        _say_day(dispatcher, store, day, moment, lang=lang, facts=facts)
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
    _say_notice(dispatcher, store, moment, lang)


def _say_day(
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


def _say_notice(dispatcher: CollectingDispatcher, store: Store, moment: datetime, lang: str) -> None:
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


def km_to(store: Store, place: dict[str, Any]) -> float:
    """From the place asked about to a shop."""
    return distance_km(place["latitude"], place["longitude"], store.latitude, store.longitude)


def _say_km(km: float, lang: str) -> str:
    said = f"{km:.1f}" if km < 10 else f"{km:.0f}"
    return said if lang == "en" else said.replace(".", ",")


def _why(reason: str) -> str:
    return f" ({reason})" if reason else ""
