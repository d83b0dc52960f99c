"""Telegram: what its updates mean, what goes out (judged by the Bot API's specification), polling, trouble."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from telegram.error import NetworkError, TimedOut

from bot.channels import door
from bot.channels.base import Delivery, Sent, fit
from bot.channels.telegram import TelegramChannel, TelegramSettings
from bot.channels.telegram_client import send_error
from bot.channels.telegram_parse import ALLOWED_UPDATES, parse, split
from bot.model.errors import NotForUs, SendError
from bot.model.messages import Attachment, Contact, ConversationKey, Incoming, Kind, Location, RawEvent, Sender
from bot.model.replies import Part, QuickReply, Reply, Speaker
from bot.sandbox.judge import judge
from tests.recorder import Answer, Call, Recorder, recording

PAYLOADS = Path(__file__).parent / "payloads" / "telegram"
UPDATES = sorted((PAYLOADS / "nutgram").glob("*.json"))
TOKEN = "123456:AA-very-secret-token"
KEY = ConversationKey("telegram", "77")


def update(name: str) -> Any:
    return json.loads((PAYLOADS / "nutgram" / f"{name}.json").read_text())


def read(name: str, **changes: Any) -> Incoming:
    """A recorded update in product words; `changes` go into what the update holds."""
    value = update(name)
    next(v for k, v in value.items() if k != "update_id").update(changes)
    [raw] = split(value)
    return parse(raw, "telegram")


# In


@pytest.mark.parametrize("path", UPDATES, ids=lambda path: path.stem)
def test_every_recorded_update_is_kept_and_read_or_set_aside(path: Path) -> None:
    value = json.loads(path.read_text())
    [raw] = door.events_in(path.read_bytes(), split)
    assert raw.payload == value
    assert raw.external_id == str(value["update_id"])
    try:
        incoming = parse(raw, "telegram")
    except NotForUs as why:
        assert str(why)
    else:
        said = incoming.text or incoming.payload or incoming.command or incoming.location or incoming.contact
        assert said or incoming.attachments or incoming.unreadable


def test_what_customers_meant_is_read_or_named() -> None:
    meant = {path.stem for path in UPDATES if not _set_aside(path)}
    assert meant == {
        *"animation audio callback_query callback_query_complex callback_query_inaccessible_message".split(),
        *"checklist command command_message command_tag_valid command_tag_wrong command_with_parameters".split(),
        *"contact dice document edited_message entities food game giveaway giveaway_winners invoice".split(),
        *"location message message_forward_origin message_poll not_command photo sticker story text".split(),
        *"venue video video_note voice".split(),
    }


def _set_aside(path: Path) -> bool:
    try:
        parse(split(json.loads(path.read_text()))[0], "telegram")
    except NotForUs:
        return True
    return False


def test_groups_are_not_for_us() -> None:
    [raw] = split(update("message_topic"))
    assert raw.chat is None
    with pytest.raises(NotForUs):
        parse(raw, "telegram")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("animation", "video"),
        ("audio", "audio"),
        ("document", "document"),
        ("photo", "photo"),
        ("sticker", "sticker"),
        ("video", "video"),
        ("video_note", "video"),
        ("voice", "voice"),
    ],
)
def test_a_file_is_one_attachment(name: str, expected: str) -> None:
    [attachment] = read(name).attachments
    assert attachment.kind == expected and attachment.ref


def test_the_largest_picture_is_taken_and_the_caption_is_the_text() -> None:
    incoming = read("photo")
    assert incoming.attachments == (Attachment("photo", "SAAS", mime="image/jpeg", size=84913),)
    assert incoming.text == "asdasdasdasdasdasd"


def test_places_and_venues_are_positions() -> None:
    assert read("venue").location == Location(41.899977, 12.501028)
    assert read("location").location is not None
    assert read("location", location={"latitude": 200, "longitude": 1}).unreadable == "location"


def test_a_number_is_own_only_when_telegram_says_so() -> None:
    assert read("contact").contact == Contact("911", "911", own=False)
    shared = {"phone_number": "+393331234567", "first_name": "Mario", "last_name": "Bros"}
    assert read("contact", contact={**shared, "user_id": 12345}).contact == Contact(
        "+393331234567", "Mario Bros", own=True
    )
    stranger = read("contact", contact={**shared, "user_id": 999}).contact
    assert stranger and not stranger.own
    nobody = read("contact", contact={**shared, "user_id": None}, **{"from": {}}).contact
    assert nobody and not nobody.own


@pytest.mark.parametrize(
    ("text", "command", "payload", "rest"),
    [
        ("/start", "start", "", ""),
        ("/start from-the-site_1", "start", "from-the-site_1", ""),
        ('/start /request_pin{"a": 1}', "start", "", '/request_pin{"a": 1}'),
        ("/AIUTO", "help", "", ""),
        ("/help@sportello_bot", "help", "", ""),
        ("/operatore la linea è ferma\nda ieri", "agent", "", "la linea è ferma\nda ieri"),
        ("/agent", "agent", "", ""),
        ("/stato", "status", "", ""),
        ("/status", "status", "", ""),
        ("/privacy", "privacy", "", ""),
        ("/orari", "", "", "/orari"),
        ("e/o", "", "", "e/o"),
    ],
)
def test_commands_in_both_languages(text: str, command: str, payload: str, rest: str) -> None:
    incoming = read("message", text=text)
    assert (incoming.command, incoming.payload, incoming.text) == (command, payload, rest)


def test_an_edit_names_the_message_and_carries_its_new_text() -> None:
    incoming = read("edited_message")
    assert (incoming.kind, incoming.platform_id, incoming.text) == (
        Kind.EDITED,
        "23762",
        update("edited_message")["edited_message"]["text"],
    )
    with pytest.raises(NotForUs):
        read("edited_message", text=None, location={"latitude": 1, "longitude": 2})


@pytest.mark.parametrize(("status", "kind"), [("kicked", Kind.BLOCKED), ("member", Kind.UNBLOCKED)])
def test_blocking_and_unblocking(status: str, kind: Kind) -> None:
    assert read("my_chat_member", new_chat_member={"status": status}).kind is kind


def test_a_tap_on_an_inline_button_has_payload_and_title() -> None:
    message = {
        **update("callback_query")["callback_query"]["message"],
        "reply_markup": {"inline_keyboard": [[{"text": "Orari", "callback_data": "/store_hours"}]]},
    }
    incoming = read("callback_query", data="/store_hours", message=message)
    assert (incoming.payload, incoming.text, incoming.key.chat) == ("/store_hours", "Orari", "222222222")


@pytest.mark.parametrize("name", ["message_poll", "dice", "game", "story", "checklist"])
def test_what_the_bot_cannot_read_is_named(name: str) -> None:
    assert read(name).unreadable == name.removeprefix("message_")


def test_a_kind_newer_than_the_code_still_gets_an_answer() -> None:
    assert read("dice", dice=None, hologram={"a": 1}).unreadable
    value = update("message")
    del value["message"]["text"]
    value["message"]["hologram"] = {"a": 1}
    assert parse(split(value)[0], "telegram").unreadable == "message"


def test_the_words_of_a_rich_message_are_read() -> None:
    incoming = read("rich_message", **{"from": {"id": 1, "is_bot": False, "first_name": "Mario"}})
    assert incoming.text.startswith("it's me mario") and not incoming.unreadable
    with pytest.raises(NotForUs):
        read("rich_message")  # as recorded: written by a bot


def test_who_wrote() -> None:
    assert read("contact").sender == Sender("Mario Bros", "it")


# Out


async def telegram(call: Call) -> Answer:
    """What Telegram answers when all is well."""
    if call.name == "getUpdates":
        await asyncio.sleep(0.02)
        return 200, {"ok": True, "result": []}
    if call.name in ("sendMessage", "sendPhoto"):
        chat = {"id": int(call.given["chat_id"]), "type": "private", "first_name": "Mario"}
        return 200, {"ok": True, "result": {"message_id": 501, "date": 1_750_000_000, "chat": chat}}
    if call.name == "getFile":
        path = f"photos/{call.given['file_id']} 1.jpg"
        return 200, {"ok": True, "result": {"file_id": "f", "file_unique_id": "u", "file_path": path}}
    if call.path.startswith("/file/"):
        return 200, b"x" * 100_000
    return 200, {"ok": True, "result": True}


@pytest_asyncio.fixture
async def platform() -> AsyncIterator[Recorder]:
    """Telegram, recorded; at the end every call is judged by the specification."""
    async with recording(telegram) as recorder:
        yield recorder
    for call in recorder.calls:
        if call.path.startswith("/bot"):
            judge(call.name, call.given)


@pytest_asyncio.fixture
async def channel(platform: Recorder) -> AsyncIterator[TelegramChannel]:
    """A channel that was not started: it can send, and asks for nothing by itself."""
    channel = TelegramChannel(TelegramSettings(TOKEN, None, platform.url, None))
    yield channel
    await channel.stop()


def delivery(part: Part) -> Delivery:
    return Delivery(KEY, part, row="1")


async def test_a_text_goes_out_as_it_is_and_takes_old_buttons_away(
    platform: Recorder, channel: TelegramChannel
) -> None:
    assert await channel.send(delivery(Part("Prezzo: 5*2 <b> _ok_"))) == Sent("501")
    [call] = platform.calls
    assert call.given["text"] == "Prezzo: 5*2 <b> _ok_"
    assert "parse_mode" not in call.given
    assert json.loads(call.given["reply_markup"]) == {"remove_keyboard": True}


async def test_buttons_become_a_reply_keyboard(platform: Recorder, channel: TelegramChannel) -> None:
    offered = (
        QuickReply("Orari", "/store_hours"),
        QuickReply("PIN", "/request_pin"),
        QuickReply("Invia posizione", "/share_location", kind="location"),
        QuickReply("Invia numero", "/share_contact", kind="contact"),
        QuickReply("Parla con noi", "/ask_human"),
    )
    [part] = fit(Reply("Come ti aiuto?", offered), channel.limits, channel.abilities)
    await channel.send(delivery(part))
    assert json.loads(platform.calls[0].given["reply_markup"]) == {
        "keyboard": [
            [{"text": "Orari"}, {"text": "PIN"}],
            [{"text": "Invia posizione", "request_location": True}],
            [{"text": "Invia numero", "request_contact": True}],
            [{"text": "Parla con noi"}],
        ],
        "resize_keyboard": True,
        "one_time_keyboard": True,
        "input_field_placeholder": "Orari / PIN / Invia posizione / Invia numero / Parla con noi",
    }


async def test_a_person_is_introduced_with_a_picture_and_a_name(
    platform: Recorder, channel: TelegramChannel, tmp_path: Path
) -> None:
    picture = tmp_path / "anna.jpg"
    picture.write_bytes(b"\xff\xd8 a face")
    anna = Speaker(1, "Anna", str(picture), "")
    reply = Reply("buongiorno, sono qui per te.", image=anna.picture)
    [part] = fit(reply, channel.limits, channel.abilities, speaker=anna)
    await channel.send(delivery(part))
    [call] = platform.named("sendPhoto")
    assert call.given["caption"] == "Anna: buongiorno, sono qui per te."
    assert b"\xff\xd8 a face" in call.given.values()


async def test_a_picture_by_address_is_passed_on(platform: Recorder, channel: TelegramChannel) -> None:
    await channel.send(delivery(Part(image="https://example.org/map.png")))
    assert platform.calls[0].given["photo"] == "https://example.org/map.png"
    assert "caption" not in platform.calls[0].given


async def test_words_arrive_even_when_their_picture_cannot(
    platform: Recorder, channel: TelegramChannel, tmp_path: Path
) -> None:
    await channel.send(delivery(Part("Anna: eccomi", image=str(tmp_path / "gone.jpg"))))
    platform.answers["sendPhoto"] = [(400, {"ok": False, "error_code": 400, "description": "Bad Request: IMAGE"})]
    await channel.send(delivery(Part("Anna: eccomi", image="https://example.org/broken.png")))
    assert [call.given["text"] for call in platform.named("sendMessage")] == ["Anna: eccomi"] * 2


async def test_what_a_person_sends_for_its_picture_does_not_go_without(
    platform: Recorder, channel: TelegramChannel, tmp_path: Path
) -> None:
    shown = replace(delivery(Part("ecco la scheda", image=str(tmp_path / "gone.jpg"))), human=True)
    with pytest.raises(SendError) as gone:
        await channel.send(shown)
    assert (gone.value.reason, gone.value.permanent, platform.calls) == ("picture", True, [])
    platform.answers["sendPhoto"] = [(400, {"ok": False, "error_code": 400, "description": "Bad Request: IMAGE"})]
    with pytest.raises(SendError):
        await channel.send(replace(shown, part=Part("ecco la scheda", image="https://example.org/broken.png")))
    anna = Speaker(1, "Anna", str(tmp_path / "gone.jpg"), "")
    await channel.send(replace(shown, speaker=anna))  # her face is no reason to say nothing
    assert [call.given["text"] for call in platform.named("sendMessage")] == ["ecco la scheda"]


async def test_typing_never_raises(platform: Recorder, channel: TelegramChannel) -> None:
    await channel.typing(KEY)
    platform.answers["sendChatAction"] = ["drop", (403, {"ok": False, "error_code": 403, "description": "no"})]
    await channel.typing(KEY)
    await channel.typing(KEY)
    assert [call.given["action"] for call in platform.named("sendChatAction")] == ["typing"] * 3


def recorded(name: str) -> Any:
    return json.loads((PAYLOADS / "nutgram_responses" / f"{name}.json").read_text())


TROUBLE: list[tuple[Answer, tuple[str, bool, float | None, bool]]] = [
    ((429, recorded("too_many_requests")), ("limit", False, 14.0, False)),
    ((403, recorded("user_deactivated")), ("blocked", True, None, False)),
    ((400, recorded("too_long")), ("bad_request", True, None, False)),
    ((400, {"ok": False, "description": "Bad Request: chat not found"}), ("gone", True, None, False)),
    ((401, {"ok": False, "description": "Unauthorized"}), ("token", False, 60.0, False)),
    ((500, {"ok": False, "description": "Internal"}), ("platform", False, None, False)),
    ((502, "<html>bad gateway</html>"), ("platform", False, None, False)),
    ((200, "<html>what?</html>"), ("no_answer", False, None, True)),
    ((200, {"ok": True, "result": {}}), ("no_answer", False, None, True)),
    ("drop", ("no_answer", False, None, True)),
]


@pytest.mark.parametrize(("answer", "expected"), TROUBLE)
async def test_trouble_says_whether_trying_again_makes_sense(
    platform: Recorder, channel: TelegramChannel, answer: Answer, expected: tuple[str, bool, float | None, bool]
) -> None:
    platform.answers["sendMessage"] = [answer]
    with pytest.raises(SendError) as caught:
        await channel.send(delivery(Part("ciao")))
    error = caught.value
    assert (error.reason, error.permanent, error.retry_after, error.ambiguous) == expected


async def test_a_platform_out_of_reach_did_not_get_the_message(unused_address: str) -> None:
    channel = TelegramChannel(TelegramSettings(TOKEN, None, unused_address, None))
    with pytest.raises(SendError) as caught:
        await channel.send(delivery(Part("ciao")))
    assert (caught.value.reason, caught.value.permanent, caught.value.ambiguous) == ("network", False, False)
    await channel.stop()


@pytest_asyncio.fixture
async def unused_address() -> str:
    async with TestServer(web.Application()) as server:
        return str(server.make_url("")).rstrip("/")


@pytest.mark.parametrize(
    ("cause", "ambiguous"),
    [
        (httpx.PoolTimeout("full"), False),
        (httpx.ConnectTimeout("slow"), False),
        (httpx.ReadTimeout("slow"), True),
        (httpx.WriteTimeout("slow"), True),
    ],
)
def test_only_a_time_out_after_sending_is_ambiguous(cause: Exception, ambiguous: bool) -> None:
    error = TimedOut()
    error.__cause__ = cause
    assert send_error(error, TOKEN).ambiguous is ambiguous


def test_an_error_never_shows_the_token() -> None:
    error = NetworkError(f"Unknown error in HTTP implementation: InvalidURL('http://x/bot{TOKEN}/sendMessage')")
    assert TOKEN not in str(send_error(error, TOKEN))


# Files


async def fetched(channel: TelegramChannel, ref: str) -> bytes:
    return b"".join([chunk async for chunk in channel.fetch(Attachment("photo", ref))])


@pytest_asyncio.fixture
async def started(platform: Recorder) -> AsyncIterator[TelegramChannel]:
    """A started channel whose webhook is set: it does not poll."""
    channel = TelegramChannel(TelegramSettings(TOKEN, None, platform.url, "https://bot.example.org"))
    await begun(channel, no_store)
    await until(lambda: len(platform.named("setMyCommands")) == 2)
    platform.calls.clear()
    yield channel
    await channel.stop()


async def begun(channel: TelegramChannel, receive: Any) -> None:
    """Started, and serving until it is stopped."""
    await channel.start()
    channel._run(channel.serve(receive))


async def no_store(name: str, raws: Sequence[RawEvent]) -> int:
    raise AssertionError("nothing should be stored")


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.005)


async def test_a_customers_file_is_streamed(platform: Recorder, started: TelegramChannel) -> None:
    assert await fetched(started, "abc") == b"x" * 100_000
    assert platform.calls[-1].path == f"/file/bot{TOKEN}/photos/abc 1.jpg"


@pytest.mark.parametrize(
    ("name", "answer", "permanent"),
    [
        ("getFile", (400, recorded("wrong_file_id")), True),
        ("abc 1.jpg", (404, "gone"), True),
        ("abc 1.jpg", (500, "later"), False),
        ("abc 1.jpg", "drop", False),
    ],
)
async def test_a_file_that_cannot_be_had_raises_without_the_token(
    platform: Recorder, started: TelegramChannel, name: str, answer: Answer, permanent: bool
) -> None:
    platform.answers[name] = [answer, answer]  # a dropped GET is asked again at once
    with pytest.raises(SendError) as caught:
        await fetched(started, "abc")
    assert caught.value.permanent is permanent
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


async def test_a_file_too_large_is_cut_off(
    platform: Recorder, started: TelegramChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TelegramChannel, "limits", replace(TelegramChannel.limits, download=99_999))
    with pytest.raises(SendError, match="too_large"):
        await fetched(started, "abc")


async def test_no_log_line_holds_the_token(
    platform: Recorder, started: TelegramChannel, caplog: pytest.LogCaptureFixture
) -> None:
    for name in (None, "httpx", "httpcore", "telegram"):
        caplog.set_level(logging.DEBUG, logger=name)  # as talkative as anyone could set it
    platform.answers["sendMessage"] = [(200, {"ok": True, "result": {}}), "drop"]
    for _ in range(2):
        with pytest.raises(SendError):
            await started.send(delivery(Part("ciao")))
    await started.send(delivery(Part("ciao")))
    await fetched(started, "abc")
    assert "sendMessage" in logged(caplog)  # the addresses were logged, so this test can fail
    assert TOKEN not in logged(caplog)


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """All but what the platform's own side logged."""
    return "\n".join(record.getMessage() for record in caplog.records if record.name != "aiohttp.access")


