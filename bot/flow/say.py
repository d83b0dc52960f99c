"""What is said to a customer: kept as a message, with one outgoing row per call to the platform."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from bot.channels.base import fit
from bot.flow.way import Way
from bot.model.replies import QuickReply, Reply, Speaker
from bot.model.states import Author
from bot.store import messages, outgoing


def say(
    connection: Connection,
    way: Way,
    conversation: Row[Any],
    reply: Reply,
    *,
    author: Author = Author.BOT,
    agent: Row[Any] | None = None,
    name_line: bool = True,
    answer: bool = False,
    now: datetime,
) -> int:
    """Write down what is said to the customer, with one outgoing row per call; the message's id.

    `answer`: the bot's, to what the customer wrote. A newer one replaces it while it is unsent; lost for good, it
    brings a person.
    """
    channel = way.channels.get(conversation.channel)
    speaker = speaker_of(way, agent) if agent and name_line else None
    message_id = messages.add_reply(
        connection,
        conversation.id,
        reply,
        author=author,
        agent_id=agent.id if agent else None,
        case_id=conversation.case_id,
        now=now,
    )
    # of a channel that was switched off the words stay to be read; nothing can be sent
    parts = fit(reply, channel.limits, channel.abilities, speaker=speaker) if channel else []
    if parts:
        outgoing.add(
            connection,
            conversation.id,
            message_id,
            parts,
            author=author,
            agent_id=agent.id if agent else None,
            answer=answer,
            now=now,
        )
    return message_id


def introduce(
    connection: Connection,
    way: Way,
    conversation: Row[Any],
    agent: Row[Any],
    text: str,
    *,
    now: datetime,
    **values: str,
) -> None:
    """A person says who they are, by name and picture."""
    shows_face = way.channels[conversation.channel].abilities.personas
    introduction = Reply(
        way.texts.say(text, conversation.language, name=agent.name, **values),
        image=None if shows_face else f"people/{agent.id}-{agent.picture_version}.jpg",
    )
    say(connection, way, conversation, introduction, author=Author.AGENT, agent=agent, name_line=False, now=now)


def speaker_of(way: Way, agent: Row[Any], handle: str | None = None) -> Speaker:
    """The agent as a channel shows people."""
    file = f"{agent.id}-{agent.picture_version}.jpg"
    return Speaker(
        id=agent.id,
        name=agent.name,
        picture=str(way.cache / file),
        picture_url=f"{way.people_url}/people/{file}",
        handle=handle,
    )


def way_to_a_person(way: Way, language: str) -> QuickReply:
    """The button that is under every last word of the bot."""
    return QuickReply(way.texts.say("talk_to_us", language), "/ask_human")


def way_back(way: Way, language: str) -> QuickReply:
    """The button of a customer who waits and no longer needs to."""
    return QuickReply(way.texts.say("back_to_bot", language), "#cancel")


def with_way_to_a_person(way: Way, said: Reply, language: str) -> Reply:
    """The reply with that button, if it has none."""
    person = way_to_a_person(way, language)
    if any(q.payload == person.payload for q in said.quick_replies):
        return said
    return replace(said, quick_replies=(*said.quick_replies, person))
