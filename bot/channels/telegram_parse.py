"""Telegram's updates in product words. Fields as in the Bot API; nothing here talks to anyone.

Only private chats are for us. What a customer means but the bot cannot read (a poll, a game) is `unreadable`,
so that it is never met with silence; service messages and other kinds of update are NotForUs.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from bot.channels.reading import as_dict, as_id, as_int, as_list, as_text, degrees, moment, whole
from bot.model.errors import NotForUs
from bot.model.messages import (
    Attachment,
    Contact,
    ConversationKey,
    Incoming,
    Kind,
    Location,
    RawEvent,
    Sender,
)

#: The kinds of update we ask for, by webhook and by long poll alike.
ALLOWED_UPDATES = ("message", "edited_message", "callback_query", "my_chat_member")

#: A typed command -> its canonical name. Both languages work whatever menu the customer sees.
COMMANDS = {
    "start": "start",
    "aiuto": "help",
    "help": "help",
    "operatore": "agent",
    "agent": "agent",
    "privacy": "privacy",
    "stato": "status",
    "status": "status",
}

#: A message's file fields -> our kind, in the order they are looked for: an animation also fills `document`.
_FILES = {
    "animation": "video",
    "audio": "audio",
    "document": "document",
    "live_photo": "video",
    "sticker": "sticker",
    "video": "video",
    "video_note": "video",
    "voice": "voice",
}

_UNREADABLE = frozenset(
    "checklist contact dice game gift giveaway giveaway_winners invoice location paid_media poll "
    "rich_message story text unique_gift venue".split()
)

#: Messages that Telegram writes about the chat, not the customer.
_SERVICE = frozenset(
    "new_chat_members left_chat_member chat_owner_left chat_owner_changed new_chat_title new_chat_photo "
    "delete_chat_photo group_chat_created supergroup_chat_created channel_chat_created "
    "message_auto_delete_timer_changed migrate_to_chat_id migrate_from_chat_id pinned_message "
    "successful_payment refunded_payment users_shared user_shared chat_shared gift_upgrade_sent "
    "connected_website write_access_allowed passport_data proximity_alert_triggered boost_added "
    "chat_background_set checklist_tasks_done checklist_tasks_added direct_message_price_changed "
    "community_chat_added community_chat_removed forum_topic_created forum_topic_edited forum_topic_closed "
    "forum_topic_reopened general_forum_topic_hidden general_forum_topic_unhidden giveaway_created "
    "giveaway_completed managed_bot_created paid_message_price_changed poll_option_added "
    "poll_option_deleted suggested_post_approved suggested_post_approval_failed suggested_post_declined "
    "suggested_post_paid suggested_post_refunded video_chat_scheduled video_chat_started video_chat_ended "
    "video_chat_participants_invited web_app_data".split()
)

_COMMAND = re.compile(r"/(\w{1,32})(?:@\w+)?(?:\s+(.*))?", re.DOTALL)
_START_PAYLOAD = re.compile(r"[A-Za-z0-9_-]{1,64}")


def split(update: Any) -> list[RawEvent]:
    """The one event of an update; none where it has no `update_id`."""
    update_id = as_int(as_dict(update).get("update_id"))
    if update_id is None:
        return []
    kind, body = _content(update)
    chat = as_dict(as_dict(body.get("message")).get("chat") if kind == "callback_query" else body.get("chat"))
    private = kind in ALLOWED_UPDATES and chat.get("type") == "private"
    # A tap has no time of its own: its message's is that of the question.
    given = None if kind == "callback_query" else body.get("edit_date") or body.get("date")
    at = moment(given) or datetime.now(UTC)
    return [RawEvent(str(update_id), as_id(chat.get("id")) or None if private else None, update, at)]


def parse(raw: RawEvent, channel: str) -> Incoming:
    """The event in product words. Raises NotForUs, never anything else."""
    if raw.chat is None:
        raise NotForUs("no private chat")
    try:
        kind, body = _content(raw.payload)
        read = {
            "message": _message,
            "edited_message": _edited,
            "callback_query": _tap,
            "my_chat_member": _membership,
        }[kind]
        known = Incoming(
            ConversationKey(channel, raw.chat), raw.external_id, raw.at, sender=_sender(body.get("from"))
        )
        return read(body, known)
    except NotForUs:
        raise
    except Exception as exc:  # one strange update must not stop the customer's others
        raise NotForUs(f"unreadable update: {type(exc).__name__}") from exc


def _content(update: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The update's kind and what it holds: the one field beside `update_id`."""
    return next(((k, as_dict(v)) for k, v in update.items() if k != "update_id"), ("", {}))


def _message(message: dict[str, Any], known: Incoming) -> Incoming:
    if as_dict(message.get("from")).get("is_bot"):
        raise NotForUs("written by a bot")
    text = as_text(message.get("text")) or as_text(message.get("caption"))
    known = replace(known, platform_id=as_id(message.get("message_id")), text=text)
    if isinstance(message.get("text"), str) and (command := _command(text, known)):
        return command
    if isinstance(message.get("location"), dict):
        return _location(message["location"], known)
    if isinstance(message.get("contact"), dict):
        return _contact(message["contact"], message, known)
    if attachment := _attachment(message):
        return replace(known, attachments=(attachment,))
    return known if text else _other(message, known)


