"""Did it arrive? Telegram has no idempotency key and no echo, but it numbers messages, and a number can be asked for.

What is relied on, and where it is written:

- Every account, a bot's too, counts all messages of its private chats and small groups in one row, each one higher:
  docs.telethon.dev/en/stable/concepts/chats-vs-channels.html#message-ids; the Bot API only promises that a number is
  unique inside its chat.
- editMessageReplyMarkup without a keyboard, on a number that the chat does not have: "message to edit not found"; on a
  customer's message, or one of ours that came with a reply keyboard or took one away: "message can't be edited"
  (github.com/tdlib/td/issues/3196, and `can_edit_message` in tdlib); on any other of ours, since none has an inline
  keyboard: "message is not modified". So asking can change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from telegram.error import BadRequest, TelegramError

from bot.channels.reading import as_dict, as_int
from bot.channels.telegram_client import RawBot, send_error
from bot.model.messages import ConversationKey

_ONE_ROW = ("private", "group")  # supergroups and channels count for themselves
_THERE = ("message can't be edited", "message is not modified")


class TelegramNumbering:
    """The bot's own row of numbers."""

    def __init__(self, bot: RawBot, token: str) -> None:
        self._bot, self._token = bot, token

    def number(self, payload: Mapping[str, Any]) -> int | None:
        """A new message's; an edit comes later than its number."""
        message = as_dict(payload.get("message"))
        if as_dict(message.get("chat")).get("type") not in _ONE_ROW:
            return None
        return as_int(message.get("message_id"))

    async def holds(self, key: ConversationKey, number: int) -> bool:
        """Is it a message of this chat, whoever wrote it? Raises SendError."""
        try:
            await self._bot.edit_message_reply_markup(key.chat, number)
        except BadRequest as exc:
            detail = str(exc).lower()
            if "message to edit not found" in detail:
                return False
            if detail.startswith(_THERE):
                return True
            raise send_error(exc, self._token) from None
        except TelegramError as exc:
            raise send_error(exc, self._token) from None
        return True

    async def held_back(self) -> int:
        """Updates that wait to be taken. Raises SendError."""
        try:
            return (await self._bot.get_webhook_info()).pending_update_count
        except TelegramError as exc:
            raise send_error(exc, self._token) from None
