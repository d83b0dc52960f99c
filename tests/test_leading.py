"""One process at a time leads; another takes over when it ends, dies, or is cut off."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bot.store.database import Database
from bot.store.leading import NUMBER, FirstHere, leading
from tests.many_support import soon

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.store.leading.EVERY", 0.02)


class Candidate:
    """Someone who would lead; `leads` says whether it does."""

    def __init__(self, db: Database, name: str = "test") -> None:
        self.leads, self.terms = False, 0
        self.task = asyncio.create_task(leading(db, name, self._work))

    async def _work(self) -> None:
        self.leads, self.terms = True, self.terms + 1
        try:
            await asyncio.Event().wait()
        finally:
            self.leads = False

    async def until(self, leads: bool = True) -> None:
        async with asyncio.timeout(20):
            while self.leads != leads:
                await asyncio.sleep(0.01)

    async def ends(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def test_one_leads_and_the_next_takes_over(db: Database) -> None:
    first = Candidate(db)
    await first.until()
    others = [Candidate(db), Candidate(db)]
    elsewhere = Candidate(db, "another name")
    await elsewhere.until()
    await asyncio.sleep(0.2)
    assert [one.leads for one in (first, *others)] == [True, False, False]
    await first.ends()
    assert not first.leads
    async with asyncio.timeout(20):
        while not any(one.leads for one in others):
            await asyncio.sleep(0.01)
    assert [one.leads for one in others].count(True) == 1
    for one in (*others, elsewhere):
        await one.ends()


async def test_a_process_that_is_killed_leads_no_more(db: Database, database_url: str) -> None:
    words = (
        "import asyncio, sys; from bot.store.database import Database; from bot.store.leading import leading\n"
        "async def work():\n    print('leads', flush=True); await asyncio.Event().wait()\n"
        "asyncio.run(leading(Database(sys.argv[1]), 'test', work))"
    )
    process = subprocess.Popen([sys.executable, "-c", words, database_url], cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout
    assert await asyncio.to_thread(process.stdout.readline) == b"leads\n"
    heir = Candidate(db)
    await asyncio.sleep(0.2)
    assert not heir.leads
    process.kill()
    await asyncio.to_thread(process.wait)
    process.stdout.close()
    await heir.until()
    await heir.ends()


async def test_who_is_cut_off_stops_and_leads_again_when_it_can(db: Database) -> None:
    if db.sqlite:
        return
    one = Candidate(db)
    await one.until()
    address = db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    ours = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s"
    async with await psycopg.AsyncConnection.connect(address, autocommit=True) as admin:
        await admin.execute(ours, (NUMBER,))
    async with asyncio.timeout(20):
        while one.terms < 2:
            await asyncio.sleep(0.01)
    await one.until()
    await one.ends()


async def test_work_that_fails_is_begun_again_and_work_that_is_done_is_not(db: Database) -> None:
    runs: list[str] = []

    async def work() -> None:
        runs.append("run")
        if len(runs) < 3:
            raise OSError("the platform is away")

    task = asyncio.create_task(leading(db, "test", work))
    await soon(lambda: _is(len(runs) == 3))
    await asyncio.sleep(0.2)
    assert len(runs) == 3
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _is(condition: Any) -> bool:
    return bool(condition)


async def test_alone_is_who_finds_nobody(db: Database) -> None:
    first, second, third = (FirstHere(db, "workers") for _ in range(3))
    assert first.alone() is db.sqlite, "on PostgreSQL nobody can know"
    assert not second.alone(), "the first is still putting things right"
    first.join()
    second.join()
    first.leave()
    assert not third.alone()
    third.leave()
    second.leave()
    assert FirstHere(db, "workers").alone() is db.sqlite
