"""The sandbox: Telegram and Messenger played on this machine, for trying the bot out and for the tests.

Nothing here is imported by the rest of the product but by the composition root and the tests.
"""

from bot.sandbox.messenger import MessengerAccess, MessengerCustomer
from bot.sandbox.sandbox import Sandbox
from bot.sandbox.screen import Bubble, Button
from bot.sandbox.telegram import TelegramAccess, TelegramCustomer

__all__ = [
    "Bubble",
    "Button",
    "MessengerAccess",
    "MessengerCustomer",
    "Sandbox",
    "TelegramAccess",
    "TelegramCustomer",
]
