"""Runs functions of a connection: one writer with group commit on SQLite, a pool on PostgreSQL."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection

from bot.store.together import Item, Result, Together

T = TypeVar("T")
_Job = tuple[Callable[[Connection], Any], "Future[Any]", bool]  # what to do, its result, must it outlive a power cut

#: Raised while the database is away or too busy: it says nothing about what was to be done, which may be tried again.
AWAY = (OperationalError, InterfaceError, NoConnection)
GROUP = 256  # functions in one commit at most: a longer group would keep the first caller waiting
READERS = 4
WRITERS = 8  # on PostgreSQL
CONNECT = "10"  # seconds for a new connection to PostgreSQL
#: Screens read at a time: they work in Python more than in the database, and more of them at once would only take its
#: lock from each other and from whoever decides, writes or is written to.
SCREENS = 1
PATIENCE = 0.02  # seconds that a screen waits at most while something is written: writers may follow each other


class Database:
    """The store's door. `write` returns after the commit is on disk; `read` sees the last commit."""

    def __init__(self, url: str) -> None:
        """Open the database at `url` (sqlite:///path or postgresql://...). Raises SQLAlchemyError if it cannot."""
        self.engine = _engine(url)
        self.sqlite = self.engine.dialect.name == "sqlite"
        self._hasty = _engine(url, durable=False) if self.sqlite else self.engine
        self.single = self.engine if self.sqlite else _single_statements(self.engine)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-readers")
        self._writers = ThreadPoolExecutor(WRITERS, thread_name_prefix="store-writers")
        self._screens = ThreadPoolExecutor(SCREENS, thread_name_prefix="store-screens")
        self._doors = ThreadPoolExecutor(1, thread_name_prefix="store-doors")  # one: what came first is stored first
        self._writes = 0  # under way
        self._quiet = threading.Event()  # none is
        self._quiet.set()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        if self.sqlite:
            self._writer = threading.Thread(target=self._write_groups, name="store-writer", daemon=True)
            self._writer.start()

    async def write(self, work: Callable[[Connection], T], *, durable: bool = True) -> T:
        """Run `work` in a transaction; its result once committed. What `work` raises is raised here, rolled back.

        Not `durable`: a power cut may undo it, and nobody waits for the disk. Only for what dies with the process.
        """
        with self._writing():
            if not self.sqlite:
                return await _in(self._writers, self.engine, work if durable else _hasty(work))
            future: Future[T] = Future()
            self._jobs.put((work, future, durable))
            return await asyncio.wrap_future(future)

    def together(
        self, work: Callable[[Connection, Sequence[Item]], Sequence[Result]]
    ) -> Together[Item, Result]:
        """For many small writes of one kind: `work`, which writes by a single statement, is run for all that wait."""

        async def write(one: Callable[[Connection], Sequence[Result]]) -> Sequence[Result]:
            with self._writing():
                return await _in(self._doors, self.single, one)

        return Together(work, self.write if self.sqlite else write)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work`, which must only read."""
        return await _in(self._readers, self.single, work)

    async def screen(self, work: Callable[[Connection], T]) -> T:
        """The same for all that somebody's screen shows: much at once, and in nobody's way."""

        def in_quiet(connection: Connection) -> T:
            self._quiet.wait(PATIENCE)
            return work(connection)

        return await _in(self._screens, self.single, in_quiet)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._writes += 1
        self._quiet.clear()
        try:
            yield
        finally:
            self._writes -= 1
            if not self._writes:
                self._quiet.set()

    def close(self) -> None:
        """Finish what was asked for, then close every connection."""
        if self._writer:
            self._jobs.put(None)
            self._writer.join()
        self._writers.shutdown()
        self._readers.shutdown()
        self._screens.shutdown()
        self._doors.shutdown()
        self.single.dispose()
        self.engine.dispose()
        self._hasty.dispose()

    def _write_groups(self) -> None:
        while True:
            job = self._jobs.get()
            group = [] if job is None else [job]
            while job is not None and len(group) < GROUP:
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if job is not None:
                    group.append(job)
            # a caller who gave up (a closed connection) was told nothing, so its work may be left out
            group = [job_ for job_ in group if job_[1].set_running_or_notify_cancel()]
            if group:
                self._write(group)
            if job is None:
                return

    def _write(self, group: list[_Job]) -> None:
        """One commit for the whole group; when one function fails, each gets a transaction of its own."""
        engine = self.engine if any(durable for _, _, durable in group) else self._hasty
        try:
            with engine.connect().execution_options(writer=True) as connection, connection.begin():
                results = [work(connection) for work, _, _ in group]
        except BaseException as error:
            if len(group) == 1:
                group[0][1].set_exception(error)
                return
            for job in group:
                self._write([job])
            return
        for (_, future, _), result in zip(group, results, strict=True):
            future.set_result(result)


async def _in(pool: ThreadPoolExecutor, engine: Engine, work: Callable[[Connection], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(pool, _transaction, engine, work)


def _transaction(engine: Engine, work: Callable[[Connection], T]) -> T:
    """Once more where the connection turns out to be dead, as all are after the server was restarted: to ask each of
    them beforehand would cost every transaction another way to the server.
    """
    done = False
    try:
        with engine.begin() as connection:
            result = work(connection)
            done = True
            return result
    except DBAPIError as error:
        if done or not error.connection_invalidated:  # done: nobody knows whether it was committed
            raise
    with engine.begin() as connection:
        return work(connection)


def _hasty(work: Callable[[Connection], T]) -> Callable[[Connection], T]:
    """On PostgreSQL: its commit does not wait for the disk."""

    def in_haste(connection: Connection) -> T:
        connection.exec_driver_sql("SET LOCAL synchronous_commit TO off")
        return work(connection)

    return in_haste


def _single_statements(engine: Engine) -> Engine:
    """For PostgreSQL: connections on which each statement is a transaction.

    Reads are shown the last commit statement by statement anyway, and BEGIN and COMMIT are two more ways to the server.
    Connections of their own: after a rollback the driver forgets what it has prepared, and a list would be planned
    anew, which takes as long as to read it.
    """
    many = READERS + SCREENS + 1  # the doors
    return create_engine(engine.url, pool_size=many, isolation_level="AUTOCOMMIT", hide_parameters=True)


def _engine(url: str, *, durable: bool = True) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        parsed = parsed.set(drivername="postgresql+psycopg")
        if "connect_timeout" not in parsed.query:  # a machine that is gone would keep everyone waiting for minutes
            parsed = parsed.update_query_dict({"connect_timeout": CONNECT})
        return create_engine(parsed, pool_size=WRITERS, hide_parameters=True)
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, connect_args={"timeout": 30}, pool_size=READERS + SCREENS + 2, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        # autocommit: the driver's own BEGIN would come too late for BEGIN IMMEDIATE
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        # NORMAL loses acknowledged rows in a power cut; the next commit with FULL brings what came before to the disk
        connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        connection.execute("PRAGMA foreign_keys=ON")
        # what is deleted is overwritten, as in Debian's builds: an erased customer must not be readable in the file
        connection.execute("PRAGMA secure_delete=ON")
        connection.execute("PRAGMA busy_timeout=30000")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # a writer that starts as a reader can fail half-way when another process writes: take the lock at once
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writer") else "BEGIN")

    return engine
