"""The sandbox must refuse what the platforms refuse, and tell the bot what they would tell it."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import telegram
from aiohttp import web
from telegram.request import HTTPXRequest

from bot.sandbox import Bubble, Sandbox
from bot.sandbox.samples import drawn, picture_size
from bot.sandbox.wire import StoredFile

PNG = drawn("prova", size=(80, 60))


class Listener:
    """A bot's webhooks: keeps what came, answers `status`."""

    def __init__(self) -> None:
        self.updates: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.raw: list[tuple[bytes, str]] = []
        self.secrets: list[str] = []
        self.statuses: list[int] = []  # the next answers; 200 when empty
        self.verify_token = ""
        self.url = ""
        self._news = asyncio.Event()

    async def telegram(self, request: web.Request) -> web.Response:
        self.updates.append(await request.json())
        self.secrets.append(request.headers.get("X-Telegram-Bot-Api-Secret-Token", ""))
        return self._answered()

    async def messenger(self, request: web.Request) -> web.Response:
        if request.method == "GET":
            right = request.query["hub.verify_token"] == self.verify_token
            return web.Response(text=request.query["hub.challenge"], status=200 if right else 403)
        raw = await request.read()
        self.raw.append((raw, request.headers["X-Hub-Signature-256"]))
        self.events += [event for entry in json.loads(raw)["entry"] for event in entry["messaging"]]
        return self._answered()

    def _answered(self) -> web.Response:
        self._news.set()
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)

    async def until(self, true: Callable[[], bool], seconds: float = 10) -> None:
        """Wait for what must come."""
        async with asyncio.timeout(seconds):
            while not true():
                self._news.clear()
                await self._news.wait()


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    listener = Listener()
    app = web.Application()
    app.router.add_post("/webhooks/telegram", listener.telegram)
    app.router.add_route("*", "/webhooks/messenger", listener.messenger)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    listener.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield listener
    await runner.cleanup()


@pytest.fixture
async def sandbox(listener: Listener) -> AsyncIterator[Sandbox]:
    async with Sandbox(port=0, bot_url=lambda: listener.url, hurry=0.01) as sandbox:
        listener.verify_token = sandbox.messenger.verify_token
        yield sandbox


@pytest.fixture
async def bot(sandbox: Sandbox) -> AsyncIterator[telegram.Bot]:
    access = sandbox.telegram_settings
    bot = telegram.Bot(
        access.token,
        base_url=f"{access.api_url}/bot",
        base_file_url=f"{access.api_url}/file/bot",
        request=HTTPXRequest(read_timeout=1, media_write_timeout=1),
    )
    async with bot:
        yield bot


async def call(sandbox: Sandbox, method: str, **params: Any) -> dict[str, Any]:
    """A raw Bot API call, for what a client library would never send."""
    access = sandbox.telegram_settings
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{access.api_url}/bot{access.token}/{method}", json=params) as response:
            answer: dict[str, Any] = await response.json()
            assert answer.get("error_code", 200) == response.status
            return answer


async def graph(
    sandbox: Sandbox, verb: str, path: str, *, token: str | None = None, **params: Any
) -> dict[str, Any]:
    """A Graph call as the bot makes it; the error's own fields when it was refused."""
    access = sandbox.messenger_settings
    token = access.page_token if token is None else token
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        query = params.pop("query", {})
        url = f"{access.graph_url}/v26.0/{path}"
        async with session.request(verb, url, json=params or None, params=query) as response:
            answer: dict[str, Any] = await response.json()
            assert (response.status == 200) == ("error" not in answer)
            return dict(answer.get("error", answer))


async def send(sandbox: Sandbox, psid: str, message: Any = None, **more: Any) -> dict[str, Any]:
    """POST messages; {"text": "ciao"} unless told otherwise."""
    body = {"recipient": {"id": psid}, "messaging_type": "RESPONSE", **more}
    if "sender_action" not in more:
        body["message"] = message or {"text": "ciao"}
    return await graph(sandbox, "POST", f"{sandbox.messenger.page_id}/messages", **body)


