"""The desk as an application to mount: its routes, its headers, its friendly errors."""

from __future__ import annotations

import logging
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from bot.desk import files, here, pages, pass_on, people_pages, promise_pages, signin, teams_pages
from bot.desk.live import BREATH, as_event, gathered
from bot.desk.look import (
    DESK,
    Look,
    action,
    admins,
    desk_of,
    leads,
    page,
    part,
    render,
    signed_in,
    wants_json,
    words_for,
)
from bot.desk.moves import ACTIONS
from bot.flow.way import Way
from bot.store import agents, inbox

log = logging.getLogger(__name__)

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "media-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # not "no-referrer": with it browsers send forms with "Origin: null"
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


def desk_app(way: Way, *, secure_cookies: bool) -> web.Application:
    """The desk, to be mounted at /desk: `app.add_subapp("/desk", desk_app(way, secure_cookies=...))`."""
    app = web.Application(middlewares=[_friendly])
    app[DESK] = desk_of(way, secure=secure_cookies)
    app.on_response_prepare.append(_headers)
    app.on_shutdown.append(_close)
    app.add_routes(
        [
            web.get("", page(pages.lists)),
            web.get("/", _to_desk),
            web.get(r"/c/{id:\d+}", page(pages.conversation)),
            *[web.post(rf"/c/{{id:\d+}}/{name}", action(act)) for name, act in ACTIONS.items()],
            web.get("/live", part(_live)),
            web.get(r"/files/{message:\d+}/{index:\d+}", part(files.attachment)),
            web.get(r"/images/{message:\d+}", part(files.image)),
            web.get("/login", signin.sign_in_page),
            web.post("/login", signin.sign_in),
            web.post("/logout", action(signin.sign_out)),
            web.post("/here", action(here.here, touch=False)),
            web.post("/away", action(here.leaves, touch=False)),
            web.post("/me/pause", action(here.pause)),
            web.get("/shift", page(pass_on.shift)),
            web.get("/teams", page(leads(teams_pages.teams))),
            web.post("/teams", action(leads(teams_pages.save))),
            web.post(r"/teams/people/{id:\d+}", action(leads(teams_pages.person))),
            web.get("/promises", page(promise_pages.board)),
            web.post(r"/promises/{id:\d+}/{what:kept|later|withdrawn}", action(promise_pages.settle)),
            web.get("/me", page(people_pages.me)),
            web.post("/me/password", action(people_pages.my_password)),
            web.post("/me/picture", action(people_pages.my_picture)),
            web.get("/people", page(admins(people_pages.everyone))),
            web.post("/people/add", action(admins(people_pages.add))),
            web.post(
                r"/people/{id:\d+}/{what:name|picture|password|in|out}", action(admins(people_pages.change))
            ),
            web.get("/static/{name}", _static),
            web.route("*", "/{rest:.*}", _nothing),
        ]
    )
    return app


def people_routes(way: Way) -> list[web.RouteDef]:
    """Agents' pictures, public: platforms fetch them, and customers see them anyway."""

    async def picture(request: web.Request) -> web.StreamResponse:
        id_, version = request.match_info["id"], request.match_info["version"]
        if len(id_) > 9:
            raise web.HTTPNotFound
        row, data = await way.db.read(lambda c: (agents.get(c, int(id_)), agents.picture(c, int(id_))))
        if row is None or data is None:
            raise web.HTTPNotFound
        lasting = "public, max-age=31536000, immutable"
        return web.Response(
            body=data,
            content_type="image/jpeg",
            headers={
                "Cache-Control": lasting if str(row.picture_version) == version else "public, max-age=60",
                "X-Content-Type-Options": "nosniff",
                "Content-Security-Policy": "default-src 'none'; sandbox",
            },
        )

    return [web.get(r"/people/{id:\d+}-{version:\d+}.jpg", picture)]


async def _live(look: Look) -> web.StreamResponse:
    """The stream of what is new, until the browser goes, the session ends or the service stops."""
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )
    after = look.request.headers.get("Last-Event-ID") or look.request.query.get("after", "0")
    await response.prepare(look.request)
    known = int(after) if after.isdigit() and len(after) < 16 else 0
    try:
        await _tell(look, response, known)
    except ConnectionError:
        pass  # the browser went away
    return response


async def _tell(look: Look, response: web.StreamResponse, known: int) -> None:
    async with look.desk.news.listen() as queue:
        await response.write(b"retry: 2000\n\n")
        missed = await look.way.db.read(lambda connection: inbox.news(connection, known)) if known else []
        lines: list[tuple[int, int, str]] | None = missed
        while lines is not None:
            if await signed_in(look.request) is None:
                await response.write(b"event: out\ndata: {}\n\n")
                return
            await response.write(as_event(lines) if lines else b": still here\n\n")
            lines = await gathered(queue, BREATH)


async def _to_desk(request: web.Request) -> web.StreamResponse:
    raise web.HTTPSeeOther("/desk")


async def _nothing(request: web.Request) -> web.StreamResponse:
    raise web.HTTPNotFound


async def _static(request: web.Request) -> web.StreamResponse:
    """Our style, script and pictures. Asked for again each time, answered 304 when unchanged."""
    found = request.app[DESK].shipped.get(request.match_info["name"])
    if found is None:
        raise web.HTTPNotFound
    headers = {"ETag": f'"{found.tag}"', "Cache-Control": "no-cache"}
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return web.Response(status=304, headers=headers)
    return web.Response(body=found.data, content_type=found.kind, charset="utf-8", headers=headers)


@web.middleware
async def _friendly(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What goes wrong is said in a sentence, in the person's language."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            error.headers["Cache-Control"] = "no-store"
            raise
        return _sorry(request, error.status)
    except Exception:
        log.exception("desk: %s failed", request.match_info.route.resource)
        return _sorry(request, 500)


def _sorry(request: web.Request, status: int) -> web.Response:
    desk = request.app[DESK]
    known = {400, 401, 403, 404, 413}
    key = f"sorry.{status if status in known else 500}"
    if wants_json(request) or "Desk-Part" in request.headers:
        sentence = words_for(desk, request)(key)
        return web.json_response({"ok": False, "notice": sentence}, status=status)
    values: dict[str, Any] = {"sentence": words_for(desk, request)(key), "me": None, "csrf": ""}
    return render(desk, request, "sorry.html", status=status, **values)


async def _headers(request: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.app[DESK].secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    response.headers.pop("Server", None)


async def _close(app: web.Application) -> None:
    app[DESK].news.close()
