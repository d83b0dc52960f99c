"""Who is really there: open desks report when they were last used, what they show and whether one types."""

from __future__ import annotations

from datetime import timedelta

from aiohttp import web
from sqlalchemy import Connection

from bot.desk.access import may_see
from bot.desk.look import Look, wants_json, whole
from bot.store import agents, audit, conversations, presence

LONGEST = 86_400  # seconds: a page says how long nobody moved, and may say anything


async def here(look: Look) -> web.StreamResponse:
    """A page reports: `idle` seconds without use, the conversation it shows (`open`), whether one `typing`s."""
    now, id_, idle, shown = look.way.clock(), look.me.id, whole(look.text("idle")), whole(look.text("open"))
    used_at = now - timedelta(seconds=LONGEST if idle is None else min(idle, LONGEST))
    if shown and not await may_see(look, shown):
        shown = None
    typing, glances = bool(look.text("typing")), look.way.glances
    kept = bool(shown and glances and await glances.looks(shown, id_, typing=typing))

    def work(connection: Connection) -> None:
        # always in the store: it decides who is given a customer
        presence.here(connection, id_, used_at=used_at, now=now)
        if shown and not kept and conversations.get(connection, shown):
            presence.looks(connection, shown, id_, typing=typing, now=now)

    await look.way.db.write(work)
    if shown and not kept:
        look.way.live.ring()
    return web.Response(status=204)


async def leaves(look: Look) -> web.StreamResponse:
    """A page is closed or shows another conversation: colleagues need not wait to learn it."""
    now, glances = look.way.clock(), look.way.glances
    if not (glances and await glances.away(look.me.id)):
        await look.way.db.write(lambda connection: presence.looks_away(connection, look.me.id, but=None, now=now))
        look.way.live.ring()
    return web.Response(status=204)


async def pause(look: Look) -> web.StreamResponse:
    """Nothing new for a while, or again; what is in hand stays."""
    paused = look.text("paused") == "yes"
    now = look.way.clock()

    def work(connection: Connection) -> None:
        agents.change(connection, look.me.id, paused_at=now if paused else None)
        audit.add(connection, "pause" if paused else "resume", look.me.id, now=now)

    await look.way.db.write(work)
    if wants_json(look.request):
        return web.json_response({"ok": True, "paused": paused})
    raise web.HTTPSeeOther("/desk")
