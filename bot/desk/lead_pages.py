"""The lead's page: how it goes now. How it went is in lead_past.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy import Connection, Row

from bot.desk import lead_past
from bot.desk.look import Look
from bot.model.roles import GIVEN_CUSTOMERS
from bot.model.team import Team
from bot.model.teams import Teams
from bot.store import numbers, presence, promises


async def lead(look: Look) -> web.StreamResponse:
    """All numbers, as they are now."""
    now = look.way.clock()
    present = await look.way.db.read(lambda connection: _now(connection, look, now))
    past = await lead_past.past(look, now)
    return look.page("lead.html", **present, **past)


def _now(connection: Connection, look: Look, now: datetime) -> dict[str, Any]:
    people = presence.everyone(connection, now)
    given = [one for one in people if one.load or one.present or one.role in GIVEN_CUSTOMERS]
    teams = _teams(look.way.teams, people, now)
    _fill(teams, look.way.teams, connection, now)
    today = promises.board(connection, None, _midnight(look, now))
    return {
        "teams": list(teams.values()),
        "waiting": sum(team.waiting for team in teams.values()),
        "oldest": min((team.oldest for team in teams.values() if team.oldest), default=None),
        "held": sum(team.in_hand for team in teams.values()),
        "there": sum(map(_is_there, people)),
        "overdue": sum(row.due_at <= now for row in today),
        "due_today": sum(row.due_at > now for row in today),
        "people": sorted(given, key=lambda one: (not one.present, -one.load, one.name)),
    }


@dataclass
class TeamNow:
    """A team's line: who waits, who has somebody, who is there."""

    team: Team
    opens: datetime | None  # None: open
    there: int
    waiting: int = 0
    oldest: datetime | None = None
    offered: int = 0
    nobody_took: int = 0
    in_hand: int = 0
    late: int = 0  # past a target


def _teams(teams: Teams, people: Sequence[Row[Any]], now: datetime) -> dict[str, TeamNow]:
    there = [one for one in people if _is_there(one)]
    return {
        team.key: TeamNow(team, team.opens(now), sum(not one.teams or team.key in one.teams for one in there))
        for team in teams.all
    }


def _fill(rows: dict[str, TeamNow], teams: Teams, connection: Connection, now: datetime) -> None:
    """What belongs to a team that is no longer in the file is the first one's."""
    for queue in numbers.queues(connection):
        row = rows[teams.get(queue.team).key]
        row.waiting += queue.waiting
        row.offered += queue.offered
        row.nobody_took += queue.nobody_took
        row.oldest = min(filter(None, (row.oldest, queue.oldest)), default=None)
    for key, number in numbers.in_hand(connection).items():
        rows[teams.get(key).key].in_hand += number
    for key, number in numbers.late(connection, now).items():
        rows[teams.get(key).key].late += number


def _is_there(one: Row[Any]) -> bool:
    """At the desk, and given customers: an admin who looks at this page takes nobody off a queue."""
    return bool(one.present and not one.paused_at and one.role in GIVEN_CUSTOMERS)


def _midnight(look: Look, now: datetime) -> datetime:
    local = now.astimezone(look.way.team.zone)
    return local.replace(hour=23, minute=59, second=59, microsecond=0)
