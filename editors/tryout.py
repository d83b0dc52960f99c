"""`make try`: one sentence through the real engine, and what the bot makes of it.

The engine that already runs on ENGINE_PORT is asked, if it has today's content; otherwise engine and actions are
started for as long as this runs. The conversation goes on from sentence to sentence; an empty line begins anew.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tarfile
import textwrap
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp

from bot.channels.base import fit
from bot.child import port_is_free
from bot.children import Children, ChildrenFailed, ChildrenSettings
from bot.dialogue import read_turn
from bot.flow.language import language_of
from bot.flow.meaning import meaning
from bot.model.dialogue import Turn
from bot.model.messages import ConversationKey, Incoming
from bot.model.replies import Part, QuickReply, Reply
from bot.training import Content
from editors.answers import platforms, way_to_a_person

WORDS = {
    "it": {
        "ready": "Scrivi come scriverebbe un cliente. Riga vuota: conversazione nuova. Ctrl-D: fine.",
        "starting": "Avvio il bot (la prima volta si addestra: meno di un minuto) …",
        "anew": "— conversazione nuova —", "topic": "argomento", "others": "poi", "entities": "dati trovati",
        "none": "nessuno", "not_understood": "non è sicuro: chiede, o la seconda volta di seguito passa a una persona",
        "person": "passa a una persona: {reason}", "picture": "immagine", "failed": "Errore: {error}",
        "promise": "promessa: {what} entro il {due}",
    },
    "en": {
        "ready": "Write as a customer would. Empty line: a new conversation. Ctrl-D: the end.",
        "starting": "Starting the bot (the first time it trains: under a minute) …",
        "anew": "— a new conversation —", "topic": "topic", "others": "then", "entities": "data found", "none": "none",
        "not_understood": "not sure: it asks, or the second time in a row hands over to a person",
        "person": "hands over to a person: {reason}", "picture": "picture", "failed": "Error: {error}",
        "promise": "promise: {what} by {due}",
    },
}  # fmt: skip
ROME = ZoneInfo("Europe/Rome")


class Talk:
    """One conversation with an engine."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self._url = session, url
        self._events: list[dict[str, Any]] = []
        self._offered: tuple[QuickReply, ...] = ()
        self._language: str | None = None

    async def say(self, text: str) -> tuple[Turn, list[dict[str, Any]], str]:
        """The turn, the entities found, and the language it was answered in. Raises aiohttp.ClientError, ValueError."""
        key = ConversationKey("terminal", "terminal")
        asked = meaning(Incoming(key, "", datetime.now(ROME), text=text), [self._offered], frozenset())
        if text.startswith("/"):
            asked = text  # an editor may try a button's payload
        if not asked.startswith("/"):
            self._language = language_of(text, self._language, "it_IT", ("it", "en"))
        language = self._language or "it"
        body = {
            "turn_id": uuid.uuid4().hex, "text": asked, "events": self._events,
            "metadata": {
                "language": language, "turn_id": uuid.uuid4().hex, "now": datetime.now(ROME).isoformat(),
                "can_share_location": True, "cases": [], "first_turn": not self._events,
            },
        }  # fmt: skip
        async with self._session.post(f"{self._url}/webhooks/turn/webhook", json=body) as answer:
            data = json.loads(await answer.read())
            if answer.status != 200:
                raise ValueError(str(data.get("error") or answer.status))
        turn = read_turn(data, self._events)
        self._events = turn.events
        self._offered = turn.replies[-1].quick_replies if turn.replies else ()
        return turn, data["entities"], language


