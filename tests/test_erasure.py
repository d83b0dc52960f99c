"""A customer's own data: the copy has all of it and nothing of others; the erasure leaves no word in any table."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, Connection, Row, String, Table, or_, select, update

from bot.flow import handoff, privacy, promises, transfer
from bot.model.dialogue import PromiseMade, Watch
from bot.model.messages import RawEvent
from bot.model.replies import Reply
from bot.model.states import Outcome, Sending
from bot.operations.commands import add_customer_commands, operate
from bot.store import cases, clocks, decisions, erasure, numbers, presence, targets, waits
from bot.store import promises as promises_
from bot.store.erasure import GONE, Obstacle
from bot.store.tables import audit, customers, events, leases, metadata, outgoing
from bot.store.tables import conversations as conversations_table
from bot.store.tables import promises as promises_table
from tests.flow_support import World, turn

WHO, OTHER = "4915550123", "3300044466"
ROSA = {"sender": {"name": "Rosa Altieri", "language": "it"}}
UGO = {"sender": {"name": "Ugo Neri", "language": "it"}}
#: Everything of hers that is anywhere; in small letters.
WORDS = (
    WHO, "rosa", "altieri", "3475550123", "ltrrso80a41f205x", "ab-77123", "il mio segreto", "risposta riservata",
    "nota interna", "perché torna", "guarda tu", "contratto.pdf", "file-ref", "via garibaldi", "45.46", "r-20410",
    "richiamata", "non serve", "modem bianco", "fibra di", "cose da parte",
)  # fmt: skip

#: Tables that are not about customers.
NOT_ABOUT = {"agents", "presence", "team_files", "handles", "sessions", "fixed_answers", "engine_moves"}
#: Tables of which no row of hers stays; of messages one line that says so.
GONE_TABLES = set(
    "outgoing messages dialogues facts watches moves attention packets decisions search_words leases".split()
)
#: Of the others, the text columns that hold codes of ours and numbers, never a customer's words.
STAYS = {
    "customers": set(),
    "conversations": {"channel", "chat", "status", "language"},  # the chat is replaced
    "events": {"channel", "external_id", "chat", "state"},
    "cases": {"number", "reason", "topic", "outcome", "team", "wish"},
    "spans": {"clock", "team", "began_why", "ended_why"},
    "targets": {"kind", "team", "state", "ended_why"},
    "waits": {"team", "basis", "ended_why"},
    "promises": {"kind", "made_by", "state", "answer"},
    "promise_changes": {"from_state", "to_state", "who"},
    "audit": {"kind", "details"},
    "live": {"kind"},
}  # type: dict[str, set[str]]


def dialogue(text: str) -> list[dict[str, Any]]:
    return [{"event": "user", "text": text}]


async def lived(flow: World, chat: str = WHO, **sender: Any) -> None:
    """A customer with a bit of everything; the case is closed, and nothing is open."""
    called = PromiseMade("richiamata", flow.clock() + timedelta(days=1), "R-20410", "call", "/check r-20410")
    flow.engine.script = [
        turn(
            "Va bene.",
            slots={"fiscal_code": "LTRRSO80A41F205X", "customer_code": "AB-77123"},
            events=dialogue("il mio segreto"),
            handoff="asked",
            promises=(called,),
            watches=(Watch("fibra di via Garibaldi", "/check", "/tell via garibaldi"),),
        )
    ]
    file = {"kind": "document", "ref": "file-ref", "name": "contratto.pdf"}
    await flow.writes("il mio segreto", chat, attachments=[file], **sender)
    phone = {"phone": "+393475550123", "name": "Rosa Altieri", "own": True}
    await flow.writes("", chat, contact=phone, location={"latitude": 45.46, "longitude": 9.19}, **sender)
    await flow.receives(RawEvent(f"read:{chat}:1", chat, {"kind": "read"}, flow.clock()))
    await flow.receives(flow.raw(chat, not_for_us="cose da parte"))
    await flow.answers(chat)
    anna, bea = await flow.agent(f"Anna {chat[-1]}"), await flow.agent(f"Bea {chat[-1]}")
    await flow.does(handoff.claim, anna, chat=chat)
    await flow.does(handoff.requeue, anna, "perché torna", chat=chat)
    await flow.does(handoff.claim, anna, chat=chat)
    await flow.does(passed, anna, bea, chat=chat)
    await flow.does(said_by, bea, chat=chat)
    await flow.does(withdrawn, bea, chat=chat)
    await flow.delivers()
    await flow.does(handoff.close, bea, Outcome.SOLVED, chat=chat)
    await flow.delivers()


def passed(connection: Connection, way: Any, conversation: Row[Any], anna: Any, bea: Any, *, now: Any) -> None:
    transfer.to_person(connection, way, conversation, anna, bea, "guarda tu", by=anna, now=now)
    decisions.add(connection, conversation.case_id, "marked", by_agent_id=anna.id, why="vulnerable", now=now)
    cases.change(connection, conversation.case_id, note="il mio segreto", marks=["modem bianco"])
    presence.looks(connection, conversation.id, anna.id, typing=False, now=now)
    key = {"channel": conversation.channel, "chat": conversation.chat}
    connection.execute(leases.insert().values(**key, holder="dead", token="x", until=now - timedelta(hours=1)))
    due = now + timedelta(hours=8)
    targets.begin(connection, conversation.case_id, "resolution", team="care", warn=due, due=due, now=now)


def said_by(connection: Connection, way: Any, conversation: Row[Any], bea: Any, *, now: Any) -> None:
    image = way.cache / "replies" / f"{conversation.chat}.jpg"
    image.parent.mkdir(parents=True, exist_ok=True)
    image.write_bytes(b"jpeg")
    for path in (image, image.with_name("both.jpg")):
        path.write_bytes(b"jpeg")
        handoff.reply(connection, way, conversation, bea, Reply("Risposta riservata", image=str(path)), now=now)
    handoff.note(connection, conversation, bea, "Nota interna", now=now)


def withdrawn(connection: Connection, way: Any, conversation: Row[Any], bea: Any, *, now: Any) -> None:
    for promise in promises_.open_of(connection, [conversation.id]):
        promises.withdraw(connection, way, promise.id, bea, "non serve", now=now)


async def customer_of(flow: World, chat: str = WHO) -> int:
    found = await flow.conversation(chat)
    assert found
    return int(found.customer_id)


async def erased(flow: World, chat: str = WHO) -> list[Obstacle]:
    return await privacy.erase(flow.way, await customer_of(flow, chat), by=None)


def of(connection: Connection, table: Table, customer_id: int) -> Sequence[Row[Any]]:
    """The rows of a table that are about a customer, by the columns that say so."""
    c = conversations_table.c
    own = connection.execute(select(c.id, c.channel, c.chat).where(c.customer_id == customer_id)).all()
    ids = [row.id for row in own]
    case_ids = select(cases.cases.c.id).where(cases.cases.c.conversation_id.in_(ids))
    promise_ids = select(promises_table.c.id).where(promises_table.c.conversation_id.in_(ids))
    about = {
        "conversation_id": ids, "customer_id": [customer_id], "case_id": case_ids, "promise_id": promise_ids,
        "chat": [row.chat for row in own],
    }  # type: dict[str, Any]
    where = [table.c[name].in_(values) for name, values in about.items() if name in table.c]
    if table is customers:
        where = [customers.c.id == customer_id]
    assert where or table.name in NOT_ABOUT, f"{table.name}: whose rows are these?"
    return connection.execute(select(table).where(or_(*where))).all() if where else []


def leaks(connection: Connection, words: Sequence[str]) -> list[str]:
    """Where a word still is: every column of every row of every table."""
    found = []
    for table in metadata.sorted_tables:
        for row in connection.execute(select(table)).all():
            for name, value in row._mapping.items():
                text = json.dumps(value, default=repr, ensure_ascii=False).casefold()
                found += [f"{table.name}.{name}: {word}" for word in words if word in text]
    return found


def test_every_table_has_its_place() -> None:
    """A new table is about customers or is not; what is about them goes, or is emptied."""
    assert {table.name for table in metadata.sorted_tables} == NOT_ABOUT | GONE_TABLES | set(STAYS)


async def test_nothing_of_the_customer_is_left_in_any_table(flow: World) -> None:
    await lived(flow, **ROSA)
    await lived(flow, OTHER, **UGO)
    rosa, ugo = await customer_of(flow), await customer_of(flow, OTHER)

    def rows_of(connection: Connection, customer_id: int) -> dict[str, Sequence[Row[Any]]]:
        return {table.name: of(connection, table, customer_id) for table in metadata.sorted_tables}

    def counted(connection: Connection) -> list[Any]:
        since, now = flow.clock() - timedelta(days=30), flow.clock()
        return [
            [tuple(row) for row in numbers.opened(connection, since)],
            [tuple(row) for row in promises_.tally(connection, None, since)],
            [tuple(row) for row in targets.counts(connection, since)],
            [tuple(row) for row in clocks.report(connection, since)],
            waits.calibration(connection, since, now),
        ]

    planted = await flow.db.read(lambda c: leaks(c, WORDS))
    assert {word for word in WORDS if any(each.endswith(f": {word}") for each in planted)} == set(WORDS)
    hers = await flow.db.read(lambda c: rows_of(c, rosa))
    assert not {name for name, rows in hers.items() if not rows} - NOT_ABOUT - {"audit"}, "nothing to look for there"
    his, before = await flow.db.read(lambda c: (rows_of(c, ugo), counted(c)))
    assert await erased(flow) == []
    mine_too = [word for word in WORDS if word not in str(his).casefold()]
    assert WHO in mine_too and "rosa" not in mine_too, "he wrote the same words, so they are looked for below"
    assert await flow.db.read(lambda c: leaks(c, [WHO, *mine_too])) == []
    assert await flow.db.read(lambda c: (rows_of(c, ugo), counted(c))) == (his, before)
    assert await erased(flow, OTHER) == []
    assert await flow.db.read(lambda c: leaks(c, [*WORDS, OTHER, "ugo", "neri"])) == []
    gone = await flow.db.read(lambda c: rows_of(c, rosa))
    assert {name for name in GONE_TABLES if gone[name]} == {"messages"}
    assert [(row.author, row.text) for row in gone["messages"]] == [("system", GONE)]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_nor_in_the_file(flow: World) -> None:
    """SQLite's own: what is deleted stays in the file unless it is overwritten."""
    await lived(flow, **ROSA)
    assert await erased(flow) == []
    file = flow.db.engine.url.database
    assert file
    with flow.db.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all()
    held = Path(file).read_bytes().lower()
    assert [word for word in WORDS if word.encode() in held] == []


