"""Commands that do one thing and end: people at the desk, setting the Page up, and what bot/operations does."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from bot.app import build_way, open_database
from bot.between.link import Link
from bot.channels import channels
from bot.channels.messenger import MessengerChannel
from bot.desk import add_agent, set_password, set_picture
from bot.desk.pictures import NotAPicture
from bot.flow.say import speaker_of
from bot.flow.way import Way
from bot.model.errors import Refused, SendError
from bot.operations.commands import engine, operate
from bot.settings import Settings
from bot.store import agents
from bot.store.database import Database
from bot.store.migrate import Standing, migrate, standing
from bot.web import StartFailed

REASONS = {
    "bad_login": "A log-in has 2 to 64 small letters, digits, dots or hyphens.",
    "bad_name": "A name has 2 to 50 characters.",
    "login_taken": "That log-in is taken.",
}


#: They look themselves whose tables they find.
OWN_LOOK = ("check", "restore")


def _as_it_is(_db: Database) -> None:
    """Nothing is looked at yet."""


def _unless_older(db: Database) -> None:
    """An empty database gets its tables; one of an earlier version may be in use by that version, and stays. Raises
    StartFailed, TooNew.
    """
    with db.engine.connect() as connection:
        older = standing(connection) == Standing.OLDER
    if older:
        db.close()
        raise StartFailed("The database is of an earlier version: starting the bot brings it up to date.")
    migrate(db)


async def once(settings: Settings, options: argparse.Namespace) -> int:
    """Run the command that was parsed; the exit code: 0 done, 1 not done (a sentence says why)."""
    try:
        db = open_database(settings, _as_it_is if options.command in OWN_LOOK else _unless_older)
        way = build_way(settings, db)
    except StartFailed as error:
        print(error, file=sys.stderr)
        return 1
    link = Link(settings.redis_url) if settings.redis_url else None
    try:
        if options.command == "messenger-setup":
            problem = await _set_up_messenger(way, settings)
        elif options.command == "agent":
            problem = await _agent(way, options)
        elif options.command == "engine":
            problem = await engine(way, options, settings.children, elsewhere=bool(settings.engine_urls))
        else:
            problem = await operate(way, options, link)
    except Refused as error:
        problem = REASONS.get(error.reason, error.reason)
    finally:
        await way.engine.close()
        if link:
            await link.stop()
        db.close()
    if problem:
        print(problem, file=sys.stderr)
    return 1 if problem else 0


async def _agent(way: Way, options: argparse.Namespace) -> str:
    """What is wrong, "" when it is done."""
    if options.verb == "list":
        for agent in await way.db.read(agents.everyone):
            print(f"{agent.login:20} {agent.name:30} {agent.role}{'' if agent.active else '  (not active)'}")
        return ""
    if options.verb == "add":
        new = await add_agent(way, options.login, name=options.name, role=options.role)
        print(f"{new.login} / {new.password}")
        return ""
    found = await way.db.read(lambda connection: agents.by_login(connection, options.login))
    if found is None:
        return f"There is nobody with the log-in {options.login}."
    if options.verb == "password":
        print(await set_password(way, found.id))
        return ""
    return await _picture(way, found.id, options.file)


async def _picture(way: Way, agent_id: int, file: Path) -> str:
    try:
        await set_picture(way, agent_id, file.read_bytes())
    except OSError as error:
        return f"{file} cannot be read: {error.strerror}."
    except NotAPicture:
        return f"{file} is no picture that can be used: JPEG or PNG, 8 MB at most."
    return ""


async def _set_up_messenger(way: Way, settings: Settings) -> str:
    """The Page's subscription, menu and greeting, and a persona for everyone at the desk; repeatable."""
    if settings.messenger is None:
        return "Messenger has no settings: MESSENGER_PAGE_ID, MESSENGER_PAGE_TOKEN, … and PUBLIC_URL."
    channel = channels(settings)["messenger"]
    assert isinstance(channel, MessengerChannel)
    try:
        changed = await channel.set_up()
        changed += await _personas(way, channel)
    except SendError as error:
        return f"Messenger refused: {error}"
    finally:
        await channel.stop()
    print("\n".join(changed) if changed else "Nothing to change.")
    return ""


async def _personas(way: Way, channel: MessengerChannel) -> list[str]:
    """Make everyone at the desk known to the Page, who is not yet with the present name and picture."""
    made = []
    for agent in await way.db.read(agents.everyone):
        if await way.db.read(partial(agents.handle, agent=agent, channel=channel.name)):
            continue
        handle = await channel.register(speaker_of(way, agent))
        if handle:
            await way.db.write(partial(agents.keep_handle, agent=agent, channel=channel.name, value=handle))
            made.append(f"persona {agent.name}")
    return made
