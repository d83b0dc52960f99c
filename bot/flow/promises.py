"""The life of a promise: made -> soon due -> due -> the customer told -> asked "did it happen?" -> kept or broken.

Nothing of it is in memory: each step is a column of the promise, set once, so a restart or days of downtime lose
none and repeat none. The bot stays silent where a person has the word: then the person is asked instead.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row

from bot.flow import handoff
from bot.flow.way import Way
from bot.model.dialogue import HandoffRequest
from bot.model.errors import Refused
from bot.model.promises import Promised, promised
from bot.model.replies import QuickReply, Reply
from bot.model.roles import OVERSEERS
from bot.model.states import Author, Status
from bot.model.team import when
from bot.store import agents, cases, conversations, messages
from bot.store import promises as store

log = logging.getLogger(__name__)

WARN_AT_MOST = timedelta(hours=4)  # before it is due: the last quarter of its time, at most this long
ASK_AFTER = timedelta(hours=2)  # after the customer was told that it is late
SILENCE = timedelta(hours=24)  # without an answer to "did it happen?" it counts as broken
DAY = range(8, 22)  # hours in which the bot writes of its own accord
#: Done away from this desk: the time being over says nothing, so the customer is asked at once.
ELSEWHERE = frozenset({"visit", "delivery", "pin", "repair", "appointment"})


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
    conversation = _of(connection, promise)
    language = conversation.language
    text = way.texts.say(
        "promise_put_off", language, what=_named(way, promise, language), when=_when(way, due, now, language)
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
    conversation = _of(connection, promise)
    text = way.texts.say(
        "promise_withdrawn", conversation.language, what=_named(way, promise, conversation.language), reason=reason
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
        _line(connection, promise, f"promise_{to}", now)
        return True
    text = way.texts.say(f"promise_{to}", conversation.language)
    if yes:
        handoff.say(connection, way, conversation, _with_button(way, conversation, text), now=now)
        return True
    handoff.say(connection, way, conversation, Reply(text), now=now)
    if conversation.status == Status.WAITING:
        _line(connection, promise, "promise_broken", now)
    else:
        wanted = HandoffRequest("promise_broken", _topic(connection, promise), promise.what)
        handoff.request(connection, way, conversation, wanted, who="customer", now=now)
    return True


async def promises_due(way: Way) -> None:
    """Each open promise whose time comes or came, as far as it can go now; one transaction each."""
    now = way.clock()
    rows = await way.db.read(lambda connection: store.coming(connection, now + WARN_AT_MOST, limit=5000))
    for row in rows:
        if _next(way, row, now):
            try:
                await way.db.write(partial(_advance, way=way, promise=row, now=now))
            except Exception:  # one that cannot be worked on must not hold up the others
                log.exception("promise %s could not be worked on", row.id)
            way.committed()


Step = Callable[[Connection, Way, Row[Any], datetime], None]


def _advance(connection: Connection, *, way: Way, promise: Row[Any], now: datetime) -> None:
    """Every step that is due. The conversation is held first, as everywhere: two might wait for each other."""
    _of(connection, promise)
    while (fresh := store.watched(connection, promise.id)) and (step := _next(way, fresh, now)):
        step(connection, way, fresh, now)


def _next(way: Way, promise: Row[Any], now: datetime) -> Step | None:
    """What is to be done about an open promise now."""
    if now < promise.due_at:
        early = min(WARN_AT_MOST, (promise.due_at - promise.created_at) / 4)
        return _warn if promise.warned_at is None and now >= promise.due_at - early else None
    if promise.escalated_at is None:
        return _escalate
    if now.astimezone(way.team.zone).hour not in DAY:
        return None
    if promise.told_at is None and promise.kind not in ELSEWHERE:
        return _say_late
    if promise.asked_at is None:
        return _ask if promise.told_at is None or now >= promise.told_at + ASK_AFTER else None
    return _count_as_broken if now >= promise.asked_at + SILENCE else None


def _warn(connection: Connection, way: Way, promise: Row[Any], now: datetime) -> None:
    store.mark(connection, promise, "warned", now)
    if promise.owner_id:
        _line(connection, promise, "promise_soon", now)


def _escalate(connection: Connection, way: Way, promise: Row[Any], now: datetime) -> None:
    store.mark(connection, promise, "escalated", now)
    _line(connection, promise, "promise_due", now)


def _count_as_broken(connection: Connection, way: Way, promise: Row[Any], now: datetime) -> None:
    store.settle(connection, promise, store.BROKEN, who="time", why="nobody says it happened", now=now)
    _line(connection, promise, "promise_broken", now)


def _say_late(connection: Connection, way: Way, promise: Row[Any], now: datetime) -> None:
    """Say it before the customer asks; where the bot may not write, it is the owner's to say."""
    store.mark(connection, promise, "told", now)
    conversation = _of(connection, promise)
    if not _may_write(way, conversation, now):
        _task(connection, way, conversation, promise, now)
        return
    language, zone = conversation.language, way.team.zone
    who = promise.owner_name or way.team.name[language]
    text = way.texts.say(
        "promise_late", language, what=_named(way, promise, language), who=who,
        when=when(promise.due_at.astimezone(zone), now, language),
    )  # fmt: skip
    handoff.say(connection, way, conversation, _with_button(way, conversation, text), now=now)


