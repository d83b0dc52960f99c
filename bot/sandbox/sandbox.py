"""The sandbox: both platforms and the page with two phones behind one port on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import aiohttp
from aiohttp import web

from bot.sandbox.memory import Memory
from bot.sandbox.messenger import Messenger, MessengerAccess
from bot.sandbox.page.routes import Page
from bot.sandbox.shelf import Shelf
from bot.sandbox.telegram import Telegram, TelegramAccess

HOST = "127.0.0.1"
LARGEST_UPLOAD = 60 * 1024 * 1024  # bytes


class Sandbox:
    """Stand-ins of Telegram and Messenger. The tokens are made up, and obviously not real ones.

    `port` 0 takes a free one; it is known after `start()`. `bot_url` tells where the bot listens (Messenger's
    webhook is `/webhooks/messenger` there; Telegram's is what the bot sets). `state_dir` is where the page's
    buttons leave what the demo systems read, and where the platforms keep what they know over a restart; with
    None nothing is kept and every instance has tokens of its own. `hurry` below 1 shortens the pauses
    between tries to deliver to a webhook.
    """

    def __init__(
        self, *, port: int, bot_url: Callable[[], str], state_dir: Path | None = None, hurry: float = 1.0
    ) -> None:
        self.port = port
        listeners: list[Callable[[], None]] = []
        self._shelf = Shelf()
        self.telegram = Telegram(self._shelf, listeners)
        self.messenger = Messenger(self._shelf, listeners, base_url=lambda: self.url, bot_url=bot_url)
        self._sides = (self.telegram, self.messenger)
        for side in self._sides:
            side.courier.pauses = tuple(pause * hurry for pause in side.courier.pauses)
        self._page = Page(self.telegram, self.messenger, listeners, state_dir=state_dir)
        self._listeners = listeners
        self._memory = (
            Memory(state_dir / "sandbox", self.telegram, self.messenger, self._shelf) if state_dir else None
        )
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None

    @property
    def url(self) -> str:
        """Where the page with the phones is."""
        return f"http://{HOST}:{self.port}"

    @property
    def telegram_settings(self) -> TelegramAccess:
        """For the bot: token and address of this Bot API."""
        return TelegramAccess(self.telegram.token, self.url)

    @property
    def messenger_settings(self) -> MessengerAccess:
        """For the bot: the Page, its secrets and the address of this Graph API."""
        side = self.messenger
        return MessengerAccess(
            side.page_id, side.page_token, side.app_secret, side.verify_token, f"{self.url}/graph"
        )

    def environment(self) -> dict[str, str]:
        """The same settings as environment variables, for a bot in a process of its own."""
        telegram, messenger = self.telegram_settings, self.messenger_settings
        return {
            "TELEGRAM_BOT_TOKEN": telegram.token,
            "TELEGRAM_API_URL": telegram.api_url,
            "MESSENGER_PAGE_ID": messenger.page_id,
            "MESSENGER_PAGE_TOKEN": messenger.page_token,
            "MESSENGER_APP_SECRET": messenger.app_secret,
            "MESSENGER_VERIFY_TOKEN": messenger.verify_token,
            "GRAPH_API_URL": messenger.graph_url,
        }

    async def start(self) -> None:
        """Listen on 127.0.0.1 (never elsewhere: everybody on the network could play customers)."""
        if self._memory:
            self._memory.load()
            self._listeners.append(self._memory.note)
        self._page.hand_out_phones()
        app = web.Application(client_max_size=LARGEST_UPLOAD)
        app.add_routes(self.telegram.routes())
        app.add_routes(self.messenger.routes())
        app.add_routes([web.get("/files/{key}/{name}", self._shelf.serve), *self._page.routes()])
        # A client of its own for each side would be more than needed; cookies are never kept.
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        for side in (self.telegram, self.messenger):
            side.session = self._session
        self.telegram.updates.session = self._session
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await self.plug_in()

    async def stop(self) -> None:
        """Stop delivering and listening. What was not acknowledged is forgotten."""
        self._page.close()
        if self._memory and self._runner is not None:
            self._memory.save()
        for side in self._sides:
            side.courier.forget()
        if self._session is not None:
            await self._session.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def unplug(self) -> None:
        """Refuse connections: for the bot the platforms are unreachable, and nothing it sends has arrived."""
        assert self._runner is not None
        for site in list(self._runner.sites):
            await site.stop()
        for connection in list(self._runner.server.connections if self._runner.server else ()):
            if connection.transport is not None:
                connection.transport.close()
        await asyncio.sleep(0.01)  # clients must see the end, or they would try a dead connection once more

    async def plug_in(self) -> None:
        """Listen (again), on the same port."""
        assert self._runner is not None
        site = web.TCPSite(self._runner, HOST, self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def __aenter__(self) -> Sandbox:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
