"""Promises: recognised as people write them, watched over, told before they are asked for, and never forgotten."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from alembic import command
from sqlalchemy import Connection

from bot.flow import handoff, promise_life, promises
from bot.flow.promise_life import promises_due
from bot.model.dialogue import HandoffRequest, PromiseMade
from bot.model.errors import Refused
from bot.model.promises import promised
from bot.model.replies import Reply
from bot.model.states import Outcome, Status
from bot.model.team import Team
from bot.store import agents
from bot.store.database import Database
from bot.store.migrate import _config, migrate
from bot.store.tables import live, promise_changes
from bot.store.tables import promises as table
from tests.desk_support import AS_SCRIPT, DeskWorld, Visitor, png
from tests.flow_support import TUESDAY, World, turn, with_abilities, world

GALLERY = Path(__file__).parent / "promises"
TOMORROW_13 = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)  # 13:00 in Rome
WORDS = "La richiamo domani mattina."
NO = "No, non è successo"


# The recogniser.


@pytest.mark.parametrize("part", ["seen", "held_out"])
def test_the_gallery(part: str, flow_team: Team, capsys: pytest.CaptureFixture[str]) -> None:
    right = false = missed = on_time = vague = vague_seen = lines = 0
    wrong = []
    for block in yaml.safe_load((GALLERY / f"{part}.yml").read_text("utf-8")):
        now = _local(block["now"], flow_team)
        for text, due in _lines(block):
            lines += 1
            found = promised(text, now, flow_team)
            dated = bool(found and found[0].due)
            right += dated and due is not None
            false += dated and due is None
            missed += due is not None and not dated
            if dated and due is not None:
                on_time += found[0].due == _local(due, flow_team)
            if dated != (due is not None) or (dated and found[0].due != _local(str(due), flow_team)):
                wrong.append(text)
        vague += len(block.get("vague", ()))
        vague_seen += sum(bool(found) and found[0].due is None for found in
                          (promised(text, now, flow_team) for text in block.get("vague", ())))  # fmt: skip
    precision, recall = right / (right + false), right / (right + missed)
    with capsys.disabled():
        print(f"\npromises {part}: {lines} lines, precision {precision:.3f}, recall {recall:.3f}, "
              f"due time right {on_time / right:.3f}, vague seen {vague_seen}/{vague}")  # fmt: skip
    assert lines > (150 if part == "seen" else 100)
    assert precision >= 0.9 and recall >= 0.9 and on_time / right >= 0.95 and vague_seen / vague >= 0.9, wrong


def _lines(block: dict[str, Any]) -> list[tuple[str, str | None]]:
    none = [*block.get("vague", ()), *block.get("not", ())]
    return [*((text, due) for text, due in block.get("promises", ())), *((text, None) for text in none)]


def _local(moment: str, team: Team) -> datetime:
    return datetime.strptime(f"2026-{moment}", "%Y-%m-%d %H:%M").replace(tzinfo=team.zone)


@pytest.fixture
def flow_team(tmp_path: Path) -> Team:
    """The team of the other tests: 8:30 to 21:30, Saturday 9 to 18, Italy's holidays."""
    db = Database(f"sqlite:///{tmp_path / 'none.db'}")
    team = world(db, tmp_path).way.team
    db.close()
    return team


def test_several_promises_in_one_message_and_none_in_quoted_words(flow_team: Team) -> None:
    text = "Ho letto. La richiamo domani mattina. Il tecnico verrà giovedì alle 15. Lei scrive «vengo venerdì»."
    found = promised(text, TUESDAY, flow_team)
    assert [(one.kind, one.by) for one in found] == [("call", "agent"), ("visit", "company")]
    assert [f"{one.due:%d %H:%M}" for one in found if one.due] == ["25 13:00", "26 15:00"]


@pytest.mark.parametrize(
    "text", ["", "?", "domani", "\n\n", "a" * 20_000, "non " * 3000, "entro 999 giorni", "il 31/02"]
)
def test_odd_text_is_no_promise(text: str, flow_team: Team) -> None:
    assert promised(text, TUESDAY, flow_team) == []


# The life of a promise.


