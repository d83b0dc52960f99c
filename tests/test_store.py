"""The record of truth, on SQLite and on PostgreSQL: nothing lost, nothing twice, nothing half."""
# mypy: disable-error-code="misc"

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Row, event, func, insert, select, text
from sqlalchemy.exc import IntegrityError

from bench.postgres import Postgres
from bot.channels.reading import tidy
from bot.model.dialogue import PromiseMade, Watch
from bot.model.errors import Refused
from bot.model.messages import ConversationKey, Incoming, Kind, RawEvent, Sender
from bot.model.replies import Part, QuickReply, Reply
from bot.model.states import MOVES, Author, Sending, Status
from bot.store import agents, cases, conversations, events, messages, outgoing, promises, tables
from bot.store.database import Database
from bot.store.migrate import FOLDER, TooNew, migrate
from bot.store.together import MOST
from tests.databases import empty

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
LEASE = timedelta(seconds=60)
ODD = "ciao \0 \ud800 👩‍👩‍👧‍👦 \u202eabc\r\n\t\x07 " + "è" * 3


def raw(number: int, chat: str | None = "1", **payload: Any) -> RawEvent:
    return RawEvent(f"e{number}", chat, payload, NOW)


def conversation(connection: Connection, chat: str = "1") -> Row[Any]:
    key = ConversationKey("paper", chat)
    return conversations.find_or_begin(connection, key, Sender("Mario", "it"), language="it", now=NOW)


def message(connection: Connection, chat: str = "1", parts: int = 1, author: Author = Author.BOT) -> int:
    """A message with its outgoing rows."""
    to = conversation(connection, chat)
    key = messages.add_reply(
        connection, to.id, Reply("ciao"), author=author, agent_id=None, case_id=None, now=NOW
    )
    texts = [Part(f"{chat}.{n}") for n in range(parts)]
    outgoing.add(connection, to.id, key, texts, author=author, agent_id=None, now=NOW)
    return key


def claim(connection: Connection, *, limit: int = 50, at: datetime = NOW) -> list[Row[Any]]:
    return outgoing.claim(connection, limit=limit, lease=LEASE, now=at)


def told(rows: list[Row[Any]]) -> list[str]:
    return [outgoing.part_of(row).text for row in rows]


def test_a_database_of_a_newer_program_is_left_alone(db: Database) -> None:
    def set_to(version: str) -> None:
        with db.engine.connect().execution_options(writer=True) as connection, connection.begin():
            connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})

    newest = max(file.name[:4] for file in (FOLDER / "versions").glob("[0-9]*.py"))
    set_to("9999")
    try:
        with pytest.raises(TooNew):
            migrate(db)
    finally:
        set_to(newest)  # PostgreSQL's is the other tests' too


# Transactions.


async def test_a_group_of_writes_is_spoiled_by_nobody(db: Database) -> None:
    """Many at once, some failing: each gets its own result, and only the good ones are kept."""

    def work(number: int) -> Any:
        def insert_one(connection: Connection) -> int:
            connection.execute(insert(tables.customers).values(name=f"{number}", created_at=NOW))
            if number % 7 == 3:
                raise ValueError(number)
            return number

        return insert_one

    results = await asyncio.gather(*(db.write(work(n)) for n in range(100)), return_exceptions=True)
    for number, result in enumerate(results):
        if number % 7 == 3:
            assert isinstance(result, ValueError) and result.args == (number,)
        else:
            assert result == number
    kept = await db.read(lambda c: set(c.execute(select(tables.customers.c.name)).scalars()))
    assert kept == {str(n) for n in range(100) if n % 7 != 3}


async def test_an_error_of_the_database_spoils_only_its_own_write(db: Database) -> None:
    """A broken constraint ends a transaction on PostgreSQL: the others must have their own."""

    def agent(login: str) -> Any:
        return lambda c: agents.add(
            c, login=login, name="A", role="agent", password_hash="", picture=b"", now=NOW
        )

    logins = ["a", "b", "a", "c", "b"]
    results = await asyncio.gather(*(db.write(agent(login)) for login in logins), return_exceptions=True)
    assert sum(isinstance(result, IntegrityError) for result in results) == 2
    assert await db.read(agents.count) == 3


