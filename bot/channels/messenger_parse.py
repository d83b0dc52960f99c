"""Messenger's webhook in product words: deliveries into events, events into what a customer did.

An event is kept inside its own envelope (`object`, one `entry`, one list of one), so a stored one reads like
a delivery. Only direct messages are for us yet; comments on the Page are kept and set aside.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from bot.channels.door import hashed, shortened
from bot.channels.reading import as_dict, as_id, as_int, as_list, as_text, degrees, moment
from bot.model.errors import NotForUs
from bot.model.messages import Attachment, Contact, ConversationKey, Incoming, Kind, Location, RawEvent

MILLISECONDS = 0.001

_LISTS = ("messaging", "standby", "changes")
_FILES = {"image": "photo", "video": "video", "audio": "audio", "file": "document"}
_PHONE = re.compile(r"\+?\d{6,15}")
_REF = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ROW = re.compile(r"\d{1,19}")


@dataclass(frozen=True)
class Ours:
    """Who we are on the platform; `app_id` is "" until it was asked for."""

    channel: str
    page_id: str
    app_id: str = ""


def split(delivery: Any, page_id: str) -> list[RawEvent]:
    """Every event of a delivery: several entries, several lists, several events in each."""
    delivery = as_dict(delivery)
    raws = []
    for entry in as_list(delivery.get("entry")):
        found = [(name, event) for name in _LISTS for event in as_list(as_dict(entry).get(name))]
        for name, event in found:
            frame = {key: entry[key] for key in ("id", "time") if key in entry}
            payload = {"object": delivery.get("object"), "entry": [{**frame, name: [event]}]}
            raws.append(_raw(name, as_dict(event), payload, page_id))
        if not found:
            raws.append(RawEvent(hashed("entry", entry), None, {"entry": [entry]}, datetime.now(UTC)))
    return raws


def _raw(name: str, event: dict[str, Any], payload: dict[str, Any], page_id: str) -> RawEvent:
    entry = payload["entry"][0]
    ours = payload["object"] == "page" and as_id(entry.get("id")) == page_id and name != "changes"
    at = moment(event.get("timestamp"), unit=MILLISECONDS) or moment(entry.get("time"), unit=MILLISECONDS)
    chat = _customer(event, as_id(entry.get("id"))) if ours else ""
    external_id = _comment_id(event) if name == "changes" else _event_id(event)
    prefix = "standby:" if name == "standby" else ""  # the same message may come as both
    return RawEvent(shortened(prefix + external_id), chat or None, payload, at or datetime.now(UTC))


def _customer(event: dict[str, Any], page_id: str) -> str:
    """The person's id: the sender, or the recipient of what our side wrote."""
    sender, recipient = (as_id(as_dict(event.get(end)).get("id")) for end in ("sender", "recipient"))
    written_here = as_dict(event.get("message")).get("is_echo") is True or sender == page_id
    chat = recipient if written_here else sender
    return chat if len(chat) <= 200 and chat != page_id else ""


def _event_id(event: dict[str, Any]) -> str:
    """The platform's id of a message; for all else one made of what makes the event itself."""
    message, postback, edit = (as_dict(event.get(key)) for key in ("message", "postback", "message_edit"))
    if mid := as_id(message.get("mid")):
        return f"{mid}:deleted" if message.get("is_deleted") else mid
    if mid := as_id(postback.get("mid")):
        return mid
    if (mid := as_id(edit.get("mid"))) and (number := as_id(edit.get("num_edit"))):
        return f"{mid}:edit:{number}"
    who = as_id(as_dict(event.get("sender")).get("id"))
    for kind in ("read", "delivery"):
        if (mark := as_int(as_dict(event.get(kind)).get("watermark"))) is not None:
            mids = as_list(as_dict(event[kind]).get("mids"))
            return f"{kind}:{who}:{mark}" + (f":{hashed('mids', mids)[-12:]}" if mids else "")
    return hashed(_kind(event), event)


def _comment_id(change: dict[str, Any]) -> str:
    value = as_dict(change.get("value"))
    if change.get("field") == "feed" and (comment := as_id(value.get("comment_id"))):
        return f"comment:{comment}:{as_text(value.get('verb'))}"
    return hashed(as_text(change.get("field"))[:40] or "change", change)


def _kind(event: dict[str, Any]) -> str:
    return next((str(k)[:40] for k in event if k not in ("sender", "recipient", "timestamp")), "event")


def parse(raw: RawEvent, ours: Ours) -> Incoming:
    """The event in product words. Raises NotForUs, never anything else."""
    if raw.chat is None:
        raise NotForUs("no conversation with a customer of this Page")
    try:
        entry = raw.payload["entry"][0]
        name = next(name for name in _LISTS if name in entry)
        event = as_dict(entry[name][0])
        known = Incoming(ConversationKey(ours.channel, raw.chat), raw.external_id, raw.at)
        incoming = _read(event, known, ours)
    except NotForUs:
        raise
    except Exception as exc:  # one strange event must not stop the customer's others
        raise NotForUs(f"unreadable event: {type(exc).__name__}") from exc
    if name == "standby" and incoming.kind is Kind.MESSAGE:
        return replace(incoming, kind=Kind.STATUS)  # another app (the Page's inbox) answers: the bot is quiet
    return incoming


