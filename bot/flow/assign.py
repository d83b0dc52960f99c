"""The right person for a case that waits: offered to one, who may take it; not taken, it goes on.

    request -> decide     in the hand-off's own transaction, so within a moment of it
    sweep -> offers       what time changed: an offer lapsed, someone came to the desk, a hand is free

An offer is columns of the case with an end, no lock and no memory: anyone may still take the case (handoff.claim),
and after a restart it is where it was. Nobody there: the case waits in the queue, as ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, or_, select, update

from bot.flow.queue import note_jump
from bot.flow.way import Way, one_by_one
from bot.model.choosing import Choice, Person, Wanted, choose, goes_to_the_lead
from bot.model.states import Status
from bot.store import agents, cases, conversations, decisions, presence
from bot.store import tables as t

KNOWN_FOR = timedelta(days=90)  # who had a case of the customer within this knows them
AT_ONCE = 100  # waiting cases looked at in one go, in the order of the queue
ONE_AT_A_TIME = 5127002  # a lock's number, beside the migrations' one


@dataclass(frozen=True)
class Waiting:
    """A waiting case as the choice sees it."""

    conversation_id: int
    wanted: Wanted
    lapses: int


def decide(connection: Connection, way: Way, conversation: Row[Any], case: Row[Any], *, now: datetime) -> Choice | None:
    """Offer a waiting case to the right person, or give it to the leads; the choice, None when it stays in the queue.

    The conversation must be held. Outside the team's hours nothing is offered: nobody could keep what it promises.
    """
    team = way.teams.get(case.team)
    if case.offered_to or case.lead_since or team.opens(now):
        return None
    if not presence.anyone(connection, now) and not decisions.since(connection, [case.id]):
        return None
    _alone(connection)
    waiting = _as_waiting(connection, way, [(conversation, case)], now)[0]
    choice = choose(presence.people(connection, now), waiting.wanted)
    if goes_to_the_lead(waiting.lapses, choice):
        cases.change(connection, case.id, lead_since=now)
        decisions.add(connection, case.id, "lead", why="nobody took it", now=now, lapses=waiting.lapses)
        for lead in agents.overseers(connection):
            conversations.tell(connection, conversation.id, f"offer:{lead}", now)
        return None
    if choice is None:
        return None
    until = now + timedelta(minutes=team.minutes)
    changed = connection.execute(
        update(t.cases)
        .where(t.cases.c.id == case.id, t.cases.c.offered_to.is_(None))
        .values(offered_to=choice.agent_id, offered_at=now, offer_until=until)
    )
    if changed.rowcount != 1:
        return None
    presence.was_offered(connection, choice.agent_id, now)
    decisions.add(
        connection,
        case.id,
        "offered",
        agent_id=choice.agent_id,
        why=choice.why,
        now=now,
        team=team.key,
        topic=case.topic,
        language=conversation.language,
        minutes=team.minutes,
        **choice.facts,
    )
    note_jump(connection, case, choice.agent_id, choice.why, now=now)
    conversations.tell(connection, conversation.id, f"offer:{choice.agent_id}", now)
    return choice


def _alone(connection: Connection) -> None:
    """Two decisions at once would both see the same hand free. SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ONE_AT_A_TIME})")


async def offers(way: Way) -> None:
    """Lapsed offers go on, offers to someone who left too; free hands get what waits. One transaction per case."""
    now = way.clock()
    due = await way.db.read(lambda connection: _due(connection, way, now))
    works = ((id_, partial(again, way=way, conversation_id=id_, now=now)) for id_ in due)
    await one_by_one(way, "the choice for conversation", works)


def _due(connection: Connection, way: Way, now: datetime) -> list[int]:
    """Conversations whose case must be decided (again)."""
    people = presence.people(connection, now)
    there = [one.id for one in people]
    offered = connection.execute(
        select(t.cases.c.conversation_id).where(
            t.cases.c.offered_to.is_not(None),
            or_(t.cases.c.offer_until <= now, t.cases.c.offered_to.not_in(there)),
        )
    )
    due = list(offered.scalars())
    return due + (_matched(connection, way, people, now) if people else [])