async def test_a_caller_that_gave_up_harms_nobody(db: Database) -> None:
    """A closed connection cancels its write: the others go on, the store lives."""
    held = threading.Event()
    entered = threading.Event()

    def hold(_connection: Connection) -> None:
        entered.set()
        held.wait(10)

    slow = asyncio.create_task(db.write(hold))
    while not entered.is_set():
        await asyncio.sleep(0.005)
    waiting = [
        asyncio.create_task(db.write(lambda c, n=n: events.put(c, "paper", [raw(n)], NOW))) for n in range(5)
    ]
    await asyncio.sleep(0)  # all have asked, and none can have heard an answer yet
    waiting[2].cancel()
    slow.cancel()
    held.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [isinstance(result, asyncio.CancelledError) for result in results] == [False, False, True, False, False]
    stored = await db.read(lambda c: set(c.execute(select(tables.events.c.external_id)).scalars()))
    assert stored >= {"e0", "e1", "e3", "e4"}
    assert await db.write(lambda c: 7) == 7


async def test_many_writes_share_a_commit(db: Database) -> None:
    """One flush to disk for many writers is what makes the acknowledgement quick."""
    if not db.sqlite:
        return  # PostgreSQL groups commits by itself
    commits = []
    held = threading.Event()
    event.listen(db.engine, "commit", lambda _connection: commits.append(1))
    first = asyncio.create_task(db.write(lambda _c: held.wait(10)))
    await asyncio.sleep(0.02)
    rest = [asyncio.create_task(db.write(lambda c, n=n: events.put(c, "paper", [raw(n)], NOW))) for n in range(200)]
    await asyncio.sleep(0.02)
    held.set()
    await asyncio.gather(first, *rest)
    assert len(commits) <= 3


async def test_what_is_acknowledged_is_on_disk(db: Database) -> None:
    """`NORMAL` lost every acknowledged row of a power-cut replay."""
    if not db.sqlite:
        return
    names = ("synchronous", "journal_mode", "foreign_keys")
    found = await db.read(lambda c: [c.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names])
    assert found == [2, "wal", 1]


async def test_only_what_dies_with_the_process_is_not_waited_for(db: Database) -> None:
    words, kept, hasty = ("PRAGMA synchronous", 2, 1) if db.sqlite else ("SHOW synchronous_commit", "off", "off")
    for durable in (True, False, True):  # the tests' PostgreSQL never waits
        level = await db.write(lambda c: c.exec_driver_sql(words).scalar(), durable=durable)
        assert level == (kept if durable else hasty)


# Migrations.


async def test_the_migrations_make_the_tables(db: Database) -> None:
    """A column that is only in tables.py would be missing on every machine but a fresh one."""

    def differences(connection: Connection) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(connection), tables.metadata))

    assert await db.read(differences) == []


async def test_migrating_again_changes_nothing(db: Database) -> None:
    await db.write(lambda c: events.put(c, "paper", [raw(1)], NOW))
    for _ in range(2):
        migrate(db)
    assert await db.read(lambda c: events.next_of(c, ConversationKey("paper", "1")))


# Events.


async def test_an_event_is_stored_once_whoever_brings_it(db: Database) -> None:
    async def put() -> int:
        return len(await db.write(lambda c: events.put(c, "paper", [raw(n) for n in range(5)], NOW)))

    assert sum(await asyncio.gather(*(put() for _ in range(10)))) == 5
    rows = await db.read(lambda c: list(c.execute(select(tables.events.c.external_id)).scalars()))
    assert sorted(rows) == [f"e{n}" for n in range(5)]


async def test_deliveries_stored_together_each_learn_what_was_new(db: Database) -> None:
    await db.write(lambda c: events.put(c, "paper", [raw(1)], NOW))
    arrivals = db.together(events.put_all)
    brought = [("paper", [raw(1), raw(2)]), ("paper", [raw(2), raw(3), raw(3)]), ("glass", [raw(2)]), ("paper", [])]
    new = await asyncio.gather(*(arrivals.add(events.arrival(channel, raws, NOW)) for channel, raws in brought))
    assert [[each.external_id for each in one] for one in new] == [["e2"], ["e3"], ["e2"], []]


