"""The commands as they are typed: what they print, and whether it is well."""

from __future__ import annotations

import argparse
import asyncio

from bot.between.link import Link
from bot.flow.way import Way
from bot.operations import check, doctor
from bot.operations.copies import CopyFailed, backup, restore
from bot.operations.replay import replay


async def operate(way: Way, options: argparse.Namespace, link: Link | None = None) -> str:
    """Run check, doctor, replay, backup or restore; what is wrong, "" when all is well.

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
    print("\n".join(f"{number:>10} {name}" for name, number in sorted(counts.items())))
    print("Every row was read back and compared.")
    return ""
