"""What time does with a promise: soon due -> due -> the customer told -> asked "did it happen?" -> kept or broken.

Nothing of it is in memory: each step is a column of the promise, set once, so a restart or days of downtime lose
none and repeat none. Where a company's system knows, it is asked before each step. The bot stays silent where a
person has the word: then the person is asked instead.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row

from bot.flow import handoff
from bot.flow.promise_checks import asked_about, task
from bot.flow.promises import held, line, may_write, named, topic, with_button
from bot.flow.say import say
from bot.flow.way import Way
from bot.model.dialogue import HandoffRequest
from bot.model.promise_times import WARN_AT_MOST, soon
from bot.model.replies import QuickReply, Reply
from bot.model.states import Status
from bot.model.team import when
from bot.store import agents, conversations
from bot.store import promises as store
from bot.store.promise_checks import NOT_YET

log = logging.getLogger(__name__)

ASK_AFTER = timedelta(hours=2)  # after the customer was told that it is late
SILENCE = timedelta(hours=24)  # without an answer to "did it happen?" it counts as broken
PATIENCE = timedelta(hours=2)  # with a system that does not answer; then the customer hears what they would without it
DAY = range(8, 22)  # hours in which the bot writes of its own accord
#: Done away from this desk: the time being over says nothing, so the customer is asked at once.
ELSEWHERE = frozenset({"visit", "delivery", "pin", "repair", "appointment", "activation"})

Step = Callable[[Connection, Way, Row[Any], datetime], None]


async def promises_due(way: Way) -> None:
    """Each open promise whose time comes or came, as far as it can go now; one transaction each."""
    now = way.clock()
    rows = await way.db.read(lambda connection: store.coming(connection, now + WARN_AT_MOST, now, limit=5000))
    silent: set[str] = set()  # kinds whose system does not answer: not asked for each promise anew
    for row in rows:
        try:
            answered = _by_day(way, now) and await asked_about(way, row, silent, now=now)
            if answered or _next(way, row, now):
                await way.db.write(partial(_advance, way=way, promise=row, now=now))
        except Exception:  # one that cannot be worked on must not hold up the others
            log.exception("promise %s could not be worked on", row.id)
        way.committed()


def _advance(connection: Connection, *, way: Way, promise: Row[Any], now: datetime) -> None:
    """Every step that is due. The conversation is held first, as everywhere: two might wait for each other."""
    held(connection, promise)
    while (fresh := store.watched(connection, promise.id)) and (step := _next(way, fresh, now)):
        step(connection, way, fresh, now)


def _by_day(way: Way, now: datetime) -> bool:
    return now.astimezone(way.team.zone).hour in DAY


def _next(way: Way, promise: Row[Any], now: datetime) -> Step | None:
    """What is to be done about an open promise now; where a system can be asked, only once it has answered."""
    planned = _planned(way, promise, now)
    if planned is None:
        return None
    step, since = planned
    if not promise.check_text or (promise.answered_at and promise.answered_at >= since):
        return step
    # A system that is down is no answer: what it would say may come late, and never makes a promise broken.
    return step if step is not _count_as_broken and now >= since + PATIENCE else None


def _planned(way: Way, promise: Row[Any], now: datetime) -> tuple[Step, datetime] | None:
    """The next step that time asks for, and since when."""
    due, late = promise.due_at, promise.answer == NOT_YET
    if now < due:
        near = soon(promise.created_at, due)
        return (_warn, near) if promise.warned_at is None and now >= near else None
    if promise.escalated_at is None:
        return _escalate, due
    if not _by_day(way, now):
        return None
    if promise.told_at is None and (late or promise.kind not in ELSEWHERE):
        return _say_late, due
    if promise.asked_at is None and not late:
        since = promise.told_at + ASK_AFTER if promise.told_at else due
        return (_ask, since) if now >= since else None
    since = (promise.asked_at or promise.told_at) + SILENCE
    return (_count_as_broken, since) if now >= since else None


def _warn(connection: Connection, way: Way, promise: Row[Any], now: datetime) -> None:
    store.mark(connection, promise, "warned", now)
    if promise.owner_id:
        line(connection, promise, "promise_soon", now)
        conversations.tell(connection, promise.conversation_id, f"warn:{promise.owner_id}", now)


def _escalate(connection: Connection, way: Way, promise: Row[Any], now: datetime) -> None:
    store.mark(connection, promise, "escalated", now)
    line(connection, promise, "promise_due", now)
    for person in {promise.owner_id, *agents.overseers(connection)} - {None}:
        conversations.tell(connection, promise.conversation_id, f"warn:{person}", now)


def _count_as_broken(connection: Connection, way: Way, promise: Row[Any], now: datetime) -> None:
    who, why = "time", "nobody says it happened"
    if promise.answer == NOT_YET:
        who, why = "company", "says it did not happen"
    store.settle(connection, promise, store.BROKEN, who=who, why=why, now=now)
    line(connection, promise, "promise_broken", now)


def _say_late(connection: Connection, way: Way, promise: Row[Any], now: datetime) -> None:
    """Say it before the customer asks; where the bot may not write, it is the owner's to say."""
    store.mark(connection, promise, "told", now)
    conversation = held(connection, promise)
    if not may_write(way, conversation, now):
        task(connection, way, conversation, promise, now)
        return
    language, zone = conversation.language, way.team.zone
    who = promise.owner_name or way.texts.say("promise_colleagues", language)
    text = way.texts.say(
        "promise_late", language, what=named(way, promise, language), who=who,
        when=when(promise.due_at.astimezone(zone), now, language),
    )  # fmt: skip
    if promise.answer == NOT_YET and conversation.status != Status.WAITING:
        # known to be late, and nobody looks after it: a person does from now on, as the customer reads
        wanted = HandoffRequest("promise_late", topic(connection, promise), promise.what)
        handoff.request(connection, way, conversation, wanted, who="company", silently=True, now=now)
        conversation = held(connection, promise)
    say(connection, way, conversation, with_button(way, conversation, text), now=now)


def _ask(connection: Connection, way: Way, promise: Row[Any], now: datetime) -> None:
    """Ask the customer whether it happened; where the bot may not write, the person finds out."""
    store.mark(connection, promise, "asked", now)
    conversation = held(connection, promise)
    if not may_write(way, conversation, now):
        if promise.told_at is None:
            task(connection, way, conversation, promise, now)
        else:
            line(connection, promise, "promise_ask", now)
        return
    language = conversation.language
    text = way.texts.say("promise_question", language, what=named(way, promise, language))
    buttons = tuple(
        QuickReply(way.texts.say(f"promise_{word}", language), f"#kept:{promise.id}:{word}") for word in ("yes", "no")
    )
    say(connection, way, conversation, Reply(text, buttons), now=now)