async def taken(flow: World, chat: str = "17") -> Any:
    """A customer whom Anna has; Anna."""
    flow.engine.script = [turn(handoff="asked")]
    await flow.writes("una persona", chat)
    anna = await flow.agent()
    await flow.does(handoff.claim, anna, chat=chat)
    await flow.delivers()
    return anna


async def promises_made(flow: World, anna: Any, text: str = WORDS, chat: str = "17") -> Any:
    """Anna promises, and it is recorded; the promise."""
    found = await flow.conversation(chat)
    assert found

    def work(connection: Connection) -> int:
        now = flow.clock()
        made = promises.found(connection, flow.way, found.id, text, now=now)
        message_id = handoff.reply(connection, flow.way, found, anna, Reply(text), now=now)
        promises.record(connection, found.id, anna, message_id, made, now=now)
        return message_id

    await flow.db.write(work)
    await flow.delivers()
    return (await flow.rows(table))[-1]


async def sweeps(flow: World, chat: str = "17") -> list[str]:
    """What the sweep makes the customer read."""
    before = len(flow.platform.texts(chat))
    await promises_due(flow.way)
    await flow.delivers()
    return flow.platform.texts(chat)[before:]


async def changes(flow: World) -> list[tuple[str, str, str, str]]:
    return [(row.from_state, row.to_state, row.who, row.why) for row in await flow.rows(promise_changes)]


async def test_a_recorded_promise_says_what_to_whom_by_when_by_whom_and_from_which_message(flow: World) -> None:
    anna = await taken(flow)
    made = await promises_made(flow, anna)
    case = await flow.case()
    assert (made.what, made.due_at, made.kind, made.made_by) == (WORDS, TOMORROW_13, "call", "agent")
    assert (made.agent_id, made.case_id, made.state) == (anna.id, case.id, "open")  # type: ignore[union-attr]
    assert [row.id for row in await flow.history() if row.text == WORDS] == [made.message_id]
    assert await changes(flow) == [("", "open", "agent", "promised")]


async def test_an_open_promise_keeps_the_case_open_until_kept_or_withdrawn_with_a_reason(flow: World) -> None:
    anna = await taken(flow)
    made = await promises_made(flow, anna)
    other = await promises_made(flow, anna, "Ti rispondo entro venerdì.")
    with pytest.raises(Refused, match="open promise"):
        await flow.does(handoff.close, anna, Outcome.SOLVED)
    await flow.db.write(lambda c: promises.kept(c, made.id, anna, now=flow.clock()))
    with pytest.raises(Refused, match="open promise"):
        await flow.does(handoff.close, anna, Outcome.SOLVED)
    with pytest.raises(Refused, match="no reason"):
        await flow.db.write(lambda c: promises.withdraw(c, flow.way, other.id, anna, " ", now=flow.clock()))
    await flow.db.write(
        lambda c: promises.withdraw(c, flow.way, other.id, anna, "il collega è malato.", now=flow.clock())
    )
    await flow.does(handoff.close, anna, Outcome.SOLVED)
    await flow.delivers()
    assert any(text.endswith("il collega è malato.") for text in flow.platform.texts())
    assert (await flow.status(), [row.state for row in await flow.rows(table)]) == ("closed", ["kept", "withdrawn"])


async def test_a_promise_survives_the_customers_messages_the_queue_the_bot_and_a_restart(
    flow: World, tmp_path: Path
) -> None:
    anna = await taken(flow)
    await promises_made(flow, anna)
    await flow.writes("grazie")
    await flow.does(handoff.requeue, anna, "pausa")
    await flow.does(handoff.claim, anna)
    await flow.does(handoff.give_back, anna)
    await flow.writes("ciao")
    again = world(flow.db, tmp_path, platforms=[flow.platform], now=flow.clock() + timedelta(days=3))
    await promises_due(again.way)
    await again.delivers()
    row = (await flow.rows(table))[0]
    assert row.state == "open" and row.escalated_at and row.told_at
    assert again.platform.texts()[-1].startswith("Ti avevamo detto: «La richiamo domani mattina.»")


async def warned(flow: World) -> list[str]:
    """Whose open desks hear of it at once."""
    return sorted(row.kind for row in await flow.rows(live) if row.kind.startswith("warn:"))


