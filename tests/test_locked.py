"""The engine is locked in: what it must not do fails, in a process that runs as the engine does."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT, free_port

PYTHON = ROOT / ".venv-engine" / "bin" / "python"

#: What a model, a library or an action's answer could make the engine do; each must fail.
FORBIDDEN = {
    "calls another port here": "socket.create_connection(('127.0.0.1', {other}), 2)",
    "calls the world": "socket.create_connection(('192.0.2.1', 443), 2)",
    "sends a packet": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
    "asks for a name": "socket.getaddrinfo('example.org', 443)",
    "speaks to a local daemon": "socket.socket(socket.AF_UNIX).connect('/var/run/docker.sock')",
    "connects in C": "__import__('uvloop')",
    "writes beside its folder": "open({outside!r} + '/new', 'w')",
    "appends": "open({outside!r} + '/old', 'a')",
    "writes through a descriptor": "os.open({outside!r} + '/old', os.O_RDWR)",
    "climbs out": "open(own + '/../new', 'w')",
    "follows a link out": "os.symlink({outside!r}, own + '/l') or open(own + '/l/n', 'w')",
    "follows a link to a file": "os.symlink({outside!r} + '/old', own + '/f') or open(own + '/f', 'w')",
    "removes": "os.remove({outside!r} + '/old')",
    "renames out": "open(own + '/a', 'w').close() or os.rename(own + '/a', {outside!r} + '/a')",
    "removes a tree": "shutil.rmtree({outside!r})",
    "starts a program": "subprocess.run(['/bin/true'])",
    "starts a shell": "os.system('true')",
    "forks": "os.fork()",
}
#: What it needs; each must work.
ALLOWED = {
    "calls its actions": "socket.create_connection(('127.0.0.1', {actions}), 2).close()",
    "by name": "socket.create_connection(('localhost', {actions}), 2).close()",
    "opens its own door": "socket.create_server(('127.0.0.1', 0)).close()",
    "reads": "open({outside!r} + '/old').read()",
    "writes in its folder": "open(own + '/a', 'w').close()",
    "cleans it up": "shutil.rmtree(tempfile.mkdtemp())",
    "has a loop": "asyncio.run(asyncio.sleep(0))",
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "old").write_text("before")
    (tmp_path / "scratch").mkdir()
    return tmp_path


def run_locked(place: Path, statements: dict[str, str], actions: int) -> dict[str, str]:
    """What became of each statement: "done", or the error's name."""
    given = {"outside": str(place / "outside"), "actions": actions, "other": free_port()}
    lines = ["import asyncio, os, shutil, socket, subprocess, sys, tempfile", "own = tempfile.gettempdir()"]
    for name, statement in statements.items():
        code = statement.format(**given)
        lines += [f"try:\n    {code}\n    print({name!r}, 'done', sep='|')"]
        lines += [f"except (OSError, ImportError) as error:\n    print({name!r}, type(error).__name__, sep='|')"]
    (place / "tries.py").write_text("\n".join(lines))
    env = {
        "PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{place}", "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(place / "scratch"), "ACTIONS_URL": f"http://localhost:{actions}/webhook",
    }  # fmt: skip
    command = [str(PYTHON), "-m", "engine.locked", "tries"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return dict(line.split("|", 1) for line in done.stdout.splitlines())


def test_what_the_engine_must_not_do_fails(place: Path) -> None:
    became = run_locked(place, FORBIDDEN, free_port())
    assert {name: what for name, what in became.items() if what not in ("PermissionError", "ModuleNotFoundError")} == {}
    assert set(became) == set(FORBIDDEN)
    assert (place / "outside" / "old").read_text() == "before"
    assert [path.name for path in (place / "outside").iterdir()] == ["old"]


def test_what_it_needs_works(place: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as actions:
        became = run_locked(place, ALLOWED, actions.getsockname()[1])
    assert became == dict.fromkeys(ALLOWED, "done")


def test_the_lock_cannot_be_missed() -> None:
    """The engine as a child, and the engine in its image."""
    assert '"engine.locked", "rasa", "run"' in (ROOT / "bot/pair.py").read_text()
    assert '"-m", "engine.locked", "rasa", "run"' in (ROOT / "deploy/engine.Dockerfile").read_text()
