"""The lead's page in a real browser: charts that show the numbers, kept up to date; tables without a script."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import Connection, update

from bot.store import clocks, presence, promises
from bot.store import tables as t
from tests.browser.test_desk_screen import Opens, opens, served  # noqa: F401
from tests.desk_support import DeskWorld

pytestmark = pytest.mark.asyncio(loop_scope="session")

PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2}


async def busy(desk: DeskWorld) -> None:
    """Two weeks of customers, most of them answered; some promises kept, one broken; people at the desk."""
    flow, now = desk.flow, desk.flow.clock()
    anna = await desk.agent()
    await desk.person("bea", "Bea Brandt")
    await desk.person("carlo", "Carlo Colli")
    for number in range(24):
        conversation = await desk.asks(f"chat{number}")
        if number < 18:
            await anna.posts(f"/desk/c/{conversation}/take")

    def work(connection: Connection) -> None:
        for one in (1, 2):
            presence.here(connection, one, used_at=now, now=now)
        for number in range(24):
            at = now - timedelta(days=number % 14 if number < 18 else 0, minutes=7 * number)
            values = {"opened_at": at}
            if number < 18:
                values["taken_at"] = at + timedelta(minutes=3 + number * 5 % 23)
            else:
                values["waiting_since"] = at
            connection.execute(update(t.cases).where(t.cases.c.id == number + 1).values(**values))
            began = {"began_at": at, "kept": number % 5 != 3, "ended_at": now, "minutes": 12, "due_at": now}
            connection.execute(update(t.waits).where(t.waits.c.case_id == number + 1).values(**began))
            if number < 10:
                connection.execute(update(t.cases).where(t.cases.c.id == number + 1).values(closed_at=now))
                clocks.turn_to(connection, number + 1, None, team="", why="closed", now=now + timedelta(minutes=number))
        for number in range(8):
            promise = promises.make(
                connection, 1, case_id=1, what="richiamare", due=now + timedelta(hours=2), kind="call",
                made_by="agent", who="agent", agent_id=1, now=now - timedelta(days=8),
            )  # fmt: skip
            if number < 7:
                state = promises.BROKEN if number == 3 else promises.KEPT
                settled = {"state": state, "settled_at": now - timedelta(days=number)}
                connection.execute(update(t.promises).where(t.promises.c.id == promise).values(**settled))

    await flow.db.write(work)


async def drawn(page: Page) -> list[int]:
    """How many different colours each chart's canvas has: an empty one has one."""
    return list(
        await page.evaluate(
            "[...document.querySelectorAll('.chart canvas')].map((canvas) => {"
            " const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);"
            " return new Set(new Uint32Array(data.buffer)).size; })"
        )
    )


async def test_charts_on_a_wide_screen_and_on_a_phone(served: DeskWorld, opens: Opens) -> None:  # noqa: F811
    await busy(served)
    lea = await served.agent("lea", "Lea Lead", "lead")
    for context in ({"viewport": {"width": 1440, "height": 1000}}, PHONE):
        page = await opens(lea, "/desk/lead", **context)
        await expect(page.locator(".chart canvas")).to_have_count(3)
        assert min(await drawn(page)) > 3
        await expect(page.locator("#tiles dd").first).to_have_text("6")
        wide = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide[0] <= wide[1], "the page must not scroll sideways"


async def test_it_brings_itself_up_to_date(served: DeskWorld, opens: Opens) -> None:  # noqa: F811
    lea = await served.agent("lea", "Lea Lead", "lead")
    page = await opens(lea, "/desk/me")
    await page.clock.install()
    await page.goto(page.url.replace("/me", "/lead"))
    await expect(page.locator("#tiles dd").first).to_have_text("0")
    await page.locator("#table-hours > summary").click()
    await served.asks("new")
    served.flow.clock.passes(minutes=2)
    await page.clock.fast_forward(31_000)
    await expect(page.locator("#tiles dd").first).to_have_text("1")
    await expect(page.locator("#table-hours")).to_have_attribute("open", "")  # what somebody opened stays open
    assert min(await drawn(page)) > 3


async def test_without_a_script_the_tables_say_the_same(served: DeskWorld, opens: Opens) -> None:  # noqa: F811
    await busy(served)
    lea = await served.agent("lea", "Lea Lead", "lead")
    page = await opens(lea, "/desk/lead", java_script_enabled=False, locale="en-GB")
    await page.locator("#table-waits > summary").click()
    await expect(page.locator("#table-waits tbody tr")).to_have_count(14)
    await expect(page.locator("#table-waits")).to_contain_text("8 in 10 within")
    await expect(page.locator("#queues tbody tr")).to_have_count(len(served.flow.way.teams.all))
