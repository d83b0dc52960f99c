"""An agent's open page: its live stream, and the list that it keeps up to date as the desk's script does (live.js)."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from aiohttp import ClientTimeout

from bench.desks import Browser
from bot.app import utc_now

LIST = "/desk?tab=waiting"


class OpenDesk:
    """`rows` are the conversations that its list shows, in its order."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.rows: list[int] = []
        self.told: dict[int, datetime] = {}  # conversation -> when the stream said that it is this agent's
        self.shown: dict[int, datetime] = {}
        self._mending: asyncio.Task[None] | None = None
        self._asked = 0.0

    async def listen(self, ready: asyncio.Event) -> None:
        """Until cancelled."""
        forever = ClientTimeout(total=None)
        headers = self.browser.headers
        try:
            async with self.browser.session.get("/desk/live", headers=headers, timeout=forever) as stream:
                async for line in stream.content:
                    ready.set()
                    if line.startswith(b"data: "):
                        await self._heard(json.loads(line[6:]))
        finally:
            if self._mending:
                self._mending.cancel()

    async def refresh(self) -> None:
        """Ask for the list again."""
        self._asked = time.monotonic()
        page = await self.browser.page(LIST)
        self.rows = [int(id_) for id_ in re.findall(r'id="row-(\d+)"', page)]

    async def _heard(self, news: dict[str, Any]) -> None:
        self.rows = [one for one in self.rows if one not in news["gone"]]
        if self.browser.agent in news["for"]:
            now = utc_now()
            for conversation in news["in"]:
                self.told.setdefault(conversation, now)
            await self.refresh()
            now = utc_now()
            for conversation in set(self.rows).intersection(news["in"]):
                self.shown.setdefault(conversation, now)
        elif news["moved"] and (self._mending is None or self._mending.done()):
            self._mending = asyncio.create_task(self._later(news["pace"]))

    async def _later(self, pace: float) -> None:
        await asyncio.sleep(max(random.uniform(0, pace), self._asked + pace - time.monotonic()))
        await self.refresh()


@asynccontextmanager
async def open_desks(opened: Sequence[Browser]) -> AsyncIterator[list[OpenDesk]]:
    """All of them listen."""
    desks = [OpenDesk(one) for one in opened]
    ready = [asyncio.Event() for _ in desks]
    streams = [asyncio.create_task(one.listen(on)) for one, on in zip(desks, ready, strict=True)]
    try:
        await asyncio.wait_for(asyncio.gather(*(one.wait() for one in ready)), 60)
        yield desks
    finally:
        for stream in streams:
            stream.cancel()
        await asyncio.gather(*streams, return_exceptions=True)
