"""The flow with everything real but the two ends: an engine and a platform that do what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import Connection, Row, select
from sqlalchemy.exc import OperationalError

from bot.channels.base import Abilities, Delivery, Limits, Numbering, Receive, Sent
from bot.flow.answer import answer_next
from bot.flow.deliver import Delivering
from bot.flow.receive import receive
from bot.flow.texts import Texts
from bot.flow.way import Way
from bot.flow.workers import Answering
from bot.model.dialogue import Ask, HandoffRequest, Turn
from bot.model.errors import NotForUs
from bot.model.messages import Attachment, Contact, ConversationKey, Incoming, Kind, Location, RawEvent, Sender
from bot.model.replies import Reply, Speaker
from bot.model.teams import teams_of
from bot.store import agents, conversations, messages
from bot.store.database import Database
from bot.store.tables import cases, events, outgoing

CARE = {
    "name": {"it": "Il team assistenza", "en": "Our care team"},
    "hours": {day: ["08:30-21:30"] for day in ("monday", "tuesday", "wednesday", "thursday", "friday")}
    | {"saturday": ["09:00-18:00"]},
    "holidays": "IT",
}
TECHNICIANS = {
    "name": {"it": "Il team tecnico", "en": "Our technicians"},
    "hours": {"tuesday": ["08:30-21:30"]},
    "topics": ["report_fault"],
    "minutes": 10,
}
TEAMS = {
    "company": "Vivalinea",
    "timezone": "Europe/Rome",
    "languages": ["it", "en"],
    "teams": {"care": CARE, "technicians": TECHNICIANS},
}
TUESDAY = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)  # 11:00 in Rome, the team is there
SUNDAY = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
CHAT = "17"


class Clock:
    """A time that passes only when told to."""

    def __init__(self, now: datetime = TUESDAY) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **amount: float) -> None:
        """Move on, by what timedelta takes."""
        self.now += timedelta(**amount)


def turn(*texts: str, handoff: str | None = None, **more: Any) -> Turn:
    """An engine's answer; `handoff` is a reason."""
    given: dict[str, Any] = {
        "replies": tuple(Reply(text) for text in texts),
        "events": [{"event": "bot", "text": text} for text in texts],
        "slots": {},
        "intent": "store_hours",
        "confidence": 0.9,
        "ranking": (("store_hours", 0.9), ("find_store", 0.05)),
        "handoff": HandoffRequest(handoff, "store_hours", "una nota") if handoff else None,
    }
    return Turn(**{**given, **more})


Step = Turn | Exception | Callable[[Ask], Any]


