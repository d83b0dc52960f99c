"""The desk on a large store: a million messages, ten thousand open cases. How long does a page take?

    python -m bench.inbox [--quick]     fills both databases and prints the tables; part of `make bench`

Filled past the flow, in bulk: what the desk reads. Pages are asked for over HTTP from the real desk, one at a time.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import time
from dataclasses import dataclass

from aiohttp import ClientSession, CookieJar, web

from bench.customers import APP_SECRET, PAGE
from bench.large_store import AGENTS, MIDDLE, NOW, fill
from bench.load import percentile
from bench.postgres import Postgres, programs
from bench.processes import ROOT
from bot.app import build_way
from bot.desk import desk_app
from bot.desk.look import COOKIE, token_hash
from bot.settings import read_settings
from bot.store import agents
from bot.store.database import Database
from bot.store.migrate import migrate

DATA = ROOT / "data" / "bench" / "inbox"
TOKEN = "bench"
#: A channel with a window; nothing is ever sent.
SETTINGS = {
    "PUBLIC_URL": "http://127.0.0.1:1",
    "SANDBOX": "no",
    "MESSENGER_PAGE_ID": PAGE,
    "MESSENGER_PAGE_TOKEN": "bench-page-token",
    "MESSENGER_APP_SECRET": APP_SECRET,
    "MESSENGER_VERIFY_TOKEN": "bench-verify-token",
}

#: What is looked at: name -> address. The agent has 40 customers; the case is one of them, the long one 2,000 messages.
PAGES = {
    "waiting": "/desk?tab=waiting",
    "mine": "/desk?tab=mine",
    "all": "/desk?tab=all",
    "closing": "/desk?tab=closing",
    "a name": "/desk?q=maria+rossi",
    "a code": "/desk?q=VL00001234",
    "a case": f"/desk/c/{MIDDLE}?tab=mine",
    "a long case": "/desk/c/1?tab=all",
}


@dataclass(frozen=True)
class Scale:
    """How much there is, and how often each page is asked for."""

    conversations: int = 100_000
    each: int = 10  # messages in a conversation
    open_cases: int = 10_000
    looks: int = 200


QUICK = Scale(conversations=5_000, open_cases=1_000, looks=40)

Found = dict[str, dict[str, dict[str, float]]]  # database -> page -> p50, p95 (ms)


def measure(scale: Scale) -> Found:
    """Both databases, one after the other; PostgreSQL is left out where it is not installed."""
    found = {"SQLite": on_sqlite(scale)}
    if programs():
        found["PostgreSQL"] = on_postgres(scale)
    return found


def on_sqlite(scale: Scale) -> dict[str, dict[str, float]]:
    """Page -> p50 and p95 in ms."""
    shutil.rmtree(DATA, ignore_errors=True)
    try:
        return _filled_and_looked_at(f"sqlite:///{DATA / 'inbox.db'}", scale)
    finally:
        shutil.rmtree(DATA, ignore_errors=True)


def on_postgres(scale: Scale) -> dict[str, dict[str, float]]:
    """The same, on a server of its own."""
    where = programs()
    assert where
    server = Postgres(where)
    try:
        return _filled_and_looked_at(server.url("postgres"), scale)
    finally:
        server.stop()


def _filled_and_looked_at(url: str, scale: Scale) -> dict[str, dict[str, float]]:
    db = Database(url)
    try:
        migrate(db)
        fill(db, conversations=scale.conversations, each=scale.each, open_cases=scale.open_cases)
        with db.engine.connect().execution_options(writer=True) as connection, connection.begin():
            agents.begin_session(connection, AGENTS // 2, token_hash(TOKEN), "csrf", NOW)
        return asyncio.run(_look(db, scale.looks))
    finally:
        db.close()


async def _look(db: Database, looks: int) -> dict[str, dict[str, float]]:
    """Each page `looks` times, by turns: what else the machine does then hits all of them."""
    settings = read_settings(SETTINGS, ROOT)
    way = build_way(settings, db, lambda: NOW)
    app = web.Application()
    app.add_subapp("/desk", desk_app(way, secure_cookies=False))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    times: dict[str, list[float]] = {name: [] for name in PAGES}
    try:
        async with ClientSession(f"http://127.0.0.1:{port}", cookie_jar=CookieJar(unsafe=True)) as browser:
            for address in PAGES.values():  # templates are compiled at their first use
                await _page(browser, address)
            for _ in range(looks):
                for name, address in PAGES.items():
                    times[name].append(await _page(browser, address))
    finally:
        await runner.cleanup()
        await way.engine.close()
    return {name: {"p50": percentile(each, 0.5), "p95": percentile(each, 0.95)} for name, each in times.items()}


async def _page(browser: ClientSession, address: str) -> float:
    """Milliseconds until the whole page is there. Raises RuntimeError for anything but a page."""
    began = time.perf_counter()
    async with browser.get(address, cookies={COOKIE: TOKEN}, allow_redirects=False) as answer:
        await answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{address}: {answer.status}")
    return (time.perf_counter() - began) * 1000


def rows(found: Found) -> list[list[str]]:
    """For the report's table."""
    return [
        [database, page, f"{ms['p50']:.1f}", f"{ms['p95']:.1f}"]
        for database, pages in found.items()
        for page, ms in pages.items()
    ]


def slowest_list(found: Found) -> float:
    """The worst list's p95 in ms, on the worse database: the number that is promised."""
    return max(pages[page]["p95"] for pages in found.values() for page in ("waiting", "mine", "all", "closing"))


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.inbox", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a twentieth of it")
    scale = QUICK if parser.parse_args().quick else Scale()
    for row in rows(measure(scale)):
        print("\t".join(row))
    return 0


if __name__ == "__main__":
    sys.exit(main())