async def test_every_column_that_may_hold_words_is_emptied(flow: World) -> None:
    """A column that is added later holds a word here, until it is emptied or named as a code of ours."""
    await lived(flow, **ROSA)
    rosa, word = await customer_of(flow), "PLANTED!"

    def plant(connection: Connection) -> None:
        for name, codes in STAYS.items():
            table = metadata.tables[name]
            texts = [each for each in table.c if isinstance(each.type, String | JSON) and each.name not in codes]
            values = {each.name: {"x": word} if isinstance(each.type, JSON) else word for each in texts}
            key = next(iter(table.primary_key))
            for row in of(connection, table, rosa) if values else ():
                connection.execute(update(table).where(key == row._mapping[key.name]).values(values))

    await flow.db.write(plant)
    planted = await flow.db.read(lambda c: leaks(c, [word.casefold()]))
    assert {each.partition(":")[0] for each in planted} >= {"customers.name", "events.payload", "promises.what"}
    assert await erased(flow) == []
    assert await flow.db.read(lambda c: leaks(c, [word.casefold()])) == []


async def test_what_is_under_way_has_to_end_first(flow: World) -> None:
    flow.engine.script = [
        turn("Va bene.", handoff="asked", promises=(PromiseMade("x", flow.clock() + timedelta(days=1), ""),))
    ]
    await flow.writes("una persona", WHO, **ROSA)
    anna, case = await flow.agent(), await flow.case(WHO)
    assert case
    assert await erased(flow) == [Obstacle("case", case.number), Obstacle("promise", case.number)]
    await flow.does(handoff.claim, anna, chat=WHO)
    await flow.does(withdrawn, anna, chat=WHO)
    await flow.delivers()
    assert await erased(flow) == [Obstacle("case", case.number)]
    await flow.does(handoff.close, anna, Outcome.SOLVED, chat=WHO)
    assert await erased(flow) == [Obstacle("unsent")]
    await flow.delivers()
    await flow.receives(flow.raw(WHO, text="grazie"))
    assert await erased(flow) == [Obstacle("unanswered")]
    assert not [row for row in await flow.rows(audit) if row.kind == "erase"]
    await flow.answers(WHO)
    await flow.delivers()
    assert await erased(flow) == []
    [row] = await flow.rows(audit)
    assert (row.kind, row.agent_id, row.case_id, row.details) == ("erase", None, case.id, {})


