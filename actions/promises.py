"""Asked by the bot, without a conversation: has what was promised happened, says the company's system?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.backends import Backends, backends
from actions.backends.base import BackendDown
from actions.common import CareAction, Event, entity, now
from actions.orders import promised_by


@dataclass(frozen=True)
class Found:
    """What the system says: it happened (True) or not yet (False); `due` is when it is expected now."""

    happened: bool
    due: datetime | None


class CheckPromise(CareAction):
    """`promise` is "kind:reference". Says nothing to anybody: the answer is data for the bot."""

    topic = "case_status"

    def name(self) -> str:
        """See domain/case_status.yml."""
        return "action_check_promise"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> list[Event]:
        """See CareAction."""
        kind, _, reference = (entity(tracker, "promise") or "").partition(":")
        look = LOOKS.get(kind)
        found = await look(systems, reference, now(tracker)) if look and reference else None
        if found is None:
            _say(dispatcher, "unknown")
        else:
            _say(dispatcher, "kept" if found.happened else "open", found.due)
        return []

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> list[Event]:
        """No apology and no person when the system is down: nobody is reading. The bot asks again."""
        try:
            return await self.answer(dispatcher, tracker, backends())
        except BackendDown:
            dispatcher.messages.clear()
            _say(dispatcher, "no_answer")
            return []


async def _pin(systems: Backends, number: str, moment: datetime) -> Found | None:
    request = await systems.pins.find(number, now=moment)
    return Found(request.sent, request.due) if request and request.sent is not None else None


async def _repair(systems: Backends, number: str, moment: datetime) -> Found | None:
    ticket = await systems.lines.fault_report(number)
    return Found(ticket.solved, ticket.due) if ticket else None


async def _appointment(systems: Backends, number: str, moment: datetime) -> Found | None:
    visit = await systems.orders.appointment(number)
    return Found(visit.done, visit.end) if visit and visit.done is not None else None


async def _activation(systems: Backends, number: str, moment: datetime) -> Found | None:
    order = await systems.orders.order(number)
    return Found(order.state == "active", promised_by(order)) if order else None


#: Kind of promise -> asks its system; None: the system does not know. May raise BackendDown.
LOOKS: dict[str, Callable[[Backends, str, datetime], Awaitable[Found | None]]] = {
    "pin": _pin,
    "repair": _repair,
    "appointment": _appointment,
    "activation": _activation,
}


def _say(dispatcher: CollectingDispatcher, state: str, due: datetime | None = None) -> None:
    said = {"state": state, "due": due.isoformat() if due else None}
    dispatcher.utter_message(json_message={"promise_result": said})
