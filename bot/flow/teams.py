"""The teams in force: teams.yml as it was at the start, or as a lead changed it at the desk since; in every process.

The file counts where somebody changed it by hand: where it says what no version said before. A change made at the desk
counts from then on, and is written to the file of that machine too, where that can be written. A file that says what an
older version said (another machine's, or one that came with a new image) changes nothing: that is logged, and `check`
says it.
"""

from __future__ import annotations

import logging
import os
import shutil
from typing import Any

from sqlalchemy import Connection, Row

from bot.flow import hours
from bot.flow.queue import places_anew
from bot.flow.way import Way
from bot.model.errors import Refused
from bot.model.teams import teams_from
from bot.store import audit, team_files

log = logging.getLogger(__name__)


async def take_in(way: Way) -> None:
    """At the start: a file that was changed by hand is a new version; else the newest version in the store counts."""
    if way.teams_file is None:
        return
    text, now = way.teams_file.read_text("utf-8"), way.clock()

    def work(connection: Connection) -> None:
        if team_files.saying(connection, text) is None:
            version = team_files.add(connection, text, agent_id=None, now=now)
            audit.add(connection, "teams", None, now=now, version=version)

    await way.db.write(work)
    if told := await outdated(way):
        log.warning("%s", told)
    await fresh(way)


async def outdated(way: Way) -> str:
    """A sentence where the file says what an older version said than the one in force; "" where all is well."""
    if way.teams_file is None:
        return ""
    text = way.teams_file.read_text("utf-8")

    def read(connection: Connection) -> tuple[Row[Any] | None, int]:
        return team_files.saying(connection, text), team_files.number(connection)

    said, newest = await way.db.read(read)
    if said is None or said.id == newest:
        return ""
    return (
        f"teams.yml says what version {said.id} said ({said.at:%Y-%m-%d %H:%M} UTC); version {newest} is in force. "
        'It is at the desk, under "Teams": change it there, or write something new into the file'
    )


async def fresh(way: Way) -> None:
    """Take up a version that another process, or the desk, has put in force."""
    if way.teams_file is None or await way.db.read(team_files.number) == way.teams_version:
        return
    found = await way.db.read(team_files.newest)
    if found is None:
        return
    try:
        way.teams = teams_from(found.text)
        way.texts = way.texts.about(company=way.teams.company)
    except ValueError as error:  # written by a newer program, perhaps: the teams of before are better than none
        log.error("%s", error)
    way.teams_version = found.id
    await places_anew(way)
    await hours.moved(way)


async def change(way: Way, text: str, agent_id: int, *, seen: int) -> bool:
    """Put a new text in force, in place of version `seen`; whether the file could be written too.

    Raises ValueError, naming every mistake; Refused when somebody else changed it since.
    """
    teams_from(text)
    if way.teams_file is None:
        raise Refused("no file")

    def work(connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("LOCK TABLE team_files IN SHARE ROW EXCLUSIVE MODE")
        if team_files.number(connection) != seen:
            raise Refused("changed")
        version = team_files.add(connection, text, agent_id=agent_id, now=way.clock())
        audit.add(connection, "teams", agent_id, now=way.clock(), version=version)

    await way.db.write(work)
    written = _write(way, text)
    await fresh(way)
    return written


def _write(way: Way, text: str) -> bool:
    """Replace the file at once: a program that dies half-way must not leave half a file."""
    assert way.teams_file
    draft = way.teams_file.with_suffix(".new")
    try:
        draft.write_text(text, "utf-8")
        shutil.copymode(way.teams_file, draft)  # who could read the file goes on doing so
        os.replace(draft, way.teams_file)
    except OSError as error:
        log.warning("teams.yml could not be written: %s", os.strerror(error.errno or 0))
        return False
    return True
