"""What an open desk asks for, on a store that has grown: along indexes, and no dearer than on a small one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, select, update

from bench.large_store import AGENTS, MIDDLE, NOW, fill
from bot.flow.sweep import forget
from bot.health import count
from bot.model.messages import ConversationKey, RawEvent
from bot.operations.doctor import examine
from bot.store import (
    cases,
    clocks,
    conversations,
    decisions,
    events,
    inbox,
    leases,
    lists,
    numbers,
    presence,
    promises,
    queue,
    tables,
    targets,
    waits,
    windows,
)
from bot.store.database import Database

ME = AGENTS // 2
#: Tables that grow with the years. The others (people, presence) are as large as the company.
GROWING = {
    "messages", "conversations", "cases", "customers", "outgoing", "facts", "promises", "moves", "decisions",
    "packets", "live", "events", "targets", "search_words",
}  # fmt: skip
#: Indexes of some rows only, such as those that are not over: they grow with the work, not with the years.
PARTIAL = {
    str(index.name)
    for table in tables.metadata.sorted_tables
    for index in table.indexes
    if index.dialect_options["sqlite"]["where"] is not None and index.name != "ix_cases_closed"
}


def everything(connection: Connection) -> None:
    """All that the lists and a case's screen read."""
    for lead in (False, True):
        for tab in lists.TABS:
            first = lists.listed(connection, tab, ME, lead=lead, limit=10)
            assert len(first.rows) == 10 and first.after
            lists.listed(connection, tab, ME, lead=lead, after=first.after)
    for lead in (False, True):
        lists.calls(connection, ME, lead=lead)
    inbox.latest(connection)
    inbox.news(connection, 100)
    case_screen(connection)
    queue.waiting_with_late_promise(connection, NOW)
    for query in ("maria rossi", "VL00000123"):
        assert lists.found(connection, query)
    day = timedelta(hours=24)
    closing = windows.Closing("messenger", NOW - day, NOW - day + timedelta(hours=3))
    for lead in (False, True):
        near = windows.closing(connection, [closing], None if lead else ME)
        beside = lists.counts(connection, ME, lead=lead, closing=[closing, closing], now=NOW)
        assert near and beside.closing == 2 * len(near)
    windows.under_way(connection, channel="messenger", since=NOW - day)
    lead_page(connection)


def lead_page(connection: Connection) -> None:
    """What is past, of which the page reads a month: here so little of it that an index always pays."""
    since = NOW - timedelta(minutes=1)
    clocks.report(connection, since)
    numbers.opened(connection, since)
    numbers.settled(connection, since)
    promises.tally(connection, None, since)
    targets.counts(connection, since)
    waits.calibration(connection, since, NOW)


def case_screen(connection: Connection) -> None:
    """One conversation with its case."""
    opened = inbox.conversation(connection, MIDDLE)
    assert opened
    thread, _ = inbox.thread(connection, 1)
    inbox.thread(connection, 1, before=thread[0].id)
    inbox.deliveries(connection, [row.id for row in thread])
    inbox.siblings(connection, opened.customer_id, opened.id)
    inbox.last_move(connection, opened.id)
    cases.moves_of(connection, opened.id)
    cases.latest(connection, opened.id)
    cases.packet(connection, opened.case_id)
    cases.of_customer(connection, opened.customer_id)
    promises.open_of(connection, [opened.id])
    decisions.of_case(connection, opened.case_id)
    presence.lookers(connection, opened.id, None, but=ME, now=NOW)
    presence.everyone(connection, NOW)
    waiting = cases.get(connection, 5)
    queue.passed_over(connection, waiting)
    queue.came_again(connection, waiting, NOW)
    queue.promise_late(connection, waiting.customer_id, NOW)


