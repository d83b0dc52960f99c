"""Is the bot registered with Telegram as it should be? Asks, changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from telegram import WebhookInfo
from telegram.error import InvalidToken, TelegramError

from bot.channels.telegram_client import RawBot
from bot.channels.telegram_parse import ALLOWED_UPDATES

LATELY = timedelta(hours=1)
MANY = 100  # updates that wait: the bot is down, or too slow


async def problems(bot: RawBot, webhook: str) -> list[str]:
    """What is wrong, in sentences. `webhook` is where updates shall go, "" for long polling. Never raises."""
    try:
        await bot.get_me()
        info = await bot.get_webhook_info()
    except InvalidToken:
        return ["the token is refused: TELEGRAM_BOT_TOKEN, as BotFather gives it"]
    except TelegramError as error:
        return [f"the platform cannot be asked ({type(error).__name__})"]
    return [*_address(info, webhook), *_deliveries(info)]


def _address(info: WebhookInfo, webhook: str) -> list[str]:
    if info.url != webhook:
        now = "not registered" if not info.url else "registered for another address"
        if not webhook:
            return [f"a webhook is {now}, so long polling gets nothing: starting the bot removes it"]
        return [f"the webhook is {now}: starting the bot registers {webhook}"]
    if webhook and (missing := sorted(set(ALLOWED_UPDATES) - set(info.allowed_updates or ()))):
        return [f"the webhook does not bring {', '.join(missing)}: starting the bot registers it anew"]
    return []


def _deliveries(info: WebhookInfo) -> list[str]:
    found = []
    if info.last_error_date and datetime.now(UTC) - info.last_error_date < LATELY:
        found.append(f"the last delivery failed at {info.last_error_date:%H:%M} UTC: {info.last_error_message}")
    if info.pending_update_count > MANY:
        found.append(f"{info.pending_update_count} updates wait to be taken")
    return found
