"""What was said, learned and promised in a conversation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, Row, bindparam, delete, desc, func, insert, select, update

from bot.model.dialogue import Watch
from bot.model.messages import Incoming
from bot.model.replies import QuickReply, Reply
from bot.model.states import Author, Status
from bot.store import search
from bot.store.conversations import change, tell
from bot.store.tables import facts, messages, moves, watches

# Put together once, since they run in every turn.
_ADD = insert(messages)
_CHANGE = update(messages).where(messages.c.id == bindparam("its_id"))
_OFFERED = (
    select(messages.c.quick_replies, messages.c.author)
    .where(messages.c.conversation_id == bindparam("conversation"))
    .order_by(desc(messages.c.id))
    .limit(bindparam("most", type_=Integer))
)
_FORGET = delete(facts).where(facts.c.conversation_id == bindparam("conversation"), facts.c.name == bindparam("fact"))
_LEARN = insert(facts)


def add_incoming(
    connection: Connection,
    conversation_id: int,
    incoming: Incoming,
    *,
    event_id: int,
    case_id: int | None,
    now: datetime,
) -> int:
    """Keep what a customer wrote or sent; the message's id."""
    message_id = _add(
        connection,
        conversation_id,
        now,
        author=Author.CUSTOMER,
        case_id=case_id,
        text=incoming.text or (f"/{incoming.command}" if incoming.command else ""),
        attachments=[asdict(attachment) for attachment in incoming.attachments] or None,
        location=asdict(incoming.location) if incoming.location else None,
        contact=asdict(incoming.contact) if incoming.contact else None,
        payload=incoming.payload or None,
        platform_id=incoming.platform_id or None,
        event_id=event_id,
        at=incoming.at,
    )
    if incoming.contact and incoming.contact.own:
        search.phone(connection, conversation_id, incoming.contact.phone)
    wrote = {"last_customer_at": incoming.at, "ends_warned": 0, "last_message_at": now, "blocked": False}
    change(connection, conversation_id, **wrote)
    return message_id


def add_reply(
    connection: Connection,
    conversation_id: int,
    reply: Reply,
    *,
    author: Author,
    agent_id: int | None,
    case_id: int | None,
    now: datetime,
) -> int:
    """Keep what is said to the customer; the message's id. Sending it is the outgoing rows' matter."""
    message_id = _add(
        connection,
        conversation_id,
        now,
        author=author,
        agent_id=agent_id,
        case_id=case_id,
        text=reply.text,
        quick_replies=[asdict(quick_reply) for quick_reply in reply.quick_replies] or None,
        image=reply.image,
        at=now,
    )
    change(connection, conversation_id, last_message_at=now)
    return message_id


def add_line(
    connection: Connection,
    conversation_id: int,
    text: str,
    *,
    author: Author = Author.SYSTEM,
    agent_id: int | None = None,
    case_id: int | None = None,
    now: datetime,
) -> int:
    """Keep a line that only the desk sees (a note, an event)."""
    return _add(connection, conversation_id, now, author=author, agent_id=agent_id, case_id=case_id, text=text, at=now)


def _add(connection: Connection, conversation_id: int, now: datetime, **values: Any) -> int:
    key = connection.execute(_ADD, {"conversation_id": conversation_id, **values}).inserted_primary_key
    assert key
    tell(connection, conversation_id, "message", now)
    return int(key[0])


def understood(
    connection: Connection,
    message_id: int,
    intent: str,
    confidence: float,
    ranking: Sequence[tuple[str, float]],
) -> None:
    """Note on a customer's message what the engine took it for, and what else it could have meant."""
    values = {"intent": intent, "confidence": confidence, "ranking": [list(pair) for pair in ranking]}
    connection.execute(_CHANGE, {"its_id": message_id, **values})


def edited(connection: Connection, conversation_id: int, platform_id: str, text: str, now: datetime) -> bool:
    """Replace a customer's text by its edited form; False when the message is not known."""
    changed = connection.execute(
        update(messages)
        .where(
            messages.c.conversation_id == conversation_id,
            messages.c.platform_id == platform_id,
            messages.c.author == Author.CUSTOMER,
        )
        .values(text=text, edited_at=now)
    )
    tell(connection, conversation_id, "message", now)
    return bool(changed.rowcount)


