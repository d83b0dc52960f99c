"""A team's opening hours changed: what was to happen within so much of them moves, what a customer was told does not.

What is left of a target, or of a wait about which nothing was said, is counted in the new hours from now on: a team
that opens today after all has not been late all morning. Each row says by which version of the teams' file it was
counted, so it moves once, whichever process is the first to hear of the change.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, Table, update

from bot.flow.way import Way
from bot.model.team import Team
from bot.model.teams import Teams, teams_from
from bot.store import tables, targets, team_files, waits

log = logging.getLogger(__name__)

Read = Callable[[Connection, int], list[Row[Any]]]

AT_ONCE = 200  # rows of one transaction: whoever else writes must not wait for all


async def moved(way: Way) -> None:
    """Count everything that is under way by the hours in force."""
    await _count(way, tables.targets, targets.of_other_hours, ("warn_at", "due_at"))
    await _count(way, tables.waits, waits.of_other_hours, ("tell_at",))


async def _count(way: Way, table: Table, read: Read, names: Sequence[str]) -> None:
    now, version = way.clock(), way.teams_version
    rows = await way.db.read(lambda connection: read(connection, version))
    before = {hours: await _teams(way, hours, version) for hours in {row.hours for row in rows}}
    for start in range(0, len(rows), AT_ONCE):
        some = rows[start : start + AT_ONCE]
        times = [(row, _times(way, before[row.hours], row, names, now)) for row in some]
        await way.db.write(partial(_keep, table=table, times=times, version=version))


async def _teams(way: Way, hours: int, version: int) -> Teams:
    """The teams as that version had them; as they are now where nobody can tell."""
    text = await way.db.read(lambda connection: team_files.text_of(connection, hours, before=version))
    try:
        return teams_from(text) if text else way.teams
    except ValueError as error:
        log.error("%s", error)
        return way.teams


def _times(way: Way, before: Teams, row: Row[Any], names: Sequence[str], now: datetime) -> dict[str, datetime]:
    old, new = before.get(row.team), way.teams.get(row.team)
    return {name: as_far(getattr(row, name), now, old=old, new=new) for name in names}


def as_far(moment: datetime, now: datetime, *, old: Team, new: Team) -> datetime:
    """The moment that is as far away in the new hours as `moment` is in the old ones; what is past stays."""
    if moment <= now:
        return moment
    try:
        return new.later(now, old.open_time(now, moment))
    except ValueError:  # not there that long within a year
        return moment


def _keep(
    connection: Connection, *, table: Table, times: Sequence[tuple[Row[Any], dict[str, datetime]]], version: int
) -> None:
    for row, moments in times:
        still = (table.c.id == row.id, table.c.hours == row.hours, table.c.ended_at.is_(None))
        connection.execute(update(table).where(*still).values(hours=version, **moments))
