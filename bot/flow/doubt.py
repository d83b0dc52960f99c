"""A call of which nobody knows whether it arrived: where the platform numbers its messages, it is asked.

What arrived has a number above all that were known before the call, and is known to nobody here. So the numbers that
are missing from there on are asked for, in rising order: the chat has at most one of them that the customer did not
write. Nothing else goes out to that chat meanwhile, and asking changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row

from bot.channels.base import Numbering
from bot.flow.deliver import TRIES
from bot.flow.way import Way
from bot.model.errors import SendError
from bot.model.messages import ConversationKey
from bot.model.states import Author
from bot.store import doubts as store

log = logging.getLogger(__name__)

AGAIN = timedelta(seconds=1)  # between two looks
PATIENCE = timedelta(seconds=20)  # of looking: then it is sent again all the same, marked
UNSETTLED = timedelta(minutes=10)  # that the platform may not answer: a question costs it no more than a message
SKEW = timedelta(seconds=2)  # between clocks, and for what was on its way when the sender died
MOST = 64  # questions for one row in one look
BEYOND = 16  # of these, above the highest number that is known


@dataclass(frozen=True)
class Numbers:
    """Of one platform, seen from one call. None: not known."""

    known: frozenset[int]
    before: int | None  # the highest from before the call
    after: int | None  # the lowest that is surely from after it
    heard: int  # the highest of the chat's customer; what they write comes in its order

    def missing(self) -> list[int]:
        """Those that may be the call's, the lowest first."""
        if self.before is None:
            return []
        end = self.after or max(self.known) + BEYOND + 1
        return list(islice((n for n in range(self.before + 1, end) if n not in self.known), MOST + 1))


async def doubts(way: Way) -> None:
    """Look into every doubtful row of channels that number their messages."""
    numbering = {name: channel.numbering for name, channel in way.channels.items() if channel.numbering}
    if not numbering:
        return
    for row in await way.db.read(partial(store.due, channels=numbering, now=way.clock())):
        one = numbering[row.channel]
        try:
            outcome = await _look(way, row, one)
        except SendError as error:
            outcome = await _not_told(way, row, error)
        if outcome != "put off":
            log.info("row=%s attempt=%s in doubt: %s", row.id, row.attempts, outcome)
    way.committed()


async def _look(way: Way, row: Row[Any], numbering: Numbering) -> str:
    """Find the row's message at the platform, or find that it is not there; in a word, what came of it."""
    numbers = await _numbers(way, row, numbering)
    missing = numbers.missing()
    found = await _first_held(numbering, ConversationKey(row.channel, row.chat), missing[:MOST])
    late = way.clock() - row.doubt_since > PATIENCE
    if found is None:
        sure = numbers.after is not None and numbers.before is not None and len(missing) <= MOST
        if sure or late or numbers.before is None:
            return await _again(way, row, sure=sure)
    elif await _ours(way, row, numbering, numbers, found):
        await way.db.write(partial(store.arrived, row=row, platform_id=str(found), now=way.clock()))
        return "arrived"
    elif late:
        return await _again(way, row, sure=False)
    return await _put_off(way, row, AGAIN)


async def _first_held(numbering: Numbering, key: ConversationKey, numbers: Sequence[int]) -> int | None:
    for number in numbers:
        if await numbering.holds(key, number):
            return number
    return None


async def _ours(way: Way, row: Row[Any], numbering: Numbering, numbers: Numbers, found: int) -> bool:
    """Is it not something of the customer's that has yet to come in? Later things of theirs have, or all has."""
    if numbers.heard > found:
        return True
    if await numbering.held_back():
        return False
    return found not in (await _numbers(way, row, numbering)).known


async def _again(way: Way, row: Row[Any], *, sure: bool) -> str:
    if row.attempts >= TRIES:
        why = f"given up after {row.attempts} tries"
        await way.db.write(partial(store.give_up, row=row, why=why, now=way.clock()))
        return "given up"
    await way.db.write(partial(store.again, row=row, now=way.clock(), sure=sure))
    return "did not arrive" if sure else "not found"


async def _not_told(way: Way, row: Row[Any], error: SendError) -> str:
    """The platform was asked and did not say: later, or not at all where it never will."""
    if error.permanent or way.clock() - row.doubt_since > UNSETTLED:
        return await _again(way, row, sure=False)
    return await _put_off(way, row, timedelta(seconds=error.retry_after or 2.0))


async def _put_off(way: Way, row: Row[Any], wait: timedelta) -> str:
    await way.db.write(partial(store.put_off, row=row, until=way.clock() + wait))
    return "put off"


async def _numbers(way: Way, row: Row[Any], numbering: Numbering) -> Numbers:
    return await way.db.read(partial(_known, row=row, numbering=numbering))


def _known(connection: Connection, row: Row[Any], numbering: Numbering) -> Numbers:
    """What the store knows of the platform's numbers around the row's call."""
    called = (row.called_at or row.created_at) - SKEW
    came = store.received(connection, row.channel, called)
    heard = [(number, one) for one in came if (number := numbering.number(one.payload)) is not None]
    said = [(int(one.platform_id), one) for one in store.sent(connection, row.channel, called) if _counted(one)]
    own = [(int(one.platform_id), one) for one in store.of_chat(connection, row.conversation_id) if _counted(one)]
    before = [number for number, one in heard if one.received_at < called]
    before += [number for number, one in said if one.sent_at < called]
    # What is answered was there before the answer. What we said earlier may have been sent later, by a second try.
    before += [number for number, one in own if one.author == Author.CUSTOMER and one.id < row.message_id]
    highest = max(before, default=None)
    later = [number for number, one in heard if one.at > row.doubt_since + SKEW]  # by the platform's clock
    later += [number for number, one in said if one.called_at and one.called_at > row.doubt_since + SKEW]
    return Numbers(
        known=frozenset(number for number, _ in (*heard, *said, *own)),
        before=highest,
        after=min((number for number in later if number > (highest or 0)), default=None),
        heard=max((number for number, one in heard if one.chat == row.chat), default=0),
    )


def _counted(one: Row[Any]) -> bool:
    return bool(one.platform_id) and one.platform_id.isdigit()
