"""Brings a database to the present tables: run at every start, nothing to do the second time.

python -m bot.store.migrate "Add a column."    write the next migration, from what tables.py says now
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from bot.store.database import Database

FOLDER = Path(__file__).parent / "migrations"


def migrate(db: Database) -> None:
    """Run the migrations that the database does not have yet. Raises what Alembic raises."""
    with db.engine.connect().execution_options(writer=True) as connection:
        if not db.sqlite:
            # several processes may start at once: the second waits, and then finds nothing to do
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(5127001)")
        command.upgrade(_config(connection), "head")
        connection.commit()


def revise(message: str) -> None:
    """Write the next migration's file, to be read and mended by hand."""
    with tempfile.TemporaryDirectory() as folder:
        db = Database(f"sqlite:///{folder}/empty.db")
        migrate(db)
        with db.engine.connect().execution_options(writer=True) as connection:
            newest = max((int(file.name[:4]) for file in (FOLDER / "versions").glob("[0-9]*.py")), default=0)
            command.revision(_config(connection), message, autogenerate=True, rev_id=f"{newest + 1:04}")
        db.close()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


if __name__ == "__main__":
    revise(sys.argv[1])