# Telegram: who may write what.


async def test_client_library_talks_to_the_bot_api(sandbox: Sandbox, bot: telegram.Bot) -> None:
    mario = sandbox.telegram.customer("Mario", "it")
    await mario.says("/start")
    (update,) = await bot.get_updates(timeout=5)
    assert update.message and update.message.text == "/start"
    assert update.message.entities[0].type == "bot_command"
    assert update.effective_user and update.effective_user.language_code == "it"

    keyboard = telegram.ReplyKeyboardMarkup(
        [["Orari"], [telegram.KeyboardButton("Dove sono", request_location=True)]], one_time_keyboard=True
    )
    sent = await bot.send_message(mario.id, "Come posso aiutarti?", reply_markup=keyboard)
    shown = await mario.waits_for("aiutarti")
    assert (shown.quick_replies, shown.id) == (("Orari", "Dove sono"), str(sent.message_id))

    await mario.taps("Orari")
    assert mario.screen()[-2].quick_replies == ()  # a one-time keyboard goes away
    (update,) = await bot.get_updates(offset=update.update_id + 1, timeout=5)
    assert update.message and update.message.text == "Orari"
    photo = await bot.send_photo(mario.id, PNG, caption="Ecco Giulia")
    shown = await mario.waits_for("Giulia")
    assert shown.image and photo.photo[-1].width == 80


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        ({"text": ""}, "message text is empty"),
        ({"text": " \n "}, "message text is empty"),
        ({"text": "😀" * 2049}, "message is too long"),
        ({"text": "a", "reply_markup": {"keyboard": [["Orari"]], "colour": 1}}, "unknown field"),
        ({"text": "a", "reply_markup": {"keyboard": [[{"title": "Orari"}]]}}, "unknown field"),
        ({"text": "a", "silent": True}, 'unknown parameter "silent"'),
        ({"text": 5}, "a string was expected"),
        ({"text": "a", "reply_markup": {"keyboard": [[{"text": " "}]]}}, "must be non-empty"),
        ({"text": "a", "reply_parameters": {"message_id": 999_999}}, "message to be replied not found"),
        (
            {"text": "a", "reply_markup": {"inline_keyboard": [[{"text": "x", "callback_data": "è" * 33}]]}},
            "BUTTON_DATA_INVALID",
        ),
        (
            {"text": "a", "reply_markup": {"inline_keyboard": [[{"text": "x", "callback_data": "y"}] * 9]}},
            "REPLY_MARKUP_TOO_LONG",
        ),
    ],
)
async def test_telegram_refuses_bad_messages(sandbox: Sandbox, params: Any, complaint: str) -> None:
    mario = sandbox.telegram.customer("Mario", "it")
    await mario.says("ciao")
    answer = await call(sandbox, "sendMessage", chat_id=mario.id, **params)
    assert answer["error_code"] == 400
    assert answer["description"].startswith("Bad Request: ") and complaint in answer["description"]
    assert sandbox.telegram.calls == [] and len(sandbox.telegram.refused) == 1


async def test_telegram_accepts_the_longest_text(sandbox: Sandbox) -> None:
    mario = sandbox.telegram.customer("Mario", "it")
    await mario.says("ciao")
    assert (await call(sandbox, "sendMessage", chat_id=mario.id, text="😀" * 2048))["ok"]


async def test_telegram_protects_people(sandbox: Sandbox, bot: telegram.Bot) -> None:
    silent = sandbox.telegram.customer("Anna", "it")
    with pytest.raises(telegram.error.Forbidden, match="can't initiate"):
        await bot.send_message(silent.id, "ciao")
    with pytest.raises(telegram.error.BadRequest, match="Chat not found"):
        await bot.send_message(5, "ciao")
    await silent.says("ciao")
    await silent.blocks()
    with pytest.raises(telegram.error.Forbidden, match="blocked"):
        await bot.send_message(silent.id, "ciao")
    updates = await bot.get_updates(timeout=1)
    assert updates[-1].my_chat_member and updates[-1].my_chat_member.new_chat_member.status == "kicked"
    await silent.unblocks()
    assert await bot.send_message(silent.id, "ciao")


