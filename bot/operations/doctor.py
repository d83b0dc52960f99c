"""What is stuck, and why? Needs the database only, so that it works while everything else is down.

Nothing it says names a customer: numbers of events, rows and cases, and reasons.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from bot.model.states import Sending, Status
from bot.store.events import ASIDE, NEW
from bot.store.outgoing import FAILED, LATELY, open_rows
from bot.store.tables import agents, cases, conversations, events, outgoing

PATIENCE = timedelta(minutes=1)  # what is younger is on its way
SHOWN = 10  # cases and events named one by one


@dataclass(frozen=True)
class Finding:
    """One thing that is stuck, or (`stuck` False) only worth knowing; `what` with its number, `do` what to try."""

    what: str
    do: str
    stuck: bool = True


def examine(connection: Connection, now: datetime) -> list[Finding]:
    """Everything there is to say, along the way of a message."""
    return [
        *_unanswered(connection, now),
        *_set_aside(connection),
        *_sending(connection, now),
        *_failed(connection, now),
        *_waiting(connection, now),
    ]


def redis_is_gone(problem: str) -> Finding:
    """Redis is configured and does not answer, with this kind of error."""
    return Finding(
        f"Redis does not answer ({problem}): each process sends at its share of the limits, desks lag some seconds",
        "is it running, and reachable from here? REDIS_URL, REDIS_PASSWORD; nothing is lost, it is taken up by itself",
        stuck=False,
    )


def _unanswered(connection: Connection, now: datetime) -> list[Finding]:
    rows = connection.execute(
        select(events.c.channel, func.count(), func.min(events.c.received_at, type_=events.c.received_at.type))
        .where(NEW, events.c.received_at < now - PATIENCE)
        .group_by(events.c.channel)
    )
    return [
        Finding(
            f"{number} events of {channel} are not answered, the oldest for {age(now - since)}",
            "is the bot running, and ready (/readyz)? is the channel configured? its log says why a turn fails",
        )
        for channel, number, since in rows
    ]


def _set_aside(connection: Connection) -> list[Finding]:
    rows = connection.execute(
        select(events.c.channel, events.c.problem, func.count(), func.max(events.c.id))
        .where(ASIDE)
        .group_by(events.c.channel, events.c.problem)
        .order_by(func.count().desc())
    )
    found = []
    for channel, problem, number, last in rows:
        why = problem or "they could not be read"
        failed = problem is None or problem.startswith("the turn failed")
        do = "nothing: of no use to the bot"
        if failed:
            do = f"after a fix: `replay {_named(connection, channel, problem)}`"
        what = f"{number} events of {channel} are set aside: {why}; the last is {last}"
        found.append(Finding(what, do, stuck=failed))
    return found


def _named(connection: Connection, channel: str, problem: str | None) -> str:
    """The numbers of the oldest, in the order in which customers wrote; once they are replayed, the next are named."""
    these = (ASIDE, events.c.channel == channel, events.c.problem == problem)
    ids = connection.execute(select(events.c.id).where(*these).order_by(events.c.id).limit(SHOWN)).scalars()
    return " ".join(map(str, ids))


def _sending(connection: Connection, now: datetime) -> list[Finding]:
    late = now - PATIENCE
    questions = {
        "being sent, by a process that is gone": (outgoing.c.state == Sending.SENDING)
        & (outgoing.c.lease_until < late),
        "doubtful: the platform did not say whether they arrived": (outgoing.c.state == Sending.AMBIGUOUS)
        & (outgoing.c.due_at < late),
        "due, and not sent": outgoing.c.state.in_([Sending.PENDING, Sending.LATER]) & (outgoing.c.due_at < late),
    }
    found = []
    for what, condition in questions.items():
        number, problem, last = connection.execute(
            select(func.count(), func.max(outgoing.c.problem), func.max(outgoing.c.id))
            .where(open_rows(outgoing), condition)
        ).one()
        if number:
            why = f"; for example: {problem}" if problem else ""
            do = "they settle within a minute while the bot runs: is it running?"
            found.append(Finding(f"{number} messages are {what} (the last is row {last}{why})", do))
    return found


def _failed(connection: Connection, now: datetime) -> list[Finding]:
    reason = func.coalesce(outgoing.c.problem, "")
    rows = connection.execute(
        select(conversations.c.channel, reason, func.count())
        .join(conversations, conversations.c.id == outgoing.c.conversation_id)
        .where(FAILED, outgoing.c.created_at > now - LATELY)
        .group_by(conversations.c.channel, reason)
        .order_by(func.count().desc())
        .limit(SHOWN)
    )
    return [
        Finding(
            f"{number} messages on {channel} were refused in the last {LATELY.days} days: {problem}",
            "the customer does not have them: the desk shows which, with \"try again\"",
        )
        for channel, problem, number in rows
    ]


def _waiting(connection: Connection, now: datetime) -> list[Finding]:
    rows = connection.execute(
        select(cases.c.number, cases.c.reason, cases.c.waiting_since)
        .join(conversations, conversations.c.case_id == cases.c.id)
        .where(conversations.c.status == Status.WAITING, cases.c.waiting_since.is_not(None))
        .order_by(cases.c.waiting_since)
    ).all()
    if not rows:
        return []
    there = connection.execute(select(func.count()).select_from(agents).where(agents.c.active.is_(True))).scalar_one()
    do = "someone takes them at the desk" if there else "nobody is at the desk: `agent add LOGIN \"Anna K.\"`"
    named = ", ".join(f"{row.number} ({row.reason}, {age(now - row.waiting_since)})" for row in rows[:SHOWN])
    more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    long = now - rows[0].waiting_since > timedelta(minutes=15)
    return [Finding(f"{len(rows)} cases wait for a person: {named}{more}", do, stuck=long or not there)]


def age(passed: timedelta) -> str:
    """A duration in one unit."""
    seconds = max(int(passed.total_seconds()), 0)
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} seconds"


def report(found: list[Finding]) -> str:
    """Two lines a finding: what, and what to do."""
    if not found:
        return "Nothing is stuck."
    return "\n".join(f"{'stuck' if one.stuck else 'note':6} {one.what}\n       {one.do}" for one in found)
