"""The composition root: builds, wires, starts, stops. Nothing else knows everybody.

The order of a start matters: the store first, then the doors (so that what arrives is kept from the first moment),
then the engine, and only when it answers the stored events are taken up.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import yaml
from aiohttp import web
from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError

from bot.between.bells import share_bells
from bot.between.limits import SharedRates
from bot.between.link import Link
from bot.between.looking import SharedGlances
from bot.channels import channels
from bot.channels.messenger import MessengerChannel, MessengerSettings
from bot.channels.telegram import TelegramSettings
from bot.children import Children, ChildrenFailed, ChildrenSettings
from bot.desk import Credentials, desk_app, first_agents, people_routes
from bot.engines import Engines
from bot.exchange import Exchanging
from bot.flow.deliver import Delivering
from bot.flow.receive import receive
from bot.flow.sweep import Sweeping, sweep
from bot.flow.teams import take_in
from bot.flow.texts import Texts
from bot.flow.way import Way
from bot.flow.workers import Answering
from bot.health import health_routes
from bot.measures import Measures
from bot.model.messages import RawEvent
from bot.model.teams import FILE, teams_from
from bot.sandbox import Sandbox
from bot.settings import ACTIONS_AFTER, Settings
from bot.store.database import Database
from bot.store.migrate import migrate

log = logging.getLogger(__name__)

ENGINE_PATIENCE = 60  # seconds that stored events wait for an engine that does not answer yet


def utc_now() -> datetime:
    """The time, aware."""
    return datetime.now(UTC)


class StartFailed(Exception):
    """The service cannot start; the text is a sentence for the person at the terminal."""


class App:
    """The whole service. `async with App(settings)` starts it; leaving stops it, the running turns finished."""

    def __init__(self, settings: Settings, *, clock: Callable[[], datetime] = utc_now) -> None:
        self.settings = settings
        self.credentials: list[Credentials] = []
        self.sandbox: Sandbox | None = None
        self.children: Children | None = None
        self._exchanging: asyncio.Task[None] | None = None
        self.link: Link | None = None  # to other processes
        self._clock = clock
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> App:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def ready(self) -> None:
        """Wait until the engine answers and stored events are being taken up. Raises StartFailed."""
        await asyncio.shield(self._taking_up)

    async def _start(self) -> None:
        settings = await self._with_sandbox()
        db = open_database(settings)
        self._stack.callback(db.close)
        self.way = way = build_way(settings, db, self._clock)
        self._stack.push_async_callback(way.engine.close)
        self._link(way)
        await take_in(way)
        self.credentials = await first_agents(way, demo=self.sandbox is not None) or []
        await sweep(way, everything=db.sqlite)
        self.answering, delivering = Answering(way), Delivering(way)
        # What is pushed last stops first: the web port, the running turns, the calls under way, the channels.
        self._stack.push_async_callback(self._stop_children)
        for channel in way.channels.values():
            self._stack.push_async_callback(channel.stop)
        self._background(Sweeping(way).run())
        self._background(delivering.run())
        self._stack.push_async_callback(delivering.stop)
        self._stack.push_async_callback(self.answering.stop)
        await self._serve(way)
        for channel in way.channels.values():
            await channel.start(self._receive)
            if self.sandbox and isinstance(channel, MessengerChannel):
                await channel.set_up()  # on a real Page this is a command: it changes what customers see
        self._taking_up = self._background(self._take_up())

    def _link(self, way: Way) -> None:
        """Tell other processes what they should know at once, where there is a Redis for it."""
        if self.settings.redis_url is None:
            return
        self.link = link = Link(self.settings.redis_url)
        share_bells(way, link, delivers=True)
        way.rates, way.glances = SharedRates(link), SharedGlances(link)
        way.measures.redis(gone=True)
        link.changed.append(lambda: way.measures.redis(gone=not link.up))
        self._stack.push_async_callback(link.stop)
        link.start()

    def _background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run beside the rest; cancelled when its turn to stop comes."""
        task = asyncio.create_task(work)

        async def stop() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self._stack.push_async_callback(stop)
        return task

    async def _with_sandbox(self) -> Settings:
        """The settings, with the sandbox's own in place of real ones when it plays the platforms."""
        settings = self.settings
        if not settings.sandbox:
            return settings
        state = settings.data / "demo"
        sandbox = Sandbox(port=settings.sandbox_port, bot_url=lambda: settings.own_url, state_dir=state)
        self._stack.push_async_callback(sandbox.stop)
        await _listening(sandbox.start(), settings.sandbox_port, "SANDBOX_PORT")
        self.sandbox = sandbox
        telegram, messenger = sandbox.telegram_settings, sandbox.messenger_settings
        return replace(
            settings,
            telegram=TelegramSettings(
                token=telegram.token, webhook_secret=None, api_url=telegram.api_url, public_url=None
            ),
            messenger=MessengerSettings(
                page_id=messenger.page_id,
                page_token=messenger.page_token,
                app_secret=messenger.app_secret,
                verify_token=messenger.verify_token,
                graph_url=messenger.graph_url,
                version="v26.0",
                public_url=settings.own_url,
            ),
        )

    async def _serve(self, way: Way) -> None:
        """Open the port: from here on what arrives is stored, whether or not the engine is up."""
        app = web.Application()
        for channel in way.channels.values():
            app.add_routes(channel.routes(self._receive))
        app.add_routes(health_routes(way, self._engine_state, redis=self._redis_state if self.link else None))
        secure = (self.settings.public_url or "").startswith("https")
        app.add_routes(people_routes(way))
        app.add_subapp("/desk", desk_app(way, secure_cookies=secure, proxies=self.settings.proxies))
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=5)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, self.settings.host, self.settings.port)
        await _listening(site.start(), self.settings.port, "PORT")

    async def _receive(self, channel: str, raws: Sequence[RawEvent]) -> int:
        return await receive(self.way, channel, raws)

    async def _take_up(self) -> None:
        """Start the engine where it is ours to start; then answer what is stored, and what comes."""
        settings = self.settings
        if not settings.engine_urls:
            self.children = Children(
                ChildrenSettings(
                    settings.root,
                    settings.data,
                    settings.engine_port,
                    actions_port=settings.engine_port + ACTIONS_AFTER,
                ),
                environ={**os.environ, "DEMO_STATE_DIR": str(settings.data / "demo")},
            )
            assert isinstance(self.way.engine, Engines)
            exchanging = Exchanging(self.way, self.children, self.way.engine, memory_mb=settings.engine_memory_mb)
            try:
                await exchanging.start()
            except ChildrenFailed as error:
                raise StartFailed(str(error)) from error
            self._exchanging = asyncio.create_task(exchanging.run())
        else:
            await self._wait_for_engine()
        self.way.arrived = self.answering.wake
        await self.answering.start()

    async def _wait_for_engine(self) -> None:
        """An engine of somebody else's may still be starting: customers who wrote meanwhile should not pay for it."""
        for _ in range(ENGINE_PATIENCE * 2):
            if await self.way.engine.ready():
                return
            await asyncio.sleep(0.5)
        log.error("the engine does not answer: customers are told, and cases opened")

    async def _stop_children(self) -> None:
        if self._exchanging:
            self._exchanging.cancel()
            await asyncio.gather(self._exchanging, return_exceptions=True)
        if self.children:
            await self.children.stop()

    async def _redis_state(self) -> str:
        assert self.link
        return "ok" if self.link.up else f"degraded: gone ({self.link.trouble}); careful limits, desks ask the database"

    async def _engine_state(self) -> str:
        return await self.way.engine.state()