def _ask(connection: Connection, way: Way, promise: Row[Any], now: datetime) -> None:
    """Ask the customer whether it happened; where the bot may not write, the person finds out."""
    store.mark(connection, promise, "asked", now)
    conversation = _of(connection, promise)
    if not _may_write(way, conversation, now):
        if promise.told_at is None:
            _task(connection, way, conversation, promise, now)
        else:
            _line(connection, promise, "promise_ask", now)
        return
    language = conversation.language
    text = way.texts.say("promise_question", language, what=_named(way, promise, language))
    buttons = tuple(
        QuickReply(way.texts.say(f"promise_{word}", language), f"#kept:{promise.id}:{word}") for word in ("yes", "no")
    )
    handoff.say(connection, way, conversation, Reply(text, buttons), now=now)


def _task(connection: Connection, way: Way, conversation: Row[Any], promise: Row[Any], now: datetime) -> None:
    """The bot may not write: a person has the word already, or gets the case."""
    _line(connection, promise, "promise_tell", now)
    if conversation.status in (Status.BOT, Status.CLOSED) and conversation.channel in way.channels:
        wanted = HandoffRequest("promise_late", _topic(connection, promise), promise.what)
        handoff.request(connection, way, conversation, wanted, who="time", silently=True, now=now)


def _tell(
    connection: Connection, way: Way, conversation: Row[Any], agent: Row[Any], text: str, *, now: datetime
) -> None:
    """The person's words where they have the word, else the bot's. Raises Refused where neither may write."""
    channel = way.channels.get(conversation.channel)
    if channel is None:
        raise Refused("window over")
    if conversation.status == Status.AGENT:
        handoff.in_hand(connection, conversation.id, agent)
        window = channel.abilities.human_window or channel.abilities.reply_window
        if _over(conversation, window, now):
            raise Refused("window over")
        handoff.say(connection, way, conversation, Reply(text), author=Author.AGENT, agent=agent, now=now)
    elif _may_write(way, conversation, now):
        handoff.say(connection, way, conversation, _with_button(way, conversation, text), now=now)
    else:
        raise Refused("window over")


def _may_write(way: Way, conversation: Row[Any], now: datetime) -> bool:
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


def _with_button(way: Way, conversation: Row[Any], text: str) -> Reply:
    """With the way to a person, or back from waiting for one."""
    if conversation.status == Status.WAITING:
        return Reply(text, (handoff.way_back(way, conversation.language),))
    return handoff.with_way_to_a_person(way, Reply(text), conversation.language)


def _looked_after(connection: Connection, promise_id: int, agent: Row[Any]) -> Row[Any]:
    """The promise, if it is this person's to settle: made it, has the case or the word, or leads. Raises Refused."""
    known = store.get(connection, promise_id)
    if known is None:
        raise Refused("no such promise")
    conversation = _of(connection, known)  # held first: see _advance
    promise = store.get(connection, promise_id, hold=True) or known
    case = cases.get(connection, promise.case_id) if promise.case_id else None
    mine = agent.id in (promise.agent_id, conversation.agent_id, case.owner_id if case else None)
    if not mine and agent.role not in OVERSEERS:
        owner = agents.get(connection, case.owner_id) if case and case.owner_id else None
        raise Refused("not yours", who=owner.name if owner else None)
    return promise


def _of(connection: Connection, promise: Row[Any]) -> Row[Any]:
    conversation = conversations.get(connection, promise.conversation_id, hold=True)
    assert conversation
    return conversation


def _line(connection: Connection, promise: Row[Any], code: str, now: datetime) -> None:
    line = f"{code}: {promise.what} {promise.reference}".strip()
    messages.add_line(connection, promise.conversation_id, line, case_id=promise.case_id, now=now)


def _named(way: Way, promise: Row[Any], language: str) -> str:
    """What was promised, for the customer: a person's own words, or the matter that the bot told of."""
    key = f"promise_what.{promise.kind}"
    if promise.made_by != "bot" or not way.texts.has(key):
        return f"«{promise.what}»"
    words = way.texts.say(key, language)
    return f"{words} ({promise.reference})" if promise.reference else words


def _when(way: Way, moment: datetime, now: datetime, language: str) -> str:
    return when(moment.astimezone(way.team.zone), now, language)


def _topic(connection: Connection, promise: Row[Any]) -> str:
    return str(cases.get(connection, promise.case_id).topic) if promise.case_id else ""