def _read(event: dict[str, Any], known: Incoming, ours: Ours) -> Incoming:
    readers: dict[str, Callable[[dict[str, Any], Incoming], Incoming]] = {
        "message": lambda message, known: _message(message, known, ours),
        "message_edit": _edit,
        "postback": _postback,
        "referral": _referral,
        "read": _read_up_to,
        "delivery": _delivered,
        "reaction": _reaction,
        "optin": lambda optin, known: replace(known, kind=Kind.STATUS),
    }
    for name, reader in readers.items():
        if isinstance(event.get(name), dict):
            return reader(event[name], known)
    raise NotForUs(_kind(event))


def _message(message: dict[str, Any], known: Incoming, ours: Ours) -> Incoming:
    known = replace(known, platform_id=as_id(message.get("mid")), text=as_text(message.get("text")))
    if message.get("is_echo") is True:
        return _echo(message, known, ours)
    if message.get("is_deleted"):
        return replace(known, kind=Kind.STATUS)
    payload = as_text(as_dict(message.get("quick_reply")).get("payload"))
    if _PHONE.fullmatch(payload):  # the button that shares the number of the person's own profile
        return replace(known, contact=Contact(payload, "", own=True))
    known = replace(known, payload=payload)
    for item in as_list(message.get("attachments")):
        known = _with_attachment(as_dict(item), known, message)
    said = known.text or known.payload or known.location or known.attachments or known.unreadable
    return known if said else replace(known, unreadable="message")


def _with_attachment(item: dict[str, Any], known: Incoming, message: dict[str, Any]) -> Incoming:
    kind, payload = as_text(item.get("type")), as_dict(item.get("payload"))
    address = as_text(payload.get("url"))
    if kind == "location":
        place = as_dict(payload.get("coordinates"))
        position = degrees(place.get("lat"), place.get("long"))
        return replace(known, location=Location(*position)) if position else replace(known, unreadable=kind)
    if kind == "fallback":  # a shared link: what the customer typed holds it, or else only this does
        link = as_text(item.get("url")) or as_text(item.get("URL")) or address
        shared = f"{as_text(item.get('title')) or as_text(payload.get('title'))} {link}".strip()
        return replace(known, text=known.text or shared, unreadable="" if known.text or shared else "link")
    if kind in _FILES and address:
        sticker = kind == "image" and (payload.get("sticker_id") or message.get("sticker_id"))
        name = PurePosixPath(urlsplit(address).path).name[:100] if kind == "file" else ""
        attachment = Attachment("sticker" if sticker else _FILES[kind], address, name)
        return replace(known, attachments=(*known.attachments, attachment))
    return replace(known, unreadable=kind or "attachment")


def _echo(message: dict[str, Any], known: Incoming, ours: Ours) -> Incoming:
    """What was written on our side: by this app (its metadata is our row), or by a colleague in the inbox."""
    app_id, metadata = as_id(message.get("app_id")), as_text(message.get("metadata"))
    looks_ours = bool(_ROW.fullmatch(metadata))
    mine = app_id == ours.app_id if ours.app_id and app_id else looks_ours
    return replace(known, kind=Kind.ECHO, ours=mine, metadata=metadata if mine and looks_ours else "")


def _reaction(reaction: dict[str, Any], known: Incoming) -> Incoming:
    emoji = as_text(reaction.get("emoji"))
    return replace(known, kind=Kind.STATUS, platform_id=as_id(reaction.get("mid")), text=emoji)


def _edit(edit: dict[str, Any], known: Incoming) -> Incoming:
    text = as_text(edit.get("text"))
    if not text:
        raise NotForUs("an edit without text")
    return replace(known, kind=Kind.EDITED, platform_id=as_id(edit.get("mid")), text=text)


def _postback(postback: dict[str, Any], known: Incoming) -> Incoming:
    """A tap in the menu, on an ice breaker, on "get started". Without a payload it is another app's."""
    payload = as_text(postback.get("payload"))
    return replace(
        known,
        kind=Kind.MESSAGE if payload else Kind.STATUS,
        platform_id=as_id(postback.get("mid")),
        payload=payload,
        text=as_text(postback.get("title")),
    )


def _referral(referral: dict[str, Any], known: Incoming) -> Incoming:
    """A customer came back by a link or an advertisement, and has written nothing: the same as a start."""
    ref = as_text(referral.get("ref"))
    return replace(known, command="start", payload=ref if _REF.fullmatch(ref) else "")


def _read_up_to(read: dict[str, Any], known: Incoming) -> Incoming:
    mark = moment(read.get("watermark"), unit=MILLISECONDS)
    return replace(known, kind=Kind.READ, at=mark or known.at)


def _delivered(delivery: dict[str, Any], known: Incoming) -> Incoming:
    mark = moment(delivery.get("watermark"), unit=MILLISECONDS)
    last = next((as_id(mid) for mid in reversed(as_list(delivery.get("mids")))), "")
    return replace(known, kind=Kind.DELIVERED, at=mark or known.at, platform_id=last)
