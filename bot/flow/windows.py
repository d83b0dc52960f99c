"""Before a platform's window closes: whoever looks after the customer or a promise is warned, once for each end.

What was warned of is a column of the conversation, set back when the customer writes: a restart repeats nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row

from bot.flow.way import Way, one_by_one
from bot.model.windows import End, ends, next_end, warn_at
from bot.store import conversations, messages, windows

AT_ONCE = 100  # conversations looked at without a pause: about two milliseconds


async def closing(way: Way) -> None:
    """Warn of every end that comes near; one transaction each."""
    now = way.clock()
    for name, channel in way.channels.items():
        lengths = channel.abilities.windows
        if not lengths:
            continue
        rows = await way.db.read(partial(windows.under_way, channel=name, since=now - lengths[-1]))
        near = []
        for number, row in enumerate(rows):
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)  # thousands are watched: whoever is being answered must not wait for all
            if end := _near(way, row, lengths, now):
                near.append((row, end))
        works = (
            (row.id, partial(_warn, conversation_id=row.id, end=end, wrote=row.last_customer_at, now=now))
            for row, end in near
        )
        await one_by_one(way, "the window of conversation", works)


def _near(way: Way, row: Row[Any], lengths: Sequence[timedelta], now: datetime) -> End | None:
    """The end that is to be warned of now."""
    end = next_end(ends(row.last_customer_at, lengths), now)
    if end is None or row.ends_warned >= end.number or now < warn_at(end, way.teams.get(row.team or "")):
        return None
    return end


def _warn(connection: Connection, *, conversation_id: int, end: End, wrote: datetime, now: datetime) -> bool:
    """The line on the case, and the news for each person it concerns; False when somebody was faster."""
    conversation = conversations.get(connection, conversation_id, hold=True)
    if conversation is None or conversation.last_customer_at != wrote or conversation.ends_warned >= end.number:
        return False
    conversations.change(connection, conversation_id, ends_warned=end.number)
    code = "window_last" if end.last else "window_soon"
    line = f"{code}: {end.at.isoformat()}"
    messages.add_line(connection, conversation_id, line, case_id=conversation.case_id, now=now)
    for agent_id in windows.whom(connection, conversation):
        conversations.tell(connection, conversation_id, f"warn:{agent_id}", now)
    return True
