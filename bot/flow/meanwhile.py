"""What a customer writes while they wait for a person: kept for the person, and answered where only the bot need know.

who asks whether anybody is there, or how long it takes     is told where the request stands
who asks what the bot can surely do alone (teams.yml)       is answered, and goes on waiting
who thanks, or says that it is not needed any more          may end the waiting by a tap
everything else                                             is for the person, which is said once
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from bot.dialogue import EngineDown
from bot.dialogue_state import in_a_form
from bot.flow import waiting
from bot.flow.scene import Scene, begin, conclude, language_for, of_its_own
from bot.flow.turn import bot_turn
from bot.flow.way import Way
from bot.model.dialogue import Turn
from bot.model.messages import ConversationKey, Incoming
from bot.store import cases, conversations, messages

NOT_UNDERSTOOD = "nlu_fallback"
WAIT = "ask_wait"
ABOUT_THE_WAIT = frozenset({WAIT, "case_status", "ask_human", "greet"})  # "ci siete?", "novità?"
CERTAIN, LIKELY = 0.9, 0.25
#: A question of so few words that the engine is not certain of is about the wait too: "allora?", "quanto ci vuole?".
BRIEF = 4
#: But for so long after an answer of the bot's one that begins like this goes on about it: "e domenica?".
FOLLOWS, FOLLOWING = timedelta(minutes=3), ("e ", "ed ", "and ", "what about ")
MANNERS = frozenset({"affirm", "deny", "thank", "goodbye"})
#: A "no" with one of these may say that it still does not work: "no, non va ancora".
STILL = re.compile(r"\b(non|not|\w+n['’]?t|ancora|still|nulla|niente|nothing|sempre|peggio|worse)\b", re.IGNORECASE)
#: More words than this without a question mark tell a story, and the story is for the person.
A_STORY = 12


async def meanwhile(way: Way, key: ConversationKey, scene: Scene, incoming: Incoming, asked: str) -> str:
    """One message of a customer who waits; `asked` are its words, "" for a photo or a voice message alone."""
    turn, topic = None, ""
    if asked and not incoming.attachments:
        about, answered = await way.db.read(lambda connection: _so_far(connection, scene))
        if answered and in_a_form(scene.dialogue):
            return await bot_turn(way, key, scene, incoming, asked)
        turn = await _understood(way, scene, incoming, asked)
        topic = taken_for(turn) if turn else ""
        topic = NOT_UNDERSTOOD if topic == "deny" and STILL.search(asked) else topic
        lately = answered is not None and way.clock() - answered < FOLLOWS
        follows = lately and _brief(asked, topic) and asked.lower().startswith(FOLLOWING)
        # another answer of the bot's to what a person was asked about would be none
        if follows or (_to_be_told(way, topic, asked) and topic != about):
            return await bot_turn(way, key, scene, incoming, asked)
    return await conclude(way, scene, lambda connection: _keep(connection, way, key, scene, incoming, turn, topic))


def _so_far(connection: Connection, scene: Scene) -> tuple[str, datetime | None]:
    """What a person was asked about, and when the bot last answered since: of what it asked before, nothing is asked
    any more."""
    assert scene.conversation
    case = cases.get(connection, scene.conversation.case_id)
    last = conversations.last_turn_at(connection, scene.conversation.id)
    return case.topic, last if case.waiting_since and last and last > case.waiting_since else None


async def _understood(way: Way, scene: Scene, incoming: Incoming, asked: str) -> Turn | None:
    """What the engine makes of it. Only asked: nothing is done, and no state is kept. None where no engine answers."""
    language = language_for(way, scene, incoming, asked)
    try:
        return await way.engine.ask(replace(of_its_own(way, asked, language=language), rehearsal=True))
    except EngineDown:
        return None


def taken_for(turn: Turn) -> str:
    """What the engine's understanding means of somebody who waits.

    An answer that was not asked for is worse than none: of a topic it must be certain. But where it is not, and the
    message might be about the wait, it is.
    """
    if turn.intent in ABOUT_THE_WAIT | MANNERS or turn.intent != NOT_UNDERSTOOD and turn.confidence >= CERTAIN:
        return turn.intent
    likely = [name for name, share in turn.ranking if share >= LIKELY]
    return WAIT if WAIT in likely else NOT_UNDERSTOOD


def _to_be_told(way: Way, topic: str, text: str) -> bool:
    return topic in way.teams.while_waiting and ("?" in text or len(text.split()) <= A_STORY)


def _brief(text: str, topic: str) -> bool:
    """A question of so few words that the engine is not certain of it."""
    return topic == NOT_UNDERSTOOD and "?" in text and len(text.split()) <= BRIEF


def _keep(
    connection: Connection,
    way: Way,
    key: ConversationKey,
    scene: Scene,
    incoming: Incoming,
    turn: Turn | None,
    topic: str,
) -> str:
    opened = begin(connection, way, key, scene, incoming)
    if opened is None:
        return "again or done"
    conversation, now, message_id = opened
    about_the_wait = topic in ABOUT_THE_WAIT or _brief(incoming.text, topic)
    if turn and topic in ABOUT_THE_WAIT | MANNERS and len(incoming.text.split()) <= A_STORY:
        # nothing that the person would have to read: it is not on their card
        messages.understood(connection, message_id, topic, turn.confidence, turn.ranking)
    if about_the_wait:
        waiting.stands(connection, way, conversation, now)
        return "told where it stands"
    text = "stays" if topic in MANNERS else "added"
    if not waiting.acknowledge(connection, way, conversation, now, text=text) and "?" in incoming.text:
        waiting.stands(connection, way, conversation, now)
    return "kept for the person"
