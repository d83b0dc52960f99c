"""The bot's turn: ask the engine, then keep and say what follows, in one transaction."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from bot.dialogue import EngineDown, EngineRefused
from bot.dialogue_state import in_a_form
from bot.flow import handoff
from bot.flow.say import say, way_back, with_way_to_a_person
from bot.flow.scene import Scene, add, awake, begin, conclude, language_for
from bot.flow.waiting import stands
from bot.flow.way import Way
from bot.model.dialogue import Ask, HandoffRequest, Turn
from bot.model.messages import ConversationKey, Incoming
from bot.model.replies import Reply
from bot.model.states import Status
from bot.store import cases, conversations, events, messages, outgoing, promises

log = logging.getLogger(__name__)

INTRODUCE_AGAIN = timedelta(hours=24)  # after a silence this long the bot says again that it is one
#: An unsent answer this old is not sent after a newer one. Longer than a refused call is tried again (TRIES of
#: bot/flow/deliver.py): "ci siete?" is no reason to lose the answer that somebody waits for.
STALE = timedelta(minutes=10)
TYPING_AFTER = 0.5  # seconds of thinking before the customer is shown that an answer is coming

#: Intents whose answer says by itself that a bot is speaking.
INTRODUCES = frozenset({"greet", "ask_bot"})


async def bot_turn(way: Way, key: ConversationKey, scene: Scene, incoming: Incoming, asked: str | None) -> str:
    """Ask the engine, outside any transaction; then keep everything, unless the conversation changed meanwhile."""
    language = language_for(way, scene, incoming, asked)
    typing = asyncio.create_task(_typing_soon(way, key))
    question = asked if asked is not None else str(scene.event.payload["tell"])
    ask = _ask(way, scene, incoming, question, language)
    turn: Turn | None
    try:
        turn = await _turn(way, ask)
    except EngineDown as error:
        log.warning("engine: %s", error)
        turn = way.engine.known(ask)
    finally:
        typing.cancel()
    return await conclude(
        way, scene, lambda connection: _keep_turn(connection, way, key, scene, incoming, asked, turn, language)
    )


async def _turn(way: Way, question: Ask) -> Turn:
    try:
        return await _timed(way, question)
    except EngineRefused:
        if not question.events:
            raise
        # a state of an older model: kept, it would refuse every later turn of this conversation too
        log.warning("engine: the dialogue's state was refused and is begun anew")
        return await _timed(way, replace(question, events=[]))


async def _timed(way: Way, question: Ask) -> Turn:
    began, result = time.perf_counter(), "ok"
    try:
        return await way.engine.ask(question)
    except EngineDown as error:
        result = "refused" if isinstance(error, EngineRefused) else "down"
        raise
    finally:
        way.measures.asked(result, time.perf_counter() - began)


async def _typing_soon(way: Way, key: ConversationKey) -> None:
    await asyncio.sleep(TYPING_AFTER)
    await way.channels[key.channel].typing(key)


def _ask(way: Way, scene: Scene, incoming: Incoming, question: str, language: str) -> Ask:
    turn_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{scene.event.channel}:{scene.event.external_id}"))
    metadata: dict[str, Any] = {
        "language": language,
        "turn_id": turn_id,
        "now": way.clock().astimezone(way.team.zone).isoformat(),
        "can_share_location": way.channels[scene.event.channel].abilities.ask_location,
        "cases": scene.cases,
        "promises": scene.promises,
        "first_turn": scene.conversation is None,
    }
    if incoming.location:
        metadata["location"] = asdict(incoming.location)
    if incoming.contact and incoming.contact.own:
        metadata["contact"] = {"phone": incoming.contact.phone}
    return Ask(turn_id, question, metadata, scene.dialogue)


def _keep_turn(
    connection: Connection,
    way: Way,
    key: ConversationKey,
    scene: Scene,
    incoming: Incoming,
    asked: str | None,
    turn: Turn | None,
    language: str,
) -> str:
    now = way.clock()
    conversation = conversations.find_or_begin(connection, key, incoming.sender, language=language, now=now)
    if scene.conversation is not None and conversation.version != scene.conversation.version:
        return "again: the conversation moved"  # the event stays new: the next look decides afresh
    if not events.finish(connection, scene.event.id, now):
        return "done by another"
    if turn is None and asked is None:
        # nobody asked anything just now: no apology, the sweep comes back to it
        messages.watch_again(connection, conversation.id, str(scene.event.payload["subject"]))
        return "engine down: later"
    conversation = awake(connection, conversation, language, now)
    message_id = None
    if asked is not None:
        message_id = add(connection, way, conversation, scene, incoming, now)
    else:
        line = f"follow_up: {scene.event.payload['subject']}"
        messages.add_line(connection, conversation.id, line, case_id=conversation.case_id, now=now)
    if turn is None:
        engine_down(connection, way, conversation, asked, now)
        return "engine down"
    conversations.keep_dialogue(connection, conversation.id, turn.events, now)
    if message_id is not None:
        messages.understood(connection, message_id, turn.intent, turn.confidence, turn.ranking)
        learned = {name: value for name, value in turn.slots.items() if not _inner(name)}
        messages.learn(connection, conversation.id, learned, message_id, now)
    _speak(connection, way, conversation, turn, incoming, now)
    if turn.promises:
        handed = conversations.get(connection, conversation.id) or conversation  # told with a hand-off: the case's
        promises.make_of_turn(
            connection, conversation.id, turn.promises, message_id=message_id, case_id=handed.case_id, now=now
        )
    messages.watch(connection, conversation.id, turn.watches, now)
    return f"{turn.intent} {turn.confidence:.2f}{' handoff ' + turn.handoff.reason if turn.handoff else ''}"


def _inner(slot: str) -> bool:
    """Is it the dialogue's own bookkeeping, and nothing that was learned about the customer?"""
    return slot.startswith("_") or slot in ("language", "requested_slot", "session_started_metadata")


