"""What a part looks like on Telegram: reply keyboards and pictures."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from telegram import InputFile, KeyboardButton, ReplyKeyboardMarkup, ReplyKeyboardRemove

from bot.model.replies import QuickReply

log = logging.getLogger(__name__)


async def photo_of(image: str) -> str | InputFile | None:
    """An address as it is, a file's bytes to upload; None when the file is gone."""
    if image.startswith(("http://", "https://")):
        return image
    path = Path(image)
    try:
        return InputFile(await asyncio.to_thread(path.read_bytes), filename=path.name)
    except OSError:
        log.warning("a picture to send is missing: %s", path.name)
        return None


def keyboard_of(quick_replies: Sequence[QuickReply]) -> ReplyKeyboardMarkup | ReplyKeyboardRemove:
    """Two short buttons in a row, others alone. With none to show, the last ones go: nothing awaits them."""
    if not quick_replies:
        return ReplyKeyboardRemove()
    rows: list[list[QuickReply]] = []
    for quick_reply in quick_replies:
        if rows and len(rows[-1]) == 1 and _short(quick_reply) and _short(rows[-1][0]):
            rows[-1].append(quick_reply)
        else:
            rows.append([quick_reply])
    return ReplyKeyboardMarkup(
        [[_button(quick_reply) for quick_reply in row] for row in rows],
        resize_keyboard=True,
        one_time_keyboard=True,
        input_field_placeholder=" / ".join(q.title for q in quick_replies)[:64],
    )


def _button(quick_reply: QuickReply) -> KeyboardButton:
    return KeyboardButton(
        quick_reply.title,
        request_location=quick_reply.kind == "location" or None,
        request_contact=quick_reply.kind == "contact" or None,
    )


def _short(quick_reply: QuickReply) -> bool:
    return quick_reply.kind == "text" and len(quick_reply.title) <= 20
