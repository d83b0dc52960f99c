"""The contract of a channel: what the way may ask of a door, the door's limits as data, and the one `fit()`.

A channel translates: `split` and `parse` in, `send` out. It is given a callable for what arrived and cannot
reach the store. Differences between platforms are data (`Limits`, `Abilities`), so the centre never asks
which platform it speaks to.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Protocol

from aiohttp import web

from bot.channels.reading import whole
from bot.model.messages import Attachment, ConversationKey, Incoming, RawEvent, Sender
from bot.model.replies import Part, QuickReply, Reply, Speaker

#: Stores events durably; returns how many were new. Raises when the store cannot be written.
Receive = Callable[[str, Sequence[RawEvent]], Awaitable[int]]

MAX_BODY = 1024 * 1024  # bytes of a webhook's body; larger ones are refused with 413


@dataclass(frozen=True)
class Limits:
    """What a platform accepts in one call. Sources: the platform's own documentation, see each channel."""

    text: int  # characters, counted as `utf16` says
    caption: int  # characters under an image
    quick_replies: int  # buttons in one message
    title: int  # characters of a button
    payload: int  # bytes of a button's payload; 0: buttons carry none
    utf16: bool = False  # lengths are counted in UTF-16 units
    download: int = 20 * 1024 * 1024  # bytes of a customer's file we can fetch
    per_second: float = 30.0  # sends a second over all conversations
    burst: int = 5  # of these, at once after a pause
    per_chat_second: float = 1.0  # sends a second in one conversation
    chat_burst: int = 3  # of these, at once after a pause: the parts of one answer


@dataclass(frozen=True)
class Abilities:
    """What a platform can do, where platforms differ."""

    ask_location: bool  # a button that shares the position
    ask_contact: bool  # a button that shares the phone number
    personas: bool  # shows an agent's name and picture by itself; otherwise the name goes into the text
    echoes: bool  # shows us what we sent, so an ambiguous send can be reconciled
    edits: bool  # customers can edit what they wrote
    reply_window: timedelta | None = None  # after the customer's last message the bot may write this long
    human_window: timedelta | None = None  # and a person this long

    @property
    def windows(self) -> tuple[timedelta, ...]:
        """How long the customer may be written to, the shortest first; none where there is no end."""
        return tuple(sorted({length for length in (self.reply_window, self.human_window) if length}))


@dataclass(frozen=True)
class Delivery:
    """One part to send. `row` is the outgoing row's id: where the platform echoes metadata, it comes back."""

    key: ConversationKey
    part: Part
    row: str
    speaker: Speaker | None = None
    human: bool = False  # a person wrote it (the bot's own messages never use the longer window)
    within_window: bool = True  # the customer wrote within `reply_window`

    @property
    def image_matters(self) -> bool:
        """Whether a person sends it for what it shows: then the words alone are not what they said. A face is none."""
        return self.human and not (self.speaker and self.part.image == self.speaker.picture)


@dataclass(frozen=True)
class Sent:
    """The platform's id of the delivered message, "" where it gives none."""

    platform_id: str


class Numbering(Protocol):
    """Of a platform that numbers all messages of all chats in one rising row, and can be asked for a number.

    So it can be found out whether a call arrived that nobody got an answer to. Asking changes and shows nothing.
    """

    def number(self, payload: Mapping[str, Any]) -> int | None:
        """The place of what arrived in that row; None where it has none. Never raises."""

    async def holds(self, key: ConversationKey, number: int) -> bool:
        """Is it a message of this chat, whoever wrote it? Raises SendError."""

    async def held_back(self) -> int:
        """How many events the platform has not brought yet. Raises SendError."""


