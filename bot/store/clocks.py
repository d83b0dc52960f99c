"""The three clocks of a case as rows: with whom its matter was, from when to when, and why it began and ended."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, desc, func, insert, select, update

from bot.model.clocks import WAITING, Clock
from bot.store.tables import agents, cases, spans

_s = spans.c


def turn_to(
    connection: Connection,
    case_id: int,
    clock: Clock | None,
    *,
    team: str,
    agent_id: int | None = None,
    why: str,
    now: datetime,
) -> bool:
    """Stop the clock that runs and start another (None: none), without a gap; False when that one runs already.

    `agent_id`: whose time begins, and who ended the waiting. The conversation must be held.
    """
    before = running(connection, case_id)
    if before is None and clock is None:
        return False
    if before and clock == before.clock and team == before.team and agent_id == before.agent_id:
        return False
    if before:
        # what a slow platform tells late must not make a clock run backwards
        now = max(now, before.began_at)
        answered_by = agent_id if before.clock == WAITING else before.agent_id
        connection.execute(
            update(spans).where(_s.id == before.id).values(ended_at=now, ended_why=why, agent_id=answered_by)
        )
    if clock:
        # likewise: a message may have been written before the answer that it comes after
        ended = connection.execute(select(func.max(_s.ended_at)).where(_s.case_id == case_id)).scalar()
        began = max(now, ended) if ended else now
        connection.execute(
            insert(spans).values(
                case_id=case_id, clock=clock, team=team, agent_id=agent_id, began_at=began, began_why=why
            )
        )
    return True


def passed(
    connection: Connection, case_id: int, clock: Clock, *, team: str, began: datetime, now: datetime, why: str
) -> None:
    """A span that is over already (the bot's time before a hand-off)."""
    if began < now:
        connection.execute(
            insert(spans).values(
                case_id=case_id, clock=clock, team=team, began_at=began, began_why="wrote", ended_at=now, ended_why=why
            )
        )


def running(connection: Connection, case_id: int) -> Row[Any] | None:
    """The span that has not ended."""
    return connection.execute(select(spans).where(_s.case_id == case_id, _s.ended_at.is_(None))).first()


def last(connection: Connection, case_id: int) -> Row[Any] | None:
    """The newest span."""
    query = select(spans).where(_s.case_id == case_id).order_by(desc(_s.id)).limit(1)
    return connection.execute(query).first()


def of_case(connection: Connection, case_id: int) -> list[Row[Any]]:
    """All spans of a case, oldest first, with whose they were."""
    return list(
        connection.execute(
            select(spans, agents.c.name.label("agent_name"))
            .outerjoin(agents, agents.c.id == _s.agent_id)
            .where(_s.case_id == case_id)
            .order_by(_s.began_at, _s.id)
        )
    )


def waiting(connection: Connection, team: str) -> int:
    """How many customers of a team wait for a person's answer now."""
    query = select(func.count()).where(_s.ended_at.is_(None), _s.team == team, _s.clock == WAITING)
    return connection.execute(query).scalar() or 0


def report(connection: Connection, since: datetime) -> list[Row[Any]]:
    """(team, clock, began_at, ended_at, case_id, agent_id) of all spans of cases closed since then, oldest first.

    For the three clocks of each case put them into `bot.model.clocks.clocks`.
    """
    return list(
        connection.execute(
            select(_s.case_id, _s.clock, _s.team, _s.agent_id, _s.began_at, _s.ended_at)
            .where(_s.case_id.in_(select(cases.c.id).where(cases.c.closed_at >= since)), _s.ended_at.is_not(None))
            .order_by(_s.case_id, _s.id)
        )
    )
