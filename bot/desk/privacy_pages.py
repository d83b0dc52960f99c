"""What a customer may ask for, at the desk: a copy of their data as a file, and its erasure, asked about once."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web
from sqlalchemy import Connection, Row

from bot.desk.look import Look
from bot.flow import privacy
from bot.store import erasure, inbox
from bot.store.erasure import Obstacle


async def copy(look: Look) -> web.StreamResponse:
    """All that is kept about the conversation's customer, to take away. 404 when nothing is."""
    opened = await _opened(look)
    if erasure.is_erased(opened):
        raise web.HTTPNotFound
    found = await privacy.copy(look.way, opened.customer_id, by=look.me.id)
    name = f"customer-{opened.id}-{look.way.clock():%Y-%m-%d}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    text = json.dumps(found, ensure_ascii=False, indent=2)
    return web.Response(text=text, content_type="application/json", charset="utf-8", headers=headers)


async def question(look: Look) -> web.StreamResponse:
    """What would go and what stays; or what has to be done first; or that it is done."""
    opened = await _opened(look)

    def read(connection: Connection) -> list[Obstacle]:
        return erasure.obstacles(connection, erasure.of(connection, opened.customer_id))

    return _page(look, opened, await look.way.db.read(read))


async def erase(look: Look) -> web.StreamResponse:
    """Erase it, when that was confirmed and nothing is in the way."""
    opened = await _opened(look)
    if look.text("sure") != "yes":
        return _page(look, opened, [], status=400)
    found = await privacy.erase(look.way, opened.customer_id, by=look.me.id)
    if found:
        return _page(look, opened, found, status=409)
    raise web.HTTPSeeOther(f"/desk/c/{opened.id}/erase")


async def _opened(look: Look) -> Row[Any]:
    id_ = look.number("id")
    opened = await look.way.db.read(lambda connection: inbox.conversation(connection, id_))
    if opened is None:
        raise web.HTTPNotFound
    return opened


def _page(look: Look, opened: Row[Any], found: list[Obstacle], *, status: int = 200) -> web.Response:
    return look.page(
        "erase.html", status=status, open=opened, erased=erasure.is_erased(opened), obstacles=found
    )
