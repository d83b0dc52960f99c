"""The commands as they are typed: what they print, and whether it is well."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

from bot.between.link import Link
from bot.flow.way import Way
from bot.operations import check, doctor, engines
from bot.operations.copies import CopyFailed, backup, restore
from bot.operations.customer import customer
from bot.operations.move import move
from bot.operations.replay import replay
from bot.pair import ChildrenSettings
from bot.store import audit


async def operate(way: Way, options: argparse.Namespace, link: Link | None = None) -> str:
    """Run check, doctor, replay, backup, restore, move or customer; what is wrong, "" when all is well.

    `link`: to Redis, where one is configured.
    """
    try:
        if options.command == "check":
            return await _check(way, link)
        if options.command == "doctor":
            return await _doctor(way, link)
        if options.command == "replay":
            problems = [await replay(way, event) for event in options.event]
            return "\n".join(filter(None, problems))
        if options.command == "move":
            return await _move(way, options)
        if options.command == "customer":
            return await customer(way, options)
        return await _copy(way, options)
    finally:
        for channel in way.channels.values():
            await channel.stop()


async def _check(way: Way, link: Link | None) -> str:
    found = await check.check(way, link)
    print(check.report(found))
    return "Something is not as it should be." if any(one.problems for one in found) else ""


async def _doctor(way: Way, link: Link | None) -> str:
    found = await way.db.read(lambda connection: doctor.examine(connection, way.clock()))
    if link and (problem := await link.ask()):
        found.append(doctor.redis_is_gone(problem))
    print(doctor.report(found))
    return "Something is stuck." if any(one.stuck for one in found) else ""


async def _copy(way: Way, options: argparse.Namespace) -> str:
    try:
        if options.command == "backup":
            counts = await asyncio.to_thread(backup, way.db, options.file)
        else:
            scratch = way.cache.parent
            counts = await asyncio.to_thread(
                restore, way.db, options.file, scratch=scratch, overwrite=options.overwrite
            )
    except CopyFailed as error:
        return str(error)
    # all that is known of every customer has left the database, or was put into it
    rows, now = sum(counts.values()), way.clock()
    await way.db.write(lambda connection: audit.add(connection, options.command, None, now=now, rows=rows))
    print("\n".join(f"{number:>10} {name}" for name, number in sorted(counts.items())))
    print("Every row was read back and compared.")
    return ""


async def _move(way: Way, options: argparse.Namespace) -> str:
    try:
        moved = await asyncio.to_thread(move, way.db, options.to)
    except CopyFailed as error:
        return str(error)
    print("\n".join(f"{one.rows:>10} {name:20} {one.digest[:16]}" for name, one in sorted(moved.items())))
    print("Every row was read back and compared. Now set DATABASE_URL to the new address, and start the bot.")
    return ""


def add_customer_commands(commands: Any) -> None:
    """`customer …` on the command line; `commands` are argparse's subparsers."""
    parser = commands.add_parser("customer", help="a customer's own data, as they may ask for it")
    verbs = parser.add_subparsers(dest="verb", required=True)
    copy = verbs.add_parser("copy", help="all that is kept about the customer of a case, as JSON")
    copy.add_argument("--to", type=Path, metavar="FILE", help="a new file, for its owner alone; else it is printed")
    erase = verbs.add_parser("erase", help="all of it goes, for good; asks before it does")
    erase.add_argument("--yes", action="store_true", help="do not ask")
    for verb in (copy, erase):
        verb.add_argument("case", help="the number of one of their cases: C-ACDEF")


def add_engine_commands(commands: Any) -> None:
    """`engine …` on the command line; `commands` are argparse's subparsers."""
    parser = commands.add_parser("engine", help="another model for the engine")
    verbs = parser.add_subparsers(dest="verb", required=True)
    swap = verbs.add_parser("swap", help="train if the content changed, try the model, put it into service")
    swap.add_argument("--anyway", action="store_true", help="also when it does worse than it should")
    verbs.add_parser("back", help="the model before this one")
    verbs.add_parser("list", help="the models that are kept, and what was exchanged when")
    tried = verbs.add_parser("try", help="try an engine that runs somewhere on stored messages; changes nothing")
    tried.add_argument("url")
    for verb in (swap, tried):
        verb.add_argument("--stored", type=int, default=300, help="so many of the last customers' messages")


async def engine(way: Way, options: argparse.Namespace, settings: ChildrenSettings, *, elsewhere: bool) -> str:
    """Run an engine command; what is wrong, "" when it is done. `elsewhere`: the engines are not our children."""
    if options.verb == "try":
        return await engines.try_at(way, options.url, settings.root, most=options.stored)
    if elsewhere:
        return engines.ELSEWHERE
    if options.verb == "swap":
        return await engines.swap(way, settings, most=options.stored, anyway=options.anyway)
    return await (engines.back if options.verb == "back" else engines.show)(way, settings)
