"""Answers many conversations at once, each one event after the other, in any number of processes.

    wake      an event was stored by this process: it is taken up here, or by whoever has room sooner
    take_up   what nobody here was woken for: stored elsewhere, given back, or left by a process that died

Who works on a conversation is a lease in the store (see `bot.store.leases`); what is kept here is only what this
process means to do next, and may be forgotten at any moment.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from functools import partial

from bot.flow.answer import answer_next, give_up
from bot.flow.scene import LEASE
from bot.flow.way import Way, wait_for
from bot.model.messages import ConversationKey
from bot.store import leases
from bot.store.database import AWAY

log = logging.getLogger(__name__)

AT_ONCE = 32  # turns under way in one process: they wait for the engine most of the time
QUEUE = 4  # conversations that may wait in memory for each of these; the others wait in the store
TRIES = 3  # an event whose turn fails this often for no known reason goes to a person
RENEW = LEASE / 3
STORE = 0.5  # seconds between tries while the store is away
LOOK = 1.0  # seconds between looks when no bell rings
LEFT_BEHIND = timedelta(seconds=1)  # an event this old that nobody works on: who stored it is full, or gone


class Answering:
    """The turns of one process."""

    def __init__(self, way: Way, *, at_once: int = AT_ONCE) -> None:
        self._way = way
        self._at_once = at_once
        self._room = asyncio.Semaphore(at_once)
        self._busy: dict[ConversationKey, bool] = {}  # True: something arrived since the last look
        self._more = False  # the store has some that found no place here
        self._turns: set[asyncio.Task[None]] = set()
        self._beside: list[asyncio.Task[None]] = []
        self._stopping = False

    async def start(self) -> None:
        """Take up what was stored and never answered, and from now on what nobody wakes us for.

        A store that goes away just now is waited for: this process has opened its port, and would end with an error.
        """
        while True:
            try:
                await self.take_up()
                break
            except AWAY as error:
                log.warning("what is stored is taken up later: %s", type(error).__name__)
                await asyncio.sleep(STORE)
        self._beside = [asyncio.create_task(self._look_around()), asyncio.create_task(self._renew())]

    def wake(self, key: ConversationKey) -> None:
        """Something was stored for this conversation."""
        if self._stopping:
            self._way.inbound.ring()
        elif key in self._busy:
            self._busy[key] = True
        elif self._more or len(self._busy) >= self._at_once * QUEUE:
            # who waits in the store goes first, or as long as more come than are answered it would be for ever
            self._more = True
            self._way.inbound.ring()
        else:
            if self._room.locked():
                self._way.inbound.ring()  # others may have room: whoever claims it first has it
            self._begin(key)

    def _begin(self, key: ConversationKey) -> None:
        self._busy[key] = False
        task = asyncio.create_task(self._work(key))
        self._turns.add(task)
        task.add_done_callback(self._turns.discard)

    async def take_up(self, *, older_than: timedelta = timedelta()) -> None:
        """Wake for what waits in the store (at least so long) and nobody works on, as far as there are places."""
        now, places = self._way.clock(), self._at_once * QUEUE
        # one more than there are places: those that have one here may be among them, and whether others are left shows
        look = partial(leases.waiting, most=places + 1, now=now, before=now - older_than if older_than else None)
        self._more = self._more and bool(older_than)  # what is younger is not seen now, and still goes first
        for key in await self._way.db.read(look):
            if self._stopping or len(self._busy) >= places:
                self._more = True
                break
            if key not in self._busy:
                self._begin(key)

    async def stop(self) -> None:
        """Finish the turns that run; what is stored waits for another process, or the next start."""
        self._stopping = True
        await asyncio.gather(*self._turns, return_exceptions=True)
        for task in self._beside:
            task.cancel()
        await asyncio.gather(*self._beside, return_exceptions=True)
        try:
            await self._way.db.write(lambda connection: leases.leave(connection, self._way.holder), durable=False)
        except Exception:
            log.exception("the conversations in hand could not be given back: others wait until the leases lapse")
        self._way.inbound.ring()

    async def _work(self, key: ConversationKey) -> None:
        failures = 0
        while not self._stopping:
            self._busy[key] = False
            try:
                async with self._room:
                    more = not self._stopping and await answer_next(self._way, key)
                failures = 0
            except AWAY as error:
                # no fault of the event's: it must not be set aside when the store is back, however long that took
                log.warning("a turn waits for the store: %s", type(error).__name__)
                more = True
                await asyncio.sleep(STORE)
            except Exception:
                log.exception("a turn failed")
                more, failures = True, failures + 1
                await asyncio.sleep(min(2.0**failures / 4, 10))
                if failures >= TRIES:
                    failures = await self._try_to_give_up(key)
            if not more and not self._busy[key]:
                break
        del self._busy[key]
        if self._more and len(self._busy) < self._at_once:
            self._way.inbound.sound()

    async def _try_to_give_up(self, key: ConversationKey) -> int:
        """0 when the event is out of the way; else the store itself fails, and the turn is tried again."""
        try:
            await give_up(self._way, key)
        except Exception:
            log.exception("an event could not be set aside")
            return TRIES
        return 0

    async def _look_around(self) -> None:
        bell = self._way.inbound.next()
        while True:
            rung = await wait_for(bell, LOOK)
            bell = self._way.inbound.next()  # before the look: a ring meanwhile is for the next one
            if self._room.locked():
                self._more = True  # no room now: looked at when there is
                continue
            try:
                await self.take_up(older_than=timedelta() if rung else LEFT_BEHIND)
            except Exception:
                log.exception("what waits in the store could not be read")

    async def _renew(self) -> None:
        """Say that our turns still run. The table is written only while some do."""
        while True:
            await asyncio.sleep(RENEW.total_seconds())
            if not self._busy:
                continue
            renew = partial(leases.renew, holder=self._way.holder, until=self._way.clock() + LEASE)
            try:
                await self._way.db.write(renew, durable=False)
            except Exception:
                log.exception("leases could not be renewed: others may take over")
