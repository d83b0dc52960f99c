"""A customer's own data: a copy of it, its erasure. Both are written down, without a word of it.

They follow the customer: all of their conversations, whichever one they are asked for in.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row

from bot.flow.way import Way
from bot.store import audit, erasure, personal
from bot.store.erasure import Obstacle

log = logging.getLogger(__name__)


async def copy(way: Way, customer_id: int, *, by: int | None) -> dict[str, Any]:
    """All that is kept, as bot/store/personal.py has it. `by`: who at the desk takes it; None: the command line."""
    found = await way.db.read(lambda connection: personal.everything(connection, customer_id))

    def written(connection: Connection) -> None:
        _write_down(connection, "copy", erasure.of(connection, customer_id), by=by, now=way.clock())

    await way.db.write(written)
    return {"company": way.teams.company, "made_at": way.clock().isoformat(), **found}


async def erase(way: Way, customer_id: int, *, by: int | None) -> list[Obstacle]:
    """Erase it for good; what has to be done first, nothing when it is done (now, or before)."""

    def work(connection: Connection) -> tuple[list[Obstacle], list[str]]:
        own = [row for row in erasure.of(connection, customer_id, hold=True) if not erasure.is_erased(row)]
        found = erasure.obstacles(connection, own)
        if found or not own:
            return found, []
        _write_down(connection, "erase", own, by=by, now=way.clock())
        return [], erasure.erase(connection, own, way.clock())

    found, images = await way.db.write(work)
    way.committed()
    if images:
        unused = await way.db.read(lambda connection: erasure.unused(connection, images))
        await asyncio.to_thread(_remove, way.cache, unused)
    return found


def _write_down(connection: Connection, kind: str, own: Sequence[Row[Any]], *, by: int | None, now: datetime) -> None:
    for row in own:
        audit.add(connection, kind, by, conversation_id=row.id, now=now)


def _remove(cache: Path, images: Sequence[str]) -> None:
    """Files that agents sent; pictures of people, and what lies elsewhere, are not ours to remove."""
    folder = (cache / "replies").resolve()
    for image in images:
        file = Path(image).resolve()
        if file.is_relative_to(folder):
            try:
                file.unlink(missing_ok=True)
            except OSError as error:
                log.warning("an image that was sent could not be removed: %s", type(error).__name__)
