"""Is everything set up as it should be? Asks the database, Redis, the engine and the platforms; changes nothing."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from bot.between.link import Link
from bot.flow.teams import outdated
from bot.flow.way import Way
from bot.store.migrate import Standing, standing
from bot.store.tables import agents
from bot.store.trouble import meaning

ROOM = 512 * 1024 * 1024  # bytes free where the database and pictures are written

#: What is wrong with tables that are not this program's.
TABLES = {
    Standing.EMPTY: "it is empty: starting the bot makes its tables",
    Standing.OLDER: "it is of an earlier version: starting the bot brings it up to date",
    Standing.NEWER: "it was written by a newer version of this program: update this one",
}


@dataclass(frozen=True)
class Checked:
    """One thing that was looked at; `problems` are sentences, none when it is well."""

    name: str
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()  # worth knowing, and nothing wrong


async def check(way: Way, link: Link | None = None) -> list[Checked]:
    """Everything, in the order in which a message meets it. Never raises for what is wrong.

    `link`: to Redis, where one is configured.
    """
    found = [Checked("settings"), await _database(way), await _teams(way), _disk(way), await _engine(way)]
    if link:
        found.append(await _redis(link))
    for name, channel in way.channels.items():
        found.append(Checked(name, tuple(await channel.check())))
    if not way.channels:
        found.append(Checked("channels", ("no platform is configured: nobody can write to the bot",)))
    return found


async def _database(way: Way) -> Checked:
    def look(connection: Connection) -> int | Standing:
        its = standing(connection)
        if its != Standing.PRESENT:
            return its
        count = select(func.count()).select_from(agents).where(agents.c.active.is_(True))
        return int(connection.execute(count).scalar_one())

    try:
        people = await way.db.write(look)  # a write: a full disk still answers reads
    except SQLAlchemyError as error:
        return Checked("database", (meaning(error),))
    if isinstance(people, Standing):
        return Checked("database", (TABLES[people],))
    if not people:
        return Checked("database", ("nobody is at the desk: `agent add LOGIN \"Anna K.\"`",))
    return Checked("database")


async def _teams(way: Way) -> Checked:
    try:
        told = await outdated(way)
    except SQLAlchemyError:  # said already
        told = ""
    return Checked("teams", notes=(told,) if told else ())


def _disk(way: Way) -> Checked:
    folder = next(path for path in way.cache.absolute().parents if path.exists())
    free = shutil.disk_usage(folder).free
    if free < ROOM:
        return Checked("disk", (f"only {free // 1024 // 1024} MB are free at {folder}",))
    return Checked("disk")


async def _engine(way: Way) -> Checked:
    state = await way.engine.state()
    if state == "no answer":
        state = "it does not answer: not started, still starting, or ended (see its log)"
    return Checked("engine", () if state == "ok" else (state.removeprefix("degraded: "),))


async def _redis(link: Link) -> Checked:
    problem = await link.ask()
    if problem == "AuthenticationError":
        return Checked("redis", ("the password is refused: REDIS_PASSWORD, or the one in REDIS_URL",))
    return Checked("redis", (f"it does not answer ({problem}); see REDIS_URL",) if problem else ())


def report(found: list[Checked]) -> str:
    """A line a thing, and a line a problem."""
    lines = []
    for one in found:
        lines.append(f"{'wrong' if one.problems else 'ok':6} {one.name}")
        lines += [f"         {sentence}" for sentence in (*one.problems, *one.notes)]
    return "\n".join(lines)