def read_up_to(connection: Connection, conversation_id: int, at: datetime, now: datetime) -> None:
    """The customer has read everything of ours up to `at`."""
    changed = connection.execute(
        update(messages)
        .where(
            messages.c.conversation_id == conversation_id,
            messages.c.author.in_([Author.BOT, Author.AGENT]),
            messages.c.at <= at,
            messages.c.read_at.is_(None),
        )
        .values(read_at=at)
    )
    if changed.rowcount:
        tell(connection, conversation_id, "read", now)


def history(connection: Connection, conversation_id: int, limit: int = 200) -> list[Row[Any]]:
    """The last messages, oldest first."""
    rows = connection.execute(
        select(messages).where(messages.c.conversation_id == conversation_id).order_by(desc(messages.c.id)).limit(limit)
    ).all()
    return list(reversed(rows))


def added(connection: Connection, case: Row[Any], packet: Row[Any]) -> list[Row[Any]]:
    """What a customer wrote for the person from then until one took the case, oldest first: no taps, and nothing that
    the bot answered.

    It begins by number: what was under way at the hand-off bears an earlier time, for platforms give whole seconds.
    """
    taken = select(func.min(moves.c.at)).where(
        moves.c.case_id == case.id, moves.c.to_status == Status.AGENT, moves.c.at >= packet.created_at
    )
    until = connection.execute(taken).scalar()
    query = select(messages).where(
        messages.c.conversation_id == case.conversation_id,
        messages.c.case_id == case.id,
        messages.c.id > packet.body.get("last_message", 0),
        messages.c.author == Author.CUSTOMER,
        messages.c.intent.is_(None),
        messages.c.payload.is_(None),
        messages.c.text != "",
    )
    if until:
        query = query.where(messages.c.at <= until)
    return list(connection.execute(query.order_by(messages.c.id)))


def offered(connection: Connection, conversation_id: int, *, messages_back: int = 20) -> list[list[QuickReply]]:
    """The quick replies of our last messages, the newest message's first."""
    rows = connection.execute(_OFFERED, {"conversation": conversation_id, "most": messages_back})
    ours = (row.quick_replies for row in rows if row.author in (Author.BOT, Author.AGENT))
    return [[QuickReply(**q) for q in quick_replies] for quick_replies in ours if quick_replies]


def learn(connection: Connection, conversation_id: int, slots: dict[str, Any], message_id: int, now: datetime) -> None:
    """Keep what a turn learned, each fact with the message it came from; told again it replaces, None takes it back."""
    for name, value in slots.items():
        connection.execute(_FORGET, {"conversation": conversation_id, "fact": name})
        search.learned(connection, conversation_id, name, value)
        if value is None:
            continue
        fact = {"name": name, "value": value, "message_id": message_id, "at": now}
        connection.execute(_LEARN, {"conversation_id": conversation_id, **fact})


def facts_of(connection: Connection, conversation_id: int, since: datetime | None = None) -> list[Row[Any]]:
    """What was learned, oldest first."""
    query = select(facts).where(facts.c.conversation_id == conversation_id).order_by(facts.c.id)
    return list(connection.execute(query.where(facts.c.at >= since) if since else query))


def watch_again(connection: Connection, conversation_id: int, subject: str) -> None:
    """What was to be told could not be said: look again later."""
    connection.execute(
        update(watches)
        .where(watches.c.conversation_id == conversation_id, watches.c.subject == subject, watches.c.state == "told")
        .values(state="open")
    )


def watch(connection: Connection, conversation_id: int, wanted: Iterable[Watch], now: datetime) -> None:
    """Keep "write to me when it is fixed", once per subject."""
    for one in wanted:
        known = connection.execute(
            select(watches.c.id).where(
                watches.c.conversation_id == conversation_id,
                watches.c.subject == one.subject,
                watches.c.state == "open",
            )
        ).first()
        if known is None:
            connection.execute(
                insert(watches).values(
                    conversation_id=conversation_id,
                    subject=one.subject,
                    check_text=one.check,
                    tell_text=one.tell,
                    state="open",
                    created_at=now,
                )
            )
