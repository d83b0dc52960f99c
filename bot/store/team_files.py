"""Every version of teams.yml that was in force: the newest one counts, in every process."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, desc, func, insert, select

from bot.store.tables import agents, team_files


def newest(connection: Connection) -> Row[Any] | None:
    """The version in force."""
    return connection.execute(select(team_files).order_by(desc(team_files.c.id)).limit(1)).first()


def number(connection: Connection) -> int:
    """The id of the version in force, 0 for none."""
    return connection.execute(select(func.max(team_files.c.id))).scalar() or 0


def saying(connection: Connection, text: str) -> Row[Any] | None:
    """The newest version with this text; None for one that was never in force."""
    query = select(team_files).where(team_files.c.text == text).order_by(desc(team_files.c.id)).limit(1)
    return connection.execute(query).first()


def add(connection: Connection, text: str, *, agent_id: int | None, now: datetime) -> int:
    """A new version, in force from now; its id."""
    key = connection.execute(
        insert(team_files).values(text=text, agent_id=agent_id, at=now)
    ).inserted_primary_key
    assert key
    return int(key[0])


def text_of(connection: Connection, version: int, *, before: int) -> str | None:
    """The text of a version; of the last one `before` another where it is 0, that is not known."""
    query = select(team_files.c.text).where(team_files.c.id < before)
    query = query.where(team_files.c.id == version) if version else query.order_by(desc(team_files.c.id)).limit(1)
    text: str | None = connection.execute(query).scalar()
    return text


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