async def test_a_delivery_that_cannot_be_stored_does_not_keep_out_those_beside_it(db: Database) -> None:
    arrivals = db.together(events.put_all)
    unstorable = RawEvent(None, "1", {}, NOW)  # type: ignore[arg-type]
    brought = [events.arrival("paper", [each], NOW) for each in (raw(1), unstorable, raw(2))]
    found = await asyncio.gather(*map(arrivals.add, brought), return_exceptions=True)
    assert [isinstance(each, Exception) for each in found] == [False, True, False]
    stored = await db.read(lambda c: set(c.execute(select(tables.events.c.external_id)).scalars()))
    assert stored == {"e1", "e2"}


async def test_more_deliveries_than_one_transaction_takes(db: Database) -> None:
    arrivals = db.together(events.put_all)
    new = await asyncio.gather(*(arrivals.add(events.arrival("paper", [raw(n)], NOW)) for n in range(MOST * 2 + 1)))
    assert all(len(each) == 1 for each in new)
    assert len(await db.write(lambda c: events.put(c, "glass", [raw(n) for n in range(MOST + 1)], NOW))) == MOST + 1


async def test_what_is_stored_together_is_what_came(db: Database) -> None:
    """Whichever way the rows take to the database: every column reads back as it was brought, in the order it came."""
    odd = {"text": '"\\u0000\\" \\ud83d ñ 👩‍👩‍👧‍👦 \u202e', "n": [1, 1.5, None, True, {"a": ""}], "big": 10**18}
    at = datetime(2026, 11, 24, 23, 59, 59, 1, tzinfo=timezone(timedelta(hours=2)))
    came = [RawEvent("quote\" ' è", "1", odd, at), RawEvent("aside", None, {}, NOW), RawEvent("z", "1", {}, NOW)]
    await db.write(lambda c: events.put(c, "paper", came, at, own=True))
    stored = await db.read(lambda c: c.execute(select(tables.events).order_by(tables.events.c.id)).all())
    assert [(row.external_id, row.chat, row.payload, row.at) for row in stored] == [
        (raw.external_id, raw.chat, raw.payload, raw.at) for raw in came
    ]
    assert {(row.channel, row.own, row.received_at) for row in stored} == {("paper", True, at)}
    assert [row.state for row in stored] == ["new", "aside", "new"]


async def test_a_caller_who_gave_up_leaves_the_others_their_answers(db: Database) -> None:
    arrivals = db.together(events.put_all)
    tasks = [asyncio.create_task(arrivals.add(events.arrival("paper", [raw(n)], NOW))) for n in range(4)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(each, asyncio.CancelledError) for each in found] == [False, True, False, False]
    assert await arrivals.add(events.arrival("paper", [raw(7)], NOW))


async def test_the_same_id_on_another_channel_is_another_event(db: Database) -> None:
    for channel in ("paper", "glass"):
        assert await db.write(lambda c, channel=channel: events.put(c, channel, [raw(1)], NOW))


async def test_events_are_answered_in_the_platforms_order_and_finished_once(db: Database) -> None:
    key = ConversationKey("paper", "1")
    late, early = RawEvent("b", "1", {}, NOW), RawEvent("a", "1", {}, NOW - timedelta(seconds=5))
    await db.write(lambda c: events.put(c, "paper", [late, early, raw(3, chat=None)], NOW))
    order = []
    while row := await db.read(lambda c: events.next_of(c, key)):
        order.append(row.external_id)
        done = await asyncio.gather(*(db.write(lambda c, n=row.id: events.finish(c, n, NOW)) for _ in range(4)))
        assert sorted(done) == [False, False, False, True]
    assert order == ["a", "b"]


async def test_retention_forgets_what_is_finished_and_nothing_else(db: Database) -> None:
    def work(connection: Connection) -> int:
        events.put(connection, "paper", [raw(1), raw(2, chat=None)], NOW - timedelta(days=40))
        events.put(connection, "paper", [raw(3, chat=None)], NOW)
        return events.forget_before(connection, NOW - timedelta(days=30))

    assert await db.write(work) == 1
    left = await db.read(lambda c: list(c.execute(select(tables.events.c.external_id)).scalars()))
    assert sorted(left) == ["e1", "e3"]


