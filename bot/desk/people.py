"""Who works at the desk: the first people, new ones, their passwords and pictures. Also used by the command line.

`by` is who does it, None for the command line. Who leaves, and what becomes of their customers: bot/desk/leaving.py.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from bot.desk import leaving
from bot.desk.passwords import hashed, new_password
from bot.desk.pictures import initials, square
from bot.flow.way import Way
from bot.model.errors import Refused
from bot.model.roles import ADMIN, AGENT, ROLES
from bot.store import agents, audit

_LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")
LONGEST_NAME = 50  # characters: what platforms that show names allow

#: The names customers see. The demo shows a team; elsewhere the admin is told to give a real name.
FIRST_ADMIN = ("admin", "Elena Conti", ADMIN)
DEMO_AGENTS = (("giulia", "Giulia Ferri", AGENT), ("marco", "Marco Benedetti", AGENT))


@dataclass(frozen=True)
class Credentials:
    """A new person's way in. The password is shown once and stored nowhere."""

    login: str
    password: str
    name: str
    role: str


async def first_agents(way: Way, *, demo: bool) -> list[Credentials] | None:
    """At the very first start: the admin and, in the demo, two agents. None when there are people already."""
    if await way.db.read(agents.count):
        return None
    people = [FIRST_ADMIN, *(DEMO_AGENTS if demo else ())]
    new = [Credentials(login, new_password(), name, role) for login, name, role in people]
    ready = [(one, await asyncio.to_thread(hashed, one.password), initials(one.name)) for one in new]

    def work(connection: Connection) -> bool:
        if connection.dialect.name == "postgresql":  # several may start at once; SQLite has one writer anyway
            connection.exec_driver_sql("LOCK TABLE agents IN SHARE ROW EXCLUSIVE MODE")
        if agents.count(connection):
            return False  # another process was first: its passwords are the ones that were shown
        for one, password_hash, picture in ready:
            key = agents.add(
                connection,
                login=one.login,
                name=one.name,
                role=one.role,
                password_hash=password_hash,
                picture=picture,
                now=way.clock(),
            )
            audit.add(connection, "person_add", None, person_id=key, now=way.clock(), role=one.role)
        return True

    return new if await way.db.write(work) else None


async def add_agent(
    way: Way, login: str, *, name: str, role: str = AGENT, password: str | None = None, by: int | None = None
) -> Credentials:
    """A new person, with a drawn picture and, unless given, a generated password.

    Raises Refused: bad_login, bad_name, bad_role, bad_password, login_taken.
    """
    login, name = login.strip().lower(), tidy_name(name)
    if not _LOGIN.fullmatch(login):
        raise Refused("bad_login")
    if role not in ROLES:
        raise Refused("bad_role")
    new = Credentials(login, password or new_password(), name, role)
    password_hash = await _hashed(new.password)

    def work(connection: Connection) -> None:
        if agents.by_login(connection, login):
            raise Refused("login_taken")
        key = agents.add(
            connection,
            login=login,
            name=name,
            role=role,
            password_hash=password_hash,
            picture=initials(name),
            now=way.clock(),
        )
        audit.add(connection, "person_add", by, person_id=key, now=way.clock(), role=role)

    try:
        await way.db.write(work)
    except IntegrityError:
        raise Refused("login_taken") from None
    return new


def tidy_name(name: str) -> str:
    """The name customers will see, on one line. Raises Refused: bad_name."""
    name = " ".join("".join(c for c in name if c.isprintable()).split())
    if not 2 <= len(name) <= LONGEST_NAME:
        raise Refused("bad_name")
    return name


async def set_password(
    way: Way, agent_id: int, password: str | None = None, *, keep: str | None = None, by: int | None = None
) -> str:
    """Give a (new) password; it. Every browser of the person is signed out, except the session with hash `keep`.

    Raises Refused: bad_password.
    """
    password = password or new_password()
    password_hash = await _hashed(password)

    def work(connection: Connection) -> None:
        now = way.clock()
        agents.change(connection, agent_id, password_hash=password_hash)
        agents.end_sessions(connection, agent_id=agent_id, keep=keep, now=now)
        audit.add(connection, "password", by, person_id=agent_id, now=now)
        if keep is None:
            leaving.offers_go_on(connection, way, agent_id, now=now)

    await way.db.write(work)
    way.committed()
    return password


async def set_picture(way: Way, agent_id: int, data: bytes, *, by: int | None = None) -> None:
    """Give a new picture: customers see it from the next message on. Raises NotAPicture."""
    picture = await asyncio.to_thread(square, data)

    def work(connection: Connection) -> None:
        agents.change(connection, agent_id, picture=picture)
        audit.add(connection, "picture", by, person_id=agent_id, now=way.clock())

    await way.db.write(work)


async def set_name(way: Way, agent_id: int, name: str, *, by: int | None = None) -> None:
    """Change the name customers see; a drawn picture follows it. Raises Refused: bad_name."""
    name = tidy_name(name)

    def work(connection: Connection) -> None:
        before = agents.get(connection, agent_id)
        if before and before.name != name:
            drawn = agents.picture(connection, agent_id) == initials(before.name)
            agents.change(connection, agent_id, name=name, **({"picture": initials(name)} if drawn else {}))
            audit.add(connection, "name", by, person_id=agent_id, now=way.clock(), name=[before.name, name])

    await way.db.write(work)


async def _hashed(password: str) -> str:
    try:
        return await asyncio.to_thread(hashed, password)
    except ValueError:
        raise Refused("bad_password") from None
