"""Somebody is deactivated: their open pages close, whatever they show; colleagues' stay."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.browser.test_desk_screen import Opens, opens, served  # noqa: F401
from tests.desk_support import DeskWorld

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: Milliseconds; no page asks by itself this early, so nothing but the signal closes one.
WITHIN = 5_000


async def test_a_deactivated_person_s_pages_close_at_once(served: DeskWorld, opens: Opens) -> None:  # noqa: F811
    conversation = await served.asks(text="aiuto", sender={"name": "Rosa Bianchi"})
    visitor = await served.agent()
    boss = await opens(await served.agent("boss", "Elena Conti", "admin"), "/desk/people")
    anna = await opens(visitor, f"/desk/c/{conversation}")
    second = await anna.context.new_page()
    await second.goto(anna.url.replace(f"/c/{conversation}", "/me"))
    bea = await opens(await served.agent("bea", "Bea Brandt"), f"/desk/c/{conversation}")
    await anna.click("#take")
    await anna.locator("#reply").press_sequentially("Buongiorno Rosa")
    await boss.click("#person-1 > summary")
    await boss.locator("form[action='/desk/people/1/out'] button").click()
    for page in (anna, second):
        await expect(page).to_have_url(re.compile("/desk/login"), timeout=WITHIN)
        await expect(page.locator("body")).to_contain_text("La tua sessione è stata chiusa")
        await expect(page.locator("body")).not_to_contain_text("Rosa")
    assert await anna.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('draft:'))") == []
    await expect(bea.locator("#take")).to_be_visible()
    await expect(bea.locator("#route-all")).to_contain_text("non è più al banco")
