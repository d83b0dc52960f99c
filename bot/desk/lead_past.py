"""How it went, for the lead's page: counted once a minute for everyone who looks. Tables, and charts of the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from bot.desk.look import Look
from bot.desk.promise_pages import counted, team_name
from bot.model.clocks import Summary, summaries
from bot.model.numbers import Days, counts_per_day, per_hour, waits_per_day
from bot.model.waits import SHARE
from bot.store import clocks, numbers, promises, targets, waits

WEEKS = 4  # of the same weekday, to know whether today is unusual
DAYS = 14  # of waits
LONG = 30  # days of promises, clocks, targets and stated waits
FRESH = timedelta(seconds=60)  # what is past changes slowly


async def past(look: Look, now: datetime) -> dict[str, Any]:
    """What is past, from a minute ago at most; its words are put in for whoever looks."""
    kept = look.desk.past.get("lead")
    if kept is None or not timedelta(0) <= now - kept[0] < FRESH:
        kept = (now, await look.way.db.read(lambda connection: _read_past(connection, look, now)))
        look.desk.past["lead"] = kept
    found = kept[1]
    tally = found["tally"]
    return {
        "charts": _charts(look, found),
        "by_kind": counted(tally, "kind"),
        "by_team": [{**row, "name": _name(look, row["name"])} for row in counted(tally, "team")],
        "clocks": _clocks(look, found["clocks"]),
        "targets": _targets(look, found["targets"]),
        "calibration": [(_name(look, one.team), one) for one in found["calibration"]],
        "aim": round(100 * SHARE),
        "weeks": WEEKS,
        "days": DAYS,
        "long": LONG,
    }


def _read_past(connection: Connection, look: Look, now: datetime) -> dict[str, Any]:
    zone = look.way.team.zone
    cases = numbers.opened(connection, now - timedelta(days=7 * WEEKS + 1))
    settled = numbers.settled(connection, now - timedelta(days=LONG))
    today, usual = per_hour((row.opened_at for row in cases), now, zone, weeks=WEEKS)
    return {
        "today": today,
        "usual": usual,
        "waits": waits_per_day(((row.opened_at, row.ended_at) for row in cases), now, zone, days=DAYS),
        "promises": counts_per_day(
            ((row.settled_at, row.state) for row in settled), ("kept", "broken"), now, zone, days=LONG
        ),
        "clocks": summaries(clocks.report(connection, now - timedelta(days=LONG))),
        "targets": targets.counts(connection, now - timedelta(days=LONG)),
        "calibration": waits.calibration(connection, now - timedelta(days=LONG), now),
        "tally": promises.tally(connection, None, now - timedelta(days=LONG)),
    }


def _charts(look: Look, found: dict[str, Any]) -> dict[str, Any]:
    """What the script draws: labels of the x axis, and each line with its name."""
    w = look.words
    lengths, kept = found["waits"], found["promises"]
    return {
        "hours": {
            "corner": w("lead.hour"),
            "labels": [str(hour) for hour in range(24)],
            "lines": [
                {"kind": "bars", "name": w("lead.today"), "values": found["today"]},
                {"kind": "line", "name": w("lead.usual"), "values": found["usual"]},
            ],
        },
        "waits": {
            "corner": w("lead.day"),
            "labels": _days(look, lengths),
            "unit": w("units.minute"),
            "lines": [
                {"kind": "line", "name": w("lead.middle"), "values": lengths.values["middle"]},
                {"kind": "line", "name": w("lead.most"), "values": lengths.values["most"]},
            ],
        },
        "promises": {
            "corner": w("lead.day"),
            "labels": _days(look, kept),
            "lines": [
                {"kind": "bars", "name": w("lead.kept"), "values": kept.values["kept"]},
                {"kind": "bars", "name": w("lead.broken"), "values": kept.values["broken"], "bad": True},
            ],
        },
    }


def _clocks(look: Look, rows: Sequence[Summary]) -> list[dict[str, Any]]:
    """A line per team, with each of the three clocks by itself."""
    teams: dict[str, dict[str, Summary]] = {}
    for row in rows:
        teams.setdefault(row.team, {})[row.clock] = row
    return [
        {"name": _name(look, key), "cases": max(one.cases for one in each.values()), "of": each}
        for key, each in teams.items()
    ]


def _targets(look: Look, rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    """A line per team and kind: met and broken, and the share that was met."""
    counts: Counter[tuple[str, str, str]] = Counter({(row.team, row.kind, row.state): row.number for row in rows})
    lines = []
    for team, kind in sorted({(team, kind) for team, kind, _ in counts}):
        met, broken = counts[(team, kind, targets.MET)], counts[(team, kind, targets.BROKEN)]
        share = round(100 * met / (met + broken)) if met + broken else None
        lines.append({"name": _name(look, team), "kind": kind, "met": met, "broken": broken, "share": share})
    return lines


def _name(look: Look, key: str) -> str:
    """A team's name; "" stands for no team; the key of one that is no longer in the file."""
    return team_name(look, key) if not key or look.way.teams.has(key) else key


def _days(look: Look, of: Days) -> list[str]:
    months = look.words("months").split()
    return [f"{day.day} {months[day.month - 1][:3]}" for day in of.days]
