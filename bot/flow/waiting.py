"""While a customer waits: how they want to, and being told before they ask that what was said has slipped."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row

from bot.flow import waits
from bot.flow.promises import may_write
from bot.flow.say import say, way_back
from bot.flow.way import Way, one_by_one
from bot.model.replies import Reply
from bot.model.states import Status
from bot.model.team import when
from bot.store import cases, conversations, messages, promises
from bot.store import waits as store


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
    due = waits.still(connection, way, wait, now) if wait.due_at else None
    store.change(connection, wait.id, told_at=now, told_due_at=due)
    language, number = conversation.language, cases.get(connection, case_id).number
    if due:
        hour = waits.local_by(way.teams.get(wait.team), due, now, language)
        text = way.texts.say("still_waiting_by", language, number=number, by=hour)
    else:
        text = way.texts.say("still_waiting_longer" if wait.due_at else "still_waiting", language, number=number)
    hours = waits.offer(way, waits.again(connection, way, wait, now), language, now)
    say(connection, way, conversation, Reply(text, (*hours, way_back(way, language))), now=now)


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
