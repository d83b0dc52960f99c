"""The lists of the desk: who waits, in the order of the queue; one's own; all; what was searched for.

One statement per list, each along an index, each paged by the last row's key (never by counting rows).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Integer,
    Row,
    Select,
    bindparam,
    case,
    desc,
    func,
    literal,
    null,
    select,
    tuple_,
    union,
    union_all,
)

from bot.model.states import Author, Status
from bot.store import promises, search, targets, windows
from bot.store.tables import Time, agents, at_most, cases, conversations, customers, live, messages, moves

TABS = ("waiting", "mine", "all")
CLOSING = "closing"  # a list beside them, of what a platform's window is about to close
SHOWN = 50  # rows of a page


@dataclass(frozen=True)
class Listed:
    """One page of a list; `after` is the key to ask for the next one, None at the end."""

    rows: list[Row[Any]]
    after: str | None


_c = conversations.c

#: The customer's last words, and who spoke last of the two people: along ix_messages_conversation, backwards.
_last_id = (
    select(messages.c.id)
    .where(messages.c.conversation_id == _c.id, messages.c.author == Author.CUSTOMER)
    .order_by(desc(messages.c.id))
    .limit(at_most(1))
    .correlate(conversations)
    .scalar_subquery()
)
_last_author = (
    select(messages.c.author)
    .where(messages.c.conversation_id == _c.id, messages.c.author.in_([Author.CUSTOMER, Author.AGENT]))
    .order_by(desc(messages.c.id))
    .limit(at_most(1))
    .correlate(conversations)
    .scalar_subquery()
)
_answered = case((_last_author == Author.AGENT, 1), else_=0)
_offered = agents.alias("offered")
_owner_id = case((_c.status == Status.WAITING, cases.c.owner_id), else_=_c.agent_id)


_waiting_count = select(func.count()).where(cases.c.counts_since.is_not(None))

_ME = bindparam("me", type_=Integer)  # whose desk it is
#: Ids of the conversations that this person was asked to look at.
_ASKED = (
    select(cases.c.conversation_id)
    .join(conversations, _c.case_id == cases.c.id)
    .where(cases.c.helper_id == _ME, _c.id == cases.c.conversation_id, _c.status == Status.AGENT)
)
_OFFERED = (
    select(cases.c.conversation_id, cases.c.counts_since, cases.c.waiting_since)
    .where(cases.c.offered_to == _ME, cases.c.counts_since.is_not(None))
    .order_by(cases.c.counts_since, cases.c.waiting_since, cases.c.id)
    .limit(at_most(SHOWN))
    .subquery()
)
_last_mover = (
    select(moves.c.agent_id)
    .where(moves.c.conversation_id == _c.id)
    .order_by(desc(moves.c.id))
    .limit(at_most(1))
    .correlate(conversations)
    .scalar_subquery()
)
_NOBODY_TOOK = (
    select(cases.c.conversation_id)
    .where(cases.c.lead_since.is_not(None), cases.c.counts_since.is_not(None))
    .order_by(cases.c.counts_since, cases.c.waiting_since, cases.c.id)
    .limit(at_most(SHOWN))
    .subquery()
)
#: What calls for this person: what is offered, what somebody else put into their hands, and where their help is asked.
_TO_ONE = (
    select(_OFFERED, literal(1).label("offered")),
    select(_c.id, null(), null(), literal(0)).where(_c.agent_id == _ME, _last_mover.is_distinct_from(_ME)),
    select(_ASKED.subquery(), null(), null(), literal(0)),
)
_ORDER: tuple[Any, ...] = (desc("offered"), "counts_since", "waiting_since")
_CALLS = union_all(*_TO_ONE).order_by(*_ORDER)
_CALLS_OF_A_LEAD = union_all(*_TO_ONE, select(_NOBODY_TOOK, null(), null(), literal(0))).order_by(*_ORDER)


def _rows() -> Select[Any]:
    return (
        select(
            *(_c[n] for n in ("id", "channel", "status", "language", "blocked", "last_customer_at", "last_message_at")),
            customers.c.name.label("customer_name"),
            cases.c.id.label("in_hand"),
            *(cases.c[n] for n in ("number", "reason", "topic", "waiting_since", "counts_since", "marks")),
            *(cases.c[n] for n in ("lead_since", "wish", "offered_to", "helper_id")),
            _offered.c.name.label("offered_name"),
            messages.c.text,
            messages.c.attachments,
            messages.c.location,
            agents.c.id.label("owner_id"),
            agents.c.name.label("owner_name"),
            agents.c.picture_version,
            _answered.label("answered"),
            promises.NEXT.label("promise"),
            *(targets.nearest(name).label(f"aim_{name}") for name in ("kind", "warn_at", "due_at")),
        )
        .join(customers, customers.c.id == _c.customer_id)
        .outerjoin(cases, cases.c.id == _c.case_id)
        .outerjoin(agents, agents.c.id == _owner_id)
        .outerjoin(_offered, _offered.c.id == cases.c.offered_to)
        .outerjoin(messages, messages.c.id == _last_id)
    )


def listed(
    connection: Connection,
    tab: str,
    agent_id: int,
    *,
    after: str | None = None,
    limit: int = SHOWN,
    lead: bool = False,
) -> Listed:
    """Conversations of a tab: waiting in the order of the queue; mine, to be answered first; all, the newest first.

    Before the others who wait: those offered to this person and, for a `lead`, those that nobody took.
    """
    key = _key(after)
    query = _page(tab, key, limit + 1, lead=lead) if key else _first_page(tab, limit + 1, lead)
    rows = list(connection.execute(query, {_ME.key: agent_id} if tab != "all" else {}))
    if len(rows) <= limit:
        return Listed(rows, None)
    rows, last = rows[:limit], rows[limit - 1]
    end: tuple[Any, ...] = (last.last_message_at, last.id)
    if tab == "waiting":
        end = (last.rank, last.counts_since, last.waiting_since, last.case_id)
    elif tab == "mine":
        end = (last.answered, last.last_customer_at, last.id)
    return Listed(rows, _cursor(end))


@cache
def _first_page(tab: str, limit: int, lead: bool) -> Select[Any]:
    """What open desks ask for most: put together once, which takes longer than to ask it."""
    return _page(tab, None, limit, lead=lead)


def _page(tab: str, key: Sequence[Any] | None, limit: int, *, lead: bool) -> Select[Any]:
    """A tab's rows after `key`, for the person `_ME`."""
    if tab == "waiting":
        place = _waiting(key, limit, lead=lead).subquery()
        order: list[ColumnElement[Any]] = [place.c.rank, place.c.counts_since, place.c.waiting_since, place.c.case_id]
        query = _rows().add_columns(place.c.rank, place.c.case_id).join(place, place.c.conversation_id == _c.id)
        query = query.order_by(*order)
    elif tab == "mine":
        order = [_answered, _c.last_customer_at, _c.id]
        query = _rows().where(_c.id.in_(union(select(_c.id).where(_c.agent_id == _ME), _ASKED)))
        query = _later(query, order, key, (None, Time, None)).order_by(*order)
    else:
        newest = _newest(key, limit).subquery()
        query = _rows().join(newest, newest.c.id == _c.id).order_by(desc(_c.last_message_at), desc(_c.id))
    return query.limit(at_most(limit))


