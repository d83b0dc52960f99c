"""Every address of the desk with the roles that may use it: an address that is not in these two tables does not exist.

tests/test_desk_doors.py tries each door as each role and as nobody. Why each role has what it has: docs/desk.md.
"""

from __future__ import annotations

from functools import partial

from aiohttp import web

from bot.desk import (
    audit_pages,
    files,
    here,
    lead_pages,
    pages,
    pass_on,
    people_pages,
    privacy_pages,
    promise_pages,
    public,
    signin,
    stream,
    teams_pages,
)
from bot.desk.access import Door, within
from bot.desk.look import AioHandler, action, page, part
from bot.desk.moves import ACTIONS
from bot.model.roles import ADMIN, EDITOR, OVERSEERS, ROLES

EVERYONE = frozenset(ROLES)
LEADS = OVERSEERS
LEADS_AND_EDITORS = OVERSEERS | {EDITOR}
ADMINS = frozenset({ADMIN})

quietly = partial(action, touch=False)  # what a page sends by itself keeps no session alive

DOORS: tuple[Door, ...] = (
    Door("GET", "", page, pages.lists, EVERYONE),
    Door("GET", r"/c/{id:\d+}", page, pages.conversation, EVERYONE, "conversation"),
    *(Door("POST", rf"/c/{{id:\d+}}/{name}", action, act, EVERYONE, "conversation") for name, act in ACTIONS.items()),
    Door("GET", r"/c/{id:\d+}/copy", page, privacy_pages.copy, LEADS, "conversation"),
    Door("GET", r"/c/{id:\d+}/erase", page, privacy_pages.question, LEADS, "conversation"),
    Door("POST", r"/c/{id:\d+}/erase", action, privacy_pages.erase, LEADS, "conversation"),
    Door("GET", "/live", part, stream.live, EVERYONE),
    Door("GET", r"/files/{message:\d+}/{index:\d+}", part, files.attachment, EVERYONE, "message"),
    Door("GET", r"/images/{message:\d+}", part, files.image, EVERYONE, "message"),
    Door("POST", "/logout", action, signin.sign_out, EVERYONE),
    Door("POST", "/here", quietly, here.here, EVERYONE),
    Door("POST", "/away", quietly, here.leaves, EVERYONE),
    Door("POST", "/me/pause", action, here.pause, EVERYONE),
    Door("GET", "/shift", page, pass_on.shift, EVERYONE),
    Door("GET", "/promises", page, promise_pages.board, EVERYONE),
    Door("POST", r"/promises/{id:\d+}/{what:kept|later|withdrawn}", action, promise_pages.settle, EVERYONE),
    Door("GET", "/me", page, people_pages.me, EVERYONE),
    Door("POST", "/me/password", action, people_pages.my_password, EVERYONE),
    Door("POST", "/me/picture", action, people_pages.my_picture, EVERYONE),
    Door("GET", "/teams", page, teams_pages.teams, LEADS_AND_EDITORS),
    Door("POST", "/teams", action, teams_pages.save, LEADS),
    Door("POST", r"/teams/people/{id:\d+}", action, teams_pages.person, LEADS),
    Door("GET", "/lead", page, lead_pages.lead, LEADS),
    Door("GET", "/audit", page, audit_pages.audit, LEADS),
    Door("GET", "/audit.csv", page, audit_pages.as_csv, LEADS),
    Door("GET", "/people", page, people_pages.everyone, ADMINS),
    Door("POST", "/people/add", action, people_pages.add, ADMINS),
    Door("POST", r"/people/{id:\d+}/{what:name|picture|password|role|in|out}", action, people_pages.change, ADMINS),
)

#: For people who are not signed in (yet). The last one takes what nothing else took.
OPEN: tuple[tuple[str, str, AioHandler], ...] = (
    ("GET", "/", public.to_desk),
    ("GET", "/login", signin.sign_in_page),
    ("POST", "/login", signin.sign_in),
    ("GET", "/static/{name:.+}", public.static),
    ("*", "/{rest:.*}", public.nothing),
)


def routes() -> list[web.RouteDef]:
    """All of them, for the desk's application."""
    doors = [web.route(door.method, door.path, door.opens(within(door))) for door in DOORS]
    return [*doors, *(web.route(method, path, handler) for method, path, handler in OPEN)]
