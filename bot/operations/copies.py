"""Backup while running, and restore with self-test; on both databases, in one format.

A backup is an SQLite file with our tables, whichever database it was taken of: it needs no program of the
database's own, can be looked into, and can be restored into either. What is written is proven before it counts:
a backup by SQLite's own check and by counting rows, a restore by comparing every row, inside its transaction.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, Table, delete, func, insert, select, text
from sqlalchemy.exc import SQLAlchemyError

from bot.store.database import Database
from bot.store.leading import FirstHere, somebody_leads
from bot.store.migrate import Standing, TooNew, drop_all, make, migrate, standing
from bot.store.tables import metadata
from bot.store.trouble import meaning

ROWS = 1000  # in memory at a time
GOING = 3.0  # seconds in which a database's server notices that a bot that was stopped has gone


class CopyFailed(Exception):
    """The backup or the restore did not happen; the text says why. Nothing was changed."""


def backup(db: Database, file: Path) -> dict[str, int]:
    """Write all rows as they are at one moment to `file`; how many of each table. Raises CopyFailed."""
    unfinished = file.with_name(f".{file.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    try:
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))  # it is full of personal data
        counts = _of_sqlite(db, unfinished) if db.sqlite else _of_postgresql(db, unfinished)
        _sealed(unfinished)
        _intact(unfinished)
        os.replace(unfinished, file)
    except (OSError, sqlite3.Error, SQLAlchemyError) as error:
        raise CopyFailed(f"The backup could not be written: {meaning(error)}.") from error
    finally:
        for left in unfinished.parent.glob(f"{unfinished.name}*"):
            left.unlink()
    return counts


def restore(db: Database, file: Path, *, scratch: Path, overwrite: bool = False) -> dict[str, int]:
    """Fill `db` with the rows of a backup; how many of each table. Raises CopyFailed.

    The backup may be of an older version: it is brought to the present tables in a copy in `scratch` first, so the
    file itself need only be readable. All in one transaction: another process sees all or nothing, and a failure
    leaves everything as it was.
    """
    with alone_on(db), _opened(file, scratch) as saved, saved.engine.connect() as source:
        try:
            with db.engine.connect().execution_options(writer=True) as target, target.begin():
                _emptied(target, overwrite=overwrite)
                counts = fill(source, target)
        except SQLAlchemyError as error:
            raise CopyFailed(f"The backup could not be restored: {meaning(error)}.") from error
    return counts


def _emptied(target: Connection, *, overwrite: bool) -> None:
    """The present tables without rows. Those of another version are made anew: to go back to before an upgrade."""
    its = standing(target)
    if its == Standing.EMPTY:
        make(target)
    elif its == Standing.PRESENT and not holds_rows(target):
        return
    elif not overwrite:
        raise CopyFailed("The database is not empty: stop the bot, and say --overwrite.")
    elif its == Standing.PRESENT:
        for table in reversed(metadata.sorted_tables):
            target.execute(delete(table))
    else:
        drop_all(target)
        make(target)


@contextmanager
def alone_on(db: Database) -> Iterator[None]:
    """Nobody serves on it. Raises CopyFailed.

    On SQLite nobody can begin to meanwhile either. On PostgreSQL who takes in or answers is seen, and a process that
    has only the desk is not.
    """
    here = FirstHere(db, "running")
    try:
        _until_nobody_serves(db, here)
        yield
    finally:
        here.leave()


def _until_nobody_serves(db: Database, here: FirstHere) -> None:
    """Raises CopyFailed."""
    until = time.monotonic() + GOING
    try:
        while not here.alone() if db.sqlite else somebody_leads(db):
            if time.monotonic() > until:
                raise CopyFailed("The bot is running on this database: stop it first.")
            time.sleep(0.1)
    except (SQLAlchemyError, OSError) as error:
        raise CopyFailed(f"The database cannot be opened: {meaning(error)}.") from error


def _of_sqlite(db: Database, file: Path) -> dict[str, int]:
    """SQLite's own online copy: consistent, whoever writes meanwhile."""
    path = db.engine.url.database
    assert path
    with closing(sqlite3.connect(path, timeout=30)) as source, closing(sqlite3.connect(file)) as target:
        source.backup(target, pages=1024, sleep=0.01)
        counts = {}
        for table in metadata.sorted_tables:
            counts[table.name] = int(target.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0])
    return counts


def _of_postgresql(db: Database, file: Path) -> dict[str, int]:
    """A snapshot, row by row."""
    with _database(file) as saved:
        migrate(saved)
        with (
            db.engine.connect().execution_options(isolation_level="REPEATABLE READ") as source,
            saved.engine.connect().execution_options(writer=True) as target,
            target.begin(),
        ):
            counts = fill(source, target)
    return counts


