"""A set-aside update again, after a fix."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from bot.flow.way import Way
from bot.model.states import Inbound
from bot.store import events
from bot.store.tables import events as table


async def replay(way: Way, event_id: int) -> str:
    """Give a set-aside event its turn again; a running service takes it up within seconds. What is wrong, or "".

    An update that was set aside before anybody knew whose it is, is split again first.
    """

    def work(connection: Connection) -> str:
        row = connection.execute(select(table).where(table.c.id == event_id).with_for_update()).first()
        if row is None:
            return f"There is no event {event_id}: raw events are deleted after 30 days."
        if row.state != Inbound.ASIDE:
            return f"Event {event_id} is not set aside: its state is {row.state}."
        channel = way.channels.get(row.channel)
        if channel is None:
            return f"Event {event_id} is of {row.channel}, which is not configured."
        if row.chat is not None:
            _again(connection, event_id, state=Inbound.NEW, problem=None, done_at=None)
            return ""
        raws = [raw for raw in channel.split_again(row.payload) if raw.chat is not None]
        if not raws:
            return f"Event {event_id} can still not be read: nobody knows whose it is."
        now = way.clock()
        events.put(connection, row.channel, raws, now)
        _again(connection, event_id, state=Inbound.DONE, problem=f"replayed as {len(raws)} events", done_at=now)
        return ""

    return await way.db.write(work)


def _again(connection: Connection, event_id: int, **values: object) -> None:
    connection.execute(update(table).where(table.c.id == event_id, table.c.state == Inbound.ASIDE).values(**values))
