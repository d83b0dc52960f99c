"""An agent's page in a real Chromium: when is a row in it? Playwright and Chromium are what the browser tests use."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any

from bench.desks import Browser
from bench.open_desk import LIST
from bot.desk.look import COOKIE

NAMES = ("chromium", "chromium-browser", "google-chrome")
#: Notes when each row came, in milliseconds since 1970: what was there when the page was opened counts as old.
NOTES = """
    window.rowsSeen = {};
    const look = () => {
        for (const row of document.querySelectorAll("a[id^=row-]")) window.rowsSeen[row.id.slice(4)] ??= Date.now();
    };
    new MutationObserver(look).observe(document, { childList: true, subtree: true });
"""


class RealPage:
    """The list, open in Chromium."""

    def __init__(self, page: Any) -> None:
        self._page = page

    async def shown(self) -> dict[int, datetime]:
        """Conversation -> when its row was in the page."""
        seen: dict[str, float] = await self._page.evaluate("window.rowsSeen")
        return {int(id_): datetime.fromtimestamp(at / 1000, UTC) for id_, at in seen.items()}


def chromium() -> str | None:
    """Its program; None where it, or what drives it, is not installed."""
    found = next((program for name in NAMES if (program := shutil.which(name))), None)
    return found if find_spec("playwright") else None


@asynccontextmanager
async def real_page(browser: Browser, port: int) -> AsyncIterator[RealPage]:
    """The list of the agent of `browser`, in its own Chromium. Only where there is a `chromium`."""
    from playwright.async_api import async_playwright  # not everybody who measures has it

    flags = ["--disable-gpu", "--no-first-run", "--disable-background-networking"]
    if os.geteuid() == 0:
        flags.append("--no-sandbox")  # Chromium's own does not work for root, as whom containers run
    async with async_playwright() as playwright:
        program = await playwright.chromium.launch(executable_path=chromium(), args=flags)
        context = await program.new_context(viewport={"width": 1280, "height": 860})
        here = f"http://127.0.0.1:{port}"
        await context.add_cookies([{"name": COOKIE, "value": f"bench-{browser.agent}", "url": here}])
        page = await context.new_page()
        await page.add_init_script(NOTES)
        await page.goto(here + LIST)
        await page.wait_for_selector("a[id^=row-]")
        try:
            yield RealPage(page)
        finally:
            await program.close()
