"""The port: webhooks, the desk and health, as far as this process has a part in them.

The end of it, for a balancer in front: the word to stop -> /readyz says "stopping" and connections are closed after
their answer -> DRAIN_SECONDS pass, in which everything is still answered -> the port closes, what runs is finished.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Awaitable, Collection

from aiohttp import web

from bot.channels.base import Receive
from bot.desk import desk_app, people_routes
from bot.flow.way import Way
from bot.health import Check, health_routes
from bot.settings import Settings

FINISH = 5  # seconds for requests that run when the port closes


class StartFailed(Exception):
    """The service cannot start; the text is a sentence for the person at the terminal."""


class Web:
    """One port of one process."""

    def __init__(self, settings: Settings, way: Way, parts: Collection[str], receive: Receive) -> None:
        """`parts`: "webhooks", "desk", both or none of them."""
        self._settings = settings
        self._way, self._parts, self._receive = way, parts, receive
        self._stopping = False
        self._runner: web.AppRunner | None = None

    async def start(self, *, engine: Check | None, redis: Check | None) -> None:
        """Open the port: from here on what arrives is stored, whether or not the engine is up. Raises StartFailed."""
        app = web.Application()
        app.on_response_prepare.append(self._last_answer)
        app.add_routes(health_routes(self._way, engine, redis=redis, stopping=lambda: self._stopping))
        if self._parts:
            app.add_routes(people_routes(self._way))
        if "webhooks" in self._parts:
            for channel in self._way.channels.values():
                app.add_routes(channel.routes(self._receive))
        if "desk" in self._parts:
            secure = (self._settings.public_url or "").startswith("https")
            app.add_subapp("/desk", desk_app(self._way, secure_cookies=secure, proxies=self._settings.proxies))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=FINISH)
        await self._runner.setup()
        settings = self._settings
        site = web.TCPSite(self._runner, settings.host, settings.port, reuse_port=settings.share_port or None)
        await listening(site.start(), settings.port, "PORT")

    async def stop(self) -> None:
        """Let the balancer look elsewhere, close the port, finish what runs."""
        if self._runner is None:
            return
        self._stopping = True
        if self._runner.sites:
            await asyncio.sleep(self._settings.drain_seconds)
        await self._runner.cleanup()

    async def _last_answer(self, _request: web.Request, response: web.StreamResponse) -> None:
        if self._stopping:  # a connection that stays open would bring the next request to a process that is gone
            response.force_close()
            response.headers["Connection"] = "close"


async def listening(starting: Awaitable[None], port: int, setting: str) -> None:
    """Open a port. Raises StartFailed when another program has it."""
    try:
        await starting
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            text = f"Port {port} is taken. End the program there, or set {setting} to a free one."
        else:
            text = f"Port {port} cannot be opened: {os.strerror(error.errno or 0)}. Check HOST and {setting}."
        raise StartFailed(text) from error
