"""Who is measured and who measures: the bot in a process of its own, and its customers in theirs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from typing import Any

from bench.customers import APP_SECRET, PAGE
from bench.processes import BOT_PYTHON, ROOT, Process, environment, free_ports, parts

DATA = ROOT / "data" / "bench"


class Customers:
    """The generator's process."""

    def __init__(self, show: Callable[[float], None]) -> None:
        self._show = show
        self._jobs = 0
        self._process = subprocess.Popen(
            [str(BOT_PYTHON), "-m", "bench.generator"],
            cwd=ROOT,
            env=environment({}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid
        self.platform_port = int(self._line()["port"])

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the generator ended")
        told: dict[str, Any] = json.loads(line)
        return told

    def do(self, kind: str, to: str, port: int, **numbers: Any) -> Any:
        """One job; its result. Raises RuntimeError when it could not be done."""
        assert self._process.stdin
        self._jobs += 1
        job = {"kind": kind, "to": to, "port": port, "prefix": str(70000 + self._jobs), **numbers}
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        while "progress" in (told := self._line()):
            self._show(told["progress"])
        if "error" in told:
            raise RuntimeError(f"{kind} of {to}: {told['error']}")
        return told["result"]

    def end(self) -> None:
        """End it."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


class Bot:
    """This bot in a process of its own, on a database of its own."""

    def __init__(self, platform_port: int, *, data: str = "product", env: Mapping[str, str] | None = None) -> None:
        """`data`: its folder in DATA; `env`: settings of its own. Raises NotStarted."""
        self.port = free_ports()
        engine = free_ports(50)
        url = f"http://127.0.0.1:{self.port}"
        log = DATA / "bot.log"
        own = {**settings(self.port, platform_port, data), "ENGINE_PORT": str(engine), **(env or {})}
        self._process = Process([str(BOT_PYTHON), "-m", "bench.serve"], env=own, log=log)
        self.start_seconds = self._process.wait_for(f"{url}/readyz", 600)

    @property
    def pids(self) -> dict[str, list[int]]:
        """Its processes by what they do."""
        return parts(self._process.pid)

    def end(self) -> None:
        """End it, and with it its engine and actions."""
        self._process.end()


def settings(port: int, platform_port: int, data: str = "product") -> dict[str, str]:
    """The bot's settings: Messenger by webhook, the stand-in in place of the platform, nothing else."""
    return {
        "PORT": str(port),
        "DATA_DIR": str(DATA / data),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "SANDBOX": "no",
        "MESSENGER_PAGE_ID": PAGE,
        "MESSENGER_PAGE_TOKEN": "bench-page-token",
        "MESSENGER_APP_SECRET": APP_SECRET,
        "MESSENGER_VERIFY_TOKEN": "bench-verify-token",
        "GRAPH_API_URL": f"http://127.0.0.1:{platform_port}",
    }


def empty_database(data: str = "product") -> None:
    """Begin with an empty store; the trained model stays."""
    for path in (DATA / data).glob("sportello.db*"):
        path.unlink()
