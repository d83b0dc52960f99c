"""What is said to a customer, and which offered button an answer means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

LONGEST = 100  # characters of words that only point at a place in a list
QuickReplyKind = Literal["text", "location", "contact"]

#: A place in a list, in words; and all that people say around it when they choose.
_PLACES = (
    "prim[oa]|first|1st|1[ªº°]", "second[oa]?|2nd|2[ªº°]", "terz[oa]|third|3rd|3[ªº°]", "quart[oa]|fourth|4th|4[ªº°]",
)  # fmt: skip
_POINTED = re.compile(
    r"(?:(?:s[iì]|ok|ah|direi|dico|intendo|intendevo|scelgo|voglio|yes|i mean|i meant|it'?s)[\s,]+)*"
    rf"(?:(?:la|il|quell[oa]|per la|per il|the)\s+)?(?P<place>{'|'.join(_PLACES)})"
    r"(?:\s+(?:che hai detto|cosa|opzione|scelta|one|option|choice))?[\s,]*(?:grazie|per favore|thanks|please)?\W*"
)


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


def pointed(text: str, offered: Sequence[QuickReply]) -> QuickReply | None:
    """The one of several quick replies that "la prima", "il secondo" or "the first one" points at.

    Only of the newest list: an older one is no longer before the customer's eyes. "prima" alone also means "before".
    """
    said = _POINTED.fullmatch(_plain(text)) if len(text) <= LONGEST else None
    if not said or re.fullmatch(r"prima\W*", said[0]):
        return None
    place = next(number for number, word in enumerate(_PLACES) if re.fullmatch(word, said["place"]))
    return offered[place] if 2 <= len(offered) and place < len(offered) else None


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