async def test_wrong_token_and_unknown_method(sandbox: Sandbox) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{sandbox.url}/bot1:no/getMe") as response:
            assert (response.status, (await response.json())["ok"]) == (401, False)
    assert (await call(sandbox, "sendPaidMedia"))["error_code"] == 404


# Telegram: updates.


async def test_long_poll_confirms_by_offset_and_allows_one_poller(
    sandbox: Sandbox, bot: telegram.Bot
) -> None:
    mario = sandbox.telegram.customer("Mario", "it")
    first = await mario.says("uno")
    await mario.says("due")
    updates = await bot.get_updates(timeout=1, limit=1)
    again = await bot.get_updates(timeout=1)
    assert [update.message.text for update in again if update.message] == ["uno", "due"]
    assert again[0].update_id == updates[0].update_id
    assert [bubble.ticks for bubble in mario.screen()] == [1, 1]
    assert len(await bot.get_updates(offset=again[0].update_id + 1)) == 1
    assert next(b for b in mario.screen() if b.id == first.id).ticks == 2

    last = again[1].update_id
    older = asyncio.create_task(call(sandbox, "getUpdates", offset=last + 1, timeout=20))
    while sandbox.telegram.updates.pending:
        await asyncio.sleep(0.01)
    newer = asyncio.create_task(call(sandbox, "getUpdates", timeout=20))
    refused = await older
    assert refused["error_code"] == 409 and "terminated by other getUpdates" in refused["description"]
    await mario.says("tre")
    assert [update["update_id"] for update in (await newer)["result"]] == [last + 1]


async def test_webhook_keeps_order_and_repeats_until_acknowledged(
    sandbox: Sandbox, bot: telegram.Bot, listener: Listener
) -> None:
    await bot.set_webhook(f"{listener.url}/webhooks/telegram", secret_token="s3cret-token")
    with pytest.raises(telegram.error.Conflict, match="webhook"):
        await bot.get_updates()
    mario = sandbox.telegram.customer("Mario", "it")
    listener.statuses = [500, 500, 200]
    sent = [await mario.says(text) for text in ("uno", "due")]
    await listener.until(lambda: len(listener.updates) == 4)
    texts = [update["message"]["text"] for update in listener.updates]
    assert texts == ["uno", "uno", "uno", "due"]
    assert len({update["update_id"] for update in listener.updates}) == 2
    assert set(listener.secrets) == {"s3cret-token"}
    assert telegram.Update.de_json(listener.updates[-1], bot)
    await mario.phone.wait(
        lambda: next((b for b in mario.screen() if b.id == sent[1].id and b.ticks == 2), None), 5
    )
    info = await bot.get_webhook_info()
    assert info.pending_update_count == 0 and info.last_error_message
    await bot.delete_webhook()
    await mario.says("tre")
    assert len(await bot.get_updates(timeout=1)) == 1


async def test_what_a_telegram_customer_can_send(sandbox: Sandbox, bot: telegram.Bot) -> None:
    mario = sandbox.telegram.customer("Mario", "it")
    said = await mario.says("ciao")
    await mario.shares_location(45.07, 7.69)
    await mario.shares_contact("+393331234567")
    await mario.sends_photo(PNG, caption="il modem")
    await mario.sends_voice()
    await mario.sends_document()
    await mario.sends_sticker()
    await mario.edits(said, "salve")
    updates = await bot.get_updates(timeout=1)
    messages = [update.message for update in updates[:-1] if update.message]
    _, located, contact, photo, voice, document, sticker = messages
    assert located.location and located.location.latitude == 45.07
    assert contact.contact and contact.contact.user_id == mario.id
    assert photo.caption == "il modem" and len(photo.photo) == 2
    for media in (photo.photo[-1], voice.voice, document.document, sticker.sticker):
        assert media
        data = await (await media.get_file()).download_as_bytearray()
        assert len(data) == media.file_size
    edited = updates[-1].edited_message
    assert edited and (edited.text, str(edited.message_id)) == ("salve", said.id)
    assert mario.screen()[0].edited


