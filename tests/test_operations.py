"""check, doctor, replay, backup, restore: through the store, the platforms' stand-ins and the command line."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import Connection, insert, inspect, select, text, update
from sqlalchemy.exc import OperationalError

from bench.postgres import Postgres
from bot.channels.messenger import MessengerChannel, MessengerSettings
from bot.channels.telegram import TelegramChannel, TelegramSettings
from bot.flow.workers import LEFT_BEHIND
from bot.model.errors import SendError
from bot.model.states import Inbound, Sending, Status
from bot.operations import check as checking
from bot.operations.check import check
from bot.operations.copies import CopyFailed, backup, fill, restore
from bot.operations.doctor import Finding, examine, report
from bot.operations.move import move
from bot.operations.replay import replay
from bot.sandbox import Sandbox
from bot.store import team_files
from bot.store.database import Database
from bot.store.leading import FirstHere, ServerLock
from bot.store.migrate import Standing, drop_all, migrate, standing
from bot.store.tables import events, live, metadata, outgoing
from bot.store.trouble import meaning
from tests.bot_process import ROOT, echo_engine, environ_of
from tests.conftest import free_port
from tests.flow_support import World, turn


async def findings(flow: World) -> list[Finding]:
    return await flow.db.read(lambda connection: examine(connection, flow.clock()))


def stuck(found: list[Finding]) -> str:
    return "\n".join(one.what for one in found if one.stuck)


# doctor


async def test_a_healthy_service_has_nothing_stuck(flow: World) -> None:
    await flow.agent()
    await flow.writes("quando aprite?")
    flow.clock.passes(days=1)
    assert report(await findings(flow)) == "Nothing is stuck."


async def test_what_is_not_answered_is_found_once_it_is_late(flow: World) -> None:
    await flow.receives(flow.raw(text="uno"), flow.raw(text="due"))
    assert not await findings(flow), "it is on its way"
    flow.clock.passes(minutes=5)
    assert "2 events of paper are not answered, the oldest for 5 minutes" in stuck(await findings(flow))


async def test_what_is_set_aside_is_told_by_its_problem(flow: World) -> None:
    await flow.receives(flow.raw(not_for_us="a poll"), flow.raw(not_for_us="a poll"), flow.raw(None, odd=1))
    await flow.answers()
    found = await findings(flow)
    assert any("2 events of paper are set aside: a poll" in one.what and not one.stuck for one in found)
    assert "1 events of paper are set aside: they could not be read" in stuck(found)
    await flow.receives(flow.raw(None, odd=2), flow.raw(None, odd=3))
    numbers = [row.id for row in await flow.rows(events)]
    assert any(f"`replay {numbers[2]} {numbers[3]} {numbers[4]}`" in one.do for one in await findings(flow))


async def test_rows_that_do_not_leave_are_found(flow: World) -> None:
    flow.platform.problems = [SendError("window", "too late", permanent=True)]
    await flow.writes("uno")
    await flow.writes("due")
    await flow.writes("tre")
    ids = [row.id for row in await flow.rows(outgoing)][1:]
    for row, values in zip(
        ids,
        (
            {"state": Sending.SENDING, "lease_until": flow.clock()},
            {"state": Sending.AMBIGUOUS, "due_at": flow.clock(), "problem": "no answer came"},
        ),
        strict=False,
    ):
        change = update(outgoing).where(outgoing.c.id == row).values(**values)
        await flow.db.write(lambda c, change=change: c.execute(change))
    found = stuck(await findings(flow))
    assert "1 messages on paper were refused in the last 7 days: window" in found
    assert "gone" not in found and "doubtful" not in found, "they may still settle"
    flow.clock.passes(minutes=10)
    found = stuck(await findings(flow))
    assert "1 messages are being sent, by a process that is gone" in found
    assert "1 messages are doubtful" in found and "no answer came" in found


async def test_cases_that_nobody_takes_are_found(flow: World) -> None:
    flow.engine.script = [turn("ti passo una persona", handoff="asked")]
    await flow.writes("una persona, per favore")
    assert await flow.status() == Status.WAITING
    case = await flow.case()
    assert case
    (found,) = await findings(flow)
    assert found.stuck and "agent add" in found.do and case.number in found.what, "there is nobody at all"
    await flow.agent()
    assert not stuck(await findings(flow))
    flow.clock.passes(hours=3)
    assert f"{case.number} (asked, 3 hours)" in stuck(await findings(flow))


async def test_nothing_it_says_names_a_customer(flow: World) -> None:
    await flow.receives(flow.raw("393331234567", text="mi chiamo Maria Rossi", sender={"name": "Maria"}))
    await flow.receives(flow.raw(None, text="Maria Rossi"))
    flow.clock.passes(days=1)
    told = report(await findings(flow))
    assert told and "Maria" not in told and "393331234567" not in told


# replay


async def test_a_set_aside_update_has_its_turn_after_a_fix(flow: World) -> None:
    await flow.receives(flow.raw(not_for_us="a kind we did not know"))
    await flow.answers()
    (row,) = await flow.rows(events)
    flow.platform.parse = _now_understood(flow)  # type: ignore[method-assign]
    assert await replay(flow.way, row.id) == ""
    flow.clock.passes(minutes=1)
    answering = flow.answering()
    await answering.take_up(older_than=LEFT_BEHIND)  # what a running service does every second
    async with asyncio.timeout(20):
        while (await flow.rows(events))[0].state != Inbound.DONE:
            await asyncio.sleep(0.01)
    await answering.stop()
    await flow.delivers()
    assert "echo quando aprite?" in flow.platform.texts()[-1]
    assert "state is done" in await replay(flow.way, row.id), "never twice"
    assert "no event 99" in await replay(flow.way, 99)


def _now_understood(flow: World):  # type: ignore[no-untyped-def]
    old = flow.platform.parse
    return lambda raw: old(replace(raw, payload={"text": "quando aprite?", "sender": {"language": "it"}}))


async def test_what_could_not_be_split_is_split_again(flow: World) -> None:
    await flow.receives(flow.raw(None, body="as it came"))
    (row,) = await flow.rows(events)
    splits = [[], [flow.raw(text="ciao"), flow.raw("18", text="ehi")]]
    flow.platform.split_again = lambda payload: splits.pop(0)  # type: ignore[attr-defined]
    assert "can still not be read" in await replay(flow.way, row.id)
    assert await replay(flow.way, row.id) == ""
    assert [one.state for one in await flow.rows(events)] == [Inbound.DONE, Inbound.NEW, Inbound.NEW]


async def test_channels_split_again_what_they_kept(sandbox: Sandbox) -> None:
    telegram = TelegramChannel(telegram_settings(sandbox))
    message = {"message_id": 1, "date": 1, "chat": {"id": 5, "type": "private"}, "text": "x"}
    update_ = json.dumps({"update_id": 7, "message": message})
    try:
        (raw,) = telegram.split_again({"body": update_})
        assert raw.chat == "5"
        assert all(raw.chat is None for raw in telegram.split_again({"body": "no JSON"}))
    finally:
        await telegram.stop()


# check


@pytest_asyncio.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    played = Sandbox(port=free_port(), bot_url=lambda: "http://127.0.0.1:9", state_dir=tmp_path / "demo")
    await played.start()
    yield played
    await played.stop()


def telegram_settings(sandbox: Sandbox) -> TelegramSettings:
    given = sandbox.telegram_settings
    return TelegramSettings(token=given.token, webhook_secret="s" * 32, api_url=given.api_url, public_url=None)


async def test_telegram_is_asked_whether_the_webhook_is_ours(sandbox: Sandbox) -> None:
    settings = replace(telegram_settings(sandbox), public_url="http://127.0.0.1:9")
    channel = TelegramChannel(settings)
    polling = TelegramChannel(replace(settings, public_url=None))
    wrong = TelegramChannel(replace(settings, token="1:" + "x" * 35))
    gone = TelegramChannel(replace(settings, api_url=f"http://127.0.0.1:{free_port()}"))
    try:
        assert await polling.check() == []
        (found,) = await channel.check()
        assert "not registered" in found and "http://127.0.0.1:9/webhooks/telegram" in found
        await channel._set_up()
        assert await channel.check() == []
        (found,) = await polling.check()
        assert "long polling gets nothing" in found
        (found,) = await wrong.check()
        assert "token is refused" in found and "xxx" not in found
        (found,) = await gone.check()
        assert "cannot be asked" in found
    finally:
        for one in (channel, polling, wrong, gone):
            await one.stop()


async def test_messenger_is_asked_for_the_page_and_the_app(sandbox: Sandbox) -> None:
    given = sandbox.messenger_settings
    settings = MessengerSettings(
        page_id=given.page_id,
        page_token=given.page_token,
        app_secret=given.app_secret,
        verify_token=given.verify_token,
        graph_url=given.graph_url,
        version="v26.0",
        public_url=None,
    )
    channel = MessengerChannel(replace(settings, public_url="http://127.0.0.1:9"))
    moved = MessengerChannel(replace(settings, public_url="https://elsewhere.example"))
    wrong = MessengerChannel(replace(settings, page_token="wrong"))
    try:
        assert any("messenger-setup" in one for one in await channel.check())
        await channel.set_up()
        assert await channel.check() == []
        assert any("another address" in one for one in await moved.check())
        assert any("refused" in one for one in await wrong.check())
    finally:
        for one in (channel, moved, wrong):
            await one.stop()


async def test_everything_is_checked_and_nothing_raises(flow: World, tmp_path: Path) -> None:
    async def problems() -> list[str]:
        return ["the webhook is registered for another address"]

    async def state() -> str:
        return "no answer"

    flow.platform.check = problems  # type: ignore[attr-defined]
    flow.engine.state = state  # type: ignore[attr-defined]
    flow.way.teams_file = tmp_path / "teams.yml"
    for version in ("a: 1", "b: 2"):
        await flow.db.write(partial(team_files.add, text=version, agent_id=None, now=flow.clock()))
    flow.way.teams_file.write_text("a: 1")
    (teams,) = (one for one in await check(flow.way) if one.name == "teams")
    assert "version 2 is in force" in checking.report([teams]) and not teams.problems
    found = {one.name: one.problems for one in await check(flow.way)}
    assert list(found) == ["settings", "database", "teams", "disk", "engine", "paper"]
    assert "nobody is at the desk" in found["database"][0] and found["engine"] and found["paper"]
    await flow.agent()
    flow.way.db.engine.dispose()
    flow.way.channels = {}
    found = {one.name: one.problems for one in await check(flow.way)}
    assert not found["database"] and "no platform" in found["channels"][0]


@pytest.mark.parametrize(
    "words, meant",
    [
        ('connection failed: FATAL:  password authentication failed for user "x"', "password is refused"),
        ("fe_sendauth: no password supplied", "password is refused"),
        ('no pg_hba.conf entry for host "10.0.0.7", user "x", database "y", no encryption', "pg_hba.conf"),
        ("connection timeout expired", "does not answer"),
        ("FATAL:  the database system is starting up", "try again"),
        ("FATAL:  sorry, too many clients already", "max_connections"),
        ("database or disk is full", "disk is full"),
        ("attempt to write a readonly database", "read-only"),
        ("something else with 3331234567", "OperationalError"),
    ],
)
def test_what_a_database_complains_of_is_said_in_plain_words(words: str, meant: str) -> None:
    told = meaning(OperationalError("SELECT password_hash FROM agents", {}, Exception(words)))
    assert meant in told and "3331234567" not in told and "10.0.0.7" not in told


def test_an_address_that_leads_nowhere_is_said_in_plain_words(postgres: Postgres, tmp_path: Path) -> None:
    server = postgres.url("postgres")
    for url, meant in (
        (f"postgresql://x:hunter2@127.0.0.1:{free_port()}/x", "nobody listens there"),
        ("postgresql://x:hunter2@no-such-host.invalid/x", "host's name is not known"),
        (server.replace("/postgres?", "/absent?"), "no database of this name"),
        (server.replace("tests@", "stranger@"), "does not know this user"),
        (f"sqlite:///{tmp_path}", "may not be opened"),
    ):
        database = Database(url)
        with pytest.raises(OperationalError) as caught, database.engine.connect():
            pass
        database.close()
        assert meant in meaning(caught.value) and "hunter2" not in meaning(caught.value)


# backup and restore


async def filled(flow: World) -> None:
    """A bit of everything, with gaps in the numbers."""
    await flow.agent()
    flow.engine.script = [turn("ecco"), turn("una persona", handoff="complaint")]
    await flow.writes("però, è già l'ora? 😀")
    await flow.writes("basta!", location={"latitude": 45.3, "longitude": 9.7})
    await flow.receives(flow.raw(None, odd=[1, {"x": None}]))
    await flow.db.write(lambda c: c.execute(insert(live).values(conversation_id=1, kind="move", at=flow.clock())))
    last = (await flow.rows(live))[-1].id
    await flow.db.write(lambda c: c.execute(live.delete().where(live.c.id == last)))


def contents(db: Database) -> dict[str, list[tuple[object, ...]]]:
    with db.engine.connect() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in metadata.sorted_tables
        }


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Another database, migrated and empty, of each kind."""
    if request.param == "sqlite":
        url, drop = f"sqlite:///{tmp_path / 'other.db'}", None
    else:
        server: Postgres = request.getfixturevalue("postgres")
        admin = Database(server.url("postgres"))
        drop = admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        drop.execute(text("DROP DATABASE IF EXISTS other"))
        drop.execute(text("CREATE DATABASE other"))
        url = server.url("other")
    database = Database(url)
    migrate(database)
    yield database
    database.close()
    if drop:
        drop.execute(text("DROP DATABASE other"))
        drop.close()
        admin.close()


