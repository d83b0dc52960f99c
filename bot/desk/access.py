"""May this person pass this door, and see this case? A look at a case that is not their own is written down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web
from sqlalchemy import Connection

from bot.desk.look import AioHandler, Handler, Look
from bot.model.roles import SEE_EVERY_CASE
from bot.store import audit, inbox
from bot.store.standing import Standing, standing


@dataclass(frozen=True)
class Door:
    """An address: how it is guarded (page, part, action), by what it is answered, and for whom.

    `about`: what the number in the path is, where it leads to a case ("conversation" or "message").
    """

    method: str
    path: str
    opens: Callable[[Handler], AioHandler]
    handler: Handler
    roles: frozenset[str]
    about: str = ""


def within(door: Door) -> Handler:
    """The door's handler, for its roles and for cases the person may see: 403 for everyone else."""

    async def guarded(look: Look) -> web.StreamResponse:
        if look.me.role not in door.roles:
            raise web.HTTPForbidden
        if door.about:
            await _case(look, door)
        return await door.handler(look)

    return guarded


async def may_see(look: Look, conversation_id: int) -> bool:
    """Whether the conversation's case is one that this person may see."""
    if look.me.role in SEE_EVERY_CASE:
        return True
    found = await look.way.db.read(lambda connection: standing(connection, conversation_id, look.me.id))
    return found is not None and found.open


async def _case(look: Look, door: Door) -> None:
    if door.method != "GET" and look.me.role in SEE_EVERY_CASE:
        return  # what they do is written down by the handler, which also says when there is no such thing
    now, me = look.way.clock(), look.me.id
    number = look.number("message" if door.about == "message" else "id")

    def read(connection: Connection) -> tuple[int, Standing | None, bool]:
        conversation_id = number
        if door.about == "message":
            row = inbox.message(connection, number)
            conversation_id = row.conversation_id if row else 0
        found = standing(connection, conversation_id, me)
        known = found is None or found.own or audit.looked(connection, me, conversation_id, now)
        return conversation_id, found, known

    conversation_id, found, known = await look.way.db.read(read)
    if found is None:
        return  # the handler says that there is no such thing
    if look.me.role not in SEE_EVERY_CASE and not found.open:
        raise web.HTTPForbidden
    if door.method == "GET" and not known:
        await look.way.db.write(
            lambda connection: audit.add_once(connection, audit.LOOK, me, conversation_id=conversation_id, now=now)
        )
