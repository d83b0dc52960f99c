"""What the desk shows of one conversation, with its deliveries; and what is new anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, desc, func, select, update

from bot.model.states import Author
from bot.store.tables import agents, at_most, conversations, customers, live, messages, moves, outgoing

_c = conversations.c

NEWS = 500  # live lines read in one go
# Put together once: it is read after each commit while a desk is open.
_NEWS = (
    select(live.c.id, live.c.conversation_id, live.c.kind)
    .where(live.c.id > bindparam("after"))
    .order_by(live.c.id)
    .limit(at_most(NEWS))
)


def conversation(connection: Connection, conversation_id: int) -> Row[Any] | None:
    """A conversation with its customer's name and its owner's."""
    return connection.execute(
        select(
            conversations,
            customers.c.name.label("customer_name"),
            agents.c.name.label("owner_name"),
            agents.c.picture_version,
        )
        .join(customers, customers.c.id == _c.customer_id)
        .outerjoin(agents, agents.c.id == _c.agent_id)
        .where(_c.id == conversation_id)
    ).first()


def thread(
    connection: Connection, conversation_id: int, *, before: int | None = None, limit: int = 100
) -> tuple[list[Row[Any]], bool]:
    """Messages, oldest first, with their writers; and whether there are older ones."""
    query = (
        select(messages, agents.c.name.label("agent_name"), agents.c.picture_version)
        .outerjoin(agents, agents.c.id == messages.c.agent_id)
        .where(messages.c.conversation_id == conversation_id)
        .order_by(desc(messages.c.id))
        .limit(limit + 1)
    )
    rows = connection.execute(query.where(messages.c.id < before) if before else query).all()
    return list(reversed(rows[:limit])), len(rows) > limit


def written_at(connection: Connection, conversation_id: int, message_id: int) -> datetime | None:
    """When a message of the conversation was written; None where it has no such message."""
    return connection.execute(
        select(messages.c.at).where(messages.c.id == message_id, messages.c.conversation_id == conversation_id)
    ).scalar()


def deliveries(connection: Connection, message_ids: Sequence[int]) -> dict[int, list[Row[Any]]]:
    """The outgoing rows of each message, in the order of sending."""
    found: dict[int, list[Row[Any]]] = {}
    rows = connection.execute(
        select(*(outgoing.c[n] for n in ("id", "message_id", "state", "problem", "resent", "due_at", "sent_at")))
        .where(outgoing.c.message_id.in_(message_ids))
        .order_by(outgoing.c.id)
    )
    for row in rows:
        found.setdefault(row.message_id, []).append(row)
    return found


def message(connection: Connection, message_id: int) -> Row[Any] | None:
    """A message with its conversation's channel: what is needed to fetch its files."""
    return connection.execute(
        select(messages.c.id, messages.c.conversation_id, messages.c.image, messages.c.attachments, _c.channel)
        .join(conversations, _c.id == messages.c.conversation_id)
        .where(messages.c.id == message_id)
    ).first()


def failed_row(connection: Connection, outgoing_id: int, conversation_id: int) -> Row[Any] | None:
    """An outgoing row, if it belongs to the conversation."""
    return connection.execute(
        select(outgoing.c.id, outgoing.c.state, outgoing.c.author).where(
            outgoing.c.id == outgoing_id, outgoing.c.conversation_id == conversation_id
        )
    ).first()


def siblings(connection: Connection, customer_id: int, conversation_id: int) -> list[Row[Any]]:
    """The customer's conversations elsewhere, with who has them."""
    return list(
        connection.execute(
            select(_c.id, _c.channel, _c.status, _c.last_message_at, agents.c.name.label("owner_name"))
            .outerjoin(agents, agents.c.id == _c.agent_id)
            .where(_c.customer_id == customer_id, _c.id != conversation_id)
            .order_by(desc(_c.last_message_at))
        )
    )


def last_move(connection: Connection, conversation_id: int) -> Row[Any] | None:
    """The conversation's newest move."""
    return connection.execute(
        select(moves).where(moves.c.conversation_id == conversation_id).order_by(desc(moves.c.id)).limit(1)
    ).first()


def sent_with(connection: Connection, conversation_id: int, once: str) -> Row[Any] | None:
    """What an agent already sent with this form: a double click or a reload must not send twice.

    The caller holds the conversation, or two that run at once would both find nothing.
    """
    return connection.execute(
        select(messages.c.id, messages.c.text).where(
            messages.c.conversation_id == conversation_id,
            messages.c.author.in_([Author.AGENT, Author.NOTE]),
            messages.c.payload == once,
        )
    ).first()


def keep_form(connection: Connection, message_id: int, once: str) -> None:
    """Remember which form a message was sent with; an agent's message has no other payload."""
    connection.execute(update(messages).where(messages.c.id == message_id).values(payload=once))


def latest(connection: Connection) -> int:
    """The newest live line's id, 0 at the start."""
    return connection.execute(select(func.max(live.c.id))).scalar() or 0


def news(connection: Connection, after: int) -> list[tuple[int, int, str]]:
    """(line, conversation, kind) of what changed after a line, oldest first; at most NEWS."""
    return [(line, of, kind) for line, of, kind in connection.execute(_NEWS, {"after": after})]