def _speak(
    connection: Connection, way: Way, conversation: Row[Any], turn: Turn, incoming: Incoming, now: datetime
) -> None:
    """The engine's replies, with what a bot owes: that it is one, and a way to a person under its last word."""
    outgoing.suppress_bot(connection, conversation.id, "the customer has moved on", before=now - STALE)
    replies = list(turn.replies)
    wanted = turn.handoff
    if not replies and not wanted:
        wanted = HandoffRequest("no_answer", turn.intent)
        replies = [Reply(way.texts.say("no_answer", conversation.language))]
    if replies and incoming.attachments:
        replies.append(Reply(way.texts.say("kept_too", conversation.language)))
    replies = _introduced(connection, way, conversation, turn.intent, replies, now)
    if replies and not wanted:
        replies[-1] = _with_a_way_on(connection, way, conversation, turn, replies[-1])
    for one in replies:
        say(connection, way, conversation, one, answer=True, now=now)
    if wanted and conversation.status == Status.WAITING:
        stands(connection, way, conversation, now)
    elif wanted:
        handoff.request(connection, way, conversation, wanted, who=_who(wanted), now=now)


def _with_a_way_on(connection: Connection, way: Way, conversation: Row[Any], turn: Turn, last: Reply) -> Reply:
    """Under the bot's last word: a way to a person; to who waits for one, that they still do, and the way back."""
    language = conversation.language
    if conversation.status != Status.WAITING:
        return with_way_to_a_person(way, last, language)
    number = cases.get(connection, conversation.case_id).number
    waits = "" if in_a_form(turn.events) else way.texts.say("meanwhile", language, number=number)
    text = "\n\n".join(filter(None, (last.text, waits)))
    return replace(last, text=text, quick_replies=(*last.quick_replies, way_back(way, language)))


def _introduced(
    connection: Connection, way: Way, conversation: Row[Any], intent: str, replies: list[Reply], now: datetime
) -> list[Reply]:
    """The replies, led by the bot's introduction at the start and after a long pause."""
    last = conversation.introduced_at
    quiet_long = last and conversation.last_message_at and now - conversation.last_message_at > INTRODUCE_AGAIN
    if last and not quiet_long:
        return replies
    conversations.change(connection, conversation.id, introduced_at=now)
    if intent in INTRODUCES and replies:
        return replies
    introduction = way.texts.say("introduction", conversation.language)
    if not replies:
        return [Reply(introduction)]
    return [replace(replies[0], text=f"{introduction}\n\n{replies[0].text}"), *replies[1:]]


def engine_down(connection: Connection, way: Way, conversation: Row[Any], asked: str | None, now: datetime) -> None:
    """The truth, and a person: never silence. A button that asks for a person needs no engine and no excuse."""
    if asked == "/ask_human":
        wanted = HandoffRequest("asked")
    else:
        wanted = HandoffRequest("engine_down")
        sorry = [Reply(way.texts.say("engine_down", conversation.language))]
        for one in _introduced(connection, way, conversation, "", sorry, now):
            say(connection, way, conversation, one, answer=True, now=now)
    if conversation.status == Status.WAITING:
        stands(connection, way, conversation, now)
    else:
        handoff.request(connection, way, conversation, wanted, who="bot", now=now)


def _who(wanted: HandoffRequest) -> str:
    return "customer" if wanted.reason == "asked" else "bot"


def cannot_read(connection: Connection, way: Way, key: ConversationKey, scene: Scene, incoming: Incoming) -> str:
    """A photo, a voice message, a poll: kept for a person; the bot says what it cannot read."""
    opened = begin(connection, way, key, scene, incoming)
    if opened is None:
        return "again or done"
    conversation, now, _ = opened
    kind = incoming.attachments[0].kind if incoming.attachments else "contact" if incoming.contact else "other"
    key_ = f"unreadable.{kind}" if way.texts.has(f"unreadable.{kind}") else "unreadable.other"
    replies = [Reply(way.texts.say(key_, conversation.language))]
    replies = _introduced(connection, way, conversation, "", replies, now)
    say(
        connection,
        way,
        conversation,
        with_way_to_a_person(way, replies[0], conversation.language),
        answer=True,
        now=now,
    )
    return f"cannot read: {incoming.unreadable or kind}"