class ScriptedEngine:
    """Answers with the next step of `script`; afterwards repeats what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Ask] = []
        self.script: list[Step] = []
        self.fixed: dict[str, Turn] = {}

    def known(self, question: Ask) -> Turn | None:
        return self.fixed.get(question.text)

    async def ask(self, question: Ask) -> Turn:
        self.asked.append(question)
        step = self.script.pop(0) if self.script else turn(f"echo {question.text}")
        if isinstance(step, Exception):
            raise step
        if isinstance(step, Turn):
            return step
        answer = step(question)
        result: Turn = await answer if asyncio.iscoroutine(answer) else answer
        return result


PLAIN = Limits(
    text=4000,
    caption=1000,
    quick_replies=13,
    title=20,
    payload=1000,
    per_second=100_000,
    burst=1000,
    per_chat_second=100_000,
    chat_burst=1000,
)
ABILITIES = Abilities(ask_location=True, ask_contact=True, personas=False, echoes=False, edits=True)


class Platform:
    """A channel that keeps what is sent. A raw payload holds the fields of an Incoming."""

    def __init__(self, name: str = "paper", *, abilities: Abilities = ABILITIES, limits: Limits = PLAIN) -> None:
        self.name, self.limits, self.abilities = name, limits, abilities
        self.static_payloads = frozenset({"/store_hours"})
        self.numbering: Numbering | None = None
        self.sent: list[Delivery] = []
        self.tried: list[Delivery] = []
        self.problems: list[Exception | None] = []  # for the next calls; None: it arrives
        self.before_send: Callable[[Delivery], Any] | None = None
        self.registered: list[Speaker] = []
        self.typed: list[ConversationKey] = []
        self.name_of = Sender()

    def routes(self, receive: Receive) -> list[web.RouteDef]:
        return []

    async def start(self) -> None: ...

    async def serve(self, receive: Receive) -> None: ...

    async def stop(self) -> None: ...

    def parse(self, raw: RawEvent) -> Incoming:
        given = dict(raw.payload)
        if "not_for_us" in given:
            raise NotForUs(given["not_for_us"])
        if "broken" in given:
            raise RuntimeError("a mistake of ours")
        attachments = tuple(Attachment(**each) for each in given.pop("attachments", ()))
        location = Location(**given.pop("location")) if "location" in given else None
        contact = Contact(**given.pop("contact")) if "contact" in given else None
        kind = Kind(given.pop("kind", "message"))
        sender = Sender(**given.pop("sender", {"language": "it"}))
        key = ConversationKey(self.name, raw.chat or "")
        return Incoming(
            key=key,
            external_id=raw.external_id,
            at=raw.at,
            kind=kind,
            attachments=attachments,
            location=location,
            contact=contact,
            sender=sender,
            **given,
        )

    async def send(self, delivery: Delivery) -> Sent:
        self.tried.append(delivery)
        if self.before_send:
            result = self.before_send(delivery)
            if asyncio.iscoroutine(result):
                await result
        problem = self.problems.pop(0) if self.problems else None
        if problem:
            raise problem
        self.sent.append(delivery)
        return Sent(f"m{len(self.sent)}")

    async def typing(self, key: ConversationKey, speaker: Speaker | None = None) -> None:
        self.typed.append(key)

    async def register(self, speaker: Speaker) -> str | None:
        self.registered.append(speaker)
        return f"persona-{speaker.id}" if self.abilities.personas else None

    async def profile(self, key: ConversationKey) -> Sender:
        return self.name_of

    async def fetch(self, attachment: Attachment) -> AsyncIterator[bytes]:
        yield b""

    def texts(self, chat: str = CHAT) -> list[str]:
        """What the customer has read, in order."""
        return [d.part.text for d in self.sent if d.key.chat == chat]


@dataclass
class World:
    """A way with its two ends, and short words for what people do."""

    way: Way
    engine: ScriptedEngine
    platform: Platform
    clock: Clock
    arrived: int = 0
    keys: set[ConversationKey] = field(default_factory=set)

    @property
    def db(self) -> Database:
        return self.way.db

    def key(self, chat: str = CHAT) -> ConversationKey:
        return ConversationKey(self.platform.name, chat)

    def raw(self, chat: str | None = CHAT, **payload: Any) -> RawEvent:
        """The next raw event."""
        self.arrived += 1
        return RawEvent(f"e{self.arrived}", chat, payload, self.clock())

    async def receives(self, *raws: RawEvent) -> int:
        return await receive(self.way, self.platform.name, raws)

    async def answers(self, chat: str = CHAT) -> None:
        """Work on everything of a chat."""
        while await answer_next(self.way, self.key(chat)):
            pass

    async def rests(self) -> None:
        """Wait until nothing stored waits for its turn."""
        async with asyncio.timeout(20):
            while any(row.state == "new" for row in await self.rows(events)):
                await asyncio.sleep(0.01)

    async def writes(self, text: str = "", chat: str = CHAT, **payload: Any) -> list[str]:
        """A customer writes, the bot answers, everything is delivered: what the customer then reads."""
        before = len(self.platform.sent)
        await self.receives(self.raw(chat, text=text, **payload))
        await self.answers(chat)
        await self.delivers()
        return [d.part.text for d in self.platform.sent[before:] if d.key.chat == chat]

    async def taps(self, title: str, chat: str = CHAT) -> list[str]:
        """A customer taps a button that is shown: the platform sends its title back."""
        assert title in self.buttons(chat), (title, self.buttons(chat))
        return await self.writes(title, chat)

    def buttons(self, chat: str = CHAT) -> list[str]:
        """The buttons under the last message that the customer got."""
        last = [d for d in self.platform.sent if d.key.chat == chat][-1]
        return [q.title for q in last.part.quick_replies]

    async def delivers(self) -> None:
        """Send everything that is due."""
        delivering = Delivering(self.way)
        while await delivering.deliver_due():
            await delivering.stop()

    async def does(self, move: Callable[..., Any], *arguments: Any, chat: str = CHAT, **more: Any) -> Any:
        """An agent's move: a function of bot.flow.handoff or transfer, of a conversation that is held."""
        found = await self.conversation(chat)
        assert found
        now = self.clock()

        def held(connection: Connection) -> Any:
            conversation = conversations.get(connection, found.id, hold=True)
            return move(connection, self.way, conversation, *arguments, now=now, **more)

        result = await self.db.write(held)
        self.way.committed()
        return result

    async def agent(self, name: str = "Anna K.", *, active: bool = True) -> Row[Any]:
        """A person at the desk."""

        def add(connection: Connection) -> Row[Any]:
            key = agents.add(
                connection,
                login=name,
                name=name,
                role="agent",
                password_hash="x",
                picture=b"jpeg",
                now=self.clock(),
            )
            agents.change(connection, key, active=active)
            row = agents.get(connection, key)
            assert row
            return row

        return await self.db.write(add)

    async def conversation(self, chat: str = CHAT) -> Row[Any] | None:
        return await self.db.read(lambda c: conversations.find(c, self.key(chat)))

    async def status(self, chat: str = CHAT) -> str:
        found = await self.conversation(chat)
        return found.status if found else "bot"

    async def case(self, chat: str = CHAT) -> Row[Any] | None:
        """The chat's newest case."""
        rows = await self.rows(cases)
        found = await self.conversation(chat)
        return next((row for row in reversed(rows) if found and row.conversation_id == found.id), None)

    async def history(self, chat: str = CHAT) -> list[Row[Any]]:
        found = await self.conversation(chat)
        return await self.db.read(lambda c: messages.history(c, found.id)) if found else []

    async def said(self, author: str, chat: str = CHAT) -> list[str]:
        return [row.text for row in await self.history(chat) if row.author == author]

    async def rows(self, table: Any) -> list[Row[Any]]:
        """All rows of a table, by their first column."""
        return list(await self.db.read(lambda c: c.execute(select(table).order_by(list(table.c)[0])).all()))

    async def states(self) -> list[str]:
        """The states of the outgoing rows, in order."""
        return [row.state for row in await self.rows(outgoing)]

    def text(self, key: str, language: str = "it", **values: Any) -> str:
        """What the service says, to compare with."""
        return self.way.texts.say(key, language, **values)

    def answering(self) -> Answering:
        """The workers, woken by what is received."""
        workers = Answering(self.way)
        self.way.arrived = workers.wake
        return workers


