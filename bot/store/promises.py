"""Promises: what was promised to whom, by when, by whom; and every change of it as a row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Integer,
    Row,
    Select,
    bindparam,
    func,
    insert,
    or_,
    select,
    update,
)

from bot.model.dialogue import PromiseMade
from bot.model.errors import Refused
from bot.model.promise_times import next_question
from bot.store.conversations import tell
from bot.store.tables import Time, agents, cases, conversations, customers, promise_changes, promises

OPEN, KEPT, BROKEN, WITHDRAWN = "open", "kept", "broken", "withdrawn"

#: From -> to. What counted as broken may turn out to have been kept, when the customer says so later.
CHANGES = frozenset({(OPEN, KEPT), (OPEN, BROKEN), (OPEN, WITHDRAWN), (BROKEN, KEPT), (OPEN, OPEN)})

_p = promises.c
#: Who looks after it: whoever has the case, else whoever promised.
OWNER_ID = func.coalesce(cases.c.owner_id, _p.agent_id)
_NUMBERED = (
    select(_p.reference, _p.due_at)
    .where(_p.conversation_id == bindparam("conversation"), _p.state == OPEN, _p.reference != "")
    .order_by(_p.id.desc())
)


def make(
    connection: Connection,
    conversation_id: int,
    *,
    what: str,
    due: datetime,
    kind: str,
    made_by: str,
    who: str,
    agent_id: int | None = None,
    message_id: int | None = None,
    case_id: int | None = None,
    reference: str = "",
    check: str = "",
    now: datetime,
) -> int:
    """Keep a promise; its id. `made_by`: agent, bot or company; `who` wrote it down; `check` asks the engine."""
    key = connection.execute(
        insert(promises).values(
            conversation_id=conversation_id,
            case_id=case_id,
            what=what,
            due_at=due,
            reference=reference,
            kind=kind,
            made_by=made_by,
            agent_id=agent_id,
            message_id=message_id,
            state=OPEN,
            created_at=now,
            check_text=check,
            check_at=next_question(now, due, now) if check else None,
        )
    ).inserted_primary_key
    assert key
    _row(connection, key[0], "", OPEN, who=who, agent_id=agent_id, why="promised", due=due, now=now)
    tell(connection, conversation_id, "message", now)
    return int(key[0])


def make_of_turn(
    connection: Connection,
    conversation_id: int,
    made: Iterable[PromiseMade],
    *,
    message_id: int | None,
    case_id: int | None,
    now: datetime,
) -> None:
    """Keep the expected times the bot told. A reference that is promised already gets the new time."""
    for one in made:
        known = one.reference and connection.execute(
            select(promises).where(
                _p.conversation_id == conversation_id, _p.reference == one.reference, _p.state == OPEN
            )
        ).first()
        if known:
            if known.due_at != one.due:
                put_off(connection, known, one.due, who="bot", why="told again", now=now)
            continue
        make(
            connection, conversation_id, what=one.what, due=one.due, kind=one.kind or "other", made_by="bot",
            who="bot", message_id=message_id, case_id=case_id, reference=one.reference,
            check=one.check, now=now,
        )  # fmt: skip


def get(connection: Connection, promise_id: int, *, hold: bool = False) -> Row[Any] | None:
    """A promise by its id. `hold`: nobody else changes it until the commit."""
    query = select(promises).where(_p.id == promise_id)
    return connection.execute(query.with_for_update() if hold else query).first()


def settle(
    connection: Connection,
    promise: Row[Any],
    to: str,
    *,
    who: str,
    why: str,
    agent_id: int | None = None,
    now: datetime,
) -> None:
    """Kept, broken or withdrawn. Raises Refused when someone was faster or it is no change of CHANGES."""
    if (promise.state, to) not in CHANGES:
        raise Refused(f"from {promise.state} to {to} is no change")
    changed = connection.execute(
        update(promises).where(_p.id == promise.id, _p.state == promise.state).values(state=to, settled_at=now)
    )
    if changed.rowcount != 1:
        raise Refused("someone was faster")
    _row(
        connection, promise.id, promise.state, to, who=who, agent_id=agent_id, why=why, due=promise.due_at, now=now
    )  # fmt: skip
    tell(connection, promise.conversation_id, "message", now)


def put_off(
    connection: Connection,
    promise: Row[Any],
    due: datetime,
    *,
    who: str,
    why: str,
    agent_id: int | None = None,
    now: datetime,
) -> None:
    """A new time: its life begins again. Raises Refused when it is no longer open."""
    changed = connection.execute(
        update(promises)
        .where(_p.id == promise.id, _p.state == OPEN)
        .values(
            due_at=due, warned_at=None, escalated_at=None, told_at=None, asked_at=None, answer="", answered_at=None,
            check_at=next_question(promise.created_at, due, now) if promise.check_text else None,
        )  # fmt: skip
    )
    if changed.rowcount != 1:
        raise Refused("someone was faster")
    _row(connection, promise.id, OPEN, OPEN, who=who, agent_id=agent_id, why=why, due=due, now=now)
    tell(connection, promise.conversation_id, "message", now)


def mark(connection: Connection, promise: Row[Any], step: str, now: datetime) -> bool:
    """Note once that a step of its life is done: warned, escalated, told, asked. False when it already was."""
    column = promises.c[f"{step}_at"]
    changed = connection.execute(
        update(promises)
        .where(_p.id == promise.id, _p.state == OPEN, column.is_(None), _p.due_at == promise.due_at)
        .values({column: now})
    )
    return changed.rowcount == 1


def open_of(connection: Connection, conversation_ids: Sequence[int]) -> list[Row[Any]]:
    """Promises not yet settled, overdue ones too, the next due first; with who looks after each."""
    return list(
        connection.execute(
            _with_names().where(_p.conversation_id.in_(conversation_ids), _p.state == OPEN).order_by(_p.due_at, _p.id)
        )
    )


def numbered(connection: Connection, conversation_id: int) -> list[Row[Any]]:
    """Open promises that the customer knows by a number, newest first: (reference, due_at). Read at every turn."""
    return list(connection.execute(_NUMBERED, {"conversation": conversation_id}))


def of_case(connection: Connection, case_id: int) -> list[Row[Any]]:
    """A case's open promises."""
    return list(connection.execute(select(promises).where(_p.case_id == case_id, _p.state == OPEN).order_by(_p.due_at)))


