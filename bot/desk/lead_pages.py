"""The lead's page: how it goes now, and how it went. Tables for everyone; a script draws charts of the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web
from sqlalchemy import Connection, Row

from bot.desk.look import Look
from bot.desk.promise_pages import counted, team_name
from bot.model.numbers import Days, counts_per_day, per_hour, waits_per_day
from bot.model.roles import GIVEN_CUSTOMERS
from bot.model.team import Team
from bot.model.teams import Teams
from bot.store import numbers, presence, promises

WEEKS = 4  # of the same weekday, to know whether today is unusual
DAYS = 14  # of waits
LONG = 30  # days of promises
FRESH = timedelta(seconds=60)  # what is past changes slowly: counted once a minute for all leads


async def lead(look: Look) -> web.StreamResponse:
    """All numbers, as they are now."""
    now = look.way.clock()
    present = await look.way.db.read(lambda connection: _now(connection, look, now))
    past = await _past(look, now)
    return look.page("lead.html", **present, **past, weeks=WEEKS, days=DAYS, long=LONG)


def _now(connection: Connection, look: Look, now: datetime) -> dict[str, Any]:
    people = presence.everyone(connection, now)
    given = [one for one in people if one.load or one.present or one.role in GIVEN_CUSTOMERS]
    teams = _teams(look.way.teams, numbers.queues(connection), numbers.in_hand(connection), people, now)
    today = promises.board(connection, None, _midnight(look, now))
    return {
        "teams": teams,
        "waiting": sum(team.waiting for team in teams),
        "oldest": min((team.oldest for team in teams if team.oldest), default=None),
        "held": sum(team.in_hand for team in teams),
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


def _teams(
    teams: Teams, queues: Sequence[Row[Any]], in_hand: dict[str, int], people: Sequence[Row[Any]], now: datetime
) -> list[TeamNow]:
    """What belongs to a team that is no longer in the file is the first one's."""
    there = [one for one in people if _is_there(one)]
    rows = {
        team.key: TeamNow(team, team.opens(now), sum(not one.teams or team.key in one.teams for one in there))
        for team in teams.all
    }
    for queue in queues:
        row = rows[teams.get(queue.team).key]
        row.waiting += queue.waiting
        row.offered += queue.offered
        row.nobody_took += queue.nobody_took
        row.oldest = min(filter(None, (row.oldest, queue.oldest)), default=None)
    for key, number in in_hand.items():
        rows[teams.get(key).key].in_hand += number
    return list(rows.values())


def _is_there(one: Row[Any]) -> bool:
    return bool(one.present and not one.paused_at)


def _midnight(look: Look, now: datetime) -> datetime:
    local = now.astimezone(look.way.team.zone)
    return local.replace(hour=23, minute=59, second=59, microsecond=0)


async def _past(look: Look, now: datetime) -> dict[str, Any]:
    """What is past, from a minute ago at most; its words are put in for whoever looks."""
    kept = look.desk.past.get("lead")
    if kept is None or not timedelta(0) <= now - kept[0] < FRESH:
        kept = (now, await look.way.db.read(lambda connection: _read_past(connection, look, now)))
        look.desk.past["lead"] = kept
    past = kept[1]
    tally = past["tally"]
    return {
        "charts": _charts(look, past),
        "by_kind": counted(tally, "kind"),
        "by_team": [{**row, "name": team_name(look, row["name"])} for row in counted(tally, "team")],
    }


def _read_past(connection: Connection, look: Look, now: datetime) -> dict[str, Any]:
    zone = look.way.team.zone
    cases = numbers.opened(connection, now - timedelta(days=7 * WEEKS + 1))
    settled = numbers.settled(connection, now - timedelta(days=LONG))
    today, usual = per_hour((row.opened_at for row in cases), now, zone, weeks=WEEKS)
    return {
        "today": today,
        "usual": usual,
        "waits": waits_per_day(((row.opened_at, row.ended_at) for row in cases), now, zone, days=DAYS),
        "promises": counts_per_day(
            ((row.settled_at, row.state) for row in settled), ("kept", "broken"), now, zone, days=LONG
        ),
        "tally": promises.tally(connection, None, now - timedelta(days=LONG)),
    }


def _charts(look: Look, past: dict[str, Any]) -> dict[str, Any]:
    """What the script draws: labels of the x axis, and each line with its name."""
    w = look.words
    waits, kept = past["waits"], past["promises"]
    return {
        "hours": {
            "corner": w("lead.hour"),
            "labels": [str(hour) for hour in range(24)],
            "lines": [
                {"kind": "bars", "name": w("lead.today"), "values": past["today"]},
                {"kind": "line", "name": w("lead.usual"), "values": past["usual"]},
            ],
        },
        "waits": {
            "corner": w("lead.day"),
            "labels": _days(look, waits),
            "unit": w("units.minute"),
            "lines": [
                {"kind": "line", "name": w("lead.middle"), "values": waits.values["middle"]},
                {"kind": "line", "name": w("lead.most"), "values": waits.values["most"]},
            ],
        },
        "promises": {
            "corner": w("lead.day"),
            "labels": _days(look, kept),
            "lines": [
                {"kind": "bars", "name": w("lead.kept"), "values": kept.values["kept"]},
                {"kind": "bars", "name": w("lead.broken"), "values": kept.values["broken"], "bad": True},
            ],
        },
    }


def _days(look: Look, of: Days) -> list[str]:
    months = look.words("months").split()
    return [f"{day.day} {months[day.month - 1][:3]}" for day in of.days]
