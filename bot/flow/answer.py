"""One event of one conversation: whose turn is it? Then the turn, and the next event."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace

from sqlalchemy import Connection

from bot.channels.base import numbered
from bot.flow.listen import by_ourselves, keep, note, tell_the_agent
from bot.flow.meaning import meaning
from bot.flow.scene import Scene, look, quiet
from bot.flow.turn import bot_turn, cannot_read, engine_down
from bot.flow.way import Way
from bot.model.errors import NotForUs
from bot.model.messages import ConversationKey, Incoming, Kind, RawEvent, Sender
from bot.model.states import Inbound, Status
from bot.store import conversations, events, messages

log = logging.getLogger(__name__)

TRIES = 3  # an event whose turn fails this often for no known reason goes to a person


async def answer_next(way: Way, key: ConversationKey) -> bool:
    """Work on the conversation's oldest event; False when there was none. Never two calls at a time for one key."""
    scene = await way.db.read(lambda connection: look(connection, key))
    if scene is None:
        return False
    began = time.perf_counter()
    outcome = await _answer(way, key, scene)
    way.committed()
    seconds = time.perf_counter() - began
    way.measures.turned(outcome, seconds, (way.clock() - scene.event.received_at).total_seconds() - seconds)
    # the key names a chat: personal data, so the log has the event's number only
    fields = {"event": scene.event.id, "outcome": outcome, "ms": round(seconds * 1000)}
    log.info("turn event=%s %s %.0f ms", scene.event.id, outcome, seconds * 1000, extra={"fields": fields})
    return True


async def _answer(way: Way, key: ConversationKey, scene: Scene) -> str:
    channel = way.channels.get(key.channel)
    if channel is None:
        return await _aside(way, scene, "the channel is switched off")
    if scene.event.own and scene.status == Status.AGENT:
        return await way.db.write(lambda connection: tell_the_agent(connection, way, scene))
    if scene.event.own:
        return await bot_turn(way, key, scene, Incoming(key, scene.event.external_id, scene.event.at), None)
    row = scene.event
    try:
        incoming = channel.parse(RawEvent(row.external_id, row.chat, row.payload, row.at))
    except NotForUs as error:
        return await _aside(way, scene, str(error))
    if incoming.kind != Kind.MESSAGE:
        return await way.db.write(lambda connection: note(connection, way, scene, incoming))
    if scene.conversation is None and not incoming.sender.name:
        profile = await channel.profile(key)
        incoming = replace(incoming, sender=Sender(profile.name, incoming.sender.language or profile.language))
    if scene.status == Status.AGENT or quiet(scene.conversation, way.clock()):
        return await way.db.write(lambda connection: keep(connection, way, key, scene, incoming))
    listed = bool(scene.offered) and numbered(scene.offered[0], channel.limits, channel.abilities)
    asked = meaning(incoming, scene.offered, channel.static_payloads, numbered=listed)
    if asked.startswith("#") or (scene.status == Status.WAITING and not asked.startswith("/")):
        return await way.db.write(lambda connection: by_ourselves(connection, way, key, scene, incoming, asked))
    if not asked:
        return await way.db.write(lambda connection: cannot_read(connection, way, key, scene, incoming))
    return await bot_turn(way, key, scene, incoming, asked)


async def _aside(way: Way, scene: Scene, problem: str) -> str:
    """Keep the event, but not in the way."""
    now = way.clock()
    await way.db.write(
        lambda connection: events.finish(connection, scene.event.id, now, state=Inbound.ASIDE, problem=problem)
    )
    return f"aside: {problem}"


async def give_up(way: Way, key: ConversationKey) -> None:
    """An event whose turn fails for no known reason must not block its chat: set it aside and ask a person."""

    def work(connection: Connection) -> None:
        now = way.clock()
        row = events.next_of(connection, key)
        if row is None or not events.finish(
            connection, row.id, now, state=Inbound.ASIDE, problem="the turn failed; see the log"
        ):
            return
        language = way.teams.languages[0]
        conversation = conversations.find_or_begin(connection, key, Sender(), language=language, now=now)
        messages.add_line(connection, conversation.id, f"set_aside: {row.id}", case_id=conversation.case_id, now=now)
        if conversation.status in (Status.BOT, Status.CLOSED):
            engine_down(connection, way, conversation, None, now)

    await way.db.write(work)
    way.committed()


class Answering:
    """Answers events of many conversations at once, of each one in order."""

    def __init__(self, way: Way, *, at_once: int = 32) -> None:
        self._way = way
        self._room = asyncio.Semaphore(at_once)
        self._busy: dict[ConversationKey, bool] = {}  # True: something arrived since the last look
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def start(self) -> None:
        """Take up what was stored and never answered; from now on `wake` is enough."""
        for key in await self._way.db.read(events.waiting):
            self.wake(key)

    def wake(self, key: ConversationKey) -> None:
        """Something was stored for this conversation."""
        if key in self._busy:
            self._busy[key] = True
            return
        self._busy[key] = False
        task = asyncio.create_task(self._work(key))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Finish the turns that run; what is stored waits for the next start."""
        self._stopping = True
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self, key: ConversationKey) -> None:
        failures = 0
        while not self._stopping:
            self._busy[key] = False
            try:
                async with self._room:
                    more = await answer_next(self._way, key)
                failures = 0
            except Exception:
                log.exception("a turn failed")
                more, failures = True, failures + 1
                await asyncio.sleep(min(2.0**failures / 4, 10))
                if failures >= TRIES:
                    failures = await self._try_to_give_up(key)
            if not more and not self._busy[key]:
                break
        del self._busy[key]

    async def _try_to_give_up(self, key: ConversationKey) -> int:
        """0 when the event is out of the way; else the store itself fails, and the turn is tried again."""
        try:
            await give_up(self._way, key)
        except Exception:
            log.exception("an event could not be set aside")
            return TRIES
        return 0
