"""What is measured, in which order. Times in seconds."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median
from typing import Any, TypeVar

from tqdm import tqdm

from bench import inbox, waits
from bench.customers import APP_SECRET, PAGE
from bench.processes import (
    BOT_PYTHON,
    ROOT,
    Memory,
    Process,
    busy_seconds,
    environment,
    free_ports,
    memory,
    parts,
    processor_seconds,
)
from bench.stock import Stock, StockModel

T = TypeVar("T")
DATA = ROOT / "data" / "bench"


@dataclass(frozen=True)
class Scale:
    """How long each part takes."""

    rates: tuple[int, ...] = (25, 50, 100)
    open_seconds: float = 15
    closed_rounds: int = 3
    closed_seconds: float = 8
    warm_up: float = 2
    conversations: int = 32  # at once, at saturation
    places: tuple[int, ...] = (100, 1000)
    stock_places: tuple[int, ...] = (100, 400)
    around: int = 20  # turns at each place
    webhooks: int = 2000
    ack_rounds: int = 5
    inbox: inbox.Scale = inbox.Scale()
    wait_seeds: tuple[int, ...] = waits.SEEDS


QUICK = Scale(
    rates=(25, 50),
    open_seconds=4,
    closed_rounds=1,
    closed_seconds=5,
    warm_up=1,
    places=(100, 300),
    ack_rounds=3,
    inbox=inbox.QUICK,
    wait_seeds=waits.SEEDS[:1],
)


@dataclass
class Found:
    """All that was measured. Keys: "bot" and, unless it was left out, "stock"."""

    open: dict[str, dict[int, dict[str, Any]]] = field(default_factory=dict)
    closed: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    turns: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    acks: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    inbox: inbox.Found = field(default_factory=dict)
    waits: waits.Found = field(default_factory=dict)
    memory: dict[str, dict[str, Memory]] = field(default_factory=dict)
    starts: dict[str, float] = field(default_factory=dict)
    others: list[float] = field(default_factory=list)  # cores that strangers used during each round at saturation


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

    def __init__(self, platform_port: int) -> None:
        self.port = free_ports()
        engine = free_ports(50)
        url = f"http://127.0.0.1:{self.port}"
        log = DATA / "bot.log"
        env = {**settings(self.port, platform_port), "ENGINE_PORT": str(engine)}
        self._process = Process([str(BOT_PYTHON), "-m", "bench.serve"], env=env, log=log)
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


class Plan:
    """One run."""

    def __init__(self, scale: Scale, stock: StockModel | None) -> None:
        self._scale, self._stock = scale, stock
        self.found = Found()
        self._bar = tqdm(total=self._steps(), desc="bench", unit="part", leave=False, disable=not sys.stderr.isatty())
        self._part = 0.0

    def _steps(self) -> int:
        s = self._scale
        one = len(s.rates) + s.closed_rounds + 1
        return 4 + 1 + one + (1 + one if self._stock else 0)

    def run(self) -> Found:
        """Measure everything. Raises NotStarted, RuntimeError."""
        with ExitStack() as stack:
            stack.callback(self._bar.close)
            self.found.inbox = self._step("the desk on a large store", lambda: inbox.measure(self._scale.inbox))
            self.found.waits = self._step("thirty days of waits", lambda: waits.simulated(self._scale.wait_seeds))
            customers = Customers(self._show)
            stack.callback(customers.end)
            self._acknowledge(customers)
            _empty_database()
            first = self._step("first start of the bot", lambda: Bot(customers.platform_port))
            first.end()
            bot = self._step("second start of the bot", lambda: Bot(customers.platform_port))
            stack.callback(bot.end)
            self.found.starts["bot"] = bot.start_seconds
            sides: dict[str, Bot | Stock] = {"bot": bot}
            if model := self._stock:
                sides["stock"] = stock = self._step("start of stock Rasa", lambda: Stock(model))
                stack.callback(stock.end)
                self.found.starts["stock"] = stock.start_seconds
            self._saturate(customers, sides)
            for name, side in sides.items():
                self._open(customers, name, side)
            for name, side in sides.items():
                self._turns(customers, name, side)
                self.found.memory[name] = {part: memory(pids) for part, pids in side.pids.items()}
        return self.found

    def acknowledge_only(self) -> None:
        """Only the part that needs no engine."""
        customers = Customers(self._show)
        try:
            self._acknowledge(customers)
        finally:
            customers.end()
            self._bar.close()

    def _saturate(self, customers: Customers, sides: dict[str, Bot | Stock]) -> None:
        """Both sides by turns, several rounds: what else the machine does then hits both."""
        s = self._scale
        for number in range(s.closed_rounds):
            for name, side in sides.items():
                pids = side.pids
                ours = [customers.pid, *(pid for each in pids.values() for pid in each)]
                began, strangers = time.perf_counter(), busy_seconds() - processor_seconds(ours)
                before = {part: processor_seconds(p) for part, p in pids.items()}
                result = self._step(
                    f"{name} at saturation, round {number + 1}",
                    lambda name=name, side=side: customers.do(  # type: ignore[misc]
                        "closed_loop",
                        KINDS[name],
                        side.port,
                        conversations=s.conversations,
                        seconds=s.closed_seconds,
                        warm_up=s.warm_up,
                    ),
                )
                messages = max(result["all"], 1)
                used = {part: (processor_seconds(p) - before[part]) * 1000 / messages for part, p in pids.items()}
                strangers = busy_seconds() - processor_seconds(ours) - strangers
                self.found.others.append(max(strangers / (time.perf_counter() - began), 0))
                self.found.closed.setdefault(name, []).append({**result, "processor": used})

    def _open(self, customers: Customers, name: str, side: Bot | Stock) -> None:
        """Each rate in turn; a side that is far behind at one is not asked for a higher one."""
        for rate in self._scale.rates:
            result = self._step(
                f"{name} at {rate}/s",
                lambda rate=rate: customers.do(  # type: ignore[misc]
                    "open_loop", KINDS[name], side.port, rate=rate, seconds=self._scale.open_seconds
                ),
            )
            self.found.open.setdefault(name, {})[rate] = result
            if result["per_second"] < rate * 0.8:
                break

    def _turns(self, customers: Customers, name: str, side: Bot | Stock) -> None:
        places = self._scale.places if name == "bot" else self._scale.stock_places
        if places:
            self.found.turns[name] = self._step(
                f"{name}: one long conversation",
                lambda: customers.do(
                    "long_conversation", KINDS[name], side.port, places=places, around=self._scale.around
                ),
            )

    def _acknowledge(self, customers: Customers) -> None:
        """With and without storage by turns."""
        stored, plain = free_ports(), free_ports()
        _empty_database("acks")
        process = Process(
            [str(BOT_PYTHON), "-m", "bench.acks", str(stored), str(plain)],
            env=settings(stored, customers.platform_port, "acks"),
            log=DATA / "acks.log",
        )
        try:
            process.wait_for(f"http://127.0.0.1:{plain}/healthz", 60)

            def rounds() -> None:
                for _ in range(self._scale.ack_rounds):
                    for name, port in (("stored", stored), ("plain", plain)):
                        result = customers.do(
                            "acknowledgements", "webhook", port, webhooks=self._scale.webhooks, connections=64
                        )
                        self.found.acks.setdefault(name, []).append(result)

            self._step("acknowledging webhooks", rounds)
        finally:
            process.end()

    def _show(self, share: float) -> None:
        self._bar.update(max(min(share, 1.0) - self._part, 0))
        self._part = max(min(share, 1.0), self._part)

    def _step(self, name: str, work: Callable[[], T]) -> T:
        """Do one part of the run under its name on the bar."""
        self._bar.set_description(name)
        if self._bar.disable:
            print(f"  {name}", file=sys.stderr, flush=True)
        self._part = 0.0
        result = work()
        self._show(1.0)
        return result


KINDS = {"bot": "webhook", "stock": "rest"}


def _empty_database(data: str = "product") -> None:
    """Begin with an empty store; the trained model stays."""
    for path in (DATA / data).glob("sportello.db*"):
        path.unlink()


def middle(rounds: list[dict[str, Any]], key: str) -> float:
    """The median of one number over rounds."""
    return median(float(each[key]) for each in rounds)
