"""Exchanges the engine of this service: when a command asks for it, and before it grows too large.

The command leaves a row (store/engine_moves.py) for the place whose engine is meant; this service looks once a
second, does it and writes what came of it. So the rows are the request, the progress and the record in one.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row

from bot.children import Children, ChildrenFailed, Traffic
from bot.flow.way import Way
from bot.store import engine_moves

log = logging.getLogger(__name__)

EVERY = 1.0  # seconds between two looks
#: An engine younger than this (seconds) is not exchanged for its size: a limit below what it needs at all would
#: exchange it without end.
SETTLED = 600.0


def place_of(data: Path) -> str:
    """Whose engine: the machine and the data folder, where its models are."""
    return f"{socket.gethostname()}:{data.absolute()}"[-255:]


def file_of(data: Path, model: str) -> Path:
    """Where the model of that name is, or was."""
    return data / "models" / f"{model}.tar.gz"


def name_of(model: Path) -> str:
    """The name under which a model's file is recorded."""
    return model.name.removesuffix(".tar.gz")


class Exchanging:
    """Watches for exchanges that are asked for, and over the engine's memory."""

    def __init__(
        self, way: Way, children: Children, traffic: Traffic, *, memory_mb: int, settled: float = SETTLED
    ) -> None:
        self._way, self._children, self._traffic = way, children, traffic
        self._most, self._settled = memory_mb * 1024 * 1024, settled
        self.place = place_of(children.content.data)

    async def start(self) -> None:
        """Start the children: with the model that was asked for or gone back to, else with the content's own."""
        way = self._way
        await way.db.write(partial(engine_moves.cut_short, place=self.place, now=way.clock()))
        asked = await way.db.read(partial(engine_moves.asked, place=self.place))
        done = await way.db.read(partial(engine_moves.newest_done, place=self.place))
        await self._children.start(self._model_to_start(asked, done))
        model = self._children.model
        assert model
        await way.db.write(partial(self._started, asked=asked, done=done, model=name_of(model)))

    def _model_to_start(self, asked: Row[Any] | None, done: Row[Any] | None) -> Path | None:
        """Gone back holds until the content changes: a restart must not bring back what was turned away."""
        wanted = asked if asked is not None else done
        if wanted is None or (asked is None and wanted.content != self._content()):
            return None
        model = file_of(self._children.content.data, wanted.model)
        return model if model.exists() else None

    def _started(self, connection: Connection, asked: Row[Any] | None, done: Row[Any] | None, model: str) -> None:
        now = self._way.clock()
        if asked is not None and engine_moves.take_up(connection, asked.id):
            problem = None if asked.model == model else "its file is gone"
            engine_moves.settle(connection, asked.id, now=now, problem=problem)
            if not problem:
                return
        if done is None or done.model != model:
            content = self._content()
            engine_moves.add(
                connection, self.place, model=model, content=content, why="start", who="service", now=now, state="done"
            )

    def _content(self) -> str:
        return name_of(self._children.content.model())

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.step()
            except Exception:
                log.exception("the engine could not be exchanged")
                await asyncio.sleep(10)
            await asyncio.sleep(EVERY)

    async def step(self) -> None:
        """Do what is asked for, if anything is."""
        way = self._way
        asked = await way.db.read(lambda connection: engine_moves.asked(connection, self.place))
        if asked is not None:
            if await way.db.write(lambda connection: engine_moves.take_up(connection, asked.id)):
                await self._exchange(asked.id, file_of(self._children.content.data, asked.model), asked.why)
            return
        engine, model = self._children.children[-1], self._children.model
        held = engine.memory()
        way.measures.engine_memory(held)
        if held > self._most and engine.age() > self._settled and model is not None:
            log.warning("engine: it holds %d MB, more than ENGINE_MEMORY_MB", held // 1024 // 1024)
            await self._exchange(await way.db.write(partial(self._grown, model=name_of(model))), model, "memory")

    def _grown(self, connection: Connection, model: str) -> int:
        """The row of an exchange for a fresh one; it says nothing new about the content."""
        before = engine_moves.newest_done(connection, self.place)
        content = before.content if before is not None else model
        return engine_moves.add(
            connection, self.place, model=model, content=content, why="memory", who="service",
            now=self._way.clock(), state="coming",
        )  # fmt: skip

    async def _exchange(self, move: int, model: Path, why: str) -> None:
        problem: str | None = "the service ended before it was done"
        try:
            if not model.exists():
                raise ChildrenFailed("The model's file is gone.")
            await self._children.exchange(model, self._traffic)
            problem = None
            log.warning("engine: exchanged (%s), model %s", why, name_of(model))
        except ChildrenFailed as error:
            problem = str(error)
            log.error("engine: not exchanged (%s): %s", why, error)
        finally:
            await self._way.db.write(
                lambda connection: engine_moves.settle(connection, move, now=self._way.clock(), problem=problem)
            )