# Odd texts.


@pytest.mark.parametrize("odd", [tidy(ODD), "è" * 300_000, "", "'; DROP TABLE events; --", "{}%s{0}", "\ufeff\u2028"])
async def test_odd_texts_come_back_as_they_were(db: Database, odd: str) -> None:
    """As the doors let them through (`tidy`): to an event, a message, a note, a learned value, a state, a name."""

    def write(connection: Connection) -> None:
        events.put(connection, "paper", [raw(1, text=odd)], NOW)
        to = conversation(connection)
        incoming = Incoming(ConversationKey("paper", "1"), "e1", NOW, text=odd, payload=odd[:900])
        key = messages.add_incoming(connection, to.id, incoming, event_id=1, case_id=None, now=NOW)
        messages.learn(connection, to.id, {"town": odd, "n": [1, {"a": odd}]}, key, NOW)
        conversations.keep_dialogue(connection, to.id, [{"event": "user", "text": odd}], NOW)
        messages.add_line(connection, to.id, odd, author=Author.NOTE, now=NOW)

    def read(connection: Connection) -> None:
        row = events.next_of(connection, ConversationKey("paper", "1"))
        assert row and row.payload == {"text": odd}
        to = conversation(connection)
        first, note = messages.history(connection, to.id)
        assert (first.text, first.payload or "", note.text) == (odd, odd[:900], odd)
        learned = {fact.name: fact.value for fact in messages.facts_of(connection, to.id)}
        assert learned == {"town": odd, "n": [1, {"a": odd}]}
        assert conversations.dialogue(connection, to.id) == [{"event": "user", "text": odd}]

    await db.write(write)
    await db.write(read)


async def test_an_untidy_payload_is_kept_all_the_same(db: Database) -> None:
    """The last line of defence: what was acknowledged must be storable, whatever is in it."""
    await db.write(lambda c: events.put(c, "paper", [raw(1, text=ODD, deep={"\ud800": [ODD]})], NOW))
    row = await db.read(lambda c: events.next_of(c, ConversationKey("paper", "1")))
    assert row and row.payload["text"] == ODD


async def test_a_very_long_name_begins_a_conversation(db: Database) -> None:
    """PostgreSQL refuses what is longer than its column; a name must not cost the customer the answer."""
    key = ConversationKey("paper", "1")
    long = Sender("N" * 5000, "it-IT-" + "x" * 50)
    for sender in (long, Sender("M" * 5000)):
        await db.write(lambda c, s=sender: conversations.find_or_begin(c, key, s, language="it", now=NOW))
    name = await db.read(lambda c: c.execute(select(tables.customers.c.name)).scalar_one())
    assert name.startswith("MMM")


async def test_times_keep_their_moment(db: Database) -> None:
    """SQLite keeps no zone: a naive time would break every comparison."""
    rome = datetime.fromisoformat("2026-07-01T12:00:00.123456+02:00")
    await db.write(lambda c: events.put(c, "paper", [RawEvent("a", "1", {}, rome)], NOW))
    row = await db.read(lambda c: events.next_of(c, ConversationKey("paper", "1")))
    assert row and row.at == rome and row.at.utcoffset() == timedelta()


# Conversations.


async def test_one_conversation_however_many_begin_it(db: Database) -> None:
    """Two processes may see the first message at once."""
    assert len({row.id for row in await asyncio.gather(*(db.write(conversation) for _ in range(8)))}) == 1
    assert await db.read(lambda c: c.execute(select(func.count()).select_from(tables.conversations)).scalar()) == 1
    assert await db.read(lambda c: c.execute(select(func.count()).select_from(tables.customers)).scalar()) == 1


