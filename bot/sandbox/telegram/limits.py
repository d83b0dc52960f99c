"""What the Bot API server refuses beyond its specification's types: lengths, keyboards, pictures.

Lengths count UTF-16 units, as Telegram does. Sources: https://core.telegram.org/bots/api and the descriptions
that the open Bot API server answers with.
"""

from __future__ import annotations

import re
from typing import Any

from bot.sandbox.judge import BadRequest
from bot.sandbox.samples import picture_size
from bot.sandbox.wire import StoredFile

TEXT, CAPTION, CALLBACK_ANSWER, PLACEHOLDER = 4096, 1024, 200, 64
CALLBACK_DATA = 64  # bytes
ROW, ALL = 8, 100  # inline buttons
REPLY_ROW, REPLY_ALL = 12, 300  # reply keyboard; documented nowhere, what clients still show
PHOTO, UPLOAD, DOWNLOAD = 10 * 1024 * 1024, 50 * 1024 * 1024, 20 * 1024 * 1024  # bytes
COMMANDS = 100
ACTIONS = frozenset(
    "typing upload_photo record_video upload_video record_voice upload_voice upload_document choose_sticker "
    "find_location record_video_note upload_video_note".split()
)
_INLINE_ACTIONS = frozenset(
    "url callback_data web_app login_url switch_inline_query switch_inline_query_current_chat "
    "switch_inline_query_chosen_chat copy_text callback_game pay".split()
)
_REPLY_ACTIONS = frozenset(
    "request_users request_chat request_managed_bot request_contact request_location request_poll "
    "web_app".split()
)


def units(text: str) -> int:
    """Length in UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2


def plain_only(params: dict[str, Any]) -> None:
    """The sandbox shows plain text; formatting would be shown wrong, so it is refused, not guessed."""
    if params.get("parse_mode"):
        raise BadRequest(f"the sandbox does not play parse_mode {params['parse_mode']}")


def text_of(params: dict[str, Any]) -> str:
    """A message's text, trimmed as the server trims it."""
    plain_only(params)
    text: str = params["text"].strip()
    if not text:
        raise BadRequest("message text is empty")
    if units(text) > TEXT:
        raise BadRequest("message is too long")
    return text


def caption_of(params: dict[str, Any]) -> str:
    """A caption, trimmed; empty is fine."""
    plain_only(params)
    caption: str = params.get("caption", "").strip()
    if units(caption) > CAPTION:
        raise BadRequest("message caption is too long")
    return caption


def check_markup(markup: dict[str, Any]) -> None:
    """Refuse keyboards the server refuses."""
    if "inline_keyboard" in markup:
        _check_rows(markup["inline_keyboard"], per_row=ROW, in_all=ALL)
        for button in _buttons(markup["inline_keyboard"]):
            _check_inline(button)
    elif "keyboard" in markup:
        if not any(markup["keyboard"]):
            raise BadRequest("reply markup must contain at least one button")
        _check_rows(markup["keyboard"], per_row=REPLY_ROW, in_all=REPLY_ALL)
        for button in _buttons(markup["keyboard"]):
            if not button["text"].strip():
                raise BadRequest("keyboard button text must be non-empty")
            if len(_REPLY_ACTIONS & {name for name, value in button.items() if value}) > 1:
                raise BadRequest("at most one of the optional fields must be used in a keyboard button")
        placeholder = markup.get("input_field_placeholder")
        if placeholder is not None and not 1 <= units(placeholder) <= PLACEHOLDER:
            raise BadRequest("input_field_placeholder must be of 1-64 characters")


def _check_inline(button: dict[str, Any]) -> None:
    if not button["text"].strip():
        raise BadRequest("inline keyboard button text must be non-empty")
    if len(_INLINE_ACTIONS & button.keys()) != 1:
        raise BadRequest("text buttons are unallowed in the inline keyboard")
    if "callback_data" in button and not 1 <= len(button["callback_data"].encode()) <= CALLBACK_DATA:
        raise BadRequest("BUTTON_DATA_INVALID")
    if "url" in button and not re.match(r"(https?|tg)://\S+$", button["url"]):
        raise BadRequest("BUTTON_URL_INVALID")


def _buttons(rows: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [button for row in rows for button in row]


def _check_rows(rows: list[list[dict[str, Any]]], *, per_row: int, in_all: int) -> None:
    if any(len(row) > per_row for row in rows) or len(_buttons(rows)) > in_all:
        raise BadRequest("REPLY_MARKUP_TOO_LONG")


def photo_size(file: StoredFile) -> tuple[int, int]:
    """Width and height of an acceptable photo."""
    if len(file.data) > PHOTO:
        raise BadRequest("file is too big")
    size = picture_size(file.data)
    if size is None:
        raise BadRequest("IMAGE_PROCESS_FAILED")
    if sum(size) > 10_000 or max(size) > 20 * min(size):
        raise BadRequest("PHOTO_INVALID_DIMENSIONS")
    return size


def check_commands(commands: list[dict[str, str]]) -> None:
    """Names of 1-32 small letters, digits, underscores; descriptions of 1-256 characters."""
    if len(commands) > COMMANDS:
        raise BadRequest("BOT_COMMANDS_TOO_MUCH")
    for command in commands:
        if not re.fullmatch(r"[a-z0-9_]{1,32}", command["command"].removeprefix("/")):
            raise BadRequest("BOT_COMMAND_INVALID")
        if not 1 <= units(command["description"]) <= 256:
            raise BadRequest("BOT_COMMAND_DESCRIPTION_INVALID")
