"""Why a case came to whom: every decision as a sentence; and who else is looking."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row

from bot.desk.cards import place_view
from bot.desk.deeds import deed
from bot.desk.look import Look
from bot.desk.words import Words
from bot.flow.way import Way
from bot.model.roles import OVERSEERS
from bot.model.states import Status
from bot.store import audit, cases, decisions, presence


def read_route(
    connection: Connection, look: Look, opened: Row[Any], looking: Mapping[int, bool] | None
) -> dict[str, Any]:
    """The decisions about the conversation's case, who else has it open, and whom it could be passed to.

    `looking`: who has it open and whether they type; None: the store says it.
    """
    case = cases.get(connection, opened.case_id) if opened.case_id else cases.latest(connection, opened.id)
    now = look.way.clock()
    mine = opened.status == Status.AGENT and (opened.agent_id == look.me.id or look.me.role in OVERSEERS)
    return {
        "route_case": case,
        "decided": decisions.of_case(connection, case.id) if case else [],
        "lookers": presence.lookers(connection, opened.id, looking, but=look.me.id, now=now),
        "audited": audit.of_case(connection, case.id) if case and look.me.role in OVERSEERS else [],
        "colleagues": presence.everyone(connection, now) if mine else [],
    }


def route_view(look: Look, data: dict[str, Any]) -> dict[str, Any]:
    """What the templates need of it."""
    w, case, me = look.words, data["route_case"], look.me.id
    mine = next((row for row in reversed(data["decided"]) if row.kind in ("offered", "passed")), None)
    opened = data["open"]
    # one that lapsed, or went on to somebody else, is no longer this person's
    to_me = mine is not None and mine.agent_id == me and me in (opened.agent_id, case.offered_to)
    helper = bool(case and opened.status == Status.AGENT and case.helper_id == me)
    return {
        "route": [(row, sentence(w, look.way, row)) for row in data["decided"]],
        "why_me": sentence(w, look.way, mine, you=True) if mine and to_me else "",
        "lookers": data["lookers"],
        "audited": [(row, deed(w, row)) for row in data["audited"]],
        "colleagues": [one for one in data["colleagues"] if one.id != opened.agent_id],
        "teams": look.way.teams.all,
        "team": look.way.teams.get(case.team) if case else None,
        "place": place_view(case, look.way.teams.get(case.team)) if case and opened.case_id == case.id else None,
        "helper": helper,
        "helper_id": case.helper_id if case else None,
        "may_pass": bool(data["colleagues"]),
    }


def sentence(w: Words, way: Way, row: Row[Any], *, you: bool = False) -> str:
    """One decision, with its reason and the facts behind it."""
    facts = row.facts or {}
    team = way.teams.get(str(facts.get("team", ""))).name[w.language]
    values = {
        "name": row.agent_name or w("a_colleague"),
        "by": row.by_name or w("a_colleague"),
        "why": w(f"requeue_why.{row.why}") if w.texts.has(f"requeue_why.{row.why}") else row.why,
        "team": team,
        "topic": w.name("topic", str(facts.get("topic", ""))),
        "spoken": w.name("language", str(facts.get("language", ""))),
        "load": facts.get("load", 0),
        "capacity": facts.get("capacity", 0),
        "minutes": facts.get("minutes", 0),
        "mark": w.name("mark_why", row.why),
        "marks": ", ".join(w.name("mark_why", mark) for mark in facts.get("marks", ())),
        "over": facts.get("over", 0),
        "oldest": facts.get("oldest", ""),
        "longest": w.span(timedelta(minutes=facts.get("oldest_minutes", 0))),
    }
    kind = row.kind
    if kind in ("offered", "taken"):
        kind = f"{kind}_{row.why}"
    elif kind == "jumped":
        kind = f"jumped_{row.why if row.why in ('marks', 'knows', 'chosen') else 'fit'}"
    elif kind == "marked" and row.by_agent_id:
        kind = "marked_by"
    elif kind == "passed":
        kind = "passed" if row.agent_id else "passed_team"
    if row.why and f"{kind}_why" in ("passed_why", "passed_team_why", "put_back_why", "asked_why"):
        kind = f"{kind}_why"
    if you and w.texts.has(f"route.you.{kind}"):
        kind = f"you.{kind}"
    return w(f"route.{kind}", **values) if w.texts.has(f"route.{kind}") else kind.replace("_", " ")
