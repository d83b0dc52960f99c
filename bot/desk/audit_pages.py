"""Who did what and who looked at what: for leads, by person, case and kind; on screen and as a table to take away."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from sqlalchemy import Connection, Row

from bot.desk.deeds import KINDS, deed
from bot.desk.look import Look, whole
from bot.store import agents
from bot.store import audit as store
from bot.store.audit import Wanted

PAGE = 100  # rows
MOST = 10_000  # rows of a table to take away


async def audit(look: Look) -> web.StreamResponse:
    """The newest rows that are asked for, and a way to older ones."""
    wanted, query = _wanted(look), look.request.query
    before = whole(query.get("before", ""), 15)

    def read(connection: Connection) -> tuple[list[Row[Any]], list[Row[Any]]]:
        rows = store.listed(connection, wanted, before=before, limit=PAGE + 1)
        return rows, agents.everyone(connection)

    rows, everyone = await look.way.db.read(read)
    more, rows = len(rows) > PAGE, rows[:PAGE]
    asked = {"person": wanted.person or "", "case": wanted.case, "kind": wanted.kind}
    return look.page(
        "audit.html",
        rows=[(row, *deed(look.words, row)) for row in rows],
        everyone=everyone,
        kinds=KINDS,
        wanted=wanted,
        asked=urlencode(asked),
        paged=before is not None,
        older=rows[-1].id if more else None,
        days=store.KEEP.days,
    )


async def as_csv(look: Look) -> web.StreamResponse:
    """The same as a file. Taking it away is written down too."""
    wanted, now = _wanted(look), look.way.clock()

    def work(connection: Connection) -> list[Row[Any]]:
        rows = store.listed(connection, wanted, limit=MOST)
        store.add(connection, "export", look.me.id, now=now, rows=len(rows))
        return rows

    rows = await look.way.db.write(work)
    w = look.words
    head = [w(f"audit.{name}") for name in ("at", "who", "what", "case", "customer", "person", "particulars")]
    lines = [head, *(_line(look, row) for row in rows)]
    out = io.StringIO()
    csv.writer(out).writerows([_harmless(cell) for cell in line] for line in lines)
    headers = {"Content-Disposition": f'attachment; filename="audit-{now:%Y-%m-%d}.csv"', "Cache-Control": "no-store"}
    return web.Response(text="\ufeff" + out.getvalue(), content_type="text/csv", charset="utf-8", headers=headers)


def _line(look: Look, row: Row[Any]) -> Sequence[str]:
    what, particulars = deed(look.words, row)
    at = row.at.astimezone(look.way.teams.zone).isoformat(" ", "seconds")
    customer, person = row.customer_name or "", row.person_name or ""
    return [at, row.agent_name or "", what, row.case_number or "", customer, person, particulars]


def _harmless(cell: str) -> str:
    """A name that a customer chose must not become a formula in somebody's spreadsheet."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def _wanted(look: Look) -> Wanted:
    query = look.request.query
    person, kind = query.get("person", ""), query.get("kind", "")
    return Wanted(
        person=whole(person),
        case=query.get("case", "").strip().upper()[:16],
        kind=kind if kind in KINDS else "",
    )
