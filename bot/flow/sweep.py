"""What time does: lost calls, waits that slipped, targets, a watched fault is over, promises, old data goes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection, delete, func, select, update

from bot.dialogue import EngineDown
from bot.flow import assign, teams, windows
from bot.flow.clocks import targets_due
from bot.flow.deliver import TRIES, proof_of
from bot.flow.doubt import doubts
from bot.flow.lost import lost_answers
from bot.flow.promise_life import promises_due
from bot.flow.queue import late_promises
from bot.flow.scene import of_its_own
from bot.flow.waiting import slipped
from bot.flow.way import Way
from bot.model.messages import ConversationKey, RawEvent
from bot.store import audit, leases, outgoing
from bot.store import conversations as conversations_
from bot.store import events as events_
from bot.store.tables import conversations, sessions, watches

log = logging.getLogger(__name__)

KEEP_RAW = timedelta(days=30)  # stored raw events, for looking into trouble
KEEP_LIVE = timedelta(days=1)
KEEP_SESSIONS = timedelta(days=2)

Step = Callable[[Way], Awaitable[None]]


async def sweep(way: Way, *, everything: bool = False) -> None:
    """Every step once, but for what asks a platform: a start must not wait for it.

    `everything`: at start, when no other process can be answering or sending.
    """
    await _lost_calls(way, everything=everything)
    first, then = (teams.fresh, assign.offers, late_promises), (slipped, targets_due, watched, promises_due)
    for step in (lost_answers, *first, *then, windows.closing, retention):
        await step(way)


class Sweeping:
    """Runs the steps, each at its own pace, until cancelled. In one process at a time, to save the others the work:
    each step bears being done by two at once.
    """

    def __init__(self, way: Way) -> None:
        self._way = way
        self._steps: tuple[tuple[Step, float], ...] = (
            (_lost_calls, 2),
            (doubts, 1),
            (lost_answers, 5),
            (assign.offers, 2),
            (late_promises, 30),
            (slipped, 20),
            (targets_due, 20),
            (watched, 60),
            (promises_due, 60),
            (windows.closing, 60),
            (retention, 3600),
        )

    async def run(self) -> None:
        """Never returns."""
        await asyncio.gather(*(again(self._way, step, seconds) for step, seconds in self._steps))


async def again(way: Way, step: Step, seconds: float) -> None:
    """One step, again and again. Never returns."""
    while True:
        try:
            await step(way)
        except Exception:
            log.exception("sweep: %s failed", step.__name__)
        await asyncio.sleep(seconds)


async def _lost_calls(way: Way, *, everything: bool = False) -> None:
    """Calls whose sender died, and ambiguous ones whose echo did not come."""
    now = way.clock()
    echoing = [name for name, channel in way.channels.items() if channel.abilities.echoes]
    numbered = [name for name, channel in way.channels.items() if channel.numbering]
    proofs = {name: wait for name, channel in way.channels.items() if (wait := proof_of(channel))}

    def work(connection: Connection) -> bool:
        if everything:
            leases.clear(connection)
        lost = outgoing.orphaned(connection, now, everything=everything, proofs=proofs)
        return outgoing.resend_ambiguous(connection, now, tries=TRIES, echoing=echoing, but_not=numbered) or lost

    if await way.db.write(work):
        way.committed()


async def watched(way: Way) -> None:
    """Ask once per watched subject whether it is over, and give everyone who waits for it a turn of their own."""
    subjects = await way.db.read(
        lambda connection: connection.execute(
            select(watches.c.subject, watches.c.check_text, func.min(conversations.c.language))
            .join(conversations, conversations.c.id == watches.c.conversation_id)
            .where(watches.c.state == "open")
            .group_by(watches.c.subject, watches.c.check_text)
        ).all()
    )
    for subject, check, language in subjects:
        try:
            turn = await way.engine.ask(of_its_own(way, check, language=language))
        except EngineDown as error:
            log.warning("watch: %s", error)
            continue  # perhaps only this one's system is down
        if dict(turn.watch_results).get(subject, True):
            continue
        for key in await way.db.write(partial(_over, way=way, subject=subject)):
            way.arrived(key)


def _over(connection: Connection, way: Way, subject: str) -> list[ConversationKey]:
    """Turn each watch into a stored event: it is answered like any other, once, whatever crashes."""
    now = way.clock()
    rows = connection.execute(
        select(watches.c.id, watches.c.tell_text, conversations.c.channel, conversations.c.chat)
        .join(conversations, conversations.c.id == watches.c.conversation_id)
        .where(watches.c.subject == subject, watches.c.state == "open")
        .with_for_update(of=watches, skip_locked=True)
    ).all()
    for row in rows:
        payload = {"tell": row.tell_text, "subject": subject}
        raw = RawEvent(f"watch:{row.id}:{now.timestamp():.0f}", row.chat, payload, now)
        events_.put(connection, row.channel, [raw], now, own=True)
    connection.execute(update(watches).where(watches.c.id.in_([row.id for row in rows])).values(state="told"))
    return [ConversationKey(row.channel, row.chat) for row in rows]


async def retention(way: Way) -> None:
    """Delete what is kept only for a time."""
    await way.db.write(partial(forget, now=way.clock()))


def forget(connection: Connection, *, now: datetime) -> None:
    """What is older than it is kept. Large tables are read from their old end only: all who write wait for this."""
    events_.forget_before(connection, now - KEEP_RAW)
    leases.forget_before(connection, now - KEEP_LIVE)
    conversations_.forget_news(connection, now - KEEP_LIVE)
    connection.execute(delete(sessions).where(sessions.c.seen_at < now - KEEP_SESSIONS))
    audit.forget_before(connection, now - audit.KEEP)
