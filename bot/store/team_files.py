"""Every version of teams.yml that was in force: the newest one counts, in every process."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, desc, func, insert, select, update

from bot.store.tables import agents, team_files


def newest(connection: Connection) -> Row[Any] | None:
    """The version in force."""
    return connection.execute(select(team_files).order_by(desc(team_files.c.id)).limit(1)).first()


def number(connection: Connection) -> int:
    """The id of the version in force, 0 for none."""
    return connection.execute(select(func.max(team_files.c.id))).scalar() or 0


def on_disk(connection: Connection) -> str | None:
    """What the file was last known to say: when it says something else now, somebody changed it there."""
    text: str | None = connection.execute(
        select(team_files.c.text).where(team_files.c.on_disk).order_by(desc(team_files.c.id)).limit(1)
    ).scalar()
    return text


def add(connection: Connection, text: str, *, agent_id: int | None, on_disk: bool, now: datetime) -> int:
    """A new version, in force from now; its id."""
    key = connection.execute(
        insert(team_files).values(text=text, agent_id=agent_id, on_disk=on_disk, at=now)
    ).inserted_primary_key
    assert key
    return int(key[0])


def versions(connection: Connection, limit: int = 20) -> list[Row[Any]]:
    """The last versions, the newest first, with who made them."""
    return list(
        connection.execute(
            select(team_files.c.id, team_files.c.text, team_files.c.at, agents.c.name.label("agent_name"))
            .outerjoin(agents, agents.c.id == team_files.c.agent_id)
            .order_by(desc(team_files.c.id))
            .limit(limit)
        )
    )


def is_on_disk(connection: Connection, version: int) -> None:
    """The file says the same now."""
    connection.execute(update(team_files).where(team_files.c.id == version).values(on_disk=True))
