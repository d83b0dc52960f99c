"""A conversation as one line of time: days, moves, messages with the state of their delivery."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any

from sqlalchemy import Row

from bot.desk.words import Words
from bot.model.states import Author, Outcome, Sending, Status

#: The worst state first: a message of several calls is as good as its worst one.
_WORST = (
    Sending.FAILED, Sending.AMBIGUOUS, Sending.LATER, Sending.SENDING, Sending.PENDING, Sending.SUPPRESSED,
    Sending.SENT,
)  # fmt: skip


@dataclass(frozen=True)
class Delivered:
    """What became of a message of ours. `retry` are the failed calls an agent may try again."""

    state: str
    problem: str = ""
    retry: tuple[int, ...] = ()
    resent: bool = False
    until: datetime | None = None


@dataclass(frozen=True)
class Entry:
    """One line. `kind` is day, move, system or message; `text` is what is shown, `row` a message's row."""

    kind: str
    key: str
    text: str
    at: datetime
    row: Row[Any] | None = None
    delivered: Delivered | None = None
    attachments: tuple[dict[str, Any], ...] = ()
    tapped: str = ""  # the title of the button whose payload came without text


def timeline(
    w: Words, rows: Sequence[Row[Any]], moves: Sequence[Row[Any]], sendings: Mapping[int, Sequence[Row[Any]]]
) -> list[Entry]:
    """Messages in their order, each move before the first message that came with or after it."""
    entries: list[Entry] = []
    todo = [move for move, after in zip_longest(moves, moves[1:]) if not _only_passes(move, after)]
    titles: dict[str, str] = {}
    for row in rows:
        # a customer's word and the move it led to may bear the same time: the word came first
        while todo and (todo[0].at < row.at or (todo[0].at == row.at and row.author != Author.CUSTOMER)):
            entries.append(_move(w, todo.pop(0)))
        for button in row.quick_replies or ():
            titles[button["payload"]] = button["title"]
        entries.append(_message(w, row, sendings.get(row.id, ()), titles))
    entries += [_move(w, move) for move in todo]
    return _with_days(w, entries)


def _message(w: Words, row: Row[Any], sendings: Sequence[Row[Any]], titles: Mapping[str, str]) -> Entry:
    if row.author == Author.SYSTEM:
        return Entry("system", f"m{row.id}", system_line(w, row.text), row.at, row)
    tapped = ""
    if row.author == Author.CUSTOMER and row.payload and not row.text:
        tapped = titles.get(row.payload) or w("tapped")
    # a file's ref is secret: pages know it by its place
    attachments = tuple(
        {"index": index, "kind": one.get("kind", ""), "name": one.get("name", ""), "size": one.get("size")}
        for index, one in enumerate(row.attachments or ())
    )
    delivered = _delivered(w, row, sendings) if row.author in (Author.BOT, Author.AGENT) else None
    return Entry("message", f"m{row.id}", row.text, row.at, row, delivered, attachments, tapped)


def _delivered(w: Words, row: Row[Any], sendings: Sequence[Row[Any]]) -> Delivered | None:
    if not sendings:
        return Delivered("read") if row.read_at else None
    worst = min(sendings, key=lambda one: _WORST.index(one.state))
    state = "read" if worst.state == Sending.SENT and row.read_at else str(worst.state)
    return Delivered(
        state,
        w.problem(worst.problem) if worst.problem and worst.state != Sending.SENT else "",
        tuple(one.id for one in sendings if one.state == Sending.FAILED),
        any(one.resent for one in sendings),
        worst.due_at if worst.state == Sending.LATER else None,
    )


def system_line(w: Words, text: str) -> str:
    """What the service noted: a known word ("blocked"), or one with what it is about ("promise_due: ...")."""
    code, _, about = text.partition(":")
    if w.texts.has(f"system.{code}"):
        return w(f"system.{code}", about=_about(w, about.strip()))
    return text


def _about(w: Words, about: str) -> str:
    """A time, or what the bot promised, in words; anything else as it is."""
    try:
        return w.at(datetime.fromisoformat(about))
    except (ValueError, TypeError):  # no time, or one without a zone, which no line of ours has
        what, blank, reference = about.partition(" ")
        return w.noted(what) + blank + reference


def _only_passes(move: Row[Any], after: Row[Any] | None) -> bool:
    """Through the bot to a person in one moment: told by itself, it would say that the bot answers."""
    return bool(after and move.to_status == after.from_status == Status.BOT and move.at == after.at)


def _move(w: Words, move: Row[Any]) -> Entry:
    """Who moved the conversation, and why, as a sentence."""
    name = move.agent_name or ""
    why = move.why
    if why.startswith("passed to "):
        text = w("move.passed", name=name, to=why.removeprefix("passed to "))
    elif move.to_status == Status.AGENT:
        text = w("move.taken", name=name)
    elif move.to_status == Status.CLOSED:
        outcome = w.name("outcome", why) if why in list(Outcome) else why
        text = w("move.closed", name=name, outcome=outcome)
    elif move.from_status == Status.AGENT and move.to_status == Status.WAITING:
        known = w.texts.has(f"requeue.{why}")
        text = w(f"requeue.{why}", name=name) if known else w("move.requeued", name=name, why=why)
    elif move.to_status == Status.WAITING:
        text = w("move.waiting", reason=w.name("reason", why))
    elif move.from_status == Status.AGENT:
        text = w("move.given_back", name=name)
    else:
        text = w.name("why", why.replace(" ", "_"))
    return Entry("move", f"v{move.id}", text, move.at)


def _with_days(w: Words, entries: Sequence[Entry]) -> list[Entry]:
    """A line with the date before the first entry of each day where the team is."""
    dated: list[Entry] = []
    day = None
    for entry in entries:
        local = entry.at.astimezone(w.zone).date()
        if local != day:
            dated.append(Entry("day", f"d{local.isoformat()}", w.day(entry.at), entry.at))
            day = local
        dated.append(entry)
    return dated