class Channel(Protocol):
    """One platform. `name` is its registry name and the last part of its webhook's path."""

    name: str
    limits: Limits
    abilities: Abilities
    static_payloads: frozenset[str]  # payloads of buttons set up on the platform (get started, menus)
    numbering: Numbering | None  # where the platform offers one

    def routes(self, receive: Receive) -> list[web.RouteDef]:
        """The webhook's routes. They check the caller, split, store through `receive`, then answer 200."""

    async def start(self) -> None:
        """Open connections. Called once, in every process, before any send."""

    async def serve(self, receive: Receive) -> None:
        """Set the platform up (webhook or long poll); then poll, where it is asked for what arrives, until cancelled.

        Runs in one process at a time. Two at once for a moment do no harm: what arrives twice is stored once.
        """

    async def stop(self) -> None:
        """Stop polling and close connections. Nothing may be called after it."""

    def parse(self, raw: RawEvent) -> Incoming:
        """The event in product words. Raises NotForUs for what carries nothing; never anything else."""

    def split_again(self, payload: Mapping[str, Any]) -> list[RawEvent]:
        """The events of a delivery that was kept as it came, because it could not be split then. Never raises."""

    async def check(self) -> list[str]:
        """What the platform says is wrong with our set-up, in sentences; none when all is well. Never raises."""

    async def send(self, delivery: Delivery) -> Sent:
        """Deliver one part. Raises SendError."""

    async def typing(self, key: ConversationKey, speaker: Speaker | None = None) -> None:
        """Show that someone is typing. Best effort: never raises."""

    async def register(self, speaker: Speaker) -> str | None:
        """Make a person known to the platform (a persona); the handle to keep, None where there is none.

        Raises SendError. Called once per person and picture.
        """

    async def profile(self, key: ConversationKey) -> Sender:
        """The person's name and locale where the platform tells them, else an empty Sender. Never raises."""

    def fetch(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """The bytes of a customer's file, in chunks. Raises SendError when it cannot be had any more."""


def fit(reply: Reply, limits: Limits, abilities: Abilities, *, speaker: Speaker | None = None) -> list[Part]:
    """What `reply` becomes on a platform: one part per call, each within the limits.

    Long texts are split at sentence ends; buttons sit under the last part; too many, or ones that do not fit,
    become numbered lines (the customer may type the number: the button's place among `reply.quick_replies`,
    as `bot.model.replies.chosen` counts). Buttons that ask for what the platform cannot ask are dropped.
    Where the platform shows no persona the speaker's name leads every piece and every caption: pieces are
    read apart, and a person is never anonymous.
    """
    buttons, lines = _buttons(reply.quick_replies, limits, abilities)
    text = "\n".join(filter(None, [whole(reply.text).strip(), lines]))
    if buttons and not text and not reply.image:
        text = "\n".join(q.title for q in buttons)  # buttons cannot stand alone: they would be lost
    name = _name(speaker, limits) if speaker and not abilities.personas else ""
    lead = f"{name}: " if name else ""
    parts: list[Part] = []
    if reply.image:
        captions = [lead + text if text else name, name, ""]
        caption = next(c for c in captions if _length(c, limits) <= limits.caption)
        parts.append(Part(text=caption, image=reply.image))
        text = "" if caption and caption == captions[0] else text
    room = replace(limits, text=limits.text - _length(lead, limits))
    parts += [Part(text=lead + piece) for piece in split_text(text, room)]
    if buttons and parts:
        parts[-1] = replace(parts[-1], quick_replies=buttons)
    return parts


#: The end of a paragraph, of a line before a numbered one, of a sentence ("2. " is a number, not a sentence).
_PAUSE = re.compile(r"\n\n|\n(?=\d+\. )|(?<=[.!?…])(?<!\d\.)\s")


def split_text(text: str, limits: Limits) -> list[str]:
    """Pieces of at most `limits.text`, cut at the end of a paragraph, a sentence or a word, in that order."""
    pieces = []
    rest = text.strip()
    while _length(rest, limits) > limits.text:
        head = _head(rest, limits.text, limits)
        cut = max((m.end() for m in _PAUSE.finditer(head)), default=0)
        if cut < len(head) // 3:
            cut = max(head.rfind("\n"), head.rfind(" ")) + 1 or len(head)
        pieces.append(rest[:cut].strip())
        rest = rest[cut:].strip()
    return [*pieces, rest] if rest else pieces


def numbered(quick_replies: Sequence[QuickReply], limits: Limits, abilities: Abilities) -> bool:
    """Whether `fit` shows these as numbered lines, so that a typed number means one of them."""
    return bool(_buttons(quick_replies, limits, abilities)[1])


def _buttons(
    quick_replies: Sequence[QuickReply], limits: Limits, abilities: Abilities
) -> tuple[tuple[QuickReply, ...], str]:
    """The buttons to show, and the numbered lines that stand for the others.

    A button that asks for something stays a button, whatever happens to the rest: a number shares no place.
    """
    numbered = ((n, replace(q, title=whole(q.title))) for n, q in enumerate(quick_replies, 1))
    possible = [(n, q) for n, q in numbered if _possible(q, abilities)]
    if len(possible) <= limits.quick_replies and all(_fits(q, limits) for _, q in possible):
        return tuple(q for _, q in possible), ""
    kept = tuple(q for _, q in possible if q.kind != "text" and _fits(q, limits))[: limits.quick_replies]
    return kept, "\n".join(f"{n}. {q.title}" for n, q in possible if q not in kept)


def _fits(quick_reply: QuickReply, limits: Limits) -> bool:
    payload_fits = not limits.payload or len(quick_reply.payload.encode("utf-8", "replace")) <= limits.payload
    return payload_fits and 0 < _length(quick_reply.title, limits) <= limits.title


def _name(speaker: Speaker, limits: Limits) -> str:
    """The name on one line, short enough to leave room for what is said."""
    return _head(" ".join(whole(speaker.name).split()), limits.text // 3, limits).rstrip()


def _head(text: str, most: int, limits: Limits) -> str:
    """The longest beginning of `text` within `most` that does not cut a character in two."""
    if not limits.utf16:
        return text[:most]
    return text.encode("utf-16-le")[: most * 2].decode("utf-16-le", "ignore")


def _length(text: str, limits: Limits) -> int:
    return len(text.encode("utf-16-le")) // 2 if limits.utf16 else len(text)


def _possible(quick_reply: QuickReply, abilities: Abilities) -> bool:
    return {"location": abilities.ask_location, "contact": abilities.ask_contact}.get(quick_reply.kind, True)
