"""What the dialogue engine asks of the service, as data: it never calls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.model.replies import Reply


@dataclass(frozen=True)
class HandoffRequest:
    """The bot gives up or the customer asks: a person is wanted. `note` is for the agent."""

    reason: str
    topic: str = ""
    note: str = ""


@dataclass(frozen=True)
class PromiseMade:
    """An expected time the bot told the customer; `due` is aware. `kind` is what it is counted under.

    `check` asks the engine whether it happened; "" where no system knows.
    """

    what: str
    due: datetime
    reference: str
    kind: str = ""
    check: str = ""


@dataclass(frozen=True)
class PromiseAnswer:
    """What a company's system says of a promise: `kept`, `open`, `unknown` (to it), or `no_answer` (it is down).

    `due` is the time by which it expects it now, aware; None when it names none.
    """

    state: str
    due: datetime | None = None


@dataclass(frozen=True)
class Watch:
    """Write to this customer when `subject` is over: `check` asks the engine, `tell` is the turn that tells."""

    subject: str
    check: str
    tell: str


@dataclass(frozen=True)
class Ask:
    """One question to the engine. `events` is the dialogue state of the last turn, as the engine gave it."""

    turn_id: str
    text: str
    metadata: dict[str, Any]
    events: list[dict[str, Any]]
    rehearsal: bool = False  # say what would be done, and call no action: nothing outside is read or changed


@dataclass(frozen=True)
class Turn:
    """The engine's answer. `events` is the whole new state; `slots` what this turn learned."""

    replies: tuple[Reply, ...]
    events: list[dict[str, Any]]
    slots: dict[str, Any]
    intent: str
    confidence: float
    ranking: tuple[tuple[str, float], ...]
    handoff: HandoffRequest | None = None
    promises: tuple[PromiseMade, ...] = ()
    watches: tuple[Watch, ...] = ()
    watch_results: tuple[tuple[str, bool], ...] = ()  # (subject, still open)
    promise_answer: PromiseAnswer | None = None
    model_id: str = ""
