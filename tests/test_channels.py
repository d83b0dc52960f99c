"""The contract every channel keeps at its door, and the registry. A new channel adds one `Door` to DOORS."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import io
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.channels import channels, door
from bot.channels.base import MAX_BODY, Channel, fit
from bot.channels.messenger import MessengerChannel, MessengerSettings
from bot.channels.telegram import TelegramChannel, TelegramSettings
from bot.model.errors import NotForUs
from bot.model.messages import Incoming, Kind, RawEvent
from bot.model.replies import QuickReply, Reply

NOWHERE = "http://127.0.0.1:9"
TELEGRAM = TelegramSettings("123:secret-token", "a-webhook-secret", NOWHERE, None)
MESSENGER = MessengerSettings("4040", "page-token", "app-secret", "verify-me", NOWHERE, "v26.0", None)


@dataclass(frozen=True)
class Door:
    """How one platform knocks."""

    build: Callable[[], Channel]
    signed: Callable[[bytes], dict[str, str]]
    text: Callable[[int, str], Any]  # a delivery of one text, by number
    tap: Callable[[], Any]  # a delivery of one tapped button whose payload is /store_hours
    stranger: dict[str, str]  # headers of somebody else
    batch: Callable[[list[Any]], Any] | None  # deliveries in one, where the platform does so


def telegram_text(number: int, text: str) -> Any:
    person = {"id": 77, "is_bot": False, "first_name": "Mario", "language_code": "it"}
    chat = {"id": 77, "type": "private", "first_name": "Mario"}
    message = {"message_id": number, "from": person, "chat": chat, "date": 1_750_000_000 + number, "text": text}
    return {"update_id": 1000 + number, "message": message}


def telegram_tap() -> Any:
    update = telegram_text(1, "Orari?")
    tapped = {"id": "1", "from": update["message"]["from"], "message": update["message"], "data": "/store_hours"}
    return {"update_id": 1, "callback_query": tapped}


def messenger_delivery(event: dict[str, Any]) -> Any:
    event = {"sender": {"id": "77"}, "recipient": {"id": "4040"}, "timestamp": 1_750_000_000_000, **event}
    return {"object": "page", "entry": [{"id": "4040", "time": 1_750_000_000_000, "messaging": [event]}]}


def messenger_text(number: int, text: str) -> Any:
    return messenger_delivery({"timestamp": 1_750_000_000_000 + number, "message": {"mid": f"m{number}", "text": text}})


def messenger_tap() -> Any:
    message = {"mid": "m-tap", "text": "Orari", "quick_reply": {"payload": "/store_hours"}}
    return messenger_delivery({"message": message})


def messenger_signature(body: bytes) -> dict[str, str]:
    digest = hmac.new(b"app-secret", body, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={digest}"}


DOORS = {
    "telegram": Door(
        build=lambda: TelegramChannel(TELEGRAM),
        signed=lambda body: {"X-Telegram-Bot-Api-Secret-Token": "a-webhook-secret"},
        text=telegram_text,
        tap=telegram_tap,
        stranger={"X-Telegram-Bot-Api-Secret-Token": "é-wrong"},
        batch=None,
    ),
    "messenger": Door(
        build=lambda: MessengerChannel(MESSENGER),
        signed=messenger_signature,
        text=messenger_text,
        tap=messenger_tap,
        stranger={"X-Hub-Signature-256": "sha256=" + "0" * 64},
        batch=lambda deliveries: {"object": "page", "entry": [d["entry"][0] for d in deliveries]},
    ),
}


class Knocker:
    """A channel behind a real web server, with a store that only remembers."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.channel = door.build()
        self.stored: list[RawEvent] = []
        self.broken = False
        self.client: TestClient[Any, Any]

    async def receive(self, name: str, raws: Sequence[RawEvent]) -> int:
        assert name == self.channel.name
        if self.broken:
            raise OSError("disk full")
        self.stored += raws
        return len(raws)

    async def knock(self, delivery: Any = None, *, body: bytes | None = None, headers: Any = None) -> int:
        body = json.dumps(delivery).encode() if body is None else body
        headers = self.door.signed(body) if headers is None else headers
        path = f"/webhooks/{self.channel.name}"
        async with self.client.post(path, data=io.BytesIO(body), headers=headers) as response:
            return response.status

    def parsed(self) -> list[Incoming]:
        return [self.channel.parse(raw) for raw in self.stored]


