"""Messenger: what its events mean, what goes out, the window, personas, set-up, trouble."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.channels import door
from bot.channels.base import Delivery, Sent, fit
from bot.channels.messenger import MessengerChannel, MessengerSettings
from bot.channels.messenger_parse import Ours, parse, split
from bot.channels.messenger_setup import FIELDS, wanted_profile
from bot.model.errors import NotForUs, SendError
from bot.model.messages import Attachment, Contact, ConversationKey, Incoming, Kind, Location, RawEvent, Sender
from bot.model.replies import Part, QuickReply, Reply, Speaker
from tests.recorder import Answer, Call, Recorder, recording

PAYLOADS = Path(__file__).parent / "payloads" / "messenger"
DELIVERIES = sorted([*PAYLOADS.glob("bottender/connector_*.json"), *PAYLOADS.glob("ker0x/Callback-*.json")])
ANSWERS = [*PAYLOADS.glob("ker0x/Response-*.json")]
SINGLE = sorted(set(PAYLOADS.glob("*/*.json")) - {*DELIVERIES, *ANSWERS})
PAGE = "PAGE_ID"
KEY = ConversationKey("messenger", "77")
OURS = Ours("messenger", PAGE)


def loaded(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text())


def enveloped(event: Any, *, page: str = PAGE) -> Any:
    name = "changes" if "field" in event else "messaging"
    return {"object": "page", "entry": [{"id": page, "time": 1458692752478, name: [event]}]}


def only(event: Any) -> RawEvent:
    [raw] = split(enveloped(event), PAGE)
    return raw


def read(event: Any, ours: Ours = OURS) -> Incoming:
    return parse(only(event), ours)


def said(**message: Any) -> Any:
    return {
        "sender": {"id": "77"},
        "recipient": {"id": PAGE},
        "timestamp": 1_750_000_000_000,
        "message": {"mid": "m1", **message},
    }


# In


@pytest.mark.parametrize("path", SINGLE, ids=lambda path: path.stem)
def test_every_recorded_event_is_kept_and_read_or_set_aside(path: Path) -> None:
    event = json.loads(path.read_text())
    body = json.dumps(enveloped(event)).encode()
    [raw] = door.events_in(body, lambda delivery: split(delivery, PAGE))
    assert raw.payload == enveloped(event)
    assert door.events_in(body, lambda delivery: split(delivery, PAGE))[0].external_id == raw.external_id
    try:
        incoming = parse(raw, OURS)
    except NotForUs as why:
        assert str(why)
    else:
        assert incoming.key.chat and incoming.key.chat != PAGE


def test_every_recorded_event_has_its_own_id() -> None:
    ids: dict[str, str] = {}
    for folder in ("jgorset", "ker0x"):
        for path in [path for path in SINGLE if path.parent.name == folder and "message" not in path.stem.lower()]:
            external_id = only(json.loads(path.read_text())).external_id
            assert ids.setdefault(f"{folder}:{external_id}", path.stem) == path.stem
    assert len(ids) > 20


@pytest.mark.parametrize("path", DELIVERIES, ids=lambda path: path.stem)
def test_every_recorded_delivery_is_split_without_loss(path: Path) -> None:
    body = path.read_bytes()
    if "invalid" in path.stem:
        with pytest.raises(web.HTTPBadRequest):
            door.events_in(body, lambda delivery: split(delivery, PAGE))
        return
    raws = door.events_in(body, lambda delivery: split(delivery, PAGE))
    delivery = json.loads(body)
    entries = delivery.get("entry", [])
    events = [e for entry in entries for kind in ("messaging", "standby", "changes") for e in entry.get(kind, [])]
    kept = [raw.payload["entry"][0] for raw in raws if "entry" in raw.payload]
    assert [e for entry in kept for kind in ("messaging", "standby", "changes") for e in entry.get(kind, [])] == events
    assert raws and len(raws) == max(1, len(events))


def test_a_batch_with_standby_and_changes_is_read_to_its_end() -> None:
    comment = {"item": "comment", "comment_id": "9_1", "verb": "add", "message": "vergogna!"}
    delivery = {
        "object": "page",
        "entry": [
            {"id": PAGE, "time": 1, "messaging": [said(mid="a", text="uno"), said(mid="b", text="due")]},
            {"id": PAGE, "time": 2, "standby": [said(mid="c", text="tre")]},
            {"id": PAGE, "time": 3, "changes": [{"field": "feed", "value": comment}]},
            {"id": PAGE, "time": 4},
        ],
    }
    raws = split(delivery, PAGE)
    assert [raw.external_id for raw in raws[:4]] == ["a", "b", "standby:c", "comment:9_1:add"]
    assert [parse(raw, OURS).kind for raw in raws[:3]] == [Kind.MESSAGE, Kind.MESSAGE, Kind.STATUS]
    assert [raw.chat for raw in raws] == ["77", "77", "77", None, None]
    with pytest.raises(NotForUs):
        parse(raws[3], OURS)


def test_another_page_is_not_ours() -> None:
    [raw] = split(enveloped(said(text="ciao"), page="OTHER"), PAGE)
    assert raw.chat is None
    [instagram] = split({**enveloped(said(text="ciao")), "object": "instagram"}, PAGE)
    assert instagram.chat is None


def test_the_time_is_the_platforms_in_milliseconds() -> None:
    assert read(said(text="ciao")).at == datetime.fromtimestamp(1_750_000_000, UTC)


def test_text_quick_reply_and_postback() -> None:
    assert read(loaded("bottender/textMessage")).text == "Sharp tools make good work."
    tapped = read(loaded("bottender/quickReplyMessage"))
    assert (tapped.text, tapped.payload) == ("Red", "DEVELOPER_DEFINED_PAYLOAD_FOR_PICKING_RED")
    menu = read(loaded("ker0x/Event-postback"))
    assert (menu.kind, menu.text, menu.payload) == (Kind.MESSAGE, "TITLE_FOR_THE_CTA", "USER_DEFINED_PAYLOAD")
    assert read(loaded("ker0x/Event-postback_from_stand_by")).kind is Kind.STATUS


def test_a_postback_has_its_own_id_with_and_without_mid() -> None:
    event = {**said(), "postback": {"mid": "m-tap", "payload": "/greet"}}
    del event["message"]
    assert only(event).external_id == "m-tap"
    del event["postback"]["mid"]
    first, again = only(event).external_id, only(event).external_id
    later = only({**event, "timestamp": 1_750_000_000_001}).external_id
    assert first == again != later


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("audioMessage", "audio"),
        ("fileMessage", "document"),
        ("imageMessage", "photo"),
        ("videoMessage", "video"),
        ("likeStickerMessage", "sticker"),
        ("hugeLikeStickerMessage", "sticker"),
    ],
)
def test_a_file_is_one_attachment(name: str, kind: str) -> None:
    event = loaded(f"bottender/{name}")
    [attachment] = read(event).attachments
    assert attachment.kind == kind
    assert attachment.ref == event["message"]["attachments"][0]["payload"]["url"]


def test_a_file_has_its_name_and_several_are_all_kept() -> None:
    files = [{"type": "file", "payload": {"url": f"https://cdn.example/x/bolletta_{n}.pdf?sig=1"}} for n in (1, 2)]
    incoming = read(said(attachments=files))
    assert [attachment.name for attachment in incoming.attachments] == ["bolletta_1.pdf", "bolletta_2.pdf"]


def test_a_location_a_link_and_a_number() -> None:
    assert read(loaded("jgorset/message__location_payload")).location == Location(39.92077, 40.92077)
    assert read(loaded("bottender/fallbackMessage")).text == "TITLE_OF_THE_URL_ATTACHMENT URL_OF_THE_ATTACHMENT"
    shared = read(said(text="+393331234567", quick_reply={"payload": "+393331234567"}))
    assert (shared.contact, shared.payload) == (Contact("+393331234567", "", own=True), "")


def test_what_cannot_be_read_is_named() -> None:
    assert read(said(attachments=[{"type": "reel", "payload": {}}])).unreadable == "reel"
    assert read(said(is_unsupported=True)).unreadable
    assert read(said(attachments=[{"type": "image", "payload": {}}])).unreadable == "image"


def test_a_message_taken_back_is_no_message() -> None:
    event = said(is_deleted=True)
    assert read(event).kind is Kind.STATUS
    assert only(event).external_id != only(said(text="ciao")).external_id


def test_an_edit_names_the_message() -> None:
    event = {**said(), "message_edit": {"mid": "m1", "text": "corretto", "num_edit": 2}}
    del event["message"]
    incoming = read(event)
    assert (incoming.kind, incoming.platform_id, incoming.text) == (Kind.EDITED, "m1", "corretto")
    assert incoming.external_id == "m1:edit:2"


def test_reads_and_deliveries_count_up_to_their_watermark() -> None:
    mark = datetime.fromtimestamp(1458668856.253, UTC)
    seen, delivered = read(loaded("jgorset/read__payload")), read(loaded("jgorset/delivery__payload"))
    assert (seen.kind, seen.at) == (Kind.READ, mark)
    assert (delivered.kind, delivered.at) == (Kind.DELIVERED, mark)
    assert delivered.platform_id == "mid.1458668856218:ed81099e15d3f4f233"


def test_a_link_to_the_page_is_a_start() -> None:
    incoming = read(loaded("bottender/linkReferral"))
    assert (incoming.kind, incoming.command, incoming.payload) == (Kind.MESSAGE, "start", "aaaa")


@pytest.mark.parametrize("name", ["reactionReact", "reactionUnreact", "optin"])
def test_of_no_consequence(name: str) -> None:
    assert read(loaded(f"bottender/{name}")).kind is Kind.STATUS


def echo(**message: Any) -> Any:
    return {**said(is_echo=True, **message), "sender": {"id": PAGE}, "recipient": {"id": "77"}}


def test_echoes_belong_to_the_customers_conversation() -> None:
    assert read(echo(text="ciao")).key == KEY


@pytest.mark.parametrize(
    ("app_id", "message", "ours", "metadata"),
    [
        ("", {"metadata": "12"}, True, "12"),
        ("", {"metadata": "from another tool"}, False, ""),
        ("", {}, False, ""),
        ("5", {"app_id": 5, "metadata": "12"}, True, "12"),
        ("5", {"app_id": 6, "metadata": "12"}, False, ""),
        ("5", {"app_id": 5}, True, ""),
        ("5", {"metadata": "12"}, True, "12"),
    ],
)
def test_whose_echo_it_is(app_id: str, message: dict[str, Any], ours: bool, metadata: str) -> None:
    incoming = read(echo(text="ciao", **message), Ours("messenger", PAGE, app_id))
    assert (incoming.kind, incoming.ours, incoming.metadata) == (Kind.ECHO, ours, metadata)
    assert incoming.text == "ciao"


# Out


async def graph(call: Call) -> Answer:
    """What the Graph API answers when all is well."""
    if call.name == "messages" and "message" in call.given:
        return 200, {"recipient_id": "77", "message_id": "m-501"}
    if call.name == "personas":
        return 200, loaded("ker0x/Response-Persona-add")
    if call.name == "app":
        return 200, {"id": "5"}
    if call.name == "77":
        return 200, {"first_name": "Mario", "last_name": "Bros", "id": "77"}
    if call.name == "file.pdf":
        return 200, b"%PDF" * 50_000
    if call.verb == "GET":
        return 200, {"data": []}
    return 200, {"success": True}


PROOF = hmac.new(b"app-secret", b"page-token", hashlib.sha256).hexdigest()


@pytest_asyncio.fixture
async def platform() -> AsyncIterator[Recorder]:
    """The Graph API, recorded; at the end every call must have been signed."""
    async with recording(graph) as recorder:
        yield recorder
    for call in recorder.calls:
        if call.path.startswith("/v26.0/"):
            assert call.query["access_token"] == "page-token" and call.query["appsecret_proof"] == PROOF


@pytest_asyncio.fixture
async def channel(platform: Recorder) -> AsyncIterator[MessengerChannel]:
    channel = MessengerChannel(settings(platform.url), first_pause=0.01)
    yield channel
    await channel.stop()


def settings(url: str) -> MessengerSettings:
    return MessengerSettings(PAGE, "page-token", "app-secret", "verify-me", url, "v26.0", "https://bot.example.org")


def delivery(part: Part, **more: Any) -> Delivery:
    return Delivery(KEY, part, row="12", **more)


async def test_a_text_with_buttons(platform: Recorder, channel: MessengerChannel) -> None:
    offered = (
        QuickReply("Orari", "/store_hours"),
        QuickReply("Dove sono", "/share_location", kind="location"),
        QuickReply("Invia numero", "/share_contact", kind="contact"),
    )
    [part] = fit(Reply("Come ti aiuto?", offered), channel.limits, channel.abilities)
    assert await channel.send(delivery(part)) == Sent("m-501")
    [call] = platform.calls
    assert (call.verb, call.path) == ("POST", f"/v26.0/{PAGE}/messages")
    assert call.given == {
        "recipient": {"id": "77"},
        "messaging_type": "RESPONSE",
        "message": {
            "metadata": "12",
            "text": "Come ti aiuto?",
            "quick_replies": [
                {"content_type": "text", "title": "Orari", "payload": "/store_hours"},
                {"content_type": "user_phone_number"},
            ],
        },
    }


async def test_a_person_speaks_as_a_persona(platform: Recorder, channel: MessengerChannel) -> None:
    anna = Speaker(1, "Anna " + "Verdi" * 20, "anna.jpg", "https://bot.example.org/anna.jpg")
    handle = await channel.register(anna)
    assert handle == "<PERSONA_ID>"
    assert platform.calls[0].given == {"name": anna.name[:50], "profile_picture_url": anna.picture_url}
    speaker = Speaker(1, anna.name, anna.picture, anna.picture_url, handle)
    [part] = fit(Reply("Buongiorno"), channel.limits, channel.abilities, speaker=speaker)
    await channel.send(delivery(part, speaker=speaker, human=True))
    assert platform.calls[1].given["persona_id"] == handle
    assert platform.calls[1].given["message"]["text"] == "Buongiorno"


async def test_without_a_persona_the_words_arrive_with_the_name(platform: Recorder, channel: MessengerChannel) -> None:
    luca = Speaker(2, "Luca" * 20, "luca.jpg", "http://127.0.0.1:9/luca.jpg")
    platform.answers["personas"] = [(400, error(100, 2018008)), (500, error(2))]
    assert await channel.register(luca) is None
    with pytest.raises(SendError):
        await channel.register(luca)  # trying again may help here
    for part in fit(Reply("senzaspazi" * 300), channel.limits, channel.abilities, speaker=luca):
        await channel.send(delivery(part, speaker=luca, human=True))
    texts = [call.given["message"]["text"] for call in platform.named("messages")]
    assert len(texts) == 2
    assert all(text.startswith(luca.name[:50] + ": ") and len(text) < 2000 for text in texts)


async def test_outside_the_window_only_people_may_write(platform: Recorder, channel: MessengerChannel) -> None:
    with pytest.raises(SendError) as caught:
        await channel.send(delivery(Part("promemoria"), within_window=False))
    assert (caught.value.reason, caught.value.permanent) == ("window", True)
    assert platform.calls == []
    await channel.send(delivery(Part("eccomi"), within_window=False, human=True))
    await channel.send(delivery(Part("eccomi"), human=True))
    late, timely = platform.calls
    assert (late.given["messaging_type"], late.given["tag"]) == ("MESSAGE_TAG", "HUMAN_AGENT")
    assert timely.given["messaging_type"] == "RESPONSE" and "tag" not in timely.given


async def test_pictures_by_address_and_by_upload(
    platform: Recorder, channel: MessengerChannel, tmp_path: Path
) -> None:
    picture = tmp_path / "map.png"
    picture.write_bytes(b"\x89PNG map")
    for image in ("https://example.org/map.png", str(picture)):
        for part in fit(Reply("Ecco la mappa", image=image), channel.limits, channel.abilities):
            await channel.send(delivery(part))
    by_address, text, upload, _ = platform.calls
    assert by_address.given["message"]["attachment"]["payload"]["url"] == "https://example.org/map.png"
    assert text.given["message"]["text"] == "Ecco la mappa"
    assert upload.given["filedata"] == b"\x89PNG map"
    assert json.loads(upload.given["recipient"]) == {"id": "77"}
    assert json.loads(upload.given["message"])["metadata"] == "12"
    with pytest.raises(SendError) as caught:
        await channel.send(delivery(Part(image=str(tmp_path / "gone.png"))))
    assert caught.value.permanent


async def test_typing_never_raises(platform: Recorder, channel: MessengerChannel) -> None:
    await channel.typing(KEY)
    await channel.typing(KEY, Speaker(1, "Anna", "", "", "p-1"))
    platform.answers["messages"] = ["drop", (500, "later")]
    await channel.typing(KEY)
    assert [(c.given["sender_action"], c.given.get("persona_id")) for c in platform.calls[:3]] == [
        ("mark_seen", None),
        ("typing_on", None),
        ("typing_on", "p-1"),
    ]


async def test_a_name_where_the_platform_tells_it(platform: Recorder, channel: MessengerChannel) -> None:
    assert await channel.profile(KEY) == Sender("Mario Bros")
    platform.answers["77"] = [(200, {"first_name": "Mario", "locale": "it_IT"}), (403, error(230))]
    assert await channel.profile(KEY) == Sender("Mario", "it_IT")
    assert await channel.profile(KEY) == Sender("Mario Bros")  # without the permission for the locale
    hidden: Answer = (400, error(100, 2018218))
    platform.answers["77"] = [hidden, hidden, *["drop"] * 4]
    assert await channel.profile(KEY) == Sender()
    assert await channel.profile(KEY) == Sender()


async def test_a_name_is_not_waited_for_long(
    platform: Recorder, channel: MessengerChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A platform that takes the question and says nothing must not keep the customer from the first answer."""
    monkeypatch.setattr("bot.channels.messenger.NAME_WAIT", 0.05)
    end = asyncio.Event()

    async def hangs(_: Call) -> Answer:
        await end.wait()
        return 200, {}

    platform.usually = hangs
    try:
        async with asyncio.timeout(5):
            assert await channel.profile(KEY) == Sender()
    finally:
        end.set()


