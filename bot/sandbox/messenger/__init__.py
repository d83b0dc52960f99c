"""The Messenger side of the sandbox: the Graph API towards the bot, phones towards the customers."""

from bot.sandbox.messenger.phone import MessengerCustomer
from bot.sandbox.messenger.server import Messenger, MessengerAccess

__all__ = ["Messenger", "MessengerAccess", "MessengerCustomer"]
