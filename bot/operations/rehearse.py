"""A new model tried on what customers really wrote, and on the test conversations, before it meets anyone.

Each message is asked again with the state it was asked with, as a rehearsal: no action is called, so nothing outside
is read or changed, and nothing leaves this machine. Compared is what was understood and what was done first; in the
middle of a form only what was understood, since what a form does next depends on its actions. Other words in a plain
answer are told and count as agreement: an editor changed them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Connection, desc, select

from bot.dialogue import Dialogue, EngineDown
from bot.model.dialogue import Ask, Turn
from bot.store.tables import dialogues

Event = dict[str, Any]
LISTEN = "action_listen"
AT_ONCE = 2


@dataclass(frozen=True)
class Said:
    """What a customer said once, the state it was said in, and what came of it. Empty: not to be compared."""

    where: str
    text: str
    before: list[Event]
    intent: str
    action: str = ""
    answer: str = ""


@dataclass(frozen=True)
class Difference:
    """One message that the new model takes otherwise."""

    said: Said
    was: str
    now: str


@dataclass(frozen=True)
class Rehearsal:
    """How the new model did at `asked` messages."""

    asked: int
    differ: tuple[Difference, ...] = ()
    other_words: tuple[Difference, ...] = ()

    @property
    def agreement(self) -> float:
        """The share of messages that it takes as before; 1 when there were none."""
        return 1 - len(self.differ) / self.asked if self.asked else 1.0


def stored(connection: Connection, most: int) -> list[Said]:
    """The last `most` messages of the conversations that were answered last, with what the engine made of them."""
    rows = connection.execute(
        select(dialogues.c.conversation_id, dialogues.c.events).order_by(desc(dialogues.c.updated_at)).limit(most)
    )
    found: list[Said] = []
    for conversation_id, events in rows:
        found += reversed(list(of_events(f"conversation {conversation_id}", events)))
        if len(found) >= most:
            break
    return found[:most]


def of_events(where: str, events: list[Event]) -> Iterator[Said]:
    """Each message of a dialogue's state that was asked after a whole turn."""
    form = ""
    for place, event in enumerate(events):
        if event["event"] == "active_loop":
            form = event.get("name") or ""
        before = [each for each in events[:place] if each["event"] == "action"]
        if event["event"] != "user" or (before and before[-1].get("name") != LISTEN):
            continue
        intent = ((event.get("parse_data") or {}).get("intent") or {}).get("name") or ""
        if event.get("text") and intent:
            action, answer = ("", "") if form else first_done(events[place + 1 :])
            yield Said(where, str(event["text"]), events[:place], intent, action, answer)


def of_files(folder: Path) -> Iterator[Said]:
    """Each message of the test conversations (Rasa's own format), in the state its conversation says."""
    for file in sorted(folder.glob("*.yml")):
        for story in (yaml.safe_load(file.read_text("utf-8")) or {}).get("stories") or ():
            yield from of_events(f"{file.name}, {story['story']}", list(_events_of(story["steps"])))


def _events_of(steps: Iterable[dict[str, Any]]) -> Iterator[Event]:
    said_before = False
    for step in steps:
        if "user" in step:
            if said_before:
                yield {"event": "action", "name": LISTEN}
            said_before = True
            text, entities = step["user"].strip(), _entities(step.get("entities") or ())
            parsed = {"text": text, "intent": {"name": step.get("intent", "")}, "entities": entities}
            yield {"event": "user", "text": text, "parse_data": parsed}
        elif "action" in step:
            yield {"event": "action", "name": step["action"]}
        elif "active_loop" in step:
            yield {"event": "active_loop", "name": step["active_loop"]}
        elif "slot_was_set" in step:
            for slot in step["slot_was_set"]:
                for name, value in (slot.items() if isinstance(slot, dict) else [(slot, True)]):
                    yield {"event": "slot", "name": name, "value": value}


def _entities(entities: Iterable[Any]) -> list[dict[str, Any]]:
    pairs = [pair for each in entities if isinstance(each, dict) for pair in each.items()]
    return [{"entity": name, "value": value} for name, value in pairs]


def first_done(events: list[Event]) -> tuple[str, str]:
    """The first action after a message, and its words when it is a plain answer."""
    action = ""
    for event in events:
        if event["event"] == "user":
            break
        if event["event"] == "action" and not action:
            action = str(event.get("name") or "")
        elif event["event"] == "bot" and action and (event.get("metadata") or {}).get("utter_action") == action:
            return action, str(event.get("text") or "")
    return action, ""


async def rehearse(url: str, said: list[Said]) -> Rehearsal:
    """Ask the engine at `url` all of them."""
    differ: list[Difference] = []
    other_words: list[Difference] = []
    waiting = list(reversed(said))

    async def ask_on() -> None:
        while waiting:
            one = waiting.pop()
            now_intent, now_action, now_answer = await _asked(dialogue, one)
            was, now = (one.intent, now_intent) if not one.action else (
                f"{one.intent}, {one.action}", f"{now_intent}, {now_action}"
            )
            if was != now:
                differ.append(Difference(one, was, now))
            elif one.answer and one.answer != now_answer:
                other_words.append(Difference(one, one.answer, now_answer))

    async with Dialogue(url) as dialogue:
        await asyncio.gather(*(ask_on() for _ in range(AT_ONCE)))
    return Rehearsal(len(said), tuple(differ), tuple(other_words))


async def _asked(dialogue: Dialogue, one: Said) -> tuple[str, str, str]:
    try:
        turn = await dialogue.ask(
            Ask("rehearsal", one.text, {"language": _language(one.before)}, _now(one.before), rehearsal=True)
        )
    except EngineDown as error:
        return f"no answer ({error})", "", ""
    action, answer = _new(turn)
    return turn.intent, action, answer


def _new(turn: Turn) -> tuple[str, str]:
    last = max((place for place, event in enumerate(turn.events) if event["event"] == "user"), default=-1)
    return first_done(turn.events[last + 1 :])


def _language(before: list[Event]) -> str:
    known = [event.get("value") for event in before if event["event"] == "slot" and event.get("name") == "language"]
    return known[-1] if known and isinstance(known[-1], str) else "it"


def _now(before: list[Event]) -> list[Event]:
    """The state as if it were of a moment ago: an old one is a session that is over, and its form forgotten."""
    last = max((float(event.get("timestamp") or 0.0) for event in before), default=0.0)
    later = time.time() - 1 - last
    return [{**event, "timestamp": float(event.get("timestamp") or last) + later} for event in before]