async def test_what_is_saved_comes_back_row_by_row(flow: World, empty: Database, tmp_path: Path) -> None:
    """From each kind of database into each kind."""
    await filled(flow)
    file = tmp_path / "backup.db"
    counts = await asyncio.to_thread(backup, flow.db, file)
    assert counts["messages"] > 3 and counts["cases"] == 1 and counts["events"] == 3
    assert file.stat().st_mode & 0o077 == 0, "it is full of personal data"
    assert [each.name for each in tmp_path.iterdir() if "backup" in each.name] == ["backup.db"]
    before = file.read_bytes()
    assert await asyncio.to_thread(restore, empty, file, scratch=tmp_path) == counts
    assert contents(empty) == contents(flow.db)
    assert file.read_bytes() == before
    with empty.engine.connect().execution_options(writer=True) as connection, connection.begin():
        new = connection.execute(insert(live).values(conversation_id=1, kind="move", at=flow.clock()))
        assert new.inserted_primary_key
        assert new.inserted_primary_key[0] > max(row[0] for row in contents(flow.db)["live"]) + 1, "numbers go on"


async def test_everything_moves_into_another_database(flow: World, empty: Database) -> None:
    """From each kind into each kind: the same rows, the same digests, numbers that go on; the source as it was."""
    await filled(flow)
    before = contents(flow.db)
    moved = await asyncio.to_thread(move, flow.db, address(empty))
    assert contents(empty) == contents(flow.db) == before
    assert {name: one.rows for name, one in moved.items()} == {name: len(rows) for name, rows in before.items()}
    assert len({one.digest for one in moved.values() if one.rows}) == sum(1 for one in moved.values() if one.rows)
    with empty.engine.connect().execution_options(writer=True) as connection, connection.begin():
        new = connection.execute(insert(live).values(conversation_id=1, kind="move", at=flow.clock()))
        assert new.inserted_primary_key
        assert new.inserted_primary_key[0] > max(row[0] for row in before["live"]) + 1
    with pytest.raises(CopyFailed, match="not empty"):
        await asyncio.to_thread(move, flow.db, address(empty))


