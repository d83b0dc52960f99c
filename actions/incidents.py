"""One incident: how it is told, and writing back to the customer when it is closed."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.backends import Backends, backends
from actions.backends.base import BackendDown
from actions.backends.lines import Incident
from actions.common import CareAction, entity, language, now, watch
from actions.forms import Events
from actions.when import say_moment


class WatchIncident(CareAction):
    """The tap on "Avvisami": the bot writes back when the incident is closed."""

    topic = "line_status"

    def name(self) -> str:
        return "action_watch_incident"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> Events:
        await start_watch(entity(tracker, "incident") or "", dispatcher, systems)
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


async def start_watch(number: str, dispatcher: CollectingDispatcher, systems: Backends) -> None:
    """Has the bot write back when the incident closes; says so at once when it has closed meanwhile."""
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
