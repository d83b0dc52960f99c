"""Tells open desks that something is newer than what they show; they ask for the page again and mend it in place."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from functools import partial

from bot.flow.way import Way, wait_for
from bot.store import inbox

log = logging.getLogger(__name__)

LOOK = 0.5  # seconds between looks without a ring: another process may have written, or ended a session
LATE = 200  # lines looked at again: on PostgreSQL a lower id may be committed after a higher one
BREATH = 15.0  # seconds of silence after which a line keeps the connection open

GATHER = 0.1  # seconds in which news are put together: under load one event tells of many

Line = tuple[int, int, str]  # id, conversation, kind


class News:
    """One reader of the live lines for all open desks of this process. It reads only while somebody listens."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._listeners: set[asyncio.Queue[list[Line] | None]] = set()
        self._reading: asyncio.Task[None] | None = None
        self._begun = asyncio.Event()
        if way.glances:
            way.glances.heard.append(self._glanced)

    @contextlib.asynccontextmanager
    async def listen(self) -> AsyncIterator[asyncio.Queue[list[Line] | None]]:
        """A queue of what is new from now on; None means that the desk closes.

        "Now" is when this is entered: what happens afterwards is in the queue, also while the reader only starts.
        """
        queue: asyncio.Queue[list[Line] | None] = asyncio.Queue()
        self._listeners.add(queue)
        if self._reading is None:
            self._begun = asyncio.Event()
            self._reading = asyncio.create_task(self._read())
        try:
            await self._begun.wait()
            yield queue
        finally:
            self._listeners.discard(queue)
            if not self._listeners and self._reading:
                self._reading.cancel()
                self._reading = None  # whoever comes before it has ended needs another one

    def close(self) -> None:
        """Let every listener go."""
        for queue in self._listeners:
            queue.put_nowait(None)

    def _glanced(self, conversation_id: int) -> None:
        """Who looks or types changed, and the store does not know it: a line without a number."""
        for queue in self._listeners:
            queue.put_nowait([(0, conversation_id, "look")])

    async def _read(self) -> None:
        high = 0
        seen: set[int] | None = None
        while True:
            bell = self._way.live.next()
            try:
                high = high or await self._way.db.read(inbox.latest)
                lines = await self._way.db.read(partial(inbox.news, after=high - LATE))
            except Exception:
                log.exception("news could not be read")
                await wait_for(bell, LOOK)
                continue
            new = [line for line in lines if seen is not None and line[0] not in seen]
            high = max([high, *(line[0] for line in lines)])
            seen = {line for line in seen or () if line > high - LATE} | {line[0] for line in lines}
            self._begun.set()
            for queue in self._listeners if new else ():
                queue.put_nowait(new)
            if not new:
                await wait_for(bell, LOOK)


async def gathered(queue: asyncio.Queue[list[Line] | None], seconds: float) -> list[Line] | None:
    """What comes within `seconds` and a moment after it, [] when nothing does; None when the desk closes."""
    try:
        lines = await asyncio.wait_for(queue.get(), seconds)
    except TimeoutError:
        return []
    if lines is not None:
        await asyncio.sleep(GATHER)
    while lines is not None and not queue.empty():
        more = queue.get_nowait()
        lines = None if more is None else [*lines, *more]
    return lines


def as_event(lines: list[Line], me: int) -> bytes:
    """The lines as a server-sent event: the newest id, which conversations changed, whether one was moved, to `me`."""
    last = max(line for line, _, _ in lines)
    moved = any(kind == "move" or kind.startswith("offer") for _, _, kind in lines)
    offered = [me] if any(kind in (f"offer:{me}", f"warn:{me}") for _, _, kind in lines) else []
    data = json.dumps({"last": last, "in": sorted({one for _, one, _ in lines}), "moved": moved, "for": offered})
    # a browser that comes back asks for what is newer than the last id: it must not be 0
    number = f"id: {last}\n" if last else ""
    return f"event: news\n{number}data: {data}\n\n".encode()
