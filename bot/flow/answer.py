"""One event of one conversation: whose turn is it, and what follows from it, in one transaction."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from bot.dialogue import EngineDown
from bot.flow import handoff
from bot.flow.language import language_of
from bot.flow.meaning import meaning
from bot.flow.way import Way
from bot.model.dialogue import Ask, HandoffRequest, Turn
from bot.model.errors import NotForUs
from bot.model.messages import ConversationKey, Incoming, Kind, RawEvent, Sender
from bot.model.replies import QuickReply, Reply
from bot.model.states import Author, Inbound, Status
from bot.store import cases, conversations, events, messages, outgoing

log = logging.getLogger(__name__)

INTRODUCE_AGAIN = timedelta(hours=24)  # after a silence this long the bot says again that it is one
COLLEAGUE_ELSEWHERE = timedelta(hours=1)  # a colleague answered outside this desk: the bot keeps out of it
STALE = timedelta(minutes=2)  # an unsent answer this old is not sent after a newer one
TYPING_AFTER = 0.5  # seconds of thinking before the customer is shown that an answer is coming
TRIES = 3  # an event whose turn fails this often for no known reason goes to a person

#: Slots of the engine's own.
INTERNAL = frozenset({"language", "requested_slot", "session_started_metadata"})
#: Intents whose answer says by itself that a bot is speaking.
INTRODUCES = frozenset({"greet", "ask_bot"})


@dataclass(frozen=True)
class Scene:
    """What is known before the turn: the oldest event, and the conversation as it was read."""

    event: Row[Any]
    conversation: Row[Any] | None
    dialogue: list[dict[str, Any]]
    offered: list[list[QuickReply]]
    cases: list[dict[str, Any]]

    @property
    def status(self) -> str:
        """Whose turn it is; a new conversation is the bot's."""
        return self.conversation.status if self.conversation else Status.BOT


async def answer_next(way: Way, key: ConversationKey) -> bool:
    """Work on the conversation's oldest event; False when there was none. Never two calls at a time for one key."""
    scene = await way.db.read(lambda connection: _look(connection, key))
    if scene is None:
        return False
    began = time.perf_counter()
    outcome = await _answer(way, key, scene)
    way.committed()
    # the key names a chat: personal data, so the log has the event's number only
    log.info("turn event=%s %s %.0f ms", scene.event.id, outcome, (time.perf_counter() - began) * 1000)
    return True


async def _answer(way: Way, key: ConversationKey, scene: Scene) -> str:
    channel = way.channels.get(key.channel)
    if channel is None:
        return await _aside(way, scene, "the channel is switched off")
    if scene.event.own and scene.status == Status.AGENT:
        return await way.db.write(lambda connection: _tell_the_agent(connection, way, scene))
    if scene.event.own:
        return await _bot_turn(way, key, scene, Incoming(key, scene.event.external_id, scene.event.at), None)
    row = scene.event
    try:
        incoming = channel.parse(RawEvent(row.external_id, row.chat, row.payload, row.at))
    except NotForUs as error:
        return await _aside(way, scene, str(error))
    if incoming.kind != Kind.MESSAGE:
        return await way.db.write(lambda connection: _note(connection, way, scene, incoming))
    if scene.conversation is None and not incoming.sender.name:
        profile = await channel.profile(key)
        incoming = replace(incoming, sender=Sender(profile.name, incoming.sender.language or profile.language))
    if scene.status == Status.AGENT or _quiet(scene.conversation, way.clock()):
        return await way.db.write(lambda connection: _keep(connection, way, key, scene, incoming))
    asked = meaning(incoming, scene.offered, channel.static_payloads)
    if asked.startswith("#") or (scene.status == Status.WAITING and not asked.startswith("/")):
        return await way.db.write(lambda connection: _by_ourselves(connection, way, key, scene, incoming, asked))
    if not asked:
        return await way.db.write(lambda connection: _cannot_read(connection, way, key, scene, incoming))
    return await _bot_turn(way, key, scene, incoming, asked)