@contextmanager
def _opened(file: Path, scratch: Path) -> Iterator[Database]:
    """A copy of the backup, proven and brought to the present tables. Raises CopyFailed."""
    if not file.is_file():
        raise CopyFailed(f"There is no file {file}.")
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        copy = Path(folder) / "copy.db"
        try:
            shutil.copyfile(file, copy)
            _intact(copy)
            with closing(sqlite3.connect(copy)) as connection:
                connection.execute("SELECT count(*) FROM alembic_version")
            with _database(copy) as saved:
                migrate(saved)
                yield saved
        except TooNew as error:
            raise CopyFailed("The backup was written by a newer version of this program: update this one.") from error
        except (OSError, sqlite3.Error) as error:
            raise CopyFailed(f"{file} is no backup of this program, or it is damaged.") from error


@contextmanager
def _database(file: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{file}")
    try:
        yield database
    finally:
        database.close()


def _sealed(file: Path) -> None:
    """One file that can be carried away: nothing beside it, all of it on the disk."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    with file.open("rb") as written:
        os.fsync(written.fileno())


def _intact(file: Path) -> None:
    """SQLite's own check of every page and every reference. Raises sqlite3.Error."""
    with closing(sqlite3.connect(file)) as connection:
        if connection.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
            raise sqlite3.DatabaseError("damaged")
        if connection.execute("PRAGMA foreign_key_check").fetchall():
            raise sqlite3.DatabaseError("rows refer to rows that are not there")


def fill(source: Connection, target: Connection) -> dict[str, int]:
    """Bring all rows of `source` into the empty `target`; how many of each table. Raises CopyFailed.

    Both are inside a transaction of the caller's: nothing counts before the target's is committed.
    """
    counts = _copy(source, target)
    _same(source, target)
    _continue_numbers(source, target)
    return counts


def holds_rows(connection: Connection) -> bool:
    """Is there anything in our tables?"""
    return any(connection.execute(select(table).limit(1)).first() for table in metadata.sorted_tables)


def rows(connection: Connection, table: Table) -> Generator[Row[Any], None, None]:
    """All rows by their key, a few in memory at a time."""
    query = select(table).order_by(*table.primary_key).execution_options(yield_per=ROWS)
    with connection.execute(query) as found:
        yield from found


def _copy(source: Connection, target: Connection) -> dict[str, int]:
    """Every row of every table, those first that others refer to."""
    counts = {}
    for table in metadata.sorted_tables:
        counts[table.name] = 0
        with closing(rows(source, table)) as found:
            while part := [dict(row._mapping) for row in itertools.islice(found, ROWS)]:
                target.execute(insert(table), part)
                counts[table.name] += len(part)
    return counts


def _same(source: Connection, target: Connection) -> None:
    """Compare every row. Raises CopyFailed."""
    for table in metadata.sorted_tables:
        with closing(rows(source, table)) as ours, closing(rows(target, table)) as theirs:
            for one, other in itertools.zip_longest(ours, theirs):
                if one is None or other is None or tuple(one) != tuple(other):
                    raise CopyFailed(f"A row of {table.name} is not the same after copying: nothing was kept.")


def _continue_numbers(source: Connection, target: Connection) -> None:
    """New rows get numbers never used before, also not by rows that were deleted: platforms may still name them."""
    for table in metadata.sorted_tables:
        column = table.autoincrement_column
        if column is None:
            continue
        last = max(_last_number(source, table), _last_number(target, table))
        if target.dialect.name != "sqlite":
            sequence = text("SELECT setval(pg_get_serial_sequence(:table, :column), :last, :used)")
            values = {"table": table.name, "column": column.name, "last": max(last, 1), "used": last > 0}
            target.execute(sequence, values)
        elif table.dialect_options["sqlite"]["autoincrement"]:
            target.execute(text("DELETE FROM sqlite_sequence WHERE name = :table"), {"table": table.name})
            target.execute(
                text("INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :last)"),
                {"table": table.name, "last": last},
            )


def _last_number(connection: Connection, table: Table) -> int:
    """The highest number that was ever given, as far as the database knows."""
    column = table.autoincrement_column
    assert column is not None
    highest = connection.execute(select(func.max(column))).scalar() or 0
    if connection.dialect.name != "sqlite":
        words = text("SELECT pg_get_serial_sequence(:table, :column)")
        name = connection.execute(words, {"table": table.name, "column": column.name}).scalar_one()
        last, called = connection.exec_driver_sql(f"SELECT last_value, is_called FROM {name}").one()
        return max(highest, last if called else 0)
    words = text("SELECT seq FROM sqlite_sequence WHERE name = :table")
    return max(highest, connection.execute(words, {"table": table.name}).scalar() or 0)
