"""Both platforms, as far as the bot needs them. They write down what reached whom, and drop, refuse and repeat."""

from __future__ import annotations

import asyncio
import itertools
import random
import re
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

PAGE, APP = "108000000000001", "555000111"
ANSWER = re.compile(r"re: domanda (\d+) (\d+)$")
RETRY = 1  # seconds, said with each 429
WAY = 0.1  # seconds at most, to the platform and back: otherwise no kill would meet a call under way


@dataclass(frozen=True)
class Arrival:
    """One message on a customer's phone."""

    platform: str
    chat: str
    text: str
    at: float  # time.monotonic
    row: str  # the metadata it carried, where the platform knows any

    @property
    def answers(self) -> tuple[str, int] | None:
        """The chat and the number of the question that it answers."""
        found = ANSWER.search(self.text)
        return (found[1], int(found[2])) if found else None


@dataclass
class Platforms:
    """The Bot API and the Graph API. `echo` is told what a Page wrote, and delivers it as a webhook."""

    record: list[Arrival] = field(default_factory=list)
    read: dict[str, list[tuple[int, float]]] = field(default_factory=lambda: defaultdict(list))  # by chat: what, when
    wrong_chat: int = 0
    drops: dict[str, int] = field(default_factory=lambda: defaultdict(int))  # answers still to be dropped
    dropped: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    storms: set[str] = field(default_factory=set)  # chats whose sends are refused with 429
    refused: int = 0
    numbers: dict[int, str] = field(default_factory=dict)  # Telegram's messages of all chats, in one row: their chats
    asked: int = 0  # after one of these
    held_back: int = 0  # Telegram's updates that are not taken yet
    echo: Callable[[str, dict[str, Any]], None] = lambda _chat, _message: None
    url: str = ""
    _answers: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))  # Telegram's
    _mids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        """On a free loopback port, see `url`."""
        app = web.Application()
        app.add_routes([web.post("/bot{token}/{method}", self._telegram)])
        app.add_routes([web.post("/{version}/{page}/messages", self._messenger)])
        app.add_routes([web.get("/{version}/app", self._app), web.get("/{version}/{person}", self._person)])
        async with TestServer(app, shutdown_timeout=0.1) as server:
            self.url = str(server.make_url("")).rstrip("/")
            yield

    def _arrives(self, platform: str, chat: str, text: str, row: str = "") -> None:
        arrival = Arrival(platform, chat, text, time.monotonic(), row)
        self.record.append(arrival)
        if arrival.answers:
            asked_in, number = arrival.answers
            self.wrong_chat += asked_in != chat
            self.read[chat].append((number, arrival.at))
            self._answers[chat].add(number)

    def _drop(self, platform: str, request: web.Request) -> None:
        """The message arrived; that it did is not told, as long as some are to be dropped."""
        if self.drops[platform] > 0:
            self.drops[platform] -= 1
            self.dropped[platform] += 1
            if request.transport:
                request.transport.abort()

    def answered(self, chat: str) -> int:
        """How many different messages of this chat have their answer."""
        return len(self._answers[chat])

    def number(self, chat: str) -> int:
        """The next of Telegram's one row: a message of this chat, whoever wrote it."""
        self.numbers[number := next(self._numbers)] = chat
        return number

    async def _telegram(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        asked = await request.post()
        if method == "editMessageReplyMarkup":
            there = self.numbers.get(int(str(asked["message_id"]))) == str(asked["chat_id"])
            self.asked += 1
            why = "message can't be edited" if there else "message to edit not found"
            body = {"ok": False, "error_code": 400, "description": f"Bad Request: {why}"}
            return web.json_response(body, status=400)
        if method == "getWebhookInfo":
            info = {"url": "", "has_custom_certificate": False, "pending_update_count": self.held_back}
            return web.json_response({"ok": True, "result": info})
        if method != "sendMessage":
            return web.json_response({"ok": True, "result": True})
        chat, text = str(asked["chat_id"]), str(asked["text"])
        if chat in self.storms:
            self.refused += 1
            why = {"description": f"Too Many Requests: retry after {RETRY}", "parameters": {"retry_after": RETRY}}
            return web.json_response({"ok": False, "error_code": 429, **why}, status=429)
        await asyncio.sleep(random.random() * WAY)
        number = self.number(chat)
        self._arrives("telegram", chat, text)
        self._drop("telegram", request)
        await asyncio.sleep(random.random() * WAY)
        to = {"id": int(chat), "type": "private", "first_name": "Anna"}
        message = {"message_id": number, "date": int(time.time()), "chat": to, "text": text}
        return web.json_response({"ok": True, "result": message})

    async def _messenger(self, request: web.Request) -> web.Response:
        asked = await request.json()
        chat, message = asked["recipient"]["id"], asked.get("message")
        if message is None:
            return web.json_response({"recipient_id": chat})
        if chat in self.storms:
            self.refused += 1
            return web.json_response({"error": {"code": 613, "message": "too many calls"}}, status=429)
        mid = f"m_out{next(self._mids)}"
        await asyncio.sleep(random.random() * WAY)
        self._arrives("messenger", chat, message["text"], message["metadata"])
        self.echo(chat, {"mid": mid, "text": message["text"], "metadata": message["metadata"]})
        self._drop("messenger", request)
        await asyncio.sleep(random.random() * WAY)
        return web.json_response({"recipient_id": chat, "message_id": mid})

    async def _app(self, _request: web.Request) -> web.Response:
        return web.json_response({"id": APP})

    async def _person(self, request: web.Request) -> web.Response:
        await asyncio.sleep(0)
        return web.json_response({"id": request.match_info["person"], "first_name": "Anna", "last_name": "Prova"})
