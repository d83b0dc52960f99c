"""What all actions share: the frame that turns a broken system into an honest sentence, and reading a turn.

Texts are never written here: they are responses in `domain/`, so that editors can change them.
"""

import json
import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from rasa_sdk import Action, Tracker
from rasa_sdk.events import ActiveLoop, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.backends import Backends, backends
from actions.backends.base import BackendDown

logger = logging.getLogger(__name__)

ROME = ZoneInfo("Europe/Rome")
Event = dict[str, Any]

#: Kinds of promises whose company system can be asked, by the promise's reference.
CHECKED = frozenset({"pin", "repair", "appointment", "activation"})

CANCEL = re.compile(
    r"^\W*((ok|okay|no|allora|va bene|anzi|dai|aspetta|scus[ai]|senti|guarda|well|actually|sorry)\W+)*"
    r"(annulla(re|mi)?|lasci(a|amo|ate)( pure)? (stare|perdere)|non importa|non fa niente|niente|stop"
    r"|basta( così| cosi)?|cancel|never ?mind|forget (it|about it)|ho cambiato idea|(i )?changed my mind)"
    r"(\W+(tutto|everything|it|(il|la|this|that|the) (guasto|segnalazione|richiesta|pratica|report|fault|request)"
    r"|per ora|for now|dai|grazie|thanks|thank you|scusa(mi)?|sorry))*\W*$",
    re.IGNORECASE,
)


_CANCEL_FIRST = re.compile(
    r"^\W*((ok|no|allora|anzi|dai|aspetta|scus[ai]|senti|guarda|actually|sorry)\W+)*"
    r"(lasci(a|amo)( pure)? (stare|perdere)|annulla|never ?mind|forget (it|that))\s*[,.;:!]\s*\w+",
    re.IGNORECASE,
)
#: "Un attimo, lo cerco": somebody is up and looking for a card. Not "no aspetta, è 347…", which holds the answer.
_WAIT = re.compile(
    r"^\W*((ok|sì|si|no|va bene|scus[ai]|eh|yes|sure|sorry"
    r"|non (lo |la |me lo |me la |ce l['’])?(so|ricordo|ho)\b[^,.;!?…]{0,20}(?=[,.;!…]))\W+)*"
    r"((un )?(attimo|attimino|momento|secondo)\b|aspett[ai]\b"
    r"|(lo|la|li|le|adesso|ora) (cerco|guardo|controllo)|(vado|devo) (a )?(cerca|prende|guarda|vede|controlla)\w+"
    r"|wait\b|hold on|one (moment|sec|second|minute)|(just )?a (moment|sec|second|minute)|give me a"
    r"|let me (look|check|find|get)|i('ll| will|'m going to) (look|check|get|find))",
    re.IGNORECASE,
)
#: More words than this tell something besides.
_WAIT_WORDS = 9


class CareAction(Action, ABC):
    """One answer of the bot. A subclass sets `topic` (an intent's name), `name()` and `answer()`.

    An active form ends when another topic's action runs, so that "no, I want my bill" is not followed by the
    form's question; an action that only interjects sets `keeps_form`.
    """

    topic: ClassVar[str] = ""
    keeps_form: ClassVar[bool] = False

    @abstractmethod
    async def answer(self, dispatcher: CollectingDispatcher, tracker: Tracker, systems: Backends) -> list[Event]:
        """Utter the answer and return the events. May raise BackendDown: the customer is then told the truth."""

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Mapping[str, Any]) -> list[Event]:
        """Called by the action server. Half an answer before a failure is dropped: it would contradict the rest."""
        try:
            events = await self.answer(dispatcher, tracker, backends())
        except BackendDown as down:
            logger.warning("backend down system=%s unsure=%s action=%s", down.system, down.unsure, self.name())
            dispatcher.messages.clear()
            say_backend_down(dispatcher, tracker, topic=self.topic, down=down)
            return end_form()
        if tracker.active_loop_name and not self.keeps_form:
            return [*events, *end_form()]
        return events


def end_form() -> list[Event]:
    """The events that end whatever form is active."""
    return [ActiveLoop(None), SlotSet("requested_slot", None)]


def cancels(tracker: Tracker) -> bool:
    """True when the customer says "annulla" and means the whole form."""
    return bool(CANCEL.match(text(tracker)))


def cancels_and_asks(tracker: Tracker) -> bool:
    """True for "anzi lascia perdere, dimmi solo …": the form is over, and what comes next is another matter."""
    return bool(_CANCEL_FIRST.match(text(tracker)))


def asks_to_wait(tracker: Tracker) -> bool:
    """True when the customer needs a moment, and says nothing else."""
    said = text(tracker)
    return bool(_WAIT.match(said)) and len(said.split()) <= _WAIT_WORDS and not any(one.isdigit() for one in said)


def hand_off(dispatcher: CollectingDispatcher, tracker: Tracker, *, reason: str, topic: str, note: str) -> None:
    """Ask for a person, as data. `note` is for the agent: a word of `noted` in bot/desk/texts/, which the desk says in
    the agent's language, perhaps with what it is about ("case_late: R-20410"); or a sentence of a company's own.

    `reason`: asked, not_understood, complaint, topic, backend_down or identity_failed. The bot opens the case
    and says what happens next: utter at most one warm sentence before.
    """
    dispatcher.utter_message(json_message={"handoff": {"reason": reason, "topic": topic, "note": note}})


