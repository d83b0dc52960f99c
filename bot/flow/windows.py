"""Before a platform's window closes: whoever looks after the customer or a promise is warned, once for each end.

What was warned of is a column of the conversation, set back when the customer writes: a restart repeats nothing.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from bot.flow.way import Way
from bot.model.windows import End, ends, next_end, warn_at
from bot.store import conversations, messages, windows


async def closing(way: Way) -> None:
    """Warn of every end that comes near; one transaction each."""
    now = way.clock()
    for name, channel in way.channels.items():
        lengths = channel.abilities.windows
        if not lengths:
            continue
        for row in await way.db.read(partial(windows.under_way, channel=name, since=now - lengths[-1])):
            end = next_end(ends(row.last_customer_at, lengths), now)
            if end is None or row.ends_warned >= end.number or now < warn_at(end, way.teams.get(row.team or "")):
                continue
            if await way.db.write(partial(_warn, conversation_id=row.id, end=end, wrote=row.last_customer_at, now=now)):
                way.committed()


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
