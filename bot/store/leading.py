"""What one process at a time may do: a lock that dies with the process that holds it, on a connection of its own.

    leading      do something for as long as this process has the lead; another takes over when it ends or dies
    FirstHere    is no other process on this database? (SQLite: one machine, so its kernel knows)

On PostgreSQL an advisory lock of the session: the server frees it when the connection ends, also when the process
was killed. On SQLite a lock on a file beside the database. Two may believe to lead for a moment (a connection broke
and the first has not noticed yet), so what is led must bear being done twice; it is only not worth doing twice.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
from collections.abc import Awaitable, Callable
from typing import Protocol

import psycopg
from sqlalchemy import text

from bot.store.database import Database

log = logging.getLogger(__name__)

EVERY = 1.0  # seconds between tries to get the lead, and looks whether it is still held
ANSWER = 5  # seconds that the server may take
NUMBER = 5127  # the first half of our locks' numbers; the other is made of the name
#: A machine that vanished without a word is missed by the server within about ten seconds, not hours.
_NOTICE = "SET tcp_keepalives_idle = 4; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3"


class Lock(Protocol):
    """One name's lock, as this process sees it."""

    async def take(self) -> bool:
        """Try to get it. Never raises for a database that is away."""

    async def held(self) -> bool:
        """Whether it is still ours."""

    async def drop(self) -> None:
        """Give it back. Never raises."""


async def leading(db: Database, name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Run `work` while this process leads, again each time it gets the lead; until cancelled.

    Work that returns is done: the lead is kept, so that no other process does it again.
    """
    lock = FileLock(_beside(db, name)) if db.sqlite else ServerLock(db, name)
    try:
        while True:
            if await lock.take():
                log.info("this process leads: %s", name)
                await _while_held(lock, name, work)
            await asyncio.sleep(EVERY)
    finally:
        await lock.drop()


async def _while_held(lock: Lock, name: str, work: Callable[[], Awaitable[None]]) -> None:
    working = asyncio.ensure_future(work())
    try:
        while await lock.held():
            await asyncio.sleep(EVERY)
            if working.done() and working.exception():
                log.error("%s ended, begun again", name, exc_info=working.exception())
                working = asyncio.ensure_future(work())
        log.warning("this process leads no more: %s", name)
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


class FileLock:
    """On one machine; the kernel frees it with the process."""

    def __init__(self, path: str) -> None:
        """`path` "": a database without a file, which nobody else can reach."""
        self._path = path
        self._file: int | None = None

    async def take(self) -> bool:
        if not self._path:
            return True
        try:
            self._file = _opened(self._path)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # held by another; or the file cannot be opened now: a later look may find that it can
            await self.drop()
            return False
        return True

    async def held(self) -> bool:
        return True

    async def drop(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


class ServerLock:
    """On PostgreSQL. It needs a connection that stays the same: no pool of transactions in between."""

    def __init__(self, db: Database, name: str) -> None:
        self._address = db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._name = name
        self._connection: psycopg.AsyncConnection[tuple[bool]] | None = None

    async def take(self) -> bool:
        try:
            async with asyncio.timeout(ANSWER):
                if self._connection is None:
                    self._connection = await psycopg.AsyncConnection.connect(self._address, autocommit=True)
                    await self._connection.execute(_NOTICE)
                query = "SELECT pg_try_advisory_lock(%s, hashtext(%s))"
                row = await (await self._connection.execute(query, (NUMBER, self._name))).fetchone()
        except (psycopg.Error, OSError, TimeoutError):
            await self.drop()
            return False
        return bool(row and row[0])

    async def held(self) -> bool:
        if self._connection is None:
            return False
        try:
            async with asyncio.timeout(ANSWER):
                await self._connection.execute("SELECT 1")
        except (psycopg.Error, OSError, TimeoutError):
            await self.drop()
            return False
        return True

    async def drop(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            try:
                async with asyncio.timeout(ANSWER):
                    await connection.close()
            except (psycopg.Error, OSError, TimeoutError):
                log.debug("a lock's connection was already gone")


def somebody_leads(db: Database) -> bool:
    """Whether any process has a lead on this PostgreSQL database. Raises SQLAlchemyError."""
    query = "SELECT EXISTS (SELECT 1 FROM pg_locks JOIN pg_database d ON d.oid = database "
    query += "WHERE locktype = 'advisory' AND classid = :number AND datname = current_database())"
    with db.engine.connect() as connection:
        return bool(connection.execute(text(query), {"number": NUMBER}).scalar())


class FirstHere:
    """Whether no other process does the same on this database, as far as that can be known.

    `alone` is asked once, before this process does anything; until `join` no other can believe to be alone.
    """

    def __init__(self, db: Database, name: str) -> None:
        """`name` of what is done: "workers" answer and send, "running" is everyone who serves."""
        self._path = _beside(db, name) if db.sqlite else ""
        self._file: int | None = None

    def alone(self) -> bool:
        """True on SQLite where nobody else works. On PostgreSQL nobody can know: what others hold has to lapse."""
        if not self._path:
            return False
        try:
            fcntl.flock(self._opened(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def join(self) -> None:
        """From now on this process does it too; waits for who is alone and still puts things right."""
        if self._path:
            fcntl.flock(self._opened(), fcntl.LOCK_SH)

    def _opened(self) -> int:
        if self._file is None:
            self._file = _opened(self._path)
        return self._file

    def leave(self) -> None:
        """This process does it no more."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _beside(db: Database, name: str) -> str:
    """The lock's file, "" for a database without one."""
    path = db.engine.url.database
    return f"{path}.{name.replace(':', '-')}.lock" if path and path != ":memory:" else ""


def _opened(path: str) -> int:
    return os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
