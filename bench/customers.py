"""What customers write, the platform they write on, and the two whom they write to: this bot and stock Rasa."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
import time
from collections import deque
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from bench.wire import Caller

#: One conversation each, in the order in which a customer might go on. Nothing that asks for a person: stock Rasa
#: has nobody to hand over to, and our bot would then only keep what is written, which costs less than a turn.
CONVERSATIONS = (
    (
        "buongiorno",
        "che orari fa il negozio di brescia?",
        "e domenica?",
        "grazie mille",
        "ho perso il pin della sim",
        "annulla",
        "ci sono guasti a Bari?",
        "il tram 14 oggi passa?",
        "quanto costa la fibra?",
        "arrivederci e buona giornata",
    ),
    (
        "ciao",
        "ma sei una persona o un bot?",
        "il telefono mi chiede il puk",
        "lascia stare",
        "ci sono guasti a Milano?",
        "grazie",
        "a che ora apre il negozio di Bari?",
        "e sabato pomeriggio?",
        "perfetto grazie",
        "ciao ciao",
    ),
    (
        "hi there!",
        "what time does the shop in Milan open?",
        "and on sunday?",
        "thanks so much",
        "is there a network outage in Bari?",
        "I need my pin",
        "never mind",
        "how much is the fibre plan?",
        "thank you",
        "bye for now",
    ),
)
PROBE = "grazie mille"  # where the cost of single turns is compared, each of them is this one
LONGEST = 60.0  # seconds until a customer is given up
PAGE = "108000000000001"
APP_SECRET = "bench-app-secret"
TURN_ENDS = b'"/ask_human"'  # the bot puts the way to a person under the last message of every turn
ROME = ZoneInfo("Europe/Rome")


class NotAnswered(Exception):
    """The customer got no answer; the text says what came instead."""


class Counterpart(Protocol):
    """Whom customers write to."""

    async def turn(self, customer: str, text: str) -> float:
        """Write, and wait for the whole answer; the moment it was there (`time.perf_counter`). Raises NotAnswered."""

    def close(self) -> None:
        """Close connections."""


def line_of(conversation: int, number: int) -> str:
    """The sentence that conversation `conversation` writes as its `number`-th, both from 0."""
    lines = CONVERSATIONS[conversation % len(CONVERSATIONS)]
    return lines[number % len(lines)]


class Platform:
    """Plays the Graph API as far as the bot needs it: notes what is sent to whom and when, and answers 200."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[asyncio.Future[float]]] = {}
        self._numbers = itertools.count(1)
        self.sends = 0

    def expect(self, customer: str) -> asyncio.Future[float]:
        """The moment at which this customer's next unanswered message is answered in full."""
        answered: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(customer, deque()).append(answered)
        return answered

    def handle(self, first_line: bytes, body: bytes) -> bytes:
        """One call of the bot; see `wire.Server`."""
        if not first_line.startswith(b"POST") or b"/messages?" not in first_line:
            return b'{"id": "1", "first_name": "Anna", "last_name": "Prova", "data": []}'
        customer = json.loads(body)["recipient"]["id"]
        if b'"message"' in body:
            self.sends += 1
            if TURN_ENDS in body:
                self._answered(customer)
        return json.dumps({"recipient_id": customer, "message_id": f"m_out{next(self._numbers)}"}).encode()

    def _answered(self, customer: str) -> None:
        waiting = self._waiting.get(customer)
        if waiting:
            answered = waiting.popleft()
            if not answered.done():  # the customer may have given up
                answered.set_result(time.perf_counter())
            if not waiting:
                del self._waiting[customer]


class ByWebhook:
    """Customers of this bot: signed webhooks in, and the platform sees the answer."""

    def __init__(self, platform: Platform, port: int) -> None:
        self._platform = platform
        self._caller = Caller("127.0.0.1", port)
        self._run = f"{time.time_ns():x}"
        self._numbers = itertools.count(1)

    async def turn(self, customer: str, text: str) -> float:
        """See Counterpart."""
        answered = self._platform.expect(customer)
        await self.tell(customer, text)
        try:
            return await asyncio.wait_for(answered, LONGEST)
        except TimeoutError:
            raise NotAnswered("no answer") from None

    async def tell(self, customer: str, text: str) -> None:
        """Only deliver the webhook. Raises NotAnswered when it is not acknowledged."""
        body = self._delivery(customer, text)
        signature = hmac.new(APP_SECRET.encode(), body, hashlib.sha256).hexdigest()
        headers = {"X-Hub-Signature-256": f"sha256={signature}"}
        status, _ = await self._caller.post("/webhooks/messenger", body, headers)
        if status != 200:
            raise NotAnswered(f"webhook: {status}")

    def _delivery(self, customer: str, text: str) -> bytes:
        at = int(time.time() * 1000)
        message = {"mid": f"m_{self._run}_{next(self._numbers)}", "text": text}
        event = {"sender": {"id": customer}, "recipient": {"id": PAGE}, "timestamp": at, "message": message}
        return json.dumps({"object": "page", "entry": [{"id": PAGE, "time": at, "messaging": [event]}]}).encode()

    def close(self) -> None:
        """Close connections."""
        self._caller.close()


class ByRest:
    """Customers of stock Rasa: its REST channel. `200 []` is how it answers when something failed."""

    def __init__(self, port: int) -> None:
        self._caller = Caller("127.0.0.1", port)
        self._numbers = itertools.count(1)

    async def turn(self, customer: str, text: str) -> float:
        """See Counterpart."""
        metadata = {
            "language": "it",
            "now": datetime.now(ROME).isoformat(),
            "turn_id": f"{customer}-{next(self._numbers)}",
            "cases": [],
        }
        body = json.dumps({"sender": customer, "message": text, "metadata": metadata}).encode()
        try:
            status, answer = await asyncio.wait_for(self._caller.post("/webhooks/rest/webhook", body), LONGEST)
        except TimeoutError:
            raise NotAnswered("no answer") from None
        if status != 200 or not json.loads(answer):
            raise NotAnswered(f"{status}, empty" if status == 200 else str(status))
        return time.perf_counter()

    def close(self) -> None:
        """Close connections."""
        self._caller.close()
