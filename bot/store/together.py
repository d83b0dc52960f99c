"""Small writes that arrive while one is under way go together with the next: one transaction, one statement.

The writer's group commit alone is not enough for the doors: each function of a group takes turns with the event loop
for Python's lock, and under load the doors would wait for that more than for the disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST = 100  # items in one transaction: a longer one would keep the first caller waiting


class Together(Generic[Item, Result]):
    """`write` stores several items at once and gives a result for each, in their order."""

    def __init__(self, write: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]]) -> None:
        self._write = write
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._task: asyncio.Task[None] | None = None

    async def add(self, item: Item) -> Result:
        """This item's result, once committed. Raises what its own write raises: another's mistake is not this one's."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            # a caller who gave up (a closed connection) was told nothing, so its item may be left out
            batch = [(item, future) for item, future in batch if not future.done()]
            if not await self._stored(batch) and len(batch) > 1:
                for each in batch:
                    await self._stored([each])
        self._task = None

    async def _stored(self, batch: Sequence[tuple[Item, asyncio.Future[Result]]]) -> bool:
        """Store them and tell their callers; False when it failed. Only a single one is told so: others try alone."""
        try:
            results = await self._write([item for item, _ in batch]) if batch else []
        except BaseException as error:
            if len(batch) == 1 and not batch[0][1].done():
                batch[0][1].set_exception(error)
            if not isinstance(error, Exception):
                raise
            return False
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)
        return True