async def test_who_writes_again_is_new_and_what_came_before_is_not_answered_again(flow: World) -> None:
    await lived(flow, **ROSA)
    old = RawEvent("e1", WHO, {"text": "il mio segreto"}, flow.clock())
    seen = RawEvent(f"read:{WHO}:1", WHO, {"kind": "read"}, flow.clock())
    before, asked = await flow.conversation(WHO), len(flow.engine.asked)
    assert before and await erased(flow) == []
    sent = len(flow.platform.sent)
    assert await flow.receives(old) == 0, "delivered once more"
    await flow.receives(seen)
    await flow.answers(WHO)
    await flow.delivers()
    assert (len(flow.engine.asked), len(flow.platform.sent)) == (asked, sent)
    assert await flow.conversation(WHO) is None
    assert await flow.writes("ciao", WHO, **ROSA)
    after = await flow.conversation(WHO)
    assert after and after.id != before.id and after.customer_id != before.customer_id
    question = flow.engine.asked[-1]
    assert question.metadata["first_turn"] and question.events == [] and question.metadata["cases"] == []
    assert [row.text for row in await flow.history(WHO) if row.author == "customer"] == ["ciao"]
    assert await flow.writes("#solved:1:yes", WHO), "a tap on an old button is met with words, and opens nothing"
    assert (await flow.rows(cases.cases))[0].solved is None