def chosen(connection: Connection, ids: Sequence[int]) -> list[Row[Any]]:
    """These conversations, in this order."""
    rows = {row.id: row for row in connection.execute(_rows().where(_c.id.in_(ids)))}
    return [rows[id_] for id_ in ids if id_ in rows]


def found(connection: Connection, query: str) -> list[Row[Any]]:
    """Conversations of the customers that a query means (a name, a case, a code, a phone), the newest first."""
    ids = search.found(query)
    return chosen(connection, connection.execute(ids.limit(at_most(SHOWN))).scalars().all()) if ids is not None else []


def calls(connection: Connection, agent_id: int, *, lead: bool) -> tuple[list[int], list[int]]:
    """Conversations that are offered to this person, in the order of the queue; and all that came to them from others:
    these, what was passed to them, where their help is asked, and for a `lead` what nobody took."""
    rows = connection.execute(_CALLS_OF_A_LEAD if lead else _CALLS, {_ME.key: agent_id}).all()
    return [row.conversation_id for row in rows if row.offered], [row.conversation_id for row in rows]


def _waiting(key: Sequence[Any] | None, limit: int, *, lead: bool) -> CompoundSelect[Any]:
    """Places in the queue: offered to this person, then for a lead those nobody took, then all others.

    Each part along an index of its own, so that a page costs the same with ten and ten thousand who wait.
    """
    k = cases.c
    elsewhere = k.offered_to.is_distinct_from(_ME)
    parts = [[k.offered_to == _ME], [elsewhere]]
    if lead:
        parts = [parts[0], [elsewhere, k.lead_since.is_not(None)], [elsewhere, k.lead_since.is_(None)]]
    order = (k.counts_since, k.waiting_since, k.id)
    if key and (len(key) != 4 or type(key[0]) is not int or key[0] >= len(parts)):
        key = None  # made up, or of a lead's list
    chosen = []
    for rank, wanted in enumerate(parts):
        part = select(literal(rank).label("rank"), *order[:2], k.id.label("case_id"), k.conversation_id)
        part = part.where(k.counts_since.is_not(None), *wanted)
        if key and key[0] > rank:
            continue
        if key and key[0] == rank:
            part = part.where(tuple_(*order) > _bound(key[1:], (Time, Time, None)))
        chosen.append(select(part.order_by(*order).limit(at_most(limit)).subquery()))
    return union_all(*chosen)