async def test_taps_on_inline_buttons_expire(sandbox: Sandbox, bot: telegram.Bot) -> None:
    mario = sandbox.telegram.customer("Mario", "it")
    await mario.says("ciao")
    (start,) = await bot.get_updates(timeout=1)
    markup = telegram.InlineKeyboardMarkup([[telegram.InlineKeyboardButton("Sì", callback_data="yes")]])
    sent = await bot.send_message(mario.id, "Risolto?", reply_markup=markup)
    await mario.taps("Sì")
    (tap,) = await bot.get_updates(offset=start.update_id + 1, timeout=1)
    assert tap.callback_query and tap.callback_query.data == "yes"
    assert await bot.answer_callback_query(tap.callback_query.id)
    with pytest.raises(telegram.error.BadRequest, match="Query is too old"):
        await bot.answer_callback_query(tap.callback_query.id)
    await mario.taps("Sì")
    sandbox.telegram.later(seconds=151)
    assert len(await bot.get_updates(timeout=0)) == 0
    await bot.edit_message_reply_markup(mario.id, sent.message_id)
    with pytest.raises(AssertionError, match="sees no button"):
        await mario.taps("Sì")


# Faults: the same wherever a message is sent.


async def test_telegram_faults(sandbox: Sandbox, bot: telegram.Bot) -> None:
    mario = sandbox.telegram.customer("Mario", "it")
    await mario.says("ciao")
    sandbox.telegram.fail_next(status=429, retry_after=7)
    refused = await call(sandbox, "sendMessage", chat_id=mario.id, text="uno")
    assert (refused["error_code"], refused["parameters"]) == (429, {"retry_after": 7})
    sandbox.telegram.fail_next(status=502)
    assert await bot.send_chat_action(mario.id, "typing") and mario.sees_typing  # not a send: not hit
    with pytest.raises(telegram.error.NetworkError):
        await bot.send_message(mario.id, "uno")
    sandbox.telegram.drop_next()
    with pytest.raises(telegram.error.NetworkError):
        await bot.send_message(mario.id, "uno")
    assert len(mario.screen()) == 1
    sandbox.telegram.cut_next()
    with pytest.raises(telegram.error.NetworkError):
        await bot.send_message(mario.id, "due")
    sandbox.telegram.time_out_next()
    with pytest.raises(telegram.error.TimedOut):
        await bot.send_message(mario.id, "tre")
    assert [bubble.text for bubble in mario.screen()] == ["ciao", "due", "tre"]
    assert [(c.method, c.fault) for c in sandbox.telegram.calls if c.fault] == [
        ("sendMessage", "cut"),
        ("sendMessage", "hang"),
    ]


async def test_unplugged_refuses_connections(sandbox: Sandbox, bot: telegram.Bot) -> None:
    mario = sandbox.telegram.customer("Mario", "it")
    await mario.says("ciao")
    await sandbox.unplug()
    with pytest.raises(telegram.error.NetworkError, match="ConnectError"):
        await bot.send_message(mario.id, "uno")
    await sandbox.plug_in()
    assert await bot.send_message(mario.id, "uno")


async def test_rate_limit_when_switched_on(sandbox: Sandbox) -> None:
    mario = sandbox.telegram.customer("Mario", "it")
    await mario.says("ciao")
    sandbox.telegram.limits_rate = True
    answers = [await call(sandbox, "sendMessage", chat_id=mario.id, text="a") for _ in range(31)]
    refused = [answer for answer in answers if not answer["ok"]]
    # On a slow machine 31 calls may take more than a second; then nothing is refused, rightly.
    assert all(answer["parameters"]["retry_after"] == 1 for answer in refused)


# Messenger.