async def _bot_turn(way: Way, key: ConversationKey, scene: Scene, incoming: Incoming, asked: str | None) -> str:
    """Ask the engine, outside any transaction; then keep everything, unless the conversation changed meanwhile."""
    language = _language(way, scene, incoming, asked)
    typing = asyncio.create_task(_typing_soon(way, key))
    question = asked if asked is not None else str(scene.event.payload["tell"])
    turn: Turn | None
    try:
        turn = await way.engine.ask(_ask(way, scene, incoming, question, language))
    except EngineDown as error:
        log.warning("engine: %s", error)
        turn = None
    finally:
        typing.cancel()
    return await way.db.write(
        lambda connection: _keep_turn(connection, way, key, scene, incoming, asked, turn, language)
    )


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
    conversation = _awake(connection, conversation, language, now)
    message_id = None
    if asked is not None:
        message_id = _add(connection, conversation, scene, incoming, now)
    else:
        line = f"follow_up: {scene.event.payload['subject']}"
        messages.add_line(connection, conversation.id, line, case_id=conversation.case_id, now=now)
    if turn is None:
        _engine_down(connection, way, conversation, asked, now)
        return "engine down"
    conversations.keep_dialogue(connection, conversation.id, turn.events, now)
    if message_id is not None:
        messages.understood(connection, message_id, turn.intent, turn.confidence, turn.ranking)
        learned = {name: value for name, value in turn.slots.items() if not _inner(name)}
        messages.learn(connection, conversation.id, learned, message_id, now)
    _speak(connection, way, conversation, turn, incoming, now)
    messages.promise(
        connection,
        conversation.id,
        turn.promises,
        message_id=message_id,
        case_id=conversation.case_id,
        now=now,
    )
    messages.watch(connection, conversation.id, turn.watches, now)
    return f"{turn.intent} {turn.confidence:.2f}{' handoff ' + turn.handoff.reason if turn.handoff else ''}"


def _facts(turn: Turn) -> dict[str, Any]:
    """What the turn learned that is worth a person's eyes; what the dialogue keeps for itself begins with "_"."""
    return {name: value for name, value in turn.slots.items() if not name.startswith("_") and name not in INTERNAL}


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
        replies[-1] = handoff.with_way_to_a_person(way, replies[-1], conversation.language)
    for one in replies:
        handoff.say(connection, way, conversation, one, now=now)
    if wanted and conversation.status == Status.WAITING:
        _still_waiting(connection, way, conversation, now)
    elif wanted:
        handoff.request(connection, way, conversation, wanted, who=_who(wanted), now=now)


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


def _engine_down(connection: Connection, way: Way, conversation: Row[Any], asked: str | None, now: datetime) -> None:
    """The truth, and a person: never silence. A button that asks for a person needs no engine and no excuse."""
    if asked == "/ask_human":
        wanted = HandoffRequest("asked")
    else:
        wanted = HandoffRequest("engine_down")
        sorry = [Reply(way.texts.say("engine_down", conversation.language))]
        for one in _introduced(connection, way, conversation, "", sorry, now):
            handoff.say(connection, way, conversation, one, now=now)
    if conversation.status == Status.WAITING:
        _still_waiting(connection, way, conversation, now)
    else:
        handoff.request(connection, way, conversation, wanted, who="bot", now=now)


def _by_ourselves(
    connection: Connection, way: Way, key: ConversationKey, scene: Scene, incoming: Incoming, asked: str
) -> str:
    """What needs no engine: our own buttons, and whatever is written while the customer waits for a person."""
    opened = _open(connection, way, key, scene, incoming)
    if opened is None:
        return "again or done"
    conversation, now = opened
    word, _, rest = asked.partition(":")
    if word == "#cancel" and handoff.cancel(connection, way, conversation, now=now):
        return "cancelled"
    if word == "#solved":
        case_id, _, yes = rest.partition(":")
        if case_id.isdigit() and handoff.solved(connection, way, conversation, int(case_id), yes=yes == "yes", now=now):
            return f"solved: {yes}"
    if conversation.status == Status.WAITING:
        _acknowledge(connection, way, conversation, now)
        return "kept for the person"
    text = way.texts.say("status_none", conversation.language)
    button = handoff.way_to_a_person(way, conversation.language)
    handoff.say(connection, way, conversation, Reply(text, (button,)), now=now)
    return "an old button"


