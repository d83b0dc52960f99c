"""POST /{page-id}/messages: what a Page may say to a person, when, and in which form.

Limits from the Messenger Platform's reference (Send API, quick replies, templates). A parameter the platform
does not know is refused, though the platform itself ignores some: it is a mistake that would never be seen.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bot.sandbox.messenger.errors import GraphError, bad_parameter
from bot.sandbox.screen import Bubble, Button
from bot.sandbox.shelf import NotFetched, fetch
from bot.sandbox.wire import StoredFile

if TYPE_CHECKING:
    from bot.sandbox.messenger.phone import MessengerCustomer
    from bot.sandbox.messenger.server import Messenger

JSON = dict[str, Any]
REPLY_WINDOW, HUMAN_WINDOW = timedelta(hours=24), timedelta(days=7)
TEXT = 2000  # a text must be shorter
QUICK_REPLIES, TITLE, PAYLOAD, METADATA = 13, 20, 1000, 1000  # characters
BUTTONS, TEMPLATE_TEXT = 3, 640
IMAGE, FILE = 8 * 1024 * 1024, 25 * 1024 * 1024  # bytes
_KNOWN = frozenset(
    "recipient message sender_action messaging_type tag persona_id notification_type filedata".split()
)
_MESSAGE = frozenset("text attachment quick_replies metadata".split())
_ACTIONS = frozenset("typing_on typing_off mark_seen".split())


async def send(side: Messenger, params: JSON) -> JSON:
    """Judge one call and carry it out: `{"recipient_id", "message_id"?, "attachment_id"?}`, or GraphError."""
    for name in params:
        if name not in _KNOWN:
            raise bad_parameter(f'Unexpected parameter "{name}"')
    customer = _recipient(side, params.get("recipient"))
    persona = _persona(side, params)
    if "sender_action" in params:
        if "message" in params:
            raise bad_parameter("Cannot send message with sender action")
        _check_window(side, customer, {})
        return _act(side, customer, params["sender_action"], persona)
    message = params.get("message")
    if not isinstance(message, dict):
        raise bad_parameter("The parameter message is required")
    shown, body, attachment_id = await _content(side, message, params.get("filedata"))
    _check_window(side, customer, params)
    if customer.blocked:
        raise GraphError(551, "(#551) This person isn't available right now.", subcode=1545041)
    mid = side.next_mid()
    sender, picture = (persona["name"], persona["picture"]) if persona else (side.page_name, "")
    bubble = Bubble(mid, "bot", side.clock.now(), sender=sender, picture=picture, **shown)
    customer.receives(bubble)
    side.echo(customer, {**body, "mid": mid}, app_id=side.app_id)
    side.delivered(customer, mid)
    answer: JSON = {"recipient_id": customer.psid, "message_id": mid}
    return {**answer, "attachment_id": attachment_id} if attachment_id else answer


def _recipient(side: Messenger, recipient: Any) -> MessengerCustomer:
    if not isinstance(recipient, dict) or not isinstance(recipient.get("id"), str):
        raise bad_parameter("The parameter recipient is required")
    customer = side.customers.get(recipient["id"])
    if customer is None or customer.last_wrote is None:
        raise bad_parameter("No matching user found", subcode=2018001)
    return customer


def _persona(side: Messenger, params: JSON) -> JSON | None:
    if "persona_id" not in params:
        return None
    persona = side.personas.get(str(params["persona_id"]))
    if persona is None:
        raise bad_parameter("Invalid persona_id")
    return persona


def _check_window(side: Messenger, customer: MessengerCustomer, params: JSON) -> None:
    """24 hours for everything, seven days for the tag HUMAN_AGENT; the other tags ended on 27 April 2026."""
    assert customer.last_wrote is not None
    age = side.clock.now() - customer.last_wrote
    kind, tag = params.get("messaging_type", "RESPONSE"), params.get("tag")
    if kind not in ("RESPONSE", "UPDATE", "MESSAGE_TAG"):
        raise bad_parameter('Param messaging_type must be one of {"RESPONSE", "UPDATE", "MESSAGE_TAG"}')
    if (kind == "MESSAGE_TAG") != (tag is not None):
        raise bad_parameter("The parameter tag is required for, and only for, the messaging type MESSAGE_TAG")
    if tag is not None and tag != "HUMAN_AGENT":
        raise bad_parameter("Param tag is no longer supported: only HUMAN_AGENT is")
    if age > (HUMAN_WINDOW if tag else REPLY_WINDOW):
        raise GraphError(10, "(#10) This message is sent outside of allowed window.", subcode=2018278)


def _act(side: Messenger, customer: MessengerCustomer, action: Any, persona: JSON | None) -> JSON:
    if action not in _ACTIONS:
        raise bad_parameter('Param sender_action must be one of {"TYPING_ON", "TYPING_OFF", "MARK_SEEN"}')
    if action == "mark_seen":
        for bubble in customer.phone.bubbles:
            if bubble.author == "customer":
                customer.phone.tick(bubble.id, 3)
    elif action == "typing_on":
        customer.phone.types(persona["name"] if persona else side.page_name, 20)
    else:
        customer.phone.types("", 0)
    return {"recipient_id": customer.psid}


async def _content(side: Messenger, message: JSON, filedata: Any) -> tuple[JSON, JSON, str]:
    """What the customer is shown, what the echo tells, and the id of a reusable attachment ("" if none)."""
    for name in message:
        if name not in _MESSAGE:
            raise bad_parameter(f'Unexpected key "{name}" on param "message".')
    text, attachment = message.get("text"), message.get("attachment")
    if (text is None) == (attachment is None):
        raise bad_parameter("Message must have either text or an attachment")
    metadata = message.get("metadata")
    if metadata is not None and not (isinstance(metadata, str) and len(metadata) <= METADATA):
        raise bad_parameter("Param message[metadata] must be a string of at most 1000 characters")
    body: JSON = {} if metadata is None else {"metadata": metadata}
    attachment_id = ""
    if attachment is None:
        _check_text(text, "message[text]", TEXT - 1)
        shown: JSON = {"text": text}
        body["text"] = text
    else:
        shown, echoed, attachment_id = await _attachment(side, attachment, filedata)
        body["attachments"] = [echoed]
    if "quick_replies" in message:
        shown["buttons"] = _quick_replies(message["quick_replies"])
    return shown, body, attachment_id


def _check_text(text: Any, name: str, longest: int) -> None:
    if not isinstance(text, str) or not text.strip():
        raise bad_parameter(f"Param {name} must be a non-empty UTF-8 encoded string")
    if len(text) > longest:
        raise bad_parameter(f"Length of param {name} must be less than or equal to {longest}")


def _quick_replies(given: Any) -> tuple[Button, ...]:
    if not isinstance(given, list) or not 1 <= len(given) <= QUICK_REPLIES:
        raise bad_parameter("Param message[quick_replies] must be an array of 1 to 13 elements")
    buttons = []
    for n, reply in enumerate(given):
        where = f"message[quick_replies][{n}]"
        kind = reply.get("content_type") if isinstance(reply, dict) else None
        if kind == "location":
            raise bad_parameter(f"Param {where}[content_type]: location is no longer supported")
        if kind in ("user_phone_number", "user_email"):
            title, shown = ("+393331234567", "contact") if "phone" in kind else ("mario@example.org", "email")
            buttons.append(Button(title, shown, title))
            continue
        if kind != "text":
            raise bad_parameter(f"Param {where}[content_type] must be text, user_phone_number or user_email")
        if unknown := reply.keys() - {"content_type", "title", "payload", "image_url"}:
            raise bad_parameter(f'Unexpected key "{min(unknown)}" on param "{where}".')
        _check_text(reply.get("title"), f"{where}[title]", TITLE)
        _check_text(reply.get("payload"), f"{where}[payload]", PAYLOAD)
        buttons.append(Button(reply["title"], "text", reply["payload"]))
    return tuple(buttons)


async def _attachment(side: Messenger, attachment: Any, filedata: Any) -> tuple[JSON, JSON, str]:
    kind = attachment.get("type") if isinstance(attachment, dict) else None
    payload = attachment.get("payload") if isinstance(attachment, dict) else None
    if kind not in ("image", "audio", "video", "file", "template") or not isinstance(payload, dict):
        raise bad_parameter("Param message[attachment] needs a type and a payload")
    if kind == "template":
        return *_template(payload), ""
    key = await keep_attachment(side, kind, payload, filedata)
    path, file = side.shelf.path(key), side.shelf.files[key]
    echoed = {"type": kind, "payload": {"url": side.base_url() + path}}
    shown: JSON = {"kind": "photo" if kind == "image" else "voice" if kind == "audio" else "document"}
    shown |= {"image": path} if kind == "image" else {"file": path, "file_name": file.name}
    attachment_id = side.reusable(key) if payload.get("is_reusable") else ""
    return shown, echoed, attachment_id


async def keep_attachment(side: Messenger, kind: str, payload: JSON, filedata: Any) -> str:
    """The shelf's key of an attachment given by upload, by address or by the id of an earlier one."""
    if "attachment_id" in payload:
        if payload["attachment_id"] not in side.attachments:
            raise bad_parameter("Invalid attachment_id")
        return side.attachments[payload["attachment_id"]]
    if isinstance(filedata, StoredFile):
        file = filedata
    else:
        assert side.session is not None
        try:
            file = await fetch(side.session, str(payload.get("url", "")))
        except NotFetched:
            raise bad_parameter("Failed to fetch the file from the url", subcode=2018008) from None
    if len(file.data) > (IMAGE if kind == "image" else FILE):
        raise bad_parameter("Attachment size exceeds allowable limit", subcode=2018047)
    return side.shelf.put(file)


def _template(payload: JSON) -> tuple[JSON, JSON]:
    if payload.get("template_type") != "button":
        raise bad_parameter("the sandbox plays only the button template")
    _check_text(payload.get("text"), "message[attachment][payload][text]", TEMPLATE_TEXT)
    buttons = payload.get("buttons")
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= BUTTONS:
        raise bad_parameter("Param message[attachment][payload][buttons] must have 1 to 3 elements")
    inline = []
    for button in buttons:
        _check_text(button.get("title"), "button[title]", TITLE)
        kind = {"postback": "postback", "web_url": "url"}.get(button.get("type"))
        if kind is None:
            raise bad_parameter("button[type] must be postback or web_url")
        value = button.get("payload" if kind == "postback" else "url")
        _check_text(value, "button[payload]" if kind == "postback" else "button[url]", PAYLOAD)
        inline.append(Button(button["title"], kind, value))
    return {"text": payload["text"], "inline": tuple(inline)}, {"type": "template", "payload": payload}
