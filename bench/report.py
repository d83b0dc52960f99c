"""The page: what was found, the targets first, and whether each is met."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from bench import acks, engines, inbox, live, pulling, size, talk_tables, waits
from bench.large_store import AGENTS
from bench.scale import Found, Scale
from bench.tables import Target, middle, table


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
    if "bot" in found.memory:
        used = found.memory["bot"]["bot"].pss * 1.048576
        promises.append(Target("memory of the bot process after all its work, PSS", used, 150, most=True, unit="MB"))
    if found.acks:
        stored = acks.ratio(found.acks)
        promises.append(Target("acknowledging webhooks, beside the same without storage", stored, 0.5))
    if found.size:
        promises.append(Target("a turn on the large store, beside the small", size.ratio(found.size), 1.2, most=True))
    if found.engines:
        two = engines.ratio(found.engines)
        promises.append(Target("messages a second with two engines, beside one", two, 1.7, room=engines.room()))
    if found.inbox:
        slowest = inbox.slowest_list(found.inbox)
        promises.append(Target("a list of the desk on a large store, p95", slowest, 50, most=True, unit="ms"))
    if found.pulling:
        twice, slowest = pulling.twice(found.pulling), pulling.slowest(found.pulling)
        promises.append(Target("cases of one queue that two agents got", twice, 0, most=True, unit=""))
        promises.append(Target("taking a case, many agents at one queue, p99", slowest, 50, most=True, unit="ms"))
    if found.live:
        shown = live.slowest(found.live)
        promises.append(Target("a new case on its agent's screen, p99", shown, 200, most=True, unit="ms"))
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
        *talk_tables.sections(found, scale),
        *_engines(found, scale),
        *_size(found, scale),
        *_desk(found, scale),
        *_queue(found, scale),
        *_live(found, scale),
        *_waits(found, scale),
        *_acks(found, scale),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _engines(found: Found, scale: Scale) -> list[str]:
    if not found.engines:
        return []
    much = scale.engines
    return [
        "## Two engines beside one",
        f"The same bot with one engine and with two, by turns, median of {much.rounds} rounds; {much.customers} "
        "customers write, each the next message as soon as the last is answered. Each engine works on one core and "
        f"has its actions beside it: with fewer than {engines.CORES} cores the second one has to share with the bot, "
        "its customers and the database.",
        table(["", "engines", "answered/s", "p50 ms", "p95 ms", "failed", "ratio"], engines.rows(found.engines)),
    ]


def _size(found: Found, scale: Scale) -> list[str]:
    if not found.size:
        return []
    much = scale.size
    return [
        "## A turn among many conversations",
        "From the stored webhook to the call of the platform, in ms, without the engine; by turns on all sizes, median "
        f"of {much.turns} each. Ratio: beside the smallest store, at the worse of the two places.",
        table(["", "conversations", "message 1", f"message {much.late:,}", "ratio"], size.rows(found.size)),
    ]


def _desk(found: Found, scale: Scale) -> list[str]:
    if not found.inbox:
        return []
    much = scale.inbox
    return [
        "## The desk on a large store",
        f"{much.conversations * much.each:,} messages, {much.open_cases:,} open cases, {AGENTS} agents; whole "
        f"pages over HTTP, {much.looks} times each, one at a time, for one of the agents.",
        table(["", "page", "p50 ms", "p95 ms"], inbox.rows(found.inbox)),
    ]


def _queue(found: Found, scale: Scale) -> list[str]:
    if not found.pulling:
        return []
    much = scale.pulling
    return [
        "## Many agents, one queue",
        f"{much.agents} agents, each with an open desk and its live stream, take {much.cases} cases over HTTP within "
        f"{much.seconds:.0f} s, at random moments, each one of the first {pulling.FIRST} that their list shows, and "
        "ask for their page again after it; the time of each taking, whether or not somebody was faster. Before it, "
        "all of them want the same case: one gets it, and the last one has an answer after the time in the last "
        "column.",
        table(
            ["", "taken", "twice", "somebody was faster", "p50 ms", "p95 ms", "p99 ms", "all want one ms"],
            pulling.rows(found.pulling),
        ),
    ]


def _live(found: Found, scale: Scale) -> list[str]:
    if not found.live:
        return []
    much = scale.live
    return [
        "## A new case on the screen of its agent",
        f"{much.desks} open desks with a live stream each, {much.open_cases:,} open cases, {much.cases} new ones, one "
        "a second, each by a customer's webhook: from the case's row until its agent's page is there. "
        + (
            f"Then {much.in_chromium} more, with all of these open, for an agent who has the list in a real Chromium, "
            "too: until the row is in that page."
            if any(one.in_chromium for one in found.live.values())
            else "No Chromium was found: no real page was measured."
        ),
        table(["", "", "p50 ms", "p95 ms", "p99 ms", "not seen"], live.rows(found.live)),
    ]


def _waits(found: Found, scale: Scale) -> list[str]:
    if not found.waits:
        return []
    return [
        "## The stated wait",
        f"{waits.DAYS} simulated days of a team, {len(scale.wait_seeds)} times with other chances; each cell goes "
        "from the lowest to the highest of these. Minutes are the team's opening hours. With too little history "
        "the product says no time: it is silent at first, and under a load that it has not seen.",
        table(["", "customers", "told a time", "kept", "told p50 min", "told p90 min"], waits.rows(found.waits)),
    ]


def _acks(found: Found, scale: Scale) -> list[str]:
    if not found.acks:
        return []
    return [
        "## Acknowledging webhooks",
        f"{scale.acks.webhooks:,} signed webhooks over {acks.CONNECTIONS} connections, by turns with and without "
        f"storage, median of {scale.acks.rounds} rounds; nothing else runs. Stored means on disk before the 200 "
        "(SQLite: WAL, `synchronous=FULL`; PostgreSQL: `fsync` and `synchronous_commit` on).",
        table(["", "", "a second", "p50 ms", "p99 ms", "ratio"], acks.rows(found.acks)),
    ]


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
