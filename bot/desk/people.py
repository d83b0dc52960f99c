"""Who works at the desk: the first people, new ones, their passwords and pictures. Also used by the command line."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from sqlalchemy import Connection, select, update
from sqlalchemy.exc import IntegrityError

from bot.desk.passwords import hashed, new_password
from bot.desk.pictures import initials, square
from bot.flow import handoff
from bot.flow.way import Way
from bot.model.errors import Refused
from bot.model.states import Status
from bot.store import agents
from bot.store import tables as t

ROLES = ("agent", "lead", "editor", "admin")
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")
LONGEST_NAME = 50  # characters: what platforms that show names allow

#: The names customers see. The demo shows a team; elsewhere the admin is told to give a real name.
FIRST_ADMIN = ("admin", "Elena Conti", "admin")
DEMO_AGENTS = (("giulia", "Giulia Ferri", "agent"), ("marco", "Marco Benedetti", "agent"))


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
        if agents.count(connection):
            return False  # another process was first: its passwords are the ones that were shown
        for one, password_hash, picture in ready:
            agents.add(
                connection,
                login=one.login,
                name=one.name,
                role=one.role,
                password_hash=password_hash,
                picture=picture,
                now=way.clock(),
            )
        return True

    return new if await way.db.write(work) else None


async def add_agent(
    way: Way, login: str, *, name: str, role: str = "agent", password: str | None = None
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
        agents.add(
            connection,
            login=login,
            name=name,
            role=role,
            password_hash=password_hash,
            picture=initials(name),
            now=way.clock(),
        )

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


async def set_password(way: Way, agent_id: int, password: str | None = None, *, keep: str | None = None) -> str:
    """Give a (new) password; it. Every browser of the person is signed out, except the session with hash `keep`.

    Raises Refused: bad_password.
    """
    password = password or new_password()
    password_hash = await _hashed(password)

    def work(connection: Connection) -> None:
        agents.change(connection, agent_id, password_hash=password_hash)
        others = t.sessions.c.agent_id == agent_id
        if keep:
            others &= t.sessions.c.token_hash != keep
        connection.execute(t.sessions.delete().where(others))

    await way.db.write(work)
    return password


async def set_picture(way: Way, agent_id: int, data: bytes) -> None:
    """Give a new picture: customers see it from the next message on. Raises NotAPicture."""
    picture = await asyncio.to_thread(square, data)
    await way.db.write(lambda connection: agents.change(connection, agent_id, picture=picture))


async def set_name(way: Way, agent_id: int, name: str) -> None:
    """Change the name customers see; a drawn picture follows it. Raises Refused: bad_name."""
    name = tidy_name(name)

    def work(connection: Connection) -> None:
        before = agents.get(connection, agent_id)
        if before and before.name != name:
            drawn = agents.picture(connection, agent_id) == initials(before.name)
            agents.change(connection, agent_id, name=name, **({"picture": initials(name)} if drawn else {}))

    await way.db.write(work)


async def set_active(way: Way, agent_id: int, *, active: bool) -> None:
    """Let someone in or out. Leaving ends the sessions and puts the person's customers back into the queue.

    Raises Refused: last_admin.
    """

    def work(connection: Connection) -> None:
        person = agents.get(connection, agent_id)
        if person is None:
            raise Refused("nobody")
        others = select(t.agents.c.id).where(
            t.agents.c.role == "admin", t.agents.c.active, t.agents.c.id != agent_id
        )
        if not active and person.role == "admin" and connection.execute(others).first() is None:
            raise Refused("last_admin")
        connection.execute(update(t.agents).where(t.agents.c.id == agent_id).values(active=active))
        if not active:
            agents.end_sessions(connection, agent_id=agent_id)
            in_hand = select(t.conversations.c.id).where(
                t.conversations.c.status == Status.AGENT, t.conversations.c.agent_id == agent_id
            )
            for conversation_id in connection.execute(in_hand).scalars().all():
                handoff.requeue(connection, way, conversation_id, person, "left", now=way.clock())

    await way.db.write(work)
    way.committed()


async def _hashed(password: str) -> str:
    try:
        return await asyncio.to_thread(hashed, password)
    except ValueError:
        raise Refused("bad_password") from None
