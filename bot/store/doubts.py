"""Rows of which nobody knows whether they arrived, and the platform's numbers that the store knows of."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, FromClause, Row, and_, func, select, update

from bot.model.states import Sending
from bot.store import outgoing as outgoing_
from bot.store.conversations import tell
from bot.store.outgoing import open_rows
from bot.store.tables import conversations, events, messages, outgoing

WINDOW = 20_000  # of the newest rows: two minutes of a hundred messages a second, and their echoes
BEFORE = 50  # of these, from before the call
CHAT = 50  # of the chat's own messages

_DOUBTFUL = and_(open_rows(outgoing), outgoing.c.state == Sending.AMBIGUOUS)


def due(connection: Connection, channels: Collection[str], now: datetime) -> list[Row[Any]]:
    """Doubtful rows of these channels to look into now, the first called first; with the conversation's columns."""
    query = (
        select(outgoing, conversations.c.channel, conversations.c.chat)
        .join(conversations, conversations.c.id == outgoing.c.conversation_id)
        .where(_DOUBTFUL, outgoing.c.due_at <= now, conversations.c.channel.in_(channels))
        .order_by(outgoing.c.called_at, outgoing.c.id)
    )
    return list(connection.execute(query))


def received(connection: Connection, channel: str, at: datetime) -> list[Row[Any]]:
    """What arrived since `at`, and a little of what did before: `payload`, `chat`, `at`, `received_at`."""
    query = select(events.c.payload, events.c.chat, events.c.at, events.c.received_at).where(
        events.c.channel == channel, ~events.c.own, _newest(events)
    )
    before = query.where(events.c.received_at < at).order_by(events.c.id.desc()).limit(BEFORE)
    return [*connection.execute(query.where(events.c.received_at >= at)), *connection.execute(before)]


def sent(connection: Connection, channel: str, at: datetime) -> list[Row[Any]]:
    """What was sent since `at`, and a little of what was before: `platform_id`, `called_at`, `sent_at`."""
    query = (
        select(outgoing.c.platform_id, outgoing.c.called_at, outgoing.c.sent_at)
        .join(conversations, conversations.c.id == outgoing.c.conversation_id)
        .where(conversations.c.channel == channel, outgoing.c.state == Sending.SENT, _newest(outgoing))
    )
    before = query.where(outgoing.c.sent_at < at).order_by(outgoing.c.id.desc()).limit(BEFORE)
    return [*connection.execute(query.where(outgoing.c.sent_at >= at)), *connection.execute(before)]


def of_chat(connection: Connection, conversation_id: int) -> list[Row[Any]]:
    """The chat's last messages, whoever wrote them: `id`, `author`, `platform_id`."""
    query = (
        select(messages.c.id, messages.c.author, messages.c.platform_id)
        .where(messages.c.conversation_id == conversation_id)
        .order_by(messages.c.id.desc())
        .limit(CHAT)
    )
    return list(connection.execute(query))


def arrived(connection: Connection, row: Row[Any], platform_id: str, now: datetime) -> bool:
    """It was found at the platform. False when somebody else has settled it."""
    if not _settle(connection, row, problem=None):
        return False
    outgoing_.sent(connection, row, platform_id, now)
    return True


def again(connection: Connection, row: Row[Any], now: datetime, *, sure: bool) -> bool:
    """It goes out once more: `sure` that it did not arrive, otherwise with a mark, and then only once."""
    if not sure and row.resent:
        return give_up(connection, row, "it may have arrived, twice tried", now)
    tell(connection, row.conversation_id, "delivery", now)
    return _settle(connection, row, state=Sending.PENDING, due_at=now, resent=row.resent or not sure)


def give_up(connection: Connection, row: Row[Any], why: str, now: datetime) -> bool:
    """It is not tried again."""
    tell(connection, row.conversation_id, "delivery", now)
    return _settle(connection, row, state=Sending.FAILED, problem=why)


def put_off(connection: Connection, row: Row[Any], until: datetime) -> bool:
    """Look again then."""
    return _settle(connection, row, due_at=until)


def _settle(connection: Connection, row: Row[Any], **values: Any) -> bool:
    still = and_(outgoing.c.id == row.id, _DOUBTFUL, outgoing.c.attempts == row.attempts)
    return connection.execute(update(outgoing).where(still).values(**values)).rowcount == 1


def _newest(table: FromClause) -> Any:
    return table.c.id > select(func.coalesce(func.max(table.c.id), 0) - WINDOW).scalar_subquery()
