"""The page about teams: their file, and what each person knows. Leads change it, editors read the file."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from bot.desk.look import Look, whole
from bot.flow import teams as teams_
from bot.model.errors import Refused
from bot.model.roles import OVERSEERS
from bot.store import agents, audit, presence, team_files

MOST = 50  # customers at a time
LONGEST_FILE = 100_000  # characters


async def teams(look: Look) -> web.StreamResponse:
    """The file, its versions, and everybody with their teams, languages and topics."""
    done = look.request.query.get("done", "")
    return await _page(look, done=done if done in ("saved", "not_on_disk") else "")


async def save(look: Look) -> web.StreamResponse:
    """A new text of the file, if all of it is right: every mistake is named at once."""
    text, seen = look.text("text") + "\n", whole(look.text("seen"))
    try:
        if len(text) > LONGEST_FILE:
            raise ValueError("teams.yml: too long")
        written = await teams_.change(look.way, text, look.me.id, seen=-1 if seen is None else seen)
    except ValueError as error:
        return await _page(look, problem=str(error), text=text)
    except Refused as refused:
        return await _page(look, problem=look.words("teams.changed") if refused.reason == "changed" else "", text=text)
    raise web.HTTPSeeOther("/desk/teams?done=" + ("saved" if written else "not_on_disk"))


async def person(look: Look) -> web.StreamResponse:
    """What one person knows, and how many customers they can have at a time."""
    id_, capacity = look.number("id"), whole(look.text("capacity"))
    chosen = [team.key for team in look.way.teams.all if look.text(f"team_{team.key}")]
    spoken = [language for language in look.way.teams.languages if look.text(f"language_{language}")]
    topics = sorted(set(look.text("topics").split()))[:50]
    if capacity is None or capacity > MOST:
        return await _page(look, problem=look.words("teams.bad_person"))

    def work(connection: Connection) -> bool:
        found = agents.get(connection, id_)
        if found is None:
            return False
        new = {"teams": chosen, "languages": spoken, "topics": topics, "capacity": capacity}
        old = {name: getattr(found, name) for name in new}
        changed: dict[str, Any] = {name: [old[name], new[name]] for name in new if old[name] != new[name]}
        if changed:
            agents.change(connection, id_, **new)
            audit.add(connection, "skills", look.me.id, person_id=id_, now=look.way.clock(), **changed)
        return True

    if not await look.way.db.write(work):
        raise web.HTTPNotFound
    raise web.HTTPSeeOther("/desk/teams?done=saved")


async def _page(look: Look, *, problem: str = "", text: str | None = None, done: str = "") -> web.Response:
    def read(connection: Connection) -> dict[str, Any]:
        return {
            "everyone": presence.everyone(connection, look.way.clock()),
            "versions": team_files.versions(connection),
        }

    data = await look.way.db.read(read)
    newest = data["versions"][0] if data["versions"] else None
    return look.page(
        "teams.html",
        status=400 if problem else 200,
        problem=problem,
        done=done,
        text=text if text is not None else newest.text if newest else "",
        seen=look.text("seen") if text is not None else newest.id if newest else 0,
        teams=look.way.teams,
        most=MOST,
        may_change=look.me.role in OVERSEERS,
        **data,
    )
