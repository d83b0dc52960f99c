"""The three clocks of a case, what its team aims at, and what the customer was told about the wait."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row

from bot.desk.words import Words
from bot.model.clocks import BOT, PERSON, WAITING, clocks
from bot.store import clocks as spans
from bot.store import targets, waits


def read_clocks(connection: Connection, case: Row[Any]) -> dict[str, Any]:
    """The rows behind them."""
    said = waits.of_case(connection, case.id)
    return {
        "spans": spans.of_case(connection, case.id),
        "targets": targets.of_case(connection, case.id),
        "wait": said[-1] if said else None,
    }


def clocks_view(w: Words, rows: dict[str, Any]) -> dict[str, Any]:
    """Each clock with its time; `began` of the running one is when it would have begun to show that time."""
    now = clocks(rows["spans"], w.now)
    lengths = {BOT: now.bot, WAITING: now.waiting, PERSON: now.person}
    running = [one for one in rows["targets"] if one.ended_at is None]
    return {
        "clocks": [
            {"name": name, "length": length, "began": w.now - length if now.running == name else None}
            for name, length in lengths.items()
        ],
        "targets": sorted((_target(w, one) for one in running), key=lambda one: one["due"]),
        "missed": [one.kind for one in rows["targets"] if one.state == targets.BROKEN and one.ended_at],
        "wait": _wait(rows["wait"]) if rows["wait"] else None,
    }


def _target(w: Words, row: Row[Any]) -> dict[str, Any]:
    return {"kind": row.kind, "due": row.due_at, "late": row.due_at < w.now, "soon": row.warn_at <= w.now}


def _wait(row: Row[Any]) -> dict[str, Any]:
    """What was said, then said again; `kept` once it is known."""
    again = row.told_at is not None
    return {"due": row.due_at, "again": again, "again_due": row.told_due_at, "kept": row.kept, "basis": row.basis}
