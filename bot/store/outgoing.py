"""Outgoing rows: one per call to a platform, with an honest state."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    Row,
    Update,
    and_,
    bindparam,
    case,
    exists,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    update,
)

from bot.model.replies import Part, QuickReply
from bot.model.states import Author, Sending, Status
from bot.store.conversations import tell
from bot.store.events import NEW
from bot.store.tables import Time, conversations, events, messages, outgoing

OPEN = (Sending.PENDING, Sending.SENDING, Sending.LATER, Sending.AMBIGUOUS)
HIGHEST = 2**31 - 1  # a row's number: databases refuse to look for a higher one, which another tool's echo may hold
LATELY = timedelta(days=7)  # what failed earlier is history

#: In the words of its index, as `open_rows`.
FAILED = outgoing.c.state == literal_column(f"'{Sending.FAILED}'")
#: An answer that the customer never got, and nobody knows yet; as in its index.
_LOST = and_(FAILED, outgoing.c.answer, outgoing.c.lost_at.is_(None))


def open_rows(table: FromClause) -> ColumnElement[bool]:
    """Open rows, in the words of their index: SQLite uses it only where it sees that its condition holds."""
    return table.c.state.in_([literal_column(f"'{state}'") for state in OPEN])


def _first() -> ColumnElement[bool]:
    """Open rows that no open row of their conversation stands before."""
    earlier = outgoing.alias("earlier")
    before = exists().where(
        earlier.c.conversation_id == outgoing.c.conversation_id, earlier.c.id < outgoing.c.id, open_rows(earlier)
    )
    return and_(open_rows(outgoing), ~before)


# What runs in every turn and after every commit is made once: putting it together takes longer than running it.
_SUPPRESS_TAKEN = (
    update(outgoing)
    .where(
        open_rows(outgoing),
        outgoing.c.state.in_([Sending.PENDING, Sending.LATER]),
        outgoing.c.author == Author.BOT,
        exists(
            select(conversations.c.id)
            .where(conversations.c.id == outgoing.c.conversation_id, conversations.c.status == Status.AGENT)
            .scalar_subquery()
        ),
    )
    .values(state=Sending.SUPPRESSED, problem="a person took over")
)
_DUE = (
    select(outgoing.c.id)
    .where(
        _first(),
        outgoing.c.state.in_([Sending.PENDING, Sending.LATER]),
        outgoing.c.due_at <= bindparam("now", type_=Time),
    )
    .order_by(outgoing.c.due_at, outgoing.c.id)
    .limit(bindparam("most", type_=Integer))
)
_THESE = outgoing.c.id.in_(bindparam("ids", expanding=True))
_CLAIM = (
    update(outgoing)
    .where(_THESE)
    .values(
        state=Sending.SENDING,
        lease_until=bindparam("until", type_=Time),
        attempts=outgoing.c.attempts + 1,
        waits=False,
        called_at=bindparam("now", type_=Time),
        doubt_since=None,
    )
)
_CLAIMED = (
    select(
        outgoing,
        conversations.c.channel,
        conversations.c.chat,
        conversations.c.last_customer_at,
        conversations.c.status,
    )
    .join(conversations, conversations.c.id == outgoing.c.conversation_id)
    .where(_THESE)
    .order_by(outgoing.c.id)
)
_ADD = insert(outgoing)
_SENT = update(outgoing).where(outgoing.c.id == bindparam("its_id"))
_FIRST_PART = update(messages).where(messages.c.id == bindparam("its_id"), messages.c.platform_id.is_(None))
_SUPPRESS = (
    update(outgoing)
    .where(
        outgoing.c.conversation_id == bindparam("conversation"),
        outgoing.c.author == Author.BOT,
        open_rows(outgoing),
        outgoing.c.state.in_([Sending.PENDING, Sending.LATER]),
    )
    .values(state=Sending.SUPPRESSED, problem=bindparam("why"))
)
_SUPPRESS_BEFORE = _SUPPRESS.where(outgoing.c.answer, outgoing.c.created_at < bindparam("before", type_=Time))
_DUE_UNLOCKED = _DUE.with_for_update(skip_locked=True)
_NEXT_DUE = select(
    func.min(case((outgoing.c.state == Sending.SENDING, outgoing.c.lease_until), else_=outgoing.c.due_at))
).where(_first())


def add(
    connection: Connection,
    conversation_id: int,
    message_id: int,
    parts: Sequence[Part],
    *,
    author: Author,
    agent_id: int | None,
    answer: bool = False,
    now: datetime,
) -> None:
    """Rows for the parts of one message, to be sent in this order. `answer`: the bot's, to what the customer wrote."""
    connection.execute(
        _ADD,
        [
            {
                "conversation_id": conversation_id,
                "message_id": message_id,
                "author": author,
                "agent_id": agent_id,
                "part": asdict(part),
                "state": Sending.PENDING,
                "attempts": 0,
                "resent": False,
                "answer": answer,
                "due_at": now,
                "created_at": now,
            }
            for part in parts
        ],
    )


