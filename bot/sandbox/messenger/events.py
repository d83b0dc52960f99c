"""Webhook events as Meta sends them: address checked, body signed, per person in order, until a 200."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import aiohttp

from bot.sandbox.courier import Parcel, on_loopback

if TYPE_CHECKING:
    from bot.sandbox.messenger.server import Messenger

JSON = dict[str, Any]
PAGE_INBOX = "263902037430900"  # the app id of the Page's own inbox
PATIENCE = 5.0  # seconds the platform waits for the 200
FIELDS = ("messages", "messaging_postbacks", "message_echoes", "message_deliveries", "message_reads")


class Webhook:
    """The app's subscription. It starts with the fields of FIELDS, as if set in the app's dashboard."""

    def __init__(self, side: Messenger, callback_url: Callable[[], str]) -> None:
        self.fields: list[str] = list(FIELDS)
        self.callback_url = callback_url
        self._side = side
        self._verified = ""  # the address that passed the check

    def post(
        self,
        person: str,
        body: JSON,
        *,
        sender: str,
        field: str,
        arrived: Callable[[], None] = lambda: None,
    ) -> None:
        """Queue one event of the chat with `person`, unless its field is not subscribed."""
        if field not in self.fields:
            return
        now = int(self._side.clock.now().timestamp() * 1000)
        recipient = self._side.page_id if sender == person else person
        messaging = {"sender": {"id": sender}, "recipient": {"id": recipient}, "timestamp": now, **body}
        entry = {"id": self._side.page_id, "time": now, "messaging": [messaging]}
        raw = json.dumps({"object": "page", "entry": [entry]}).encode()
        self._side.courier.hand_in(Parcel(person, lambda: self._try(raw), arrived))

    async def verify(self, address: str, verify_token: str) -> bool:
        """The check of the address: it must give the challenge back."""
        challenge = str(secrets.randbelow(10**9))
        query = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": verify_token}
        try:
            assert self._side.session is not None
            async with self._side.session.get(address, params=query, timeout=_timeout()) as response:
                return response.status == 200 and (await response.text()) == challenge
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            return False

    async def _try(self, raw: bytes) -> bool:
        address = self.callback_url()
        if not on_loopback(address):
            return False
        if self._verified != address:
            if not await self.verify(address, self._side.verify_token):
                return False
            self._verified = address
        signature = hmac.new(self._side.app_secret.encode(), raw, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={signature}"}
        try:
            assert self._side.session is not None
            async with self._side.session.post(
                address, data=raw, headers=headers, timeout=_timeout(), allow_redirects=False
            ) as response:
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            return False


def _timeout() -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=PATIENCE)