USAGE = {
    "X-Business-Use-Case-Usage": json.dumps(
        {"1": [{"type": "messenger", "estimated_time_to_regain_access": 7}, {"type": "pages"}]}
    )
}


def error(code: int, subcode: int = 0) -> Any:
    return {"error": {"code": code, "error_subcode": subcode, "message": "told by the platform"}}


@pytest.mark.parametrize(
    ("answer", "reason", "permanent", "retry_after", "ambiguous"),
    [
        *[((400, error(c)), "limit", False, 60.0, False) for c in (4, 17, 32, 613, 80001, 80006)],
        ((400, error(613), USAGE), "limit", False, 420.0, False),
        ((400, error(4), {"X-Business-Use-Case-Usage": "["}), "limit", False, 60.0, False),
        ((429, "slow down"), "limit", False, 60.0, False),
        ((400, error(10, 2018278)), "window", True, None, False),
        ((400, error(10, 1545041)), "window", True, None, False),
        ((400, error(551)), "blocked", True, None, False),
        ((401, loaded("ker0x/Response-Send-error")), "token", False, 60.0, False),
        ((400, error(10, 1893063)), "restricted", True, None, False),
        ((400, error(100)), "bad_request", True, None, False),
        ((404, "nothing here"), "bad_request", True, None, False),
        ((400, error(1)), "platform", False, None, False),
        ((500, error(2)), "platform", False, None, False),
        ((503, "<html>"), "platform", False, None, False),
        ((200, "<html>"), "no_answer", False, None, True),
        ((200, {}), "no_answer", False, None, True),
        ("drop", "no_answer", False, None, True),
    ],
)
async def test_trouble_says_whether_trying_again_makes_sense(
    platform: Recorder,
    channel: MessengerChannel,
    answer: Answer,
    reason: str,
    permanent: bool,
    retry_after: float | None,
    ambiguous: bool,
) -> None:
    platform.answers["messages"] = [answer]
    with pytest.raises(SendError) as caught:
        await channel.send(delivery(Part("ciao")))
    told = caught.value
    assert (told.reason, told.permanent, told.retry_after, told.ambiguous) == (
        reason,
        permanent,
        retry_after,
        ambiguous,
    )
    assert "page-token" not in str(told)


