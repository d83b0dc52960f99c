"""A complaint: one sentence that takes it seriously, then a person. The bot defends nothing."""

from typing import ClassVar

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.backends import Backends
from actions.case_status import desk_cases
from actions.common import CareAction, Event, hand_off
from actions.line_status import LineStatus, wants_news


class Complaint(CareAction):
    """Hands over at once, with what the customer had done before."""

    topic: ClassVar[str] = "complaint"

    def name(self) -> str:
        """See domain/complaint.yml."""
        return "action_complaint"

    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> list[Event]:
        """See CareAction."""
        if wants_news(tracker):
            return await LineStatus().answer(dispatcher, tracker, systems)
        pending = [case["number"] for case in desk_cases(tracker) if case["status"] != "closed"]
        note = f"complaint_again: {', '.join(pending)}" if pending else "complaint"
        dispatcher.utter_message(response="utter_complaint")
        hand_off(dispatcher, tracker, reason="complaint", topic=self.topic, note=note)
        return []
