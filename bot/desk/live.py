"""Tells open desks that something is newer than what they show; they ask for the page again and mend it in place.

What all desks of a process need is read once for all of them. Who is offered a customer hears of it at once and before
everyone else; the others a moment later, many news in one event. They ask for their lists again at a pace that
stretches with the number of desks, so that the lists of a busy centre never keep its decisions waiting; what would
mislead them meanwhile (a customer who is gone, how many wait) is in the event itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from sqlalchemy import Connection

from bot.flow.way import Way, wait_for
from bot.store import agents, inbox, lists

log = logging.getLogger(__name__)

LOOK = 0.5  # seconds between looks without a ring: another process may have written, or ended a session
LATE = 200  # lines looked at again: on PostgreSQL a lower id may be committed after a higher one
BREATH = 15.0  # seconds of silence after which a line keeps the connection open

GATHER = 0.1  # seconds in which news are put together: under load one event tells of many
TOLD = 20  # desks told in one go: all at once they would keep the loop from whoever takes a case
EACH = 0.001  # seconds that are gathered for each open desk, where this is longer: telling them costs time too
MEND = 2.0  # seconds between two times that a desk asks for its lists
LISTS = 10  # a second at most, of all desks together: with more than twenty each asks more rarely

Line = tuple[int, int, str]  # id, conversation, kind


@dataclass(frozen=True)
class Heard:
    """News, and what is the same for all who hear them."""

    lines: Sequence[Line]
    roles: Mapping[str, str]  # session's hash -> role, of those who are still signed in
    waiting: int  # customers, in all
    gone: frozenset[int]  # conversations that were moved and do not wait
    pace: float  # seconds between two times that a desk asks for its lists
    early: bool = False  # told to those whom it is for, before everyone hears of it
    missed: bool = False  # told to one who comes back
    cut: bool = False  # so much was missed that these lines are not all of it

    @cached_property
    def to_all(self) -> bytes:
        """The event for whoever may see every case; b"" when there is none."""
        return self.event(self.lines_for(0), waiting=self.waiting)

    def lines_for(self, agent: int) -> list[Line]:
        """Of cases: the others only wake streams up, because somebody's session ended. Early: the person's own."""
        return [line for line in self.lines if line[1] and (not self.early or line[2] in _for(agent))]

    def event(self, lines: Sequence[Line], *, me: int = 0, waiting: int = 0) -> bytes:
        """Server-sent: the newest id, which conversations changed, whether one was moved, whether they are for `me`."""
        if not lines and not self.cut:
            return b""
        # a browser that comes back asks for what is newer than the last id: it must not pass over what is still to come
        last = 0 if self.early else max((line for line, _, _ in lines), default=0)
        among = {one for _, one, _ in lines}
        data = {
            "last": last,
            "in": sorted(among),
            "moved": any(kind == "move" or kind.startswith("offer") for _, _, kind in lines),
            "for": [me] if any(kind in _for(me) for _, _, kind in lines) else [],
            "all": self.cut,
            "gone": sorted(among & self.gone),
            "waiting": waiting,
            "pace": self.pace,
        }
        number = f"id: {last}\n" if last else ""
        return f"event: news\n{number}data: {json.dumps(data)}\n\n".encode()


@dataclass(frozen=True, eq=False)
class Listener:
    """One browser; None in its queue means that the desk closes."""

    agent: int
    token: str  # the session's hash
    queue: asyncio.Queue[Heard | None]


class News:
    """One reader of the live lines for all open desks of this process. It reads only while somebody listens."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._listeners: set[Listener] = set()
        self._reading: asyncio.Task[None] | None = None
        self._begun = asyncio.Event()
        self._gathered: list[Line] = []  # for everyone, when `_due` comes
        self._due = 0.0
        if way.glances:
            way.glances.heard.append(self._glanced)

    @contextlib.asynccontextmanager
    async def listen(self, agent: int, token: str) -> AsyncIterator[asyncio.Queue[Heard | None]]:
        """A queue of what is new from now on; None means that the desk closes.

        "Now" is when this is entered: what happens afterwards is in the queue, also while the reader only starts.
        """
        listener = Listener(agent, token, asyncio.Queue())
        self._listeners.add(listener)
        if self._reading is None:
            self._begun = asyncio.Event()
            self._reading = asyncio.create_task(self._read())
        try:
            await self._begun.wait()
            yield listener.queue
        finally:
            self._listeners.discard(listener)
            if not self._listeners and self._reading:
                self._reading.cancel()
                self._reading = None  # whoever comes before it has ended needs another one

    async def since(self, known: int, token: str) -> Heard:
        """What a browser missed since line `known`; nothing for 0."""

        def read(connection: Connection) -> Heard:
            lines = inbox.news(connection, known) if known else []
            return replace(self._heard(connection, lines, [token]), missed=True, cut=len(lines) == inbox.NEWS)

        return await self._way.db.read(read)

    def close(self) -> None:
        """Let every listener go."""
        for listener in self._listeners:
            listener.queue.put_nowait(None)

    def _glanced(self, conversation_id: int) -> None:
        """Who looks or types changed, and the store does not know it: a line without a number."""
        if self._listeners:
            self._gather([(0, conversation_id, "look")])
            self._way.live.sound()

    async def _read(self) -> None:
        late = 0 if self._way.db.sqlite else LATE  # SQLite has one writer: ids come in their order
        high: int | None = None
        seen: set[int] | None = None
        self._gathered, self._due = [], time.monotonic() + BREATH
        while True:
            bell = self._way.live.next()
            try:
                high = await self._way.db.read(inbox.latest) if high is None else high
                lines = await self._way.db.read(partial(inbox.news, after=high - late))
                new = [line for line in lines if (line[0] > high if seen is None else line[0] not in seen)]
                await self._tell_early(new)
            except Exception:
                log.exception("news could not be read")
                await wait_for(bell, LOOK)
                continue
            high = max([high, *(line[0] for line in lines)])
            seen = {line for line in seen or () if line > high - late} | {line[0] for line in lines}
            self._begun.set()
            self._gather(new)
            await self._tell_due()
            if not new:
                await wait_for(bell, min(LOOK, max(self._due - time.monotonic(), 0)))

    def _gather(self, lines: list[Line]) -> None:
        if lines and not self._gathered:
            self._due = min(self._due, time.monotonic() + max(GATHER, EACH * len(self._listeners)))
        self._gathered += lines

    async def _tell_early(self, new: list[Line]) -> None:
        """Each of those who are offered a customer, or warned, of their own."""
        kinds = {kind for _, _, kind in new}
        concerned = [one for one in self._listeners if not kinds.isdisjoint(_for(one.agent))]
        if concerned:
            await self._tell(new, concerned, early=True)

    async def _tell_due(self) -> None:
        """Everyone, when enough was gathered; after a long silence of nothing, which keeps connections open."""
        if time.monotonic() < self._due:
            return
        lines, self._gathered = self._gathered, []
        self._due = time.monotonic() + BREATH
        try:
            await self._tell(lines, list(self._listeners))
        except Exception:
            log.exception("news could not be told")
            self._due = time.monotonic() + LOOK
            self._gathered = lines + self._gathered

    async def _tell(self, lines: list[Line], listeners: Sequence[Listener], *, early: bool = False) -> None:
        tokens = [one.token for one in listeners]
        heard = await self._way.db.read(lambda connection: self._heard(connection, lines, tokens))
        heard = replace(heard, early=early)
        for number, one in enumerate(listeners, 1):
            one.queue.put_nowait(heard)
            if number % TOLD == 0:
                await asyncio.sleep(0)

    def _heard(self, connection: Connection, lines: Sequence[Line], tokens: Collection[str]) -> Heard:
        moved = {conversation for _, conversation, kind in lines if kind == "move"}
        return Heard(
            lines,
            agents.roles(connection, tokens, self._way.clock()),
            waiting=lists.waiting(connection) if lines else 0,
            gone=frozenset(lists.not_waiting(connection, moved)),
            pace=max(MEND, len(self._listeners) / LISTS),
        )


def _for(agent: int) -> tuple[str, str]:
    """Kinds of lines that are for this person."""
    return (f"offer:{agent}", f"warn:{agent}")
