"""The packet: everything the person who takes over would otherwise have to ask for again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select

from bot.flow.way import Way
from bot.model.dialogue import HandoffRequest
from bot.model.states import Author
from bot.store import cases, messages, promises
from bot.store.tables import conversations

STORY_GAP = timedelta(hours=24)  # a silence longer than this begins a new story


def pack(connection: Connection, way: Way, conversation: Row[Any], wanted: HandoffRequest) -> dict[str, Any]:
    """What is handed over, as plain data: stored with the case and never changed."""
    story = story_of(connection, conversation.id)
    said = [row for row in story if row.author == Author.CUSTOMER]
    facts = messages.facts_of(connection, conversation.id, since=story[0].at if story else None)
    siblings = _conversations_of(connection, conversation.customer_id)
    channel = way.channels.get(conversation.channel)  # None: it was switched off
    window = channel.abilities.reply_window if channel else None
    return {
        "reason": wanted.reason,
        "topic": wanted.topic,
        "note": wanted.note,
        "first_words": _first_words(said),
        "collected": [{"name": f.name, "value": f.value, "message_id": f.message_id} for f in facts],
        "do_not_ask": [f.name for f in facts],
        "attempts": _attempts(story),
        "runner_up": said[-1].ranking[1:4] if said and said[-1].ranking else [],
        "score": said[-1].confidence if said else None,
        "attachments": [
            {"message_id": row.id, "kind": a["kind"], "name": a["name"], "index": index}
            for row in said
            for index, a in enumerate(row.attachments or [])
        ],
        "other_cases": [
            {
                "number": c.number,
                "reason": c.reason,
                "topic": c.topic,
                "outcome": c.outcome,
                "owner": c.owner_name,
                "opened_at": c.opened_at.isoformat(),
                "open": c.closed_at is None,
            }
            for c in cases.of_customer(connection, conversation.customer_id)
            if c.id != conversation.case_id
        ],
        "other_channels": [s.channel for s in siblings if s.id != conversation.id],
        "promises": [
            {
                "what": p.what,
                "due_at": p.due_at.isoformat(),
                "reference": p.reference,
                "message_id": p.message_id,
            }
            for p in promises.open_of(connection, [s.id for s in siblings])
        ],
        "last_message": story[-1].id if story else 0,  # what comes after it is added later
        "language": conversation.language,
        "window_until": (conversation.last_customer_at + window).isoformat()
        if window and conversation.last_customer_at
        else None,
    }


def wrote_since(connection: Connection, conversation_id: int, after: datetime | None) -> datetime | None:
    """When the customer began to write about what is handed over: in this story, and `after` the last case ended."""
    story = story_of(connection, conversation_id)
    return next((row.at for row in story if row.author == Author.CUSTOMER and not (after and row.at <= after)), None)


def _first_words(said: list[Row[Any]]) -> str:
    """What the customer came for: a command, a hello or a tap on "get started" says nothing of it."""
    words = [row for row in said if row.text and not row.text.startswith("/")]
    return next((row.text for row in words if row.intent != "greet"), words[0].text if words else "")


def story_of(connection: Connection, conversation_id: int) -> list[Row[Any]]:
    """The messages since the last long silence, oldest first."""
    rows = messages.history(connection, conversation_id)
    start = 0
    for index in range(1, len(rows)):
        if rows[index].at - rows[index - 1].at > STORY_GAP:
            start = index
    return rows[start:]


def _attempts(story: list[Row[Any]]) -> list[dict[str, Any]]:
    """What the customer asked, what the bot answered, and what the customer did then."""
    attempts: list[dict[str, Any]] = []
    for row in story:
        if row.author == Author.CUSTOMER:
            if attempts and attempts[-1]["answers"]:
                attempts[-1]["reaction"] = row.text or row.payload or "…"
            attempts.append(
                {
                    "message_id": row.id,
                    "asked": row.text,
                    "intent": row.intent,
                    "confidence": row.confidence,
                    "answers": [],
                    "reaction": None,
                }
            )
        elif row.author == Author.BOT and attempts:
            attempts[-1]["answers"].append(row.text)
    return [attempt for attempt in attempts if attempt["answers"]]


def _conversations_of(connection: Connection, customer_id: int) -> list[Row[Any]]:
    return list(
        connection.execute(
            select(conversations.c.id, conversations.c.channel).where(conversations.c.customer_id == customer_id)
        )
    )
