"""What a customer did, in product words. Channels translate to these at the door; raw payloads go no further."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


@dataclass(frozen=True)
class ConversationKey:
    """One conversation on one channel: the channel's registry name and the platform's id of the chat."""

    channel: str
    chat: str

    def __str__(self) -> str:
        return f"{self.channel}:{self.chat}"


@dataclass(frozen=True)
class RawEvent:
    """One event as it came in, before anything is understood.

    `external_id` is the platform's own id, unique within the channel: the same event twice has the same one.
    `chat` is None where no conversation could be read from it. `at` is the platform's time (UTC), used for order.
    """

    external_id: str
    chat: str | None
    payload: dict[str, Any]
    at: datetime


class Kind(StrEnum):
    """What happened. Only MESSAGE may get an answer."""

    MESSAGE = "message"
    EDITED = "edited"
    BLOCKED = "blocked"
    UNBLOCKED = "unblocked"
    READ = "read"
    DELIVERED = "delivered"
    ECHO = "echo"  # the platform shows us something written on our side
    STATUS = "status"  # of no consequence for the dialogue (reactions, joins ...)


@dataclass(frozen=True)
class Location:
    """Degrees, WGS 84."""

    latitude: float
    longitude: float


@dataclass(frozen=True)
class Contact:
    """A shared phone number. `own` is True only where the platform vouches that it is the sender's."""

    phone: str
    name: str
    own: bool


@dataclass(frozen=True)
class Attachment:
    """Something a customer sent that is not text.

    `kind`: photo, video, voice, audio, document, sticker. `ref` is what the channel needs to fetch it
    (a file id, a signed address): never shown to anyone, it may hold a secret.
    """

    kind: str
    ref: str
    name: str = ""
    mime: str = ""
    size: int | None = None  # bytes


@dataclass(frozen=True)
class Sender:
    """What the platform says of the person; all of it may be missing."""

    name: str = ""
    language: str = ""  # a locale such as "it", "it_IT", "en-GB"


@dataclass(frozen=True)
class Incoming:
    """One thing that happened in a conversation.

    `payload` is a tapped button's machine-readable part; `command` a platform command without its slash ("start").
    For ECHO: `ours` says we sent it, `metadata` is our outgoing row's id, `text` what a colleague wrote.
    For EDITED and READ: `platform_id` names the message (READ: everything up to `at`).
    """

    key: ConversationKey
    external_id: str
    at: datetime
    kind: Kind = Kind.MESSAGE
    platform_id: str = ""
    text: str = ""
    payload: str = ""
    command: str = ""
    location: Location | None = None
    contact: Contact | None = None
    attachments: tuple[Attachment, ...] = ()
    sender: Sender = Sender()
    unreadable: str = ""  # what it was ("poll", "game"), when the bot cannot read it but the customer meant something
    ours: bool = False
    metadata: str = ""
