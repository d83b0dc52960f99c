"""Outgoing rows -> platform -> sent | later | ambiguous | failed. The order within a conversation is kept."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row

from bot.channels.base import Channel, Delivery
from bot.flow import clocks
from bot.flow.say import speaker_of
from bot.flow.way import Way, wait_for
from bot.model.errors import SendError
from bot.model.messages import ConversationKey
from bot.model.replies import Speaker
from bot.model.states import Author, Sending
from bot.store import agents, outgoing
from bot.store.database import AWAY

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=15)  # renewed while the call runs: a row not renewed for so long was lost with its sender
ECHO_WAIT = timedelta(seconds=20)  # an echo that proves an ambiguous send comes within this
LOOK_WAIT = timedelta(seconds=2)  # until the platform is asked for it, where it can be: what customers wrote comes in
TRIES = 8  # attempts at what provably did not arrive: about five minutes
AT_ONCE = 64  # calls under way on each channel: a platform that hangs takes no place of another's
STORE = 0.5  # seconds between tries to keep a result while the store is away
KEEPING = int(LEASE.total_seconds() / STORE)  # of these tries: then others may take the row for lost
STOP = 60.0  # seconds in which calls under way end: longer than any call's time-out
IDLE = 1.0  # seconds between looks when no bell rings: another process may have left rows


@dataclass(frozen=True)
class Failure:
    """What a failed call means for its row."""

    state: Sending
    problem: str
    due_at: datetime
    blocked: bool = False


class Delivering:
    """Sends what is due, many conversations at once, each in its order."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._calls: dict[asyncio.Task[None], Row[Any]] = {}
        self._more = False  # as many rows as there was room for were claimed: there may be others
        self._renewing: asyncio.Task[None] | None = None
        self._stopping = False
        self._ended = asyncio.Event()
        self._ended.set()

    async def run(self) -> None:
        """Deliver until stopped."""
        self._ended.clear()
        self._renewing = asyncio.create_task(self._renew())
        try:
            while not self._stopping:
                await self._look()
        finally:
            self._ended.set()

    async def _look(self) -> None:
        """Send what is due, then wait until more may be."""
        bell = self._way.outgoing.next()
        try:
            await self.deliver_due()
            seconds = 0.0 if self._more else await self._idle_seconds()
        except Exception:
            log.exception("rows to send could not be read")
            seconds = IDLE
        if seconds:
            await wait_for(bell, seconds)

    async def deliver_due(self) -> int:
        """Claim the rows that are due and start their calls; how many."""
        room, full = self._places()
        claim = partial(outgoing.claim, limit=room, lease=LEASE, now=self._way.clock(), but_not=full)
        rows = await self._way.db.write(claim) if room else []
        self._more = bool(rows) and len(rows) == room
        for row in rows:
            task = asyncio.create_task(self._deliver(row))
            self._calls[task] = row
            task.add_done_callback(lambda done: self._calls.pop(done, None))
        return len(rows)

    def _places(self) -> tuple[int, set[str]]:
        """How many rows may be claimed, whatever channel they are of, and the channels that may claim none."""
        taken = Counter(row.channel for row in self._calls.values())
        full = {name for name, number in taken.items() if number >= AT_ONCE}
        if full and full.issuperset(self._way.channels):
            return 0, full  # each call that ends rings the bell
        return AT_ONCE - max((number for number in taken.values() if number < AT_ONCE), default=0), full

    async def _renew(self) -> None:
        """Say that our calls are still under way; most end long before there is anything to say."""
        while True:
            began = set(self._calls)
            await asyncio.sleep(LEASE.total_seconds() / 3)
            late = [row for call, row in self._calls.items() if call in began]
            if not late:
                continue
            try:
                renew = partial(outgoing.renew, rows=late, until=self._way.clock() + LEASE)
                await self._way.db.write(renew, durable=False)
            except Exception:
                log.exception("leases could not be renewed: others may take these rows for lost")

    async def stop(self) -> None:
        """Claim nothing more and finish the calls under way."""
        self._stopping = True
        self._way.outgoing.ring()
        await self._ended.wait()  # a claim under way: its rows would look as if their calls had been made
        if self._calls:
            await asyncio.wait(self._calls, timeout=STOP)
        if self._renewing:
            self._renewing.cancel()

    async def _idle_seconds(self) -> float:
        _, full = self._places()
        due = await self._way.db.read(partial(outgoing.next_due, but_not=full))
        seconds = (due - self._way.clock()).total_seconds() if due else IDLE
        return min(max(seconds, 0.02), IDLE)

    async def _deliver(self, row: Row[Any]) -> None:
        try:
            await self._call(row)
        except Exception:
            # the row keeps its lease and is found again when it has run out
            log.exception("the result of a send could not be kept, row=%s", row.id)
        self._way.committed()

    async def _call(self, row: Row[Any]) -> None:
        channel = self._way.channels.get(row.channel)
        if channel and not await self._room(channel, row):
            return
        began = time.perf_counter()
        try:
            if channel is None:
                raise SendError("off", "the channel is switched off", permanent=True)
            delivery = await self._delivery(channel, row)
            began = time.perf_counter()
            sent = await channel.send(delivery)
        except SendError as error:
            await self._not_sent(row, channel, error, began)
        except Exception as error:
            log.exception("a channel failed, row=%s", row.id)
            await self._not_sent(row, channel, SendError("internal", type(error).__name__, ambiguous=True), began)
        else:
            self._way.measures.called(row.channel, Sending.SENT, time.perf_counter() - began)
            now = self._way.clock()
            await self._keep(lambda connection: outgoing.sent(connection, row, sent.platform_id, now))

    async def _keep(self, result: Callable[[Connection], None]) -> None:
        """Write down what came of a call, even if the store is away just now: forgotten, it would be made again."""
        for _ in range(KEEPING):
            try:
                return await self._way.db.write(result)
            except AWAY as error:
                log.warning("the result of a send waits for the store: %s", type(error).__name__)
            await asyncio.sleep(STORE)
        await self._way.db.write(result)

    async def _room(self, channel: Channel, row: Row[Any]) -> bool:
        """Wait for the row's turn in the whole channel's queue; False when it has to come again later.

        Only what all of the channel wait for is waited for here. A chat that is too fast would otherwise hold a place
        that others could use.
        """
        place = await self._way.rates.room(ConversationKey(row.channel, row.chat), channel.limits)
        if not place.granted:
            due_at = self._way.clock() + timedelta(seconds=place.seconds)
            await self._way.db.write(lambda connection: outgoing.not_yet(connection, row, due_at))
        elif place.seconds:
            await self._way.db.write(lambda connection: outgoing.queue(connection, row), durable=False)
            await asyncio.sleep(place.seconds)
            now = self._way.clock()
            return await self._way.db.write(lambda connection: outgoing.begin(connection, row, now))
        return place.granted

    async def _delivery(self, channel: Channel, row: Row[Any]) -> Delivery:
        part = outgoing.part_of(row)
        now = self._way.clock()
        window = channel.abilities.reply_window
        wrote = row.last_customer_at
        if part.image and part.image.startswith("people/"):
            await self._picture(row.agent_id)
            part = replace(part, image=str(self._way.cache / Path(part.image).name))
        speaker = await self._speaker(channel, row.agent_id) if row.agent_id else None
        if speaker and channel.abilities.personas and not speaker.handle:
            named = f"{speaker.name}: {part.text}"  # the face was refused: never anonymous all the same
            part = replace(part, text=named if len(named) <= channel.limits.text else part.text)
        return Delivery(
            key=ConversationKey(row.channel, row.chat),
            part=part,
            row=str(row.id),
            speaker=speaker,
            human=row.author == Author.AGENT,
            within_window=window is None or (wrote is not None and now - wrote < window),
        )

    async def _speaker(self, channel: Channel, agent_id: int) -> Speaker | None:
        """The person, made known to the platform the first time."""

        def known(connection: Connection) -> tuple[Row[Any] | None, str | None]:
            agent = agents.get(connection, agent_id)
            return agent, agents.handle(connection, agent, channel.name) if agent else None

        agent, handle = await self._way.db.read(known)
        if agent is None:
            return None
        if handle is None and channel.abilities.personas:
            await self._picture(agent_id)
            try:
                handle = await channel.register(speaker_of(self._way, agent))
            except SendError as error:
                # what the person wrote must arrive; the next message tries again to show the face
                log.warning("agent=%s is not known to %s: %s", agent.id, channel.name, error.reason)
            if handle is not None:
                made = handle
                await self._way.db.write(lambda connection: agents.keep_handle(connection, agent, channel.name, made))
        return speaker_of(self._way, agent, handle)

    async def _picture(self, agent_id: int) -> None:
        """The agent's picture as a file, for channels that upload it."""

        agent = await self._way.db.read(lambda connection: agents.get(connection, agent_id))
        file = Path(speaker_of(self._way, agent).picture) if agent else None
        if file is None or file.exists():
            return
        picture = await self._way.db.read(lambda connection: agents.picture(connection, agent_id))
        if picture:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(picture)

    async def _not_sent(self, row: Row[Any], channel: Channel | None, error: SendError, began: float) -> None:
        now = self._way.clock()
        proof = proof_of(channel) if channel else None
        failure = failure_of(error, row.attempts, row.resent, proof=proof, now=now)
        self._way.measures.called(row.channel, failure.state, time.perf_counter() - began)
        log.warning("row=%s attempt=%s %s: %s", row.id, row.attempts, failure.state, error.reason)
        if channel and error.everyone and error.retry_after:
            await self._way.rates.hold(channel.name, channel.limits, error.retry_after)

        def work(connection: Connection) -> None:
            outgoing.not_sent(connection, row, failure.state, failure.problem, now, due_at=failure.due_at)
            if failure.blocked:
                clocks.blocked(connection, self._way, row.conversation_id, now=now)

        await self._keep(work)


def proof_of(channel: Channel) -> timedelta | None:
    """How long to wait until it can be found out whether a call arrived; None where it never can."""
    if channel.abilities.echoes:
        return ECHO_WAIT
    return LOOK_WAIT if channel.numbering else None


def failure_of(
    error: SendError, attempts: int, resent: bool, *, proof: timedelta | None, now: datetime
) -> Failure:
    """What to do about a failed call. Only what provably did not arrive is sent again without a mark."""
    if error.permanent:
        return Failure(Sending.FAILED, str(error), now, blocked=error.reason == "blocked")
    if error.ambiguous:
        if resent and proof is None:
            return Failure(Sending.FAILED, f"{error}; it may have arrived, twice tried", now)
        return Failure(Sending.AMBIGUOUS, str(error), now + (proof or timedelta(seconds=1)))
    if error.retry_after is not None:
        return Failure(Sending.LATER, str(error), now + timedelta(seconds=error.retry_after))
    if attempts >= TRIES:
        return Failure(Sending.FAILED, f"{error}; given up after {attempts} tries", now)
    return Failure(Sending.LATER, str(error), now + timedelta(seconds=min(2.0**attempts, 120)))
