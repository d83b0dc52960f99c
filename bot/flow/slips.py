"""What was said about the wait has slipped: the customer is told, once, before they ask."""

from __future__ import annotations

import logging
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row

from bot.flow import handoff, waits
from bot.flow.way import Way
from bot.model.replies import Reply
from bot.model.states import Status
from bot.store import cases, conversations, messages
from bot.store import waits as store

log = logging.getLogger(__name__)


async def slipped(way: Way) -> None:
    """Each customer who was told a time that is over, or told none and waits for long; one transaction each.

    Nobody is written to while their team is away: nothing has changed for them until it is back.
    """
    now = way.clock()
    for row in await way.db.read(lambda connection: store.to_tell(connection, now)):
        if way.teams.get(row.team).opens(now):
            continue
        try:
            await way.db.write(partial(_tell, way=way, wait_id=row.id, case_id=row.case_id, now=now))
        except Exception:  # one that cannot be worked on must not hold up the others
            log.exception("wait %s could not be worked on", row.id)
        way.committed()


def _tell(connection: Connection, *, way: Way, wait_id: int, case_id: int, now: datetime) -> None:
    conversation = conversations.get(connection, cases.get(connection, case_id).conversation_id, hold=True)
    wait = store.get(connection, wait_id)
    if conversation is None or wait.ended_at or wait.told_at or wait.tell_at is None:
        return
    if conversation.status != Status.WAITING or not _may_write(way, conversation, now):
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
    handoff.say(connection, way, conversation, Reply(text, (*hours, handoff.way_back(way, language))), now=now)


def _may_write(way: Way, conversation: Row[Any], now: datetime) -> bool:
    channel, last = way.channels.get(conversation.channel), conversation.last_customer_at
    if channel is None or conversation.blocked:
        return False
    if conversation.quiet_until and conversation.quiet_until > now:
        return False
    window = channel.abilities.reply_window
    return not (window and last and now >= last + window)
