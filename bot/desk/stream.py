"""The live stream of one browser: what is new for this person, and the end when their session ends."""

from __future__ import annotations

import json

from aiohttp import web

from bot.desk.live import BREATH, Line, as_event, gathered
from bot.desk.look import Look, session_ended, signed_in
from bot.model.roles import SEE_EVERY_CASE
from bot.store import agents, inbox
from bot.store.standing import held_by, open_of


async def live(look: Look) -> web.StreamResponse:
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
        lines: list[Line] | None = missed
        known_cases = await look.way.db.read(lambda connection: held_by(connection, look.me.id))
        while lines is not None:
            # asked each time: a session that was ended, or a new role, counts from this very line on
            found = await signed_in(look.request)
            if found is None:
                person = await look.way.db.read(lambda connection: agents.get(connection, look.me.id))
                out = {"ended": await session_ended(look.request), "gone": not (person and person.active)}
                await response.write(f"event: out\ndata: {json.dumps(out)}\n\n".encode())
                return
            mine = await _for(look, found[0].role, lines, known_cases)
            await response.write(as_event(mine, look.me.id) if mine else b": still here\n\n")
            lines = await gathered(queue, BREATH)


async def _for(look: Look, role: str, lines: list[Line], known: set[int]) -> list[Line]:
    """What of the news this role may know: of every case, or only of those that are the person's own.

    `known`: which these were so far. A page that still shows a case which is no longer theirs must hear of it once
    more: it asks again, and is closed.
    """
    about_cases = [line for line in lines if line[1]]  # the others only wake streams up: somebody's session ended
    if role in SEE_EVERY_CASE or not about_cases:
        return about_cases
    among = {line[1] for line in about_cases}
    theirs = await look.way.db.read(lambda connection: open_of(connection, look.me.id, sorted(among)))
    told = theirs | known
    known -= among - theirs
    known |= theirs
    return [line for line in about_cases if line[1] in told]
