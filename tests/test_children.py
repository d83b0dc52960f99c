"""The child processes: restarted when they end, ended with the parent however it dies, with plain sentences."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bot.child import Child
from bot.children import Children, ChildrenFailed, ChildrenSettings
from bot.training import Content, TrainingFailed, train
from tests.conftest import ROOT, free_port

SLEEPER = "import time; print('here', flush=True); time.sleep(60)"


def child_of(folder: Path, program: str) -> Child:
    """A child that runs `program` as the engine is run."""
    (folder / "sleeper.py").write_text(program)
    command = [sys.executable, "-m", "engine.child", "sleeper"]
    env = {"PYTHONPATH": f"{ROOT}:{folder}", "PATH": os.environ["PATH"]}
    return Child("sleeper", command, env=env, cwd=folder, log=folder / "log", health="")


def is_running(pid: int) -> bool:
    """A zombie does not run: it only waits to be counted."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


async def until(condition: object, seconds: float = 20) -> None:
    """Wait for a callable to be true."""
    assert callable(condition)
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_child_that_ends_is_started_again_and_stop_ends_it(tmp_path: Path) -> None:
    child = child_of(tmp_path, SLEEPER)
    task = asyncio.create_task(child.keep_running())
    await until(lambda: child.process is not None)
    first = child.process
    child.kill()
    await until(lambda: child.starts == 2)
    assert child.process is not first and child.process is not None
    task.cancel()
    pid = child.process.pid
    await child.end()
    assert not is_running(pid)


async def test_children_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "parent.py").write_text(f"""
import asyncio, sys
from pathlib import Path
from tests.test_children import SLEEPER, child_of

async def main():
    child = child_of(Path({str(tmp_path)!r}), SLEEPER)
    task = asyncio.create_task(child.keep_running())
    while "here" not in (child.log.read_text() if child.log.exists() else ""):
        await asyncio.sleep(0.02)
    print(child.process.pid, flush=True)
    await task

asyncio.run(main())
""")
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, tmp_path / "parent.py"], env=env, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(await asyncio.to_thread(parent.stdout.readline))
        assert is_running(pid)
        parent.send_signal(signal.SIGKILL)
        await until(lambda: not is_running(pid))


async def test_a_taken_port_is_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        children = Children(ChildrenSettings(tmp_path, tmp_path, engine_port=port, actions_port=free_port()))
        with pytest.raises(ChildrenFailed, match=f"Port {port} is taken"):
            await children.start()


async def test_content_that_is_wrong_is_told_and_leaves_no_model(tmp_path: Path) -> None:
    for name in ("engine", "config.yml"):
        (tmp_path / name).symlink_to(ROOT / name)
    for name in ("domain", "nlu", "stories"):
        (tmp_path / name).mkdir()
    (tmp_path / "domain" / "all.yml").write_text("intents: [")
    content = Content(tmp_path, tmp_path / "data")
    env = {"PYTHONPATH": str(tmp_path), "PATH": os.environ["PATH"], "RASA_TELEMETRY_ENABLED": "false"}
    with pytest.raises(TrainingFailed, match="all.yml"):
        await train(content, python=ROOT / ".venv-engine" / "bin" / "python", env=env)
    assert not list((tmp_path / "data" / "models").glob("*.gz"))


def test_a_change_of_content_asks_for_another_model(tmp_path: Path) -> None:
    (tmp_path / "nlu").mkdir()
    content = Content(tmp_path, tmp_path / "data")
    (tmp_path / "nlu" / "a.yml").write_text("one")
    before = content.model()
    os.utime(tmp_path / "nlu" / "a.yml", (time.time(), time.time()))
    assert content.model() == before
    (tmp_path / "nlu" / "a.yml").write_text("two")
    assert content.model() != before
