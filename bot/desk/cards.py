"""The packet as the person who takes over reads it, the place in the queue, and the platform's window."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from bot.channels.base import Channel
from bot.desk.clocks import read_clocks
from bot.desk.words import Words
from bot.model.queue import BY_HAND, CAP, SHOUT_CAP, WORTH, standing
from bot.model.team import Team
from bot.model.windows import ends, is_closing, next_end
from bot.store import cases, inbox, messages, promises


def window_until(channel: Channel | None, last_customer_at: datetime | None) -> datetime | None:
    """Until when a person may write, None where the platform sets no end."""
    all_ends = ends(last_customer_at, channel.abilities.windows if channel else ())
    return all_ends[-1].at if all_ends else None


def window_view(channel: Channel | None, last_customer_at: datetime | None, now: datetime) -> dict[str, Any] | None:
    """Until when the customer may be written to: the `next` end and the `last`; None where there is no window."""
    all_ends = ends(last_customer_at, channel.abilities.windows if channel else ())
    if not all_ends:
        return None
    coming = next_end(all_ends, now)
    return {
        "next": coming,
        "last": all_ends[-1],
        "over": coming is None,
        "closing": coming is not None and is_closing(coming, now),
        "kind": "over" if coming is None else "only" if len(all_ends) == 1 else "person" if coming.last else "first",
    }


def read_card(connection: Connection, conversation: Row[Any]) -> dict[str, Any] | None:
    """What is known of the case in hand, or else of the last one; None before the first hand-off."""
    newest = cases.get(connection, conversation.case_id) if conversation.case_id else None
    if newest is None:
        last = cases.latest(connection, conversation.id)
        newest = cases.get(connection, last.id) if last else None
    if newest is None:
        return None
    packet = cases.packet(connection, newest.id)
    siblings = inbox.siblings(connection, conversation.customer_id, conversation.id)
    ids = [conversation.id, *(one.id for one in siblings)]
    return {
        "case": newest,
        "packet": packet,
        "added": messages.added(connection, newest, packet) if packet else [],
        "siblings": siblings,
        "promises": promises.open_of(connection, ids),
        "clocks": read_clocks(connection, newest),
    }


def place_view(case: Row[Any], team: Team) -> dict[str, Any]:
    """Where a case stands in the queue and why, in numbers; `by_hand` are the marks that a person may set."""
    waits = case.waiting_since
    opens = team.opens(waits) if waits else None
    place = standing(waits or case.opened_at, opens, case.marks)
    return {
        "waits": waits,
        "opens": opens if place.base != waits else None,
        "minutes": place.minutes,
        "marks": [(mark, WORTH[mark]) for mark in place.marks],
        "by_hand": [(mark, mark in place.marks) for mark in BY_HAND],
        "cap": CAP,
        "shout_cap": SHOUT_CAP,
    }


def packet_view(w: Words, body: Mapping[str, Any]) -> dict[str, Any]:
    """The packet's plain data with words for its codes. Older packets may lack keys that came later."""
    collected = [
        {"name": w.name("fact", one["name"]), "value": w.value(one["value"]), "message_id": one.get("message_id")}
        for one in body.get("collected") or ()
    ]
    attempts = [_attempt(w, one) for one in body.get("attempts") or ()]
    runner_up = [(w.name("topic", name), round(score * 100)) for name, score in body.get("runner_up") or ()]
    others = [
        {
            **one,
            "topic": w.name("topic", one.get("topic")),
            "reason": w.name("reason", one.get("reason")),
            "outcome": w.name("outcome", one.get("outcome")),
            "opened_at": datetime.fromisoformat(one["opened_at"]),
        }
        for one in body.get("other_cases") or ()
    ]
    return {
        "reason": w.name("reason", body.get("reason")),
        "topic": w.name("topic", body.get("topic")) if body.get("topic") else "",
        "score": round(body["score"] * 100) if body.get("score") is not None else None,
        "note": w.noted(body.get("note") or ""),
        "first_words": body.get("first_words") or "",
        "language": w.name("language", body.get("language")),
        "collected": collected,
        "do_not_ask": [w.name("fact", name) for name in body.get("do_not_ask") or ()],
        "attempts": attempts,
        "runner_up": runner_up,
        "attachments": body.get("attachments") or (),
        "other_cases": others,
    }


def _attempt(w: Words, one: Mapping[str, Any]) -> dict[str, Any]:
    confidence = one.get("confidence")
    return {
        "message_id": one.get("message_id"),
        "asked": one.get("asked") or "",
        "intent": w.name("topic", one.get("intent")) if one.get("intent") else "",
        "confidence": round(confidence * 100) if confidence is not None else None,
        "answers": [answer for answer in one.get("answers") or () if answer],
        "reaction": one.get("reaction"),
    }
