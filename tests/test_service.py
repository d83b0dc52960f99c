"""The whole service, from the customers' phones to the record of truth: the sandbox in front, the real app between."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import json
import re
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from sqlalchemy import Connection, func, select
from sqlalchemy.event import listen as listens
from sqlalchemy.event import remove

from bot.app import App
from bot.flow import handoff
from bot.model.replies import Reply
from bot.model.states import Outcome, Status
from bot.sandbox import Bubble, Sandbox
from bot.settings import read_settings
from bot.store import agents, conversations
from bot.store.tables import cases, events, fixed_answers, messages, outgoing, packets
from bot.store.tables import conversations as talks
from tests.bot_process import BotProcess, EchoEngine, echo_engine, environ_of
from tests.conftest import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).resolve().parent.parent
PAYLOADS = Path(__file__).parent / "payloads"
SECRET = "a-webhook-secret-of-ours"


@dataclass
class Service:
    """A running service and the platforms in front of it."""

    app: App
    sandbox: Sandbox
    http: aiohttp.ClientSession

    @property
    def url(self) -> str:
        return self.app.settings.own_url

    async def telegram(self, body: bytes, *, secret: str | None = SECRET) -> int:
        headers = {"X-Telegram-Bot-Api-Secret-Token": secret} if secret is not None else {}
        return await self._post("telegram", body, headers)

    async def messenger(self, body: bytes, *, signature: str | None = "right") -> int:
        right = hmac.new(self.sandbox.messenger.app_secret.encode(), body, hashlib.sha256).hexdigest()
        given = f"sha256={right}" if signature == "right" else signature
        return await self._post("messenger", body, {"X-Hub-Signature-256": given} if given is not None else {})

    async def _post(self, channel: str, body: bytes, headers: dict[str, str]) -> int:
        async with self.http.post(f"{self.url}/webhooks/{channel}", data=io.BytesIO(body), headers=headers) as answer:
            return answer.status

    async def count(self, table: Any, *where: Any) -> int:
        query = select(func.count()).select_from(table).where(*where)
        return int(await self.app.way.db.read(lambda c: c.execute(query).scalar_one()))

    async def rest(self) -> None:
        """Wait until everything stored is worked on."""
        async with asyncio.timeout(60):
            while await self.count(events, events.c.state == "new"):
                await asyncio.sleep(0.02)


@asynccontextmanager
async def serving(engine_url: str, data: Path) -> AsyncIterator[Service]:
    port = free_port()
    own_url = f"http://127.0.0.1:{port}"
    async with Sandbox(port=0, bot_url=lambda: own_url, hurry=0.05) as sandbox:
        settings = {
            **sandbox.environment(),
            "TELEGRAM_WEBHOOK_SECRET": SECRET,
            "PUBLIC_URL": own_url,
            "PORT": str(port),
            "ENGINE_URL": engine_url,
            "SANDBOX": "off",
            "DATA_DIR": str(data),
        }
        async with App(read_settings(settings, ROOT)) as app, aiohttp.ClientSession() as http:
            await app.ready()
            yield Service(app, sandbox, http)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def real(engine_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """With the product's own engine and content."""
    async with serving(engine_url, tmp_path_factory.mktemp("real")) as service:
        yield service


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[EchoEngine]:
    async with echo_engine() as engine:
        yield engine


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def echo(engine: EchoEngine, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """With an engine that only repeats."""
    async with serving(engine.url, tmp_path_factory.mktemp("echo")) as service:
        yield service


# The main job, as one sees it on the phones.


async def test_opening_hours_for_a_town_on_telegram(real: Service) -> None:
    mario = real.sandbox.telegram.customer("Mario")
    start = await mario.starts()
    hello = await mario.waits_for("assistente automatico", since=start)
    assert "Orari dei negozi" in await titles(mario, hello)
    asked = await mario.taps("Orari dei negozi")
    assert asked
    await mario.waits_for(lambda bubble: bool(bubble.text), since=asked)
    town = await mario.says("Milano")
    hours = await mario.waits_for(lambda bubble: bool(re.search(r"\d{1,2}[:.]\d\d", bubble.text)), since=town)
    assert "Milano" in mario.described() and hours
    assert "Parla con noi" in await titles(mario, hours)


async def test_a_pin_on_messenger_gets_a_request_number(real: Service) -> None:
    giulia = real.sandbox.messenger.customer("Giulia Neri")
    last = await giulia.says("mi serve il pin dell'area clienti")
    await giulia.waits_for("intestato", since=last)
    tapped = await giulia.taps("Sì, a me")
    await giulia.waits_for("codice fiscale", since=tapped)
    last = await giulia.says(CODICE_FISCALE)
    done = await giulia.waits_for(lambda bubble: bool(re.search(r"PIN-[A-Z0-9]+", bubble.text)), since=last)
    assert CODICE_FISCALE not in done.text
    assert await real.count(messages, messages.c.text.like("%PIN-%")) >= 1


@pytest.mark.parametrize("platform", ["telegram", "messenger"])
async def test_from_not_understood_to_solved(real: Service, platform: str) -> None:
    """Unanswerable twice, a case, a person with name and face, closed, "is it solved?"."""
    mario: Any = getattr(real.sandbox, platform).customer("Mario Bianchi")
    await mario.says("ciao")
    await mario.waits_for("assistente automatico")
    first = await mario.says("ricetta della carbonara")
    await mario.waits_for(lambda bubble: bool(bubble.text), since=first)
    second = await mario.says("xqzt wkkp jjhh")
    told = await mario.waits_for("La tua richiesta è la C-", since=second)
    assert "Non serve più" in await titles(mario, told)
    key = await newest_waiting(real)
    body = (await rows(real, packets))[-1].body
    assert body["reason"] == "not_understood" and "carbonara" in json.dumps(body["attempts"])
    anna = await agent(real)
    await moves(real, handoff.claim, key, anna)
    await mario.waits_for(f"sono {anna.name}", since=second)
    await moves(real, handoff.reply, key, anna, Reply("Buongiorno Mario, ci penso io."))
    reply = await mario.waits_for("ci penso io", since=second)
    shown: list[Bubble] = [bubble for bubble in mario.screen() if bubble.author == "bot"]
    if platform == "telegram":
        assert reply.text.startswith(f"{anna.name}: ")
        assert any(bubble.image and anna.name in bubble.text for bubble in shown)
    else:
        assert reply.sender == anna.name and reply.picture
    quiet = await mario.says("grazie")
    await real.rest()
    await moves(real, handoff.close, key, anna, Outcome.SOLVED)
    question = await mario.waits_for("Hai risolto?", since=quiet)
    await mario.taps("No, non ancora")
    await mario.waits_for("Riapro la tua richiesta", since=question)  # of nobody who is away it is said that they come
    await moves(real, handoff.claim, key, anna)
    await moves(real, handoff.close, key, anna, Outcome.SOLVED)
    again = await mario.waits_for("Hai risolto?", since=(await mario.waits_for("Riapro la tua richiesta")))
    await mario.taps("Sì, risolto")
    await mario.waits_for("grazie di avercelo detto", since=again)


@pytest.mark.parametrize("platform", ["telegram", "messenger"])
async def test_who_waits_is_told_where_they_stand_and_what_only_has_to_be_told(real: Service, platform: str) -> None:
    luca: Any = getattr(real.sandbox, platform).customer("Luca Verdi")
    asked = await luca.says("vorrei parlare con una persona")
    told = await luca.waits_for("La tua richiesta è la C-", since=asked)
    number = re.search(r"C-\w+", told.text)
    assert number
    asked = await luca.says("a che ora apre domani il negozio di Milano?")
    hours = await luca.waits_for("intanto resta in coda", since=asked)
    assert "Milano" in hours.text and number[0] in hours.text
    assert "Non serve più" in await titles(luca, hours)
    asked = await luca.says("ci siete?")
    await luca.waits_for(f"La tua richiesta {number[0]} è in coda", since=asked)
    asked = await luca.says("il contratto è intestato a mia moglie")
    await luca.waits_for("Ho aggiunto il tuo messaggio", since=asked)
    asked = await luca.says("ho risolto da solo, grazie")
    await luca.waits_for("tocca qui sotto", since=asked)
    asked = await luca.taps("Non serve più")
    await luca.waits_for(f"ho chiuso la richiesta {number[0]}", since=asked)


CODICE_FISCALE = "RSSMRA80A01H501U"


async def titles(customer: Any, bubble: Bubble) -> tuple[str, ...]:
    """The quick replies under what the customer sees last, once they are there."""
    async with asyncio.timeout(10):
        while not (shown := [b for b in customer.screen() if b.buttons]):
            await asyncio.sleep(0.02)
    return shown[-1].quick_replies


async def rows(service: Service, table: Any) -> list[Any]:
    return list(await service.app.way.db.read(lambda c: c.execute(select(table).order_by(table.c.id)).all()))


async def newest_waiting(service: Service) -> int:
    case = (await rows(service, cases))[-1]
    conversation = await service.app.way.db.read(lambda c: conversations.get(c, case.conversation_id))
    assert conversation and conversation.status == Status.WAITING
    return int(conversation.id)


async def agent(service: Service) -> Any:
    """Somebody of the team that the first start made."""
    return (await service.app.way.db.read(agents.everyone))[0]


async def moves(service: Service, move: Any, conversation_id: int, *arguments: Any) -> None:
    way = service.app.way

    def held(connection: Connection) -> None:
        conversation = conversations.get(connection, conversation_id, hold=True)
        move(connection, way, conversation, *arguments, now=way.clock())

    await way.db.write(held)
    way.committed()


# What platforms and strangers send.


def telegram_payloads() -> list[bytes]:
    """Each recorded update, with an id of its own."""
    found = []
    for number, file in enumerate(sorted((PAYLOADS / "telegram" / "nutgram").glob("*.json"))):
        update = json.loads(file.read_text("utf-8"))
        if isinstance(update, dict) and "update_id" in update:
            found.append(json.dumps({**update, "update_id": 5_000_000 + number}).encode())
    return found


def messenger_payloads() -> list[bytes]:
    """Each recorded delivery; single events in the envelope they need, from a customer of their own."""
    found = []
    for number, file in enumerate(sorted((PAYLOADS / "messenger").glob("*/*.json"))):
        if file.name.startswith("Response-"):
            continue
        try:
            event = json.loads(file.read_text("utf-8"))
        except ValueError:
            continue
        if not isinstance(event, dict) or "entry" in event:
            found.append(json.dumps(event).encode())
            continue
        if isinstance(event.get("sender"), dict):
            event["sender"]["id"] = str(7_000_000 + number)
        entry = {"id": "PAGE", "time": 1_700_000_000_000, "messaging": [event]}
        found.append(json.dumps({"object": "page", "entry": [entry]}).encode().replace(b'"PAGE"', b'"%PAGE%"'))
    return found


@pytest.mark.parametrize("platform", ["telegram", "messenger"])
async def test_each_payload_twice_and_ten_at_once_is_one_row_and_one_reply(echo: Service, platform: str) -> None:
    post = getattr(echo, platform)
    bodies = telegram_payloads() if platform == "telegram" else messenger_payloads()
    page_id = echo.sandbox.messenger.page_id.encode()
    bodies = [body.replace(b"%PAGE%", page_id) for body in bodies]
    before = await echo.count(events)
    assert {await post(body) for body in bodies} == {200}
    await echo.rest()
    stored, answered = await echo.count(events), await echo.count(messages, messages.c.author == "bot")
    assert stored - before >= len(bodies) * 3 // 4  # some recordings are the same event
    again = await asyncio.gather(*(post(body) for body in bodies), *(post(body) for body in bodies[:20] * 10))
    assert set(again) == {200}
    await echo.rest()
    assert await echo.count(events) == stored
    assert await echo.count(messages, messages.c.author == "bot") == answered
    twice = select(messages.c.event_id).group_by(messages.c.event_id).having(func.count() > 1)
    assert await echo.app.way.db.read(lambda c: c.execute(twice.where(messages.c.event_id.is_not(None))).all()) == []


@pytest.mark.parametrize("platform", ["telegram", "messenger"])
async def test_ten_at_once_of_a_new_message(echo: Service, platform: str) -> None:
    """The first ten deliveries race each other: the customer reads one answer."""
    sender = {"id": 4242, "is_bot": False, "first_name": "Eva", "language_code": "it"}
    chat = {"id": 4242, "type": "private", "first_name": "Eva"}
    message = {"message_id": 1, "date": 1_764_000_000, "chat": chat, "from": sender, "text": "dieci volte"}
    page = echo.sandbox.messenger.page_id
    event = {"sender": {"id": "4242"}, "recipient": {"id": page}, "timestamp": 1_764_000_000_000}
    entry = {"id": page, "time": 1, "messaging": [{**event, "message": {"mid": "m_ten", "text": "dieci volte"}}]}
    body: dict[str, Any] = {"update_id": 77, "message": message}
    if platform == "messenger":
        body = {"object": "page", "entry": [entry]}
    post = getattr(echo, platform)
    before = await echo.count(events)
    assert set(await asyncio.gather(*(post(json.dumps(body).encode()) for _ in range(10)))) == {200}
    await echo.rest()
    assert await echo.count(events) == before + 1
    of_eva = select(talks.c.id).where(
        talks.c.channel == platform, talks.c.chat == "4242"
    )
    for author in ("customer", "bot"):
        where = (messages.c.author == author, messages.c.conversation_id.in_(of_eva))
        assert await echo.count(messages, *where) == 1


async def test_strangers_are_refused_and_nothing_is_stored(echo: Service) -> None:
    body = json.dumps({"update_id": 9_999, "message": {}}).encode()
    page = json.dumps({"object": "page", "entry": []}).encode()
    before = await echo.count(events)
    assert await echo.telegram(body, secret=None) == 401
    for wrong in ("", SECRET[:-1], SECRET + "x", SECRET.upper(), "è"):
        assert await echo.telegram(body, secret=wrong) == 403
    other = hmac.new(b"another", page, hashlib.sha256).hexdigest()
    for signature in (None, "", "sha256=", f"sha256={other}", "sha1=abc", other, "è"):
        assert await echo.messenger(page, signature=signature) in (401, 403)
    right = hmac.new(echo.sandbox.messenger.app_secret.encode(), page, hashlib.sha256).hexdigest()
    assert await echo.messenger(page + b" ", signature=f"sha256={right}") == 403
    assert await echo.count(events) == before


async def test_bad_bodies(echo: Service) -> None:
    before = await echo.count(events)
    for post in (echo.telegram, echo.messenger):
        assert await post(b"[" + b" " * (1024 * 1024) + b"]") == 413
        for broken in (b"", b"hello", b"{", b"\xff\xfe", b'{"a": NaN}'):
            assert await post(broken) == 400
    assert await echo.count(events) == before
    for post in (echo.telegram, echo.messenger):
        for odd in (b"[" * 5000 + b"]" * 5000, b"null", b"7", b'"x"', b"[]", b'{"message": 1}', b'{"entry": {}}'):
            assert await post(odd) == 200
    await echo.rest()
    assert await echo.count(events) > before
    assert await echo.count(events, events.c.state == "new") == 0


async def test_the_pages_hand_shake(echo: Service) -> None:
    url = f"{echo.url}/webhooks/messenger"
    right = {"hub.mode": "subscribe", "hub.challenge": "42", "hub.verify_token": echo.sandbox.messenger.verify_token}
    async with echo.http.get(url, params=right) as answer:
        assert (answer.status, await answer.text()) == (200, "42")
    async with echo.http.get(url, params={**right, "hub.verify_token": "x"}) as answer:
        assert answer.status == 403


async def test_a_store_that_cannot_write_is_no_2xx(echo: Service) -> None:
    def full(connection: Connection) -> None:
        if connection.get_execution_options().get("writer"):
            raise OSError("disk full")

    engine = echo.app.way.db.engine
    listens(engine, "begin", full)
    assert await echo.telegram(json.dumps({"update_id": 31337}).encode()) >= 500
    async with echo.http.get(f"{echo.url}/readyz") as answer:
        assert answer.status == 503 and (await answer.json())["database"] != "ok"
    remove(engine, "begin", full)
    assert await echo.telegram(json.dumps({"update_id": 31337}).encode()) == 200


async def test_a_silent_engine_shows_and_the_customer_is_told(echo: Service, engine: EchoEngine) -> None:
    async with echo.http.get(f"{echo.url}/readyz") as answer:
        assert answer.status == 200
    mario = echo.sandbox.telegram.customer("Mario")
    engine.broken = True
    try:
        async with echo.http.get(f"{echo.url}/readyz") as answer:
            assert answer.status == 503 and (await answer.json())["engine"] != "ok"
        async with echo.http.get(f"{echo.url}/healthz") as answer:
            assert answer.status == 200
        await mario.says("la linea non va")
        await mario.waits_for("colpa mia")
        await mario.waits_for("La tua richiesta è la C-")
    finally:
        engine.broken = False


async def test_a_bot_that_starts_while_no_engine_answers_says_what_is_fixed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with echo_engine() as engine:
        engine.answers = {"/greet": {"": {"text": "Ciao! Sono qui."}}}
        async with serving(engine.url, tmp_path) as first:
            mario = first.sandbox.telegram.customer("Mario")
            said = await mario.says("buongiorno")
            await mario.waits_for("re: buongiorno", since=said)
            async with asyncio.timeout(20):
                while not await first.count(fixed_answers):
                    await asyncio.sleep(0.02)
    monkeypatch.setattr("bot.app.ENGINE_PATIENCE", 0)
    async with serving(f"http://127.0.0.1:{free_port()}", tmp_path) as second:
        giulia = second.sandbox.telegram.customer("Giulia")
        await giulia.starts()
        await giulia.waits_for("Ciao! Sono qui.")


async def test_metrics_count_what_is_in_the_store(echo: Service) -> None:
    async with echo.http.get(f"{echo.url}/metrics") as answer:
        text = await answer.text()
    assert 'sportello_events{state="new"}' in text and "sportello_conversations" in text
    assert await echo.count(outgoing) > 0


# The process.


async def test_a_taken_port_is_said_in_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = {"DATA_DIR": str(tmp_path), "ENGINE_URL": "http://127.0.0.1:9", "SANDBOX": "no"}
        bot = BotProcess(settings, tmp_path / "log", port)
        await bot.start()
        assert bot.process
        assert await asyncio.wait_for(bot.process.wait(), 60) == 1
    text = bot.log.read_text()
    assert f"Port {port} is taken" in text and "PORT" in text and "Traceback" not in text


async def test_an_address_that_is_not_ours_is_said_in_a_sentence(tmp_path: Path) -> None:
    settings = {"DATA_DIR": str(tmp_path), "PORT": str(free_port()), "HOST": "192.0.2.1", "SANDBOX": "no"}
    code, text = await run_bot(settings)
    assert code == 1 and "HOST" in text and "taken" not in text and "Traceback" not in text


async def test_wrong_settings_end_with_code_2_and_all_of_them(tmp_path: Path) -> None:
    wrong = {"PORT": "x", "DATABASE_URL": "oracle://me:hunter2@h", "TELEGRAM_BOT_TOKEN": "hunter2"}
    code, text = await run_bot({**wrong, "DATA_DIR": str(tmp_path)})
    assert code == 2
    for name in wrong:
        assert name in text
    assert "hunter2" not in text and "Traceback" not in text


@pytest.mark.parametrize("what", ["folder", "rubbish", "newer"])
async def test_a_database_that_cannot_be_opened_is_said_in_a_sentence(tmp_path: Path, what: str) -> None:
    file = tmp_path / "sportello.db"
    if what == "folder":
        file.mkdir()
    elif what == "rubbish":
        file.write_bytes(b"this is no database" * 100)
    else:
        connection = sqlite3.connect(file)
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.execute("INSERT INTO alembic_version VALUES ('9999')")
        connection.commit()
        connection.close()
    code, text = await run_bot({"DATA_DIR": str(tmp_path), "PORT": str(free_port()), "SANDBOX": "no"})
    assert code == 1 and "database" in text.lower() and "Traceback" not in text


async def run_bot(settings: dict[str, str]) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        "run",
        cwd=ROOT,
        env=environ_of(settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, output.decode()