async def test_every_move_is_in_the_list_or_refused(db: Database) -> None:
    def work(connection: Connection, start: Status, to: Status) -> Row[Any]:
        to_move = conversation(connection)
        conversations.change(connection, to_move.id, status=start)
        found = conversations.get(connection, to_move.id)
        assert found
        return conversations.move(connection, found, to, who="bot", why="test", now=NOW)

    for start, to in itertools.product(Status, Status):
        if (start, to) in MOVES:
            moved = await db.write(lambda c, s=start, t=to: work(c, s, t))
            assert moved.status == to
        else:
            with pytest.raises(Refused):
                await db.write(lambda c, s=start, t=to: work(c, s, t))
    moves = await db.read(lambda c: c.execute(select(tables.moves)).all())
    assert sorted((m.from_status, m.to_status) for m in moves) == sorted(MOVES)


async def test_of_many_that_saw_the_same_version_one_moves(db: Database) -> None:
    seen = await db.write(conversation)

    async def move(n: int) -> bool:
        try:
            await db.write(
                lambda c: conversations.move(c, seen, Status.WAITING, who="bot", why=str(n), now=NOW, case_id=n)
            )
        except Refused:
            return False
        return True

    assert sum(await asyncio.gather(*(move(n) for n in range(8)))) == 1
    moves = await db.read(lambda c: cases.moves_of(c, seen.id))
    assert [(m.from_status, m.to_status) for m in moves] == [("bot", "waiting")]
    now = await db.read(lambda c: conversations.get(c, seen.id))
    assert now and now.version == 1 and str(now.case_id) == moves[0].why


async def test_case_numbers_and_packets(db: Database) -> None:
    def work(connection: Connection) -> None:
        to = conversation(connection)
        opened = [cases.open_case(connection, to, reason="asked", topic="", note="", now=NOW) for _ in range(20)]
        assert len({case.number for case in opened}) == 20
        assert [cases.add_packet(connection, opened[0].id, {"n": n}, NOW) for n in range(3)] == [1, 2, 3]
        newest = cases.packet(connection, opened[0].id)
        assert newest and newest.body == {"n": 2}
        assert len(cases.of_customer(connection, to.customer_id)) == 5

    await db.write(work)


# Messages.


async def test_edits_and_reads_touch_only_what_they_mean(db: Database) -> None:
    def work(connection: Connection) -> None:
        to, other = conversation(connection), conversation(connection, "2")
        for each in (to, other):
            incoming = Incoming(ConversationKey("paper", each.chat), "e", NOW, platform_id="p1", text="prima")
            messages.add_incoming(connection, each.id, incoming, event_id=1, case_id=None, now=NOW)
        for later in (0, 10):
            at = NOW + timedelta(seconds=later)
            messages.add_reply(connection, to.id, Reply("r"), author=Author.BOT, agent_id=None, case_id=None, now=at)
        assert messages.edited(connection, to.id, "p1", "dopo", NOW)
        assert not messages.edited(connection, to.id, "none", "dopo", NOW)
        messages.read_up_to(connection, to.id, NOW + timedelta(seconds=5), NOW)
        rows = messages.history(connection, to.id)
        assert [(row.text, row.read_at is not None) for row in rows] == [("dopo", False), ("r", True), ("r", False)]
        assert messages.history(connection, other.id)[0].text == "prima"

    await db.write(work)


async def test_a_fact_told_again_replaces_the_old_one_and_none_takes_it_back(db: Database) -> None:
    def work(connection: Connection) -> Any:
        to = conversation(connection)
        messages.learn(connection, to.id, {"town": "Roma", "cap": "00100"}, 1, NOW)
        messages.learn(connection, to.id, {"town": "Pisa", "street": "x"}, 2, NOW)
        messages.learn(connection, to.id, {"street": None, "never": None}, 3, NOW)
        return [(f.name, f.value, f.message_id) for f in messages.facts_of(connection, to.id)]

    assert await db.write(work) == [("cap", "00100", 1), ("town", "Pisa", 2)]


async def test_offered_are_our_last_buttons_newest_first(db: Database) -> None:
    def work(connection: Connection) -> Any:
        to = conversation(connection)
        for title in ("uno", "due"):
            said = Reply("?", (QuickReply(title, f"/{title}"),))
            messages.add_reply(connection, to.id, said, author=Author.BOT, agent_id=None, case_id=None, now=NOW)
        messages.add_line(connection, to.id, "nota", now=NOW)
        return messages.offered(connection, to.id)

    assert await db.write(work) == [[QuickReply("due", "/due")], [QuickReply("uno", "/uno")]]


