"""The order of the queue: where a case stands when its waiting begins, marks set by hand, and who jumped it and why.

    handoff.request, requeue, transfer.to_team -> stand     the marks that rows and words tell of, and the place
    scene.add -> heard                                      what the customer writes while they wait
    desk -> mark                                            a person sets or takes away what they know
    sweep -> late_promises                                  a promise that became late while the customer waits
    teams.fresh -> places_anew                              a team's opening hours were changed while customers wait
    assign.decide, handoff.claim -> note_jump               who waited longer is passed over: written down, with why
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Connection, Row

from bot.flow.packet import story_of
from bot.flow.way import Way, one_by_one
from bot.model.errors import Refused
from bot.model.marks import marks_in, phrases_of
from bot.model.queue import BY_HAND, WORTH, minutes_of, standing
from bot.model.states import Author
from bot.store import cases, conversations, decisions, queue

PHRASES = phrases_of(yaml.safe_load(Path(__file__).with_name("marks.yml").read_text("utf-8")))


def stand(connection: Connection, way: Way, case_id: int, *, now: datetime) -> None:
    """The waiting of a case began: note what puts it ahead, and where it stands."""
    case = cases.get(connection, case_id)
    _place(connection, way, case, _noted(connection, case, _told(connection, case, now), now))


def heard(connection: Connection, way: Way, conversation: Row[Any], text: str, *, now: datetime) -> None:
    """The customer writes while they wait: their words may put the case ahead, as those at the hand-off do."""
    told = marks_in([text], PHRASES)
    case = cases.get(connection, conversation.case_id)
    marks = _noted(connection, case, told, now)
    if len(marks) > len(case.marks):
        _place(connection, way, case, marks)
        conversations.tell(connection, conversation.id, "move", now)


def _noted(connection: Connection, case: Row[Any], told: set[str], now: datetime) -> list[str]:
    """The marks of the case with those that are new, each of which leaves a row."""
    if not told - set(case.marks):
        return list(case.marks)
    # what a person took away is not found again in the same words
    refused = {row.why for row in decisions.marks_of(connection, case.id) if row.kind == "unmarked"}
    fresh = [mark for mark in WORTH if mark in told - set(case.marks) - refused]
    for code in fresh:
        decisions.add(connection, case.id, "marked", why=code, now=now, minutes=WORTH[code])
    return [*case.marks, *fresh]


def _told(connection: Connection, case: Row[Any], now: datetime) -> set[str]:
    """The marks that rows and the customer's words tell of."""
    said = [row.text for row in story_of(connection, case.conversation_id) if row.author == Author.CUSTOMER]
    told = marks_in(said, PHRASES)
    if queue.came_again(connection, case, now):
        told.add("again")
    if queue.promise_late(connection, case.customer_id, now):
        told.add("promise")
    return told


def _place(connection: Connection, way: Way, case: Row[Any], marks: list[str]) -> None:
    """Keep the marks; where the case waits, its place with them."""
    values: dict[str, Any] = {"marks": [mark for mark in WORTH if mark in marks]}
    if case.waiting_since:
        values["counts_since"] = _counts_since(way, case, marks)
    cases.change(connection, case.id, **values)


def _counts_since(way: Way, case: Row[Any], marks: Collection[str]) -> datetime:
    opens = way.teams.get(case.team).opens(case.waiting_since)
    return standing(case.waiting_since, opens, marks).counts_since


def mark(
    connection: Connection,
    way: Way,
    conversation: Row[Any],
    agent: Row[Any],
    code: str,
    *,
    on: bool,
    now: datetime,
) -> bool:
    """A person sets a mark or takes it away, in a conversation that is held; False when it already was so.

    Raises Refused when there is no case in hand or no such mark.
    """
    if conversation.case_id is None or code not in BY_HAND:
        raise Refused("no case")
    case = cases.get(connection, conversation.case_id)
    if (code in case.marks) == on:
        return False
    kind = "marked" if on else "unmarked"
    decisions.add(connection, case.id, kind, by_agent_id=agent.id, why=code, now=now, minutes=WORTH[code])
    _place(connection, way, case, [*case.marks, code] if on else [one for one in case.marks if one != code])
    conversations.tell(connection, conversation.id, "move", now)
    return True


async def late_promises(way: Way) -> None:
    """A promise that became late while its customer waits puts the case ahead; one transaction each."""
    now = way.clock()
    late = await way.db.read(lambda connection: queue.waiting_with_late_promise(connection, now))
    unmarked = [row.id for row in late if "promise" not in row.marks]
    works = ((id_, partial(_promise_late, way=way, case_id=id_, now=now)) for id_ in unmarked)
    await one_by_one(way, "the late promise of case", works)


def _promise_late(connection: Connection, *, way: Way, case_id: int, now: datetime) -> None:
    case = _still_waiting(connection, case_id)
    if case and "promise" not in case.marks:
        _place(connection, way, case, _noted(connection, case, {"promise"}, now))
        conversations.tell(connection, case.conversation_id, "move", now)


def _still_waiting(connection: Connection, case_id: int) -> Row[Any] | None:
    """The case with its conversation held; None when its customer no longer waits."""
    conversations.get(connection, cases.get(connection, case_id).conversation_id, hold=True)
    case = cases.get(connection, case_id)
    return case if case.waiting_since else None


async def places_anew(way: Way) -> None:
    """A night's waiting counts from the team's next opening: other hours are another place; one transaction each."""

    def moved(connection: Connection) -> list[int]:
        rows = queue.waiting(connection)
        return [row.id for row in rows if row.counts_since != _counts_since(way, row, row.marks)]

    works = ((id_, partial(_place_anew, way=way, case_id=id_)) for id_ in await way.db.read(moved))
    await one_by_one(way, "the place of case", works)


def _place_anew(connection: Connection, *, way: Way, case_id: int) -> None:
    case = _still_waiting(connection, case_id)
    if case:
        _place(connection, way, case, case.marks)
        conversations.tell(connection, case.conversation_id, "move", way.clock())


def note_jump(connection: Connection, case: Row[Any], agent_id: int, why: str, *, now: datetime) -> None:
    """Write down that a case comes before others that waited longer: for its marks, else for `why`.

    `case` as it was while it waited; `why`: knows, topic, free, language of a choice, or chosen by hand.
    """
    over = queue.passed_over(connection, case) if case.counts_since else None
    if over is None:
        return
    decisions.add(
        connection,
        case.id,
        "jumped",
        agent_id=agent_id,
        why="marks" if over.behind else why,
        now=now,
        over=over.count,
        oldest=over.number,
        oldest_minutes=_minutes(now - over.since),
        waited=_minutes(now - case.waiting_since),
        marks=list(case.marks),
        minutes=minutes_of(case.marks),
    )


def _minutes(length: Any) -> int:
    return int(length.total_seconds() // 60)
