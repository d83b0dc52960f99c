"""The Bot API on loopback: who may call, which method, faults, limits, the ledger."""

from __future__ import annotations

import hmac
import json
import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
from aiohttp import web

from bot.sandbox.courier import Courier
from bot.sandbox.judge import BadRequest, judge, specification
from bot.sandbox.shelf import Shelf
from bot.sandbox.telegram import methods
from bot.sandbox.telegram.phone import TelegramCustomer
from bot.sandbox.telegram.updates import Conflict, Updates
from bot.sandbox.wire import Call, Clock, Fault, Faults, FaultsOnDemand, StoredFile, spoil

JSON = dict[str, Any]
OVERALL = 30  # sends a second, where `limits_rate` is on
NAMES = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 409: "Conflict"}


@dataclass(frozen=True)
class TelegramAccess:
    """What the bot's settings need to reach this Bot API instead of the real one."""

    token: str
    api_url: str


class Telegram(FaultsOnDemand):
    """One bot's Bot API and the customers who know the bot.

    `calls` holds what was accepted, in order (long polls aside); `refused` what was answered with an error;
    `limits_rate` switches the overall rate limit on (429 with retry_after).
    """

    def __init__(self, shelf: Shelf, listeners: list[Callable[[], None]]) -> None:
        self.clock, self.courier, self.faults = Clock(), Courier(), Faults()
        self.updates = Updates(self.clock, self.courier)
        self.shelf, self.listeners = shelf, listeners
        self.token = f"123456789:SANDBOX_{secrets.token_hex(12)}_not_real"
        self.bot_name = "Vivalinea"
        self.settings: JSON = {}  # name, description, commands as the bot set them
        self.customers: dict[int, TelegramCustomer] = {}
        self.callbacks: dict[str, TelegramCustomer] = {}
        self.history: dict[tuple[int, int], JSON] = {}  # (chat, message id) -> Message
        self.locked: set[tuple[int, int]] = set()  # of these, what moved a reply keyboard: it can't be edited any more
        self.files: dict[str, tuple[str, str]] = {}  # file_id -> (key on the shelf, path of the Bot API)
        self.calls: list[Call] = []
        self.refused: list[Call] = []
        self.limits_rate = False
        self.session: aiohttp.ClientSession | None = None
        self.last_message = secrets.randbelow(5_000)
        self._sent_at: deque[float] = deque()

    def customer(self, name: str = "Mario", language: str = "it") -> TelegramCustomer:
        """A new person who opened the chat with the bot and wrote nothing yet."""
        customer = TelegramCustomer(self, name, language)
        self.customers[customer.id] = customer
        return customer

    def later(self, **span: float) -> None:
        """Move the platform's clock: updates expire (messages after 24 h, taps after 150 s)."""
        self.clock.later(**span)

    def routes(self) -> list[web.RouteDef]:
        """The Bot API's own paths."""
        return [
            web.route("GET", "/bot{token}/{method}", self._handle),
            web.route("POST", "/bot{token}/{method}", self._handle),
            web.get("/file/bot{token}/{path:.+}", self._file),
        ]

    async def _handle(self, request: web.Request) -> web.Response:
        if not hmac.compare_digest(request.match_info["token"].encode(), self.token.encode()):
            return _error(401, "")
        known = {name.lower(): name for name in specification()["methods"]}
        method = known.get(request.match_info["method"].lower())
        if method is None:
            return _error(404, "")
        fault = self.faults.take(method, sends=method.startswith("send") and method != "sendChatAction")
        if fault and fault.how == "drop":
            return await spoil(request, fault)
        if fault and fault.how == "status":
            self._note(self.refused, method, {}, status=fault.status, result=None, fault=fault)
            return _error(fault.status, "", retry_after=fault.retry_after)
        response = await self._answer(request, method, fault)
        return await spoil(request, fault) if fault else response

    async def _answer(self, request: web.Request, method: str, fault: Fault | None) -> web.Response:
        given: JSON = {}
        try:
            given = await _given(request)
            params = judge(method, given)
            self._check_rate(method)
            result = await methods.PLAYED[method](self, params)
        except BadRequest as refusal:
            return self._refuse(method, given, 400, str(refusal))
        except methods.Forbidden as refusal:
            return self._refuse(method, given, 403, str(refusal))
        except Conflict as refusal:
            return self._refuse(method, given, 409, str(refusal))
        except methods.TooMany as refusal:
            self._note(self.refused, method, given, status=429, result=None)
            return _error(429, "", retry_after=refusal.retry_after)
        self._note(self.calls, method, params, status=200, result=result, fault=fault)
        return web.json_response({"ok": True, "result": result})

    def _refuse(self, method: str, given: JSON, status: int, why: str) -> web.Response:
        self._note(self.refused, method, given, status=status, result=why)
        return _error(status, why)

    def _check_rate(self, method: str) -> None:
        if not self.limits_rate or not method.startswith("send"):
            return
        now = time.monotonic()
        while self._sent_at and self._sent_at[0] <= now - 1:
            self._sent_at.popleft()
        if len(self._sent_at) >= OVERALL:
            raise methods.TooMany(retry_after=1)
        self._sent_at.append(now)

    def _note(
        self,
        ledger: list[Call],
        method: str,
        params: JSON,
        *,
        status: int,
        result: Any,
        fault: Fault | None = None,
    ) -> None:
        if method == "getUpdates":
            return
        how = fault.how if fault else ""
        ledger.append(Call(self.clock.now(), method, params, status=status, result=result, fault=how))

    async def _file(self, request: web.Request) -> web.Response:
        """GET /file/bot<token>/<file_path>: the link that contains the token."""
        if not hmac.compare_digest(request.match_info["token"].encode(), self.token.encode()):
            return _error(401, "")
        for key, path in self.files.values():
            if path == request.match_info["path"]:
                return web.Response(body=self.shelf.files[key].data, content_type="application/octet-stream")
        return _error(404, "")

    # What methods and phones share.

    def me(self) -> JSON:
        """The bot as a `User`."""
        return {
            "id": int(self.token.partition(":")[0]),
            "is_bot": True,
            "first_name": self.settings.get("name") or self.bot_name,
            "username": "vivalinea_prova_bot",
        }

    def keep(self, file: StoredFile, *, folder: str) -> tuple[str, str]:
        """Store a file; its file_id and its path on the page."""
        key = self.shelf.put(file)
        file_id = f"SBX{secrets.token_urlsafe(32)}"
        self.files[file_id] = (key, f"{folder}/file_{len(self.files)}.{file.name.rpartition('.')[2]}")
        return file_id, self.shelf.path(key)

    def photo_sizes(self, file_id: str, width: int, height: int) -> list[JSON]:
        """The `PhotoSize`s of a stored picture: a small one and the whole, as files of their own."""
        key, path = self.files[file_id]
        small_id = f"SBXs{file_id[4:]}"
        self.files[small_id] = (key, path.replace("file_", "thumb_"))
        small = min(1.0, 90 / max(width, height))
        size = len(self.shelf.files[key].data)
        return [
            {
                "file_id": some_id,
                "file_unique_id": some_id[-15:] + some_id[3],
                "file_size": size,
                "width": max(1, int(width * scale)),
                "height": max(1, int(height * scale)),
            }
            for some_id, scale in ((small_id, small), (file_id, 1.0))
        ]

    def new_message(self, customer: TelegramCustomer, body: JSON, *, sender: JSON) -> JSON:
        """A `Message` in the private chat with `customer`, with the next id, kept in the history."""
        self.last_message += 1
        message = {
            "message_id": self.last_message,
            "from": sender,
            "chat": customer.chat(),
            "date": int(self.clock.now().timestamp()),
            **body,
        }
        self.history[customer.id, self.last_message] = message
        return message


