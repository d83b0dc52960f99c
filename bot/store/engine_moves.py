"""Which model the engine of a place got, when, why, on whose word. The newest that is done is the one in use."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, desc, insert, select, update

from bot.store.tables import engine_moves


def add(
    connection: Connection,
    place: str,
    *,
    model: str,
    content: str,
    why: str,
    who: str,
    now: datetime,
    state: str = "asked",
    report: dict[str, Any] | None = None,
) -> int:
    """A move that is asked for, or (`state`) that happens already; its id."""
    values = {"model": model, "content": content, "why": why, "who": who, "report": report}
    done = {"done_at": now} if state == "done" else {}
    key = connection.execute(
        insert(engine_moves).values(place=place, state=state, asked_at=now, **values, **done)
    ).inserted_primary_key
    assert key
    return int(key[0])


def get(connection: Connection, move_id: int) -> Row[Any]:
    """One move."""
    return connection.execute(select(engine_moves).where(engine_moves.c.id == move_id)).one()


def asked(connection: Connection, place: str) -> Row[Any] | None:
    """The newest that was asked for and not taken up: an older one is overtaken by it."""
    return _newest(connection, place, "asked")


def newest_done(connection: Connection, place: str) -> Row[Any] | None:
    """The move that led to the model in use."""
    return _newest(connection, place, "done")


def last(connection: Connection, place: str, limit: int = 10) -> list[Row[Any]]:
    """The last moves, the newest first."""
    rows = select(engine_moves).where(engine_moves.c.place == place).order_by(desc(engine_moves.c.id)).limit(limit)
    return list(connection.execute(rows))


def models(connection: Connection, place: str) -> list[str]:
    """The models that were in use, the last one first."""
    done = (engine_moves.c.place == place, engine_moves.c.state == "done")
    rows = connection.execute(select(engine_moves.c.model).where(*done).order_by(desc(engine_moves.c.id)).limit(100))
    return list(dict.fromkeys(rows.scalars()))


def take_up(connection: Connection, move_id: int) -> bool:
    """From now on it happens, and what was asked before it does not; False when another was faster."""
    row = get(connection, move_id)
    mine = (engine_moves.c.id == move_id, engine_moves.c.state == "asked")
    if not connection.execute(update(engine_moves).where(*mine).values(state="coming")).rowcount:
        return False
    older = (engine_moves.c.place == row.place, engine_moves.c.state == "asked", engine_moves.c.id < move_id)
    connection.execute(update(engine_moves).where(*older).values(state="failed", problem="a later one was asked for"))
    return True


def settle(connection: Connection, move_id: int, *, now: datetime, problem: str | None = None) -> None:
    """It is done, or failed for this reason."""
    values = {"state": "failed" if problem else "done", "problem": problem, "done_at": now}
    connection.execute(update(engine_moves).where(engine_moves.c.id == move_id).values(**values))


def cut_short(connection: Connection, place: str, now: datetime) -> None:
    """The service ended while it happened: it did not."""
    began = (engine_moves.c.place == place, engine_moves.c.state == "coming")
    problem = "the service ended before it was done"
    connection.execute(update(engine_moves).where(*began).values(state="failed", problem=problem, done_at=now))


def _newest(connection: Connection, place: str, state: str) -> Row[Any] | None:
    wanted = (engine_moves.c.place == place, engine_moves.c.state == state)
    return connection.execute(select(engine_moves).where(*wanted).order_by(desc(engine_moves.c.id)).limit(1)).first()
