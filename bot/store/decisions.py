"""Who was chosen for a case and why, as rows that are only ever added."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, desc, insert, select

from bot.store.tables import agents, cases, decisions

#: After these a case is not offered to the same person again, while it waits.
NOT_AGAIN = ("lapsed", "put_back")

_ADD = insert(decisions)


def add(
    connection: Connection,
    case_id: int,
    kind: str,
    *,
    agent_id: int | None = None,
    by_agent_id: int | None = None,
    why: str = "",
    now: datetime,
    **facts: Any,
) -> None:
    """Write down a decision about a case; `facts` are shown beside the reason."""
    who = {"agent_id": agent_id, "by_agent_id": by_agent_id}
    connection.execute(
        _ADD, {"case_id": case_id, "kind": kind, **who, "why": why[:200], "facts": facts, "at": now}
    )


def of_case(connection: Connection, case_id: int) -> list[Row[Any]]:
    """Everything decided about a case, oldest first, with the names."""
    by = agents.alias("by")
    return list(
        connection.execute(
            select(decisions, agents.c.name.label("agent_name"), by.c.name.label("by_name"))
            .outerjoin(agents, agents.c.id == decisions.c.agent_id)
            .outerjoin(by, by.c.id == decisions.c.by_agent_id)
            .where(decisions.c.case_id == case_id)
            .order_by(decisions.c.id)
        )
    )


def since(connection: Connection, case_ids: list[int]) -> dict[int, list[Row[Any]]]:
    """What was decided about each of these cases since it waits, oldest first."""
    found: dict[int, list[Row[Any]]] = {}
    rows = connection.execute(
        select(decisions.c.case_id, decisions.c.kind, decisions.c.agent_id, decisions.c.facts)
        .join(cases, cases.c.id == decisions.c.case_id)
        .where(decisions.c.case_id.in_(case_ids), decisions.c.at >= cases.c.waiting_since)
        .order_by(decisions.c.id)
    )
    for row in rows:
        found.setdefault(row.case_id, []).append(row)
    return found


def marks_of(connection: Connection, case_id: int) -> list[Row[Any]]:
    """The last word on each mark of a case (`why`): marked or unmarked."""
    rows = connection.execute(
        select(decisions)
        .where(decisions.c.case_id == case_id, decisions.c.kind.in_(["marked", "unmarked"]))
        .order_by(decisions.c.id)
    )
    return list({row.why: row for row in rows}.values())


def knows(connection: Connection, customer_id: int, after: datetime) -> int | None:
    """Who last had a case of the customer, on any channel, opened after that moment."""
    owner: int | None = connection.execute(
        select(cases.c.owner_id)
        .where(cases.c.customer_id == customer_id, cases.c.owner_id.is_not(None), cases.c.opened_at > after)
        .order_by(desc(cases.c.id))
        .limit(1)
    ).scalar()
    return owner
