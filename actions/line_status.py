"""Is the line down? Fixed and mobile by town, CAP or number; transit lines by name."""

from __future__ import annotations

import re

from rasa_sdk import Tracker
from rasa_sdk.events import FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.backends import Backends
from actions.backends.lines import Incident
from actions.common import CareAction, can_share_location, cancels, text, was_told
from actions.facts import find_phone
from actions.forms import Events, FormCheck, Said, ask
from actions.identity import own_lines
from actions.incidents import say_incident, start_watch
from actions.opening import SHOP
from actions.places import Looked, Place, look, narrow, service_of
from actions.towns import find_town, plain

#: Incidents told in one answer; more would not be read on a phone.
MOST = 2
#: More quick replies than this no message may hold (the bot adds one of its own).
BUTTONS = 8
#: Answers that tell the state of a line.
TOLD = ("incident", "town_fine", "line_fine", "own_lines_fine", "transit_fine", "watch_set", "offer_watch")
#: A number told so many messages ago is still the line that the customer speaks of.
RECENT = 3
#: Words around a place that ask for nothing new.
AROUND = frozenset(
    "e ed a ad al in da di per qui qua li la invece anzi allora ma noi me zona cap provincia se vivo abito sono guasto"
    " and in at what how about for near around instead here".split()
)
_WHEN = re.compile(
    r"\b(quando|a che ora|(entro|tra) quanto|quanto (ci vuole|ci mett\w+|manca|dura)|when|how (long|much longer))\b",
    re.IGNORECASE,
)
_NOTIFY = re.compile(
    r"\b(avvis\w+|avvert\w+|fammi sapere|fatemi sapere|dimmelo|scrivimi|notif\w+|let me know|tell me when)\b", re.I
)
#: "Potevate avvisare": who was not told blames us, and asks for no news.
_NOT_TOLD = re.compile(
    r"\b(nessun\w*|non|senza|mai|potev\w+|dovev\w+|avrest\w+|nobody|no one|never|didn'?t|without|(should|could) have)\b"
    r".{0,25}\b(avvis\w+|avvert\w+|notif\w+|let me know|told|tell)\b",
    re.IGNORECASE,
)


class LineStatus(CareAction):
    """Answers at once when the message names the line, else opens the form that asks for it."""

    topic = "line_status"

    def name(self) -> str:
        return "action_line_status"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> Events:
        if cancels(tracker):
            dispatcher.utter_message(response="utter_cancelled")
            return _cleared()
        looked = await look(tracker, systems)
        service = service_of(text(tracker))
        last = tracker.get_slot("_last_incident")
        if last and asks_for_news(text(tracker)):
            await start_watch(str(last), dispatcher, systems)
            return _cleared()
        names_one = bool(looked.choices or looked.unknown)  # and which one must be asked
        place = looked.place or (None if names_one else asks_on(tracker))
        if place:
            return [*_cleared(), *await tell(place, service, dispatcher, tracker, systems)]
        own = await own_lines(tracker, systems)
        if own and not names_one:
            return [*_cleared(), *await _tell_own(own, dispatcher, tracker, systems)]
        return [*_cleared(), SlotSet("_line_service", service), FollowupAction("line_form")]


def follows_a_line(tracker: Tracker) -> bool:
    """True when words that name only a place or a number ask on about a line told just before: "e a Bologna?"."""
    if not told_before(tracker):
        return False
    said = text(tracker)
    if asks_on(tracker) and _WHEN.search(said) and not SHOP.search(said):
        return True
    town = find_town(said)
    left = [word for word in plain(said).split() if word not in AROUND]
    return bool(find_phone(said)) or bool(town and len(left) <= len(town.name.split()))


def number_told(tracker: Tracker) -> str | None:
    """The number of the line whose state was told up to RECENT messages ago: it is not asked for again."""
    stored = tracker.get_slot("_told_place")
    place = Place.restored(stored) if stored else None
    recent = was_told(tracker, *TOLD, turns=RECENT)
    return place.value if place and place.kind == "number" and recent else None


def wants_news(tracker: Tracker) -> bool:
    """True when an incident was told just before and the customer writes "avvisami" instead of tapping it."""
    return told_before(tracker) and bool(tracker.get_slot("_last_incident") and asks_for_news(text(tracker)))


def asks_for_news(said: str) -> bool:
    """ "Avvisami", "let me know"."""
    return bool(_NOTIFY.search(said)) and not _NOT_TOLD.search(said)


def told_before(tracker: Tracker) -> bool:
    """True when the state of a line was told just before."""
    return was_told(tracker, *TOLD)


