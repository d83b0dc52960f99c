"""What was found, as tables, with the targets and whether each is met."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bench import inbox, waits
from bench.large_store import AGENTS
from bench.plan import Found, Scale, middle

NAMES = {"bot": "Sportello", "stock": "stock Rasa"}


@dataclass(frozen=True)
class Target:
    """One promise: what, how much of it, and whether enough. `bound` is a limit from below unless `most`."""

    what: str
    value: float
    bound: float
    most: bool = False
    unit: str = "x"

    @property
    def met(self) -> bool:
        """Whether the promise is kept; a value that could not be measured (nan) keeps none."""
        return self.value <= self.bound if self.most else self.value >= self.bound

    @property
    def row(self) -> list[str]:
        """The cells of the table of targets."""
        bound = f"{'at most' if self.most else 'at least'} {self.bound:g}{_unit(self.unit)}"
        return [self.what, bound, f"{self.value:.2f}{_unit(self.unit)}", "yes" if self.met else "**no**"]


def targets(found: Found) -> list[Target]:
    """Each promise for which there are numbers."""
    promises = []
    if "stock" in found.closed:
        ratio = middle(found.closed["bot"], "per_second") / max(middle(found.closed["stock"], "per_second"), 1e-9)
        promises.append(Target("messages a second at saturation, beside stock Rasa", ratio, 4))
    if "bot" in found.turns:
        late, first = list(found.turns["bot"].values())[-1]
        last = list(found.turns["bot"])[-1]
        promises.append(Target(f"a turn at message {last}, beside message 1", late / first, 1.2, most=True))
    if found.acks:
        ratio = middle(found.acks["stored"], "per_second") / middle(found.acks["plain"], "per_second")
        promises.append(Target("acknowledging webhooks, beside the same without storage", ratio, 0.35))
    if found.inbox:
        slowest = inbox.slowest_list(found.inbox)
        promises.append(Target("a list of the desk on a large store, p95", slowest, 50, most=True, unit="ms"))
    if found.waits:
        kept = 10 * min(one.kept for one in found.waits["product"])
        promises.append(Target("the stated wait kept over 30 simulated days", kept, 8, unit="of 10"))
    if "bot" in found.starts:
        promises.append(Target("second start until ready", found.starts["bot"], 25, most=True, unit="s"))
    return promises


def report(found: Found, scale: Scale, remarks: Sequence[str]) -> str:
    """The page: targets first, then all that was measured."""
    sections = [
        "# Benchmarks",
        "Written by `make bench`; do not edit. Machines are noisy, so ratios within one run count, not the numbers.",
        "\n".join(f"- {line}" for line in remarks),
        "## Targets",
        table(["", "target", "measured", "met"], [target.row for target in targets(found)]),
        "## Messages a second, webhook to reply",
        _explain(scale),
        table(
            ["", "load", "answered/s", "p50 ms", "p95 ms", "p99 ms", "answered", "failed"],
            [*_open_rows(found), *_closed_rows(found)],
        ),
        _strangers(found),
        "Processor time per message at saturation, in ms (median of the rounds); two cores give 2,000 ms a second:",
        table(["", "bot", "engine", "actions", "together"], _processor_rows(found)),
    ]
    if found.turns:
        sections += [
            "## A turn, early and late in one conversation",
            f"Median of {scale.around} turns with the same sentence, one at a time; each is followed by the first turn "
            "of a new conversation, so both saw the same machine.",
            table(["", "at message", "ms", "first message ms", "ratio"], _turn_rows(found)),
        ]
    if found.inbox:
        much = scale.inbox
        sections += [
            "## The desk on a large store",
            f"{much.conversations * much.each:,} messages, {much.open_cases:,} open cases, {AGENTS} agents; whole "
            f"pages over HTTP, {much.looks} times each, one at a time, for one of the agents.",
            table(["", "page", "p50 ms", "p95 ms"], inbox.rows(found.inbox)),
        ]
    if found.waits:
        sections += [
            "## The stated wait",
            f"{waits.DAYS} simulated days of a team, {len(scale.wait_seeds)} times with other chances; each cell goes "
            "from the lowest to the highest of these. Minutes are the team's opening hours. With too little history "
            "the product says no time: it is silent at first, and under a load that it has not seen.",
            table(["", "customers", "told a time", "kept", "told p50 min", "told p90 min"], waits.rows(found.waits)),
        ]
    sections += [
        "## Acknowledging webhooks",
        f"{scale.webhooks:,} signed webhooks over 64 connections, by turns with and without storage; nothing else "
        "runs. Stored means on disk (SQLite, WAL, `synchronous=FULL`) before the 200.",
        table(["", "a second", "p50 ms", "p99 ms"], _ack_rows(found)),
        "## Memory and start",
        "MiB after all of the above, with all child processes; PSS counts shared pages once.",
        table(["", "process", "RSS", "PSS"], _memory_rows(found)),
        table(["", "start until ready"], [[NAMES[name], f"{s:.1f} s"] for name, s in found.starts.items()]),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _explain(scale: Scale) -> str:
    return (
        "A message is answered when the whole answer has arrived: at the stand-in of the Graph API for Sportello "
        "(signed webhook in, every reply sent as a call of its own), as the body of the REST answer for stock Rasa. "
        "At a fixed rate messages come at random moments and are timed from the moment they were due, so waiting in "
        "front of a full server counts. A side that falls far behind is not asked for a higher rate. "
        f"At saturation {scale.conversations} customers write, each the next message as soon as the last is answered; "
        f"median of {scale.closed_rounds} rounds, both sides by turns. Customers change after ten messages. "
        "`200 []` of stock Rasa counts as failed."
    )


def _strangers(found: Found) -> str:
    if not found.others:
        return ""
    low, high = min(found.others), max(found.others)
    doubt = " **Too busy to trust the numbers: run again when it is quiet.**" if high > 0.3 else ""
    return f"Other programs used {low:.1f} to {high:.1f} cores during the rounds at saturation.{doubt}"


def _open_rows(found: Found) -> Iterable[list[str]]:
    for name, rates in found.open.items():
        for rate, result in rates.items():
            yield [NAMES[name], f"{rate}/s", *_numbers(result)]


def _closed_rows(found: Found) -> Iterable[list[str]]:
    keys = ("per_second", "p50", "p95", "p99", "answered", "failed")
    for name, rounds in found.closed.items():
        yield [NAMES[name], "saturation", *_numbers({key: middle(rounds, key) for key in keys})]


def _numbers(result: dict[str, Any]) -> list[str]:
    times = [f"{result[key]:.0f}" for key in ("p50", "p95", "p99")]
    return [f"{result['per_second']:.1f}", *times, f"{result['answered']:.0f}", f"{result['failed']:.0f}"]


def _processor_rows(found: Found) -> Iterable[list[str]]:
    for name, rounds in found.closed.items():
        used = {part: middle([each["processor"] for each in rounds], part) for part in rounds[0]["processor"]}
        cells = [f"{used[part]:.1f}" if part in used else "" for part in ("bot", "engine", "actions")]
        yield [NAMES[name], *cells, f"{sum(used.values()):.1f}"]


def _turn_rows(found: Found) -> Iterable[list[str]]:
    for name, places in found.turns.items():
        for place, (late, first) in places.items():
            yield [NAMES[name], place, f"{late:.1f}", f"{first:.1f}", f"{late / first:.2f}"]


def _ack_rows(found: Found) -> Iterable[list[str]]:
    for name, words in (("plain", "without storage"), ("stored", "stored")):
        rounds = found.acks[name]
        yield [words, f"{middle(rounds, 'per_second'):.0f}", *(f"{middle(rounds, k):.1f}" for k in ("p50", "p99"))]


def _memory_rows(found: Found) -> Iterable[list[str]]:
    for name, parts in found.memory.items():
        for part, used in parts.items():
            yield [NAMES[name], part, f"{used.rss:.0f}", f"{used.pss:.0f}"]


def _unit(unit: str) -> str:
    return "x" if unit == "x" else f" {unit}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, its columns aligned so that it reads well in a terminal too."""
    cells = [list(head), *map(list, rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |" for row in cells]
    return "\n".join([lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *lines[1:]])


def machine() -> list[str]:
    """Where and when this was measured."""
    info = _fields(Path("/proc/cpuinfo"))
    memory = int(_fields(Path("/proc/meminfo")).get("MemTotal", "0 kB").split()[0]) / 1024 / 1024
    load = Path("/proc/loadavg").read_text().split()[0]
    cores = len([line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("processor")])
    return [
        f"{datetime.now():%d %B %Y, %H:%M}",
        f"{info.get('model name', platform.processor())}, {cores} cores, {memory:.0f} GiB",
        f"Python {platform.python_version()} (bot), 3.10 (Rasa 3.6.21); {platform.system()} {platform.release()}",
        f"load average at the start {load} (what else the machine was doing)",
    ]


def _fields(path: Path) -> dict[str, str]:
    pairs = (line.partition(":") for line in path.read_text().splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}
