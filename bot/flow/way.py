"""What every step of the way has in hand. Built once, in app.py."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection

from bot.channels.base import Channel
from bot.flow.glances import Glances
from bot.flow.rates import LocalRates, Rates
from bot.flow.texts import Texts
from bot.measures import Measures
from bot.model.dialogue import Ask, Turn
from bot.model.messages import ConversationKey, RawEvent
from bot.model.team import Team
from bot.model.teams import Teams
from bot.store import events
from bot.store.database import Database
from bot.store.together import Together

log = logging.getLogger(__name__)


class Engine(Protocol):
    """Who understands: the dialogue engine's client."""

    async def ask(self, turn: Ask) -> Turn:
        """The engine's answer. Raises EngineDown when there is none."""

    def known(self, turn: Ask) -> Turn | None:
        """The answer of a button that needs no engine, for when none answers."""

    async def ready(self) -> bool:
        """Whether it answers now. Never raises."""

    async def state(self) -> str:
        """The same in words: "ok", "degraded: …" (turns are answered), or what is wrong."""

    async def close(self) -> None:
        """Nothing is asked after this."""


class Bell:
    """Wakes everyone who waits, at once. A ring that nobody hears is lost: waiters look at the store first.

    `bot/between/bells.py` has one that is heard in every process. A ring may come without a cause (a connection
    was lost for a while), so it never says more than "look at the store".
    """

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake all who wait now; those of other processes too, where the bell is shared."""
        self.sound()

    def sound(self) -> None:
        """Wake all who wait now in this process."""
        self._event.set()
        self._event = asyncio.Event()

    async def heard(self, seconds: float | None = None) -> bool:
        """Wait for the next ring, at most `seconds`; False when none came."""
        return await wait_for(self._event, seconds)

    def next(self) -> asyncio.Event:
        """The coming ring: take it before looking at the store, so that no ring between is missed."""
        return self._event


async def wait_for(event: asyncio.Event, seconds: float | None) -> bool:
    """Wait until the event is set, at most `seconds`; False when it was not."""
    try:
        async with asyncio.timeout(seconds):  # asyncio.wait_for loses a cancellation that comes with the ring
            await event.wait()
    except TimeoutError:
        return False
    return True


@dataclass
class Way:
    """The store, the doors, the engine, the words; and the bells between the steps."""

    db: Database
    channels: Mapping[str, Channel]
    engine: Engine
    texts: Texts
    teams: Teams  # replaced when a lead changes them at the desk
    clock: Callable[[], datetime]
    people_url: str  # where platforms fetch agents' pictures: {people_url}/people/3-1.jpg
    cache: Path  # a folder for pictures that are uploaded to platforms
    arrived: Callable[[ConversationKey], None] = lambda _key: None  # an event was stored: answer it
    teams_file: Path | None = None  # where a lead's changes are written to
    teams_version: int = 0  # of the store's versions, the one that `teams` was read from
    holder: str = field(default_factory=lambda: secrets.token_hex(8))  # this process, in rows that it claims
    measures: Measures = field(default_factory=Measures)
    rates: Rates = field(default_factory=LocalRates)
    glances: Glances | None = None  # None: the store keeps who has what open
    inbound: Bell = field(default_factory=Bell)  # events were stored that nobody of this process works on
    outgoing: Bell = field(default_factory=Bell)
    live: Bell = field(default_factory=Bell)
    arrivals: Together[events.Arrival, list[RawEvent]] = field(init=False)  # what the doors bring, to be stored

    def __post_init__(self) -> None:
        self.arrivals = self.db.together(events.put_all)

    @property
    def team(self) -> Team:
        """The team that takes what nobody else does."""
        return self.teams.first

    def committed(self) -> None:
        """Call after each commit that may have left rows to send or news for open desks."""
        self.outgoing.ring()
        self.live.ring()


async def one_by_one(way: Way, what: str, works: Iterable[tuple[int, Callable[[Connection], object]]]) -> None:
    """Each work (with the id of what it is about, for the log) in a transaction of its own; False: nothing changed.

    One that fails must not hold up the others: it would again each time, and they would wait for ever.
    """
    for id_, work in works:
        try:
            changed = await way.db.write(work)
        except Exception:
            log.exception("%s %s could not be worked on", what, id_)
            continue
        if changed is not False:
            way.committed()
