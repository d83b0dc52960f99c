"""The doors. The registry: one line per channel; nothing else in the product lists them.

To add a channel: its own file, its settings, its payloads under `tests/payloads/`, one line here and one in
the contract test. Nothing in the centre.
"""

from __future__ import annotations

from typing import Protocol

from bot.channels.base import Channel
from bot.channels.messenger import MessengerChannel, MessengerSettings
from bot.channels.telegram import TelegramChannel, TelegramSettings


class ChannelSettings(Protocol):
    """The part of the settings that channels need. None: not configured, so the channel is absent."""

    @property
    def telegram(self) -> TelegramSettings | None: ...

    @property
    def messenger(self) -> MessengerSettings | None: ...


def channels(settings: ChannelSettings) -> dict[str, Channel]:
    """The configured channels by name. Nothing is connected yet."""
    built: list[Channel | None] = [
        TelegramChannel(settings.telegram) if settings.telegram else None,
        MessengerChannel(settings.messenger) if settings.messenger else None,
    ]
    return {channel.name: channel for channel in built if channel}