def _other(message: dict[str, Any], known: Incoming) -> Incoming:
    """What is no text, place, number or file."""
    if kind := next((k for k in message if k in _UNREADABLE), ""):
        text = whole(" ".join(_leaves(message[kind]))) if kind == "rich_message" else ""
        return replace(known, text=text.strip(), unreadable="" if text.strip() else kind)
    if service := next((k for k in message if k in _SERVICE), ""):
        raise NotForUs(service)
    return replace(known, unreadable="message")  # a kind newer than this file still gets an answer


def _leaves(block: Any) -> list[str]:
    """The readable words of a rich message: everything under `text`, in order."""
    if isinstance(block, list):
        return [word for item in block for word in ([item] if isinstance(item, str) else _leaves(item))]
    found = []
    for name, value in as_dict(block).items():
        found += [value] if name == "text" and isinstance(value, str) else _leaves(value)
    return found


def _command(text: str, known: Incoming) -> Incoming | None:
    match = _COMMAND.fullmatch(text.strip())
    name = COMMANDS.get(match[1].lower()) if match else None
    if not match or not name:
        return None  # an unknown command is what the customer wrote
    rest = (match[2] or "").strip()
    payload = rest if name == "start" and _START_PAYLOAD.fullmatch(rest) else ""
    return replace(known, command=name, payload=payload, text="" if payload else rest)


def _location(location: dict[str, Any], known: Incoming) -> Incoming:
    """A position; a venue carries one too."""
    position = degrees(location.get("latitude"), location.get("longitude"))
    return replace(known, location=Location(*position)) if position else replace(known, unreadable="location")


def _contact(contact: dict[str, Any], message: dict[str, Any], known: Incoming) -> Incoming:
    """A phone number: the sender's own only where Telegram names the sender as its owner."""
    phone = as_text(contact.get("phone_number"))
    if not phone:
        return replace(known, unreadable="contact")
    owner = as_int(contact.get("user_id"))
    own = owner is not None and owner == as_int(as_dict(message.get("from")).get("id"))
    return replace(known, contact=Contact(phone, _name(contact), own))


def _attachment(message: dict[str, Any]) -> Attachment | None:
    sizes = [p for p in as_list(message.get("photo")) if as_text(as_dict(p).get("file_id"))]
    if sizes:
        best = max(sizes, key=lambda p: (as_int(p.get("width")) or 0) * (as_int(p.get("height")) or 0))
        return Attachment("photo", best["file_id"], mime="image/jpeg", size=as_int(best.get("file_size")))
    for field, kind in _FILES.items():
        file = as_dict(message.get(field))
        if ref := as_text(file.get("file_id")):
            name = as_text(file.get("file_name")) or as_text(file.get("title")) or as_text(file.get("emoji"))
            return Attachment(kind, ref, name, _mime(field, file), as_int(file.get("file_size")))
    return None


def _mime(field: str, file: dict[str, Any]) -> str:
    if field == "sticker":
        animated = "application/x-tgsticker" if file.get("is_animated") else "image/webp"
        return "video/webm" if file.get("is_video") else animated
    assumed = {"voice": "audio/ogg", "video_note": "video/mp4"}.get(field, "")
    return as_text(file.get("mime_type")) or assumed


def _edited(message: dict[str, Any], known: Incoming) -> Incoming:
    text = as_text(message.get("text")) or as_text(message.get("caption"))
    if not text:
        raise NotForUs("an edit without text (a moving position, another picture)")
    if as_dict(message.get("from")).get("is_bot"):
        raise NotForUs("written by a bot")
    return replace(known, kind=Kind.EDITED, platform_id=as_id(message.get("message_id")), text=text)


def _tap(query: dict[str, Any], known: Incoming) -> Incoming:
    """A tap on an inline button; the title is in the message it hung under."""
    data = as_text(query.get("data"))
    message = as_dict(query.get("message"))
    known = replace(known, platform_id=as_id(message.get("message_id")))
    if not data:
        return replace(known, unreadable="game")
    rows = as_list(as_dict(message.get("reply_markup")).get("inline_keyboard"))
    buttons = [as_dict(button) for row in rows for button in as_list(row)]
    title = next((as_text(b.get("text")) for b in buttons if b.get("callback_data") == data), "")
    return replace(known, payload=data, text=title)


def _membership(change: dict[str, Any], known: Incoming) -> Incoming:
    status = as_dict(change.get("new_chat_member")).get("status")
    kind = {"kicked": Kind.BLOCKED, "member": Kind.UNBLOCKED}.get(as_text(status))
    if kind is None:
        raise NotForUs("another change of membership")
    return replace(known, kind=kind)


def _sender(user: object) -> Sender:
    return Sender(_name(as_dict(user)), as_text(as_dict(user).get("language_code")))


def _name(person: dict[str, Any]) -> str:
    return f"{as_text(person.get('first_name'))} {as_text(person.get('last_name'))}".strip()