def _matched(connection: Connection, way: Way, people: Sequence[Person], now: datetime) -> list[int]:
    """Unoffered cases for which there is someone, or which are the lead's; tried out without writing anything."""
    open_ = [team for team in way.teams.all if not team.opens(now)]
    free = {
        team.key for team in open_ if any(one.free and (not one.teams or team.key in one.teams) for one in people)
    }
    # "" and teams that are no longer in the file are the first one's
    known = [team.key for team in way.teams.all]
    mine: ColumnElement[bool] = t.cases.c.team.in_(free)
    if way.teams.first.key in free:
        mine = or_(mine, t.cases.c.team.not_in(known))
    rows = connection.execute(
        select(t.conversations, t.cases.c.id.label("waiting_case"))
        .join(t.cases, t.cases.c.id == t.conversations.c.case_id)
        .where(
            t.conversations.c.status == Status.WAITING,
            t.cases.c.counts_since.is_not(None),
            t.cases.c.offered_to.is_(None),
            t.cases.c.lead_since.is_(None),
            or_(mine, t.cases.c.owner_id.in_([one.id for one in people])),
        )
        .order_by(t.cases.c.counts_since, t.cases.c.waiting_since, t.cases.c.id)
        .limit(AT_ONCE)
    ).all()
    pairs = [(row, cases.get(connection, row.waiting_case)) for row in rows]
    pairs = [(row, case) for row, case in pairs if way.teams.get(case.team) in open_]
    now_free = {one.id: one for one in people}
    due = []
    for waiting in _as_waiting(connection, way, pairs, now):
        choice = choose(list(now_free.values()), waiting.wanted)
        if choice:
            one = now_free[choice.agent_id]
            now_free[one.id] = replace(one, load=one.load + 1)
        if choice or goes_to_the_lead(waiting.lapses, choice):
            due.append(waiting.conversation_id)
    return due


def again(connection: Connection, *, way: Way, conversation_id: int, now: datetime) -> bool:
    """Decide on one waiting case, after its offer lapsed or the person left; whether anything changed."""
    conversation = conversations.get(connection, conversation_id, hold=True)
    if conversation is None or conversation.status != Status.WAITING:
        return False
    case = cases.get(connection, conversation.case_id)
    ended = False
    if case.offered_to:
        lapsed = case.offer_until <= now
        if not lapsed and presence.is_here(connection, case.offered_to, now):
            return False
        cases.change(connection, case.id, offered_to=None, offered_at=None, offer_until=None)
        kind = "lapsed" if lapsed else "gone"
        decisions.add(connection, case.id, kind, agent_id=case.offered_to, now=now)
        conversations.tell(connection, conversation_id, f"offer:{case.offered_to}", now)
        case, ended = cases.get(connection, case.id), True
    return decide(connection, way, conversation, case, now=now) is not None or ended


def _as_waiting(
    connection: Connection, way: Way, pairs: Sequence[tuple[Row[Any], Row[Any]]], now: datetime
) -> list[Waiting]:
    since = decisions.since(connection, [case.id for _, case in pairs])
    waiting = []
    for conversation, case in pairs:
        before = since.get(case.id, [])
        wanted = wanted_of(connection, way, conversation, case, now)
        not_to = {row.agent_id for row in before if row.kind in decisions.NOT_AGAIN}
        passed = [row for row in before if row.kind == "passed"]
        if passed:  # somebody chose the team: who knew the customer before is not asked again
            wanted = replace(wanted, knows=None)
            not_to |= {row.facts.get("holder") for row in passed}
        lapses = sum(row.kind == "lapsed" for row in before)
        waiting.append(Waiting(conversation.id, replace(wanted, not_to=not_to), lapses))
    return waiting


def wanted_of(connection: Connection, way: Way, conversation: Row[Any], case: Row[Any], now: datetime) -> Wanted:
    """What a case needs, whoever has it."""
    knows = case.owner_id or decisions.knows(connection, conversation.customer_id, now - KNOWN_FOR)
    return Wanted(way.teams.get(case.team).key, case.topic, conversation.language, knows)