@pytest_asyncio.fixture(params=DOORS)
async def knocker(request: pytest.FixtureRequest) -> AsyncIterator[Knocker]:
    knocker = Knocker(DOORS[request.param])
    app = web.Application()
    app.add_routes(knocker.channel.routes(knocker.receive))
    async with TestClient(TestServer(app)) as client:
        knocker.client = client
        yield knocker
    await knocker.channel.stop()


async def test_a_text_comes_in_as_written(knocker: Knocker) -> None:
    assert await knocker.knock(knocker.door.text(1, "Dov'è il negozio? 😀")) == 200
    [incoming] = knocker.parsed()
    assert (incoming.kind, incoming.text, incoming.payload) == (Kind.MESSAGE, "Dov'è il negozio? 😀", "")
    assert str(incoming.key) == f"{knocker.channel.name}:77"
    assert incoming.platform_id and incoming.at.timestamp() >= 1_750_000_000


async def test_a_tap_comes_in_with_its_payload(knocker: Knocker) -> None:
    assert await knocker.knock(knocker.door.tap()) == 200
    assert knocker.parsed()[0].payload == "/store_hours"


async def test_the_same_event_has_the_same_id_and_another_has_another(knocker: Knocker) -> None:
    for delivery in (knocker.door.text(1, "uno"), knocker.door.text(1, "uno"), knocker.door.text(2, "uno")):
        assert await knocker.knock(delivery) == 200
    first, again, other = [raw.external_id for raw in knocker.stored]
    assert first == again != other


async def test_events_are_ordered_by_the_platforms_time(knocker: Knocker) -> None:
    await knocker.knock(knocker.door.text(2, "dopo"))
    await knocker.knock(knocker.door.text(1, "prima"))
    assert knocker.stored[0].at > knocker.stored[1].at


async def test_a_batch_is_read_to_its_end(knocker: Knocker) -> None:
    if knocker.door.batch is None:
        assert knocker.channel.name == "telegram"  # one update in each request, by its protocol
        return
    assert await knocker.knock(knocker.door.batch([knocker.door.text(n, f"testo {n}") for n in range(5)])) == 200
    assert [incoming.text for incoming in knocker.parsed()] == [f"testo {n}" for n in range(5)]


async def test_strangers_are_refused_and_nothing_is_stored(knocker: Knocker) -> None:
    text = knocker.door.text(1, "ciao")
    assert await knocker.knock(text, headers={}) in (401, 403)
    assert await knocker.knock(text, headers=knocker.door.stranger) in (401, 403)
    assert await knocker.knock(body=b"{" * 10, headers=knocker.door.stranger) in (401, 403)
    assert knocker.stored == []


async def test_a_large_body_is_refused(knocker: Knocker) -> None:
    body = json.dumps(knocker.door.text(1, "x" * MAX_BODY)).encode()
    assert await knocker.knock(body=body) == 413
    assert knocker.stored == []


async def test_a_large_body_of_unknown_length_is_refused(knocker: Knocker) -> None:
    body = json.dumps(knocker.door.text(1, "x" * MAX_BODY)).encode()

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    path = f"/webhooks/{knocker.channel.name}"
    async with knocker.client.post(path, data=chunks(), headers=knocker.door.signed(body)) as response:
        assert response.status == 413
    assert knocker.stored == []


@pytest.mark.parametrize("body", [b"", b"ciao", b"{'a': 1}", b'{"a": NaN}', b"\xff\xfe{}", b'{"a": 1'])
async def test_what_is_not_json_is_refused(knocker: Knocker, body: bytes) -> None:
    assert await knocker.knock(body=body) == 400
    assert knocker.stored == []


async def test_a_body_broken_on_the_way_is_refused(knocker: Knocker) -> None:
    assert await knocker.knock(body=b"{}", headers={**knocker.door.signed(b"{}"), "Content-Encoding": "gzip"}) == 400
    assert knocker.stored == []