def promise(dispatcher: CollectingDispatcher, what: str, due: datetime, reference: str, *, kind: str) -> None:
    """Record an expected time that the customer has just been told, so that somebody notices when it passes.

    `what` is for the desk, as the note of `hand_off`. `kind` is what it is counted under: pin, repair, appointment,
    activation, privacy or other. Where a company system knows (CHECKED), it is asked from now on whether it happened:
    actions/promises.py.
    """
    if due.tzinfo is None:
        raise ValueError("a promise needs a time with an offset")
    said = {"what": what, "due": due.isoformat(), "reference": reference, "kind": kind}
    if kind in CHECKED:
        said["check"] = "/check_promise" + json.dumps({"promise": f"{kind}:{reference}"})
    dispatcher.utter_message(json_message={"promise": said})


def watch(dispatcher: CollectingDispatcher, *, subject: str, check: str, tell: str) -> None:
    """Ask to be told when `subject` is over: `check` is asked every minute, `tell` is said once it is closed."""
    dispatcher.utter_message(json_message={"watch": {"subject": subject, "check": check, "tell": tell}})


def say_backend_down(dispatcher: CollectingDispatcher, tracker: Tracker, *, topic: str, down: BackendDown) -> None:
    """The honest sentence for a broken system, and a person."""
    note = f"{'backend_unsure' if down.unsure else 'backend_down'}: {down.system}"
    dispatcher.utter_message(response="utter_backend_down")
    hand_off(dispatcher, tracker, reason="backend_down", topic=topic, note=note)


def metadata(tracker: Tracker) -> dict[str, Any]:
    """What the bot sent along with this turn: language, turn_id, now, location, contact, cases and so on."""
    found = (tracker.latest_message or {}).get("metadata")
    return found if isinstance(found, dict) else {}


def turn_id(tracker: Tracker) -> str:
    """The inbound event's id: the same event answered twice must create one thing only."""
    return str(metadata(tracker).get("turn_id") or (tracker.latest_message or {}).get("message_id") or "")


def now(tracker: Tracker) -> datetime:
    """The time of this turn in Europe/Rome, as the bot sees it; the machine's clock without it (rasa shell)."""
    said = metadata(tracker).get("now")
    if isinstance(said, str):
        try:
            moment = datetime.fromisoformat(said.replace("Z", "+00:00"))
        except ValueError:
            moment = None
        if moment is not None and moment.tzinfo is not None:
            return moment.astimezone(ROME)
    return datetime.now(ROME)


def language(tracker: Tracker) -> str:
    """`it` or `en`."""
    said = tracker.get_slot("language") or metadata(tracker).get("language")
    return "en" if said == "en" else "it"


def shared_location(tracker: Tracker) -> tuple[float, float] | None:
    """(latitude, longitude) in degrees, when this turn is a shared location."""
    place = metadata(tracker).get("location")
    if not isinstance(place, dict):
        return None
    try:
        latitude, longitude = float(place["latitude"]), float(place["longitude"])
    except (KeyError, TypeError, ValueError):
        return None
    return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None


def can_share_location(tracker: Tracker) -> bool:
    """True when the customer's app has a button that shares the position."""
    return bool(metadata(tracker).get("can_share_location"))


def text(tracker: Tracker) -> str:
    """What the customer wrote or tapped, trimmed."""
    return str((tracker.latest_message or {}).get("text") or "").strip()


def intent(tracker: Tracker) -> tuple[str, float]:
    """Name and confidence (0-1) of the intent of this message."""
    found = (tracker.latest_message or {}).get("intent") or {}
    return str(found.get("name") or ""), float(found.get("confidence") or 0.0)


def last_turns(tracker: Tracker, turns: int = 1) -> list[Event]:
    """The events of the `turns` turns before this one, the newest first."""
    turns_back = 0
    found = []
    for event in reversed(tracker.events):
        if event.get("event") == "user":
            turns_back += 1
            if turns_back > turns:
                break
        elif turns_back:
            found.append(event)
    return found


def last_actions(tracker: Tracker) -> list[str]:
    """The actions that ran in the turn before this one."""
    return [str(one["name"]) for one in last_turns(tracker) if one.get("event") == "action" and one.get("name")]


def last_answers(tracker: Tracker, turns: int = 1) -> list[str]:
    """The names of the answers that the bot gave in the turn before this one, or in the last `turns`."""
    said = [event for event in last_turns(tracker, turns) if event["event"] == "bot"]
    return [str((event.get("metadata") or {}).get("utter_action")) for event in said]


def was_told(tracker: Tracker, *beginnings: str, turns: int = 1) -> bool:
    """True when an answer was given there whose name, without its "utter_", begins like one of these."""
    return any(answer.removeprefix("utter_").startswith(beginnings) for answer in last_answers(tracker, turns))


def entity(tracker: Tracker, name: str) -> str | None:
    """The value of an entity that a button's payload carries, such as /inform{"town": "Bari"}."""
    value = next(tracker.get_latest_entity_values(name), None)
    return None if value is None else str(value)
