"""The page with the two phones, in a real browser: what a newcomer does with it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Page, expect

from bot.sandbox import Sandbox
from bot.sandbox.samples import drawn
from bot.sandbox.wire import StoredFile

pytestmark = pytest.mark.asyncio(loop_scope="session")
FACE = StoredFile(drawn("S", size=(60, 60)), "image/png", "sara.png")


class Company:
    """A sandbox and a little of a bot: enough to say something on both phones and to hear what comes back."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.events: list[dict[str, Any]] = []  # Messenger's
        self.updates: list[dict[str, Any]] = []  # Telegram's
        self.session = aiohttp.ClientSession()

    async def webhook(self, request: web.Request) -> web.Response:
        if request.method == "GET":
            return web.Response(text=request.query["hub.challenge"])
        for entry in (await request.json())["entry"]:
            self.events += entry["messaging"]
        return web.Response()

    async def telegram(self, method: str, **params: Any) -> Any:
        access = self.sandbox.telegram_settings
        async with self.session.post(f"{access.api_url}/bot{access.token}/{method}", json=params) as response:
            answer = await response.json()
            assert answer["ok"], answer
            return answer["result"]

    async def graph(self, path: str, **params: Any) -> Any:
        access = self.sandbox.messenger_settings
        headers = {"Authorization": f"Bearer {access.page_token}"}
        url = f"{access.graph_url}/v26.0/{path}"
        async with self.session.post(url, json=params, headers=headers) as response:
            answer = await response.json()
            assert response.status == 200, answer
            return answer

    async def heard(self, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first thing either platform told the bot that is meant; waits for it."""
        async with asyncio.timeout(10):
            while True:
                offset = self.updates[-1]["update_id"] + 1 if self.updates else 0
                self.updates += await self.telegram("getUpdates", offset=offset)
                for told in [*self.updates, *self.events]:
                    if true(told):
                        return told
                await asyncio.sleep(0.02)

    async def text(self, text: str) -> dict[str, Any]:
        """The message with this text, once it came."""
        return await self.heard(lambda told: told.get("message", {}).get("text") == text)


@pytest_asyncio.fixture(loop_scope="session")
async def company(tmp_path: Path) -> AsyncIterator[Company]:
    sandbox = Sandbox(port=0, bot_url=lambda: url, state_dir=tmp_path, hurry=0.01)
    company = Company(sandbox)
    app = web.Application()
    app.router.add_route("*", "/webhooks/messenger", company.webhook)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with sandbox:
        yield company
        await company.session.close()
    await runner.cleanup()


async def test_telegram_phone(page: Page, company: Company) -> None:
    await company.telegram("setMyDescription", description="Rispondo su PIN, negozi e linea.")
    await page.goto(company.sandbox.url)
    phone = page.get_by_role("region", name="Telegram")
    await expect(phone.get_by_text("Rispondo su PIN, negozi e linea.")).to_be_visible()
    await phone.get_by_role("button", name="AVVIA").click()
    chat = (await company.text("/start"))["message"]["chat"]["id"]

    await company.telegram("sendChatAction", chat_id=chat, action="typing")
    await expect(phone.get_by_text("sta scrivendo…")).to_be_visible()
    keyboard = [["Orari dei negozi", {"text": "Dove sono", "request_location": True}]]
    greeting = "Ciao, sono un bot: <b>scrivimi</b> https://example.org/mappa."
    await company.telegram("sendMessage", chat_id=chat, text=greeting, reply_markup={"keyboard": keyboard})
    await expect(phone.get_by_role("log")).to_contain_text("<b>scrivimi</b>")
    await expect(phone.get_by_role("link", name="example.org")).to_have_attribute(
        "href", "https://example.org/mappa"
    )
    await expect(phone.get_by_text("sta scrivendo…")).to_be_hidden()

    await phone.get_by_role("button", name="Orari dei negozi").click()
    await company.text("Orari dei negozi")
    await phone.get_by_role("button", name="Dove sono").click()
    await phone.get_by_role("group", name="Dove ti trovi?").get_by_role("button", name="Bologna").click()
    located = await company.heard(lambda told: "location" in told.get("message", {}))
    assert located["message"]["location"]["latitude"] == pytest.approx(44.49, abs=0.01)

    # the menu of commands once took the text field's place: what was typed was never sent
    await company.telegram("setMyCommands", commands=[{"command": "stato", "description": "A che punto è?"}])
    field = phone.get_by_label("Scrivi un messaggio")
    await field.fill("grazzie")
    await field.press("Enter")
    await company.text("grazzie")
    await expect(phone.get_by_role("img", name="consegnato").last).to_be_visible()
    await phone.get_by_role("button", name="Modifica").click()
    await expect(field).to_have_value("grazzie")
    await field.fill("grazie")
    await field.press("Enter")
    await company.heard(lambda told: told.get("edited_message", {}).get("text") == "grazie")
    await expect(phone.get_by_text("modificato")).to_be_visible()


async def test_everything_a_customer_can_send(page: Page, company: Company) -> None:
    await page.goto(company.sandbox.url)
    phone = page.get_by_role("region", name="Telegram")
    await phone.get_by_role("button", name="AVVIA").click()
    for name, kind in {
        "Foto di prova": "photo",
        "Documento PDF": "document",
        "Messaggio vocale": "voice",
        "Adesivo": "sticker",
        "Il mio numero": "contact",
    }.items():
        await phone.get_by_label("Allega").click()
        await phone.get_by_role("button", name=name).click()
        await company.heard(lambda told, kind=kind: kind in told.get("message", {}))  # type: ignore[misc]
    files = {"name": "bolletta.txt", "mimeType": "text/plain", "buffer": b"12,50"}
    await phone.locator('input[data-file="document"]').set_input_files(files)  # type: ignore[arg-type]
    sent = await company.heard(
        lambda told: told.get("message", {}).get("document", {}).get("file_name") == "bolletta.txt"
    )
    assert sent["message"]["document"]["file_size"] == 5
    await expect(phone.get_by_role("link", name="bolletta.txt")).to_be_visible()
    loaded = "images => images.every((image) => image.complete && image.naturalWidth > 0)"
    assert await phone.locator(".image").evaluate_all(loaded)


async def test_messenger_phone_shows_the_person(page: Page, company: Company) -> None:
    breakers = [
        {"locale": "default", "call_to_actions": [{"question": "Mi serve il PIN", "payload": "/pin"}]}
    ]
    menu = [
        {"locale": "default", "call_to_actions": [{"type": "postback", "title": "Persona", "payload": "/p"}]}
    ]
    greeting = [{"locale": "default", "text": "Ciao {{user_first_name}}!"}]
    await company.graph(
        "me/messenger_profile",
        get_started={"payload": "/start"},
        greeting=greeting,
        ice_breakers=breakers,
        persistent_menu=menu,
    )
    await page.goto(company.sandbox.url)
    phone = page.get_by_role("region", name="Messenger")
    await expect(phone.get_by_role("button", name="Inizia")).to_be_visible()
    await expect(phone.get_by_text("Ciao ")).to_be_visible()
    await phone.get_by_role("button", name="Mi serve il PIN").click()
    asked = await company.heard(lambda told: told.get("postback", {}).get("payload") == "/pin")
    psid = asked["sender"]["id"]
    await expect(phone.get_by_role("button", name="Inizia")).to_be_hidden()

    key = company.sandbox.messenger.shelf.put(FACE)
    picture = company.sandbox.url + company.sandbox.messenger.shelf.path(key)
    persona = await company.graph("me/personas", name="Sara Conti", profile_picture_url=picture)
    replies = [{"content_type": "text", "title": title, "payload": "/x"} for title in ("Sì", "No")]
    message = {"text": "Ho letto tutto: è risolto?", "quick_replies": replies}
    await company.graph("me/messages", recipient={"id": psid}, message=message, persona_id=persona["id"])
    row = phone.locator(".row", has_text="Ho letto tutto")
    await expect(row.get_by_text("Sara Conti")).to_be_visible()
    await expect(row.locator(".face img")).to_have_js_property("naturalWidth", 60)
    await company.heard(lambda told: "read" in told)

    await phone.get_by_role("button", name="Sì").click()
    tapped = await company.text("Sì")
    assert tapped["message"]["quick_reply"] == {"payload": "/x"}
    await expect(phone.get_by_role("button", name="No")).to_be_hidden()
    await phone.get_by_label("Menu", exact=True).click()
    await phone.get_by_role("button", name="Persona").click()
    await company.heard(lambda told: told.get("postback", {}).get("payload") == "/p")


async def test_block_and_new_customer(page: Page, company: Company) -> None:
    await page.goto(company.sandbox.url)
    phone = page.get_by_role("region", name="Telegram")
    await phone.get_by_role("button", name="AVVIA").click()
    first = (await company.text("/start"))["message"]["chat"]["id"]
    await phone.get_by_label("Opzioni del telefono").click()
    await phone.get_by_role("button", name="Blocca", exact=True).click()
    await expect(phone.get_by_text("Hai bloccato questa chat.")).to_be_visible()
    await company.heard(
        lambda told: (
            "my_chat_member" in told and told["my_chat_member"]["new_chat_member"]["status"] == "kicked"
        )
    )
    await phone.get_by_role("button", name="Sblocca").click()
    await expect(phone.get_by_label("Scrivi un messaggio")).to_be_visible()
    await phone.get_by_label("Opzioni del telefono").click()
    await phone.get_by_role("button", name="Nuovo cliente (inglese)").click()
    await phone.get_by_role("button", name="AVVIA").click()
    second = await company.heard(
        lambda told: (
            told.get("message", {}).get("text") == "/start" and told["message"]["chat"]["id"] != first
        )
    )
    assert second["message"]["from"]["language_code"] == "en"


async def test_sentences_and_incident(page: Page, company: Company, tmp_path: Path) -> None:
    await page.goto(f"{company.sandbox.url}/?lang=en")
    phone = page.get_by_role("region", name="Messenger")
    field = phone.get_by_label("Write a message")
    await field.focus()
    sentence = page.get_by_role("complementary").get_by_role("button", name="I want to talk to a person")
    await sentence.click()
    await expect(field).to_have_value("I want to talk to a person")
    await field.press("Enter")
    await company.text("I want to talk to a person")
    await page.get_by_role("button", name="Close INC-").first.click()
    await expect(page.get_by_role("button", name="Reopen INC-").first).to_be_visible()
    written = json.loads((tmp_path / "incidents.json").read_text())
    assert list(written.values()) == ["closed"]


async def test_narrow_screen_shows_one_phone(page: Page, company: Company) -> None:
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.goto(company.sandbox.url)
    telegram = page.get_by_role("region", name="Telegram")
    messenger = page.get_by_role("region", name="Messenger")
    await expect(telegram).to_be_visible()
    await expect(messenger).to_be_hidden()
    await page.get_by_role("button", name="Messenger").click()
    await expect(telegram).to_be_hidden()
    field = messenger.get_by_label("Scrivi un messaggio")
    await expect(field).to_be_in_viewport()
    assert await page.evaluate("document.documentElement.scrollWidth") == 390


async def test_other_sites_cannot_use_the_phones(company: Company) -> None:
    url = f"{company.sandbox.url}/phone/telegram/starts"
    async with company.session.post(url, json={}) as response:
        assert response.status == 403
    async with company.session.get(company.sandbox.url, headers={"Host": "evil.example"}) as response:
        assert response.status == 403
    async with company.session.get(company.sandbox.url) as response:
        assert "script-src 'self'" in response.headers["Content-Security-Policy"]