async def test_webhook_is_checked_then_signed(sandbox: Sandbox, listener: Listener) -> None:
    giulia = sandbox.messenger.customer("Giulia Neri", "it")
    listener.statuses = [500, 200]
    await giulia.says("è già buio?")
    await giulia.says("due")
    await listener.until(lambda: len(listener.events) == 3)
    assert [event["message"]["text"] for event in listener.events] == ["è già buio?", "è già buio?", "due"]
    assert listener.events[0] == listener.events[1]
    for raw, signature in listener.raw:
        digest = hmac.new(sandbox.messenger.app_secret.encode(), raw, hashlib.sha256).hexdigest()
        assert signature == f"sha256={digest}"


async def test_unverified_webhook_gets_nothing(sandbox: Sandbox, listener: Listener) -> None:
    listener.verify_token = "another"
    await sandbox.messenger.customer("Giulia", "it").says("ciao")
    await asyncio.sleep(0.1)
    assert listener.raw == []


async def test_page_sends_and_hears_the_echo(sandbox: Sandbox, listener: Listener) -> None:
    giulia = sandbox.messenger.customer("Giulia Neri", "it")
    await giulia.says("ciao")
    replies = [{"content_type": "text", "title": "Orari", "payload": "/store_hours"}]
    message = {"text": "Dimmi pure", "quick_replies": replies, "metadata": "row-7"}
    answer = await send(sandbox, giulia.psid, message)
    assert answer["recipient_id"] == giulia.psid
    await listener.until(lambda: any("delivery" in event for event in listener.events))
    echo = next(event for event in listener.events if event.get("message", {}).get("is_echo"))
    assert echo["message"]["metadata"] == "row-7" and echo["message"]["mid"] == answer["message_id"]
    assert echo["message"]["app_id"] == int(sandbox.messenger.app_id)
    assert echo["sender"]["id"] == sandbox.messenger.page_id and echo["recipient"]["id"] == giulia.psid
    assert giulia.screen()[-1].quick_replies == ("Orari",)
    await giulia.taps("Orari")
    await giulia.reads()
    await listener.until(lambda: "read" in listener.events[-1])
    tapped = listener.events[-2]["message"]
    assert (tapped["text"], tapped["quick_reply"]) == ("Orari", {"payload": "/store_hours"})
    assert not any(bubble.buttons for bubble in giulia.screen())
    await sandbox.messenger.page_writes(giulia, "Ti rispondo io")
    await listener.until(lambda: listener.events[-1].get("message", {}).get("text") == "Ti rispondo io")
    assert listener.events[-1]["message"]["app_id"] != int(sandbox.messenger.app_id)


QUICK = {"content_type": "text", "title": "Orari", "payload": "/x"}


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        ({"text": "a" * 2000}, "message[text]"),
        ({"text": ""}, "non-empty"),
        ({"txt": "a"}, "Unexpected key"),
        ({"text": "a", "quick_replies": [QUICK] * 14}, "1 to 13"),
        ({"text": "a", "quick_replies": [{**QUICK, "title": "a" * 21}]}, "title"),
        ({"text": "a", "quick_replies": [{**QUICK, "payload": "a" * 1001}]}, "payload"),
        ({"text": "a", "quick_replies": [{"content_type": "location"}]}, "no longer supported"),
        ({"text": "a", "metadata": "a" * 1001}, "metadata"),
        ({"attachment": {"type": "image", "payload": {"url": "ftp://x"}}}, "Failed to fetch"),
    ],
)
async def test_messenger_refuses_bad_messages(sandbox: Sandbox, message: Any, complaint: str) -> None:
    giulia = sandbox.messenger.customer("Giulia", "it")
    await giulia.says("ciao")
    error = await send(sandbox, giulia.psid, message)
    assert error["code"] == 100 and complaint in error["message"]
    assert len(giulia.screen()) == 1


