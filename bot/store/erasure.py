"""A customer taken out of every table, for good; what is counted stays.

    gone      messages and their calls, the engine's state, facts, packets, decisions, moves, watches, search words
    emptied   who they are and where they write; every word of cases and promises; of what arrived all but its id:
              a platform that delivers it once more must not get an answer
    stays     cases, their clocks, targets and waits, and promises, as times, teams, codes and outcomes; the audit

The conversation keeps its number, for the audit, and is nobody's: who writes again begins a new one. A column or a
table that holds a customer's words has to be given its place here: tests/test_erasure.py looks into all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, select, update

from bot.model.states import Inbound, Status
from bot.store import messages as messages_
from bot.store import tables as t
from bot.store.events import NEW
from bot.store.outgoing import open_rows
from bot.store.promises import OPEN
from bot.store.tables import cases, conversations, customers, events, messages, promise_changes, promises

GONE = "erased"  # what a conversation of nobody is called instead of its chat, with its number
_BY_CONVERSATION = (t.outgoing, messages, t.dialogues, t.facts, t.watches, t.moves, t.attention)
_BY_CASE = (t.packets, t.decisions)


@dataclass(frozen=True)
class Obstacle:
    """What has to be done first. `kind`: case, promise, unsent or unanswered; `case` its number, where it has one."""

    kind: str
    case: str = ""


def of(connection: Connection, customer_id: int, *, hold: bool = False) -> list[Row[Any]]:
    """The customer's conversations. `hold`: nobody else changes them until the commit."""
    query = select(conversations).where(conversations.c.customer_id == customer_id).order_by(conversations.c.id)
    return list(connection.execute(query.with_for_update() if hold else query))


def is_erased(conversation: Row[Any]) -> bool:
    """Whether the conversation is nobody's any more."""
    return bool(conversation.chat == _nobody(conversation))


def obstacles(connection: Connection, own: Sequence[Row[Any]]) -> list[Obstacle]:
    """What of these conversations is still under way, so that nobody is left without an answer, or half of one."""
    ids = [row.id for row in own]
    in_hand = [row.case_id for row in own if row.status in (Status.WAITING, Status.AGENT)]
    numbers = select(cases.c.number).where(
        cases.c.conversation_id.in_(ids), cases.c.closed_at.is_(None) | cases.c.id.in_(in_hand)
    )
    found = [Obstacle("case", number) for number in connection.execute(numbers.order_by(cases.c.id)).scalars()]
    promised = (
        select(cases.c.number)
        .select_from(promises.outerjoin(cases, cases.c.id == promises.c.case_id))
        .where(promises.c.conversation_id.in_(ids), promises.c.state == OPEN)
    )
    found += [Obstacle("promise", number or "") for number in connection.execute(promised).scalars()]
    unsent = select(t.outgoing.c.id).where(t.outgoing.c.conversation_id.in_(ids), open_rows(t.outgoing))
    if connection.execute(unsent.limit(1)).first():
        found.append(Obstacle("unsent"))
    if any(connection.execute(_arrived(row).where(NEW).limit(1)).first() for row in own):
        found.append(Obstacle("unanswered"))
    return list(dict.fromkeys(found))


def erase(connection: Connection, own: Sequence[Row[Any]], now: datetime) -> list[str]:
    """Everything about the customer of these conversations (held, see `of`); the images that were sent to them."""
    ids, customer_ids = [row.id for row in own], {row.customer_id for row in own}
    case_ids = list(connection.execute(select(cases.c.id).where(cases.c.conversation_id.in_(ids))).scalars())
    sent = select(messages.c.image).where(messages.c.conversation_id.in_(ids), messages.c.image.is_not(None))
    images = list(connection.execute(sent.distinct()).scalars())
    for row in own:
        _forget_arrived(connection, row, now)
    for table in _BY_CONVERSATION:
        connection.execute(delete(table).where(table.c.conversation_id.in_(ids)))
    for table in _BY_CASE:
        connection.execute(delete(table).where(table.c.case_id.in_(case_ids)))
    connection.execute(delete(t.search_words).where(t.search_words.c.customer_id.in_(customer_ids)))
    _empty_promises(connection, ids)
    connection.execute(update(cases).where(cases.c.id.in_(case_ids)).values(note="", marks=[]))
    connection.execute(update(customers).where(customers.c.id.in_(customer_ids)).values(name=""))
    for row in own:
        _leave(connection, row, now)
    return images


def unused(connection: Connection, images: Sequence[str]) -> list[str]:
    """Which of these were sent to nobody else: a file is named by what it shows, and may have been sent to many."""
    used = set(connection.execute(select(messages.c.image).where(messages.c.image.in_(images))).scalars())
    return [image for image in images if image not in used]


def _arrived(row: Row[Any]) -> Select[Any]:
    return select(events.c.id, events.c.external_id).where(events.c.channel == row.channel, events.c.chat == row.chat)


def _forget_arrived(connection: Connection, row: Row[Any], now: datetime) -> None:
    """Keep of each event only that it is known. One whose id names the chat tells that something was read or arrived,
    which is never answered: it goes altogether.
    """
    arrived = connection.execute(_arrived(row).where(~NEW)).all()
    named = [one.id for one in arrived if row.chat in one.external_id.split(":")]
    connection.execute(delete(events).where(events.c.id.in_(named)))
    connection.execute(
        update(events)
        .where(events.c.id.in_([one.id for one in arrived]))
        .values(chat=None, payload={}, state=Inbound.DONE, problem=None, done_at=now)
    )
    # with it a turn that has just begun loses its fence: it keeps nothing, and begins again without what it has read
    connection.execute(delete(t.leases).where(t.leases.c.channel == row.channel, t.leases.c.chat == row.chat))


def _empty_promises(connection: Connection, ids: Sequence[int]) -> None:
    """They were kept or not, and when: not what was promised, nor why it changed."""
    of = promises.c.conversation_id.in_(ids)
    its = promise_changes.c.promise_id.in_(select(promises.c.id).where(of))
    connection.execute(update(promise_changes).where(its).values(why=""))
    connection.execute(
        update(promises).where(of).values(what="", reference="", check_text="", check_at=None, message_id=None)
    )


def _leave(connection: Connection, row: Row[Any], now: datetime) -> None:
    """The conversation is nobody's: in no list, found by no chat; and says so to whoever follows the audit to it."""
    times = ("introduced_at", "name_asked", "name_asked_at", "quiet_until", "last_customer_at", "last_message_at")
    connection.execute(
        update(conversations)
        .where(conversations.c.id == row.id)
        .values(
            chat=_nobody(row),
            locale="",
            blocked=False,
            ends_warned=0,
            case_id=None,
            version=row.version + 1,
            **dict.fromkeys(times),
        )
    )
    messages_.add_line(connection, row.id, GONE, now=now)


def _nobody(row: Row[Any]) -> str:
    return f"{GONE}:{row.id}"
