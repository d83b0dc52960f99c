"""The first step: store what arrived, once. Nothing else happens before the platform is told 200."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bot.flow.way import Way
from bot.model.messages import ConversationKey, RawEvent
from bot.store import events


async def receive(way: Way, channel: str, raws: Sequence[RawEvent]) -> int:
    """Store the events durably; how many were new. Raises what the store raises: then nothing is acknowledged."""
    began = time.perf_counter()
    try:
        new = await way.arrivals.add(events.arrival(channel, raws, way.clock()))
    except Exception:
        way.measures.refused(channel, len(raws))
        raise
    way.measures.received(channel, len(new), len(raws) - len(new), time.perf_counter() - began)
    for chat in {raw.chat for raw in new if raw.chat is not None}:
        way.arrived(ConversationKey(channel, chat))
    return len(new)