async def test_a_platform_out_of_reach_did_not_get_the_message(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with TestServer(web.Application()) as server:
        address = str(server.make_url("")).rstrip("/")
    channel = MessengerChannel(settings(address))
    with pytest.raises(SendError) as caught:
        await channel.send(delivery(Part("ciao")))
    assert (caught.value.reason, caught.value.permanent, caught.value.ambiguous) == ("network", False, False)
    assert "page-token" not in caplog.text + repr(caught.value)
    await channel.stop()


async def test_a_customers_file_is_streamed(platform: Recorder, channel: MessengerChannel) -> None:
    ref = f"{platform.url}/cdn/file.pdf?sig=1"
    chunks = [chunk async for chunk in channel.fetch(Attachment("document", ref))]
    assert b"".join(chunks) == b"%PDF" * 50_000 and len(chunks) > 1
    assert "access_token" not in platform.calls[-1].query
    platform.answers["file.pdf"] = [(403, "expired")]
    for bad in (ref, "file:///etc/passwd"):
        with pytest.raises(SendError) as caught:
            _ = [chunk async for chunk in channel.fetch(Attachment("document", bad))]
        assert caught.value.permanent and "sig=1" not in str(caught.value)


# The webhook's own ways, and set-up


async def no_store(name: str, raws: Sequence[RawEvent]) -> int:
    raise AssertionError("nothing should be stored")


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("mode", "token", "status", "text"),
    [
        ("subscribe", "verify-me", 200, "1158201444"),
        ("subscribe", "wrong", 403, None),
        ("subscribe", "", 403, None),
        ("unsubscribe", "verify-me", 403, None),
    ],
)
async def test_verification(mode: str, token: str, status: int, text: str | None) -> None:
    app = web.Application()
    app.add_routes(MessengerChannel(settings("http://127.0.0.1:9")).routes(no_store))
    query = {"hub.mode": mode, "hub.verify_token": token, "hub.challenge": "1158201444"}
    async with TestClient(TestServer(app)) as client, client.get("/webhooks/messenger", params=query) as response:
        assert response.status == status
        assert text is None or await response.text() == text


