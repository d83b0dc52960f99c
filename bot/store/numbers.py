"""What the lead's page counts: who waits now, what came in, how long it took, which promises were kept."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, case, func, select

from bot.model.states import Status
from bot.store.promises import BROKEN, KEPT
from bot.store.tables import Time, cases, conversations, promises, targets


def queues(connection: Connection) -> list[Row[Any]]:
    """(team, waiting, oldest, offered, nobody_took) of every team for which somebody waits."""
    return list(
        connection.execute(
            select(
                cases.c.team,
                func.count().label("waiting"),
                func.min(cases.c.waiting_since).label("oldest"),
                func.sum(case((cases.c.offered_to.is_not(None), 1), else_=0)).label("offered"),
                func.sum(case((cases.c.lead_since.is_not(None), 1), else_=0)).label("nobody_took"),
            )
            .join(conversations, conversations.c.case_id == cases.c.id)
            .where(conversations.c.status == Status.WAITING)
            .group_by(cases.c.team)
        )
    )


def in_hand(connection: Connection) -> dict[str, int]:
    """Team -> how many of its customers a person has now."""
    rows = connection.execute(
        select(cases.c.team, func.count())
        .join(conversations, conversations.c.case_id == cases.c.id)
        .where(conversations.c.status == Status.AGENT)
        .group_by(cases.c.team)
    )
    return {team: number for team, number in rows}


def late(connection: Connection, now: datetime) -> dict[str, int]:
    """Team -> how many of its cases are past a target at this moment."""
    rows = connection.execute(
        select(targets.c.team, func.count(targets.c.case_id.distinct()))
        .where(targets.c.ended_at.is_(None), targets.c.due_at < now)
        .group_by(targets.c.team)
    )
    return {team: number for team, number in rows}


def opened(connection: Connection, since: datetime) -> list[Row[Any]]:
    """(opened_at, ended_at) of the cases since then, oldest first; ended: taken, or given up before."""
    ended = func.coalesce(cases.c.taken_at, cases.c.closed_at, type_=Time).label("ended_at")
    query = select(cases.c.opened_at, ended).where(cases.c.opened_at >= since)
    return list(connection.execute(query.order_by(cases.c.opened_at)))


def settled(connection: Connection, since: datetime) -> list[Row[Any]]:
    """(settled_at, state) of the promises that were kept or broken since then."""
    query = select(promises.c.settled_at, promises.c.state)
    return list(
        connection.execute(query.where(promises.c.state.in_([KEPT, BROKEN]), promises.c.settled_at >= since))
    )
