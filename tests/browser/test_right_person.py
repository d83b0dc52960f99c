"""The right person in real browsers: a customer is offered with the reason, passed on, and meets the next person."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import expect

from bot.desk import live
from bot.flow.assign import offers
from bot.store.tables import presence
from tests.browser.test_desk_screen import Opens, opens, served  # noqa: F401
from tests.desk_support import DeskWorld

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def is_there(desk: DeskWorld, *people: int) -> None:
    """Wait until these pages have reported."""
    for _ in range(100):
        if set(people) <= {row.agent_id for row in await desk.flow.rows(presence)}:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("nobody reported")


async def test_offered_with_its_reason_passed_on_and_introduced(served: DeskWorld, opens: Opens) -> None:  # noqa: F811
    desk = served
    anna = await opens(await desk.agent(), "/desk")
    await is_there(desk, 1)
    conversation = await desk.asks(text="aiuto", sender={"name": "Rosa Bianchi"})
    row = anna.locator(f"#row-{conversation}[data-offered]")
    await expect(row).to_contain_text("Per te")
    await row.click()
    await expect(anna.locator("#why-me")).to_contain_text("sei la persona libera più adatta")
    await anna.click("#take")
    await expect(anna.locator("#reply")).to_be_visible()

    bea = await opens(await desk.agent("bea", "Bea Brandt"), f"/desk/c/{conversation}")
    await expect(anna.locator("#head")).to_contain_text("Bea Brandt sta guardando")
    await anna.locator("#reply").press_sequentially("Buong")
    await expect(bea.locator("#head")).to_contain_text("Anna Kessler sta scrivendo")
    await anna.click("#more-pass > summary")
    await anna.select_option("#pass-to", label="Bea Brandt – 0 su 6")
    await anna.fill("#pass-note", "il modem è da cambiare")
    await anna.click("#more-pass button.main")
    await expect(bea.locator("#why-me")).to_contain_text("te lo passa Anna Kessler: «il modem è da cambiare»")
    await expect(bea.locator("#reply")).to_be_visible()
    await expect(anna.locator("#composer")).to_contain_text("Bea Brandt")
    await desk.flow.delivers()
    last = desk.flow.platform.sent[-1]
    assert last.part.text == desk.flow.text("taken_over", name="Bea Brandt", before="Anna Kessler")
    assert last.part.image and last.speaker and last.speaker.name == "Bea Brandt"


async def test_a_pause_is_one_click_and_nothing_comes(served: DeskWorld, opens: Opens) -> None:  # noqa: F811
    anna = await opens(await served.agent(), "/desk")
    await is_there(served, 1)
    await anna.click("#pause button")
    await expect(anna.locator("#pause button")).to_have_attribute("aria-pressed", "true")
    await served.asks(sender={"name": "Rosa"})
    await offers(served.flow.way)
    await expect(anna.locator("a.row")).to_have_count(1)
    await expect(anna.locator("[data-offered]:not(body)")).to_have_count(0)
    await anna.click("#pause button")
    await expect(anna.locator("#pause button")).to_have_attribute("aria-pressed", "false")
    await offers(served.flow.way)
    served.flow.way.committed()
    await expect(anna.locator("a.row[data-offered]")).to_have_count(1)


async def test_a_pause_that_did_not_reach_the_desk_is_said(served: DeskWorld, opens: Opens) -> None:  # noqa: F811
    anna = await opens(await served.agent(), "/desk")
    await anna.route("**/desk/me/pause", lambda route: route.fulfill(body="<html>"))
    await anna.click("#pause button")
    await expect(anna.locator("#notice")).to_contain_text("manca la connessione")
    await expect(anna.locator("#pause button")).to_have_attribute("aria-pressed", "false")


async def test_who_wants_it_hears_and_sees_a_new_customer(served: DeskWorld, opens: Opens) -> None:  # noqa: F811
    anna = await opens(await served.agent(), "/desk/me")
    await anna.evaluate("localStorage.setItem('bell', 'yes')")
    await anna.goto(anna.url.removesuffix("/me"))
    await anna.evaluate(
        "() => { const Real = window.AudioContext;"
        "window.AudioContext = class extends Real { constructor() { super(); document.body.dataset.rang = 'yes' } } }"
    )
    await is_there(served, 1)
    await served.asks(sender={"name": "Rosa"})
    await expect(anna.locator("body[data-rang]")).to_have_count(1)


async def test_on_a_busy_day_lists_wait_but_nobody_seems_free_who_is_not(
    served: DeskWorld,  # noqa: F811
    opens: Opens,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "LISTS", 0.001)  # so many desks that each asks for its list twice an hour
    first, second = await served.asks("1"), await served.asks("2")
    anna, bea = await served.agent(), await opens(await served.agent("bea", "Bea Brandt"), "/desk?tab=waiting")
    await expect(bea.locator("a.row")).to_have_count(2)
    await bea.evaluate("document.getElementById('rows').dataset.asked = 'no'")  # a mended list does not have it
    await is_there(served, 2)
    await anna.posts(f"/desk/c/{first}/take")
    await expect(bea.locator("a.row")).to_have_count(1)
    await expect(bea.locator(f"#row-{second}")).to_be_visible()
    await expect(bea.locator("#tab-waiting .count")).to_have_text("1")
    await expect(bea).to_have_title("(1) Banco · " + served.flow.way.teams.company)
    await expect(bea.locator("#rows[data-asked]")).to_have_count(1)
