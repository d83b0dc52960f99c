"""All that is kept about a customer, as plain data: the copy that they may ask for.

Names and words, times and codes. Not in it: what platforms fetch files by (it may hold a secret), and what says the
same once more (raw events, the engine's state, the packets made of messages).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, select

from bot.model.states import Author
from bot.store import tables as t
from bot.store.tables import agents, cases, conversations, customers, messages

Plain = dict[str, Any]

_MESSAGE = ("at", "author", "name", "text", "location", "contact", "intent", "edited_at", "read_at")
_FILE = ("kind", "name", "mime", "size")
_CASE = (
    *("number", "reason", "topic", "note", "team", "marks", "wish", "name"),
    *("opened_at", "taken_at", "closed_at", "outcome", "solved"),
)
_PROMISE = (
    *("what", "kind", "reference", "made_by", "name", "created_at", "due_at", "state"),
    *("told_at", "asked_at", "settled_at"),
)


def everything(connection: Connection, customer_id: int) -> Plain:
    """The customer, and each of their conversations. Times are ISO 8601 in UTC; what is empty is left out."""
    customer = connection.execute(select(customers).where(customers.c.id == customer_id)).one()
    rows = connection.execute(
        select(conversations).where(conversations.c.customer_id == customer_id).order_by(conversations.c.id)
    )
    return {
        "customer": _plain(customer, ("name", "created_at")),
        "conversations": [_conversation(connection, row) for row in rows.all()],
    }


def _conversation(connection: Connection, row: Row[Any]) -> Plain:
    own = messages.c.conversation_id == row.id
    said = connection.execute(_named(messages, messages.c.agent_id).where(own).order_by(messages.c.id))
    found = connection.execute(
        _named(cases, cases.c.owner_id).where(cases.c.conversation_id == row.id).order_by(cases.c.id)
    )
    known = _plain(row, ("channel", "chat", "language", "locale", "blocked", "created_at", "last_customer_at"))
    return known | {
        "messages": [_message(each) for each in said],
        "learned": _listed(connection, t.facts, row.id, ("name", "value", "at")),
        "cases": [_case(connection, each) for each in found.all()],
        "promises": _promises(connection, row.id),
        "waits_for": _listed(connection, t.watches, row.id, ("subject", "state", "created_at")),
        "moves": _listed(connection, t.moves, row.id, ("at", "from_status", "to_status", "who", "why")),
    }


def _message(row: Row[Any]) -> Plain:
    ours = row.author in (Author.BOT, Author.AGENT)
    files = [{name: one[name] for name in _FILE if one.get(name)} for one in row.attachments or ()]
    more = {
        "attachments": files,
        "image": bool(row.image) or None,
        "buttons": [button["title"] for button in row.quick_replies or ()] if ours else [],
        "tapped": row.payload if row.author == Author.CUSTOMER else None,  # of ours it is the form's own word
    }
    return _plain(row, _MESSAGE) | {name: value for name, value in more.items() if value}


def _case(connection: Connection, row: Row[Any]) -> Plain:
    """The case, what was decided about it, and what the customer was told about the wait."""
    decided = connection.execute(
        _named(t.decisions, t.decisions.c.agent_id).where(t.decisions.c.case_id == row.id).order_by(t.decisions.c.id)
    )
    waits = connection.execute(select(t.waits).where(t.waits.c.case_id == row.id).order_by(t.waits.c.id))
    told = ("team", "began_at", "minutes", "due_at", "told_at", "told_due_at", "ended_at", "ended_why")
    return _plain(row, _CASE) | {
        "decisions": [_plain(each, ("at", "kind", "name", "why")) for each in decided],
        "waits": [_plain(each, told) for each in waits],
    }


def _promises(connection: Connection, conversation_id: int) -> list[Plain]:
    p, changes = t.promises.c, t.promise_changes
    rows = connection.execute(
        _named(t.promises, p.agent_id).where(p.conversation_id == conversation_id).order_by(p.id)
    ).all()
    found = []
    for row in rows:
        changed = connection.execute(select(changes).where(changes.c.promise_id == row.id).order_by(changes.c.id))
        life = [_plain(each, ("at", "from_state", "to_state", "who", "why", "due_at")) for each in changed]
        found.append(_plain(row, _PROMISE) | {"changes": life})
    return found


def _named(table: Table, agent_id: ColumnElement[Any]) -> Select[Any]:
    """A table's rows with the person of the desk as `name`."""
    return select(table, agents.c.name).outerjoin(agents, agents.c.id == agent_id)


def _listed(connection: Connection, table: Table, conversation_id: int, names: Sequence[str]) -> list[Plain]:
    rows = connection.execute(select(table).where(table.c.conversation_id == conversation_id).order_by(table.c.id))
    return [_plain(row, names) for row in rows]


def _plain(row: Row[Any], names: Sequence[str]) -> Plain:
    values = {name: getattr(row, name) for name in names}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in values.items()
        if value is not None and value != "" and value != []
    }