def part_of(row: Row[Any]) -> Part:
    """The row's part, as it was fitted."""
    stored = row.part
    quick_replies = tuple(QuickReply(**q) for q in stored["quick_replies"])
    return Part(text=stored["text"], quick_replies=quick_replies, image=stored["image"])


def claim(
    connection: Connection, *, limit: int, lease: timedelta, now: datetime, but_not: Collection[str] = ()
) -> list[Row[Any]]:
    """Take rows to send: the first open row of each conversation, if it is due; with its conversation's columns.

    None of the channels `but_not`. What another process is claiming at this moment is left to it, and the number of
    attempts is the fence: the result of an earlier one changes nothing any more.

    The bot's rows in a conversation that a person took are suppressed here, in the same transaction that would
    have claimed them: a reply computed before the take is never delivered after it.
    """
    connection.execute(_SUPPRESS_TAKEN)
    due = _DUE if connection.dialect.name == "sqlite" else _DUE_UNLOCKED
    if but_not:
        due = due.where(~_on(but_not))
    ids = list(connection.execute(due, {"now": now, "most": limit}).scalars())
    if not ids:
        return []
    connection.execute(_CLAIM, {"ids": ids, "until": now + lease, "now": now})
    return list(connection.execute(_CLAIMED, {"ids": ids}))


def suppress_bot(connection: Connection, conversation_id: int, why: str, *, before: datetime | None = None) -> None:
    """The bot's words that were not sent yet stay unsent; `before`: only answers written before then.

    What is said of a person, a case or a promise is no answer that a newer one replaces.
    """
    values = {"conversation": conversation_id, "why": why}
    if before:
        connection.execute(_SUPPRESS_BEFORE, {**values, "before": before})
    else:
        connection.execute(_SUPPRESS, values)


def sent(connection: Connection, row: Row[Any], platform_id: str, now: datetime) -> None:
    """It arrived. The message gets the platform's id of its first part."""
    values = {"platform_id": platform_id, "sent_at": now, "lease_until": None, "problem": None}
    connection.execute(_SENT, {"its_id": row.id, "state": Sending.SENT, **values})
    connection.execute(_FIRST_PART, {"its_id": row.message_id, "platform_id": platform_id or None})
    tell(connection, row.conversation_id, "delivery", now)


def queue(connection: Connection, row: Row[Any]) -> None:
    """It waits for its turn: should its process die now, the call was certainly not made."""
    connection.execute(update(outgoing).where(_claimed(row)).values(waits=True))


def begin(connection: Connection, row: Row[Any], now: datetime) -> bool:
    """Its turn has come. False when it may not be called: it lost its claim, or a person took over while it waited."""
    status = select(conversations.c.status).where(conversations.c.id == row.conversation_id)
    if row.author == Author.BOT and connection.execute(status).scalar() == Status.AGENT:
        not_yet(connection, row, now)  # the next claim suppresses it
        return False
    changed = connection.execute(update(outgoing).where(_claimed(row)).values(waits=False, called_at=now))
    return changed.rowcount == 1


def not_yet(connection: Connection, row: Row[Any], due_at: datetime) -> None:
    """Its turn has not come: as if it had not been claimed, until then. No news for desks."""
    connection.execute(
        update(outgoing)
        .where(_claimed(row))
        .values(state=Sending.PENDING, attempts=row.attempts - 1, due_at=due_at, lease_until=None, waits=False)
    )


def not_sent(
    connection: Connection, row: Row[Any], state: Sending, problem: str, now: datetime, *, due_at: datetime
) -> None:
    """It did not arrive, or perhaps did not: later, ambiguous or failed."""
    connection.execute(
        update(outgoing)
        .where(_claimed(row))
        .values(
            state=state,
            problem=problem,
            due_at=due_at,
            lease_until=None,
            doubt_since=now if state == Sending.AMBIGUOUS else None,
        )
    )
    tell(connection, row.conversation_id, "delivery", now)


def echoed(connection: Connection, outgoing_id: int, conversation_id: int, platform_id: str, now: datetime) -> bool:
    """The platform shows us our own message: it arrived, whatever the call's answer was. False when it is none."""
    if outgoing_id > HIGHEST:
        return False
    row = connection.execute(
        select(outgoing).where(outgoing.c.id == outgoing_id, outgoing.c.conversation_id == conversation_id)
    ).first()
    if row is None:
        return False
    if row.state != Sending.SENT:
        sent(connection, row, platform_id, now)
    return True