async def test_by_default_the_library_does_not_log_texts(
    platform: Recorder, channel: TelegramChannel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await channel.send(delivery(Part("il mio codice fiscale")))
    assert "codice" not in logged(caplog) and TOKEN not in logged(caplog)


# Set-up and polling


class Store:
    """Remembers; refuses as often as told."""

    def __init__(self, refusals: int = 0) -> None:
        self.raws: list[RawEvent] = []
        self.refusals = refusals

    async def __call__(self, name: str, raws: Sequence[RawEvent]) -> int:
        if self.refusals:
            self.refusals -= 1
            raise OSError("disk full")
        self.raws += raws
        return len(raws)


def updates(*ids: int) -> Answer:
    found = [{**update("message"), "update_id": number} for number in ids]
    return 200, {"ok": True, "result": found}


@pytest_asyncio.fixture
async def polling(platform: Recorder) -> AsyncIterator[Callable[[Store], Any]]:
    made: list[TelegramChannel] = []

    async def start(store: Store) -> TelegramChannel:
        made.append(TelegramChannel(TelegramSettings(TOKEN, None, platform.url, None), first_pause=0.01))
        await begun(made[-1], store)
        return made[-1]

    yield start
    for channel in made:
        await channel.stop()


async def test_polling_confirms_only_what_is_stored(platform: Recorder, polling: Any) -> None:
    store = Store(refusals=1)
    platform.answers["getUpdates"] = [updates(7, 8), updates(7, 8)]
    await polling(store)
    await until(lambda: len(platform.named("getUpdates")) >= 4)
    first, again, confirming, after = platform.named("getUpdates")[:4]
    assert "offset" not in first.given and "offset" not in again.given
    assert confirming.given["offset"] == "9"
    assert "offset" not in after.given  # ids may restart lower
    assert [raw.external_id for raw in store.raws] == ["7", "8"]
    assert platform.calls[0].name == "deleteWebhook"
    assert json.loads(first.given["allowed_updates"]) == list(ALLOWED_UPDATES)


async def test_polling_survives_trouble_and_strange_updates(platform: Recorder, polling: Any) -> None:
    store = Store()
    conflict = {"ok": False, "error_code": 409, "description": "Conflict: terminated by other getUpdates request"}
    strange = {"update_id": 3, "message": {"chat": 5}}
    platform.answers["deleteWebhook"] = [(502, "bad gateway")]
    platform.answers["getUpdates"] = [
        (409, conflict),
        "drop",
        (200, {"ok": True, "result": [strange, {**update("message"), "update_id": 4}]}),
    ]
    await polling(store)
    await until(lambda: len(store.raws) == 2)
    assert [(raw.external_id, raw.chat is None) for raw in store.raws] == [("3", True), ("4", False)]
    assert store.raws[0].payload == strange
    assert len(platform.named("deleteWebhook")) == 2


async def test_stopping_ends_the_poll_at_once(platform: Recorder, polling: Any) -> None:
    channel = await polling(Store())
    await until(lambda: bool(platform.named("getUpdates")))
    async with asyncio.timeout(5):
        await channel.stop()
    calls = len(platform.calls)
    await asyncio.sleep(0.1)
    assert len(platform.calls) == calls


async def test_with_a_public_address_the_webhook_registers_itself(platform: Recorder) -> None:
    channel = TelegramChannel(TelegramSettings(TOKEN, None, platform.url, "https://bot.example.org/"))
    await begun(channel, no_store)
    await until(lambda: len(platform.named("setMyCommands")) == 2)
    await channel.stop()
    [call] = platform.named("setWebhook")
    assert call.given["url"] == "https://bot.example.org/webhooks/telegram"
    assert json.loads(call.given["allowed_updates"]) == list(ALLOWED_UPDATES)
    assert TOKEN not in call.given["secret_token"] and len(call.given["secret_token"]) == 64
    assert platform.named("getUpdates") == []
    menus = {c.given.get("language_code", ""): json.loads(c.given["commands"]) for c in platform.named("setMyCommands")}
    assert [entry["command"] for entry in menus[""]] == ["start", "aiuto", "operatore", "stato", "privacy"]
    assert [entry["command"] for entry in menus["en"]] == ["start", "help", "agent", "status", "privacy"]


async def test_the_secret_made_from_the_token_opens_the_webhook(platform: Recorder) -> None:
    settings = TelegramSettings(TOKEN, None, platform.url, "https://bot.example.org")
    registering, receiving = TelegramChannel(settings), TelegramChannel(settings)
    await begun(registering, no_store)
    await until(lambda: bool(platform.named("setWebhook")))
    store = Store()
    app = web.Application()
    app.add_routes(receiving.routes(store))
    secret = platform.named("setWebhook")[0].given["secret_token"]
    async with TestClient(TestServer(app)) as client:
        headers = {"X-Telegram-Bot-Api-Secret-Token": secret}
        tap = update("callback_query")
        async with client.post("/webhooks/telegram", json=tap, headers=headers) as response:
            assert response.status == 200
    await until(lambda: bool(platform.named("answerCallbackQuery")))
    assert len(store.raws) == 1
    await registering.stop()
    await receiving.stop()