def _acknowledge(connection: Connection, way: Way, conversation: Row[Any], now: datetime) -> None:
    """Say once that what is written while waiting is read; saying it each time would bury the chat."""
    case = cases.get(connection, conversation.case_id)
    # of this case, and since it waits: the words that led to it may bear the same time, or a later one
    since = [
        row
        for row in messages.history(connection, conversation.id, 20)
        if row.author == Author.CUSTOMER and row.case_id == case.id and row.at >= case.waiting_since
    ]
    if len(since) > 1:
        return
    text = way.texts.say("added", conversation.language, number=case.number)
    handoff.say(connection, way, conversation, Reply(text, (handoff.way_back(way, conversation.language),)), now=now)


def _still_waiting(connection: Connection, way: Way, conversation: Row[Any], now: datetime) -> None:
    """A person was asked for already: say where the request stands."""
    case = cases.get(connection, conversation.case_id)
    since = case.waiting_since.astimezone(way.team.zone)
    text = way.texts.say("status_waiting", conversation.language, number=case.number, since=f"{since:%H:%M}")
    handoff.say(connection, way, conversation, Reply(text, (handoff.way_back(way, conversation.language),)), now=now)


def _tell_the_agent(connection: Connection, way: Way, scene: Scene) -> str:
    """A follow-up fell due while a person has the word: the bot stays silent, the person is told."""
    assert scene.conversation
    now = way.clock()
    if not events.finish(connection, scene.event.id, now):
        return "done by another"
    line = f"follow_up: {scene.event.payload['subject']}"
    messages.add_line(connection, scene.conversation.id, line, case_id=scene.conversation.case_id, now=now)
    return "told the agent"


def _cannot_read(connection: Connection, way: Way, key: ConversationKey, scene: Scene, incoming: Incoming) -> str:
    """A photo, a voice message, a poll: kept for a person; the bot says what it cannot read."""
    opened = _open(connection, way, key, scene, incoming)
    if opened is None:
        return "again or done"
    conversation, now = opened
    kind = incoming.attachments[0].kind if incoming.attachments else "contact" if incoming.contact else "other"
    key_ = f"unreadable.{kind}" if way.texts.has(f"unreadable.{kind}") else "unreadable.other"
    replies = [Reply(way.texts.say(key_, conversation.language))]
    replies = _introduced(connection, way, conversation, "", replies, now)
    handoff.say(
        connection,
        way,
        conversation,
        handoff.with_way_to_a_person(way, replies[0], conversation.language),
        now=now,
    )
    return f"cannot read: {incoming.unreadable or kind}"


def _keep(connection: Connection, way: Way, key: ConversationKey, scene: Scene, incoming: Incoming) -> str:
    """A person has the word: the message is theirs, the bot is silent."""
    opened = _open(connection, way, key, scene, incoming)
    return "kept for the agent" if opened else "again or done"


def _open(
    connection: Connection, way: Way, key: ConversationKey, scene: Scene, incoming: Incoming
) -> tuple[Row[Any], datetime] | None:
    """Finish the event and keep the customer's message; None when the conversation moved or another was faster."""
    now = way.clock()
    language = _language(way, scene, incoming, incoming.text)
    conversation = conversations.find_or_begin(connection, key, incoming.sender, language=language, now=now)
    moved = scene.conversation is not None and conversation.version != scene.conversation.version
    if moved or not events.finish(connection, scene.event.id, now):
        return None
    conversation = _awake(connection, conversation, language, now)
    _add(connection, conversation, scene, incoming, now)
    return conversation, now