async def test_windows(sandbox: Sandbox) -> None:
    giulia = sandbox.messenger.customer("Giulia", "it")
    assert (await send(sandbox, giulia.psid))["error_subcode"] == 2018001
    await giulia.says("ciao")
    human = {"messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"}
    assert (await send(sandbox, giulia.psid, messaging_type="MESSAGE_TAG", tag="ACCOUNT_UPDATE"))[
        "code"
    ] == 100
    assert "message_id" in await send(sandbox, giulia.psid)
    sandbox.messenger.later(hours=25)
    error = await send(sandbox, giulia.psid)
    assert (error["code"], error["error_subcode"]) == (10, 2018278)
    assert "message_id" in await send(sandbox, giulia.psid, **human)
    sandbox.messenger.later(days=7)
    assert (await send(sandbox, giulia.psid, **human))["code"] == 10
    await giulia.says("eccomi")
    assert "message_id" in await send(sandbox, giulia.psid)
    await giulia.blocks()
    assert (await send(sandbox, giulia.psid))["code"] == 551


async def test_personas_show_a_face(sandbox: Sandbox) -> None:
    giulia = sandbox.messenger.customer("Giulia", "it")
    await giulia.says("ciao")
    key = sandbox.messenger.shelf.put(StoredFile(PNG, "image/png", "sara.png"))
    picture = sandbox.url + sandbox.messenger.shelf.path(key)
    persona = await graph(sandbox, "POST", "me/personas", name="Sara Conti", profile_picture_url=picture)
    await send(sandbox, giulia.psid, persona_id=persona["id"], sender_action="typing_on")
    assert giulia.phone.typing == "Sara Conti"
    await send(sandbox, giulia.psid, persona_id=persona["id"])
    shown = giulia.screen()[-1]
    assert shown.sender == "Sara Conti" and not giulia.sees_typing
    async with aiohttp.ClientSession() as session, session.get(sandbox.url + shown.picture) as response:
        assert picture_size(await response.read()) == (80, 60)
    assert (await send(sandbox, giulia.psid, persona_id="1"))["code"] == 100
    assert await graph(sandbox, "DELETE", persona["id"]) == {"success": True}
    assert (await graph(sandbox, "GET", f"{sandbox.messenger.page_id}/personas"))["data"] == []


async def test_profile_subscription_and_person(sandbox: Sandbox) -> None:
    menu = [
        {"locale": "default", "call_to_actions": [{"type": "postback", "title": "Persona", "payload": "/p"}]}
    ]
    assert (
        "Get Started"
        in (await graph(sandbox, "POST", "me/messenger_profile", persistent_menu=menu))["message"]
    )
    breakers = [
        {"locale": "default", "call_to_actions": [{"question": "Orari?", "payload": "/o"}]},
        {"locale": "en_GB", "call_to_actions": [{"question": "Hours?", "payload": "/o"}]},
    ]
    profile: dict[str, Any] = {
        "get_started": {"payload": "/start"},
        "persistent_menu": menu,
        "ice_breakers": breakers,
    }
    assert await graph(sandbox, "POST", "me/messenger_profile", **profile) == {"result": "success"}
    stored = await graph(
        sandbox, "GET", "me/messenger_profile", query={"fields": "get_started,persistent_menu"}
    )
    assert stored["data"] == [{"get_started": {"payload": "/start"}, "persistent_menu": menu}]
    tom = sandbox.messenger.customer("Tom Hill", "en")
    assert tom.ice_breakers() == [("Hours?", "/o")]
    await tom.taps_ice_breaker("Hours?")
    await tom.taps_menu("Persona")
    await tom.gets_started()
    person = await graph(sandbox, "GET", tom.psid, query={"fields": "first_name,last_name"})
    assert person == {"first_name": "Tom", "last_name": "Hill", "id": tom.psid}
    tom.hides_profile = True
    assert (await graph(sandbox, "GET", tom.psid))["error_subcode"] == 2018218
    page = sandbox.messenger.page_id
    assert await graph(sandbox, "POST", f"{page}/subscribed_apps", subscribed_fields="messages") == {
        "success": True
    }
    assert (await graph(sandbox, "GET", f"{page}/subscribed_apps"))["data"][0]["subscribed_fields"] == [
        "messages"
    ]
    assert (await graph(sandbox, "GET", "app"))["id"] == sandbox.messenger.app_id
    assert (await graph(sandbox, "GET", "app", token="no"))["code"] == 190
    error = await graph(sandbox, "GET", "app", query={"appsecret_proof": "00"})
    assert error["code"] == 100 and "appsecret_proof" in error["message"]


