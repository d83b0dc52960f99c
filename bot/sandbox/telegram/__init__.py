"""The Telegram side of the sandbox: the Bot API towards the bot, phones towards the customers."""

from bot.sandbox.telegram.phone import TelegramCustomer
from bot.sandbox.telegram.server import Telegram, TelegramAccess

__all__ = ["Telegram", "TelegramAccess", "TelegramCustomer"]
