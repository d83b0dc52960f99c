"""The composition root: builds, wires, starts, stops. Nothing else knows everybody.

The order of a start matters: the store first, then the doors (so that what arrives is kept from the first moment),
then the engine, and only when it answers the stored events are taken up.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Collection, Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import yaml
from sqlalchemy.exc import SQLAlchemyError

from bot.between.bells import share_bells
from bot.between.limits import SharedRates
from bot.between.link import Link
from bot.between.looking import SharedGlances
from bot.channels import channels
from bot.channels.messenger import MessengerChannel, MessengerSettings
from bot.channels.telegram import TelegramSettings
from bot.children import Children, ChildrenFailed
from bot.desk import Credentials, first_agents
from bot.engines import Engines
from bot.exchange import Exchanging
from bot.flow.deliver import Delivering
from bot.flow.language import prepare
from bot.flow.receive import receive
from bot.flow.sweep import Sweeping, again, sweep
from bot.flow.teams import fresh, take_in
from bot.flow.texts import Texts
from bot.flow.way import Way
from bot.flow.workers import Answering
from bot.measures import Measures
from bot.model.messages import RawEvent
from bot.model.teams import FILE, teams_from
from bot.settings import GRAPH_VERSION, Settings
from bot.store import fixed_answers
from bot.store.database import Database
from bot.store.leading import FirstHere, leading
from bot.store.migrate import TooNew, migrate
from bot.store.trouble import meaning
from bot.web import StartFailed, Web, listening

if TYPE_CHECKING:
    from bot.sandbox import Sandbox

log = logging.getLogger(__name__)

ENGINE_PATIENCE = 60  # seconds that stored events wait for an engine that does not answer yet
TEAMS = 5  # seconds until a change of the teams at another process's desk is known here

#: Seconds. Python's own are 5 ms: so long would whoever answers wait, each time, for a thread that reads rows.
SWITCH = 0.0005
#: What a process may do: take in what arrives (webhooks or the poll); answer, send and do what time does; the desk.
ROLES = ("webhooks", "worker", "desk")


def utc_now() -> datetime:
    """The time, aware."""
    return datetime.now(UTC)


class App:
    """The whole service. `async with App(settings)` starts it; leaving stops it, the running turns finished.

    Any number of them work on one database, each with all roles or some; together they need all three.
    """

    def __init__(
        self, settings: Settings, *, roles: Collection[str] = ROLES, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self.settings = settings
        self.roles = frozenset(roles)
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
        sys.setswitchinterval(SWITCH)
        settings = await self._with_sandbox()
        db = open_database(settings)
        self._stack.callback(db.close)
        serving = FirstHere(db, "running")
        self._stack.callback(serving.leave)
        await asyncio.to_thread(serving.join)
        self.way = way = build_way(settings, db, self._clock)
        self._stack.push_async_callback(way.engine.close)
        self._link(way)
        await take_in(way)
        self._background(again(way, fresh, TEAMS))
        if "desk" in self.roles:
            self.credentials = await first_agents(way, demo=self.sandbox is not None) or []
        # What is pushed last stops first: the web port, the running turns, the calls under way, the channels.
        self._stack.push_async_callback(self._stop_children)
        for channel in way.channels.values():
            self._stack.push_async_callback(channel.stop)
        if "worker" in self.roles:
            await self._work(way)
        else:
            way.arrived = lambda _key: way.inbound.ring()
        web = Web(settings, way, self.roles - {"worker"}, self._receive)
        self._stack.push_async_callback(web.stop)
        worker = "worker" in self.roles
        await web.start(engine=way.engine.state if worker else None, redis=self._redis_state if self.link else None)
        for channel in way.channels.values():
            await channel.start()
            if "webhooks" in self.roles:
                self._background(leading(db, f"serve {channel.name}", partial(channel.serve, self._receive)))
            if self.sandbox and isinstance(channel, MessengerChannel):
                await channel.set_up()  # on a real Page this is a command: it changes what customers see
        self._taking_up = self._background(self._take_up() if worker else _nothing())

    async def _work(self, way: Way) -> None:
        """Begin to send, and what time does; to answer only when there is an engine."""
        await self._keep_fixed_answers(way)
        here = FirstHere(way.db, "workers")
        self._stack.callback(here.leave)
        await sweep(way, everything=here.alone())
        await asyncio.to_thread(here.join)
        self.answering, delivering = Answering(way), Delivering(way)
        self._background(leading(way.db, "sweep", Sweeping(way).run))
        self._background(delivering.run())
        self._stack.push_async_callback(delivering.stop)
        self._stack.push_async_callback(self.answering.stop)

    async def _keep_fixed_answers(self, way: Way) -> None:
        """What a model lets us say without it is kept for a start at which no engine answers."""
        assert isinstance(way.engine, Engines)
        way.engine.recall(await way.db.read(fixed_answers.newest))

        async def learned(answers: dict[str, Any]) -> None:
            await way.db.write(lambda connection: fixed_answers.keep(connection, answers, now=way.clock()))

        way.engine.learned = learned

    def _link(self, way: Way) -> None:
        """Tell other processes what they should know at once, where there is a Redis for it."""
        if self.settings.redis_url is None:
            return
        self.link = link = Link(self.settings.redis_url)
        share_bells(way, link, delivers="worker" in self.roles)
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
        from bot.sandbox import Sandbox  # nothing that a real start should wait for

        if self.roles < set(ROLES):
            raise StartFailed("The sandbox plays the platforms for one process: with --only, set tokens or SANDBOX=no.")
        state = settings.data / "demo"
        sandbox = Sandbox(port=settings.sandbox_port, bot_url=lambda: settings.own_url, state_dir=state)
        self._stack.push_async_callback(sandbox.stop)
        await listening(sandbox.start(), settings.sandbox_port, "SANDBOX_PORT")
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
                version=GRAPH_VERSION,
                public_url=settings.own_url,
            ),
        )

    async def _receive(self, channel: str, raws: Sequence[RawEvent]) -> int:
        return await receive(self.way, channel, raws)

    async def _take_up(self) -> None:
        """Start the engine where it is ours to start; then answer what is stored, and what comes."""
        settings = self.settings
        kept = settings.data / "languages.model"
        reading = asyncio.create_task(asyncio.to_thread(prepare, self.way.teams.languages, kept))
        if not settings.engine_urls:
            self.children = children_of(settings)
            assert isinstance(self.way.engine, Engines)
            exchanging = Exchanging(self.way, self.children, self.way.engine, memory_mb=settings.engine_memory_mb)
            try:
                await exchanging.start()
            except ChildrenFailed as error:
                raise StartFailed(str(error)) from error
            self._exchanging = asyncio.create_task(exchanging.run())
        else:
            await self._wait_for_engine()
        await reading
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


async def _nothing() -> None:
    """This process answers nobody: it is ready as soon as its port is open."""


def children_of(settings: Settings) -> Children:
    """The engine and its actions, not started yet. Of all settings the actions get those of the company's systems."""
    demo = {"DEMO_STATE_DIR": str(settings.data / "demo")}  # what the phones' page changes in the demo's systems
    return Children(settings.children, environ={**os.environ, **settings.systems, **demo})


def open_database(settings: Settings, prepare: Callable[[Database], None] = migrate) -> Database:
    """The database, brought to the present tables, or otherwise prepared. Raises StartFailed."""
    try:
        db = Database(settings.database_url)
    except (SQLAlchemyError, OSError) as error:
        raise StartFailed(f"The database cannot be opened: {meaning(error)}.") from error
    try:
        prepare(db)
    except TooNew as error:
        db.close()
        raise StartFailed("The database was written by a newer version of this program: update this one.") from error
    except (SQLAlchemyError, OSError) as error:
        db.close()
        raise StartFailed(f"The database cannot be opened: {meaning(error)}.") from error
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
