"""Everything into another database: from SQLite to PostgreSQL when the shop has grown, or back.

The source is only read. The target must be empty, and keeps nothing unless every row was read back and is the same,
and the source, read once more at the end, still has the same contents: a bot that was left running would have
written rows that are missing in the target.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from bot.operations.copies import CopyFailed, alone_on, fill, holds_rows, rows
from bot.store.database import Database
from bot.store.migrate import TooNew, migrate
from bot.store.tables import metadata
from bot.store.trouble import meaning

SNAPSHOT = "REPEATABLE READ"


@dataclass(frozen=True)
class Moved:
    """One table: how many rows, and a digest of their contents, the same in both databases."""

    rows: int
    digest: str


def move(db: Database, url: str) -> dict[str, Moved]:
    """Copy all rows of `db` into the empty database at `url`, which need not have tables yet. Raises CopyFailed.

    A password that is not in the address is taken from PGPASSWORD or ~/.pgpass, as with all programs of PostgreSQL.
    """
    if not url.startswith(("sqlite:///", "postgresql://")) or not urlsplit(url).path.strip("/"):
        raise CopyFailed("--to must be an address such as postgresql://user@host/name, or sqlite:///file.")
    with alone_on(db):
        return _moved(db, url)


def _moved(db: Database, url: str) -> dict[str, Moved]:
    try:
        target = Database(url)
    except (SQLAlchemyError, OSError) as error:
        raise CopyFailed(f"The other database cannot be opened: {meaning(error)}.") from error
    try:
        migrate(target)
        with target.engine.connect().execution_options(writer=True) as new, new.begin():
            if holds_rows(new):
                raise CopyFailed("The other database is not empty. Nothing was changed.")
            with _snapshot(db) as old:
                counts = fill(old, new)
            digests = _digests(new)
            with _snapshot(db) as now:
                if _digests(now) != digests:
                    raise CopyFailed("The database was written to meanwhile: stop the bot first. Nothing was kept.")
    except TooNew as error:
        raise CopyFailed("The other database was written by a newer version of this program.") from error
    except (SQLAlchemyError, OSError) as error:
        raise CopyFailed(f"The rows could not be moved: {meaning(error)}. Nothing was kept.") from error
    finally:
        target.close()
    return {name: Moved(counts[name], digests[name]) for name in counts}


def _snapshot(db: Database) -> Connection:
    """A connection that sees one moment."""
    connection = db.engine.connect()
    return connection if db.sqlite else connection.execution_options(isolation_level=SNAPSHOT)


def _digests(connection: Connection) -> dict[str, str]:
    """SHA-256 of each table's contents, rows by their key: the same on both kinds of database."""
    digests = {}
    for table in metadata.sorted_tables:
        digest = hashlib.sha256()
        with closing(rows(connection, table)) as found:
            for row in found:
                digest.update(json.dumps(list(row), sort_keys=True, default=str).encode() + b"\n")
        digests[table.name] = digest.hexdigest()
    return digests
