"""The three clocks and the targets of a case follow whose turn it is; one function for each thing that happens.

    opened      a case is opened, or again    the bot's time is over, waiting begins
    queued      to a team's queue             waiting; it goes on where the customer waits for that team already
    wrote       the customer to their person  waiting
    answered    a person's own words          the person's time; nothing that is said automatically does this
    has         another person has it         their time, unless the customer waits
    stopped     closed, given back, cancelled none
    blocked     nobody can be answered        none, until the customer is back

The conversation must be held. docs/waits.md says what each clock means.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row

from bot.flow import waits
from bot.flow.way import Way, one_by_one
from bot.model.clocks import BOT, PERSON, WAITING
from bot.model.states import Status
from bot.model.team import FIRST, NEXT, RESOLUTION, Team
from bot.store import cases, conversations, messages, targets
from bot.store import clocks as store

WARN_AFTER = 0.8  # of a target's time
ANSWERS = (FIRST, NEXT)


def opened(
    connection: Connection, way: Way, case: Row[Any], *, wrote_at: datetime | None, why: str, now: datetime
) -> None:
    """A hand-off: `wrote_at` is when the customer began to write to the bot about it, `why` asked or reopened."""
    team = way.teams.get(case.team)
    if wrote_at:
        store.passed(connection, case.id, BOT, team=team.key, began=wrote_at, now=now, why=why)
    queued(connection, way, case, why=why, now=now)
    _aim(connection, way, team, case.id, RESOLUTION, now)


def queued(connection: Connection, way: Way, case: Row[Any], *, why: str, now: datetime) -> None:
    """The customer waits for somebody of the case's team. Who waits for it already keeps waiting: no clock is reset."""
    team = way.teams.get(case.team)
    running = store.running(connection, case.id)
    if running and running.clock == WAITING and running.team == team.key:
        return
    store.turn_to(connection, case.id, WAITING, team=team.key, why=why, now=now)
    targets.end(connection, case.id, ANSWERS, why, done=False, now=now)
    _aim(connection, way, team, case.id, FIRST, now)


def wrote(connection: Connection, way: Way, conversation: Row[Any], *, at: datetime, now: datetime) -> None:
    """The customer wrote at `at`; `conversation` as it was before. Whoever has the case owes an answer."""
    if conversation.case_id is None or conversation.status not in (Status.WAITING, Status.AGENT):
        return
    running = store.running(connection, conversation.case_id)
    if running and running.clock == WAITING:
        return
    case = cases.get(connection, conversation.case_id)
    if running is None and conversation.status == Status.WAITING:
        _back(connection, way, conversation, now=now)
        return
    team, began = way.teams.get(case.team), min(at, now)
    store.turn_to(connection, case.id, WAITING, team=team.key, why="wrote", now=began)
    _aim(connection, way, team, case.id, NEXT, began)


def answered(
    connection: Connection,
    way: Way,
    conversation: Row[Any],
    agent_id: int | None,
    *,
    why: str = "answered",
    now: datetime,
) -> None:
    """A person's own words; `agent_id` None: a colleague's, written elsewhere."""
    if conversation.case_id is None:
        return
    case = cases.get(connection, conversation.case_id)
    team = way.teams.get(case.team).key
    store.turn_to(connection, case.id, PERSON, team=team, agent_id=agent_id, why=why, now=now)
    targets.end(connection, case.id, ANSWERS, why, done=True, now=now)
    waits.ended(connection, way, case.id, why, agent_id=agent_id, now=now)


def has(connection: Connection, way: Way, case: Row[Any], agent_id: int, *, now: datetime) -> None:
    """Another person has the case now. A customer who waits goes on waiting: no answer has come."""
    running = store.running(connection, case.id)
    if running is None or running.clock != WAITING:
        team = way.teams.get(case.team).key
        store.turn_to(connection, case.id, PERSON, team=team, agent_id=agent_id, why="passed", now=now)


