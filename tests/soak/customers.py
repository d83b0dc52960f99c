"""Customers who write numbers, and the webhooks that bring what they write: in order, until a 200, some twice."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.soak.platforms import APP, PAGE, Platforms

APP_SECRET, SECRET = "soak-app-secret", "soak-webhook-secret-0123"
TWICE = 0.02  # of the webhooks
PATIENCE = 3  # messages of one customer without an answer at most: a slow machine is not buried
PAUSES = (0.0, 0.1, 0.3, 1.0)  # seconds between tries of one delivery
ECHO = (0.01, 2.0)  # seconds until an echo; one in ten takes long


@dataclass
class Customer:
    """One chat. `sent` and `acknowledged`: when each message was, by number."""

    platform: str
    chat: str
    sent: list[float] = field(default_factory=list)
    acknowledged: list[float] = field(default_factory=list)
    probe: bool = False  # writes only when asked to


@dataclass
class Crowd:
    """All customers of both platforms. `ports`: where the bots listen."""

    platforms: Platforms
    ports: Sequence[int]
    customers: list[Customer] = field(default_factory=list)
    over: bool = False
    pause: float = 2.5  # seconds between two messages of one customer, on average
    patience: int = PATIENCE
    delivered_twice: int = 0
    _session: aiohttp.ClientSession | None = None
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _beside: set[asyncio.Task[None]] = field(default_factory=set)

    async def open(self) -> None:
        """Echoes of what arrives are delivered from now on."""
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=10), connector=aiohttp.TCPConnector(limit=0)
        )
        self.platforms.echo = lambda chat, message: self._run(self._echo(chat, message))

    async def close(self) -> None:
        """Nothing more is delivered."""
        for task in list(self._beside):
            task.cancel()
        await asyncio.gather(*self._beside, return_exceptions=True)
        if self._session:
            await self._session.close()

    def customer(self, platform: str, *, probe: bool = False) -> Customer:
        """A new one."""
        made = Customer(platform, str(700_000 + next(self._ids)), probe=probe)
        self.customers.append(made)
        return made

    async def write(self) -> None:
        """Everybody writes, until it is over."""
        await asyncio.gather(*(self._writes(customer) for customer in self.customers if not customer.probe))

    async def _writes(self, customer: Customer) -> None:
        await asyncio.sleep(random.random() * self.pause)
        while not self.over:
            began = time.monotonic()  # a delivery that takes long is no reason to write less
            if len(customer.sent) - self.platforms.answered(customer.chat) < self.patience:
                await self.says(customer)
            await asyncio.sleep(max(self.pause * (0.5 + random.random()) - (time.monotonic() - began), 0))

    async def says(self, customer: Customer, port: int | None = None) -> None:
        """One message; returns when it is acknowledged. `port`: to this bot."""
        number = len(customer.sent)
        customer.sent.append(time.monotonic())
        body = self._message(customer, f"domanda {customer.chat} {number}")
        if random.random() < TWICE:
            self.delivered_twice += 1
            self._run(self._deliver(customer.platform, body))
        await self._deliver(customer.platform, body, port)
        customer.acknowledged.append(time.monotonic())

    def _message(self, customer: Customer, text: str) -> bytes:
        number, now = next(self._ids), time.time()
        if customer.platform == "messenger":
            return self._of_page(customer.chat, PAGE, {"mid": f"m_in{number}", "text": text})
        who = {"id": int(customer.chat), "first_name": "Anna"}
        chat = {**who, "type": "private"}
        placed = self.platforms.number(customer.chat)
        message = {"message_id": placed, "date": int(now), "from": {**who, "is_bot": False}, "chat": chat, "text": text}
        return json.dumps({"update_id": number, "message": message}).encode()

    def _of_page(self, sender: str, recipient: str, message: dict[str, Any]) -> bytes:
        at = int(time.time() * 1000)
        event = {"sender": {"id": sender}, "recipient": {"id": recipient}, "timestamp": at, "message": message}
        return json.dumps({"object": "page", "entry": [{"id": PAGE, "time": at, "messaging": [event]}]}).encode()

    async def _echo(self, chat: str, message: dict[str, Any]) -> None:
        await asyncio.sleep(ECHO[random.random() < 0.1])
        await self._deliver("messenger", self._of_page(PAGE, chat, {**message, "is_echo": True, "app_id": int(APP)}))

    async def _deliver(self, platform: str, body: bytes, port: int | None = None) -> None:
        """Until a bot takes it."""
        of_telegram = platform == "telegram"
        self.platforms.held_back += of_telegram
        try:
            for attempt in itertools.count():
                if await self._post(platform, body, port or random.choice(self.ports)):
                    return
                await asyncio.sleep(PAUSES[min(attempt, len(PAUSES) - 1)] or 0.01)
        finally:
            self.platforms.held_back -= of_telegram

    async def _post(self, platform: str, body: bytes, port: int) -> bool:
        assert self._session
        headers = {"Content-Type": "application/json"}
        if platform == "telegram":
            headers["X-Telegram-Bot-Api-Secret-Token"] = SECRET
        else:
            signature = hmac.new(APP_SECRET.encode(), body, hashlib.sha256).hexdigest()
            headers["X-Hub-Signature-256"] = f"sha256={signature}"
        try:
            url = f"http://127.0.0.1:{port}/webhooks/{platform}"
            async with self._session.post(url, data=body, headers=headers) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    def _run(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    def acknowledged(self) -> int:
        """Messages of all customers."""
        return sum(len(customer.acknowledged) for customer in self.customers)

    def unanswered(self) -> list[tuple[Customer, int]]:
        """Who waits for the answer to which message."""
        return [
            (customer, number)
            for customer in self.customers
            if len(customer.sent) > self.platforms.answered(customer.chat)
            for number in sorted(set(range(len(customer.sent))) - {n for n, _ in self.platforms.read[customer.chat]})
        ]

    async def normal(self, seconds: float) -> float:
        """Seconds until new customers of both platforms are answered, whichever bot they reach; `seconds` at most."""
        began = time.monotonic()
        new = [(self.customer(name, probe=True), port) for port in self.ports for name in ("telegram", "messenger")]
        for customer, port in new:
            self._run(self.says(customer, port))
        while not all(self.platforms.read[customer.chat] for customer, _ in new):
            if time.monotonic() - began > seconds:
                break
            await asyncio.sleep(0.02)
        return time.monotonic() - began