def away(db: Database, monkeypatch: pytest.MonkeyPatch, *, times: int) -> list[int]:
    """Let the store refuse so many writes; what is left of them is in the list."""
    left, real = list(range(times)), db.write

    async def write(work: Callable[[Connection], Any], *, durable: bool = True) -> Any:
        if left:
            left.pop()
            raise OperationalError("", {}, Exception("away"))
        return await real(work, durable=durable)

    monkeypatch.setattr(db, "write", write)
    return left


def world(db: Database, cache: Path, *, platforms: Sequence[Platform] = (), now: datetime = TUESDAY) -> World:
    """A new world on a migrated database."""
    clock, engine = Clock(now), ScriptedEngine()
    channels = list(platforms) or [Platform()]
    teams = teams_of(TEAMS)
    way = Way(
        db=db,
        channels={channel.name: channel for channel in channels},
        engine=engine,
        texts=Texts(company=teams.company),
        teams=teams,
        clock=clock,
        people_url="https://care.example.org",
        cache=cache,
    )
    return World(way, engine, channels[0], clock)


@pytest.fixture
def flow(db: Database, tmp_path: Path) -> World:
    """A world on each kind of database."""
    return world(db, tmp_path / "people")


def with_abilities(name: str = "paper", **changes: Any) -> Platform:
    """A platform that can do other things."""
    return Platform(name, abilities=replace(ABILITIES, **changes))
