"""What needs no engine: our own buttons, a person's turn, edits, reads and echoes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from bot.flow import clocks, handoff, promises, waiting
from bot.flow.meaning import meaning
from bot.flow.say import say, way_to_a_person
from bot.flow.scene import Scene, begin
from bot.flow.way import Way
from bot.model.messages import ConversationKey, Incoming, Kind
from bot.model.replies import Reply
from bot.model.states import Status
from bot.store import conversations, events, messages, outgoing

COLLEAGUE_ELSEWHERE = timedelta(hours=1)  # a colleague answered outside this desk: the bot keeps out of it


def by_ourselves(
    connection: Connection, way: Way, key: ConversationKey, scene: Scene, incoming: Incoming, asked: str
) -> str:
    """Our own buttons."""
    opened = begin(connection, way, key, scene, incoming)
    if opened is None:
        return "again or done"
    conversation, now, _ = opened
    word, _, rest = asked.partition(":")
    if word == "#cancel" and handoff.cancel(connection, way, conversation, now=now):
        return "cancelled"
    if word == "#solved":
        case_id, _, yes = rest.partition(":")
        if case_id.isdigit() and handoff.solved(connection, way, conversation, int(case_id), yes=yes == "yes", now=now):
            return f"solved: {yes}"
    if word == "#kept" and _settled(connection, way, conversation, rest, now):
        return f"kept: {rest}"
    if word == "#wish":
        case_id, _, wish = rest.partition(":")
        if case_id.isdigit() and waiting.wished(connection, way, conversation, int(case_id), wish, now=now):
            return f"wish: {wish}"
    if conversation.status == Status.WAITING:
        waiting.acknowledge(connection, way, conversation, now)
        return "kept for the person"
    text = way.texts.say("status_none", conversation.language)
    button = way_to_a_person(way, conversation.language)
    say(connection, way, conversation, Reply(text, (button,)), now=now)
    return "an old button"


def tell_the_agent(connection: Connection, way: Way, scene: Scene) -> str:
    """A follow-up fell due while a person has the word: the bot stays silent, the person is told."""
    assert scene.conversation
    now = way.clock()
    if not events.finish(connection, scene.event.id, now):
        return "done by another"
    line = f"follow_up: {scene.event.payload['subject']}"
    messages.add_line(connection, scene.conversation.id, line, case_id=scene.conversation.case_id, now=now)
    return "told the agent"


def keep(connection: Connection, way: Way, key: ConversationKey, scene: Scene, incoming: Incoming) -> str:
    """A person has the word: the message is theirs, the bot is silent. What it says of a promise counts."""
    opened = begin(connection, way, key, scene, incoming)
    if opened is None:
        return "again or done"
    conversation, now, _ = opened
    word, _, rest = meaning(incoming, scene.offered, frozenset()).partition(":")
    if word == "#kept" and conversation.status == Status.AGENT:
        _settled(connection, way, conversation, rest, now)
    return "kept for the agent"


def _settled(connection: Connection, way: Way, conversation: Row[Any], answer: str, now: datetime) -> bool:
    """The customer's answer to "did it happen?": "<promise>:yes" or "<promise>:no"."""
    id_, _, yes = answer.partition(":")
    return id_.isdigit() and promises.answered(connection, way, conversation, int(id_), yes=yes == "yes", now=now)


def note(connection: Connection, way: Way, scene: Scene, incoming: Incoming) -> str:
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
        if incoming.kind == Kind.BLOCKED:
            clocks.blocked(connection, way, conversation.id, now=now)
        else:
            clocks.unblocked(connection, way, conversation.id, now=now)
        messages.add_line(connection, conversation.id, incoming.kind, case_id=conversation.case_id, now=now)
    elif incoming.kind == Kind.ECHO:
        _echo(connection, way, conversation, incoming, now)
    return str(incoming.kind)


def _echo(connection: Connection, way: Way, conversation: Row[Any], incoming: Incoming, now: datetime) -> None:
    """Our own words proven to have arrived, or a colleague's, written outside this desk."""
    if incoming.metadata.isdecimal() and outgoing.echoed(
        connection, int(incoming.metadata), conversation.id, incoming.platform_id, now
    ):
        return
    if incoming.ours:
        return
    messages.add_line(connection, conversation.id, f"elsewhere: {incoming.text}", case_id=conversation.case_id, now=now)
    conversations.change(connection, conversation.id, quiet_until=now + COLLEAGUE_ELSEWHERE)
    held = conversations.get(connection, conversation.id, hold=True)
    if held:
        clocks.answered(connection, way, held, None, why="elsewhere", now=now)
    outgoing.suppress_bot(connection, conversation.id, "a colleague answered elsewhere")