async def test_nobody_s_promise_is_told_late_in_words_that_one_would_say(flow: World) -> None:
    made = PromiseMade("il PIN", flow.clock() + timedelta(hours=1), "", "line")
    flow.engine.script = [turn("Arriva.", promises=(made,))]
    await flow.writes("il PIN?")
    flow.clock.passes(hours=1)
    (late,) = await sweeps(flow)
    assert "L'ho già segnalato a chi se ne occupa" in late


async def test_the_owner_is_warned_the_lead_sees_it_the_customer_is_told_and_asked(flow: World) -> None:
    anna, lea = await taken(flow), await flow.agent("Lea L.")
    await flow.db.write(lambda c: agents.change(c, lea.id, role="lead"))
    made = await promises_made(flow, anna)
    await flow.does(handoff.give_back, anna)
    await flow.delivers()
    assert await sweeps(flow) == [] and await flow.said("system") == []
    flow.clock.now = TOMORROW_13 - timedelta(hours=3, minutes=59)
    for _ in range(2):
        assert await sweeps(flow) == []
    assert await flow.said("system") == [f"promise_soon: {WORDS}"]
    assert await warned(flow) == [f"warn:{anna.id}"]
    flow.clock.now = TOMORROW_13
    await flow.writes("ciao")  # the platform's window is open
    late = await sweeps(flow)
    assert len(late) == 1 and "Anna K." in late[0] and "oggi alle 13:00" in late[0]
    assert flow.buttons() == ["Parla con noi"] and await sweeps(flow) == []
    assert await flow.said("system") == [f"promise_soon: {WORDS}", f"promise_due: {WORDS}"]
    assert await warned(flow) == [f"warn:{anna.id}", f"warn:{anna.id}", f"warn:{lea.id}"]
    flow.clock.passes(hours=2)
    assert await sweeps(flow) == [flow.text("promise_question", what=f"«{WORDS}»")]
    assert flow.buttons() == ["Sì, è successo", NO] and await sweeps(flow) == []
    assert (await flow.taps("Sì, è successo"))[0] == flow.text("promise_kept")
    assert (await changes(flow))[-1] == ("open", "kept", "customer", "says it happened")
    assert (await flow.rows(table))[0].settled_at == flow.clock() and made.settled_at is None


async def test_a_no_brings_a_person_who_knows_why(flow: World) -> None:
    anna = await taken(flow)
    await promises_made(flow, anna)
    await flow.does(handoff.give_back, anna)
    flow.clock.now = TOMORROW_13
    await flow.writes("ciao")
    await sweeps(flow)
    flow.clock.passes(hours=2)
    await sweeps(flow)
    read = await flow.taps(NO)
    assert read[0] == flow.text("promise_broken") and await flow.status() == Status.WAITING
    assert (await flow.rows(table))[0].state == "broken"
    assert (await flow.case()).owner_id == anna.id  # type: ignore[union-attr]


async def test_silence_counts_as_broken_and_a_later_yes_mends_it(flow: World) -> None:
    anna = await taken(flow)
    await promises_made(flow, anna)
    await flow.does(handoff.give_back, anna)
    flow.clock.now = TOMORROW_13
    await flow.writes("ciao")
    await sweeps(flow)
    flow.clock.passes(hours=2)
    await sweeps(flow)
    flow.clock.passes(hours=23, minutes=59)
    await sweeps(flow)
    assert (await flow.rows(table))[0].state == "open"
    flow.clock.passes(minutes=1)
    await sweeps(flow)
    assert (await changes(flow))[-1] == ("open", "broken", "time", "nobody says it happened")
    await flow.taps("Sì, è successo")
    assert (await changes(flow))[-1] == ("broken", "kept", "customer", "says it happened")


async def test_while_a_person_has_the_word_the_bot_is_silent_and_the_person_has_the_task(flow: World) -> None:
    anna = await taken(flow)
    await promises_made(flow, anna)
    flow.clock.now = TOMORROW_13
    assert await sweeps(flow) == []
    assert (await flow.said("system"))[-2:] == [f"promise_due: {WORDS}", f"promise_tell: {WORDS}"]
    flow.clock.passes(hours=2)
    assert await sweeps(flow) == []
    assert (await flow.said("system"))[-1] == f"promise_ask: {WORDS}"
    row = (await flow.rows(table))[0]
    await flow.db.write(lambda c: promises.kept(c, row.id, anna, now=flow.clock()))
    flow.clock.passes(days=2)
    assert await sweeps(flow) == [] and (await flow.rows(table))[0].state == "kept"


