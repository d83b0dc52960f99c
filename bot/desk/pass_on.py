"""Passing a customer on, asking a colleague in, and the end of a shift."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from sqlalchemy import Connection, Row

from bot.desk.look import Look, whole
from bot.flow import transfer
from bot.model.errors import Refused
from bot.model.roles import OVERSEERS
from bot.store import agents, conversations, lists, presence, promises


async def shift(look: Look) -> web.StreamResponse:
    """Everyone in hand, each with who could go on with them: handed over one by one."""
    now = look.way.clock()

    def read(connection: Connection) -> dict[str, Any]:
        listed = lists.listed(connection, "mine", look.me.id, limit=200).rows
        rows = [row for row in listed if row.owner_id == look.me.id]
        names = {one.id: one for one in presence.everyone(connection, now)}
        suggested = {}
        for row in rows:
            opened = conversations.get(connection, row.id)
            choice = transfer.suggested(connection, look.way, opened, look.me.id, now) if opened else None
            suggested[row.id] = names.get(choice.agent_id) if choice else None
        owed: dict[int, list[Row[Any]]] = {row.id: [] for row in rows}
        for promise in promises.open_of(connection, list(owed)):
            owed[promise.conversation_id].append(promise)
        return {"rows": rows, "suggested": suggested, "owed": owed, "colleagues": list(names.values())}

    data = await look.way.db.read(read)
    return look.page("shift.html", teams=look.way.teams.all, **data)


def passes(connection: Connection, look: Look, opened: Row[Any]) -> dict[str, Any]:
    """To a person ("p12") or a team ("t:care"), with a note; to whom. A lead may do it for a colleague."""
    to, note, now = look.text("to"), look.text("text")[:500], look.way.clock()
    holder = _holder(connection, look, opened)
    if to.startswith("t:"):
        transfer.to_team(connection, look.way, opened, holder, to[2:], note, by=look.me, now=now)
        return {"team": to[2:]}
    person = transfer.colleague(connection, _person(to))
    transfer.to_person(connection, look.way, opened, holder, person, note, by=look.me, now=now)
    return {"person_id": person.id}


def asks_in(connection: Connection, look: Look, opened: Row[Any]) -> dict[str, Any]:
    """A colleague is asked to look at it; who."""
    person = transfer.colleague(connection, _person(look.text("to")))
    note, now = look.text("text")[:500], look.way.clock()
    transfer.pull_in(connection, opened, look.me, person, note, now=now)
    return {"person_id": person.id}


def _person(to: str) -> int:
    person = whole(to.removeprefix("p")) if to.startswith("p") else None
    if person is None:
        raise Refused("nobody")
    return person


def _holder(connection: Connection, look: Look, opened: Row[Any]) -> Row[Any]:
    """Whose customer it is: one's own, or for leads a colleague's."""
    if opened.agent_id and opened.agent_id != look.me.id and look.me.role in OVERSEERS:
        return agents.get(connection, opened.agent_id) or look.me
    return look.me
