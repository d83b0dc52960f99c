"""One event of one conversation: whose turn is it? Then the turn, and the next event."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row

from bot.channels.base import numbered
from bot.flow import handoff
from bot.flow.listen import by_ourselves, keep, note, tell_the_agent
from bot.flow.meaning import meaning
from bot.flow.meanwhile import meanwhile
from bot.flow.scene import LEASE, Scene, conclude, quiet, take
from bot.flow.turn import bot_turn, cannot_read, engine_down
from bot.flow.way import Way
from bot.model.dialogue import HandoffRequest
from bot.model.errors import NotForUs
from bot.model.messages import ConversationKey, Incoming, Kind, RawEvent, Sender
from bot.model.states import Inbound, Status
from bot.store import conversations, events, leases, messages

log = logging.getLogger(__name__)

ASK_AGAIN = (timedelta(hours=1), timedelta(days=1), timedelta(days=7))  # after a name that the platform did not tell


async def answer_next(way: Way, key: ConversationKey) -> bool:
    """Work on the conversation's oldest event; False when there was none, or another process has the conversation.

    In one process never two calls at a time for one key: the second would take the conversation from the first.
    """
    scene = await way.db.write(lambda connection: take(connection, way, key), durable=False)
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
        return await conclude(way, scene, lambda connection: tell_the_agent(connection, way, scene))
    if scene.event.own:
        return await bot_turn(way, key, scene, Incoming(key, scene.event.external_id, scene.event.at), None)
    row = scene.event
    try:
        incoming = channel.parse(RawEvent(row.external_id, row.chat, row.payload, row.at))
    except NotForUs as error:
        return await _aside(way, scene, str(error))
    if incoming.kind != Kind.MESSAGE:
        return await conclude(way, scene, lambda connection: note(connection, way, scene, incoming))
    if not incoming.sender.name and await _name_is_due(way, scene):
        profile = await channel.profile(key)
        incoming = replace(incoming, sender=Sender(profile.name, incoming.sender.language or profile.language))
    if scene.status == Status.AGENT or quiet(scene.conversation, way.clock()):
        return await conclude(way, scene, lambda connection: keep(connection, way, key, scene, incoming))
    listed = bool(scene.offered) and numbered(scene.offered[0], channel.limits, channel.abilities)
    asked = meaning(incoming, scene.offered, channel.static_payloads, numbered=listed)
    if asked.startswith("#"):
        return await conclude(way, scene, lambda connection: by_ourselves(connection, way, key, scene, incoming, asked))
    if scene.status == Status.WAITING and not asked.startswith("/"):
        return await meanwhile(way, key, scene, incoming, asked)
    if not asked:
        return await conclude(way, scene, lambda connection: cannot_read(connection, way, key, scene, incoming))
    return await bot_turn(way, key, scene, incoming, asked)


async def _name_is_due(way: Way, scene: Scene) -> bool:
    """Whether to ask the platform who writes: at their first words, and where it did not say, some times more."""
    known, now = scene.conversation, way.clock()
    if known is None:
        return True
    asked: int = known.name_asked or 0
    if not 0 < asked <= len(ASK_AGAIN) or now - known.name_asked_at < ASK_AGAIN[asked - 1]:
        return False
    asked_now = {"name_asked": asked + 1, "name_asked_at": now}  # written first: what fails is not asked for ever
    await way.db.write(lambda connection: conversations.change(connection, known.id, **asked_now), durable=False)
    return True


async def _aside(way: Way, scene: Scene, problem: str) -> str:
    """Keep the event, but not in the way."""

    def work(connection: Connection) -> str:
        events.finish(connection, scene.event.id, way.clock(), state=Inbound.ASIDE, problem=problem)
        return f"aside: {problem}"

    return await conclude(way, scene, work)


async def give_up(way: Way, key: ConversationKey) -> None:
    """An event whose turn fails for no known reason must not block its chat: set it aside, and ask a person where
    somebody waits for an answer to it."""

    def work(connection: Connection) -> None:
        now = way.clock()
        lease = leases.claim(connection, key, way.holder, length=LEASE, now=now)
        if lease is None or not leases.end(connection, lease):
            return
        row = events.next_of(connection, key)
        if row is None or not events.finish(
            connection, row.id, now, state=Inbound.ASIDE, problem="the turn failed; see the log"
        ):
            return
        asks = _asks(way, key, row)
        if not asks and not row.own and conversations.find(connection, key) is None:
            return
        language = way.teams.languages[0]
        conversation = conversations.find_or_begin(connection, key, Sender(), language=language, now=now)
        line = f"follow_up: {row.payload['subject']}" if row.own else f"set_aside: {row.id}"
        messages.add_line(connection, conversation.id, line, case_id=conversation.case_id, now=now)
        if conversation.status not in (Status.BOT, Status.CLOSED):
            return
        if asks:
            engine_down(connection, way, conversation, None, now)
        elif row.own:  # they were promised news; that something failed here is none
            wanted = HandoffRequest("not_delivered")
            handoff.request(connection, way, conversation, wanted, who="bot", silently=True, now=now)

    await way.db.write(work)
    way.committed()


def _asks(way: Way, key: ConversationKey, row: Row[Any]) -> bool:
    """Whether a customer wrote the event; one that cannot be read at all may be a question."""
    channel = way.channels.get(key.channel)
    if row.own or channel is None:
        return not row.own
    try:
        return channel.parse(RawEvent(row.external_id, row.chat, row.payload, row.at)).kind == Kind.MESSAGE
    except NotForUs:
        return False
    except Exception:
        return True
