"""The Graph API on loopback: tokens, paths, faults, the ledger, and the webhook events."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web

from bot.sandbox.courier import Courier
from bot.sandbox.messenger.errors import GraphError, trouble
from bot.sandbox.messenger.events import PAGE_INBOX, Webhook
from bot.sandbox.messenger.paths import answer, check_caller
from bot.sandbox.messenger.phone import MessengerCustomer
from bot.sandbox.screen import Bubble
from bot.sandbox.shelf import Shelf
from bot.sandbox.wire import Call, Clock, Fault, Faults, FaultsOnDemand, StoredFile, spoil

JSON = dict[str, Any]


@dataclass(frozen=True)
class MessengerAccess:
    """What the bot's settings need to reach this Graph API instead of the real one."""

    page_id: str
    page_token: str
    app_secret: str
    verify_token: str
    graph_url: str


class Messenger(FaultsOnDemand):
    """One Page's Graph API and the people who write to the Page.

    `calls` holds what was accepted, in order (`method` is "POST messages", "POST sender_action",
    "GET personas" ...), `refused` what was answered with an error.
    """

    def __init__(
        self,
        shelf: Shelf,
        listeners: list[Callable[[], None]],
        *,
        base_url: Callable[[], str],
        bot_url: Callable[[], str],
    ) -> None:
        self.clock, self.courier, self.faults = Clock(), Courier(), Faults()
        self.shelf, self.listeners, self.base_url = shelf, listeners, base_url
        self.page_id = str(secrets.randbelow(9 * 10**14) + 10**14)
        self.page_name = "Vivalinea"
        self.app_id = str(secrets.randbelow(9 * 10**14) + 10**14)
        self.page_token = f"SANDBOX_page_token_{secrets.token_hex(16)}_not_real"
        self.app_secret = f"SANDBOX_app_secret_{secrets.token_hex(12)}"
        self.verify_token = f"SANDBOX_verify_{secrets.token_hex(8)}"
        self.webhook = Webhook(self, lambda: f"{bot_url()}/webhooks/messenger")
        self.profile: JSON = {}
        self.personas: dict[str, JSON] = {}
        self.attachments: dict[str, str] = {}  # attachment id -> key on the shelf
        self.customers: dict[str, MessengerCustomer] = {}
        self.calls: list[Call] = []
        self.refused: list[Call] = []
        self.limits_rate = False  # the profile's 10 calls in 10 minutes
        self.session: aiohttp.ClientSession | None = None

    def customer(self, name: str = "Giulia Neri", language: str = "it") -> MessengerCustomer:
        """A new person who opened the Page's chat and wrote nothing yet."""
        customer = MessengerCustomer(self, name, language)
        self.customers[customer.psid] = customer
        return customer

    def later(self, **span: float) -> None:
        """Move the platform's clock on, for the windows of 24 hours and 7 days: `later(hours=25)`."""
        self.clock.later(**span)

    async def page_writes(self, customer: MessengerCustomer, text: str) -> Bubble:
        """A colleague answers from the Page's own inbox: the bot sees an echo with another app id."""
        mid = self.next_mid()
        bubble = Bubble(mid, "bot", self.clock.now(), text, sender=self.page_name)
        customer.receives(bubble)
        self.echo(customer, {"mid": mid, "text": text}, app_id=PAGE_INBOX)
        return bubble

    def routes(self) -> list[web.RouteDef]:
        """Every path below /graph/{version}/."""
        return [web.route("*", r"/graph/{version:v\d+\.\d+}/{path:.*}", self._handle)]

    async def _handle(self, request: web.Request) -> web.Response:
        given = await _given(request)
        edge = request.match_info["path"].strip("/").rpartition("/")[2]
        if edge == "messages" and "sender_action" in given:
            edge = "sender_action"
        elif request.match_info["path"].strip("/") in self.personas:
            edge = "persona"
        elif edge in self.customers:
            edge = "person"
        method = f"{request.method} {edge}"
        fault = self.faults.take(method, sends=method == "POST messages")
        if fault and fault.how == "drop":
            return await spoil(request, fault)
        try:
            if fault and fault.how == "status":
                raise trouble(fault.status, fault.code)
            check_caller(self, request, given)
            result = await answer(self, request.method, request.match_info["path"].strip("/"), given)
        except GraphError as refusal:
            how = fault.how if fault else ""
            self.refused.append(
                Call(self.clock.now(), method, given, status=refusal.status, result=str(refusal), fault=how)
            )
            return refusal.response(self._usage(fault) if fault else None)
        self.calls.append(
            Call(self.clock.now(), method, given, status=200, result=result, fault=fault.how if fault else "")
        )
        return await spoil(request, fault) if fault else web.json_response(result)

    def _usage(self, fault: Fault) -> dict[str, str]:
        """The header that says when to come back, in whole minutes."""
        if fault.retry_after is None:
            return {}
        minutes = -(-fault.retry_after // 60)
        usage = {"type": "messenger", "call_count": 100, "estimated_time_to_regain_access": minutes}
        return {"X-Business-Use-Case-Usage": json.dumps({self.page_id: [usage]})}

    # What paths, phones and the webhook share.

    def next_mid(self) -> str:
        """A new message id."""
        return f"m_{secrets.token_urlsafe(48)}"

    def reusable(self, key: str) -> str:
        """The attachment id under which a stored file can be sent again."""
        attachment_id = str(secrets.randbelow(9 * 10**15) + 10**15)
        self.attachments[attachment_id] = key
        return attachment_id

    def event(
        self,
        customer: MessengerCustomer,
        event: JSON,
        *,
        field: str,
        arrived: Callable[[], None] = lambda: None,
    ) -> None:
        """Something the person did, towards the webhook."""
        self.webhook.post(customer.psid, event, sender=customer.psid, field=field, arrived=arrived)

    def echo(self, customer: MessengerCustomer, message: JSON, *, app_id: str) -> None:
        """What was said on the Page's side, told back to the app."""
        body = {"message": {"is_echo": True, "app_id": int(app_id), **message}}
        self.webhook.post(customer.psid, body, sender=self.page_id, field="message_echoes")

    def delivered(self, customer: MessengerCustomer, mid: str) -> None:
        """The person's phone has the message."""
        watermark = int(self.clock.now().timestamp() * 1000)
        delivery = {"mids": [mid], "watermark": watermark}
        self.event(customer, {"delivery": delivery}, field="message_deliveries")


async def _given(request: web.Request) -> JSON:
    """Query and body as one; objects in forms come as JSON text; `access_token` and proof stay in."""
    given: JSON = dict(request.query)
    if request.content_type == "application/json":
        try:
            body = json.loads(await request.text() or "{}")
        except ValueError:
            body = {}
        return {**given, **(body if isinstance(body, dict) else {})}
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            given[name] = StoredFile(value.file.read(), value.content_type, value.filename or "file")
            continue
        text = value.decode() if isinstance(value, (bytes, bytearray)) else value
        given[name] = json.loads(text) if text[:1] in "{[" and _is_json(text) else text
    return given


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
