"""What anyone may have: the desk's style, scripts and pictures; and the answer to everything that does not exist."""

from __future__ import annotations

from aiohttp import web

from bot.desk.look import DESK


async def static(request: web.Request) -> web.StreamResponse:
    """Our style, scripts and pictures. Asked for again each time, answered 304 when unchanged."""
    found = request.app[DESK].shipped.get(request.match_info["name"])
    if found is None:
        raise web.HTTPNotFound
    headers = {"ETag": f'"{found.tag}"', "Cache-Control": "no-cache"}
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return web.Response(status=304, headers=headers)
    return web.Response(body=found.data, content_type=found.kind, charset="utf-8", headers=headers)


async def to_desk(request: web.Request) -> web.StreamResponse:
    """The address with a slash too many."""
    raise web.HTTPSeeOther("/desk")


async def nothing(request: web.Request) -> web.StreamResponse:
    """There is no such page."""
    raise web.HTTPNotFound
