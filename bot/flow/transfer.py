"""From one person to another, or to a team: with a note for the colleague, and a face for the customer.

Every function works inside the caller's transaction, in which `conversation` is held, and raises Refused when the state
does not allow the move.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from bot.flow import assign, clocks, handoff, queue, waits
from bot.flow.packet import pack
from bot.flow.say import introduce, say
from bot.flow.way import Way
from bot.model.choosing import Choice, choose
from bot.model.dialogue import HandoffRequest
from bot.model.errors import Refused
from bot.model.states import Status
from bot.store import agents, cases, conversations, decisions, outgoing, presence


def to_person(
    connection: Connection,
    way: Way,
    conversation: Row[Any],
    holder: Row[Any],
    to: Row[Any],
    note: str,
    *,
    by: Row[Any],
    now: datetime,
) -> Row[Any]:
    """`to` has the customer now and says so, by name and picture; the conversation. `by` is who decided it.

    Anyone who is active may be given a customer by name, also someone who is no full-time agent.
    """
    handoff.in_hand(connection, conversation, holder)
    if to.id == holder.id or not to.active:
        raise Refused("nobody")
    moved = _moved(connection, way, conversation, Status.AGENT, note, to.name, by=by, now=now, agent_id=to.id)
    cases.change(connection, moved.case_id, owner_id=to.id, helper_id=None)
    clocks.has(connection, way, cases.get(connection, moved.case_id), to.id, now=now)
    decisions.add(connection, moved.case_id, "passed", agent_id=to.id, by_agent_id=by.id, why=note, now=now)
    outgoing.suppress_bot(connection, conversation.id, "a person took over")
    text = "taken_over" if presence.is_here(connection, to.id, now) else "taken_over_later"
    introduce(connection, way, moved, to, text, before=holder.name, now=now)
    conversations.tell(connection, conversation.id, f"offer:{to.id}", now)
    return moved


def to_team(
    connection: Connection,
    way: Way,
    conversation: Row[Any],
    holder: Row[Any],
    team: str,
    note: str,
    *,
    by: Row[Any],
    now: datetime,
) -> Row[Any]:
    """The customer waits for a team's right person, who is looked for at once, and is told whom; the conversation."""
    handoff.in_hand(connection, conversation, holder)
    if not way.teams.has(team):
        raise Refused("nobody")
    names = way.teams.get(team).name
    moved = _moved(
        connection, way, conversation, Status.WAITING, note, names[way.teams.languages[0]], by=by, now=now
    )
    case_id = moved.case_id
    cases.change(
        connection,
        case_id,
        team=team,
        owner_id=None,
        helper_id=None,
        wish=None,
        **cases.waits_from(now),
    )
    queue.stand(connection, way, case_id, now=now)
    decisions.add(connection, case_id, "passed", by_agent_id=by.id, why=note, now=now, team=team, holder=holder.id)
    case = cases.get(connection, case_id)
    promised = waits.ended(connection, way, case_id, "passed", now=now)
    clocks.queued(connection, way, case, why="passed", now=now)
    waits.begun(connection, way, case, promise_id=promised, now=now)
    assign.decide(connection, way, moved, case, now=now)
    case = cases.get(connection, case_id)
    language = moved.language
    text = way.texts.say("passed_to_team", language, before=holder.name, team=names[language], number=case.number)
    say(connection, way, moved, handoff.how_long(connection, way, moved, case, text, now), now=now)
    return moved


def _moved(
    connection: Connection,
    way: Way,
    conversation: Row[Any],
    to: Status,
    note: str,
    whom: str,
    *,
    by: Row[Any],
    now: datetime,
    agent_id: int | None = None,
) -> Row[Any]:
    """The move, the note as a line for colleagues, and a new version of the packet."""
    case = cases.get(connection, conversation.case_id)
    if note:
        handoff.note(connection, conversation, by, note, now=now)
    moved = conversations.move(
        connection,
        conversation,
        to,
        who="agent",
        why=f"passed to {whom}",
        now=now,
        agent_id=agent_id,
        by_agent_id=by.id,
        case_id=case.id,
    )
    wanted = HandoffRequest(case.reason, case.topic, note or case.note)
    cases.add_packet(connection, case.id, pack(connection, way, moved, wanted), now)
    return moved


def suggested(connection: Connection, way: Way, conversation: Row[Any], holder_id: int, now: datetime) -> Choice | None:
    """Who could go on with a customer whose person leaves; None when nobody fits who is there."""
    case = cases.get(connection, conversation.case_id)
    wanted = assign.wanted_of(connection, way, conversation, case, now)
    people = [one for one in presence.people(connection, now) if one.id != holder_id]
    return choose(people, wanted)


def pull_in(
    connection: Connection, conversation: Row[Any], holder: Row[Any], colleague: Row[Any], note: str, *, now: datetime
) -> None:
    """Ask a colleague by name to look at this: it is on their list until done; the customer keeps their person.

    Whoever was asked before is told that they are no longer needed.
    """
    handoff.in_hand(connection, conversation, holder)
    if colleague.id == holder.id or not colleague.active:
        raise Refused("nobody")
    before = cases.get(connection, conversation.case_id).helper_id
    if before not in (None, colleague.id):
        decisions.add(connection, conversation.case_id, "spared", agent_id=before, by_agent_id=holder.id, now=now)
        conversations.tell(connection, conversation.id, f"offer:{before}", now)
    cases.change(connection, conversation.case_id, helper_id=colleague.id)
    decisions.add(
        connection, conversation.case_id, "asked", agent_id=colleague.id, by_agent_id=holder.id, why=note, now=now
    )
    if note:
        handoff.note(connection, conversation, holder, note, now=now)
    conversations.tell(connection, conversation.id, f"offer:{colleague.id}", now)


def helped(connection: Connection, conversation: Row[Any], person: Row[Any], *, now: datetime) -> None:
    """The colleague is done, or no longer needed."""
    case = cases.get(connection, conversation.case_id) if conversation.case_id else None
    if case is None or case.helper_id is None or person.id not in (case.helper_id, case.owner_id):
        raise Refused("not yours")
    decisions.add(connection, case.id, "helped", agent_id=case.helper_id, by_agent_id=person.id, now=now)
    cases.change(connection, case.id, helper_id=None)
    conversations.tell(connection, conversation.id, f"offer:{case.helper_id}", now)


def colleague(connection: Connection, agent_id: int) -> Row[Any]:
    """An active person by their id. Raises Refused."""
    found = agents.get(connection, agent_id)
    if found is None or not found.active:
        raise Refused("nobody")
    return found