@pytest.fixture
def windowed(db: Database, tmp_path: Path) -> World:
    """A world on a platform with a window of a day for the bot, and of a week for people."""
    platform = with_abilities(reply_window=timedelta(hours=24), human_window=timedelta(days=7))
    return world(db, tmp_path / "people", platforms=[platform])


async def test_after_the_platforms_window_the_owner_gets_the_case_instead(windowed: World) -> None:
    flow = windowed
    anna = await taken(flow)
    await promises_made(flow, anna, "Ti rispondo entro venerdì.")
    await flow.does(handoff.give_back, anna)
    await flow.delivers()
    flow.clock.passes(days=4)
    assert await sweeps(flow) == []
    assert await flow.status() == Status.WAITING
    assert "promise_tell: Ti rispondo entro venerdì." in await flow.said("system")
    await flow.does(handoff.claim, anna)
    await flow.delivers()
    assert flow.platform.texts()[-1].endswith(flow.text("taken", name="Anna K."))


async def test_put_off_in_time_the_customer_reads_the_new_time_before_asking(flow: World) -> None:
    anna = await taken(flow)
    made = await promises_made(flow, anna)
    later = TOMORROW_13 + timedelta(days=1)
    with pytest.raises(Refused, match="time is over"):
        await flow.db.write(lambda c: promises.put_off(c, flow.way, made.id, anna, TUESDAY, now=flow.clock()))
    await flow.db.write(lambda c: promises.put_off(c, flow.way, made.id, anna, later, now=flow.clock()))
    await flow.delivers()
    assert "giovedì alle 13:00" in flow.platform.texts()[-1]
    flow.clock.now = TOMORROW_13 + timedelta(hours=1)
    assert await sweeps(flow) == [] and await flow.said("system") == []
    rows = await flow.rows(promise_changes)
    assert [row.due_at for row in rows] == [TOMORROW_13, later] and rows[-1].why == "put off"


async def test_only_who_looks_after_a_promise_or_leads_may_settle_it(flow: World) -> None:
    anna = await taken(flow)
    made = await promises_made(flow, anna)
    bruno = await flow.agent("Bruno")
    with pytest.raises(Refused, match="not yours") as refused:
        await flow.db.write(lambda c: promises.kept(c, made.id, bruno, now=flow.clock()))
    assert refused.value.who == "Anna K."
    with pytest.raises(Refused, match="no such promise"):
        await flow.db.write(lambda c: promises.kept(c, 999, anna, now=flow.clock()))
    await flow.db.write(lambda c: promises.kept(c, made.id, anna, now=flow.clock()))
    with pytest.raises(Refused, match="no change"):
        await flow.db.write(lambda c: promises.kept(c, made.id, anna, now=flow.clock()))


async def test_the_bots_own_times_live_the_same_life_and_are_asked_about_at_once(flow: World) -> None:
    made = PromiseMade("Visita del tecnico", TUESDAY + timedelta(hours=5), "APT-1", "appointment")
    flow.engine.script = [turn("Il tecnico viene oggi.", promises=(made,))]
    await flow.writes("il tecnico?")
    flow.clock.passes(hours=5)
    read = await sweeps(flow)
    assert read == [flow.text("promise_question", what="la visita del tecnico (APT-1)")]
    assert (await flow.taps(NO))[0] == flow.text("promise_broken") and await flow.status() == Status.WAITING


async def test_a_time_told_again_under_the_same_number_is_one_promise_with_the_new_time(flow: World) -> None:
    first, second = (
        PromiseMade("Visita del tecnico", TUESDAY + timedelta(days=n), "APT-1", "appointment") for n in (1, 2)
    )
    for made in (first, second):
        flow.engine.script = [turn("Spostato.", promises=(made,))]
        await flow.writes("sposta")
    rows = await flow.rows(table)
    assert [row.due_at for row in rows] == [second.due]
    assert await changes(flow) == [("", "open", "bot", "promised"), ("open", "open", "bot", "told again")]


