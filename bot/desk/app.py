"""The desk as an application to mount: its routes, its headers, its friendly errors."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from bot.desk.attempts import Network
from bot.desk.doors import routes
from bot.desk.look import DESK, desk_of, render, wants_json, words_for
from bot.flow.way import Way
from bot.store import agents

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


def desk_app(way: Way, *, secure_cookies: bool, proxies: Sequence[Network] = ()) -> web.Application:
    """The desk, to be mounted at /desk: `app.add_subapp("/desk", desk_app(way, secure_cookies=...))`.

    `proxies` are believed when they say for whom they ask.
    """
    app = web.Application(middlewares=[_friendly])
    app[DESK] = desk_of(way, secure=secure_cookies, proxies=proxies)
    app.on_response_prepare.append(_headers)
    app.on_shutdown.append(_close)
    app.add_routes(routes())
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


@web.middleware
async def _friendly(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What goes wrong is said in a sentence, in the person's language."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            error.headers["Cache-Control"] = "no-store"
            raise
        answer = _sorry(request, error.status)
        if "Desk-Ended" in error.headers:
            answer.headers["Desk-Ended"] = "yes"  # somebody ended the session: the page closes itself
        return answer
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