async def _given(request: web.Request) -> JSON:
    """The parameters of any of the four ways the Bot API allows; uploads become StoredFile."""
    given: JSON = dict(request.query)
    if request.content_type == "application/json":
        try:
            body = json.loads(await request.text() or "{}")
        except ValueError:
            raise BadRequest("can't parse JSON object") from None
        if not isinstance(body, dict):
            raise BadRequest("can't parse JSON object")
        return {**given, **{name: value for name, value in body.items() if value is not None}}
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            given[name] = StoredFile(value.file.read(), value.content_type, value.filename or "file")
        else:
            given[name] = value.decode() if isinstance(value, (bytes, bytearray)) else value
    for name, value in list(given.items()):
        if isinstance(value, str) and value.startswith("attach://"):
            attached = given.pop(value.removeprefix("attach://"), None)
            if attached is None:
                raise BadRequest("there is no file in the request")
            given[name] = replace(attached)
    return given


def _error(status: int, why: str, *, retry_after: int | None = None) -> web.Response:
    name = NAMES.get(status, "Internal Server Error" if status >= 500 else "Error")
    body: JSON = {"ok": False, "error_code": status, "description": f"{name}: {why}" if why else name}
    if status == 429:
        seconds = retry_after if retry_after is not None else 1
        body["description"] = f"Too Many Requests: retry after {seconds}"
        body["parameters"] = {"retry_after": seconds}
    return web.json_response(body, status=status)