async def test_a_turn_that_runs_meanwhile_brings_nothing_back(flow: World) -> None:
    """It began just after we looked: its lease goes with the chat, so it begins again with nothing known."""
    await lived(flow, **ROSA)
    own = await flow.conversation(WHO)
    assert own
    await flow.receives(flow.raw(WHO, text="ciao"))

    def erase(connection: Connection) -> None:
        erasure.erase(connection, erasure.of(connection, own.customer_id, hold=True), flow.clock())

    async def late(_question: Any) -> Any:
        await flow.db.write(erase)
        return turn("tutto torna", events=dialogue("il mio segreto"))

    flow.engine.script = [late]
    await flow.answers(WHO)
    assert flow.engine.asked[-1].events == []
    assert await flow.db.read(lambda c: leaks(c, ["il mio segreto", "tutto torna"])) == []
    assert await flow.said("customer", WHO) == ["ciao"]


async def test_all_of_a_customer_s_conversations_go_together(flow: World) -> None:
    await lived(flow, **ROSA)
    await flow.writes("anche da qui", OTHER, **ROSA)
    rosa = await customer_of(flow)
    second = update(conversations_table).where(conversations_table.c.chat == OTHER).values(customer_id=rosa)
    await flow.db.write(lambda c: c.execute(second))
    found = await privacy.copy(flow.way, rosa, by=None)
    assert [each["chat"] for each in found["conversations"]] == [WHO, OTHER]
    await flow.receives(flow.raw(OTHER, text="ci siete?"))
    assert await erased(flow) == [Obstacle("unanswered")]
    await flow.answers(OTHER)
    await flow.delivers()
    assert await erased(flow) == []
    assert await flow.conversation(OTHER) is None
    assert [row.kind for row in await flow.rows(audit)] == ["copy", "copy", "erase", "erase"]


async def test_images_go_unless_they_were_sent_to_somebody_else(flow: World) -> None:
    await lived(flow, **ROSA)
    await lived(flow, OTHER, **UGO)
    folder = flow.way.cache / "replies"
    assert await erased(flow) == []
    assert sorted(file.name for file in folder.iterdir()) == [f"{OTHER}.jpg", "both.jpg"]
    assert await erased(flow, OTHER) == []
    assert list(folder.iterdir()) == []


