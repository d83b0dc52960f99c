from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from bot.sandbox.messenger import Messenger
from bot.sandbox.telegram import Telegram


class Page:
    def __init__(
        self,
        telegram: Telegram,
        messenger: Messenger,
        listeners: list[Callable[[], None]],
        *,
        state_dir: Path | None,
    ) -> None:
        self._telegram = telegram

    def routes(self) -> list[web.RouteDef]:
        """The page."""
        return []

    def close(self) -> None:
        """End."""