def watched(connection: Connection, promise_id: int) -> Row[Any] | None:
    """An open promise with who looks after it; None once it is settled."""
    return connection.execute(_with_names().where(_p.id == promise_id, _p.state == OPEN)).first()


def coming(connection: Connection, until: datetime, now: datetime, *, limit: int = 500) -> list[Row[Any]]:
    """Open promises due before `until`, and those to be asked about by `now`; the first due first."""
    query = _with_names().where(_p.state == OPEN, or_(_p.due_at <= until, _p.check_at <= now))
    return list(connection.execute(query.order_by(_p.due_at, _p.id).limit(limit)))


def board(connection: Connection, agent_id: int | None, until: datetime, *, limit: int = 500) -> list[Row[Any]]:
    """Open promises due before `until`; only one agent's when given."""
    query = _with_names().where(_p.state == OPEN, _p.due_at <= until)
    if agent_id is not None:
        query = query.where(_of(agent_id))
    return list(connection.execute(query.order_by(_p.due_at, _p.id).limit(limit)))


def tally(connection: Connection, agent_id: int | None, since: datetime) -> list[Row[Any]]:
    """How many were kept, broken and withdrawn since then, per kind, team ("" for the bot) and who had them."""
    name, team = func.coalesce(agents.c.name, ""), func.coalesce(cases.c.team, "")
    query = (
        select(_p.kind, team.label("team"), name.label("owner_name"), _p.state, func.count().label("number"))
        .outerjoin(cases, cases.c.id == _p.case_id)
        .outerjoin(agents, agents.c.id == OWNER_ID)
        .where(_p.state.in_([KEPT, BROKEN, WITHDRAWN]), _p.settled_at >= since)
        .group_by(_p.kind, team, name, _p.state)
    )
    return list(connection.execute(query.where(_of(agent_id)) if agent_id is not None else query))


def _of(agent_id: int | BindParameter[int]) -> ColumnElement[bool]:
    return or_(OWNER_ID == agent_id, _p.agent_id == agent_id)


#: When the next open one of a conversation is due: a column beside the conversation's.
NEXT = (
    select(func.min(_p.due_at))
    .where(_p.conversation_id == conversations.c.id, _p.state == OPEN)
    .correlate(conversations)
    .scalar_subquery()
)
#: How many are overdue at `now`, of everyone and of `me`: columns too.
OVERDUE = (
    select(func.count())
    .select_from(promises)
    .outerjoin(cases, cases.c.id == _p.case_id)
    .where(_p.state == OPEN, _p.due_at <= bindparam("now", type_=Time))
)
OVERDUE_OF = OVERDUE.where(_of(bindparam("me", type_=Integer)))


def _with_names() -> Select[Any]:
    return (
        select(
            promises,
            conversations.c.channel,
            conversations.c.status,
            conversations.c.language,
            customers.c.name.label("customer_name"),
            cases.c.number,
            OWNER_ID.label("owner_id"),
            agents.c.name.label("owner_name"),
        )
        .join(conversations, conversations.c.id == _p.conversation_id)
        .join(customers, customers.c.id == conversations.c.customer_id)
        .outerjoin(cases, cases.c.id == _p.case_id)
        .outerjoin(agents, agents.c.id == OWNER_ID)
    )


def _row(
    connection: Connection,
    promise_id: int,
    from_state: str,
    to_state: str,
    *,
    who: str,
    agent_id: int | None,
    why: str,
    due: datetime,
    now: datetime,
) -> None:
    connection.execute(
        insert(promise_changes).values(
            promise_id=promise_id,
            from_state=from_state,
            to_state=to_state,
            who=who,
            agent_id=agent_id,
            why=why,
            due_at=due,
            at=now,
        )
    )
