"""Several processes of one installation, as far as a test plays them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from bot.model.dialogue import Ask, Turn
from tests.flow_support import World, turn, world


def another(flow: World) -> World:
    """Another process: the same store, the same platform, the same bells, everything else its own."""
    other = world(flow.db, flow.way.cache, platforms=[flow.platform])
    other.clock = other.way.clock = flow.clock
    other.way.inbound, other.way.outgoing, other.way.live = flow.way.inbound, flow.way.outgoing, flow.way.live
    return other


class Hanging:
    """A step of an engine that waits until it is told to go on."""

    def __init__(self, *texts: str) -> None:
        self.begun, self.goes_on = asyncio.Event(), asyncio.Event()
        self._texts = texts

    async def __call__(self, _: Ask) -> Turn:
        self.begun.set()
        async with asyncio.timeout(20):
            await self.goes_on.wait()
        return turn(*self._texts)


async def soon(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(20):
        while not await condition():
            await asyncio.sleep(0.01)
