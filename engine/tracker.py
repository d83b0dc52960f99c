"""The tracker store of one request: it serves the events that came with it and keeps nothing afterwards."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import Event, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

LANGUAGE = "language"


@dataclass
class RequestState:
    """What one turn brings along and leaves behind."""

    events: list[Event]
    language: str | None
    #: Call no action: only what would be done is asked for.
    rehearsal: bool = False
    #: Set when Rasa saved the turn; None means that no turn took place.
    result: DialogueStateTracker | None = None
    #: What Rasa only wrote to its log: an action that failed, a prediction loop that was cut.
    failures: list[str] = field(default_factory=list)

    def new_events(self) -> list[dict[str, Any]]:
        """The turn's own events, as Rasa's event dictionaries, without those of the request."""
        if self.result is None:
            return []
        return [event.as_dict() for event in list(self.result.events)[len(self.events):]]


#: A context variable, not a table: each request runs in its own task, so turns cannot mix and nothing grows.
CURRENT: ContextVar[RequestState] = ContextVar("CURRENT")


class RequestTracker(DialogueStateTracker):
    """A tracker that puts the request's language into its slot just before the customer's message.

    Not earlier: a session that starts or has expired resets the slots between loading and the message.
    """

    request_language: str | None = None

    def update(self, event: Event, domain: Domain | None = None) -> None:
        """Apply one event; called by Rasa for each event of the turn."""
        wanted = self.request_language
        if wanted and isinstance(event, UserUttered) and self.get_slot(LANGUAGE) != wanted:
            super().update(SlotSet(LANGUAGE, wanted), domain)
        super().update(event, domain)


class RequestTrackerStore(TrackerStore):
    """Named in endpoints.yml; outside a request (`rasa shell`, `rasa test`) it is an empty store."""

    def __init__(self, domain: Domain | None = None, event_broker: Any = None, **_: Any) -> None:
        super().__init__(domain, event_broker)

    async def retrieve(self, sender_id: str) -> DialogueStateTracker | None:
        """The conversation as the request told it, never None inside a request."""
        state = CURRENT.get(None)
        if state is None:
            return None
        tracker = RequestTracker.from_events(sender_id, state.events, self.domain.slots)
        tracker.request_language = state.language if LANGUAGE in tracker.slots else None
        return tracker

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Hand the finished turn to the channel that asked for it."""
        state = CURRENT.get(None)
        if state is not None:
            state.result = tracker

    async def keys(self) -> list[str]:
        """No conversation is ever kept."""
        return []