async def test_the_copy_has_everything_and_no_secret(flow: World) -> None:
    await lived(flow, **ROSA)
    await lived(flow, OTHER, **UGO)
    found = await privacy.copy(flow.way, await customer_of(flow), by=None)
    text = json.dumps(found, ensure_ascii=False).casefold()
    elsewhere = {"file-ref", "cose da parte"}  # a secret; and an event that nobody could read
    assert [word for word in WORDS if word not in text and word not in elsewhere] == []
    assert "file-ref" not in text and "ugo" not in text and OTHER not in text and ".jpg" not in text
    assert found["customer"]["name"] == "Rosa Altieri"
    [one] = found["conversations"]
    first = one["messages"][0]
    assert first["author"] == "customer" and first["at"] == "2026-11-24T10:00:00+00:00"
    assert first["attachments"] == [{"kind": "document", "name": "contratto.pdf"}]
    [note] = [each for each in one["messages"] if each["author"] == "note" and each["text"] == "Nota interna"]
    assert note["name"] == f"Bea {WHO[-1]}"
    assert one["cases"][0]["outcome"] == "solved" and one["promises"][0]["changes"][-1]["why"] == "non serve"


# the command line


async def types(flow: World, *words: str) -> str:
    parser = argparse.ArgumentParser()
    add_customer_commands(parser.add_subparsers(dest="command"))
    return await operate(flow.way, parser.parse_args(["customer", *words]))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_copy_is_printed_or_put_into_a_file_of_one_s_own(
    flow: World, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    await lived(flow, **ROSA)
    case = await flow.case(WHO)
    assert case and await types(flow, "copy", case.number) == ""
    assert json.loads(capsys.readouterr().out)["customer"]["name"] == "Rosa Altieri"
    file = tmp_path / "rosa.json"
    assert await types(flow, "copy", case.number.lower(), "--to", str(file)) == ""
    assert file.stat().st_mode & 0o777 == 0o600 and "Rosa Altieri" in file.read_text("utf-8")
    assert "name a new file" in await types(flow, "copy", case.number, "--to", str(file))
    assert "cannot be written" in await types(flow, "copy", case.number, "--to", str(tmp_path / "no" / "file"))
    assert await types(flow, "copy", "C-XXXXX") == "There is no case C-XXXXX."
    assert "Rosa" not in str(await flow.rows(audit))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_erasure_asks_first_and_says_what_is_in_the_way(
    flow: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    flow.engine.script = [turn("Va bene.", handoff="asked")]
    await flow.writes("una persona", WHO, **ROSA)
    anna, case = await flow.agent(), await flow.case(WHO)
    assert case
    told = await types(flow, "erase", case.number, "--yes")
    assert told.startswith("Nothing was erased.") and f"Case {case.number} is still open" in told
    await flow.does(handoff.claim, anna, chat=WHO)
    await flow.does(handoff.close, anna, Outcome.SOLVED, chat=WHO)
    await flow.delivers()
    asked: list[str] = []

    def answer(given: str) -> Any:
        return lambda question: asked.append(question) or given

    monkeypatch.setattr("builtins.input", answer("n"))
    assert await types(flow, "erase", case.number) == "Nothing was erased."
    assert "Rosa Altieri, paper, " in asked[0] and await flow.conversation(WHO)

    def nobody(_question: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", nobody)
    assert await types(flow, "erase", case.number) == "Nothing was erased."
    monkeypatch.setattr("builtins.input", answer("y"))
    assert await types(flow, "erase", case.number) == "" and "Erased." in capsys.readouterr().out
    assert await flow.conversation(WHO) is None
    for verb in ("copy", "erase"):
        assert "was erased" in await types(flow, verb, case.number)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_message_that_failed_is_in_nobody_s_way(flow: World) -> None:
    await lived(flow, **ROSA)
    await flow.db.write(lambda c: c.execute(update(outgoing).values(state=Sending.FAILED)))
    assert await erased(flow) == []
    assert [row.state for row in await flow.rows(events)].count("new") == 0