def orphaned(
    connection: Connection, now: datetime, *, everything: bool, proofs: Mapping[str, timedelta]
) -> bool:
    """Rows whose sender died are ambiguous: the call may have been made, unless the row still waited for its turn.
    Whether there were such rows.

    `proofs`: channels where it can be found out whether a call arrived, and how long to wait before.
    `everything`: no other process sends (one machine, at start), so every claimed row is an orphan; and nobody
    listened until now, so the wait for a proof begins anew.
    """
    lost = and_(open_rows(outgoing), outgoing.c.state == Sending.SENDING)
    if not everything:
        lost = and_(lost, outgoing.c.lease_until < now)
    changed = _changed(
        connection,
        update(outgoing)
        .where(lost, outgoing.c.waits)
        .values(state=Sending.PENDING, lease_until=None, waits=False),  # the attempt counts on: it is the fence
        now,
    )
    due: ColumnElement[Any] = literal(now, Time)
    for name, wait in proofs.items():
        due = case((_on([name]), literal(now + wait, Time)), else_=due)
    doubtful = {"state": Sending.AMBIGUOUS, "problem": "no answer came", "due_at": due, "doubt_since": now}
    changed |= _changed(
        connection,
        update(outgoing).where(lost).values(lease_until=None, **doubtful),
        now,
    )
    if everything:
        connection.execute(
            update(outgoing)
            .where(open_rows(outgoing), outgoing.c.state == Sending.AMBIGUOUS, _on(proofs))
            .values(due_at=due, doubt_since=now)
        )
    return changed


def resend_ambiguous(
    connection: Connection, now: datetime, *, tries: int, echoing: Collection[str], but_not: Collection[str] = ()
) -> bool:
    """Ambiguous rows whose echo did not come are sent once more, marked; on `echoing` channels again and again, up to
    `tries`: there no echo means that it did not arrive, and that senders die is no reason to lose it. Then they have
    failed. Whether there were any. None of the channels `but_not`: there the platform is asked (store/doubts.py).

    What came on an `echoing` channel until then and is not yet read may be the echo: not before it is. Later events
    do not count, or a customer who writes without a pause would never get the message.
    """
    same_chat = and_(events.c.channel == conversations.c.channel, events.c.chat == conversations.c.chat)
    unread = _on(echoing, same_chat, NEW, events.c.received_at <= outgoing.c.due_at)
    left = and_(open_rows(outgoing), outgoing.c.state == Sending.AMBIGUOUS, outgoing.c.due_at <= now)
    over = or_(and_(outgoing.c.resent, ~_on(echoing)), outgoing.c.attempts >= tries)
    again = (
        update(outgoing)
        .where(left, ~unread, ~_on(but_not))
        .values(state=case((over, Sending.FAILED), else_=Sending.PENDING), resent=True)
    )
    return _changed(connection, again, now)


def _changed(connection: Connection, states: Update, now: datetime) -> bool:
    """Run it and tell the desks of its conversations: else a person would not see that their words did not arrive."""
    found = set(connection.execute(states.returning(outgoing.c.conversation_id)).scalars())
    for conversation_id in found:
        tell(connection, conversation_id, "delivery", now)
    return bool(found)


def _on(channels: Collection[str], *also: ColumnElement[bool]) -> ColumnElement[bool]:
    """Is the row's conversation on one of these channels?"""
    return exists(
        select(conversations.c.id)
        .where(conversations.c.id == outgoing.c.conversation_id, conversations.c.channel.in_(channels), *also)
        .correlate(outgoing)
    )


def next_due(connection: Connection, *, but_not: Collection[str] = ()) -> datetime | None:
    """When the next row becomes due; rows behind another of their conversation wait for that one."""
    query = _NEXT_DUE.where(~_on(but_not)) if but_not else _NEXT_DUE
    due: datetime | None = connection.execute(query).scalar()
    return due


def renew(connection: Connection, rows: Collection[Row[Any]], until: datetime) -> None:
    """The calls of these rows are still under way."""
    for row in rows:
        connection.execute(update(outgoing).where(_claimed(row)).values(lease_until=until))


def _claimed(row: Row[Any]) -> ColumnElement[bool]:
    """Is the row still as it was claimed? Its lease may have lapsed, and another process have it by now."""
    return and_(
        outgoing.c.id == row.id, outgoing.c.state == Sending.SENDING, outgoing.c.attempts == row.attempts
    )


def lost(connection: Connection, limit: int = 200) -> list[Row[Any]]:
    """Answers of the bot's that failed for good and of which nobody knows yet."""
    query = select(outgoing.c.id, outgoing.c.conversation_id).where(_LOST).order_by(outgoing.c.id)
    return list(connection.execute(query.limit(limit)))


def note_lost(connection: Connection, outgoing_id: int, now: datetime) -> bool:
    """Somebody knows of it now; False when another process has seen to it, or it is tried again."""
    changed = connection.execute(
        update(outgoing).where(outgoing.c.id == outgoing_id, _LOST).values(lost_at=now)
    )
    return changed.rowcount == 1


def retry(connection: Connection, outgoing_id: int, now: datetime) -> bool:
    """An agent asks to try a failed row again."""
    changed = connection.execute(
        update(outgoing)
        .where(outgoing.c.id == outgoing_id, outgoing.c.state == Sending.FAILED)
        .values(state=Sending.PENDING, due_at=now, problem=None)
    )
    return changed.rowcount == 1
