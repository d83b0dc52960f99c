"""Small writes that arrive while one is under way go together with the next: one transaction, one statement.

The writer's group commit alone is not enough for the doors: each function of a group takes turns with the event loop
for Python's lock, and under load the doors would wait for that more than for the disk.
"""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar, cast

from sqlalchemy import Connection

Item = TypeVar("Item")
Result = TypeVar("Result")
_Work = Callable[[Connection], Sequence[Result]]

MOST = 100  # items in one transaction: a longer one would keep the first caller waiting


class Together(Generic[Item, Result]):
    """`work` stores several items at once and gives a result for each, in their order.

    What goes together is decided by the store's thread, when it begins: it goes on with the next at once, where a busy
    loop would let it wait for a round of everything else.
    """

    def __init__(
        self,
        work: Callable[[Connection, Sequence[Item]], Sequence[Result]],
        write: Callable[[_Work[Result]], Awaitable[Sequence[Result]]],
    ) -> None:
        """`write` runs a function in a transaction, one after the other in the order in which they are asked for."""
        self._work, self._write = work, write
        self._waiting: queue.SimpleQueue[tuple[Item, asyncio.Future[Result]]] = queue.SimpleQueue()
        self._asked = False  # the store was asked, and has not begun
        self._tasks: set[asyncio.Task[None]] = set()

    async def add(self, item: Item) -> Result:
        """This item's result, once committed. Raises what its own write raises: another's mistake is not this one's."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.put((item, future))
        self._ask()
        return await future

    def _ask(self) -> None:
        if not self._asked:
            self._asked = True
            task = asyncio.create_task(self._store())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _store(self) -> None:
        batch: list[tuple[Item, asyncio.Future[Result]]] | None = None

        def work(connection: Connection) -> Sequence[Result]:
            nonlocal batch
            batch = self._take() if batch is None else batch  # a transaction may be run again
            return self._work(connection, [item for item, _ in batch]) if batch else []

        try:
            results = await self._write(work)
        except Exception as error:
            batch = self._take() if batch is None else batch
            if len(batch) == 1:
                _tell(batch[0][1], error=error)
            else:
                for item, future in batch:
                    await self._store_alone(item, future)
        else:
            for (_, future), result in zip(batch or (), results, strict=True):
                _tell(future, result)
        if not self._waiting.empty():  # more than MOST
            self._ask()

    async def _store_alone(self, item: Item, future: asyncio.Future[Result]) -> None:
        """After a failure of several: only whose own write fails is told so."""
        try:
            (result,) = await self._write(lambda connection: self._work(connection, [item]))
            _tell(future, result)
        except Exception as error:
            _tell(future, error=error)

    def _take(self) -> list[tuple[Item, asyncio.Future[Result]]]:
        """What waits, but those whose caller gave up (a closed connection): they were told nothing."""
        self._asked = False  # first: whoever comes from now on asks again
        batch: list[tuple[Item, asyncio.Future[Result]]] = []
        while len(batch) < MOST:
            try:
                item, future = self._waiting.get_nowait()
            except queue.Empty:
                break
            if not future.done():
                batch.append((item, future))
        return batch


def _tell(future: asyncio.Future[Result], result: Result | None = None, *, error: Exception | None = None) -> None:
    """Unless the caller gave up meanwhile."""
    if future.done():
        return
    if error:
        future.set_exception(error)
    else:
        future.set_result(cast(Result, result))
