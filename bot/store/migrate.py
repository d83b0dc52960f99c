"""Brings a database to the present tables: run at every start, nothing to do the second time.

python -m bot.store.migrate "Add a column."    write the next migration, from what tables.py says now
"""

from __future__ import annotations

import sys
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, MetaData, inspect, text

from bot.store.database import Database

if TYPE_CHECKING:
    from alembic.config import Config

FOLDER = Path(__file__).parent / "migrations"


class TooNew(Exception):
    """The database was written by a newer version of this program."""


class Standing(StrEnum):
    """A database's tables, beside this program's."""

    EMPTY = "empty"
    OLDER = "older"
    PRESENT = "present"
    NEWER = "newer"


def migrate(db: Database) -> None:
    """Run the migrations that the database does not have yet. Raises TooNew, and what Alembic raises."""
    with db.engine.connect() as connection:
        now = standing(connection)
    if now == Standing.NEWER:
        raise TooNew(f"this program has version {_ours()[-1]}")
    if now != Standing.PRESENT:
        _upgrade(db)


def standing(connection: Connection) -> Standing:
    """Whose tables these are. Changes nothing."""
    if not inspect(connection).has_table("alembic_version"):
        return Standing.EMPTY
    ours, its = _ours(), connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if its is None:
        return Standing.EMPTY
    if its not in ours:
        return Standing.NEWER
    return Standing.PRESENT if its == ours[-1] else Standing.OLDER


def make(connection: Connection) -> None:
    """Make the present tables where there are none, in the caller's transaction."""
    from alembic import command

    command.upgrade(_config(connection), "head")


def drop_all(connection: Connection) -> None:
    """Drop every table there is, whichever version made it, in the caller's transaction."""
    there = MetaData()
    there.reflect(connection)
    there.drop_all(connection)


def _ours() -> list[str]:
    return sorted(file.name[:4] for file in (FOLDER / "versions").glob("[0-9]*.py"))


def _upgrade(db: Database) -> None:
    from alembic import command  # 20 MB that would stay; at most starts there is nothing to do

    with db.engine.connect().execution_options(writer=True) as connection:
        if not db.sqlite:
            # several processes may start at once: the second waits, and then finds nothing to do
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(5127001)")
        command.upgrade(_config(connection), "head")
        connection.commit()


def revise(message: str) -> None:
    """Write the next migration's file, to be read and mended by hand."""
    from alembic import command

    with tempfile.TemporaryDirectory() as folder:
        db = Database(f"sqlite:///{folder}/empty.db")
        migrate(db)
        with db.engine.connect().execution_options(writer=True) as connection:
            number = int(_ours()[-1]) + 1
            command.revision(_config(connection), message, autogenerate=True, rev_id=f"{number:04}")
        db.close()


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


if __name__ == "__main__":
    revise(sys.argv[1])