async def test_promises_and_watches(db: Database) -> None:
    def work(connection: Connection) -> None:
        to = conversation(connection)
        for days in (3, 1):
            made = PromiseMade("tecnico", NOW + timedelta(days=days), f"R{days}")
            promises.make_of_turn(connection, to.id, [made], message_id=1, case_id=None, now=NOW)
        assert [p.reference for p in promises.open_of(connection, [to.id])] == ["R1", "R3"]
        for _ in range(2):
            messages.watch(connection, to.id, [Watch("incident:1", "/check", "/tell")], NOW)
        assert connection.execute(select(func.count()).select_from(tables.watches)).scalar() == 1

    await db.write(work)


# Outgoing rows.


async def test_a_claim_takes_the_first_row_of_each_conversation(db: Database) -> None:
    await db.write(lambda c: [message(c, "1", 2), message(c, "2"), message(c, "1"), message(c, "3", 3)])
    assert told(await db.write(claim)) == ["1.0", "2.0", "3.0"]
    assert await db.write(claim) == []


async def test_rows_of_a_conversation_keep_their_order(db: Database) -> None:
    await db.write(lambda c: [message(c, "1", 3), message(c, "1", 2)])
    seen = []
    while rows := await db.write(claim):
        assert len(rows) == 1
        seen += told(rows)
        await db.write(lambda c, row=rows[0]: outgoing.sent(c, row, "p", NOW))
    assert seen == ["1.0", "1.1", "1.2", "1.0", "1.1"]


async def test_many_claimers_share_and_never_take_two_of_one_conversation(db: Database) -> None:
    """Processes that claim at the same moment: each row to one of them, one row a conversation in flight."""
    chats = [str(n) for n in range(12)]
    await db.write(lambda c: [message(c, chat, 3) for chat in chats])
    seen: list[str] = []
    for _ in range(3):
        rounds = await asyncio.gather(*(db.write(lambda c: claim(c, limit=5)) for _ in range(6)))
        rows = [row for each in rounds for row in each]
        rows += await db.write(claim)
        assert len({row.chat for row in rows}) == len(rows) == len(chats)
        seen += told(rows)
        await asyncio.gather(*(db.write(lambda c, row=row: outgoing.sent(c, row, "p", NOW)) for row in rows))
    assert [t for t in seen if t.startswith("7.")] == ["7.0", "7.1", "7.2"]


@pytest.mark.parametrize("state", [Sending.LATER, Sending.AMBIGUOUS])
async def test_what_waits_holds_back_its_own_conversation_only(db: Database, state: Sending) -> None:
    await db.write(lambda c: [message(c, "1", 2), message(c, "2", 2)])
    first, second = await db.write(claim)
    due = NOW + timedelta(seconds=30)
    await db.write(lambda c: outgoing.not_sent(c, first, state, "x", NOW, due_at=due))
    await db.write(lambda c: outgoing.sent(c, second, "p", NOW))
    assert told(await db.write(claim)) == ["2.1"]
    if state == Sending.LATER:
        assert told(await db.write(lambda c: claim(c, at=due))) == ["1.0"]


async def test_the_next_due_row_is_one_that_can_be_claimed(db: Database) -> None:
    """A row behind one that waits is not due, whatever its own time says: who believed it would ask in a circle."""
    assert await db.read(outgoing.next_due) is None
    await db.write(lambda c: message(c, "1", 2))
    assert await db.read(outgoing.next_due) == NOW
    (row,) = await db.write(claim)
    assert await db.read(outgoing.next_due) == NOW + LEASE
    due = NOW + timedelta(seconds=30)
    await db.write(lambda c: outgoing.not_sent(c, row, Sending.LATER, "429", NOW, due_at=due))
    assert await db.read(outgoing.next_due) == due