def open_database(settings: Settings) -> Database:
    """The database, brought to the present tables. Raises StartFailed."""
    try:
        db = Database(settings.database_url)
        migrate(db)
    except CommandError as error:
        raise StartFailed("The database was written by a newer version of this program: update this one.") from error
    except (SQLAlchemyError, OSError) as error:
        raise StartFailed(f"The database cannot be opened: {type(error).__name__}. Check DATABASE_URL.") from error
    return db


def build_way(settings: Settings, db: Database, clock: Callable[[], datetime] = utc_now) -> Way:
    """What every step of the way has in hand, nothing connected yet. Raises StartFailed for wrong files."""
    try:
        teams = teams_from((settings.root / FILE).read_text("utf-8"))
        texts = Texts(company=teams.company)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise StartFailed(str(error)) from error
    measures = Measures()
    return Way(
        db=db,
        channels=channels(settings),
        engine=Engines(settings.engine_urls or [f"http://127.0.0.1:{settings.engine_port}"], measures=measures),
        measures=measures,
        texts=texts,
        teams=teams,
        teams_file=settings.root / FILE,
        clock=clock,
        people_url=settings.public_url or settings.own_url,
        cache=settings.data / "people",
    )


async def _listening(starting: Awaitable[None], port: int, setting: str) -> None:
    """Open a port. Raises StartFailed when another program has it."""
    try:
        await starting
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            text = f"Port {port} is taken. End the program there, or set {setting} to a free one."
        else:
            text = f"Port {port} cannot be opened: {os.strerror(error.errno or 0)}. Check HOST and {setting}."
        raise StartFailed(text) from error
