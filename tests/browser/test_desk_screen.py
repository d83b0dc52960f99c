"""The desk in a real browser: two agents at once, news while typing, a phone's width, the keyboard alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from bot.desk.look import COOKIE
from bot.store.database import Database
from bot.store.tables import metadata
from tests.desk_support import PASSWORD, DeskWorld, Visitor
from tests.flow_support import world

pytestmark = pytest.mark.asyncio(loop_scope="session")

Opens = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture(loop_scope="session")
async def served(tmp_path: Path) -> AsyncIterator[DeskWorld]:
    """A served desk with a database of its own."""
    db = Database(f"sqlite:///{tmp_path / 'desk.db'}")
    metadata.create_all(db.engine)
    async with DeskWorld(world(db, tmp_path / "people")) as desk:
        yield desk
    db.close()


@pytest_asyncio.fixture(loop_scope="session")
async def opens(browser: Browser, served: DeskWorld) -> AsyncIterator[Opens]:
    """Opens a page in a browser of its own, signed in as a visitor. Complaints on its console fail the test."""
    complaints: list[str] = []
    contexts = []

    async def new(visitor: Visitor, path: str, **context: Any) -> Page:
        made = await browser.new_context(**{"viewport": {"width": 1440, "height": 900}, "locale": "it-IT", **context})
        contexts.append(made)
        made.set_default_timeout(10_000)
        base = str(visitor.client.make_url("/"))
        token = visitor.client.session.cookie_jar.filter_cookies(visitor.client.make_url("/desk"))[COOKIE].value
        await made.add_cookies([{"name": COOKIE, "value": token, "domain": "127.0.0.1", "path": "/desk"}])
        page = await made.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        await page.goto(base.rstrip("/") + path)
        return page

    yield new
    for made in contexts:
        await made.close()
    assert complaints == []


async def test_two_agents_race_and_the_slower_one_is_told_who_has_it(served: DeskWorld, opens: Opens) -> None:
    conversation = await served.asks(text="aiuto", sender={"name": "Rosa Bianchi"})
    anna = await opens(await served.agent(), f"/desk/c/{conversation}")
    bruno = await opens(await served.agent("bruno", "Bruno Sala"), f"/desk/c/{conversation}")
    await asyncio.gather(anna.click("#take"), bruno.click("#take", no_wait_after=True), return_exceptions=True)
    for page in (anna, bruno):
        await expect(page.locator("#take")).to_have_count(0)
    owner = (await served.flow.conversation()).agent_id  # type: ignore[union-attr]
    winner, loser, name = (anna, bruno, "Anna Kessler") if owner == 1 else (bruno, anna, "Bruno Sala")
    await expect(winner.locator("#reply")).to_be_visible()
    await expect(loser.locator("#reply")).to_have_count(0)
    await expect(loser.locator("#composer")).to_contain_text(name)
    await expect(loser.locator(".move").last).to_contain_text(f"{name} prende in carico")


async def test_news_arrive_without_reload_while_a_draft_is_typed(served: DeskWorld, opens: Opens) -> None:
    conversation = await served.asks(text="aiuto", sender={"name": "Rosa Bianchi"})
    page = await opens(await served.agent(), f"/desk/c/{conversation}")
    await page.click("#take")
    await page.evaluate("window.same = true")
    await page.locator("#reply").press_sequentially("Buongiorno Rosa, sto")
    await page.evaluate("document.getElementById('reply').setSelectionRange(3, 7)")
    await served.flow.writes("anche il telefono è morto", sender={"name": "Rosa Bianchi"})
    await expect(page.locator("#timeline")).to_contain_text("anche il telefono è morto")
    await expect(page.locator("#tab-mine")).to_contain_text("1")
    await expect(page.locator("#reply")).to_have_value("Buongiorno Rosa, sto")
    await expect(page.locator("#reply")).to_be_focused()
    kept = "(r => [r.selectionStart, r.selectionEnd, window.same])(document.getElementById('reply'))"
    assert await page.evaluate(kept) == [3, 7, True]
    await page.reload()
    await expect(page.locator("#reply")).to_have_value("Buongiorno Rosa, sto")
    assert served.flow.platform.typed
    await page.locator("#reply").press("Control+Enter")
    await expect(page.locator(".message.agent").last).to_contain_text("Buongiorno Rosa, sto")
    await expect(page.locator("#reply")).to_have_value("")
    await served.flow.delivers()
    await expect(page.locator(".message.agent").last).to_contain_text("inviato")
    await page.reload()
    await expect(page.locator("#reply")).to_have_value("")


async def test_a_waiting_customer_appears_by_itself(served: DeskWorld, opens: Opens) -> None:
    page = await opens(await served.agent(), "/desk")
    await expect(page.locator("#li-none")).to_be_visible()
    await served.asks(text="c'è nessuno?", sender={"name": "Dino"})
    await expect(page.locator("a.row")).to_contain_text("Dino")
    await expect(page).to_have_title("(1) Banco · Vivalinea")


async def test_everything_by_the_keyboard(served: DeskWorld, opens: Opens) -> None:
    for n in range(3):
        await served.asks(str(n), f"aiuto {n}", sender={"name": f"Cliente {n}"})
        served.flow.clock.passes(minutes=1)
    page = await opens(await served.agent(), "/desk")
    await page.keyboard.press("?")
    await expect(page.locator("#keys")).to_be_visible()
    await page.keyboard.press("Escape")
    for key in ("j", "ArrowDown", "j", "k"):
        await page.keyboard.press(key)
    await expect(page.locator("a.row", has_text="Cliente 1")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("#head")).to_contain_text("Cliente 1")
    await expect(page.locator("body.scripted")).to_be_visible()
    await page.keyboard.press("t")
    await expect(page.locator("#reply")).to_be_focused()
    await page.keyboard.type("Eccomi")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".message.agent").last).to_contain_text("Eccomi")
    await page.keyboard.press("Escape")
    await page.keyboard.press("n")
    await page.keyboard.type("da richiamare")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".message.note")).to_contain_text("da richiamare")
    await page.keyboard.press("r")
    await expect(page.locator("#reply")).to_be_focused()
    await page.keyboard.press("Escape")
    await page.keyboard.press("2")
    await expect(page.locator("#tab-mine")).to_have_attribute("aria-current", "page")
    await expect(page.locator("a.row")).to_have_count(1)


async def test_on_a_phone_nothing_is_cut_off_and_the_card_is_a_tap_away(served: DeskWorld, opens: Opens) -> None:
    long = "parolalunghissima" * 12
    conversation = await served.asks(text=long, sender={"name": "Rosa Maria Bianchi-Fumagalli di San Donato " * 3})
    page = await opens(await served.agent(), "/desk", viewport={"width": 390, "height": 844}, has_touch=True)
    wide = "document.documentElement.scrollWidth"
    assert await page.evaluate(wide) <= 390
    await page.tap("a.row")
    await expect(page.locator("#card")).to_be_hidden()
    await page.tap("#take")
    await expect(page.locator("#reply")).to_be_visible()
    assert await page.evaluate(wide) <= 390
    await page.tap("#flip")
    await expect(page.locator("#card")).to_contain_text("Le sue prime parole")
    assert await page.evaluate(wide) <= 390
    await page.tap("#card .collected a.to >> nth=0")
    await expect(page.locator("#m1")).to_be_in_viewport()
    await page.tap("#more-close summary")
    await page.tap("#more-close button")
    await expect(page.locator("#composer")).to_contain_text("La richiesta è chiusa")
    assert conversation


async def test_without_the_script_the_desk_still_works(served: DeskWorld, opens: Opens) -> None:
    conversation = await served.asks(sender={"name": "Rosa"})
    page = await opens(await served.agent(), f"/desk/c/{conversation}", java_script_enabled=False)
    await page.click("#take")
    await page.fill("#reply", "Ciao Rosa")
    await page.click("#reply-form button")
    await expect(page.locator(".message.agent").last).to_contain_text("Ciao Rosa")
    await page.reload()
    assert await served.flow.said("agent") == [served.flow.text("taken", name="Anna Kessler"), "Ciao Rosa"]


async def test_signing_in_with_the_browser(served: DeskWorld, opens: Opens) -> None:
    visitor = await served.agent()
    page = await opens(visitor, "/desk")
    await page.click("form[action='/desk/logout'] button")
    await page.fill("#login", "anna")
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator("header")).to_contain_text("Anna Kessler")
