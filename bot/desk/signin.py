"""Sign-in and sign-out."""

from __future__ import annotations

import hmac
import logging
import math
import re
import secrets
from functools import partial

from aiohttp import web
from sqlalchemy import Connection

from bot.desk.attempts import network_of
from bot.desk.look import (
    COOKIE,
    DESK,
    Desk,
    Look,
    check_origin,
    read_form,
    render,
    signed_in,
    token_hash,
)
from bot.desk.passwords import matches_aside
from bot.store import agents, audit, presence

log = logging.getLogger(__name__)

KNOCK = "desk_knock"  # a word of its own before there is a session: nobody can be signed in to a stranger's account
MAX_FORM = 8 * 1024  # bytes of what is posted to sign in
_NEXT = re.compile(r"/desk(?:[/?][\w\-./?=&%:+~]*)?")


async def sign_in_page(request: web.Request) -> web.StreamResponse:
    """The form; whoever is signed in already goes on."""
    goal = safe_next(request.query.get("next", ""))
    if await signed_in(request):
        raise web.HTTPSeeOther(goal)
    return _form(request, goal, problem="signin.ended" if "ended" in request.query else "")


async def sign_in(request: web.Request) -> web.StreamResponse:
    """Check login and password; a new session with a new token."""
    check_origin(request)
    form = await read_form(request, most=MAX_FORM)
    desk = request.app[DESK]
    goal = safe_next(str(form.get("next", "")))
    knock = request.cookies.get(KNOCK, "")
    if not knock or not _same(str(form.get("knock", "")), knock):
        return _form(request, goal, problem="signin.again", status=403)
    login, address = str(form.get("login", "")).strip().lower()[:64], desk.address(request)
    stranger = desk.attempts.crowded(login, desk.way.clock()) and not await _was_here(desk, login, address)
    wait = desk.attempts.wait(login, address, desk.way.clock(), stranger=stranger)
    if wait:
        minutes = math.ceil(wait.total_seconds() / 60)
        return _form(request, goal, problem="signin.wait", minutes=minutes, login=login, status=429)
    # counted before the slow check: a hundred tries at once are a hundred tries
    desk.attempts.failed(login, address, desk.way.clock())
    person = await desk.way.db.read(lambda connection: agents.by_login(connection, login))
    stored = person.password_hash if person else None
    right = await matches_aside(str(form.get("password", "")), stored, desk.room)
    if person is None or not right or not person.active:
        log.warning("desk: a sign-in failed")
        await desk.way.db.write(partial(_failed, person_id=person.id if person else None, address=address, desk=desk))
        return _form(request, goal, problem="signin.wrong", login=login, status=401)
    desk.attempts.succeeded(login, address)
    token, csrf, now = secrets.token_urlsafe(32), secrets.token_urlsafe(24), desk.way.clock()

    def work(connection: Connection) -> None:
        agents.end_sessions(connection, token_hash=token_hash(request.cookies.get(COOKIE, "")), now=now)
        agents.begin_session(connection, person.id, token_hash(token), csrf, now)
        audit.add(connection, "sign_in", person.id, person_id=person.id, now=now, address=address)

    await desk.way.db.write(work)
    response = web.Response(status=303, headers={"Location": goal, "Cache-Control": "no-store"})
    _set_cookie(response, COOKIE, token, secure=desk.secure)
    response.del_cookie(KNOCK, path="/desk")
    return response


async def sign_out(look: Look) -> web.StreamResponse:
    """End this browser's session."""

    def work(connection: Connection) -> None:
        agents.end_sessions(connection, token_hash=look.token, now=look.way.clock())
        audit.add(connection, "sign_out", look.me.id, person_id=look.me.id, now=look.way.clock())
        presence.gone(connection, look.me.id)  # another browser of the same person reports again within a moment

    await look.way.db.write(work)
    if look.way.glances:
        await look.way.glances.away(look.me.id)
    look.way.live.ring()  # other pages of the same browser close
    response = web.Response(status=303, headers={"Location": "/desk/login"})
    response.del_cookie(COOKIE, path="/desk")
    return response


def _same(given: str, kept: str) -> bool:
    """A browser may send any bytes as its cookie."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), kept.encode("utf-8", "replace"))


async def _was_here(desk: Desk, login: str, address: str) -> bool:
    """Whether the person has signed in from this network before: others' guesses must not keep them out."""

    def read(connection: Connection) -> list[str]:
        person = agents.by_login(connection, login)
        return audit.signed_in_from(connection, person.id) if person else []

    return network_of(address) in {network_of(one) for one in await desk.way.db.read(read)}


def _failed(connection: Connection, *, person_id: int | None, address: str, desk: Desk) -> None:
    """Whose account was tried, and from where. No unknown login is kept: it may be a password in the wrong field."""
    audit.add(connection, "sign_in_failed", None, person_id=person_id, now=desk.way.clock(), address=address)


def safe_next(goal: str) -> str:
    """Where to go after signing in: a page of the desk, never another site."""
    path = goal.partition("?")[0]
    inside = len(goal) < 500 and _NEXT.fullmatch(goal) and path not in ("/desk/login", "/desk/logout")
    return goal if inside else "/desk"


def _form(request: web.Request, goal: str, *, problem: str = "", status: int = 200, **values: object) -> web.Response:
    desk = request.app[DESK]
    knock = request.cookies.get(KNOCK) or secrets.token_urlsafe(24)
    response = render(
        desk, request, "login.html", status=status, goal=goal, knock=knock, problem=problem,
        login=values.get("login", ""), minutes=values.get("minutes", 0), me=None, csrf="",
    )  # fmt: skip
    _set_cookie(response, KNOCK, knock, secure=desk.secure)
    return response


def _set_cookie(response: web.Response, name: str, value: str, *, secure: bool) -> None:
    response.set_cookie(
        name,
        value,
        path="/desk",
        httponly=True,
        samesite="Lax",
        secure=secure,
        max_age=int(agents.LONGEST.total_seconds()),
    )
