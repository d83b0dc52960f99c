"""What was found about the whole way of a message, as sections of the page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bench.scale import Found, Scale
from bench.tables import middle, table

NAMES = {"bot": "Sportello", "stock": "stock Rasa"}


def sections(found: Found, scale: Scale) -> list[str]:
    """Rates, processor time, early and late turns, memory, start."""
    if not found.closed:
        return []
    sections = [
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
    return [
        *sections,
        "## Memory and start",
        "MiB after all of the above, with all child processes; PSS counts shared pages once.",
        table(["", "process", "RSS", "PSS"], _memory_rows(found)),
        table(["", "start until ready"], [[NAMES[name], f"{s:.1f} s"] for name, s in found.starts.items()]),
    ]


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


def _memory_rows(found: Found) -> Iterable[list[str]]:
    for name, parts in found.memory.items():
        for part, used in parts.items():
            yield [NAMES[name], part, f"{used.rss:.0f}", f"{used.pss:.0f}"]
