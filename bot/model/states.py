"""Who has the word in a conversation, and the moves between them. Every other move is an error."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """Whose turn it is."""

    BOT = "bot"
    WAITING = "waiting"  # a person was asked for; the bot keeps listening
    AGENT = "agent"  # a named person has it; the bot is silent
    CLOSED = "closed"


MOVES: frozenset[tuple[Status, Status]] = frozenset(
    {
        (Status.BOT, Status.WAITING),
        (Status.WAITING, Status.AGENT),
        (Status.WAITING, Status.BOT),  # the customer gave up, or was answered
        (Status.AGENT, Status.BOT),
        (Status.AGENT, Status.AGENT),  # from one person to another
        (Status.AGENT, Status.WAITING),  # given back to the queue
        (Status.AGENT, Status.CLOSED),
        (Status.CLOSED, Status.BOT),
        (Status.CLOSED, Status.WAITING),
    }
)


class Sending(StrEnum):
    """The life of an outgoing row."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    LATER = "later"
    AMBIGUOUS = "ambiguous"
    FAILED = "failed"
    SUPPRESSED = "suppressed"


class Inbound(StrEnum):
    """The life of a stored event."""

    NEW = "new"
    DONE = "done"
    ASIDE = "aside"  # kept, but nothing for a conversation, or not readable


class Author(StrEnum):
    """Who wrote a message."""

    CUSTOMER = "customer"
    BOT = "bot"
    AGENT = "agent"
    NOTE = "note"  # written by an agent, for colleagues only
    SYSTEM = "system"  # what happened (moves, echoes, unreadable things), shown at the desk only


class Outcome(StrEnum):
    """How a case ended."""

    SOLVED = "solved"
    INFORMED = "informed"
    NOT_OURS = "not_ours"
    NO_ANSWER = "no_answer"
    DUPLICATE = "duplicate"
    GIVEN_BACK = "given_back"  # the bot goes on
    WITHDRAWN = "withdrawn"  # the customer no longer needs it