def stopped(connection: Connection, way: Way, case_id: int, why: str, *, solved: bool, now: datetime) -> None:
    """The case is closed, `solved` by a person; given back to the bot; or no longer needed."""
    store.turn_to(connection, case_id, None, team="", why=why, now=now)
    targets.end(connection, case_id, ANSWERS, why, done=False, now=now)
    targets.end(connection, case_id, (RESOLUTION,), why, done=solved, now=now)
    waits.ended(connection, way, case_id, why, now=now)


def blocked(connection: Connection, way: Way, conversation_id: int, *, now: datetime) -> None:
    """The customer blocked the bot: whoever cannot be answered is not waiting, and no target can be missed."""
    conversations.change(connection, conversation_id, blocked=True)
    conversation = conversations.get(connection, conversation_id, hold=True)
    if conversation is None or conversation.case_id is None:
        return
    store.turn_to(connection, conversation.case_id, None, team="", why="blocked", now=now)
    targets.end(connection, conversation.case_id, ANSWERS, "blocked", done=False, now=now)
    waits.ended(connection, way, conversation.case_id, "blocked", now=now)


def unblocked(connection: Connection, way: Way, conversation_id: int, *, now: datetime) -> None:
    """The customer can be reached again: the clock that was stopped runs on."""
    conversations.change(connection, conversation_id, blocked=False)
    conversation = conversations.get(connection, conversation_id, hold=True)
    if conversation:
        _back(connection, way, conversation, now=now)


def _back(connection: Connection, way: Way, conversation: Row[Any], *, now: datetime) -> None:
    if conversation.case_id is None or conversation.status not in (Status.WAITING, Status.AGENT):
        return
    if store.running(connection, conversation.case_id):
        return
    case, last = cases.get(connection, conversation.case_id), store.last(connection, conversation.case_id)
    if conversation.status == Status.WAITING:
        queued(connection, way, case, why="back", now=now)
        return
    team, waited = way.teams.get(case.team), last is None or last.clock == WAITING
    who = None if waited else conversation.agent_id
    store.turn_to(connection, case.id, WAITING if waited else PERSON, team=team.key, agent_id=who, why="back", now=now)
    if waited:
        _aim(connection, way, team, case.id, NEXT, now)


def _aim(connection: Connection, way: Way, team: Team, case_id: int, kind: str, now: datetime) -> None:
    """What the team's file aims at, if anything; one that runs goes on, nothing resets it."""
    length = team.targets.get(kind)
    if length is None or targets.running(connection, case_id, (kind,)):
        return
    warn, due = team.later(now, length * WARN_AFTER), team.later(now, length)
    hours = way.teams_version
    targets.begin(connection, case_id, kind, team=team.key, warn=warn, due=due, hours=hours, now=now)


async def targets_due(way: Way) -> None:
    """Warn of each target before it breaks, once, and write down each that broke; one transaction each."""
    now = way.clock()
    due = await way.db.read(lambda connection: targets.coming(connection, now))
    come = partial(_come, way=way, now=now)
    works = ((row.id, partial(come, target_id=row.id, conversation_id=row.conversation_id)) for row in due)
    await one_by_one(way, "target", works)


def _come(connection: Connection, *, way: Way, target_id: int, conversation_id: int, now: datetime) -> None:
    conversations.get(connection, conversation_id, hold=True)
    row = targets.get(connection, target_id)
    if row is None or row.state != targets.OPEN:
        return
    if row.due_at < now:
        targets.broken(connection, row.id, now)
        code = "target_broken"
    elif row.warn_at <= now and row.warned_at is None:
        owner = row.agent_id if row.status == Status.AGENT else row.offered_to
        targets.warned(connection, row.id, owner, now)
        code = "target_soon"
    else:
        return
    messages.add_line(connection, conversation_id, f"{code}_{row.kind}", case_id=row.case_id, now=now)
    conversations.tell(connection, conversation_id, "target", now)
