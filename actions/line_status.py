"""Is the line down? Fixed and mobile by town, CAP or number; transit lines by name; and "tell me when it is fixed"."""

from __future__ import annotations

import re
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.events import FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.backends import Backends, backends
from actions.backends.base import BackendDown
from actions.backends.lines import Incident
from actions.common import CareAction, can_share_location, entity, language, now, text, watch
from actions.forms import Events, FormCheck, Said, ask
from actions.identity import own_lines
from actions.places import Looked, Place, look, narrow, service_of
from actions.when import say_moment

#: Incidents told in one answer; more would not be read on a phone.
MOST = 2
#: More quick replies than this no message may hold (the bot adds one of its own).
BUTTONS = 8
_NOTIFY = re.compile(
    r"\b(avvis\w+|avvert\w+|fammi sapere|fatemi sapere|dimmelo|scrivimi|notif\w+|let me know|tell me when)\b", re.I
)


class LineStatus(CareAction):
    """Answers at once when the message names the line, else opens the form that asks for it."""

    topic = "line_status"

    def name(self) -> str:
        return "action_line_status"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> Events:
        looked = await look(tracker, systems)
        service = service_of(text(tracker))
        last = tracker.get_slot("_last_incident")
        if last and _NOTIFY.search(text(tracker)):
            await _watch(str(last), dispatcher, systems)
            return _cleared()
        if looked.place:
            return [*_cleared(), *await tell(looked.place, service, dispatcher, tracker, systems)]
        own = await own_lines(tracker, systems)
        if own and not looked.choices and not looked.unknown:
            return [*_cleared(), *await _tell_own(own, dispatcher, tracker, systems)]
        return [*_cleared(), SlotSet("_line_service", service), FollowupAction("line_form")]


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
            looked = narrow(words.text, [line for line in lines if line.ref in offered])
        if not (looked.place or looked.choices):
            looked = await look(tracker, systems)
        if looked.place:
            service = service_of(words.text) or tracker.get_slot("_line_service")
            return [SlotSet("line_place", looked.place.stored), SlotSet("_line_service", service)]
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
        stored = tracker.get_slot("line_place")
        if not stored:
            return _cleared()
        place, service = Place.restored(stored), tracker.get_slot("_line_service")
        return [*_cleared(), *await tell(place, service, dispatcher, tracker, systems)]


class WatchIncident(CareAction):
    """The tap on "Avvisami": the bot writes back when the incident is closed."""

    topic = "line_status"

    def name(self) -> str:
        return "action_watch_incident"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> Events:
        await _watch(entity(tracker, "incident") or "", dispatcher, systems)
        return []


class CheckIncident(CareAction):
    """Asked by the bot every minute, without a conversation: is the incident still open? Says nothing to anybody."""

    topic = "line_status"

    def name(self) -> str:
        return "action_check_incident"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> Events:
        number = entity(tracker, "incident") or ""
        incident = await systems.lines.incident(number)
        # One that the system no longer knows was archived, and only closed ones are.
        _watch_result(dispatcher, number, is_open=incident is not None and incident.open)
        return []

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Events:
        """No apology and no hand-over when the system is down: nobody is reading. Open until it answers."""
        try:
            return await self.answer(dispatcher, tracker, backends())
        except BackendDown:
            dispatcher.messages.clear()
            _watch_result(dispatcher, entity(tracker, "incident") or "", is_open=True)
            return []


class IncidentFixed(CareAction):
    """What each watching customer reads once the incident is closed."""

    topic = "line_status"
    keeps_form = True

    def name(self) -> str:
        return "action_incident_fixed"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> Events:
        _say_fixed(await systems.lines.incident(entity(tracker, "incident") or ""), dispatcher)
        return []


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
    if not incidents:
        kind = "transit" if place.kind == "transit" else "line" if place.kind == "number" else "town"
        title = f"{place.title[:3]}…{place.title[-2:]}" if kind == "line" else place.title
        dispatcher.utter_message(response=f"utter_{kind}_fine", place=title)
    return _say_all(incidents, dispatcher, tracker)


def say_incident(
    incident: Incident, dispatcher: CollectingDispatcher, tracker: Tracker, *, report_anyway: bool = False
) -> None:
    """One incident: what, since when, until when, and the offer to write back; perhaps to report a fault anyway."""
    lang, moment = language(tracker), now(tracker)
    facts = {
        "area": incident.area,
        "what": incident.what.get(lang) or incident.what.get("it") or "",
        "since": say_moment(incident.since, moment, lang),
        "incident": incident.id,
    }
    service = incident.service if incident.service in ("fixed", "mobile", "transit") else "fixed"
    state = "_open" if incident.expected_end is None else "_late" if incident.expected_end <= moment else ""
    if incident.expected_end:
        facts["end"] = say_moment(incident.expected_end, moment, lang)
    dispatcher.utter_message(response=f"utter_incident_{service}{state}", **facts)
    offer = "or_report" if report_anyway else "transit" if service == "transit" else "line"
    dispatcher.utter_message(response=f"utter_offer_watch_{offer}", incident=incident.id)


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
    return [SlotSet(slot, None) for slot in ("line_place", "_line_service", "_line_unknown", "_line_choices")]


async def _tell_own(
    numbers: tuple[str, ...], dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends
) -> Events:
    lines = [await systems.lines.by_number(number) for number in numbers[:4]]
    hit = [line.incident for line in lines if line and line.incident]
    if not hit:
        dispatcher.utter_message(response="utter_own_lines_fine")
    return _say_all(hit, dispatcher, tracker)


def _say_all(incidents: list[Incident], dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
    for incident in incidents[:MOST]:
        say_incident(incident, dispatcher, tracker)
    # For "fammi sapere quando torna" typed instead of tapped.
    return [SlotSet("_last_incident", incidents[0].id if incidents else None)]


async def _watch(number: str, dispatcher: CollectingDispatcher, systems: Backends) -> None:
    incident = await systems.lines.incident(number)
    if incident is None or not incident.open:
        _say_fixed(incident, dispatcher)
        return
    dispatcher.utter_message(response="utter_watch_set", area=incident.area)
    data = f'{{"incident": "{incident.id}"}}'
    watch(
        dispatcher, subject=f"incident:{incident.id}",
        check=f"/check_incident{data}", tell=f"/incident_fixed{data}",
    )  # fmt: skip


def _say_fixed(incident: Incident | None, dispatcher: CollectingDispatcher) -> None:
    if incident is None:
        dispatcher.utter_message(response="utter_incident_gone")
    elif incident.open:
        # Opened again between the check and this answer.
        dispatcher.utter_message(response="utter_incident_still_open", area=incident.area, incident=incident.id)
    else:
        kind = "transit" if incident.service == "transit" else "line"
        dispatcher.utter_message(response=f"utter_incident_{kind}_fixed", area=incident.area)


def _watch_result(dispatcher: CollectingDispatcher, number: str, *, is_open: bool) -> None:
    dispatcher.utter_message(json_message={"watch_result": {"subject": f"incident:{number}", "open": is_open}})
