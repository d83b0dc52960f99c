"""What a customer's message asks: of the service itself (#...), or of the engine (/intent or plain text)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.model.messages import Incoming
from bot.model.replies import QuickReply, chosen, pointed

LONGEST = 1000  # characters that the engine looks at, see engine/encoder.py; people read all of it

#: Commands every channel may have, and what they mean to the engine.
COMMANDS = {
    "start": "/greet",
    "help": "/greet",
    "agent": "/ask_human",
    "privacy": "/privacy_request",
    "status": "/case_status",
}


def meaning(
    incoming: Incoming, offered: Sequence[Sequence[QuickReply]], known: frozenset[str], *, numbered: bool = False
) -> str:
    """The question, "" where there is nothing to ask (a photo alone).

    `offered` are the quick replies of our last messages, the newest first; `known` payloads of buttons that stand
    on the platform. A payload that is neither was made up or is of another bot: it is no command to the engine.
    """
    if incoming.command:
        return COMMANDS.get(incoming.command) or _words(incoming.text)
    if incoming.payload and (incoming.payload in known or any(_has(one, incoming.payload) for one in offered)):
        return incoming.payload
    if incoming.location:
        return "/share_location"
    if incoming.contact and incoming.contact.own:
        return "/share_contact"
    tapped = _tapped(incoming.text, offered, numbered)
    return tapped.payload if tapped else _words(incoming.text)


def _words(text: str) -> str:
    """A customer's text as words only: a leading slash, also behind blanks, would speak to the engine as a button.

    What they want stands at the beginning. Pages of nonsense would keep the actions busy, and all customers waiting.
    Digits are those of ASCII, as every system knows them, on whatever keyboard they were typed.
    """
    beginning = re.sub(r"^[\s/#]+", "", text)[:LONGEST].rstrip()
    return re.sub(r"\d", lambda digit: str(int(digit[0])), beginning)


def _has(quick_replies: Sequence[QuickReply], payload: str) -> bool:
    return any(q.payload == payload for q in quick_replies)


def _tapped(text: str, offered: Sequence[Sequence[QuickReply]], numbered: bool) -> QuickReply | None:
    """An older keyboard may still be on the screen, but a number means the newest list, where it has numbers.

    Without numbers "2" is an answer to what the bot asked, and must not tap the second button.
    """
    if not text:
        return None
    if text.strip().rstrip(".)").isdigit():
        return chosen(text, offered[0]) if offered and numbered else None
    named = next((found for one in offered if (found := chosen(text, one))), None)
    return named or (pointed(text, offered[0]) if offered else None)
