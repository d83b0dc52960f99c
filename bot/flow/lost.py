"""An answer of the bot's that failed for good: a person sees to the customer, who would otherwise read nothing."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from bot.flow import handoff
from bot.flow.way import Way, one_by_one
from bot.model.dialogue import HandoffRequest
from bot.model.states import Status
from bot.store import conversations, outgoing


async def lost_answers(way: Way) -> None:
    """Hand over the customers of answers that failed; one transaction each, once, whoever looks."""
    now = way.clock()
    lost = await way.db.read(outgoing.lost)
    hand_over = partial(_hand_over, way=way, now=now)
    works = ((row.id, partial(hand_over, outgoing_id=row.id, of=row.conversation_id)) for row in lost)
    await one_by_one(way, "the lost answer of row", works)


def _hand_over(connection: Connection, *, way: Way, outgoing_id: int, of: int, now: datetime) -> None:
    """Not for somebody who blocked the bot, or where a person is asked for or has the word: they see it there."""
    conversation = conversations.get(connection, of, hold=True)
    if not outgoing.note_lost(connection, outgoing_id, now) or conversation is None or conversation.blocked:
        return
    if conversation.status in (Status.BOT, Status.CLOSED) and conversation.channel in way.channels:
        handoff.request(connection, way, conversation, HandoffRequest("not_delivered"), who="bot", now=now)
