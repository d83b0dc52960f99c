"""Sportello: customer care on Telegram and Messenger, from the bot's first word to a named person's last."""
