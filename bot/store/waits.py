"""What was said about the wait, to whom, on what basis, and whether it was true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

from sqlalchemy import Connection, Row, case, desc, insert, select, update

from bot.model.waits import RECENT, Scene
from bot.store.tables import waits

LAST = 1000  # waits of a team that are looked at: each hand-off reads them
ANSWERED = ("answered", "elsewhere")

_w = waits.c


@dataclass(frozen=True)
class Calibration:
    """How often the stated wait was kept. `team` "" is all teams together; `kept` of `known` whose end is known."""

    team: str
    asked: int
    said: int
    known: int
    kept: int
    minutes: float | None  # the stated wait in the middle
    slipped: int  # customers who were told again

    @property
    def share(self) -> float | None:
        """Of those whose end is known."""
        return self.kept / self.known if self.known else None


def add(connection: Connection, case_id: int, **values: Any) -> int:
    """A customer was sent to a team's queue; the row's id. `values`: the columns of the table."""
    key = connection.execute(insert(waits).values(case_id=case_id, **values)).inserted_primary_key
    assert key
    return int(key[0])


def change(connection: Connection, wait_id: int, **values: Any) -> None:
    """Set columns of a wait."""
    connection.execute(update(waits).where(_w.id == wait_id).values(**values))


def open_of(connection: Connection, case_id: int) -> Row[Any] | None:
    """The case's wait that has not ended."""
    query = select(waits).where(_w.case_id == case_id, _w.ended_at.is_(None))
    return connection.execute(query.order_by(desc(_w.id)).limit(1)).first()


def of_case(connection: Connection, case_id: int) -> list[Row[Any]]:
    """Every wait of a case, oldest first."""
    return list(connection.execute(select(waits).where(_w.case_id == case_id).order_by(_w.id)))


def get(connection: Connection, wait_id: int) -> Row[Any]:
    """A wait by its id. Raises NoResultFound."""
    return connection.execute(select(waits).where(_w.id == wait_id)).one()


def history(connection: Connection, team: str, since: datetime) -> list[tuple[Scene, Row[Any]]]:
    """The last waits of a team that began since then, the newest first, with their scenes.

    `began_at` is None where `seconds` says how long it took: reading a thousand times would take longer than the rest.
    """
    began = case((_w.ended_at.is_(None), _w.began_at), else_=None).label("began_at")
    names = ("ended_why", "seconds", "weekday", "minute", "closed", "load")
    rows = connection.execute(
        select(began, *(_w[name] for name in names))
        .where(_w.team == team, _w.began_at >= since)
        .order_by(desc(_w.id))
        .limit(LAST)
    )
    return [(Scene(row.weekday, row.minute, row.closed, row.load), row) for row in rows]


def kept_lately(connection: Connection, team: str, now: datetime) -> list[bool]:
    """Whether the last statements of a team were true, the newest first; those that are late already were not."""
    rows = connection.execute(
        select(_w.kept, _w.due_at, _w.ended_at)
        .where(_w.team == team, _w.due_at.is_not(None))
        .order_by(desc(_w.id))
        .limit(RECENT * 2)
    )
    known = (row.kept if row.ended_at else False if row.due_at < now else None for row in rows)
    return [kept for kept in known if kept is not None][:RECENT]


def to_tell(connection: Connection, now: datetime, *, limit: int = 500) -> list[Row[Any]]:
    """Waits whose time is over without an answer, and whose customer has not been told."""
    query = select(waits).where(_w.ended_at.is_(None), _w.tell_at < now, _w.told_at.is_(None))
    return list(connection.execute(query.order_by(_w.tell_at, _w.id).limit(limit)))


def of_other_hours(connection: Connection, hours: int) -> list[Row[Any]]:
    """Waits of which nothing was said yet, by the opening hours of another version of the teams' file."""
    unsaid = (_w.ended_at.is_(None), _w.tell_at.is_not(None), _w.told_at.is_(None), _w.minutes.is_(None))
    return list(connection.execute(select(waits).where(*unsaid, _w.hours != hours)))


def calibration(connection: Connection, since: datetime, now: datetime) -> list[Calibration]:
    """How often the stated wait was kept, of what was stated since then: all teams first, then each by itself."""
    names = ("team", "minutes", "due_at", "told_at", "ended_at", "kept")
    rows = connection.execute(select(*(_w[name] for name in names)).where(_w.began_at >= since)).all()
    teams = sorted({row.team for row in rows})
    found = [_calibrated("", rows, now)]
    return found + [_calibrated(team, [row for row in rows if row.team == team], now) for team in teams]


def _calibrated(team: str, rows: Sequence[Row[Any]], now: datetime) -> Calibration:
    said = [row for row in rows if row.minutes is not None]
    late = [row for row in said if row.ended_at is None and row.due_at < now]
    known = [row for row in said if row.kept is not None]
    minutes = [row.minutes for row in said]
    return Calibration(
        team,
        asked=len(rows),
        said=len(said),
        known=len(known) + len(late),
        kept=sum(row.kept for row in known),
        minutes=median(minutes) if minutes else None,
        slipped=sum(row.told_at is not None for row in said),
    )
