"""What is said to a customer, and which offered button an answer means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

QuickReplyKind = Literal["text", "location", "contact"]


@dataclass(frozen=True)
class QuickReply:
    """A button under a message. `payload` is what the tap means to us; the title is what the customer sees."""

    title: str
    payload: str
    kind: QuickReplyKind = "text"


@dataclass(frozen=True)
class Reply:
    """One message to a customer, before any platform's limits. `image` is an address or a file's path."""

    text: str
    quick_replies: tuple[QuickReply, ...] = ()
    image: str | None = None


@dataclass(frozen=True)
class Speaker:
    """Who is speaking: a person with a name and a face. None stands for the bot.

    `picture` is a file's path; `picture_url` the same picture where platforms can fetch it;
    `handle` what the channel gave back when the person was registered there (see Abilities.personas).
    """

    id: int
    name: str
    picture: str
    picture_url: str
    handle: str | None = None


@dataclass(frozen=True)
class Part:
    """One call to a platform: what `fit()` makes of replies. Stored as the payload of one outgoing row."""

    text: str = ""
    quick_replies: tuple[QuickReply, ...] = ()
    image: str | None = None


def chosen(text: str, offered: Sequence[QuickReply]) -> QuickReply | None:
    """The offered quick reply that a typed `text` means: its title, in any case, or its number in the list.

    Platforms without payloads on their buttons send the title back as text, and people type "2" under a
    numbered list. Without this the tap would be read as free text and could be misunderstood.
    """
    wanted = _plain(text)
    for quick_reply in offered:
        if _plain(quick_reply.title) == wanted:
            return quick_reply
    number = re.fullmatch(r"(\d{1,2})[.)]?", wanted)
    if number and 1 <= int(number[1]) <= len(offered):
        return offered[int(number[1]) - 1]
    return None


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