async def test_an_answer_while_a_person_has_the_word_counts_and_the_bot_stays_silent(flow: World) -> None:
    made = PromiseMade("Visita del tecnico", TUESDAY + timedelta(hours=5), "APT-1", "appointment")
    flow.engine.script = [turn("Il tecnico viene oggi.", promises=(made,))]
    await flow.writes("il tecnico?")
    flow.clock.passes(hours=5)
    await sweeps(flow)
    await taken(flow)
    assert await flow.writes("no") == [] and (await flow.rows(table))[0].state == "open"
    assert await flow.writes(NO) == []
    assert (await flow.rows(table))[0].state == "broken"
    assert (await flow.said("system"))[-1] == "promise_broken: Visita del tecnico APT-1"


async def test_one_promise_that_cannot_be_worked_on_holds_up_no_other(
    flow: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for chat, hours in (("1", 1), ("2", 2)):
        flow.engine.script = [turn("ok", promises=(PromiseMade(chat, TUESDAY + timedelta(hours=hours), chat),))]
        await flow.writes("ciao", chat)
    real = promise_life._say_late

    def broken(connection: Connection, way: Any, promise: Any, now: datetime) -> None:
        if promise.reference == "1":
            raise RuntimeError("a mistake of ours")
        real(connection, way, promise, now)

    monkeypatch.setattr(promise_life, "_say_late", broken)
    flow.clock.passes(hours=3)
    assert await sweeps(flow, "1") == [] and flow.platform.texts("2")[-1].startswith("Ti avevamo detto: «2»")
    monkeypatch.setattr(promise_life, "_say_late", real)
    assert len(await sweeps(flow, "1")) == 1


async def test_a_channel_that_is_switched_off_loses_no_promise(flow: World) -> None:
    anna = await taken(flow)
    made = await promises_made(flow, anna)
    await flow.does(handoff.give_back, anna)
    channels, flow.way.channels = flow.way.channels, {}
    flow.clock.passes(days=2)
    await promises_due(flow.way)
    with pytest.raises(Refused, match="window over"):
        await flow.db.write(lambda c: promises.withdraw(c, flow.way, made.id, anna, "no", now=flow.clock()))
    flow.way.channels = channels
    assert (await flow.rows(table))[0].state == "open"


async def test_a_promise_that_was_due_before_stays_open_and_nobody_is_written_to_out_of_the_blue(
    tmp_path: Path,
) -> None:
    """The migration that came with the watching."""
    db = Database(f"sqlite:///{tmp_path / 'old.db'}")
    with db.engine.connect().execution_options(writer=True) as connection:
        command.upgrade(_config(connection), "0002")
        for row in (
            "customers (id, name, created_at) VALUES (1, '', '2026-10-30 10:00:00')",
            "conversations (id, customer_id, channel, chat, status, version, language, locale, blocked, created_at) "
            "VALUES (1, 1, 'paper', '17', 'bot', 0, 'it', '', 0, '2026-10-30 10:00:00')",
            "promises (id, conversation_id, what, due_at, reference, state, created_at) "
            "VALUES (1, 1, 'PIN', '2026-11-01 10:00:00', 'P', 'due', '2026-10-30 10:00:00')",
        ):
            connection.exec_driver_sql(f"INSERT INTO {row}")
        connection.commit()
    migrate(db)
    row = await db.read(lambda c: c.execute(table.select()).one())
    assert (row.state, row.kind, row.made_by) == ("open", "other", "bot")
    assert row.told_at == row.escalated_at == row.due_at and row.asked_at is None
    db.close()


async def test_at_night_the_bot_does_not_write_of_its_own_accord(flow: World) -> None:
    made = PromiseMade("Verifica", datetime(2026, 11, 24, 22, 30, tzinfo=UTC), "GU-1", "repair")
    flow.engine.script = [turn("Entro stanotte.", promises=(made,))]
    await flow.writes("guasto")
    flow.clock.now = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)
    assert await sweeps(flow) == [] and (await flow.said("system"))[-1].startswith("promise_due")
    flow.clock.now = datetime(2026, 11, 25, 7, 0, tzinfo=UTC)
    assert len(await sweeps(flow)) == 1


