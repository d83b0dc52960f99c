"""The page docs/benchmarks-nlu.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from bench_nlu.sets import Set
from bench_nlu.systems import SYSTEMS, Found

COLUMNS = (
    ("system", "system"), ("accuracy", "accuracy %"), ("rejected5", "out of scope rejected % at 5 % refused"),
    ("rejected10", "at 10 % refused"), ("auroc", "AUROC %"), ("kept", "in scope % at chosen threshold"),
    ("rejected", "out of scope % there"), ("own_refused", "refused % by itself"),
    ("own_rejected", "out of scope % by itself"), ("ece", "calibration error"), ("p50", "p50 ms"), ("p95", "p95 ms"),
    ("cpu", "processor ms"), ("train_seconds", "training s"), ("train_cpu", "processor s"), ("memory", "memory MB"),
)
HEAD = """# How well it understands

Written by `make bench-nlu`; do not edit. Machines are noisy: times within one run count beside each other, and
"processor" is the time one core really worked.

Accuracy: the likeliest intent is right, abstention left aside. Refused: questions in scope that a threshold turns away.
"At chosen threshold": where, on the set's validation part, 5 % of what would be answered right is turned away, as much
as the shipped topics allow; in scope counts what is answered and right. "By itself": with the system's own abstention;
asking "did you mean …?" neither refuses nor answers. Stock DIET is Rasa's default pipeline; both Rasa engines are asked
through Rasa's whole graph, with one core; training has all cores.
Nothing was tuned on a test part. The held-out sentences of the shipped topics are the project's own (tests/intents/).
"""


def machine() -> str:
    """One line about where this ran."""
    info = Path("/proc/cpuinfo")
    model = next((line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line),
                 platform.processor()) if info.exists() else platform.processor()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return f"{date.today()}, {model}, {os.cpu_count()} cores, load at the end {load:.1f}, {platform.system()}"


def page(sets: Sequence[Set], found: Sequence[Found], failed: Mapping[tuple[str, str], str], remark: str) -> str:
    """All tables and targets as Markdown; `failed` says why a system did not run, by set and system."""
    parts = [HEAD, f"Machine: {machine()}. {remark}\n", "## Targets\n", *targets(sets, found)]
    for one in sets:
        rows = sorted((each for each in found if each.set == one.name), key=lambda row: list(SYSTEMS).index(row.system))
        if rows:
            why = {system: text for (name, system), text in failed.items() if name == one.name}
            parts += [f"\n## {one.name}\n", sizes(one), "", *table(rows, why)]
    return "\n".join(parts) + "\n"


def sizes(one: Set) -> str:
    """How many sentences there are, who is spared most of them, and how much nobody can reach."""
    taught = {intent for _, intent in one.train} - {"nlu_fallback"}
    strange = sum(intent not in taught for _, intent in one.test)
    limit = f" {strange} of those to test belong to no intent that is taught, and none can be right there: the most " \
            f"anyone can reach is {100 - 100 * strange / len(one.test):.1f} %." if strange else ""
    spared = "".join(f" {SYSTEMS[system]} is taught at most {count} sentences an intent, for it would take hours."
                     for system, count in one.most.items())
    return f"{len(taught)} intents, {len(one.train)} sentences to train, {len(one.test)} to test, " \
           f"{len(one.outside)} out of scope.{limit}{spared}"


def table(rows: Sequence[Found], failed: Mapping[str, str]) -> list[str]:
    """One row a system; columns that nobody filled are left out."""
    shown = [(key, title) for key, title in COLUMNS if any(getattr(row, key) is not None for row in rows)]
    head = "| " + " | ".join(title for _, title in shown) + " |"
    lines = ["| " + " | ".join(cell(row, key) for key, _ in shown) + " |" for row in rows]
    for system, why in failed.items():
        text = f"did not run: {why}".replace("|", "/").replace("\n", " ")
        lines.append(f"| {SYSTEMS[system]} | {text} " + "| " * (len(shown) - 2) + "|")
    return [head, "|---" * len(shown) + "|", *lines]


def cell(row: Found, key: str) -> str:
    """One number, as exact as it deserves."""
    value = getattr(row, key)
    if key == "system":
        return SYSTEMS[value] + (" (taught a part)" if row.spared else "")
    if value is None:
        return "-"
    return f"{value:.3f}" if key == "ece" else f"{value:.0f}" if key == "memory" else f"{value:.1f}"


def targets(sets: Sequence[Set], found: Sequence[Found]) -> list[str]:
    """What was to be reached and whether it was."""
    lines = ["| target | reached | met |", "|---|---|---|"]
    for one in sets:
        ours = next((each for each in found if (each.set, each.system) == (one.name, "ours")), None)
        if ours is None:
            continue
        wanted = one.targets
        for name, least, value in (
            ("accuracy", wanted.accuracy, ours.accuracy), ("in scope at chosen threshold", wanted.kept, ours.kept),
            ("out of scope there", wanted.rejected, ours.rejected), ("AUROC", wanted.auroc, ours.auroc),
        ):
            if least is not None and value is not None:
                lines.append(f"| {one.name}: {name} at least {least} % | {value:.1f} % | {met(value >= least)} |")
        lines.append(f"| {one.name}: calibration error at most 0.05 | {ours.ece:.3f} | {met(ours.ece <= 0.05)} |")
        lines.append(f"| {one.name}: p50 at most 5 ms | {ours.p50:.1f} ms | {met(ours.p50 <= 5)} |")
        stock = next((each for each in found if (each.set, each.system) == (one.name, "diet")), None)
        if stock and stock.memory and ours.memory:
            fine = met(ours.memory <= stock.memory)
            both = f"{ours.memory:.0f} MB, stock {stock.memory:.0f}"
            lines.append(f"| {one.name}: memory at most stock's | {both} | {fine} |")
        if one.name.startswith("The shipped"):
            fine = met(ours.train_seconds < 20)
            lines.append(f"| {one.name}: trains in under 20 s | {ours.train_seconds:.1f} s, of which the processor "
                         f"worked {ours.train_cpu:.1f} | {fine} |")
            if ours.own_rejected is not None:
                refused, rejected = ours.own_refused, ours.own_rejected
                lines.append(f"| {one.name}: at most 5 % refused | {refused:.1f} % | {met(refused <= 5)} |")
                title = f"{one.name}: at least 85 % out of scope abstained from"
                lines.append(f"| {title} | {rejected:.1f} % | {met(rejected >= 85)} |")
    return lines


def met(fine: bool) -> str:
    """Yes or no."""
    return "yes" if fine else "**no**"