async def test_a_conversation_that_a_person_took_hears_nothing_more_of_the_bot(db: Database) -> None:
    def work(connection: Connection) -> None:
        message(connection, "1", 2)
        message(connection, "1", author=Author.AGENT)
        conversations.change(connection, conversation(connection).id, status=Status.AGENT)

    await db.write(work)
    (row,) = await db.write(claim)
    assert row.author == Author.AGENT
    in_order = select(tables.outgoing.c.state).order_by(tables.outgoing.c.id)
    states = await db.read(lambda c: list(c.execute(in_order).scalars()))
    assert states == ["suppressed", "suppressed", "sending"]


async def test_ambiguous_rows_are_sent_once_more_then_fail(db: Database) -> None:
    await db.write(lambda c: message(c))
    states = []
    for _ in range(3):
        for row in await db.write(claim):
            await db.write(
                lambda c, row=row: outgoing.not_sent(c, row, Sending.AMBIGUOUS, "time-out", NOW, due_at=NOW)
            )
        await db.write(lambda c: outgoing.resend_ambiguous(c, NOW, tries=8, echoing=[]))
        row = await db.read(lambda c: c.execute(select(tables.outgoing)).one())
        states.append((row.state, row.resent))
    assert states == [("pending", True), ("failed", True), ("failed", True)]
    assert await db.write(lambda c: outgoing.retry(c, row.id, NOW))
    assert not await db.write(lambda c: outgoing.retry(c, row.id, NOW))


async def test_where_echoes_come_none_means_that_it_did_not_arrive(db: Database) -> None:
    """However often a sender dies: it is sent again, up to as many tries as anything else has."""
    await db.write(lambda c: message(c))
    states = []
    for _ in range(4):
        assert await db.write(claim)
        await db.write(lambda c: outgoing.orphaned(c, NOW, everything=True, proofs={"paper": timedelta()}))
        await db.write(lambda c: outgoing.resend_ambiguous(c, NOW, tries=4, echoing=["paper"]))
        states.append((await db.read(lambda c: c.execute(select(tables.outgoing)).one())).state)
    assert states == ["pending", "pending", "pending", "failed"]


async def test_only_rows_whose_lease_ended_are_orphans(db: Database) -> None:
    await db.write(lambda c: [message(c, "1"), message(c, "2")])
    await db.write(lambda c: claim(c, limit=1))
    await db.write(lambda c: claim(c, at=NOW + timedelta(seconds=30)))

    def states(connection: Connection) -> list[str]:
        return list(connection.execute(select(tables.outgoing.c.state).order_by(tables.outgoing.c.id)).scalars())

    later = NOW + LEASE + timedelta(seconds=1)
    await db.write(lambda c: outgoing.orphaned(c, later, everything=False, proofs={}))
    assert await db.read(states) == ["ambiguous", "sending"]
    await db.write(lambda c: outgoing.orphaned(c, later, everything=True, proofs={}))
    assert await db.read(states) == ["ambiguous", "ambiguous"]


async def test_an_echo_proves_what_was_doubtful_and_nothing_of_others(db: Database) -> None:
    await db.write(lambda c: [message(c, "1"), message(c, "2")])
    first, _ = await db.write(claim)
    await db.write(lambda c: outgoing.not_sent(c, first, Sending.AMBIGUOUS, "?", NOW, due_at=NOW))
    other = await db.write(lambda c: conversation(c, "2"))
    assert not await db.write(lambda c: outgoing.echoed(c, first.id, other.id, "p1", NOW))
    assert await db.write(lambda c: outgoing.echoed(c, first.id, first.conversation_id, "p1", NOW))
    row = await db.read(lambda c: c.execute(select(tables.outgoing).where(tables.outgoing.c.id == first.id)).one())
    assert (row.state, row.platform_id) == ("sent", "p1")
    await db.write(lambda c: outgoing.not_sent(c, first, Sending.FAILED, "late answer", NOW, due_at=NOW))
    row = await db.read(lambda c: c.execute(select(tables.outgoing).where(tables.outgoing.c.id == first.id)).one())
    assert row.state == "sent"


# Size.