def _newest(key: Sequence[Any] | None, limit: int) -> Select[Any]:
    """Ids of the newest conversations: the newest of each status along its index, then of these together."""
    parts = []
    for status in Status:
        part = select(_c.id, _c.last_message_at).where(_c.status == status, _c.last_message_at.is_not(None))
        if key and len(key) == 2:
            part = part.where(tuple_(_c.last_message_at, _c.id) < _bound(key, (Time, None)))
        ordered = part.order_by(desc(_c.last_message_at), desc(_c.id)).limit(at_most(limit)).subquery()
        parts.append(select(ordered))
    together = union_all(*parts).subquery()
    return select(together.c.id).order_by(desc(together.c.last_message_at), desc(together.c.id)).limit(at_most(limit))


def _later(
    query: Select[Any], order: Sequence[ColumnElement[Any]], key: Sequence[Any] | None, types: Sequence[Any]
) -> Select[Any]:
    if key is None or len(key) != len(order):
        return query
    return query.where(tuple_(*order) > _bound(key, types))


def _bound(key: Sequence[Any], types: Sequence[Any]) -> Any:
    return tuple_(*(literal(v, t) if t else literal(v) for v, t in zip(key, types, strict=True)))


def _cursor(values: Sequence[Any]) -> str:
    plain = [{"t": v.isoformat()} if isinstance(v, datetime) else v for v in values]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode()


def _key(after: str | None) -> list[Any] | None:
    """The cursor's values; None for none or a made-up one, which shows the first page."""
    try:
        plain = json.loads(base64.urlsafe_b64decode(after or ""))
        values = [datetime.fromisoformat(v["t"]) if isinstance(v, dict) else v for v in plain]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return values if all(type(v) is int or (isinstance(v, datetime) and v.tzinfo) for v in values) else None


def counts(
    connection: Connection, agent_id: int, *, lead: bool, closing: Sequence[windows.Closing], now: datetime
) -> Row[Any]:
    """The numbers beside the lists: waiting, mine, to_answer (of mine), asked (where this person's help is asked).

    And closing, overdue (promises), of everyone for a `lead`; latest, the newest live line's id.
    """
    values = {_ME.key: agent_id, "now": now, **windows.values_of(closing)}
    return connection.execute(_counts(lead, len(closing)), values).one()


@cache
def _counts(lead: bool, kinds: int) -> Select[Any]:
    asked = select(func.count()).select_from(_ASKED.subquery())
    overdue = promises.OVERDUE if lead else promises.OVERDUE_OF
    return select(
        _waiting_count.scalar_subquery().label("waiting"),
        func.count().label("mine"),
        func.coalesce(func.sum(1 - _answered), 0).label("to_answer"),
        asked.scalar_subquery().label("asked"),
        windows.number(kinds, everyone=lead).label("closing"),
        overdue.scalar_subquery().label("overdue"),
        func.coalesce(select(func.max(live.c.id)).scalar_subquery(), 0).label("latest"),
    ).where(_c.agent_id == _ME)


def waiting(connection: Connection) -> int:
    """How many wait."""
    return connection.execute(_waiting_count).scalar_one()


def not_waiting(connection: Connection, among: Collection[int]) -> set[int]:
    """Which of these conversations do not wait."""
    if not among:
        return set()
    return set(connection.execute(select(_c.id).where(_c.id.in_(among), _c.status != Status.WAITING)).scalars())