async def test_the_signature_is_over_the_raw_body() -> None:
    app = web.Application()
    app.add_routes(MessengerChannel(settings("http://127.0.0.1:9")).routes(no_store))
    body = json.dumps(enveloped(said(text="ciao"))).encode()
    good = "sha256=" + hmac.new(b"app-secret", body, hashlib.sha256).hexdigest()
    async with TestClient(TestServer(app)) as client:
        for changed, signature in ((body + b" ", good), (body, good.removeprefix("sha256=")), (body, "sha1=x")):
            headers = {"X-Hub-Signature-256": signature}
            async with client.post("/webhooks/messenger", data=changed, headers=headers) as response:
                assert response.status == 403


async def test_the_app_is_asked_for_until_it_answers(platform: Recorder, channel: MessengerChannel) -> None:
    platform.answers["app"] = [(500, "later"), "drop", "drop"]
    await channel.start()
    stranger = echo(app_id=6, metadata="12", text="dal collega")
    await until(lambda: not channel.parse(only(stranger)).ours)
    assert channel.parse(only(echo(app_id=5, metadata="12"))).ours


async def test_set_up_sends_everything_once(platform: Recorder, channel: MessengerChannel) -> None:
    changed = await channel.set_up()
    assert changed == ["subscribed_apps", "get_started", "greeting", "ice_breakers", "persistent_menu"]
    posts = {call.name: call.given for call in platform.calls if call.verb == "POST"}
    assert set(posts["subscribed_apps"]["subscribed_fields"].split(",")) == set(FIELDS)
    assert posts["messenger_profile"] == wanted_profile()
    assert sum(call.name == "messenger_profile" for call in platform.calls) == 2