@pytest.fixture
def plans(db: Database) -> Iterator[list[tuple[str, str]]]:
    """(statement, how SQLite finds its rows) of everything that runs."""
    seen: list[tuple[str, str]] = []

    def explain(connection: Connection, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if db.sqlite and statement.startswith(("SELECT", "UPDATE", "DELETE")):
            rows = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
            seen.extend((statement, row[3]) for row in rows)

    event.listen(db.engine, "before_cursor_execute", explain)
    yield seen
    event.remove(db.engine, "before_cursor_execute", explain)


async def test_no_turn_reads_a_whole_table(db: Database, plans: list[tuple[str, str]]) -> None:
    """What every turn does must not grow dearer with the years: no statement of it scans a table that grows."""
    if not db.sqlite:
        return

    def work(connection: Connection) -> None:
        events.put(connection, "paper", [raw(1)], NOW)
        key = ConversationKey("paper", "1")
        row = events.next_of(connection, key)
        to = conversation(connection)
        incoming = Incoming(key, "e1", NOW, Kind.MESSAGE, platform_id="p", text="ciao")
        messages.add_incoming(connection, to.id, incoming, event_id=1, case_id=None, now=NOW)
        assert row and events.finish(connection, row.id, NOW)
        messages.offered(connection, to.id)
        messages.edited(connection, to.id, "p", "x", NOW)
        conversations.keep_dialogue(connection, to.id, [], NOW)
        message(connection)
        (out,) = claim(connection)
        outgoing.suppress_bot(connection, to.id, "x")
        outgoing.not_sent(connection, out, Sending.LATER, "x", NOW, due_at=NOW)
        outgoing.sent(connection, out, "p", NOW)
        outgoing.next_due(connection)
        outgoing.orphaned(connection, NOW, everything=False, proofs={"paper": LEASE})
        outgoing.resend_ambiguous(connection, NOW, tries=8, echoing=["paper"])
        cases.of_customer(connection, to.customer_id)
        cases.latest(connection, to.id)

    await db.write(work)
    growing = ("events", "messages", "outgoing", "earlier", "conversations", "cases", "facts")
    scans = [
        (statement, plan)
        for statement, plan in plans
        if plan.startswith(tuple(f"SCAN {table}" for table in growing)) and "USING" not in plan
    ]
    assert scans == []


async def test_the_store_has_no_trace_of_a_text_that_was_rolled_back(db: Database) -> None:
    def work(connection: Connection) -> None:
        message(connection)
        raise Refused("no")

    with pytest.raises(Refused):
        await db.write(work)
    for table in (tables.conversations, tables.messages, tables.outgoing, tables.live):
        assert await db.read(lambda c, t=table: c.execute(text(f"SELECT count(*) FROM {t.name}")).scalar()) == 0


async def test_connections_that_the_server_ended_are_made_anew(postgres: Postgres) -> None:
    url = postgres.url("postgres")
    db = Database(url)
    try:
        sleeps = (do(lambda c: c.execute(text("SELECT pg_sleep(0.1)"))) for do in (db.read, db.write) * 3)
        await asyncio.gather(*sleeps)
        with psycopg.connect(url, autocommit=True) as other:
            others = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            ended = other.execute(f"SELECT pg_terminate_backend(pid) {others}").fetchall()
            while other.execute(f"SELECT count(*) {others}").fetchone() != (0,):
                await asyncio.sleep(0.01)
        assert len(ended) >= 5

        def one(connection: Connection) -> Any:
            return connection.execute(text("SELECT 1")).scalar()

        assert set(await asyncio.gather(*(do(one) for do in (db.read, db.write, db.screen) * 3))) == {1}
    finally:
        db.close()


async def test_a_write_whose_connection_ends_in_its_midst_is_done_once_and_whole(postgres: Postgres) -> None:
    url, tries = postgres.url("postgres"), 0
    db = Database(url)

    def work(connection: Connection) -> None:
        nonlocal tries
        tries += 1
        events.put(connection, "paper", [raw(tries)], NOW)
        if tries == 1:
            pid = connection.execute(text("SELECT pg_backend_pid()")).scalar()
            with psycopg.connect(url, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s)", (pid,))
        events.put(connection, "paper", [raw(10)], NOW)

    try:
        await db.write(work)
        stored = await db.read(lambda c: c.execute(select(tables.events.c.external_id)).scalars().all())
        assert (tries, stored) == (2, ["e2", "e10"])
    finally:
        db.close()
        empty(url)
