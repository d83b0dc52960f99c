"""A promise in a real browser: seen while typing, recorded with one click, held when it was not."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from bot.store.tables import promises
from tests.browser.test_desk_screen import Opens, opens, served  # noqa: F401
from tests.desk_support import DeskWorld

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_promise_is_seen_while_typing_and_recorded_with_one_click(
    served: DeskWorld,  # noqa: F811
    opens: Opens,  # noqa: F811
) -> None:
    conversation = await served.asks(text="aiuto", sender={"name": "Rosa Bianchi"})
    page = await opens(await served.agent(), f"/desk/c/{conversation}")
    await page.click("#take")
    await page.locator("#reply").press_sequentially("La richiamo domani mattina.")
    hint = page.locator("#promise .hint")
    await expect(hint).to_contain_text("domani, 13:00")
    await page.check("#promised")
    await page.locator("#reply").press("Control+Enter")
    await expect(page.locator(".message.agent .text").last).to_contain_text("La richiamo domani mattina.")
    await expect(hint).to_have_count(0)
    await expect(page.locator("#card .promises")).to_contain_text("entro domani, 13:00")
    await page.click("#more-close summary")  # who wants to close it reads what is in the way, on the page as it is
    told, listed = page.locator("#more-close p"), page.locator("#more-close ul")
    await expect(listed).to_contain_text("La richiamo domani mattina.")
    places = [await one.bounding_box() for one in (told, listed)]
    assert places[0] and places[1] and places[0]["y"] + places[0]["height"] <= places[1]["y"], places
    await page.click("#more-close summary")
    await page.fill("#reply", "Ti scrivo giovedì.")
    await page.locator("#reply").press("Control+Enter")
    yes = page.locator("#promise button[value=yes]")
    await expect(yes).to_be_visible()
    await expect(page.locator("#reply")).to_have_value("Ti scrivo giovedì.")
    await yes.click()
    await expect(page.locator("#card .promises li")).to_have_count(2)
    await page.locator("#card .promises li").first.get_by_role("button", name="Fatto").click()
    await expect(page.locator("#card .promises li")).to_have_count(1)
    assert [row.state for row in await served.flow.rows(promises)] == ["kept", "open"]
    await page.set_viewport_size({"width": 390, "height": 800})
    await page.goto(page.url.split("/desk")[0] + "/desk/promises")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_the_question_stays_though_the_words_were_still_being_looked_at(
    served: DeskWorld,  # noqa: F811
    opens: Opens,  # noqa: F811
) -> None:
    conversation = await served.asks(text="aiuto", sender={"name": "Rosa Bianchi"})
    page = await opens(await served.agent(), f"/desk/c/{conversation}")
    await page.click("#take")
    looked: list[str] = []
    page.on("request", lambda request: looked.append(request.url) if request.url.endswith("/promise") else None)
    await page.fill("#reply", "La richiamo domani mattina.")
    await page.locator("#reply").press("Control+Enter")  # at once: the words are looked at only after a moment
    yes = page.locator("#promise button[value=yes]")
    await expect(yes).to_be_visible()
    await page.wait_for_timeout(600)
    await expect(yes).to_be_visible()
    await page.fill("#reply", "La richiamo venerdì.")  # other words are looked at again
    await expect(page.locator("#promise #promised")).to_be_visible()
    assert len(looked) == 1


async def test_the_last_message_stays_in_view_when_the_hint_takes_its_place(
    served: DeskWorld,  # noqa: F811
    opens: Opens,  # noqa: F811
) -> None:
    conversation = await served.asks(text="aiuto " * 200, sender={"name": "Rosa Bianchi"})
    page = await opens(await served.agent(), f"/desk/c/{conversation}", viewport={"width": 1280, "height": 600})
    await page.click("#take")
    await page.locator("#reply").press_sequentially("La richiamo domani mattina.")
    await expect(page.locator("#promise .hint")).to_be_visible()
    left = "document.getElementById('scroll').scrollHeight - scroll.scrollTop - scroll.clientHeight"
    await page.wait_for_function(f"() => {{ const scroll = document.getElementById('scroll'); return {left} < 5 }}")
    await page.locator("#scroll").evaluate("scroll => scroll.scrollTop = 0")  # who reads further up stays there
    await page.fill("#reply", "")
    await expect(page.locator("#promise .hint")).to_have_count(0)
    await page.locator("#reply").press_sequentially("La richiamo venerdì.")
    await expect(page.locator("#promise .hint")).to_be_visible()
    assert await page.locator("#scroll").evaluate("scroll => scroll.scrollTop") == 0
