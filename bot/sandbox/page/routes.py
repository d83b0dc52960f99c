"""The page with the two phones: server-rendered once, then kept live by server-sent events."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import yaml
from aiohttp import web

from bot.sandbox.messenger import Messenger
from bot.sandbox.page.incidents import Incidents
from bot.sandbox.page.phones import LANGUAGES, Impossible, MessengerPhone, TelegramPhone
from bot.sandbox.telegram import Telegram

log = logging.getLogger(__name__)
JSON = dict[str, Any]
HERE = Path(__file__).parent
HINTS = HERE.parent / "hints.yml"
STATIC = {path.name: path for path in [*HERE.glob("*.css"), *HERE.glob("*.js")]}
TYPES = {".css": "text/css", ".js": "text/javascript"}
HOSTS = ("127.0.0.1", "localhost", "[::1]")
BREATH = 0.03  # seconds in which several changes become one message
HEARTBEAT = 15.0  # seconds
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self'; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


class Page:
    """The routes of the page. A closed incident is written into `state_dir` (None without demo systems)."""

    def __init__(
        self,
        telegram: Telegram,
        messenger: Messenger,
        listeners: list[Callable[[], None]],
        *,
        state_dir: Path | None,
    ) -> None:
        self._telegram, self._messenger = telegram, messenger
        self._phones: dict[str, TelegramPhone | MessengerPhone] = {}
        self._hints: JSON = yaml.safe_load(HINTS.read_text())
        self._texts: JSON = yaml.safe_load((HERE / "texts.yml").read_text())
        self._incidents = Incidents(self._hints["incidents"], state_dir)
        self._watchers: set[asyncio.Event] = set()
        self._closing = False
        listeners.append(self._changed)

    def routes(self) -> list[web.RouteDef]:
        """The page, its files, the live stream, and what a hand does on a phone."""
        return [
            web.get("/", self._show),
            web.get("/page/{name}", self._static),
            web.get("/live", self._live),
            web.post("/phone/{phone}/{act}", self._act),
            web.post("/incident/{incident}/{state}", self._set_incident),
        ]

    def hand_out_phones(self) -> None:
        """Put each phone into a customer's hands, once the platforms know whom they know."""
        self._phones = {
            "telegram": TelegramPhone(self._telegram),
            "messenger": MessengerPhone(self._messenger),
        }

    def close(self) -> None:
        """End the live streams."""
        self._closing = True
        self._changed()

    def _changed(self) -> None:
        for watcher in self._watchers:
            watcher.set()

    async def _show(self, request: web.Request) -> web.Response:
        _check_host(request)
        language = request.query.get("lang", "it")
        language = language if language in LANGUAGES else "it"
        environment = jinja2.Environment(loader=jinja2.FileSystemLoader(HERE), autoescape=True)
        html = environment.get_template("phones.html").render(
            t=self._texts[language],
            lang=language,
            hints=self._hints,
            script_texts=self._texts[language]["script"],
        )
        return web.Response(text=html, content_type="text/html", headers=_headers())

    async def _static(self, request: web.Request) -> web.Response:
        path = STATIC.get(request.match_info["name"])
        if path is None:
            raise web.HTTPNotFound
        kind = TYPES[path.suffix]
        return web.Response(body=path.read_bytes(), content_type=kind, charset="utf-8", headers=_headers())

    async def _live(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: the whole state at once, then again after every change."""
        _check_host(request)
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        stream = web.StreamResponse(headers=headers)
        await stream.prepare(request)
        watcher = asyncio.Event()
        self._watchers.add(watcher)
        watcher.set()
        try:
            while not self._closing:
                try:
                    async with asyncio.timeout(HEARTBEAT):
                        await watcher.wait()
                except TimeoutError:
                    await stream.write(b": still here\n\n")
                    continue
                await asyncio.sleep(BREATH)
                watcher.clear()
                await stream.write(f"data: {json.dumps(self._state())}\n\n".encode())
        except ConnectionError:
            log.debug("a page was closed")
        finally:
            self._watchers.discard(watcher)
        return stream

    def _state(self) -> JSON:
        phones = {name: phone.state() for name, phone in self._phones.items()}
        return {**phones, "incidents": self._incidents.state()}

    async def _act(self, request: web.Request) -> web.Response:
        _check_hand(request)
        phone = self._phones.get(request.match_info["phone"])
        if phone is None:
            raise web.HTTPNotFound
        given = await _given(request)
        if request.match_info["act"] == "again":
            language = str(given.get("language"))
            phone.again(language if language in LANGUAGES else "it")
            return web.Response(status=204)
        act = phone.acts().get(request.match_info["act"])
        if act is None:
            raise web.HTTPNotFound
        try:
            await act(given)
        except (Impossible, AssertionError, KeyError, ValueError, StopIteration) as trouble:
            # AssertionError: a button gone, or the bot blocked, between drawing and tapping.
            return web.json_response({"error": str(trouble)}, status=409)
        return web.Response(status=204)

    async def _set_incident(self, request: web.Request) -> web.Response:
        _check_hand(request)
        try:
            self._incidents.set(
                request.match_info["incident"], closed=request.match_info["state"] == "closed"
            )
        except KeyError:
            raise web.HTTPNotFound from None
        self._changed()
        return web.Response(status=204)


async def _given(request: web.Request) -> JSON:
    """A JSON object, or a form with one file."""
    if request.content_type == "application/json":
        body = await request.json()
        return body if isinstance(body, dict) else {}
    given: JSON = {}
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            given |= {name: value.file.read(), "name": value.filename, "mime": value.content_type}
        else:
            given[name] = value
    return given


def _check_host(request: web.Request) -> None:
    """Only pages opened by this machine's own name: another name that points here is an attack on it."""
    if (request.host or "").rpartition(":")[0] not in HOSTS and request.host not in HOSTS:
        raise web.HTTPForbidden(text="open the sandbox as http://127.0.0.1 or http://localhost")


def _check_hand(request: web.Request) -> None:
    """Only our own page: a header that other sites' pages cannot send."""
    _check_host(request)
    if request.headers.get("X-Sandbox") != "1":
        raise web.HTTPForbidden(text="only the sandbox's own page may do this")


def _headers() -> dict[str, str]:
    return {
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }
