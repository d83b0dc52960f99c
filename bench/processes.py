"""Processes: started, waited for, ended; their memory and processor time, with all their children."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BOT_PYTHON = ROOT / ".venv" / "bin" / "python"
ENGINE_PYTHON = ROOT / ".venv-engine" / "bin" / "python"
#: What a measured process may see of our environment: no token or setting of a real bot gets in.
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
#: As the bot starts its engine (bot/pair.py), but for the limits on threads: stock Rasa may use all cores.
RASA = {
    "RASA_TELEMETRY_ENABLED": "false",
    "LOG_LEVEL": "WARNING",
    "LOG_LEVEL_LIBRARIES": "ERROR",
    "SANIC_HOST": "127.0.0.1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
    "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    "PYTHONWARNINGS": "ignore",
}


class NotStarted(Exception):
    """A measured process ended, or never answered; the text says where its log is."""


@dataclass(frozen=True)
class Memory:
    """Mebibytes: `rss` counts shared pages in each process, `pss` once."""

    rss: float
    pss: float


class Process:
    """A measured process: starts at once; its output goes to a log."""

    def __init__(self, command: list[str], *, env: dict[str, str], log: Path, cwd: Path = ROOT) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = log
        self.started = time.perf_counter()
        with log.open("wb") as out:
            self._popen = subprocess.Popen(
                command,
                env=environment(env),
                cwd=cwd,
                stdin=subprocess.PIPE,  # never written to: its end tells the process that we are gone
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its number."""
        return self._popen.pid

    def wait_for(self, url: str, seconds: float) -> float:
        """Wait until `url` answers 200; the seconds since the start. Raises NotStarted."""
        while time.perf_counter() - self.started < seconds:
            if self._popen.poll() is not None:
                break
            with contextlib.suppress(OSError, urllib.error.URLError):
                with urllib.request.urlopen(url, timeout=5) as answer:
                    if answer.status == 200:
                        return time.perf_counter() - self.started
            time.sleep(0.05)
        raise NotStarted(f"no answer at {url}: see {self._log}")

    def end(self) -> None:
        """Ask it to end; kill it and its children when it does not within 20 s."""
        children = tree(self.pid)
        self._popen.send_signal(signal.SIGTERM)
        try:
            self._popen.wait(20)
        except subprocess.TimeoutExpired:
            for pid in children:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._popen.wait()
        if self._popen.stdin:
            self._popen.stdin.close()


def end_with_parent() -> None:
    """Call in a measured process: when the one that measures is gone, however it died, end as if asked to."""

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def environment(more: dict[str, str]) -> dict[str, str]:
    """The little of our own environment that measured processes get, and `more`."""
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ} | more


def free_ports(*apart: int) -> int:
    """A port that is free, and so are those `apart` above it."""
    while True:
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            first = stack.enter_context(socket.socket())
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            for more in apart:
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port + more))
            if port + max(apart, default=0) < 65536:
                return port


def tree(pid: int) -> list[int]:
    """The process and all its descendants."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                after_name = (entry / "stat").read_text().rpartition(")")[2].split()
                parents.setdefault(int(after_name[1]), []).append(int(entry.name))
    found, left = [], [pid]
    while left:
        found.append(left.pop())
        left += parents.get(found[-1], [])
    return found


def command_of(pid: int) -> str:
    """The command line, "" when the process is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    return ""


def parts(pid: int) -> dict[str, list[int]]:
    """The processes under `pid` by what they do: engine, actions, and all others as `bot`."""
    found: dict[str, list[int]] = {}
    for each in tree(pid):
        command = command_of(each)
        name = "engine" if "rasa run" in command else "actions" if "rasa_sdk" in command else "bot"
        found.setdefault(name, []).append(each)
    return found


def memory(pids: list[int]) -> Memory:
    """Resident memory of the processes together."""
    rss = pss = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                name, _, value = line.partition(":")
                if name in ("Rss", "Pss"):
                    kib = int(value.split()[0])
                    rss, pss = rss + kib * (name == "Rss"), pss + kib * (name == "Pss")
    return Memory(rss / 1024, pss / 1024)


def processor_seconds(pids: list[int]) -> float:
    """Processor time that the processes used so far, in user and kernel mode."""
    ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(after_name[11]) + int(after_name[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def busy_seconds() -> float:
    """Processor time that all programs of the machine used so far, this one's neighbours on the host included."""
    user, nice, system, _idle, _iowait, irq, softirq, steal = (
        int(ticks) for ticks in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    )
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