def platform_made(profile: dict[str, Any]) -> Any:
    """The same profile as a platform might give it back."""
    profile = json.loads(json.dumps(profile))
    profile["greeting"].reverse()
    profile["ice_breakers"].reverse()
    for menu in profile["persistent_menu"]:
        del menu["composer_input_disabled"]
    profile["get_started"]["id"] = "added"
    return {"data": [profile]}


async def test_set_up_again_changes_nothing(platform: Recorder, channel: MessengerChannel) -> None:
    platform.answers["subscribed_apps"] = [(200, {"data": [{"id": "5", "subscribed_fields": list(FIELDS)}]})]
    platform.answers["messenger_profile"] = [(200, platform_made(wanted_profile()))]
    assert await channel.set_up() == []
    assert [call.verb for call in platform.calls] == ["GET"] * 3


async def test_set_up_sends_only_what_differs(platform: Recorder, channel: MessengerChannel) -> None:
    other = {**wanted_profile(), "greeting": [{"locale": "default", "text": "Hello!"}]}
    subscribed = {"data": [{"id": "5", "subscribed_fields": ["feed", "messages"]}, {"id": "6"}]}
    platform.answers["subscribed_apps"] = [(200, subscribed)]
    platform.answers["messenger_profile"] = [(200, {"data": [other]})]
    assert await channel.set_up() == ["subscribed_apps", "greeting"]
    posts = {call.name: call.given for call in platform.calls if call.verb == "POST"}
    assert set(posts["messenger_profile"]) == {"greeting"}
    assert "feed" in posts["subscribed_apps"]["subscribed_fields"].split(",")


def test_set_up_keeps_the_platforms_limits() -> None:
    profile = wanted_profile()
    assert all(len(greeting["text"]) <= 160 for greeting in profile["greeting"])
    for part, most in (("ice_breakers", 4), ("persistent_menu", 20)):
        for entry in profile[part]:
            actions = entry["call_to_actions"]
            assert len(actions) <= most
            assert all(len(action.get("title", "")) <= 30 for action in actions)
            assert {action["payload"] for action in actions} <= MessengerChannel.static_payloads
    assert profile["get_started"]["payload"] in MessengerChannel.static_payloads
