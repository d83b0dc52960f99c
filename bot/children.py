"""The engine and its actions as child processes: started, watched, started again, exchanged, never left behind.

    python -m bot.children train | run      (what `make train` and `make engine` do)

Errors: ChildrenFailed, with a sentence for the person at the terminal.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import aiohttp

from bot.child import Child, status_of
from bot.dialogue import Dialogue, EngineDown
from bot.environment import environment
from bot.model.dialogue import Ask
from bot.pair import ACTIONS_AFTER, Pair, children_env, next_pair
from bot.pair import ChildrenSettings as ChildrenSettings
from bot.training import Content, TrainingFailed, train

logger = logging.getLogger(__name__)

#: A child that answered and then stays silent this long is ended and started again (seconds).
HUNG_AFTER = 30.0
#: Seconds that turns under way get to end at the engine that leaves: more than a turn may take.
FAREWELL = 15.0
#: Said to a new engine before customers speak to it: what is loaded at the first turn is loaded then.
WARMING = ("ciao", "hello", "a che ora aprite?")


class ChildrenFailed(Exception):
    """The children cannot be started; the text says why and what to do."""


class Traffic(Protocol):
    """Who sends turns to the engine, and can send them elsewhere."""

    def use(self, urls: list[str]) -> None:
        """From now on turns go there."""

    async def left(self, url: str, seconds: float) -> bool:
        """Wait until no turn is under way at an address that is used no more."""


class Children:
    """Engine and actions. `await start()` returns when both answer; `ready` says whether they do now."""

    def __init__(self, settings: ChildrenSettings, *, environ: Mapping[str, str] | None = None) -> None:
        self._settings = settings
        self._environ = os.environ if environ is None else environ
        self._watching: asyncio.Task[None] | None = None
        self._pair = Pair(settings, self._environ)
        self._coming: Pair | None = None

    @property
    def engine_url(self) -> str:
        """Where the engine that is in use answers."""
        return self._pair.url

    @property
    def children(self) -> tuple[Child, ...]:
        """Actions and engine, those in use."""
        return self._pair.children

    @property
    def model(self) -> Path | None:
        """The model in use; None before the engine was started."""
        return self._pair.model

    @property
    def ready(self) -> bool:
        """Do both answer, as of the last look (at most a second ago)?"""
        return self._pair.ready

    @property
    def content(self) -> Content:
        """What models are made of, and where they go."""
        return Content(self._settings.root, self._settings.data)

    async def start(self, model: Path | None = None) -> None:
        """Start both with this model, or one of the content as it is; wait until they answer. Raises ChildrenFailed."""
        if not self._settings.python.exists():
            raise ChildrenFailed("The engine's environment is missing: run `make setup`.")
        if port := self._pair.taken_port():
            raise ChildrenFailed(f"Port {port} is taken: end the program there, or set ENGINE_PORT.")
        try:
            # The actions load while the model is trained: nothing of theirs depends on it.
            self._pair.begin_actions()
            self._pair.begin_engine(model or await self.train())
            self._watching = asyncio.create_task(self._watch(), name="watch")
            await self._until_ready(self._pair)
        except TrainingFailed as error:
            await self.stop()
            raise ChildrenFailed(str(error)) from error
        except BaseException:
            await self.stop()
            raise

    async def train(self) -> Path:
        """The content's model, trained when there is none yet. Raises TrainingFailed."""
        return await train(self.content, python=self._settings.python, env=self._env())

    async def exchange(self, model: Path, traffic: Traffic) -> None:
        """A second pair with this model, warmed; then turns move over, and the first pair ends without failing one.

        Raises ChildrenFailed when the new one does not come up: then nothing has changed.
        """
        coming = next_pair(self._settings, self._environ)
        if coming is None:
            raise ChildrenFailed("There is no free port for a second engine.")
        self._coming = coming
        try:
            coming.begin_actions()
            coming.begin_engine(model)
            await self._until_ready(coming)
            await warm(coming.url)
        except BaseException:
            self._coming = None
            await coming.end()
            raise
        leaving, self._pair, self._coming = self._pair, coming, None
        traffic.use([coming.url])
        try:
            if not await traffic.left(leaving.url, FAREWELL):
                logger.warning("engine: turns that did not end are asked again at the new one")
        finally:
            await leaving.end()

    async def stop(self) -> None:
        """End all and what they started. Safe to call twice."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await asyncio.gather(*(pair.end() for pair in (self._pair, self._coming) if pair))

    def _env(self) -> dict[str, str]:
        return children_env(self._settings.root, self._settings.actions_port, self._environ)

    async def _watch(self) -> None:
        """Ask all whether they answer: often until they do, then once a second."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5), trust_env=False) as session:
            while True:
                pairs = [pair for pair in (self._pair, self._coming) if pair]
                for child in [child for pair in pairs for child in pair.children]:
                    child.heard(await status_of(session, child.health))
                    if child.silence() > HUNG_AFTER:
                        logger.error("%s has not answered for %.0f s, ending it", child.name, HUNG_AFTER)
                        child.kill()
                await asyncio.sleep(1.0 if all(pair.ready for pair in pairs) else 0.2)

    async def _until_ready(self, pair: Pair) -> None:
        until = time.monotonic() + self._settings.start_timeout
        while not pair.ready:
            if pair.engine and pair.engine.is_of_no_use:  # it serves only after it tried to load its model
                raise ChildrenFailed(f"The engine cannot load its model: see {pair.engine.log}.")
            if time.monotonic() > until or any(child.starts > 2 for child in pair.children):
                silent = " and ".join(child.name for child in pair.children if not child.answers)
                raise ChildrenFailed(f"No answer from {silent}: see {self._settings.data / 'logs'}.")
            await asyncio.sleep(0.1)


async def warm(url: str) -> None:
    """A few turns that change nothing. Raises ChildrenFailed when the engine cannot answer them."""
    async with Dialogue(url, timeout=30.0) as dialogue:
        for text in WARMING:
            try:
                await dialogue.ask(Ask("warming", text, {"language": "it"}, [], rehearsal=True))
            except EngineDown as error:
                raise ChildrenFailed(f"The new engine starts and cannot answer: {error}.") from error


async def main(verb: str) -> None:
    """`train` trains when needed; `run` serves the engine until Ctrl-C."""
    root = Path.cwd()
    environ = environment(root)
    data, port = Path(environ.get("DATA_DIR") or root / "data"), int(environ.get("ENGINE_PORT") or 5005)
    settings = ChildrenSettings(root, data, engine_port=port, actions_port=port + ACTIONS_AFTER)
    children = Children(settings, environ=environ)
    if verb == "train":
        await children.train()
        return
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, ended.set)
    start, end = asyncio.create_task(children.start()), asyncio.create_task(ended.wait())
    await asyncio.wait({start, end}, return_when=asyncio.FIRST_COMPLETED)
    if start.done():
        await start
        print(f"The engine answers at {children.engine_url}", flush=True)
    await end
    start.cancel()
    await asyncio.gather(start, return_exceptions=True)
    await children.stop()


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "run"))
    except (ChildrenFailed, TrainingFailed) as failed:
        sys.exit(f"{failed}")
