"""Conversations: found or begun, moved between states, and the dialogue's state beside them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from bot.model.errors import Refused
from bot.model.messages import ConversationKey, Sender
from bot.model.states import MOVES, Status
from bot.store import search
from bot.store.events import forget_oldest, insert_new
from bot.store.tables import conversations, customers, dialogues, live, moves

# What runs in every turn is put together once: at each use that would take five times as long as running it.
_FIND = select(conversations).where(
    conversations.c.channel == bindparam("channel"), conversations.c.chat == bindparam("chat")
)
_FIND_HELD = _FIND.with_for_update()
_GET = select(conversations).where(conversations.c.id == bindparam("its_id"))
_GET_HELD = _GET.with_for_update()
_CHANGE = update(conversations).where(conversations.c.id == bindparam("its_id"))
_BEGIN_CUSTOMER = insert(customers)
_DIALOGUE = select(dialogues.c.events).where(dialogues.c.conversation_id == bindparam("its_id"))
_KEEP_DIALOGUE = update(dialogues).where(dialogues.c.conversation_id == bindparam("its_id"))
_BEGIN_DIALOGUE = insert(dialogues)
_TELL = insert(live)
_MOVE = (
    update(conversations)
    .where(
        conversations.c.id == bindparam("its_id"),
        conversations.c.status == bindparam("was"),
        conversations.c.version == bindparam("before"),
    )
    .returning(conversations)
)
_MOVED = insert(moves)

NAME = 200  # characters of a customer's name: PostgreSQL refuses a longer one, and with it the message


def find(connection: Connection, key: ConversationKey, *, hold: bool = False) -> Row[Any] | None:
    """The conversation's row, None before the first message. `hold`: nobody else changes it until the commit."""
    return connection.execute(_FIND_HELD if hold else _FIND, {"channel": key.channel, "chat": key.chat}).first()


def get(connection: Connection, conversation_id: int, *, hold: bool = False) -> Row[Any] | None:
    """The conversation's row by its id. `hold`: nobody else changes it until the commit."""
    return connection.execute(_GET_HELD if hold else _GET, {"its_id": conversation_id}).first()


def find_or_begin(
    connection: Connection, key: ConversationKey, sender: Sender, *, language: str, now: datetime
) -> Row[Any]:
    """The conversation's row, held; begun (with a customer of its own) where there is none."""
    found = find(connection, key, hold=True)
    name = sender.name[:NAME]
    if found is None:
        customer = connection.execute(_BEGIN_CUSTOMER, {"name": name, "created_at": now}).inserted_primary_key
        assert customer
        new = insert_new(
            connection,
            conversations,
            customer_id=customer[0],
            channel=key.channel,
            chat=key.chat,
            status=Status.BOT,
            version=0,
            language=language,
            locale=sender.language[:16],
            blocked=False,
            name_asked=None if name else 1,
            name_asked_at=None if name else now,
            created_at=now,
        )
        if not new:  # another process began it at the same moment
            connection.execute(delete(customers).where(customers.c.id == customer[0]))
        found = find(connection, key, hold=True)
        assert found
        search.keep(connection, found.customer_id, search.NAME, search.words_of(name))
    elif name:
        renamed = connection.execute(
            update(customers)
            .where(customers.c.id == found.customer_id, customers.c.name != name)
            .values(name=name)
        )
        if renamed.rowcount:
            search.keep(connection, found.customer_id, search.NAME, search.words_of(name))
        if found.name_asked:
            change(connection, found.id, name_asked=None)
    return found


def change(connection: Connection, conversation_id: int, **values: Any) -> None:
    """Set columns that are no move (language, blocked, times ...)."""
    connection.execute(_CHANGE, {"its_id": conversation_id, **values})


def move(
    connection: Connection,
    conversation: Row[Any],
    to: Status,
    *,
    who: str,
    why: str,
    now: datetime,
    agent_id: int | None = None,
    by_agent_id: int | None = None,
    case_id: int | None = None,
) -> Row[Any]:
    """Move a conversation, if it still is what `conversation` says; the new row.

    `agent_id` is who has the word afterwards (status agent), `by_agent_id` who made the move. Raises Refused when
    someone was faster or the move is none of MOVES.
    """
    if (Status(conversation.status), to) not in MOVES:
        raise Refused(f"from {conversation.status} to {to} is no move")
    still = {"its_id": conversation.id, "was": conversation.status, "before": conversation.version}
    after = {"status": to, "version": conversation.version + 1, "agent_id": agent_id, "case_id": case_id}
    moved = connection.execute(_MOVE, still | after).first()
    if moved is None:
        raise Refused("someone was faster")
    connection.execute(
        _MOVED,
        {
            "conversation_id": conversation.id,
            "case_id": case_id or conversation.case_id,
            "from_status": conversation.status,
            "to_status": to,
            "who": who,
            "agent_id": by_agent_id,
            "why": why,
            "at": now,
        },
    )
    tell(connection, conversation.id, "move", now)
    return moved


def tell(connection: Connection, conversation_id: int, kind: str, now: datetime) -> None:
    """Leave a line for open desks: something in this conversation changed."""
    connection.execute(_TELL, {"conversation_id": conversation_id, "kind": kind, "at": now})


def forget_news(connection: Connection, before: datetime) -> None:
    """Delete lines for open desks that are older: no desk asks for them any more."""
    forget_oldest(connection, live, at="at", before=before)


def dialogue(connection: Connection, conversation_id: int) -> list[dict[str, Any]]:
    """The engine's state after the last turn; empty at the start."""
    return connection.execute(_DIALOGUE, {"its_id": conversation_id}).scalar() or []


def last_turn_at(connection: Connection, conversation_id: int) -> datetime | None:
    """When the engine had its last turn."""
    query = select(dialogues.c.updated_at).where(dialogues.c.conversation_id == conversation_id)
    last: datetime | None = connection.execute(query).scalar()
    return last


def keep_dialogue(connection: Connection, conversation_id: int, state: list[dict[str, Any]], now: datetime) -> None:
    """Keep the engine's state for the next turn."""
    values = {"events": state, "updated_at": now}
    if not connection.execute(_KEEP_DIALOGUE, {"its_id": conversation_id, **values}).rowcount:
        connection.execute(_BEGIN_DIALOGUE, {"conversation_id": conversation_id, **values})
