"""Open desks: many agents' browsers at one real server, each signed in, reporting, listening."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aiohttp import ClientSession, DummyCookieJar, TCPConnector
from sqlalchemy import update

from bench.customers import Platform
from bench.desk_server import AHEAD
from bench.large_store import NOW, fill
from bench.postgres import databases
from bench.processes import BOT_PYTHON, Process, free_ports
from bench.sides import DATA, settings
from bench.wire import listen
from bot.app import utc_now
from bot.desk.look import COOKIE, token_hash
from bot.store import agents
from bot.store import tables as t
from bot.store.database import Database
from bot.store.migrate import migrate

FOLDER = DATA / "desks"
PERSON = "operatore"  # what a customer writes to get a person from the engine's stand-in
LONGEST = 240.0  # seconds for one database: who measures must not hang
REPORTS = 20.0  # seconds between two reports of an open page (here.js)


@dataclass(frozen=True)
class Served:
    """A real server and what stands around it."""

    port: int
    platform: Platform
    db: Database
    ahead: timedelta  # its clock, of ours


@dataclass(frozen=True)
class Browser:
    """One agent's."""

    agent: int
    session: ClientSession

    @property
    def headers(self) -> dict[str, str]:
        """What a page's script sends."""
        return {"Cookie": f"{COOKIE}=bench-{self.agent}", "Desk-Part": "yes"}

    async def page(self, address: str) -> str:
        """The changing part of a page. Raises RuntimeError for anything else."""
        async with self.session.get(address, headers=self.headers) as answer:
            if answer.status != 200:
                raise RuntimeError(f"{address}: {answer.status}")
            return await answer.text()

    async def send(self, address: str, **form: str) -> Any:
        """A form, as the page's script sends it; the answer's JSON, None when it has none."""
        headers = {**self.headers, "Accept": "application/json"}
        async with self.session.post(address, data={"csrf": "bench", **form}, headers=headers) as answer:
            if answer.status not in (200, 204):
                raise RuntimeError(f"{address}: {answer.status}")
            return await answer.json() if answer.status == 200 else None

    async def reports(self) -> None:
        """That its page is open and in use, until cancelled."""
        while True:
            await self.send("/desk/here", idle="0", open="", typing="")
            await asyncio.sleep(REPORTS)


def measured(work: Callable[[Served], Awaitable[Any]], *, conversations: int, open_cases: int, alone: bool) -> Any:
    """database -> what `work` found. `alone`: the cases that wait are offered to nobody: they stay as they are."""
    found = {}
    with databases(FOLDER) as urls:
        for name, url in urls.items():
            db = Database(url)
            try:
                migrate(db)
                fill(db, conversations=conversations, each=3, open_cases=open_cases)
                _open_desks(db, alone=alone)
                found[name] = asyncio.run(asyncio.wait_for(_served(db, url, work), LONGEST))
            finally:
                db.close()
    return found


def _open_desks(db: Database, *, alone: bool) -> None:
    with db.engine.connect().execution_options(writer=True) as connection, connection.begin():
        for one in agents.everyone(connection):
            agents.begin_session(connection, one.id, token_hash(f"bench-{one.id}"), "bench", NOW)
        connection.execute(update(t.conversations).values(channel="messenger"))  # the one that is set up here
        if alone:
            connection.execute(
                update(t.cases)
                .where(t.cases.c.counts_since.is_not(None))
                .values(lead_since=NOW, offered_to=None, offered_at=None, offer_until=None)
            )


async def _served(db: Database, url: str, work: Callable[[Served], Awaitable[Any]]) -> Any:
    platform = Platform()
    servers = [await listen(platform.handle), await listen(engine_says)]
    port, ahead = free_ports(), NOW - utc_now()
    env = settings(port, servers[0][1], "desks")
    env |= {AHEAD: str(ahead.total_seconds()), "DATABASE_URL": url, "ENGINE_URL": f"http://127.0.0.1:{servers[1][1]}"}
    process = Process([str(BOT_PYTHON), "-m", "bench.desk_server"], env=env, log=DATA / "desks.log")
    try:
        await asyncio.to_thread(process.wait_for, f"http://127.0.0.1:{port}/readyz", 60)
        return await work(Served(port, platform, db, ahead))
    finally:
        await asyncio.to_thread(process.end)
        for server, _ in servers:
            server.close()


def engine_says(first_line: bytes, body: bytes) -> bytes:
    """The engine's stand-in: a person for who asks for one, thanks for everything else; see `wire.Server`."""
    if not body:
        return b'{"ready": true, "model_id": "bench", "answers": {}}'
    text = json.loads(body)["text"]
    says = {"custom": {"handoff": {"reason": "asked"}}} if text == PERSON else {"text": "Grazie a te!"}
    events = [{"event": "user", "text": text, "timestamp": 0.0}, {"event": "action", "name": "action_listen"}]
    intent = {"name": "thanks", "confidence": 0.9}
    return json.dumps(
        {"messages": [says], "events": [{"timestamp": 0.0, **each} for each in events], "intent": intent,
         "intent_ranking": [intent], "entities": [], "model_id": "bench"}
    ).encode()  # fmt: skip


@asynccontextmanager
async def browsers(served: Served, number: int) -> AsyncIterator[list[Browser]]:
    """So many agents' browsers, present at the desk."""
    base = f"http://127.0.0.1:{served.port}"
    async with ClientSession(base, cookie_jar=DummyCookieJar(), connector=TCPConnector(limit=0)) as session:
        opened = [Browser(agent, session) for agent in range(1, number + 1)]
        reporting = []
        for one in opened:
            await one.send("/desk/here", idle="0", open="", typing="")
            reporting.append(asyncio.create_task(_later(one)))
        try:
            yield opened
        finally:
            for task in reporting:
                task.cancel()
            await asyncio.gather(*reporting, return_exceptions=True)


async def _later(one: Browser) -> None:
    await asyncio.sleep(REPORTS * (one.agent % 40) / 40)
    await one.reports()