def _note(connection: Connection, way: Way, scene: Scene, incoming: Incoming) -> str:
    """What is no message: edits, reads, blocks, echoes. None of them is answered."""
    now = way.clock()
    if not events.finish(connection, scene.event.id, now):
        return "done by another"
    conversation = scene.conversation
    if conversation is None:
        return f"{incoming.kind}: nobody we know"
    if incoming.kind == Kind.EDITED:
        messages.edited(connection, conversation.id, incoming.platform_id, incoming.text, now)
    elif incoming.kind == Kind.READ:
        messages.read_up_to(connection, conversation.id, incoming.at, now)
    elif incoming.kind in (Kind.BLOCKED, Kind.UNBLOCKED):
        conversations.change(connection, conversation.id, blocked=incoming.kind == Kind.BLOCKED)
        messages.add_line(connection, conversation.id, incoming.kind, case_id=conversation.case_id, now=now)
    elif incoming.kind == Kind.ECHO:
        _echo(connection, conversation, incoming, now)
    return str(incoming.kind)


def _echo(connection: Connection, conversation: Row[Any], incoming: Incoming, now: datetime) -> None:
    """Our own words proven to have arrived, or a colleague's, written outside this desk."""
    if incoming.metadata.isdigit() and outgoing.echoed(
        connection, int(incoming.metadata), conversation.id, incoming.platform_id, now
    ):
        return
    if incoming.ours:
        return
    messages.add_line(connection, conversation.id, f"elsewhere: {incoming.text}", case_id=conversation.case_id, now=now)
    conversations.change(connection, conversation.id, quiet_until=now + COLLEAGUE_ELSEWHERE)
    outgoing.suppress_bot(connection, conversation.id, "a colleague answered elsewhere")


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
        language = way.team.languages[0]
        conversation = conversations.find_or_begin(connection, key, Sender(), language=language, now=now)
        messages.add_line(
            connection, conversation.id, f"set_aside: {row.id}", case_id=conversation.case_id, now=now
        )
        if conversation.status in (Status.BOT, Status.CLOSED):
            _engine_down(connection, way, conversation, None, now)

    await way.db.write(work)
    way.committed()


def _look(connection: Connection, key: ConversationKey) -> Scene | None:
    event = events.next_of(connection, key)
    if event is None:
        return None
    conversation = conversations.find(connection, key)
    if conversation is None:
        return Scene(event, None, [], [], [])
    return Scene(
        event,
        conversation,
        conversations.dialogue(connection, conversation.id),
        messages.offered(connection, conversation.id),
        [
            {
                "number": case.number,
                "status": "closed" if case.closed_at else "taken" if case.taken_at else "waiting",
                "topic": case.topic,
                "opened_at": case.opened_at.isoformat(),
            }
            for case in cases.of_customer(connection, conversation.customer_id)
        ],
    )


def _add(connection: Connection, conversation: Row[Any], scene: Scene, incoming: Incoming, now: datetime) -> int:
    return messages.add_incoming(
        connection, conversation.id, incoming, event_id=scene.event.id, case_id=conversation.case_id, now=now
    )


def _awake(connection: Connection, conversation: Row[Any], language: str, now: datetime) -> Row[Any]:
    """The conversation in its present language; a closed one is the bot's again when the customer writes."""
    if conversation.language != language:
        conversations.change(connection, conversation.id, language=language)
    if conversation.status == Status.CLOSED:
        return conversations.move(connection, conversation, Status.BOT, who="customer", why="wrote again", now=now)
    found = conversations.get(connection, conversation.id)
    assert found
    return found


def _language(way: Way, scene: Scene, incoming: Incoming, asked: str | None) -> str:
    known = scene.conversation.language if scene.conversation else None
    text = incoming.text if asked is not None and not asked.startswith(("/", "#")) else ""
    return language_of(text, known, incoming.sender.language, way.team.languages)


def _quiet(conversation: Row[Any] | None, now: datetime) -> bool:
    return bool(conversation and conversation.quiet_until and conversation.quiet_until > now)


def _inner(slot: str) -> bool:
    """Is it the dialogue's own bookkeeping, and nothing that was learned about the customer?"""
    return slot.startswith("_") or slot in ("language", "requested_slot", "session_started_metadata")


def _who(wanted: HandoffRequest) -> str:
    return "customer" if wanted.reason == "asked" else "bot"


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
