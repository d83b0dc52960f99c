"""What a team aims at for a case: by when, warned when, met or broken."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, ScalarSelect, and_, func, insert, or_, select, update

from bot.store.tables import at_most, conversations, targets
from bot.store.tables import cases as cases_

OPEN, MET, BROKEN, DROPPED = "open", "met", "broken", "dropped"

_t = targets.c
_unended = _t.ended_at.is_(None)


def begin(
    connection: Connection,
    case_id: int,
    kind: str,
    *,
    team: str,
    warn: datetime,
    due: datetime,
    hours: int = 0,
    now: datetime,
) -> None:
    """From now on this is aimed at; `hours` is the version of the teams' file whose opening hours the times are in."""
    connection.execute(
        insert(targets).values(
            case_id=case_id, kind=kind, team=team, began_at=now, warn_at=warn, due_at=due, hours=hours, state=OPEN
        )
    )


def running(connection: Connection, case_id: int, kinds: Sequence[str]) -> bool:
    """Whether one of these has not ended."""
    query = select(_t.id).where(_t.case_id == case_id, _t.kind.in_(kinds), _unended)
    return connection.execute(query).first() is not None


def end(connection: Connection, case_id: int, kinds: Sequence[str], why: str, *, done: bool, now: datetime) -> None:
    """What was aimed at is `done`, in time or not; or nobody has to do it any more. What broke stays broken."""
    of = and_(_t.case_id == case_id, _t.kind.in_(kinds), _unended)
    late = and_(of, _t.state == OPEN, _t.due_at < now)
    # whatever became of it afterwards: it was over before, though no sweep has seen it yet
    connection.execute(update(targets).where(late).values(state=BROKEN, broken_at=now))
    in_time = and_(of, _t.state == OPEN)
    connection.execute(update(targets).where(in_time).values(state=MET if done else DROPPED))
    connection.execute(update(targets).where(of).values(ended_at=now, ended_why=why))


def coming(connection: Connection, now: datetime, *, limit: int = 500) -> list[Row[Any]]:
    """What is to be warned of or has broken, the first due first."""
    query = _with_case().where(_t.state == OPEN, or_(_t.due_at < now, and_(_t.warn_at <= now, _t.warned_at.is_(None))))
    return list(connection.execute(query.order_by(_t.due_at, _t.id).limit(limit)))


def get(connection: Connection, target_id: int) -> Row[Any] | None:
    """A target with its case's conversation and who has the case."""
    return connection.execute(_with_case().where(_t.id == target_id)).first()


def warned(connection: Connection, target_id: int, agent_id: int | None, now: datetime) -> None:
    """Its owner was warned; without one the queue."""
    connection.execute(update(targets).where(_t.id == target_id).values(warned_at=now, warned_agent_id=agent_id))


def of_other_hours(connection: Connection, hours: int) -> list[Row[Any]]:
    """What is still aimed at, by the opening hours of another version of the teams' file."""
    return list(connection.execute(select(targets).where(_t.state == OPEN, _unended, _t.hours != hours)))


def broken(connection: Connection, target_id: int, now: datetime) -> None:
    """The time is over."""
    connection.execute(update(targets).where(_t.id == target_id).values(state=BROKEN, broken_at=now))


def nearest(name: str) -> ScalarSelect[Any]:
    """A column of the target that is due next or was due first, beside its case's columns."""
    return (
        select(_t[name])
        .where(_t.case_id == cases_.c.id, _unended)
        .order_by(_t.due_at, _t.id)
        .limit(at_most(1))
        .correlate(cases_)
        .scalar_subquery()
    )


def of_case(connection: Connection, case_id: int) -> list[Row[Any]]:
    """Everything that was aimed at for a case, oldest first."""
    return list(connection.execute(select(targets).where(_t.case_id == case_id).order_by(_t.id)))


def counts(connection: Connection, since: datetime) -> list[Row[Any]]:
    """(team, kind, state, number) of what began since then: how often kept, how often not."""
    return list(
        connection.execute(
            select(_t.team, _t.kind, _t.state, func.count().label("number"))
            .where(_t.began_at >= since)
            .group_by(_t.team, _t.kind, _t.state)
            .order_by(_t.team, _t.kind, _t.state)
        )
    )


def _with_case() -> Any:
    return (
        select(
            targets,
            conversations.c.id.label("conversation_id"),
            conversations.c.status,
            conversations.c.agent_id,
            cases_.c.offered_to,
        )
        .join(cases_, cases_.c.id == _t.case_id)
        .join(conversations, conversations.c.id == cases_.c.conversation_id)
    )
