"""What each played method of the Bot API does. The parameters were judged before."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from bot.sandbox.courier import on_loopback
from bot.sandbox.judge import BadRequest
from bot.sandbox.screen import Bubble, Button
from bot.sandbox.shelf import NotFetched, fetch
from bot.sandbox.telegram import limits
from bot.sandbox.telegram.updates import Webhook
from bot.sandbox.wire import StoredFile

if TYPE_CHECKING:
    from bot.sandbox.telegram.phone import TelegramCustomer
    from bot.sandbox.telegram.server import Telegram

JSON = dict[str, Any]
LONGEST_POLL = 50  # seconds


class Forbidden(Exception):
    """Answered with 403."""


class TooMany(Exception):
    """Answered with 429."""

    def __init__(self, *, retry_after: int) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


async def _get_me(side: Telegram, params: JSON) -> JSON:
    abilities = {"can_join_groups": False, "can_read_all_group_messages": False}
    return {**side.me(), **abilities, "supports_inline_queries": False, "can_connect_to_business": False}


async def _get_updates(side: Telegram, params: JSON) -> list[JSON]:
    if "allowed_updates" in params:
        side.updates.allowed = params["allowed_updates"]
    limit = params.get("limit", 100)
    return await side.updates.poll(
        offset=params.get("offset", 0),
        limit=limit if 1 <= limit <= 100 else 100,
        seconds=min(max(params.get("timeout", 0), 0), LONGEST_POLL),
    )


async def _set_webhook(side: Telegram, params: JSON) -> bool:
    url, secret = params["url"], params.get("secret_token", "")
    if url and not on_loopback(url):
        raise BadRequest("bad webhook: the sandbox delivers to loopback addresses only")
    if secret and not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", secret):
        raise BadRequest("secret token contains unallowed characters")
    connections = params.get("max_connections", 40)
    if not 1 <= connections <= 100:
        raise BadRequest("max_connections must be between 1 and 100")
    if "allowed_updates" in params:
        side.updates.allowed = params["allowed_updates"]
    webhook = Webhook(url, secret, connections)
    side.updates.set_webhook(webhook, drop_pending=params.get("drop_pending_updates", False))
    return True


async def _delete_webhook(side: Telegram, params: JSON) -> bool:
    side.updates.set_webhook(Webhook(), drop_pending=params.get("drop_pending_updates", False))
    return True


async def _get_webhook_info(side: Telegram, params: JSON) -> JSON:
    updates = side.updates
    info: JSON = {
        "url": updates.webhook.url,
        "has_custom_certificate": False,
        "pending_update_count": len(updates.pending),
    }
    if updates.webhook.url:
        info["max_connections"] = updates.webhook.max_connections
    if updates.last_error:
        info["last_error_date"] = int(updates.last_error[0].timestamp())
        info["last_error_message"] = updates.last_error[1]
    if updates.allowed:
        info["allowed_updates"] = updates.allowed
    return info


async def _send_message(side: Telegram, params: JSON) -> JSON:
    customer = _reachable(side, params)
    text = limits.text_of(params)
    return _say(side, customer, params, {"text": text}, {"text": text})


async def _send_photo(side: Telegram, params: JSON) -> JSON:
    customer = _reachable(side, params)
    caption = limits.caption_of(params)
    file = await _file_of(side, params["photo"])
    width, height = limits.photo_size(file)
    file_id, path = side.keep(file, folder="photos")
    body: JSON = {"photo": side.photo_sizes(file_id, width, height)}
    if caption:
        body["caption"] = caption
    return _say(side, customer, params, body, {"text": caption, "kind": "photo", "image": path})


async def _send_document(side: Telegram, params: JSON) -> JSON:
    customer = _reachable(side, params)
    caption = limits.caption_of(params)
    file = await _file_of(side, params["document"])
    if len(file.data) > limits.UPLOAD:
        raise BadRequest("file is too big")
    file_id, path = side.keep(file, folder="documents")
    document = {
        "file_id": file_id,
        "file_unique_id": file_id[-15:],
        "file_name": file.name,
        "mime_type": file.mime,
        "file_size": len(file.data),
    }
    body = {"document": document, **({"caption": caption} if caption else {})}
    shown = {"text": caption, "kind": "document", "file": path, "file_name": file.name}
    return _say(side, customer, params, body, shown)


async def _send_chat_action(side: Telegram, params: JSON) -> bool:
    customer = _reachable(side, params)
    if params["action"] not in limits.ACTIONS:
        raise BadRequest("wrong parameter action in request")
    customer.phone.types(side.me()["first_name"], 5)
    return True


async def _edit_reply_markup(side: Telegram, params: JSON) -> JSON:
    message = side.history.get((params.get("chat_id", 0), params.get("message_id", 0)))
    if message is None:
        raise BadRequest("message to edit not found")
    if message["from"]["id"] != side.me()["id"] or (params["chat_id"], params["message_id"]) in side.locked:
        raise BadRequest("message can't be edited")
    markup = params.get("reply_markup", {"inline_keyboard": []})
    limits.check_markup(markup)
    if message.get("reply_markup", {"inline_keyboard": []}) == markup:
        raise BadRequest(
            "message is not modified: specified new message content and reply markup are exactly the same as "
            "a current content and reply markup of the message"
        )
    message = {**message, "edit_date": int(side.clock.now().timestamp()), "reply_markup": markup}
    if not any(markup["inline_keyboard"]):
        del message["reply_markup"]
    side.history[params["chat_id"], params["message_id"]] = message
    customer = side.customers[params["chat_id"]]
    customer.phone.change(str(params["message_id"]), inline=_inline(markup))
    return message


async def _answer_callback(side: Telegram, params: JSON) -> bool:
    if limits.units(params.get("text", "")) > limits.CALLBACK_ANSWER:
        raise BadRequest("MESSAGE_TOO_LONG")
    if side.callbacks.pop(params["callback_query_id"], None) is None:
        raise BadRequest("query is too old and response timeout expired or query ID is invalid")
    return True


async def _get_file(side: Telegram, params: JSON) -> JSON:
    file_id = params["file_id"]
    if file_id not in side.files:
        raise BadRequest("invalid file_id")
    key, path = side.files[file_id]
    size = len(side.shelf.files[key].data)
    if size > limits.DOWNLOAD:
        raise BadRequest("file is too big")
    return {"file_id": file_id, "file_unique_id": file_id[-15:], "file_size": size, "file_path": path}


async def _set_commands(side: Telegram, params: JSON) -> bool:
    limits.check_commands(params["commands"])
    commands = [{**c, "command": c["command"].removeprefix("/")} for c in params["commands"]]
    side.settings[_scope(params)] = commands
    return True


async def _get_commands(side: Telegram, params: JSON) -> list[JSON]:
    commands: list[JSON] = side.settings.get(_scope(params), [])
    return commands


async def _delete_commands(side: Telegram, params: JSON) -> bool:
    side.settings.pop(_scope(params), None)
    return True


def _setter(name: str, longest: int) -> Callable[[Telegram, JSON], Awaitable[bool]]:
    async def set_it(side: Telegram, params: JSON) -> bool:
        text = params.get(name, "")
        if limits.units(text) > longest:
            raise BadRequest(f"{name} is too long")
        language = params.get("language_code", "")
        side.settings[f"{name} {language}".strip()] = text
        return True

    return set_it


def _getter(name: str) -> Callable[[Telegram, JSON], Awaitable[JSON]]:
    async def get_it(side: Telegram, params: JSON) -> JSON:
        own = side.settings.get(f"{name} {params.get('language_code', '')}".strip())
        return {name: own or side.settings.get(name) or (side.me()["first_name"] if name == "name" else "")}

    return get_it


PLAYED: dict[str, Callable[[Telegram, JSON], Awaitable[Any]]] = {
    "answerCallbackQuery": _answer_callback,
    "deleteMyCommands": _delete_commands,
    "deleteWebhook": _delete_webhook,
    "editMessageReplyMarkup": _edit_reply_markup,
    "getFile": _get_file,
    "getMe": _get_me,
    "getMyCommands": _get_commands,
    "getMyDescription": _getter("description"),
    "getMyName": _getter("name"),
    "getMyShortDescription": _getter("short_description"),
    "getUpdates": _get_updates,
    "getWebhookInfo": _get_webhook_info,
    "sendChatAction": _send_chat_action,
    "sendDocument": _send_document,
    "sendMessage": _send_message,
    "sendPhoto": _send_photo,
    "setMyCommands": _set_commands,
    "setMyDescription": _setter("description", 512),
    "setMyName": _setter("name", 64),
    "setMyShortDescription": _setter("short_description", 120),
    "setWebhook": _set_webhook,
}


def _scope(params: JSON) -> str:
    scope = params.get("scope", {"type": "default"})
    return f"commands {scope['type']} {params.get('language_code', '')}".strip()


def _reachable(side: Telegram, params: JSON) -> TelegramCustomer:
    """The customer to write to. BadRequest and Forbidden as the platform says them."""
    customer = side.customers.get(params["chat_id"])
    if customer is None:
        raise BadRequest("chat not found")
    if customer.blocked:
        raise Forbidden("bot was blocked by the user")
    if not customer.wrote:
        raise Forbidden("bot can't initiate conversation with a user")
    return customer


def _say(side: Telegram, customer: TelegramCustomer, params: JSON, body: JSON, shown: JSON) -> JSON:
    markup = params.get("reply_markup")
    if markup:
        limits.check_markup(markup)
    reply_to = params.get("reply_parameters")
    if reply_to and (customer.id, reply_to.get("message_id")) not in side.history:
        if not reply_to.get("allow_sending_without_reply"):
            raise BadRequest("message to be replied not found")
    if markup and any(markup.get("inline_keyboard", [])):
        body = {**body, "reply_markup": markup}
    message = side.new_message(customer, body, sender=side.me())
    if markup and "inline_keyboard" not in markup:
        side.locked.add((customer.id, message["message_id"]))
    inline = _inline(markup) if markup else ()
    number, name = str(message["message_id"]), side.me()["first_name"]
    customer.receives(Bubble(number, "bot", side.clock.now(), sender=name, inline=inline, **shown), markup)
    return message


def _inline(markup: JSON) -> tuple[Button, ...]:
    return tuple(
        Button(button["text"], "callback", button["callback_data"])
        if "callback_data" in button
        else Button(button["text"], "url", button.get("url", ""))
        for row in markup.get("inline_keyboard", [])
        for button in row
    )


async def _file_of(side: Telegram, given: StoredFile | str) -> StoredFile:
    """An upload, a file_id known here, or what an address holds."""
    if isinstance(given, StoredFile):
        if not given.data:
            raise BadRequest("file must be non-empty")
        return given
    if given in side.files:
        return side.shelf.files[side.files[given][0]]
    if not given.startswith(("http://", "https://")):
        raise BadRequest("wrong file identifier/HTTP URL specified")
    assert side.session is not None
    try:
        return await fetch(side.session, given)
    except NotFetched as trouble:
        raise BadRequest(str(trouble)) from None
