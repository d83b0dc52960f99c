"""The inbox in a real browser: who jumps and why, search and marks by keyboard, the window, a notification, a phone."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from playwright.async_api import expect

from bot.flow import windows
from tests.browser.test_desk_screen import Opens, opens, served  # noqa: F401
from tests.browser.test_right_person import is_there
from tests.desk_support import DeskWorld
from tests.flow_support import with_abilities

pytestmark = pytest.mark.asyncio(loop_scope="session")
PHONE = {"viewport": {"width": 390, "height": 844}}


async def test_a_mark_by_keyboard_moves_the_case_up_in_every_list(served: DeskWorld, opens: Opens) -> None:  # noqa: F811
    await served.asks("1", sender={"name": "Primo"})
    served.flow.clock.passes(minutes=8)
    conversation = await served.asks("2", sender={"name": "Secondo"})
    bea = await opens(await served.agent("bea", "Bea Brandt"), "/desk")
    await expect(bea.locator(".row .who").first).to_have_text("Primo")
    anna = await opens(await served.agent(), f"/desk/c/{conversation}")
    await anna.focus("#mark-vulnerable")
    await anna.keyboard.press("Enter")
    await expect(anna.locator("#mark-vulnerable")).to_have_attribute("aria-pressed", "true")
    await expect(anna.locator("#place")).to_contain_text("passa avanti di 30 minuti")
    await expect(bea.locator(".row .who").first).to_have_text("Secondo")
    await expect(bea.locator(f"#row-{conversation}")).to_contain_text("Cliente fragile")


async def test_passed_on_put_back_and_closed_by_keyboard(served: DeskWorld, opens: Opens) -> None:  # noqa: F811
    conversation = await served.asks(sender={"name": "Rosa Bianchi"})
    await served.person("bea", "Bea Brandt")
    anna = await opens(await served.agent(), f"/desk/c/{conversation}")
    await anna.keyboard.press("t")
    await expect(anna.locator("#reply")).to_be_focused()
    await anna.keyboard.press("Escape")
    for key, field in (("s", "#pass-to"), ("q", "#why"), ("c", "#more-close input:checked")):
        await anna.keyboard.press(key)
        await expect(anna.locator(field)).to_be_focused()
        await anna.keyboard.press("Escape")
        await expect(anna.locator(field)).not_to_be_visible()
    await anna.keyboard.press("c")
    await anna.keyboard.press("Control+Enter")
    await expect(anna.locator("#head")).to_contain_text("Chiusa")


async def test_search_by_keyboard_while_a_conversation_is_open(served: DeskWorld, opens: Opens) -> None:  # noqa: F811
    await served.asks("1", sender={"name": "Niccolò De Luca"})
    await served.asks("2", sender={"name": "Rosa Bianchi"})
    anna = await opens(await served.agent(), "/desk/c/2")
    await anna.keyboard.press("/")
    await anna.keyboard.type("nicc")
    await expect(anna.locator("a.row")).to_have_count(1)
    await expect(anna.locator("#q")).to_be_focused()
    await anna.keyboard.press("ArrowDown")
    await expect(anna.locator("#row-1")).to_be_focused()
    await anna.keyboard.press("Enter")
    await expect(anna.locator("h1")).to_have_text("Niccolò De Luca")
    await expect(anna.locator("#q")).to_have_value("nicc")
    await anna.click("#found a")
    await expect(anna.locator("a.row")).to_have_count(2)
    await expect(anna.locator("#q")).to_have_value("")


async def test_a_closing_window_comes_up_by_itself(served: DeskWorld, opens: Opens) -> None:  # noqa: F811
    day = timedelta(hours=24)
    platform: Any = with_abilities("letters", reply_window=day, human_window=7 * day)
    served.flow.way.channels[platform.name] = platform  # type: ignore[index]
    served.flow.platform = platform
    conversation = await served.asks(sender={"name": "Rosa Bianchi"})
    served.flow.clock.passes(hours=20)
    visitor = await served.agent()
    await visitor.posts(f"/desk/c/{conversation}/take")
    anna = await opens(visitor, "/desk?tab=mine")
    await expect(anna.locator("#closing")).to_have_count(0)
    served.flow.clock.passes(hours=1, minutes=5)
    await windows.closing(served.flow.way)
    await expect(anna.locator("#closing")).to_contain_text("In chiusura: 1")
    await anna.keyboard.press("4")
    await expect(anna.locator(".row .tag.bad time[data-until]")).to_have_count(1)
    await anna.locator("a.row").click()
    await expect(anna.locator("#composer .warn")).to_contain_text("può farlo solo una persona")
    await expect(anna.locator(".line.system").last).to_contain_text("La finestra si chiude")


@pytest.mark.parametrize("where", ["", "?tab=mine", "?q=nessuno", "/promises"])
async def test_a_new_customer_rings_and_shows_a_notification_without_words(
    served: DeskWorld,  # noqa: F811
    opens: Opens,  # noqa: F811
    where: str,
) -> None:
    anna = await opens(await served.agent(), "/desk/me", permissions=["notifications"])
    await anna.context.add_init_script(
        """localStorage.setItem("bell", "yes");
        Object.defineProperty(document, "hidden", { get: () => true });
        window.shown = [];
        window.Notification = class { static permission = "granted"; constructor(text) { window.shown.push(text); } };
        const Real = window.AudioContext;
        const rang = () => { document.documentElement.dataset.rang = "yes"; };
        window.AudioContext = class extends Real { constructor() { super(); rang(); } };"""
    )
    await anna.goto(anna.url.removesuffix("/me") + where)
    await is_there(served, 1)
    while await anna.evaluate("sessionStorage.getItem('offers')") is None:  # what was there before is no news
        await anna.wait_for_timeout(20)
    await served.asks(text="un segreto", sender={"name": "Rosa Bianchi"})
    await expect(anna.locator("html[data-rang]")).to_have_count(1)
    assert await anna.evaluate("window.shown") == ["C'è un cliente per te"]
    if where == "?tab=mine":
        await anna.click("#offers a")
        await expect(anna.locator("#take")).to_be_visible()


async def test_on_a_phone_nothing_is_wider_than_the_screen(served: DeskWorld, opens: Opens) -> None:  # noqa: F811
    day = timedelta(hours=24)
    platform: Any = with_abilities("letters", reply_window=day, human_window=7 * day)
    served.flow.way.channels[platform.name] = platform  # type: ignore[index]
    served.flow.platform = platform
    await served.flow.writes("mia madre ha 88 anni, altrimenti cambio operatore", sender={"name": "Giulia De Luca"})
    conversation = await served.asks(sender={"name": "Giulia De Luca"})
    anna = await opens(await served.agent(), "/desk", **PHONE)
    for path in ("/desk", "/desk?q=giulia", "/desk?tab=closing", f"/desk/c/{conversation}"):
        await anna.goto(re.sub(r"/desk.*", path, anna.url))
        wide = await anna.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide == 0, path
    await anna.click("#flip")
    await expect(anna.locator("#mark-public")).to_be_visible()