async def test_messenger_faults(sandbox: Sandbox) -> None:
    giulia = sandbox.messenger.customer("Giulia", "it")
    await giulia.says("ciao")
    sandbox.messenger.fail_next(status=429, retry_after=90)
    assert (await send(sandbox, giulia.psid))["code"] == 613
    sandbox.messenger.fail_next(status=500)
    assert (await send(sandbox, giulia.psid))["is_transient"]
    sandbox.messenger.drop_next()
    with pytest.raises(aiohttp.ClientError):
        await send(sandbox, giulia.psid)
    assert len(giulia.screen()) == 1
    sandbox.messenger.cut_next()
    with pytest.raises(aiohttp.ClientError):
        await send(sandbox, giulia.psid)
    assert len(giulia.screen()) == 2 and sandbox.messenger.calls[-1].fault == "cut"


async def test_what_a_messenger_customer_can_send(sandbox: Sandbox, listener: Listener) -> None:
    giulia = sandbox.messenger.customer("Giulia", "it")
    await giulia.sends_photo(PNG)
    await giulia.sends_voice()
    await giulia.sends_document()
    await giulia.sends_sticker()
    await listener.until(lambda: len(listener.events) == 4)
    attachments = [event["message"]["attachments"][0] for event in listener.events]
    assert [attachment["type"] for attachment in attachments] == ["image", "audio", "file", "image"]
    assert listener.events[-1]["message"]["sticker_id"]
    async with aiohttp.ClientSession() as session, session.get(attachments[0]["payload"]["url"]) as response:
        assert await response.read() == PNG


async def test_waiting_says_what_was_seen(sandbox: Sandbox) -> None:
    mario = sandbox.telegram.customer("Mario", "it")
    asked = await mario.says("ciao")
    await call(sandbox, "sendMessage", chat_id=mario.id, text="Eccomi")
    with pytest.raises(AssertionError, match="Vivalinea: Eccomi"):
        await mario.waits_for("altro", seconds=0.01)
    last: Bubble = await mario.waits_for("eccomi", since=asked)
    with pytest.raises(AssertionError):
        await mario.waits_for("eccomi", seconds=0.01, since=last)


async def test_platforms_remember_over_a_restart(tmp_path: Path) -> None:
    def anew() -> Sandbox:
        return Sandbox(port=0, bot_url=lambda: "http://127.0.0.1:9", state_dir=tmp_path)

    async with anew() as before:
        mario, giulia = before.telegram.customer("Mario"), before.messenger.customer("Giulia Neri")
        await mario.sends_photo(PNG)
        await giulia.says("ciao")
        await call(before, "sendMessage", chat_id=mario.id, text="a", reply_markup={"keyboard": [["Orari"]]})
        persona = await graph(
            before, "POST", "me/personas", name="Sara", profile_picture_url="http://x.example/s"
        )
    async with anew() as after:
        assert after.telegram_settings.token == before.telegram_settings.token
        assert after.telegram.updates.next_id == before.telegram.updates.next_id
        again = after.telegram.customers[mario.id]
        assert [bubble.quick_replies for bubble in again.screen()] == [(), ("Orari",)]
        async with (
            aiohttp.ClientSession() as session,
            session.get(after.url + again.screen()[0].image) as got,
        ):
            assert await got.read() == PNG
        assert (await call(after, "sendMessage", chat_id=mario.id, text="b"))["ok"]
        assert "message_id" in await send(after, giulia.psid, persona_id=persona["id"])
    (tmp_path / "sandbox" / "sandbox.json").write_text("{")
    async with anew() as empty:
        assert mario.id not in empty.telegram.customers
