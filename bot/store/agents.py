"""The people at the desk: who they are, how they sign in, how platforms know them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, delete, func, insert, select, update

from bot.model.roles import OVERSEERS
from bot.store.conversations import tell
from bot.store.events import insert_new
from bot.store.tables import agents, handles, sessions

UNUSED = timedelta(hours=12)  # a session that nobody used this long has ended
LONGEST = timedelta(days=7)  # and however much it is used, one that began so long ago: it may have been stolen

#: All that pages need; the picture and the password's hash stay in the database.
PUBLIC = [
    agents.c[name]
    for name in (
        *("id", "login", "name", "role", "active", "picture_version", "created_at"),
        *("teams", "languages", "topics", "capacity", "paused_at"),
    )
]


def add(
    connection: Connection,
    *,
    login: str,
    name: str,
    role: str,
    password_hash: str,
    picture: bytes,
    now: datetime,
) -> int:
    """A new person; the id. Raises IntegrityError when the login is taken."""
    key = connection.execute(
        insert(agents).values(
            login=login,
            name=name,
            role=role,
            password_hash=password_hash,
            active=True,
            picture=picture,
            picture_version=1,
            created_at=now,
        )
    ).inserted_primary_key
    assert key
    return int(key[0])


def get(connection: Connection, agent_id: int) -> Row[Any] | None:
    """A person without picture and password."""
    return connection.execute(select(*PUBLIC).where(agents.c.id == agent_id)).first()


def everyone(connection: Connection) -> list[Row[Any]]:
    """All people, by name."""
    return list(connection.execute(select(*PUBLIC).order_by(agents.c.name)))


def count(connection: Connection) -> int:
    """How many people there are."""
    return connection.execute(select(func.count()).select_from(agents)).scalar_one()


def by_login(connection: Connection, login: str) -> Row[Any] | None:
    """Id, password's hash and whether active, to sign in."""
    return connection.execute(
        select(agents.c.id, agents.c.password_hash, agents.c.active).where(agents.c.login == login)
    ).first()


def overseers(connection: Connection) -> list[int]:
    """Who looks after what others do."""
    query = select(agents.c.id).where(agents.c.role.in_(OVERSEERS), agents.c.active)
    return list(connection.execute(query.order_by(agents.c.id)).scalars())


def picture(connection: Connection, agent_id: int) -> bytes | None:
    """The person's picture, JPEG."""
    return connection.execute(select(agents.c.picture).where(agents.c.id == agent_id)).scalar()


def change(connection: Connection, agent_id: int, **values: Any) -> None:
    """Set columns; a new `picture` gets a new version, so that platforms are shown it again."""
    if "picture" in values:
        values["picture_version"] = agents.c.picture_version + 1
    connection.execute(update(agents).where(agents.c.id == agent_id).values(**values))


def handle(connection: Connection, agent: Row[Any], channel: str) -> str | None:
    """How `channel` knows this person with the present name and picture."""
    return connection.execute(
        select(handles.c.handle).where(
            handles.c.agent_id == agent.id,
            handles.c.channel == channel,
            handles.c.picture_version == agent.picture_version,
            handles.c.name == agent.name,
        )
    ).scalar()


def keep_handle(connection: Connection, agent: Row[Any], channel: str, value: str) -> None:
    """Remember how `channel` knows this person."""
    insert_new(
        connection,
        handles,
        agent_id=agent.id,
        channel=channel,
        picture_version=agent.picture_version,
        name=agent.name,
        handle=value,
    )


def begin_session(connection: Connection, agent_id: int, token_hash: str, csrf: str, now: datetime) -> None:
    """A signed-in browser."""
    connection.execute(
        insert(sessions).values(token_hash=token_hash, agent_id=agent_id, csrf=csrf, created_at=now, seen_at=now)
    )


#: One that is neither unused nor too old, of somebody who still works here.
_COUNTS = and_(
    sessions.c.seen_at >= bindparam("used"), sessions.c.created_at >= bindparam("begun"), agents.c.active
)
_SESSION = (
    select(*PUBLIC, sessions.c.csrf, sessions.c.seen_at)
    .join(agents, agents.c.id == sessions.c.agent_id)
    .where(sessions.c.token_hash == bindparam("token"), _COUNTS)
)
_ROLES = (
    select(sessions.c.token_hash, agents.c.role)
    .join(agents, agents.c.id == sessions.c.agent_id)
    .where(sessions.c.token_hash.in_(bindparam("tokens", expanding=True)), _COUNTS)
)


def session(connection: Connection, token_hash: str, now: datetime) -> Row[Any] | None:
    """The active person behind a browser, with the session's csrf word; None when the session does not count now."""
    return connection.execute(_SESSION, {"token": token_hash, **_counts(now)}).first()


def roles(connection: Connection, token_hashes: Collection[str], now: datetime) -> dict[str, str]:
    """Session's hash -> role of its person, for those of these sessions that count now."""
    rows = connection.execute(_ROLES, {"tokens": list(token_hashes), **_counts(now)})
    return {row.token_hash: row.role for row in rows}


def _counts(now: datetime) -> dict[str, datetime]:
    return {"used": now - UNUSED, "begun": now - LONGEST}


def touch_session(connection: Connection, token_hash: str, now: datetime) -> None:
    """The browser is still there."""
    connection.execute(update(sessions).where(sessions.c.token_hash == token_hash).values(seen_at=now))


def has_session(connection: Connection, token_hash: str) -> bool:
    """Whether there is such a session, used of late or not."""
    found = select(sessions.c.agent_id).where(sessions.c.token_hash == token_hash)
    return connection.execute(found).first() is not None


def end_sessions(
    connection: Connection,
    *,
    now: datetime,
    token_hash: str | None = None,
    agent_id: int | None = None,
    keep: str | None = None,
) -> None:
    """Sign out one browser, or all of one person but the session with hash `keep`.

    Leaves a line for the live streams, in this process and in others: their pages close at once.
    """
    where = sessions.c.token_hash == token_hash if token_hash else sessions.c.agent_id == agent_id
    if keep:
        where &= sessions.c.token_hash != keep
    ended = connection.execute(delete(sessions).where(where).returning(sessions.c.agent_id)).scalars().all()
    for one in set(ended):
        tell(connection, 0, f"out:{one}", now)
