"""The live stream of one browser: what is new for this person, and the end when their session ends."""

from __future__ import annotations

import json

from aiohttp import web

from bot.desk.live import Heard
from bot.desk.look import Look, session_ended, whole
from bot.model.roles import SEE_EVERY_CASE
from bot.store import agents
from bot.store.standing import held_by, open_of


async def live(look: Look) -> web.StreamResponse:
    """The stream of what is new, until the browser goes, the session ends or the service stops."""
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )
    after = look.request.headers.get("Last-Event-ID") or look.request.query.get("after", "0")
    await response.prepare(look.request)
    known = whole(after, 15) or 0
    try:
        await _tell(look, response, known)
    except ConnectionError:
        pass  # the browser went away
    return response


async def _tell(look: Look, response: web.StreamResponse, known: int) -> None:
    async with look.desk.news.listen(look.me.id, look.token) as queue:
        await response.write(b"retry: 2000\n\n")
        heard: Heard | None = await look.desk.news.since(known, look.token)
        known_cases = await look.way.db.read(lambda connection: held_by(connection, look.me.id))
        while heard is not None:
            # told each time: a session that was ended, or a new role, counts from this very line on
            role = heard.roles.get(look.token)
            if role is None:
                person = await look.way.db.read(lambda connection: agents.get(connection, look.me.id))
                out = {"ended": await session_ended(look.request), "gone": not (person and person.active)}
                await response.write(f"event: out\ndata: {json.dumps(out)}\n\n".encode())
                return
            await response.write(await _event(look, role, heard, known_cases) or b": still here\n\n")
            heard = await queue.get()


async def _event(look: Look, role: str, heard: Heard, known: set[int]) -> bytes:
    """What of the news this role may know: of every case, or only of those that are the person's own.

    `known`: which these were so far. A page that still shows a case which is no longer theirs must hear of it once
    more: it asks again, and is closed.
    """
    sees_all, personal = role in SEE_EVERY_CASE, heard.early or heard.missed
    if sees_all and not personal:
        return heard.to_all  # the same bytes for all of them
    lines = heard.lines_for(look.me.id)
    if not sees_all and lines:
        among = {line[1] for line in lines}
        theirs = await look.way.db.read(lambda connection: open_of(connection, look.me.id, sorted(among)))
        told = theirs | known
        known -= among - theirs
        known |= theirs
        lines = [line for line in lines if line[1] in told]
    # what comes after an early word is for everyone: told twice, the page would ask twice
    return heard.event(lines, me=look.me.id if personal else 0, waiting=heard.waiting if sees_all else 0)