async def test_a_body_that_does_not_come_is_not_waited_for(knocker: Knocker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each would take memory for as long as somebody likes, and on Messenger before anybody knows who it is."""
    monkeypatch.setattr(door, "PATIENCE", 0.05)
    server = knocker.client.server
    reader, writer = await asyncio.open_connection(server.host, server.port)
    names = [f"{name}: {value}" for name, value in knocker.door.signed(b"{}").items()]
    path = f"/webhooks/{knocker.channel.name}"
    writer.write("\r\n".join([f"POST {path} HTTP/1.1", "Host: x", *names, "Content-Length: 9000", "", "{"]).encode())
    async with asyncio.timeout(10):
        told = await reader.readline()
    writer.close()
    await writer.wait_closed()
    assert b" 408 " in told and knocker.stored == []


STRANGE: list[bytes] = [
    b"[" * 100_000 + b"]" * 100_000,
    b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    b"[" * 80 + b"]" * 80,
    b"null",
    b"5",
    b'"text"',
    b"[]",
    b"{}",
    b'[{"update_id": 1}]',
    b'{"update_id": "x", "message": 5}',
    b'{"update_id": 5, "message": null}',
    b'{"update_id": 6, "message": {"chat": {"type": "private", "id": 7}, "date": 1e400, "text": 5}}',
    b'{"update_id": 7, "message": {"chat": [], "date": -1}}',
    b'{"object": "page", "entry": {"messaging": []}}',
    b'{"object": "page", "entry": [5, null, {"id": "4040", "messaging": [null, 5, {"sender": 5}, {}]}]}',
    b'{"object": "page", "entry": [{"id": "4040", "messaging": [{"sender": {"id": "7"}, "message": "x"}]}]}',
    b'{"n": ' + b"9" * 5000 + b"}",
    b'{"update_id": 8, "s": "\\ud800 \\u0000"}',
]


@pytest.mark.parametrize("body", STRANGE, ids=range(len(STRANGE)))
async def test_strange_json_is_stored_and_never_stops_anything(knocker: Knocker, body: bytes) -> None:
    assert await knocker.knock(body=body) == 200
    assert knocker.stored
    for raw in knocker.stored:
        json.dumps(raw.payload, allow_nan=False, ensure_ascii=False).encode()  # any database can take it
        assert 0 < len(raw.external_id) <= 200
        with contextlib.suppress(NotForUs):  # the only way in which reading may fail
            knocker.channel.parse(raw)
    before = [raw.external_id for raw in knocker.stored]
    assert await knocker.knock(body=body) == 200
    assert [raw.external_id for raw in knocker.stored[len(before) :]] == before


async def test_a_message_of_a_wrong_type_hides_no_other(knocker: Knocker) -> None:
    await knocker.knock(body=STRANGE[0])
    await knocker.knock(knocker.door.text(1, "ci sono"))
    assert knocker.channel.parse(knocker.stored[-1]).text == "ci sono"


async def test_without_a_store_there_is_no_success(knocker: Knocker) -> None:
    knocker.broken = True
    assert await knocker.knock(knocker.door.text(1, "ciao")) in (500, 503)
    assert await knocker.knock(body=STRANGE[0]) in (500, 503)


async def test_a_reply_too_long_or_with_too_many_buttons_fits(knocker: Knocker) -> None:
    channel = knocker.channel
    many = tuple(QuickReply(f"Scelta {n}", f"/choice_{n}") for n in range(30))
    parts = fit(Reply("Una frase. " * 2000, many, image="map.png"), channel.limits, channel.abilities)
    assert len(parts) > 2
    for part in parts:
        most = channel.limits.caption if part.image else channel.limits.text
        assert len(part.text) <= most and len(part.quick_replies) <= channel.limits.quick_replies


def test_only_configured_channels_exist() -> None:
    assert channels(SimpleNamespace(telegram=None, messenger=None)) == {}
    both = channels(SimpleNamespace(telegram=TELEGRAM, messenger=MESSENGER))
    assert {name: channel.name for name, channel in both.items()} == {name: name for name in DOORS}