async def test_a_move_while_the_bot_runs_keeps_nothing(
    flow: World, empty: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(flow)
    serving = FirstHere(flow.db, "running")
    serving.join()
    if flow.db.sqlite:
        with pytest.raises(CopyFailed, match="stop it first"):
            await asyncio.to_thread(move, flow.db, address(empty))
    serving.leave()
    loop = asyncio.get_running_loop()

    def while_written(source: Connection, target: Connection) -> dict[str, int]:
        counts = fill(source, target)
        asyncio.run_coroutine_threadsafe(flow.receives(flow.raw("late", text="ciao")), loop).result(20)
        return counts

    monkeypatch.setattr("bot.operations.move.fill", while_written)
    with pytest.raises(CopyFailed, match="meanwhile"):
        await asyncio.to_thread(move, flow.db, address(empty))
    assert not any(contents(empty).values())


async def test_a_wrong_address_is_said_in_a_sentence(flow: World) -> None:
    for wrong in ("mysql://host/name", "postgresql://host", "hello"):
        with pytest.raises(CopyFailed, match="--to"):
            await asyncio.to_thread(move, flow.db, wrong)
    with pytest.raises(CopyFailed, match="Nothing was kept|cannot be opened"):
        await asyncio.to_thread(move, flow.db, "postgresql://nobody:hunter2@127.0.0.1:9/none")


def address(db: Database) -> str:
    return db.engine.url.set(drivername=db.engine.dialect.name).render_as_string(hide_password=False)


async def test_a_backup_is_of_one_moment_while_others_write(flow: World, tmp_path: Path) -> None:
    await filled(flow)
    running = True

    async def writing() -> int:
        number = 0
        while running:
            number += 1
            await flow.receives(flow.raw(f"chat-{number}", text=f"{number}"))
        return number

    work = asyncio.create_task(writing())
    await asyncio.sleep(0)
    counts = await asyncio.to_thread(backup, flow.db, tmp_path / "backup.db")
    running = False
    assert await work > 0
    with sqlite3.connect(tmp_path / "backup.db") as saved:
        assert saved.execute("SELECT count(*) FROM events").fetchone()[0] == counts["events"]


async def test_nothing_is_restored_while_the_bot_runs(flow: World, tmp_path: Path) -> None:
    """With the rows of another day its conversations would go on in the middle of nowhere."""
    await filled(flow)
    file, before = tmp_path / "backup.db", contents(flow.db)
    await asyncio.to_thread(backup, flow.db, file)
    serving, sweeping = FirstHere(flow.db, "running"), ServerLock(flow.db, "sweep")
    if flow.db.sqlite:
        serving.join()
    else:
        assert await sweeping.take()
    with pytest.raises(CopyFailed, match="stop it first"):
        await asyncio.to_thread(restore, flow.db, file, scratch=tmp_path, overwrite=True)
    assert contents(flow.db) == before
    serving.leave()
    await sweeping.drop()
    await asyncio.to_thread(restore, flow.db, file, scratch=tmp_path, overwrite=True)
    assert contents(flow.db) == before


async def test_a_database_with_rows_is_not_overwritten_unasked(flow: World, tmp_path: Path) -> None:
    await filled(flow)
    file = tmp_path / "backup.db"
    await asyncio.to_thread(backup, flow.db, file)
    saved = contents(flow.db)
    await flow.writes("dopo la copia")
    later = contents(flow.db)
    with pytest.raises(CopyFailed, match="--overwrite"):
        await asyncio.to_thread(restore, flow.db, file, scratch=tmp_path)
    assert contents(flow.db) == later
    await asyncio.to_thread(restore, flow.db, file, scratch=tmp_path, overwrite=True)
    assert contents(flow.db) == saved


@pytest.mark.parametrize("version", ["9999", "0019"])
async def test_a_backup_brings_back_what_was_before_an_upgrade(
    version: str, flow: World, empty: Database, tmp_path: Path
) -> None:
    """The tables are a later version's, or an earlier one's: they give way to those of this program."""
    await filled(flow)
    file = tmp_path / "backup.db"
    counts = await asyncio.to_thread(backup, flow.db, file)
    with empty.engine.connect().execution_options(writer=True) as connection, connection.begin():
        for statement in (
            f"UPDATE alembic_version SET version_num = '{version}'",
            "CREATE TABLE of_tomorrow (id INTEGER PRIMARY KEY, agent_id INTEGER REFERENCES agents (id))",
        ):
            connection.exec_driver_sql(statement)
    with pytest.raises(CopyFailed, match="--overwrite"):
        await asyncio.to_thread(restore, empty, file, scratch=tmp_path)
    assert await asyncio.to_thread(restore, empty, file, scratch=tmp_path, overwrite=True) == counts
    assert contents(empty) == contents(flow.db)
    with empty.engine.connect() as connection:
        assert standing(connection) == Standing.PRESENT and not inspect(connection).has_table("of_tomorrow")


async def test_a_restore_into_a_database_without_our_tables_drops_nothing(
    flow: World, empty: Database, tmp_path: Path
) -> None:
    """Somebody else's may be there, where an address is wrong."""
    await filled(flow)
    file = tmp_path / "backup.db"
    counts = await asyncio.to_thread(backup, flow.db, file)
    with empty.engine.connect().execution_options(writer=True) as connection, connection.begin():
        drop_all(connection)
        connection.exec_driver_sql("CREATE TABLE of_others (id INTEGER PRIMARY KEY)")
    assert await asyncio.to_thread(restore, empty, file, scratch=tmp_path, overwrite=True) == counts
    assert contents(empty) == contents(flow.db)
    with empty.engine.connect() as connection:
        assert inspect(connection).has_table("of_others")


@pytest.mark.parametrize("harm", ["cut", "absent", "foreign", "orphans"])
async def test_what_is_no_whole_backup_is_refused(harm: str, flow: World, tmp_path: Path) -> None:
    await filled(flow)
    file = tmp_path / "backup.db"
    await asyncio.to_thread(backup, flow.db, file)
    if harm == "cut":
        file.write_bytes(file.read_bytes()[:-8192])
    elif harm == "absent":
        file.unlink()
    elif harm == "foreign":
        file.unlink()
        with sqlite3.connect(file) as other:
            other.execute("CREATE TABLE x (y)")
    else:
        with sqlite3.connect(file) as other:
            other.execute("DELETE FROM conversations")
    before = contents(flow.db)
    with pytest.raises(CopyFailed):
        await asyncio.to_thread(restore, flow.db, file, scratch=tmp_path, overwrite=True)
    assert contents(flow.db) == before


async def test_a_row_that_changed_on_the_way_is_noticed(
    flow: World, empty: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(flow)
    file = tmp_path / "backup.db"
    await asyncio.to_thread(backup, flow.db, file)
    from bot.operations import copies

    honest = copies._copy

    def careless(source, target):  # type: ignore[no-untyped-def]
        counts = honest(source, target)
        target.execute(text("UPDATE messages SET text = 'x' WHERE id = 1"))
        return counts

    monkeypatch.setattr(copies, "_copy", careless)
    with pytest.raises(CopyFailed, match="messages"):
        await asyncio.to_thread(restore, empty, file, scratch=tmp_path)
    assert not any(contents(empty).values())


# The command line.


async def bot(*words: str, **settings: str) -> tuple[int, str]:
    """`python -m bot …`: the exit code, and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        *words,
        cwd=ROOT,
        env=environ_of({"SANDBOX": "no", **settings}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(120):
        told, _ = await process.communicate()
    return process.returncode or 0, told.decode()


async def test_the_commands_of_an_evening(tmp_path: Path, sqlite_file: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "copy.db"
    data.mkdir()
    shutil.copy(sqlite_file, data / "sportello.db")
    async with echo_engine() as engine:
        settings = {"DATA_DIR": str(data), "ENGINE_URL": engine.url}
        code, told = await bot("check", **settings)
        assert code == 1 and "ok     engine" in told and "wrong  database" in told and "wrong  channels" in told
        assert (await bot("agent", "add", "anna", "Anna K.", **settings))[0] == 0
        code, told = await bot("doctor", **settings)
        assert code == 0 and "Nothing is stuck." in told
        code, told = await bot("backup", str(file), **settings)
        assert code == 0 and "1 agents" in told and "compared" in told
        code, told = await bot("restore", str(file), **settings)
        assert code == 1 and "--overwrite" in told
        code, told = await bot("restore", str(file), **{**settings, "DATA_DIR": str(tmp_path / "new")})
        assert code == 0 and "1 agents" in told
        for path in (file, tmp_path / "new", tmp_path / "new" / "sportello.db"):
            assert path.stat().st_mode & 0o077 == 0, "others on this machine are no readers of customers' words"
        written = {"data": ["person_add", "backup"], "new": ["person_add", "restore"]}
        for folder, kinds in written.items():
            with closing(sqlite3.connect(tmp_path / folder / "sportello.db")) as kept:
                assert [kind for (kind,) in kept.execute("SELECT kind FROM audit ORDER BY id")] == kinds
        code, told = await bot("replay", "7", **settings)
        assert code == 1 and "no event 7" in told


async def test_commands_leave_the_tables_of_a_running_earlier_version(tmp_path: Path, sqlite_file: Path) -> None:
    shutil.copy(sqlite_file, tmp_path / "sportello.db")
    with closing(sqlite3.connect(tmp_path / "sportello.db")) as db:
        db.execute("UPDATE alembic_version SET version_num = '0019'")
        db.commit()
    async with echo_engine() as engine:
        settings = {"DATA_DIR": str(tmp_path), "ENGINE_URL": f"{engine.url},http://127.0.0.1:{free_port()}"}
        code, told = await bot("check", **settings)
        assert code == 1 and "of an earlier version: starting the bot" in told and "1 of 2 engines answer" in told
        code, told = await bot("doctor", **settings)
        assert code == 1 and "of an earlier version: starting the bot" in told
        with closing(sqlite3.connect(tmp_path / "sportello.db")) as db:
            assert db.execute("SELECT version_num FROM alembic_version").fetchone() == ("0019",)
        away = f"postgresql://x:hunter2@127.0.0.1:{free_port()}/x"
        code, told = await bot("check", **{**settings, "DATABASE_URL": away})
        assert code == 1 and "wrong  database" in told and "nobody listens there" in told, "and the rest is looked at"
        assert "wrong  channels" in told and "hunter2" not in told and "Traceback" not in told
        for command in (("doctor",), ("backup", str(tmp_path / "b")), ("restore", str(tmp_path / "b"))):
            code, told = await bot(*command, **{**settings, "DATABASE_URL": away})
            assert code == 1 and "nobody listens there" in told and "Traceback" not in told


def test_late_is_later_than_a_call_may_take() -> None:
    from bot.flow.deliver import ECHO_WAIT
    from bot.operations.doctor import PATIENCE

    assert PATIENCE > ECHO_WAIT + timedelta(seconds=2)
