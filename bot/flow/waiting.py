"""While a customer waits: told where they stand, how they want to wait, and before they ask that it takes longer."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row

from bot.flow import waits
from bot.flow.promises import may_write
from bot.flow.say import say, way_back
from bot.flow.way import Way, one_by_one
from bot.model.replies import QuickReply, Reply
from bot.model.states import Author, Status
from bot.model.team import since, when
from bot.store import cases, conversations, messages, promises
from bot.store import waits as store

TWICE = timedelta(minutes=2)  # who asks again so soon has the answer before their eyes
HOURLY = timedelta(hours=1)  # "I've added your message" is not said twice in a row more often


async def slipped(way: Way) -> None:
    """Each customer who was told a time that is over, or told none and waits for long; one transaction each.

    Nobody is written to while their team is away: nothing has changed for them until it is back.
    """
    now = way.clock()
    over = await way.db.read(lambda connection: store.to_tell(connection, now))
    there = [row for row in over if not way.teams.get(row.team).opens(now)]
    works = ((row.id, partial(_tell, way=way, wait_id=row.id, case_id=row.case_id, now=now)) for row in there)
    await one_by_one(way, "wait", works)


def _tell(connection: Connection, *, way: Way, wait_id: int, case_id: int, now: datetime) -> None:
    conversation = conversations.get(connection, cases.get(connection, case_id).conversation_id, hold=True)
    wait = store.get(connection, wait_id)
    if conversation is None or wait.ended_at or wait.told_at or wait.tell_at is None:
        return
    if conversation.status != Status.WAITING or not may_write(way, conversation, now):
        # a person has the word, or nothing of ours would arrive: said once to whoever has the case, or will
        store.change(connection, wait.id, tell_at=None)
        messages.add_line(connection, conversation.id, "wait_slipped", case_id=case_id, now=now)
        return
    say(connection, way, conversation, _longer(connection, way, conversation, wait, now), now=now)


def _longer(connection: Connection, way: Way, conversation: Row[Any], wait: Row[Any], now: datetime) -> Reply:
    """It takes longer than was said, or than it should: by when now, where anybody knows."""
    due = waits.still(connection, way, wait, now) if wait.due_at else None
    store.change(connection, wait.id, told_at=now, told_due_at=due)
    language, number = conversation.language, cases.get(connection, wait.case_id).number
    if due:
        hour = waits.local_by(way.teams.get(wait.team), due, now, language)
        text = way.texts.say("still_waiting_by", language, number=number, by=hour)
    else:
        text = way.texts.say("still_waiting_longer" if wait.due_at else "still_waiting", language, number=number)
    return Reply(text, _ways_out(connection, way, wait, language, now))


def _ways_out(
    connection: Connection, way: Way, wait: Row[Any] | None, language: str, now: datetime
) -> tuple[QuickReply, ...]:
    """An hour by which they are written to, where one can be promised, and that nobody is needed any more."""
    if wait is None or wait.promise_id:
        return (way_back(way, language),)
    return (*waits.offer(way, waits.again(connection, way, wait, now), language, now), way_back(way, language))


def stands(connection: Connection, way: Way, conversation: Row[Any], now: datetime) -> None:
    """Say where the request stands: since when it waits, and by when an answer usually comes; not twice in a row."""
    case, language = cases.get(connection, conversation.case_id), conversation.language
    team, wait = way.teams.get(case.team), store.open_of(connection, case.id)
    if wait and wait.due_at and wait.due_at <= now and not wait.told_at and not team.opens(now):
        say(connection, way, conversation, _longer(connection, way, conversation, wait, now), now=now)
        return
    promise = promises.get(connection, wait.promise_id) if wait and wait.promise_id else None
    waited = since(case.waiting_since.astimezone(team.zone), now, language)
    parts = [way.texts.say("status_waiting", language, number=case.number, since=waited)]
    if back := team.opens(now):
        parts.append(way.texts.say("team_closed", language, when=when(back, now, language)))
    if promise and promise.state == promises.OPEN and promise.due_at > now:
        hour = waits.local_by(team, promise.due_at, now, language)
        parts = [way.texts.say("wished_by", language, number=case.number, by=hour)]
    elif wait and (due := waits.expected(connection, way, wait, now)):
        hour = waits.local_by(team, due, now, language)
        parts.append(way.texts.say("wait_known_by", language, team=team.name[language], by=hour))
    elif not back:
        parts.append(way.texts.say("status_how_long", language))
    text = " ".join(parts)
    if not _said_last(connection, conversation, text, since=now - TWICE):
        told = Reply(text, _ways_out(connection, way, wait, language, now))
        say(connection, way, conversation, told, now=now)


def acknowledge(
    connection: Connection, way: Way, conversation: Row[Any], now: datetime, *, text: str = "added"
) -> bool:
    """Say that what is written while waiting is read (`text`), once an hour if nothing is said between; else False.

    Saying it each time would bury the chat.
    """
    case, language = cases.get(connection, conversation.case_id), conversation.language
    words = way.texts.say(text, language, number=case.number)
    if _said_last(connection, conversation, words, since=max(case.waiting_since, now - HOURLY)):
        return False
    say(connection, way, conversation, Reply(words, (way_back(way, language),)), now=now)
    return True


def _said_last(connection: Connection, conversation: Row[Any], text: str, *, since: datetime) -> bool:
    """Whether these are the bot's last words to them, and no older than `since`."""
    rows = reversed(messages.history(connection, conversation.id, 20))
    last = next((row for row in rows if row.author == Author.BOT), None)
    return last is not None and last.text == text and last.at >= since


def wished(connection: Connection, way: Way, conversation: Row[Any], case_id: int, wish: str, *, now: datetime) -> bool:
    """The customer says how they want to wait; False when they no longer do, or for another case."""
    if conversation.status != Status.WAITING or conversation.case_id != case_id or wish not in ("wait", "write", "by"):
        return False
    case = cases.get(connection, case_id)
    if wish == "by":
        return _wished_by(connection, way, conversation, case, now)
    cases.change(connection, case_id, wish=wish)
    wait = store.open_of(connection, case_id)
    if wait and wish == "write":
        store.change(connection, wait.id, tell_at=None)  # nobody who asked to be written to waits here
    conversations.tell(connection, conversation.id, "wish", now)
    language, back = conversation.language, way.teams.get(case.team).opens(now)
    then = when(back, now, language) if back else way.texts.say("soon", language)
    text = way.texts.say(f"wished_{wish}", language, number=case.number, when=then)
    say(connection, way, conversation, Reply(text, (way_back(way, language),)), now=now)
    return True


def _wished_by(connection: Connection, way: Way, conversation: Row[Any], case: Row[Any], now: datetime) -> bool:
    """Written to by the hour that was offered: promised; where it is too near by now, the next one is offered."""
    wait = waits.chosen(connection, way, conversation, case, now)
    if wait is None:
        return False
    language, team = conversation.language, way.teams.get(case.team)
    promise = promises.get(connection, wait.promise_id) if wait.promise_id else None
    buttons = [way_back(way, language)]
    if promise:
        cases.change(connection, case.id, wish="write")
        conversations.tell(connection, conversation.id, "wish", now)
        hour = waits.local_by(team, promise.due_at, now, language)
        text = way.texts.say("wished_by", language, number=case.number, by=hour)
    else:
        offered = waits.offer(way, waits.again(connection, way, wait, now), language, now)
        text = way.texts.say("wish_by.gone" if offered else "wish_by.none", language, number=case.number)
        buttons = [*offered, *buttons]
    say(connection, way, conversation, Reply(text, tuple(buttons)), now=now)
    return True
