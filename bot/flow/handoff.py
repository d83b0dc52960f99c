"""From the bot to a named person and back: request -> claim -> reply -> give back | requeue -> close.

Every function works inside the caller's transaction, in which `conversation` is held, and raises Refused when the state
does not allow the move.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from bot.flow import assign, clocks, queue, waits
from bot.flow.packet import pack, wrote_since
from bot.flow.say import introduce, say, way_back, way_to_a_person
from bot.flow.way import Way
from bot.model.dialogue import HandoffRequest
from bot.model.errors import Refused
from bot.model.replies import QuickReply, Reply
from bot.model.states import Author, Outcome, Status
from bot.model.team import when
from bot.store import agents, cases, conversations, decisions, messages, outgoing, promises
from bot.store import waits as stored_waits

FRESH = timedelta(hours=72)  # a case that comes back within this goes to the person who had it


def request(
    connection: Connection,
    way: Way,
    conversation: Row[Any],
    wanted: HandoffRequest,
    *,
    who: str,
    silently: bool = False,
    now: datetime,
) -> Row[Any]:
    """A person is wanted: open a case (or the fresh one again), pack what is known, find the right person, tell the
    customer (unless `silently`); the case."""
    if conversation.status == Status.WAITING:
        return cases.get(connection, conversation.case_id)
    last = cases.latest(connection, conversation.id)
    back = last if last and _comes_back(connection, last, now) else None
    wrote_at = wrote_since(connection, conversation.id, last.closed_at if last else None)
    if back:
        # why it comes back is what the next person has to know; the first reason stays in the first packet
        wanted = replace(wanted, topic=wanted.topic or back.topic, note=wanted.note or back.note)
        case = _reopened(connection, back.id, wanted, now)
    else:
        team = way.teams.of(wanted.topic, wanted.reason).key
        about = {"reason": wanted.reason, "topic": wanted.topic, "note": wanted.note}
        case = cases.open_case(connection, conversation, **about, team=team, now=now)
    conversation = conversations.move(
        connection, conversation, Status.WAITING, who=who, why=wanted.reason, now=now, case_id=case.id
    )
    cases.add_packet(connection, case.id, pack(connection, way, conversation, wanted), now)
    queue.stand(connection, way, case.id, now=now)
    clocks.opened(connection, way, case, wrote_at=wrote_at, why="reopened" if back else "asked", now=now)
    waits.begun(connection, way, case, silently=silently, now=now)
    assign.decide(connection, way, conversation, cases.get(connection, case.id), now=now)
    case = cases.get(connection, case.id)
    if not silently:
        say(connection, way, conversation, _what_happens_next(connection, way, conversation, case, now), now=now)
    return case


def _comes_back(connection: Connection, last: Row[Any], now: datetime) -> bool:
    """Whether the last case ended so lately that it goes back to the person who had it, who still works here."""
    owner = agents.get(connection, last.owner_id) if last.owner_id else None
    return bool(last.closed_at and owner and owner.active and now - last.closed_at < FRESH)


def _reopened(connection: Connection, case_id: int, wanted: HandoffRequest, now: datetime) -> Row[Any]:
    """The case open again, waiting, for the reason that there is now."""
    about = {"reason": wanted.reason, "topic": wanted.topic, "note": wanted.note}
    cases.change(connection, case_id, **about, closed_at=None, outcome=None, wish=None, **cases.waits_from(now))
    return cases.get(connection, case_id)


def _what_happens_next(
    connection: Connection, way: Way, conversation: Row[Any], case: Row[Any], now: datetime
) -> Reply:
    """Who or which team, how long it usually takes, and when the team is there: only what is true."""
    language = conversation.language
    say_ = way.texts.say
    team = way.teams.get(case.team)
    if case.owner_name and case.offered_to == case.owner_id:
        text = say_("handed_over_again", language, number=case.number, name=case.owner_name)
    else:  # whoever had it may be away: of them nothing is said
        key = "handed_over_reopened" if case.owner_name else "handed_over"
        text = say_(key, language, number=case.number, team=team.name[language])
    return how_long(connection, way, conversation, case, text, now)


def how_long(
    connection: Connection, way: Way, conversation: Row[Any], case: Row[Any], text: str, now: datetime
) -> Reply:
    """After what happened (`text`): how long it usually takes or when the team is back, with the ways out."""
    language, say_ = conversation.language, way.texts.say
    team, wait = way.teams.get(case.team), stored_waits.open_of(connection, case.id)
    back, hour = team.opens(now), waits.offer(way, wait, language, now)
    parts = [text, say_("team_closed", language, when=when(back, now, language)) if back else ""]
    parts.append(waits.words(way, wait, language, now) if wait else "")
    if wait and hour:
        parts.append(say_("wish_by.offer", language, by=waits.local_by(team, wait.offer_at, now, language)))
    wishes = _wishes(way, case, language, hour) if back else hour
    return Reply(" ".join(filter(None, parts)), (*wishes, way_back(way, language)))


def _wishes(way: Way, case: Row[Any], language: str, hour: tuple[QuickReply, ...]) -> tuple[QuickReply, ...]:
    """While the team is away: wait here, or be written to, by an hour where one can be promised."""
    wait, write = (
        QuickReply(way.texts.say(f"wish_{wish}", language), f"#wish:{case.id}:{wish}") for wish in ("wait", "write")
    )
    return (wait, *(hour or (write,)))


def claim(connection: Connection, way: Way, conversation: Row[Any], agent: Row[Any], *, now: datetime) -> Row[Any]:
    """Take a waiting customer. The loser of a race is told who has it (Refused.who)."""
    if conversation.status != Status.WAITING:
        has_it = agents.get(connection, conversation.agent_id) if conversation.agent_id else None
        raise Refused("someone was faster" if has_it else "not waiting", who=has_it.name if has_it else None)
    case = cases.get(connection, conversation.case_id)
    moved = conversations.move(
        connection,
        conversation,
        Status.AGENT,
        who="agent",
        why="taken",
        now=now,
        agent_id=agent.id,
        by_agent_id=agent.id,
        case_id=case.id,
    )
    cases.change(
        connection,
        case.id,
        owner_id=agent.id,
        taken_at=case.taken_at or now,
        **cases.NOT_WAITING,
    )
    why = "offered" if case.offered_to == agent.id else "chosen"
    if why == "chosen":  # an offer that passed somebody over was written down when it was made
        queue.note_jump(connection, case, agent.id, why, now=now)
    decisions.add(connection, case.id, "taken", agent_id=agent.id, by_agent_id=agent.id, why=why, now=now)
    outgoing.suppress_bot(connection, conversation.id, "a person took over")
    introduce(connection, way, moved, agent, "taken", now=now)
    return moved


def reply(
    connection: Connection, way: Way, conversation: Row[Any], agent: Row[Any], said: Reply, *, now: datetime
) -> int:
    """A person's words to the customer they have; the message's id."""
    in_hand(connection, conversation, agent)
    clocks.answered(connection, way, conversation, agent.id, now=now)
    return say(connection, way, conversation, said, author=Author.AGENT, agent=agent, now=now)


def note(connection: Connection, conversation: Row[Any], agent: Row[Any], text: str, *, now: datetime) -> int:
    """A line for colleagues only; anyone at the desk may write one."""
    return messages.add_line(
        connection,
        conversation.id,
        text,
        author=Author.NOTE,
        agent_id=agent.id,
        case_id=conversation.case_id,
        now=now,
    )


def give_back(connection: Connection, way: Way, conversation: Row[Any], agent: Row[Any], *, now: datetime) -> None:
    """The bot goes on. It says again that it is one."""
    in_hand(connection, conversation, agent)
    cases.change(connection, conversation.case_id, closed_at=now, outcome=Outcome.GIVEN_BACK, helper_id=None)
    clocks.stopped(connection, way, conversation.case_id, "given_back", solved=True, now=now)
    moved = conversations.move(
        connection,
        conversation,
        Status.BOT,
        who="agent",
        why="given back to the bot",
        now=now,
        by_agent_id=agent.id,
    )
    text = way.texts.say("given_back", moved.language, name=agent.name)
    say(connection, way, moved, Reply(text, (way_to_a_person(way, moved.language),)), now=now)
    conversations.change(connection, conversation.id, introduced_at=now)


def requeue(
    connection: Connection, way: Way, conversation: Row[Any], agent: Row[Any], why: str, *, now: datetime
) -> None:
    """Back to the queue, with what was learned since: a new version of the packet."""
    in_hand(connection, conversation, agent)
    case = cases.get(connection, conversation.case_id)
    moved = conversations.move(
        connection,
        conversation,
        Status.WAITING,
        who="agent",
        why=why or "back to the queue",
        now=now,
        by_agent_id=agent.id,
        case_id=case.id,
    )
    cases.change(connection, case.id, wish=None, helper_id=None, **cases.waits_from(now))
    queue.stand(connection, way, case.id, now=now)
    clocks.queued(connection, way, case, why="put_back", now=now)
    begun = stored_waits.open_of(connection, case.id) is None
    if begun:
        waits.begun(connection, way, case, now=now)
    decisions.add(
        connection,
        case.id,
        "put_back",
        agent_id=agent.id,
        by_agent_id=agent.id,
        why=why or "back to the queue",
        now=now,
    )
    wanted = HandoffRequest(case.reason, case.topic, why or case.note)
    cases.add_packet(connection, case.id, pack(connection, way, moved, wanted), now)
    text = way.texts.say("requeued", moved.language, name=agent.name, number=case.number)
    wait = stored_waits.open_of(connection, case.id)
    known = Reply(text, (way_back(way, moved.language),))
    if begun and wait and wait.minutes:
        known = how_long(connection, way, moved, case, text, now)
    say(connection, way, moved, known, now=now)


def close(
    connection: Connection,
    way: Way,
    conversation: Row[Any],
    agent: Row[Any],
    outcome: Outcome,
    *,
    now: datetime,
) -> None:
    """The case is done, says the agent; the customer is asked whether it is."""
    in_hand(connection, conversation, agent)
    case = cases.get(connection, conversation.case_id)
    if promises.of_case(connection, case.id):
        raise Refused("open promise")  # closed with it, nobody would look after it
    cases.change(connection, case.id, closed_at=now, outcome=outcome, helper_id=None)
    clocks.stopped(connection, way, case.id, "closed", solved=True, now=now)
    moved = conversations.move(
        connection, conversation, Status.CLOSED, who="agent", why=outcome, now=now, by_agent_id=agent.id
    )
    language = moved.language
    question = Reply(
        way.texts.say("solved_question", language, name=agent.name, number=case.number),
        (
            QuickReply(way.texts.say("solved_yes", language), f"#solved:{case.id}:yes"),
            QuickReply(way.texts.say("solved_no", language), f"#solved:{case.id}:no"),
        ),
    )
    say(connection, way, moved, question, now=now)


def solved(connection: Connection, way: Way, conversation: Row[Any], case_id: int, *, yes: bool, now: datetime) -> bool:
    """The customer's own word on a closed case; "no" opens it again for the same person.

    False when the answer no longer fits (another customer's case, a person has the word, already open again).
    """
    case = cases.latest(connection, conversation.id)
    if case is None or case.id != case_id or not case.closed_at:
        return False
    if conversation.status != Status.BOT:  # a closed one is the bot's again as soon as the customer writes or taps
        return False
    cases.change(connection, case_id, solved=yes)
    if yes:
        thanks = Reply(
            way.texts.say("solved_thanks", conversation.language),
            (way_to_a_person(way, conversation.language),),
        )
        say(connection, way, conversation, thanks, now=now)
    else:
        wanted = HandoffRequest("not_solved", case.topic, case.note)
        request(connection, way, conversation, wanted, who="customer", now=now)
    return True


def cancel(connection: Connection, way: Way, conversation: Row[Any], *, now: datetime) -> bool:
    """The customer no longer needs a person; False when nobody is being waited for."""
    if conversation.status != Status.WAITING:
        return False
    case = cases.get(connection, conversation.case_id)
    cases.change(
        connection, case.id, closed_at=now, outcome=Outcome.WITHDRAWN, **cases.NOT_WAITING
    )
    clocks.stopped(connection, way, case.id, "cancelled", solved=False, now=now)
    moved = conversations.move(connection, conversation, Status.BOT, who="customer", why="no longer needed", now=now)
    text = way.texts.say("cancelled", moved.language, number=case.number)
    say(connection, way, moved, Reply(text, (way_to_a_person(way, moved.language),)), now=now)
    return True


def in_hand(connection: Connection, conversation: Row[Any], agent: Row[Any]) -> None:
    """Raises Refused unless this agent has the word in the conversation."""
    if conversation.status != Status.AGENT or conversation.agent_id != agent.id:
        has_it = agents.get(connection, conversation.agent_id) if conversation.agent_id else None
        raise Refused("not yours", who=has_it.name if has_it else None)
