"""What is known before a turn, and how every turn begins and ends: the event done, the customer's message kept."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from bot.flow import clocks, queue
from bot.flow.language import language_of
from bot.flow.meaning import meaning
from bot.flow.way import Way
from bot.model.dialogue import Ask
from bot.model.messages import ConversationKey, Incoming
from bot.model.replies import QuickReply
from bot.model.states import Status
from bot.store import cases, conversations, events, leases, messages, promises

LEASE = timedelta(seconds=6)  # a turn's process that is not heard of for so long is taken to be dead


@dataclass(frozen=True)
class Scene:
    """What is known before the turn: the oldest event, and the conversation as it was read; ours while we hold it."""

    lease: leases.Lease
    event: Row[Any]
    conversation: Row[Any] | None
    dialogue: list[dict[str, Any]]
    offered: list[list[QuickReply]]
    cases: list[dict[str, Any]]
    promises: list[dict[str, Any]]

    @property
    def status(self) -> str:
        """Whose turn it is; a new conversation is the bot's."""
        return self.conversation.status if self.conversation else Status.BOT


def take(connection: Connection, way: Way, key: ConversationKey) -> Scene | None:
    """Claim the conversation and look at it; None when nothing waits there, or another works on it."""
    lease = leases.claim(connection, key, way.holder, length=LEASE, now=way.clock())
    if lease is None:
        return None
    event = events.next_of(connection, key)
    if event is None:  # whoever had the conversation finished the event while we waited for its row
        leases.end(connection, lease)
        return None
    conversation = conversations.find(connection, key)
    if conversation is None:
        return Scene(lease, event, None, [], [], [], [])
    return Scene(
        lease,
        event,
        conversation,
        conversations.dialogue(connection, conversation.id),
        messages.offered(connection, conversation.id),
        [
            {
                "number": case.number,
                "status": "closed" if case.closed_at else "waiting" if case.waiting_since else "taken",
                "topic": case.topic,
                "opened_at": case.opened_at.isoformat(),
            }
            for case in cases.of_customer(connection, conversation.customer_id)
        ],
        [
            {"reference": promise.reference, "due": promise.due_at.isoformat()}
            for promise in promises.numbered(connection, conversation.id)
        ],
    )


async def conclude(way: Way, scene: Scene, work: Callable[[Connection], str]) -> str:
    """The turn's one transaction: the conversation is given back and `work` done, unless it is another's by now."""

    def fenced(connection: Connection) -> str:
        if not leases.end(connection, scene.lease):
            return "another took over"
        return work(connection)

    return await way.db.write(fenced)


def of_its_own(way: Way, text: str, *, language: str) -> Ask:
    """A question that the service asks the engine without a customer's message: a check of something it watches."""
    told = {
        "language": language,
        "turn_id": str(uuid.uuid4()),
        "now": way.clock().astimezone(way.team.zone).isoformat(),
    }
    return Ask(told["turn_id"], text, told, [])


def begin(
    connection: Connection, way: Way, key: ConversationKey, scene: Scene, incoming: Incoming
) -> tuple[Row[Any], datetime, int] | None:
    """Finish the event and keep the customer's message, whose id comes last.

    None when the conversation moved or another was faster.
    """
    now = way.clock()
    language = language_for(way, scene, incoming, incoming.text)
    conversation = conversations.find_or_begin(connection, key, incoming.sender, language=language, now=now)
    moved = scene.conversation is not None and conversation.version != scene.conversation.version
    if moved or not events.finish(connection, scene.event.id, now):
        return None
    conversation = awake(connection, conversation, language, now)
    return conversation, now, add(connection, way, conversation, scene, incoming, now)


def add(
    connection: Connection, way: Way, conversation: Row[Any], scene: Scene, incoming: Incoming, now: datetime
) -> int:
    tapped = meaning(incoming, scene.offered, frozenset())
    if tapped.startswith("#"):  # where a platform sends only the title of a button, it is known here that it was tapped
        incoming = replace(incoming, payload=tapped)
    else:  # our own questions ask for no answer
        clocks.wrote(connection, way, conversation, at=incoming.at, now=now)
        if conversation.status == Status.WAITING:
            queue.heard(connection, way, conversation, incoming.text, now=now)
    return messages.add_incoming(
        connection, conversation.id, incoming, event_id=scene.event.id, case_id=conversation.case_id, now=now
    )


def awake(connection: Connection, conversation: Row[Any], language: str, now: datetime) -> Row[Any]:
    """The conversation in its present language; a closed one is the bot's again when the customer writes."""
    if conversation.language == language and conversation.status != Status.CLOSED:
        return conversation
    conversations.change(connection, conversation.id, language=language)
    if conversation.status == Status.CLOSED:
        return conversations.move(connection, conversation, Status.BOT, who="customer", why="wrote again", now=now)
    found = conversations.get(connection, conversation.id)
    assert found
    return found


def language_for(way: Way, scene: Scene, incoming: Incoming, asked: str | None) -> str:
    known = scene.conversation.language if scene.conversation else None
    text = incoming.text if asked is not None and not asked.startswith(("/", "#")) else ""
    return language_of(text, known, incoming.sender.language, way.teams.languages)


def quiet(conversation: Row[Any] | None, now: datetime) -> bool:
    return bool(conversation and conversation.quiet_until and conversation.quiet_until > now)