async def test_an_old_button_of_another_customers_promise_does_nothing(flow: World) -> None:
    anna = await taken(flow)
    made = await promises_made(flow, anna)
    await flow.writes("ciao", chat="other")
    other = await flow.conversation("other")
    for promise_id in (made.id, 999):
        settled = await flow.db.write(
            lambda c, id_=promise_id: promises.answered(c, flow.way, other, id_, yes=True, now=flow.clock())  # type: ignore[misc]
        )
        assert settled is False
    assert (await flow.rows(table))[0].state == "open"


# The desk.


async def conversation_of(desk: DeskWorld) -> tuple[Visitor, int]:
    """Anna has a customer."""
    conversation = await desk.asks()
    anna = await desk.agent()
    assert (await anna.posts(f"/desk/c/{conversation}/take")).status == 303
    return anna, conversation


async def form_word(visitor: Visitor, conversation: int) -> str:
    page = await visitor.opens(f"/desk/c/{conversation}")
    found = re.search(r'id="reply-form".*?name="once" value="([^"]+)"', page.text, re.DOTALL)
    assert found
    return html.unescape(found[1])


async def test_while_typing_the_promise_is_seen_with_its_time(desk: DeskWorld) -> None:
    anna, conversation = await conversation_of(desk)
    await anna.opens(f"/desk/c/{conversation}")
    hint = await anna.posts(f"/desk/c/{conversation}/promise", {"text": WORDS})
    assert hint.status == 200 and 'value="2026-11-25T13:00"' in hint.text and "domani, 13:00" in hint.text
    marked = await anna.posts(f"/desk/c/{conversation}/promise", {"text": "<b>Ti scrivo domani"})
    assert "<q><bdi>&lt;b&gt;" in marked.text
    vague = await anna.posts(f"/desk/c/{conversation}/promise", {"text": "La richiamo appena possibile."})
    assert "senza dire quando" in vague.text
    for text in ("Il tecnico è venuto ieri?", ""):
        assert (await anna.posts(f"/desk/c/{conversation}/promise", {"text": text})).text.strip() == ""
    assert (await desk.visitor().posts(f"/desk/c/{conversation}/promise", {"text": WORDS})).status in (303, 401)


async def test_a_promise_not_recorded_is_held_and_goes_out_once_after_yes_or_no(desk: DeskWorld) -> None:
    anna, conversation = await conversation_of(desk)
    path, once = f"/desk/c/{conversation}/reply", await form_word(anna, conversation)
    held = await anna.posts(path, {"text": WORDS, "once": once})
    assert held.status == 200 and once in held.text and WORDS in held.text and 'name="promised"' in held.text
    assert WORDS not in await desk.flow.said("agent")
    for _ in range(2):  # a double click
        sent = await anna.posts(path, {"text": WORDS, "once": once, "promised": "yes", "due": "2026-11-25T13:00"})
        assert sent.status == 303
    assert (await desk.flow.said("agent")).count(WORDS) == 1
    assert [row.due_at for row in await desk.flow.rows(table)] == [TOMORROW_13]
    once = await form_word(anna, conversation)
    asked = await anna.posts(path, {"text": "Ti scrivo domani.", "once": once}, **AS_SCRIPT)
    assert '"ok": false' in asked.text and "hint" in asked.text
    await anna.posts(path, {"text": "Ti scrivo domani.", "once": once, "promised": "no"}, **AS_SCRIPT)
    assert "Ti scrivo domani." in await desk.flow.said("agent") and len(await desk.flow.rows(table)) == 1


async def test_a_held_reply_keeps_its_image_and_a_vague_one_may_get_a_time(desk: DeskWorld) -> None:
    anna, conversation = await conversation_of(desk)
    path, once = f"/desk/c/{conversation}/reply", await form_word(anna, conversation)
    held = await anna.posts(path, {"text": WORDS, "once": once, "image": png()})
    kept = re.search(r'name="kept" value="([0-9a-f]{32})"', held.text)
    assert kept
    await anna.posts(path, {"text": WORDS, "once": once, "kept": kept[1], "promised": "no"})
    assert [row.image for row in await desk.flow.history() if row.text == WORDS][0].endswith(f"{kept[1]}.jpg")
    once = await form_word(anna, conversation)
    form = {"text": "Le faccio sapere.", "once": once, "promised": "yes", "due": "2026-11-20T10:00"}
    assert "notice=promise_no_time" in (await anna.posts(path, form)).goes_to
    await anna.posts(path, {**form, "due": "2026-11-26T10:00"})
    assert [row.what for row in await desk.flow.rows(table)] == ["Le faccio sapere."]