def whole_tables(cursor: Any, statement: str, parameters: Any, *, sqlite: bool) -> Iterator[str]:
    """The growing tables that a statement would read from end to end."""
    if sqlite:
        for row in cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters):
            words = [*row[3].split(), ""]
            if words[1] in GROWING and (words[0] == "SCAN" or "AUTOMATIC" in words) and not PARTIAL & set(words):
                yield row[3]
        return
    # all of it fits into memory, as on any desk's server: without this, small tables are read whole, being cheap
    cursor.connection.execute("SET random_page_cost = 1.1")
    (plan,) = cursor.connection.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters).fetchone()
    todo = [json.loads(plan)[0]["Plan"] if isinstance(plan, str) else plan[0]["Plan"]]
    while todo:
        node = todo.pop()
        todo += node.get("Plans", ())
        if node["Node Type"] == "Seq Scan" and node["Relation Name"] in GROWING:
            yield f"{node['Node Type']} {node['Relation Name']}"


@contextmanager
def before_each(db: Database, look: Callable[[Any, str, Any], None]) -> Iterator[None]:
    """Call `look` with every statement that reads."""

    def seen(connection: Connection, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            look(cursor, statement, parameters)

    for engine in {db.engine, db.single}:
        event.listen(engine, "before_cursor_execute", seen)
    try:
        yield
    finally:
        for engine in {db.engine, db.single}:
            event.remove(engine, "before_cursor_execute", seen)


async def test_the_desk_reads_no_table_that_grows_from_end_to_end(db: Database) -> None:
    fill(db, conversations=30_000, each=3, open_cases=2_500)
    found: list[tuple[str, str]] = []

    def look(cursor: Any, statement: str, parameters: Any) -> None:
        found.extend((plan, statement) for plan in whole_tables(cursor, statement, parameters, sqlite=db.sqlite))

    with before_each(db, look):
        await db.read(everything)
    assert found == []


async def test_what_is_counted_for_operators_costs_the_same_however_much_is_over(db: Database) -> None:
    """At each scrape, and by the doctor: along indexes."""
    fill(db, conversations=30_000, each=1, open_cases=2_500)
    await db.write(partial(past_events, number=30_000))
    found: list[tuple[str, str]] = []

    def look(cursor: Any, statement: str, parameters: Any) -> None:
        found.extend((plan, statement) for plan in whole_tables(cursor, statement, parameters, sqlite=db.sqlite))

    with before_each(db, look):
        await db.read(partial(count, now=NOW))
        await db.read(partial(examine, now=NOW))
    assert found == []


def past_events(connection: Connection, *, number: int) -> None:
    """So many that were answered."""
    raws = [RawEvent(f"e{n}", "17", {}, NOW) for n in range(number)]
    events.put(connection, "paper", raws, NOW)
    connection.execute(update(tables.events).values(state="done"))
    connection.exec_driver_sql("ANALYZE events")


async def test_a_page_costs_the_same_however_many_wait(sqlite_file: Path, tmp_path: Path) -> None:
    """Counted in steps of SQLite's own machine, which no other program can disturb."""
    steps: dict[int, dict[str, int]] = {}
    for size in (1_000, 4_000):
        shutil.copy(sqlite_file, tmp_path / f"{size}.db")
        db = Database(f"sqlite:///{tmp_path / f'{size}.db'}")
        fill(db, conversations=size, each=4, open_cases=size)
        steps[size] = {
            name: await db.read(partial(counted, work=work))
            for name, work in ({tab: partial(page, tab=tab) for tab in lists.TABS} | {"case": case_screen}).items()
        }
        db.close()
    for name, small in steps[1_000].items():
        # what a person has in hand is four times as much, too
        assert steps[4_000][name] < small * (5 if name == "mine" else 1.5), name


def page(connection: Connection, *, tab: str) -> None:
    """The first page of a list."""
    lists.listed(connection, tab, ME, lead=True)


async def test_a_look_at_who_waits_costs_the_same_however_many_do(sqlite_file: Path, tmp_path: Path) -> None:
    steps = []
    for size in (1_000, 4_000):
        shutil.copy(sqlite_file, tmp_path / f"{size}.db")
        db = Database(f"sqlite:///{tmp_path / f'{size}.db'}")
        await db.write(partial(backlog, number=size))
        steps.append(await db.read(partial(counted, work=partial(leases.waiting, most=9, now=NOW, before=NOW))))
        db.close()
    assert 0 < steps[1] < steps[0] * 1.5


async def test_who_waits_is_found_along_an_index_the_longest_waiting_first(db: Database) -> None:
    await db.write(partial(backlog, number=2_000))
    await db.write(lambda c: leases.claim(c, ConversationKey("paper", "c1"), "me", length=timedelta(1), now=NOW))
    sorted_or_whole: list[str] = []

    def look(cursor: Any, statement: str, parameters: Any) -> None:
        sorted_or_whole.extend(whole_tables(cursor, statement, parameters, sqlite=db.sqlite))
        explain = "EXPLAIN QUERY PLAN" if db.sqlite else "EXPLAIN"
        plan = str(cursor.connection.execute(f"{explain} {statement}", parameters).fetchall())
        sorted_or_whole.extend(each for each in ("Sort", "TEMP B-TREE") if each in plan)

    with before_each(db, look):
        found = await db.read(partial(leases.waiting, most=9, now=NOW, before=NOW))
    assert [key.chat for key in found] == ["c2", "c0", *(f"c{n}" for n in range(3, 10))]
    assert sorted_or_whole == []
    everybody = await db.read(partial(leases.waiting, most=5_000, now=NOW))
    assert len(everybody) == 1_999 and everybody[:9] == found
    assert await db.read(partial(leases.waiting, most=9, now=NOW, before=NOW - timedelta(hours=1))) == []


def backlog(connection: Connection, *, number: int) -> None:
    """So many chats wait, of three events each; of what came first, much is answered. One wrote before all others."""
    came = [(chat, n) for n in range(3) for chat in range(number)]
    old = [RawEvent(f"old{n}", "c9", {}, NOW) for n in range(500)]
    events.put(connection, "paper", old, NOW - timedelta(days=1))
    connection.execute(update(tables.events).values(state="done"))
    first = [RawEvent("first", "c2", {}, NOW)]
    raws = [RawEvent(f"e{chat}.{n}", f"c{chat}", {}, NOW) for chat, n in came]
    events.put(connection, "paper", first + raws, NOW - timedelta(minutes=1))


async def test_forgetting_costs_the_same_however_much_is_kept(sqlite_file: Path, tmp_path: Path) -> None:
    """It runs every hour, on SQLite in the one writer: whoever writes meanwhile has to wait for it."""
    steps = []
    for size in (1_000, 4_000):
        shutil.copy(sqlite_file, tmp_path / f"{size}.db")
        db = Database(f"sqlite:///{tmp_path / f'{size}.db'}")
        await db.write(partial(arrivals, number=size))
        steps.append(await db.write(partial(counted, work=partial(forget, now=NOW))))
        left = [await db.read(lambda c, t=t: c.execute(select(t.c.id)).all()) for t in (tables.events, tables.live)]
        assert [len(rows) for rows in left] == [size, size]
        db.close()
    assert steps[1] < steps[0] * 1.5


def arrivals(connection: Connection, *, number: int) -> None:
    """So many finished events and lines for desks of just now, and a few old ones before them."""
    for n in range(number + 10):
        at = NOW - timedelta(days=0 if n >= 10 else 40)
        events.put(connection, "paper", [RawEvent(f"e{n}", "17", {}, at)], at)
        conversations.tell(connection, 1, "message", at)
    connection.execute(update(tables.events).values(state="done"))


def counted(connection: Connection, work: Callable[[Connection], object]) -> int:
    """Steps that it takes; to the hundred."""
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 100
        return 0

    raw: Any = connection.connection.dbapi_connection
    raw.set_progress_handler(step, 100)
    try:
        work(connection)
    finally:
        raw.set_progress_handler(None, 0)
    return steps
