"""Who works on which conversation now: a row with an end and a token, for all processes.

A lease is claimed together with the look at the conversation and ends inside the transaction that keeps the turn.
A process that dies leaves its rows behind: they lapse, and the next who looks takes over. Who hung past the end, so
that another took over, finds the token changed in that transaction (the fence), and nothing of the turn is kept.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Integer, String, bindparam, delete, select, text, update

from bot.model.messages import ConversationKey
from bot.store.events import NEW
from bot.store.tables import Time, events, leases


@dataclass(frozen=True)
class Lease:
    """The right to work on one conversation. The token is a new one at each claim."""

    key: ConversationKey
    token: str


#: One statement, so that of two who try at once one waits for the other and then sees what it did. The row is locked
#: even where it stays another's: who ends a lease and then finds no event cannot miss one stored before a vain claim.
_CLAIM = text(
    """
    INSERT INTO leases (channel, chat, holder, token, until)
    SELECT CAST(:channel AS VARCHAR), CAST(:chat AS VARCHAR), :holder, :token, :until
    WHERE EXISTS (SELECT 1 FROM events WHERE state = 'new' AND channel = :channel AND chat = :chat)
    ON CONFLICT (channel, chat) DO UPDATE
    SET holder = excluded.holder, token = excluded.token, until = excluded.until
    WHERE leases.until < :now OR leases.holder = excluded.holder
    RETURNING token
    """
).bindparams(
    *(bindparam(name, type_=String()) for name in ("channel", "chat", "holder", "token")),
    *(bindparam(name, type_=Time()) for name in ("until", "now")),
)
_END = delete(leases).where(
    leases.c.channel == bindparam("channel"), leases.c.chat == bindparam("chat"), leases.c.token == bindparam("token")
)

_HELD = select(leases.c.channel, leases.c.chat).where(leases.c.until >= bindparam("now"))
#: Not joined with the leases: a plan that sorts would read all that waits.
_BACKLOG = (
    select(events.c.id, events.c.channel, events.c.chat, events.c.received_at)
    .where(NEW, events.c.id > bindparam("after"))
    .order_by(events.c.id)
    .limit(bindparam("number", type_=Integer))
)


def claim(
    connection: Connection, key: ConversationKey, holder: str, *, length: timedelta, now: datetime
) -> Lease | None:
    """Take a conversation that has an unanswered event, unless another holder has it. What `holder` itself has is
    taken anew: its last attempt at the turn failed."""
    values = {
        "channel": key.channel,
        "chat": key.chat,
        "holder": holder,
        "token": secrets.token_hex(8),
        "until": now + length,
        "now": now,
    }
    token = connection.execute(_CLAIM, values).scalar()
    return Lease(key, token) if token else None


def end(connection: Connection, lease: Lease) -> bool:
    """Give the conversation back. False when it is another's by now: then nothing may be kept."""
    values = {"channel": lease.key.channel, "chat": lease.key.chat, "token": lease.token}
    return connection.execute(_END, values).rowcount == 1


def renew(connection: Connection, holder: str, until: datetime) -> None:
    """Its turns still run."""
    connection.execute(update(leases).where(leases.c.holder == holder).values(until=until))


def leave(connection: Connection, holder: str) -> None:
    """This process works on nothing any more: others need not wait for the end of its leases."""
    connection.execute(delete(leases).where(leases.c.holder == holder))


def clear(connection: Connection) -> None:
    """At the start of the only process: whoever held one is gone."""
    connection.execute(delete(leases))


def waiting(
    connection: Connection, *, most: int, now: datetime, before: datetime | None = None
) -> list[ConversationKey]:
    """Conversations with unanswered events (received before then) on which nobody works, the longest waiting first.

    At most so many, and no more is read than they take: while an engine is away, all that was written waits here.
    """
    held = {(row.channel, row.chat) for row in connection.execute(_HELD, {"now": now})}
    found: dict[ConversationKey, None] = {}
    after = 0
    while len(found) < most:
        rows = connection.execute(_BACKLOG, {"after": after, "number": 2 * most}).all()
        for row in rows:
            if (row.channel, row.chat) not in held and (before is None or row.received_at < before):
                found[ConversationKey(row.channel, row.chat)] = None
        if len(rows) < 2 * most:
            break
        after = rows[-1].id
    return list(found)[:most]


def forget_before(connection: Connection, before: datetime) -> None:
    """Delete what processes that died left behind."""
    connection.execute(delete(leases).where(leases.c.until < before))