async def test_from_the_card_it_is_settled_and_only_then_the_case_closes(desk: DeskWorld) -> None:
    anna, conversation = await conversation_of(desk)
    once = await form_word(anna, conversation)
    await anna.posts(f"/desk/c/{conversation}/reply", {"text": WORDS, "once": once, "promised": "yes"})
    page = (await anna.opens(f"/desk/c/{conversation}?tab=mine")).text
    assert "/desk/promises/1/kept" in page and "promessa: domani, 13:00" in page
    close = f'action="/desk/c/{conversation}/close"'
    assert close not in page and "C&#39;è una promessa aperta" in page, "who wants to close it learns so beforehand"
    refused = await anna.posts(f"/desk/c/{conversation}/close", {"outcome": "solved"})
    assert "notice=open_promise" in refused.goes_to
    assert "promise_no_reason" in (await anna.posts("/desk/promises/1/withdrawn", {"text": " "})).goes_to
    assert "promise_no_time" in (await anna.posts("/desk/promises/1/later", {"due": "2026-11-01T10:00"})).goes_to
    later = await anna.posts("/desk/promises/1/later", {"due": "2026-11-26T10:00"})
    assert later.goes_to == f"/desk/c/{conversation}"
    assert (await anna.posts("/desk/promises/1/kept")).status == 303
    assert (await anna.posts("/desk/promises/77/kept")).status == 404
    assert close in (await anna.opens(f"/desk/c/{conversation}?tab=mine")).text
    closed = await anna.posts(f"/desk/c/{conversation}/close", {"outcome": "solved"})
    assert closed.goes_to == f"/desk/c/{conversation}"
    assert await desk.flow.status() == Status.CLOSED


async def test_the_board_shows_a_lead_everything_and_an_agent_their_own(desk: DeskWorld) -> None:
    anna, conversation = await conversation_of(desk)
    for text in (WORDS, "Ti rispondo entro le 15.", "Ti mando la bolletta entro mezzogiorno."):
        once = await form_word(anna, conversation)
        await anna.posts(f"/desk/c/{conversation}/reply", {"text": text, "once": once, "promised": "yes"})
    desk.flow.clock.passes(hours=2)
    await anna.posts("/desk/promises/2/kept")
    lead, bruno = await desk.agent("lia", "Lia Capo", "lead"), await desk.agent("bruno", "Bruno Sala")
    for visitor in (anna, lead):
        page = (await visitor.opens("/desk/promises")).text
        overdue, rest = page.split('id="overdue"')[1].split('id="today"')
        assert "Il team assistenza" in rest and "Promesse scadute: 1" in (await visitor.opens("/desk")).text
        assert "bolletta" in overdue and WORDS in rest.split('id="coming"')[1] and "100%" in rest
    assert "Le promesse di tutti" in page and "Anna Kessler" in page
    own = (await bruno.opens("/desk/promises")).text
    assert WORDS not in own and "bolletta" not in own and "100%" not in own
    assert "Promesse scadute" not in (await bruno.opens("/desk")).text
    assert "promise_not_yours" in (await bruno.posts("/desk/promises/1/kept")).goes_to
    assert (await lead.posts("/desk/promises/1/kept", {"back": "board"})).goes_to == "/desk/promises"
    assert (await desk.visitor().opens("/desk/promises")).goes_to.startswith("/desk/login")


async def test_whether_anybody_is_there_that_day_is_asked_of_the_team_that_has_the_case(desk: DeskWorld) -> None:
    anna = await desk.agent()
    by_team = []
    for topic in ("report_fault", "store_hours"):  # the technicians are there on Tuesdays only
        wanted = HandoffRequest("asked", topic)
        desk.flow.engine.script = [replace(turn("Va bene."), handoff=wanted)]
        await desk.flow.writes("una persona", topic)
        found = await desk.flow.conversation(topic)
        assert found
        await anna.opens(f"/desk/c/{found.id}")
        hint = await anna.posts(f"/desk/c/{found.id}/promise", {"text": "La richiamo domani alle 10."})
        by_team.append("Quel giorno la squadra non c&#39;è." in hint.text)
    assert by_team == [True, False]
