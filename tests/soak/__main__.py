"""The long form: `python -m tests.soak --kills 200 --minutes 20`; prints the ledger, writes docs/soak.md when asked."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.soak.ledger import Ledger, table
from tests.soak.scenes import Plan, soak

PAGE = Path(__file__).resolve().parents[2] / "docs" / "soak.md"
HEAD = """# Soak

Written by `make soak WRITE=1`; what it does to the service is told in
[operations.md](operations.md#when-you-changed-the-code). Customers of both platforms write numbers; the platforms'
record says what reached whom. In waves they write for half a minute at more than a hundred messages a second, answered
or not, while processes are killed, and are answered between the waves; servers are then taken away, and a chat refused,
at a pace that the machine bears. Without waves they write without a pause, and wait where too much is unanswered. The
engines are light stand-ins that speak the turn protocol: everything else is real.

A bot that is killed while a call to Telegram is under way leaves a row of which nobody knows whether it arrived.
Telegram numbers a bot's messages in one row, and says for each number whether a chat has it: so the numbers that nobody
here knows are asked for. That this holds is read (the sources stand in `bot/channels/telegram_numbering.py`), and the
stand-in for Telegram answers accordingly; that it suffices is measured here.
"""


def plan_of(words: argparse.Namespace) -> Plan:
    """The numbers of a long run."""
    return Plan(
        database=words.database,
        per_second=words.per_second,
        kills=words.kills,
        drops=words.drops,
        unheard=max(3, words.drops // 10),
        storm=10.0,
        rounds=words.rounds,
        away=5.0,
        minutes=words.minutes,
        wave=words.wave,
    )


class Bar:
    """One line a scene, with a bar where somebody looks."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self, scene: str, share: float) -> None:
        full = round(share * 30)
        line = f"{time.monotonic() - self._began:6.0f} s  {scene:<8} [{'#' * full}{'.' * (30 - full)}]"
        print(f"\r{line}" if sys.stdout.isatty() else line, end="" if sys.stdout.isatty() else "\n", flush=True)


def page(present: str, ledgers: list[Ledger]) -> str:
    """docs/soak.md with these ledgers; what `present` says of other databases stays."""
    machine = f"{os.cpu_count()} cores with a load of {os.getloadavg()[0]:.1f}, Python {platform.python_version()}"
    sections = {words.partition("\n")[0]: words.strip() for words in present.split("\n## ")[1:]}
    for ledger in ledgers:
        told = f"{datetime.now(UTC):%Y-%m-%d}, {machine}: {ledger.verdict()}"
        name = f"{ledger.database}, in waves" if ledger.waves else ledger.database
        sections[name] = f"{name}\n\n{told}\n\n{table(ledger)}"
    return "\n\n".join([HEAD.strip(), *(f"## {words}" for _, words in sorted(sections.items()))]) + "\n"


def main() -> int:
    """0 when no promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--database", choices=("postgresql", "sqlite", "both"), default="both")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=20.0, help="of kills at most, for each database")
    parser.add_argument("--per-second", type=float, default=125.0, help="messages of all customers")
    parser.add_argument("--wave", type=float, default=30.0, help="seconds of writing, answered or not; 0: they wait")
    parser.add_argument("--drops", type=int, default=1000, help="answers of the platform that never come")
    parser.add_argument("--rounds", type=int, default=6, help="of the storm: 20 s each")
    parser.add_argument("--write", action="store_true", help="write docs/soak.md")
    parser.add_argument("--keep", type=Path, help="a folder for the bots' logs and the SQLite file")
    words = parser.parse_args()
    ledgers = []
    for database in ("postgresql", "sqlite") if words.database == "both" else (words.database,):
        words.database = database
        with tempfile.TemporaryDirectory(prefix="soak-") as scratch:
            folder = words.keep / database if words.keep else Path(scratch)
            folder.mkdir(parents=True, exist_ok=True)
            ledgers.append(asyncio.run(soak(plan_of(words), folder, Bar())))
        print(f"\n\n{database}\n{table(ledgers[-1])}\n{ledgers[-1].verdict()}")
    if words.write:
        present = PAGE.read_text("utf-8") if PAGE.exists() else ""
        PAGE.write_text(page(present, ledgers), encoding="utf-8")
    return int(any(ledger.broken() for ledger in ledgers))


if __name__ == "__main__":
    sys.exit(main())