def shown(turn: Turn, entities: Sequence[dict[str, Any]], language: str, words: dict[str, str]) -> Iterator[str]:
    """What an editor wants to see of a turn, line by line."""
    name = words["not_understood"] if turn.intent == "nlu_fallback" else turn.intent
    yield f"{words['topic']}: {name}  {turn.confidence:.0%}"
    others = [(topic, p) for topic, p in turn.ranking if topic not in (turn.intent, "nlu_fallback")][:3]
    yield f"{words['others']}: " + (", ".join(f"{topic} {p:.0%}" for topic, p in others) or words["none"])
    found = [f"{one.get('entity')}={one.get('value')}" for one in entities]
    # An underscore marks what only the dialogue needs.
    learned = {slot: value for slot, value in turn.slots.items() if value is not None and not slot.startswith("_")}
    found += [f"{slot}={value}" for slot, value in learned.items() if slot != "requested_slot"]
    yield f"{words['entities']}: " + (", ".join(dict.fromkeys(found)) or words["none"])
    for platform, (limits, abilities) in platforms().items():
        yield f"┌ {platform.capitalize()}"
        replies = list(turn.replies)
        if replies and not turn.handoff:
            last = replies[-1]
            replies[-1] = Reply(last.text, (*last.quick_replies, way_to_a_person(language)), last.image)
        for number, part in enumerate(part for reply in replies for part in fit(reply, limits, abilities)):
            yield from ["│"] if number else []
            yield from _part(part, words)
        yield "└"
    if turn.handoff:
        yield "→ " + words["person"].format(reason=turn.handoff.reason)
    for promise in turn.promises:
        yield "→ " + words["promise"].format(what=promise.what, due=promise.due.astimezone(ROME).strftime("%d/%m/%Y"))


def _part(part: Part, words: dict[str, str]) -> Iterator[str]:
    if part.image:
        yield f"│ [{words['picture']}: {part.image}]"
    for line in part.text.splitlines():
        for piece in textwrap.wrap(line, 76) or [""]:
            yield f"│ {piece}"
    if part.quick_replies:
        row = "│ "
        for one in part.quick_replies:
            title = f"[{one.title}]"
            if len(row) > 2 and len(row) + len(title) > 78:
                yield row
                row = "│ "
            row += title + " "
        yield row


@asynccontextmanager
async def engine(root: Path, words: dict[str, str]) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    """A session and the address of an engine with today's content."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60), trust_env=False) as session:
        port = int(os.environ.get("ENGINE_PORT") or 5005)
        running = f"http://127.0.0.1:{port}"
        if not port_is_free(port) and await _serves(session, running, Content(root, root / "data")):
            yield session, running
            return
        print(words["starting"], file=sys.stderr, flush=True)
        first, second = _free_ports()
        children = Children(ChildrenSettings(root, root / "data", engine_port=first, actions_port=second))
        await children.start()
        try:
            yield session, children.engine_url
        finally:
            await children.stop()


async def _serves(session: aiohttp.ClientSession, url: str, content: Content) -> bool:
    """Does an engine answer there, with the model of the content as it is now? Another would show old answers."""
    if not content.model().exists():
        return False
    try:
        async with session.get(f"{url}/webhooks/turn/", timeout=aiohttp.ClientTimeout(total=2)) as answer:
            return answer.status == 200 and (await answer.json())["model_id"] == _model_id(content.model())
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError, tarfile.TarError):
        return False


def _model_id(model: Path) -> str:
    """The id in a model's file."""
    with tarfile.open(model) as archive:
        file = archive.extractfile(next(each for each in archive if Path(each.name).name == "metadata.json"))
        return str(json.load(file)["model_id"]) if file else ""


def _free_ports() -> list[int]:
    """Two loopback ports nobody listens on, below those that systems give to outgoing connections."""
    start = 20_000 + os.getpid() % 5_000
    return [port for port in range(start, 32_000) if port_is_free(port)][:2]


def tryout(root: Path, language: str, sentences: Sequence[str]) -> int:
    """The command: the sentences given, or those typed until Ctrl-D."""
    try:
        return asyncio.run(_tryout(root, language, sentences))
    except ChildrenFailed as error:
        print(WORDS[language]["failed"].format(error=error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


async def _tryout(root: Path, language: str, sentences: Sequence[str]) -> int:
    words, asking = WORDS[language], sys.stdin.isatty() and not sentences
    async with engine(root, words) as (session, url):
        talk = Talk(session, url)
        if asking:
            print(words["ready"])
        async for text in _typed(sentences, asking):
            if not text:
                talk = Talk(session, url)
                print(words["anew"])
                continue
            if not asking:
                print(f"> {text}")
            try:
                turn, entities, spoken = await talk.say(text)
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                print(words["failed"].format(error=error or type(error).__name__), file=sys.stderr)
                return 1
            print("\n".join(shown(turn, entities, spoken, words)), flush=True)
    return 0


async def _typed(sentences: Sequence[str], asking: bool) -> AsyncIterator[str]:
    if sentences:
        yield " ".join(sentences)
        return
    while True:
        try:
            # In a thread: the engine's health is watched meanwhile.
            yield (await asyncio.to_thread(input, "> " if asking else "")).strip()
        except EOFError:
            return
