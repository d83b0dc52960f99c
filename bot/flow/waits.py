"""The honest wait: what a customer is told about it, from the team's own last comparable waits; each time a row.

begun       sent to a team's queue: the scene is kept, and what will be said
words       that, in words: minutes, a time of day, or plainly that nobody knows yet
chosen      "write to me by three": a promise of the company
ended       answered or not: the row says how long it took, and whether it was true
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from bot.flow.way import Way
from bot.model.replies import QuickReply
from bot.model.team import FIRST, Team, by, short_day
from bot.model.waits import SURE, Past, Scene, Usual, comparable, corrected, minutes_of, usual_of
from bot.store import clocks, presence, promises
from bot.store import waits as store

HISTORY = timedelta(days=30)  # waits older than this say nothing about today
NOBODY_CAME = timedelta(minutes=15)  # of opening hours, where no time was said: then it is told that it takes longer
IN_MINUTES = timedelta(minutes=90)  # longer waits are told as a time of day
SOONEST = timedelta(minutes=30)  # an hour that is offered is at least this far away
LATEST = timedelta(days=4)  # and at most this far
TOO_LATE = timedelta(minutes=10)  # an hour this near is no longer offered


def begun(
    connection: Connection,
    way: Way,
    case: Row[Any],
    *,
    silently: bool = False,
    promise_id: int | None = None,
    now: datetime,
) -> None:
    """The customer is sent to the team's queue: keep the scene, and what is said unless `silently`.

    `promise_id`: an hour was promised already, so none is offered, and nobody is told that it takes long.
    """
    team = way.teams.get(case.team)
    ahead, people, scene = _scene(connection, team, now)
    near, found = _usually(connection, team, scene, now)
    hour = _hour(team, near, found, now)
    found = None if silently else found
    minutes = minutes_of(found.seconds) if found else None
    due = _deadline(team, now, minutes) if minutes else None
    promised = silently or promise_id is not None
    tell_at = due or team.later(now, team.targets.get(FIRST, NOBODY_CAME))
    store.add(
        connection,
        case.id,
        team=team.key,
        began_at=now,
        weekday=scene.weekday,
        minute=scene.minute,
        closed=scene.closed,
        ahead=ahead,
        people=people,
        load=scene.load,
        minutes=minutes,
        due_at=due,
        basis=found.basis if found else None,
        offer_at=None if promised else hour,
        promise_id=promise_id,
        tell_at=None if promised else tell_at,
        hours=way.teams_version,
    )


def _scene(connection: Connection, team: Team, now: datetime) -> tuple[int, int, Scene]:
    """How many of the team wait for an answer and are there to give it, and the moment as the choice sees it."""
    there = [
        one for one in presence.people(connection, now) if one.capacity and (not one.teams or team.key in one.teams)
    ]
    ahead = max(clocks.waiting(connection, team.key) - 1, 0)  # without the one who asks
    free = not ahead and any(one.free for one in there)
    local = now.astimezone(team.zone)
    load = 0.0 if free else (ahead + 1) / max(len(there), 1)
    minute = local.hour * 60 + local.minute
    return ahead, len(there), Scene(local.weekday(), minute, team.opens(now) is not None, load)


def _past(connection: Connection, team: Team, now: datetime) -> list[Past]:
    past = []
    for scene, row in store.history(connection, team.key, now - HISTORY):
        seconds = row.seconds if row.began_at is None else team.open_time(row.began_at, now).total_seconds()
        past.append(Past(scene, seconds, row.ended_why in store.ANSWERED))
    return past


def _usually(
    connection: Connection, team: Team, scene: Scene, now: datetime, *, waited: float = 0.0
) -> tuple[list[list[Past]], Usual | None]:
    """The comparable waits, and how long they usually take; `waited`: of those that had lasted so many seconds."""
    near = comparable(_past(connection, team, now), scene, waited=waited)
    return near, usual_of(near, corrected(store.kept_lately(connection, team.key, now)))


def _deadline(team: Team, now: datetime, minutes: int) -> datetime:
    """The moment that `minutes` of opening hours from now mean; said as a time of day it is a round one."""
    due = team.later(now, timedelta(minutes=minutes))
    return due if _in_minutes(now, due, minutes) else _round(due)


def _round(moment: datetime) -> datetime:
    """Up to the next five minutes."""
    down = moment.replace(minute=moment.minute // 5 * 5, second=0, microsecond=0)
    return down if down == moment else down + timedelta(minutes=5)


def _in_minutes(now: datetime, due: datetime, minutes: int) -> bool:
    """Whether nothing closed lies between, and it is short: then minutes say it best."""
    length = timedelta(minutes=minutes)
    return length <= IN_MINUTES and due - now <= length


def _hour(team: Team, near: list[list[Past]], usually: Usual | None, now: datetime) -> datetime | None:
    """The first full hour by which the team can surely write; None where nothing tells, or it is days away."""
    sure = usual_of(near, SURE)
    if sure or usually:
        length = timedelta(seconds=max(sure.seconds if sure else 0, usually.seconds * 1.5 if usually else 0))
    elif FIRST in team.targets:
        length = team.targets[FIRST]
    else:
        return None
    hour = team.later(now, max(length, SOONEST))
    if hour.minute or hour.second or hour.microsecond:
        hour = hour.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    while team.opens(hour - timedelta(seconds=1)) and hour - now < LATEST:
        hour += timedelta(hours=1)
    return hour if hour - now < LATEST else None


def words(way: Way, wait: Row[Any], language: str, now: datetime) -> str:
    """What is said about a wait, after where the request is: "Il team … di solito risponde entro 12 minuti …"."""
    team, say = way.teams.get(wait.team), way.texts.say
    if wait.minutes is None:
        return "" if team.opens(now) else say("wait_unknown", language)
    if _in_minutes(wait.began_at, wait.due_at, wait.minutes):
        return say("wait_known", language, team=team.name[language], minutes=wait.minutes)
    return say("wait_known_by", language, team=team.name[language], by=local_by(team, wait.due_at, now, language))


def local_by(team: Team, moment: datetime, now: datetime, language: str) -> str:
    """A moment as the end of a wait, where the team is."""
    return by(moment.astimezone(team.zone), now, language)


def offer(way: Way, wait: Row[Any] | None, language: str, now: datetime) -> tuple[QuickReply, ...]:
    """The button "write to me by three", where there is an hour to offer."""
    if wait is None or wait.promise_id or not _stands(way, wait, now):
        return ()
    hour = wait.offer_at.astimezone(way.teams.get(wait.team).zone)
    days = (hour.date() - now.astimezone(hour.tzinfo).date()).days
    key = "wish_by.today" if days == 0 else "wish_by.tomorrow" if days == 1 else "wish_by.day"
    title = way.texts.say(key, language, hour=hour.hour, day=short_day(hour, language))
    return (QuickReply(title, f"#wish:{wait.case_id}:by"),)


def _stands(way: Way, wait: Row[Any], now: datetime) -> bool:
    """Whether the hour that was offered is still to come, with the team there: its hours may have changed since."""
    hour: datetime | None = wait.offer_at
    if hour is None or hour - now < TOO_LATE:
        return False
    return way.teams.get(wait.team).opens(hour - timedelta(seconds=1)) is None


def again(connection: Connection, way: Way, wait: Row[Any], now: datetime) -> Row[Any]:
    """The hour that was offered is too near or gone: offer the next; the wait."""
    team = way.teams.get(wait.team)
    _, _, scene = _scene(connection, team, now)
    store.change(connection, wait.id, offer_at=_hour(team, *_usually(connection, team, scene, now), now))
    return store.get(connection, wait.id)


def still(connection: Connection, way: Way, wait: Row[Any], now: datetime) -> datetime | None:
    """By when an answer usually comes to those who have waited as long as this one; None where nobody knows."""
    team = way.teams.get(wait.team)
    scene = Scene(wait.weekday, wait.minute, wait.closed, wait.load)
    waited = team.open_time(wait.began_at, now).total_seconds()
    _, found = _usually(connection, team, scene, now, waited=waited)
    if found is None:
        return None
    return _round(team.later(now, timedelta(minutes=minutes_of(found.seconds - waited))))


def expected(connection: Connection, way: Way, wait: Row[Any], now: datetime) -> datetime | None:
    """By when who waits can count on an answer: as they were told, while that is to come, else as `still`."""
    told = next((moment for moment in (wait.told_due_at, wait.due_at) if moment and moment > now), None)
    return told or still(connection, way, wait, now)


def chosen(connection: Connection, way: Way, conversation: Row[Any], case: Row[Any], now: datetime) -> Row[Any] | None:
    """The customer chose the hour that was offered: a promise of the company, looked after by the case's team.

    The wait; None when no hour is offered any more.
    """
    wait = store.open_of(connection, case.id)
    if wait is None or wait.promise_id or not _stands(way, wait, now):
        return wait
    promise_id = promises.make(
        connection,
        conversation.id,
        what=way.texts.say("wish_by.what", conversation.language, number=case.number),
        due=wait.offer_at,
        kind="answer",
        made_by="company",
        who="customer",
        case_id=case.id,
        now=now,
    )
    store.change(connection, wait.id, promise_id=promise_id, tell_at=None)
    return store.get(connection, wait.id)


def ended(
    connection: Connection, way: Way, case_id: int, why: str, *, agent_id: int | None = None, now: datetime
) -> int | None:
    """The wait is over, by an answer or because none is needed any more; an hour still promised with it."""
    wait = store.open_of(connection, case_id)
    if wait is None:
        return None
    answered = why in store.ANSWERED
    kept = None  # nobody can know whether what was said would have been true
    if wait.due_at and (answered or now > wait.due_at):
        kept = answered and now <= wait.due_at
    seconds = round(way.teams.get(wait.team).open_time(wait.began_at, now).total_seconds())
    store.change(connection, wait.id, ended_at=now, ended_why=why, seconds=seconds, kept=kept)
    if wait.promise_id is None:
        return None
    promise = promises.get(connection, wait.promise_id, hold=True)
    if promise is None or promise.state != promises.OPEN:
        return None
    if answered:
        to = promises.KEPT if now <= promise.due_at else promises.BROKEN
        promises.settle(connection, promise, to, who="agent", agent_id=agent_id, why="wrote", now=now)
    elif why == "cancelled":
        promises.settle(connection, promise, promises.WITHDRAWN, who="customer", why="no longer needed", now=now)
    else:
        return int(promise.id)
    return None
