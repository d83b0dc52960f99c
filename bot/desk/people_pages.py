"""Pages about people: one's own password and picture; for admins, everybody."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from aiohttp import web
from sqlalchemy import Connection, Row, select

from bot.desk import leaving, people
from bot.desk.look import Look, whole
from bot.desk.passwords import SHORTEST, matches_aside
from bot.desk.pictures import NotAPicture
from bot.model.errors import Refused
from bot.model.roles import GIVEN_CUSTOMERS, ROLES
from bot.store import agents, audit, presence
from bot.store import tables as t


async def me(look: Look) -> web.StreamResponse:
    """One's own page."""
    return look.page("me.html", problem="", done=_done(look), shortest=SHORTEST)


async def my_password(look: Look) -> web.StreamResponse:
    """A new password, for whoever knows the old one. Other browsers are signed out."""
    now, new = str(look.form.get("now", "")), str(look.form.get("new", ""))
    address = look.desk.address(look.request)
    wait = look.desk.attempts.wait(look.me.login, address, look.way.clock())
    stored = await look.way.db.read(lambda connection: _password_of(connection, look.me.id))
    if wait or not await matches_aside(now, stored, look.desk.room):
        # whoever sits at a browser left open must not guess without end
        look.desk.attempts.failed(look.me.login, address, look.way.clock())
        await look.way.db.write(partial(_guessed, me=look.me.id, now=look.way.clock()))
        return _my_problem(look, "wrong_password")
    if new != str(look.form.get("repeat", "")):
        return _my_problem(look, "not_same")
    try:
        await people.set_password(look.way, look.me.id, new or " ", keep=look.token, by=look.me.id)
    except Refused as refused:
        return _my_problem(look, refused.reason)
    raise web.HTTPSeeOther("/desk/me?done=password")


async def my_picture(look: Look) -> web.StreamResponse:
    """A new picture of one's own."""
    try:
        await people.set_picture(look.way, look.me.id, look.upload("picture"), by=look.me.id)
    except NotAPicture as error:
        return _my_problem(look, error.reason)
    raise web.HTTPSeeOther("/desk/me?done=picture")


async def everyone(look: Look) -> web.StreamResponse:
    """All people, for admins."""
    return await _people(look)


async def add(look: Look) -> web.StreamResponse:
    """A new person; the generated password is shown this once."""
    try:
        new = await people.add_agent(
            look.way, look.text("login"), name=look.text("name"), role=look.text("role"), by=look.me.id
        )
    except Refused as refused:
        return await _people(look, problem=refused.reason)
    return await _people(look, new=new)


async def change(look: Look) -> web.StreamResponse:
    """Name, picture, new password, role, in or out: which one is the last part of the address."""
    id_, what = look.number("id"), look.request.match_info["what"]
    person = await look.way.db.read(lambda connection: agents.get(connection, id_))
    if person is None:
        raise web.HTTPNotFound
    try:
        if what == "password":
            password = await people.set_password(look.way, id_, by=look.me.id)
            new = people.Credentials(person.login, password, person.name, person.role)
            return await _people(look, new=new)
        await _changed(look, person, what)
    except (Refused, NotAPicture) as error:
        return await _people(look, problem=error.reason)
    raise web.HTTPSeeOther("/desk/people?done=saved")


async def _changed(look: Look, person: Row[Any], what: str) -> None:
    way, id_ = look.way, person.id
    if what == "name":
        await people.set_name(way, id_, look.text("name"), by=look.me.id)
    elif what == "picture":
        await people.set_picture(way, id_, look.upload("picture"), by=look.me.id)
    elif id_ == look.me.id:
        raise Refused("not_yourself")  # nobody should lock themselves out by a slip
    elif what == "role":
        await leaving.set_role(way, id_, look.text("role"), by=look.me)
    else:
        await leaving.set_active(way, id_, active=what == "in", by=look.me, to=whole(look.text("to")))


async def _people(
    look: Look, *, problem: str = "", new: people.Credentials | None = None
) -> web.StreamResponse:
    now = look.way.clock()
    everyone, there = await look.way.db.read(lambda c: (agents.everyone(c), presence.everyone(c, now)))
    return look.page(
        "people.html",
        status=400 if problem else 200,
        everyone=everyone,
        roles=ROLES,
        colleagues=[one for one in there if one.role in GIVEN_CUSTOMERS],
        problem=problem,
        new=new,
        done=_done(look),
    )


def _my_problem(look: Look, problem: str) -> web.Response:
    return look.page("me.html", status=400, problem=problem, done="", shortest=SHORTEST)


def _done(look: Look) -> str:
    done = look.request.query.get("done", "")
    return done if done in ("password", "picture", "saved") else ""


def _guessed(connection: Connection, *, me: int, now: datetime) -> None:
    audit.add(connection, "password_wrong", me, person_id=me, now=now)


def _password_of(connection: Connection, agent_id: int) -> str | None:
    return connection.execute(select(t.agents.c.password_hash).where(t.agents.c.id == agent_id)).scalar()
