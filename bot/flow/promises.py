"""What people do with a promise: make, keep, put off, withdraw it. What time does with it: promise_life.py."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from bot.flow import handoff
from bot.flow.say import say, way_back, with_way_to_a_person
from bot.flow.way import Way
from bot.model.dialogue import HandoffRequest
from bot.model.errors import Refused
from bot.model.promises import Promised, promised
from bot.model.replies import Reply
from bot.model.roles import OVERSEERS
from bot.model.states import Author, Status
from bot.model.team import when
from bot.store import agents, cases, conversations, messages
from bot.store import promises as store


def found(connection: Connection, way: Way, conversation_id: int, text: str, *, now: datetime) -> list[Promised]:
    """What an agent's words in this conversation would promise; hours and holidays are those of the case's team."""
    conversation = conversations.get(connection, conversation_id)
    case = cases.get(connection, conversation.case_id) if conversation and conversation.case_id else None
    return promised(text, now, way.teams.get(case.team) if case else way.team)


def record(
    connection: Connection,
    conversation_id: int,
    agent: Row[Any],
    message_id: int,
    made: Sequence[Promised],
    *,
    now: datetime,
) -> None:
    """Keep what an agent promised with a message. Only what has a time can be watched."""
    conversation = conversations.get(connection, conversation_id)
    case_id = conversation.case_id if conversation else None
    for one in made:
        if one.due is not None:
            store.make(
                connection, conversation_id, what=one.what, due=one.due, kind=one.kind, made_by=one.by, who="agent",
                agent_id=agent.id, message_id=message_id, case_id=case_id, now=now,
            )  # fmt: skip


def kept(connection: Connection, promise_id: int, agent: Row[Any], *, now: datetime) -> Row[Any]:
    """Whoever looks after it says that it happened; the promise. Raises Refused."""
    promise = _looked_after(connection, promise_id, agent)
    store.settle(connection, promise, store.KEPT, who="agent", why="says it happened", agent_id=agent.id, now=now)
    return promise


def put_off(
    connection: Connection, way: Way, promise_id: int, agent: Row[Any], due: datetime, *, now: datetime
) -> Row[Any]:
    """It will be later: the customer is told the new time before they ask; the promise. Raises Refused."""
    promise = _looked_after(connection, promise_id, agent)
    if due <= now:
        raise Refused("time is over")
    conversation = held(connection, promise)
    language = conversation.language
    text = way.texts.say(
        "promise_put_off", language, what=named(way, promise, language), when=local(way, due, now, language)
    )
    _tell(connection, way, conversation, agent, text, now=now)
    store.put_off(connection, promise, due, who="agent", why="put off", agent_id=agent.id, now=now)
    return promise


def withdraw(
    connection: Connection, way: Way, promise_id: int, agent: Row[Any], reason: str, *, now: datetime
) -> Row[Any]:
    """It will not happen: the customer is told why; the promise. Raises Refused."""
    promise = _looked_after(connection, promise_id, agent)
    if not reason.strip():
        raise Refused("no reason")
    conversation = held(connection, promise)
    text = way.texts.say(
        "promise_withdrawn", conversation.language, what=named(way, promise, conversation.language), reason=reason
    )
    _tell(connection, way, conversation, agent, text, now=now)
    store.settle(connection, promise, store.WITHDRAWN, who="agent", why=reason, agent_id=agent.id, now=now)
    return promise


def answered(
    connection: Connection, way: Way, conversation: Row[Any], promise_id: int, *, yes: bool, now: datetime
) -> bool:
    """The customer's own word on "did it happen?"; a "no" brings a person.

    False when the answer no longer fits (another customer's promise, settled otherwise meanwhile).
    """
    promise = store.get(connection, promise_id, hold=True)
    if promise is None or promise.conversation_id != conversation.id:
        return False
    to = store.KEPT if yes else store.BROKEN
    if (promise.state, to) not in store.CHANGES:
        return False
    why = "says it happened" if yes else "says it did not happen"
    store.settle(connection, promise, to, who="customer", why=why, now=now)
    if conversation.status == Status.AGENT:
        line(connection, promise, f"promise_{to}", now)
        return True
    text = way.texts.say(f"promise_{to}", conversation.language)
    if yes:
        say(connection, way, conversation, with_button(way, conversation, text), now=now)
        return True
    say(connection, way, conversation, Reply(text), now=now)
    if conversation.status == Status.WAITING:
        line(connection, promise, "promise_broken", now)
    else:
        wanted = HandoffRequest("promise_broken", topic(connection, promise), promise.what)
        handoff.request(connection, way, conversation, wanted, who="customer", now=now)
    return True


def _tell(
    connection: Connection, way: Way, conversation: Row[Any], agent: Row[Any], text: str, *, now: datetime
) -> None:
    """The person's words where they have the word, else the bot's. Raises Refused where neither may write."""
    channel = way.channels.get(conversation.channel)
    if channel is None:
        raise Refused("window over")
    if conversation.status == Status.AGENT:
        handoff.in_hand(connection, conversation, agent)
        window = channel.abilities.human_window or channel.abilities.reply_window
        if _over(conversation, window, now):
            raise Refused("window over")
        say(connection, way, conversation, Reply(text), author=Author.AGENT, agent=agent, now=now)
    elif may_write(way, conversation, now):
        say(connection, way, conversation, with_button(way, conversation, text), now=now)
    else:
        raise Refused("window over")


def may_write(way: Way, conversation: Row[Any], now: datetime) -> bool:
    """May the bot write of its own accord? Not while a person has the word, nor after the platform's window."""
    channel = way.channels.get(conversation.channel)
    if channel is None or conversation.status == Status.AGENT or conversation.blocked:
        return False
    if conversation.quiet_until and conversation.quiet_until > now:
        return False
    return not _over(conversation, channel.abilities.reply_window, now)


def _over(conversation: Row[Any], window: timedelta | None, now: datetime) -> bool:
    last = conversation.last_customer_at
    return bool(window and last and now >= last + window)


def with_button(way: Way, conversation: Row[Any], text: str) -> Reply:
    """With the way to a person, or back from waiting for one."""
    if conversation.status == Status.WAITING:
        return Reply(text, (way_back(way, conversation.language),))
    return with_way_to_a_person(way, Reply(text), conversation.language)


def _looked_after(connection: Connection, promise_id: int, agent: Row[Any]) -> Row[Any]:
    """The promise, if it is this person's to settle: made it, has the case or the word, or leads. Raises Refused."""
    known = store.get(connection, promise_id)
    if known is None:
        raise Refused("no such promise")
    conversation = held(connection, known)  # held first: see promise_life
    promise = store.get(connection, promise_id, hold=True) or known
    case = cases.get(connection, promise.case_id) if promise.case_id else None
    mine = agent.id in (promise.agent_id, conversation.agent_id, case.owner_id if case else None)
    if not mine and agent.role not in OVERSEERS:
        owner = agents.get(connection, case.owner_id) if case and case.owner_id else None
        raise Refused("not yours", who=owner.name if owner else None)
    return promise


def held(connection: Connection, promise: Row[Any]) -> Row[Any]:
    """The promise's conversation, which nobody else changes until the commit."""
    conversation = conversations.get(connection, promise.conversation_id, hold=True)
    assert conversation
    return conversation


def line(connection: Connection, promise: Row[Any], code: str, now: datetime) -> None:
    """A line about a promise in its conversation, for the desk."""
    text = f"{code}: {promise.what} {promise.reference}".strip()
    messages.add_line(connection, promise.conversation_id, text, case_id=promise.case_id, now=now)


def named(way: Way, promise: Row[Any], language: str) -> str:
    """What was promised, for the customer: a person's own words, or the matter that the bot told of."""
    key = f"promise_what.{promise.kind}"
    if promise.made_by != "bot" or not way.texts.has(key):
        return f"«{promise.what}»"
    words = way.texts.say(key, language)
    return f"{words} ({promise.reference})" if promise.reference else words


def local(way: Way, moment: datetime, now: datetime, language: str) -> str:
    """A time as the customer reads it."""
    return when(moment.astimezone(way.team.zone), now, language)


def topic(connection: Connection, promise: Row[Any]) -> str:
    """What the promise's case is about; "" without one."""
    return str(cases.get(connection, promise.case_id).topic) if promise.case_id else ""
