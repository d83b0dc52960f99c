"""A customer's data is taken away and erased from their card: on a desk's screen by keyboard, and on a phone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.test_desk_screen import Opens, opens, served  # noqa: F401
from tests.desk_support import DeskWorld, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

WIDE = "document.documentElement.scrollWidth"


async def lead_with_a_closed_case(desk: DeskWorld) -> tuple[Visitor, int]:
    conversation = await desk.asks(text="vorrei cancellare i miei dati", sender={"name": "Rosa Bianchi"})
    lea = await desk.agent("lea", "Lea Lead", "lead")
    await lea.posts(f"/desk/c/{conversation}/take")
    await lea.posts(f"/desk/c/{conversation}/close", {"outcome": "solved"})
    return lea, conversation


async def test_first_what_is_under_way_then_by_keyboard(served: DeskWorld, opens: Opens) -> None:  # noqa: F811
    lea, conversation = await lead_with_a_closed_case(served)
    page = await opens(lea, f"/desk/c/{conversation}")
    async with page.expect_download() as download:
        await page.locator("#privacy a[download]").press("Enter")
    taken = json.loads(Path(await (await download.value).path()).read_text("utf-8"))
    assert taken["customer"]["name"] == "Rosa Bianchi"
    await page.locator("#privacy a", has_text="Cancella").press("Enter")
    await expect(page.locator("#content")).to_contain_text("Un messaggio per il cliente è ancora in invio")
    await expect(page.locator("button.danger")).to_have_count(0)
    await served.flow.delivers()
    await page.reload()
    await page.keyboard.press("Tab")
    await page.locator("input[name=sure]").press("Space")
    await page.locator("button.danger").press("Enter")
    await expect(page.locator("[role=status].well")).to_contain_text("sono stati cancellati")
    await page.go_back()
    assert "Rosa" not in await page.locator("#content").inner_text()


async def test_on_a_phone(served: DeskWorld, opens: Opens) -> None:  # noqa: F811
    lea, conversation = await lead_with_a_closed_case(served)
    await served.flow.delivers()
    page = await opens(lea, f"/desk/c/{conversation}", viewport={"width": 390, "height": 844}, has_touch=True)
    await page.click("#flip")
    await page.locator("#privacy a", has_text="Cancella").click()
    assert await page.evaluate(WIDE) <= 390
    await page.locator("button.danger").click()
    await expect(page).to_have_url(re.compile("/erase$"))
    await expect(page.locator(".well")).to_have_count(0)  # not before it is confirmed
    await page.locator("input[name=sure]").check()
    await page.locator("button.danger").click()
    await expect(page.locator(".well")).to_contain_text("sono stati cancellati")
    await page.locator("a", has_text="Conversazione").click()
    await expect(page.locator("#composer")).to_contain_text("sono stati cancellati")
    assert await page.evaluate(WIDE) <= 390