def asks_on(tracker: Tracker) -> Place | None:
    """The place told just before: who names none then means that one ("e quando torna?"). Taps name what they mean."""
    stored = tracker.get_slot("_told_place")
    return Place.restored(stored) if stored and told_before(tracker) and not text(tracker).startswith("/") else None


class ValidateLineForm(FormCheck):
    """Asks which line, by whatever name the customer has for it."""

    form = "line_form"
    topic = "line_status"
    slots = ("line_place",)
    strict = frozenset(slots)
    keeps = {"line_place": frozenset({"line_status"})}

    async def read(
        self, words: Said, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends
    ) -> Events | None:
        offered = str(tracker.get_slot("_line_choices") or "").split()
        looked = Looked()
        if offered and words.asked and not words.tapped:
            lines = await systems.lines.transit(name=None, kind=None, city=None)
            looked = await narrow(words.text, [line for line in lines if line.ref in offered], systems)
        if not (looked.place or looked.choices):
            looked = await look(tracker, systems)
        if looked.place:
            service = service_of(words.text) or tracker.get_slot("_line_service")
            place = looked.place  # its name is for people: for whoever takes over when the system is down
            kept = {"line_place": place.title, "_line_place": place.stored, "_line_service": service}
            return [SlotSet(name, value) for name, value in kept.items()]
        return _ask_more(looked, dispatcher, tracker)

    async def question(
        self, slot: str, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends
    ) -> None:
        where = "_with_location" if can_share_location(tracker) else ""
        dispatcher.utter_message(response=f"utter_question_line_place{where}")


class LineStatusTell(CareAction):
    """After the form: the state of the line it found; silent when the form was left."""

    topic = "line_status"

    def name(self) -> str:
        return "action_line_status_tell"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> Events:
        stored = tracker.get_slot("_line_place")
        if not stored:
            return _cleared()
        place, service = Place.restored(stored), tracker.get_slot("_line_service")
        return [*_cleared(), *await tell(place, service, dispatcher, tracker, systems)]


async def tell(
    place: Place, service: str | None, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends
) -> Events:
    """Says what is known about one place: the open incidents with "Avvisami", or that there are none."""
    if place.kind == "number":
        line = await systems.lines.by_number(place.value)
        incidents = [line.incident] if line and line.incident else []
        service = line.service if line else service
    elif place.kind == "transit":
        incidents = await systems.lines.on_transit(place.value)
    else:
        incidents = await systems.lines.in_town(place.value, cap=place.cap, service=service)
    told = SlotSet("_told_place", place.stored)
    if not incidents:
        kind = "transit" if place.kind == "transit" else "line" if place.kind == "number" else "town"
        title = f"{place.title[:3]}…{place.title[-2:]}" if kind == "line" else place.title
        dispatcher.utter_message(response=f"utter_{kind}_fine", place=title)
    return [*_say_all(incidents, dispatcher, tracker), told]


def _ask_more(looked: Looked, dispatcher: CollectingDispatcher, tracker: Tracker) -> Events | None:
    again = [SlotSet("line_place", None), ask("line_place")]
    if looked.choices:
        buttons = [
            {"title": line.title, "payload": f'/line_status{{"line_ref": "{line.ref}"}}'} for line in looked.choices
        ]
        if len(buttons) > BUTTONS:
            dispatcher.utter_message(response="utter_line_which_city")
        else:
            dispatcher.utter_message(response="utter_line_which", buttons=buttons)
        return [SlotSet("_line_choices", " ".join(line.ref for line in looked.choices)), *again]
    # Only the first time: a second unknown name counts as not understood, and then a person helps.
    if looked.unknown and tracker.get_slot("_line_unknown") is None:
        dispatcher.utter_message(response=f"utter_line_unknown_{looked.unknown}")
        return [SlotSet("_line_unknown", True), *again]
    return None


def _cleared() -> Events:
    names = ("line_place", "_line_place", "_line_service", "_line_unknown", "_line_choices")
    return [SlotSet(name, None) for name in names]


async def _tell_own(
    numbers: tuple[str, ...], dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends
) -> Events:
    lines = [await systems.lines.by_number(number) for number in numbers[:4]]
    hit = [line.incident for line in lines if line and line.incident]
    if not hit:
        dispatcher.utter_message(response="utter_own_lines_fine")
    return [*_say_all(hit, dispatcher, tracker), SlotSet("_told_place", None)]


def _say_all(incidents: list[Incident], dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
    for incident in incidents[:MOST]:
        say_incident(incident, dispatcher, tracker)
    # For "fammi sapere quando torna" typed instead of tapped.
    return [SlotSet("_last_incident", incidents[0].id if incidents else None)]
