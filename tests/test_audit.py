"""Who did what at the desk and who looked at what: one row each, in the change's own transaction, without words."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, Row

from bot.desk import add_agent, first_agents
from bot.desk.deeds import KINDS
from bot.desk.doors import DOORS
from bot.flow.sweep import retention
from bot.store import audit, cases
from bot.store.tables import audit as table
from tests.desk_support import DeskWorld, png

SECRET = "il mio codice segreto"


async def rows(desk: DeskWorld, *without: str) -> list[Row[Any]]:
    return [row for row in await desk.flow.rows(table) if row.kind not in without]


async def kinds(desk: DeskWorld, *without: str) -> list[str]:
    return [row.kind for row in await rows(desk, *without)]


async def test_each_move_leaves_one_row_with_who_what_and_on_which_case(desk: DeskWorld) -> None:
    conversation = await desk.asks(text=SECRET, sender={"name": "Rosa"})
    case = await desk.flow.case()
    anna, lea = await desk.agent(), await desk.agent("lea", "Lea Lead", "lead")
    at = f"/desk/c/{conversation}"
    for _ in range(2):  # a double click is one deed
        await anna.posts(f"{at}/take")
        await anna.posts(f"{at}/reply", {"text": SECRET, "once": "form:1"})
        await anna.posts(f"{at}/note", {"text": SECRET, "once": "form:2"})
    await anna.posts(f"{at}/ask", {"to": "p2", "text": SECRET})
    await lea.posts(f"{at}/helped")
    await lea.posts(f"{at}/queue", {"text": SECRET})
    await anna.posts(f"{at}/take")
    await lea.posts(f"{at}/pass", {"to": "p2", "text": SECRET})
    await anna.posts(f"{at}/close", {"outcome": "solved"})  # refused: no longer hers
    await lea.posts(f"{at}/close", {"outcome": "solved"})
    found = await rows(desk)
    assert case and {(row.conversation_id, row.case_id) for row in found} == {(conversation, case.id)}
    assert [(row.kind, row.agent_id, row.person_id) for row in found] == [
        ("take", 1, None),
        ("reply", 1, None),
        ("note", 1, None),
        ("ask", 1, 2),
        ("helped", 2, None),
        ("queue", 2, 1),  # a lead, for somebody
        ("take", 1, None),
        ("pass", 2, 2),
        ("close", 2, None),
    ]
    assert found[-1].details == {"outcome": "solved"} and found[0].at == desk.flow.clock()
    assert SECRET not in str(found)


async def test_a_change_that_fails_leaves_no_row_and_a_row_that_fails_no_change(
    desk: DeskWorld, monkeypatch: Any
) -> None:
    conversation = await desk.asks()
    anna, bea = await desk.agent(), await desk.agent("bea", "Bea Brandt")
    assert (await bea.posts(f"/desk/c/{conversation}/reply", {"text": "ciao", "once": "form:1"})).status == 303
    assert await kinds(desk) == []  # not hers

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("bot.desk.moves.audit.add", broken)
    assert (await anna.posts(f"/desk/c/{conversation}/take")).status == 500
    assert await desk.flow.status() == "waiting"


async def test_a_look_at_a_case_of_others_is_one_row_however_often_the_page_asks(desk: DeskWorld) -> None:
    conversation = await desk.asks()
    path = f"/desk/c/{conversation}"
    anna, bea = await desk.agent(), await desk.agent("bea", "Bea Brandt")
    await anna.posts(f"{path}/take")
    for _ in range(3):
        await bea.opens(path)
        await bea.opens(path, **{"Desk-Part": "yes"})
        await anna.opens(path)
        await anna.opens("/desk")
        desk.flow.clock.passes(minutes=2)
    assert [(row.kind, row.agent_id) for row in await rows(desk, "take")] == [("look", 2)]
    desk.flow.clock.passes(minutes=10)
    await bea.opens(path)
    assert await kinds(desk, "take") == ["look", "look"]


@pytest.mark.parametrize("column", ["owner_id", "helper_id", "offered_to"])
async def test_what_is_one_s_own_is_no_look(desk: DeskWorld, column: str) -> None:
    conversation = await desk.asks()
    anna = await desk.agent()
    await anna.opens(f"/desk/c/{conversation}")
    assert await kinds(desk) == ["look"]
    desk.flow.clock.passes(hours=1)
    await desk.flow.db.write(lambda connection: cases.change(connection, 1, **{column: 1}))
    await anna.opens(f"/desk/c/{conversation}")
    assert await kinds(desk) == ["look"]


async def test_an_attachment_that_somebody_opens_is_written_down_also_of_one_s_own_case(desk: DeskWorld) -> None:
    desk.files.kept["f1"] = [png()]
    photo = {"kind": "image", "ref": "f1", "name": "foto.png"}
    conversation = await desk.asks(attachments=[photo])
    anna = await desk.agent()
    await anna.posts(f"/desk/c/{conversation}/take")
    assert (await anna.opens("/desk/files/1/0")).status == 200
    assert (await anna.opens("/desk/files/1/0")).status == 200
    [row] = await rows(desk, "take")
    assert (row.kind, row.agent_id, row.details) == ("file", 1, {"message": 1, "file": 0})
    assert "f1" not in str(row)


async def test_sign_ins_and_failed_ones_tell_whose_and_from_where_and_no_words(desk: DeskWorld) -> None:
    await desk.person("anna", "Anna Kessler")
    visitor = desk.visitor()
    await visitor.signs_in("anna", "una-password-sbagliata")
    await visitor.signs_in("la-mia-password-scritta-qui", "anna")
    await visitor.signs_in("anna")
    await visitor.posts("/desk/me/password", {"now": "indovino?", "new": "n" * 12, "repeat": "n" * 12})
    await visitor.posts("/desk/logout")
    found = await rows(desk)
    assert [(row.kind, row.agent_id, row.person_id) for row in found] == [
        ("sign_in_failed", None, 1),
        ("sign_in_failed", None, None),
        ("sign_in", 1, 1),
        ("password_wrong", 1, 1),
        ("sign_out", 1, 1),
    ]
    assert found[0].details == {"address": "127.0.0.1"}
    assert "password-s" not in str(found) and "indovino" not in str(found)


async def test_people_teams_and_skills_tell_what_was_and_what_is(desk: DeskWorld, tmp_path: Any) -> None:
    boss = await desk.agent("boss", "Elena Conti", "admin")
    way = desk.flow.way
    way.teams_file = tmp_path / "teams.yml"
    await boss.posts("/desk/people/add", {"name": "Carla Dini", "login": "carla", "role": "agent"})
    await boss.posts("/desk/people/2/name", {"name": "Carla Neri"})
    await boss.posts("/desk/people/2/role", {"role": "lead"})
    await boss.posts("/desk/people/2/picture", {"picture": png()})
    await boss.posts("/desk/people/2/password")
    await boss.posts("/desk/teams/people/2", {"capacity": "3", "team_care": "1", "topics": "pin"})
    await boss.posts("/desk/teams/people/2", {"capacity": "3", "team_care": "1", "topics": "pin"})  # nothing new
    await boss.posts("/desk/people/2/out")
    await boss.posts("/desk/people/2/in")
    await boss.posts("/desk/me/pause", {"paused": "yes"})
    found = await rows(desk)
    assert {row.agent_id for row in found} == {1}
    assert [(row.kind, row.person_id, row.details) for row in found] == [
        ("person_add", 2, {"role": "agent"}),
        ("name", 2, {"name": ["Carla Dini", "Carla Neri"]}),
        ("role", 2, {"role": ["agent", "lead"], "customers": 0}),
        ("picture", 2, {}),
        ("password", 2, {}),
        ("skills", 2, {"teams": [[], ["care"]], "topics": [[], ["pin"]], "capacity": [6, 3]}),
        ("person_out", 2, {"customers": 0}),
        ("person_in", 2, {}),
        ("pause", None, {}),
    ]


async def test_the_command_line_is_written_down_too(desk: DeskWorld) -> None:
    await first_agents(desk.flow.way, demo=False)
    await add_agent(desk.flow.way, "carla", name="Carla Dini")
    assert [(row.kind, row.agent_id, row.person_id) for row in await rows(desk)] == [
        ("person_add", None, 1),
        ("person_add", None, 2),
    ]


async def test_a_lead_reads_it_by_person_case_and_kind_and_on_the_case(desk: DeskWorld) -> None:
    first, second = await desk.asks("one", sender={"name": "Rosa"}), await desk.asks("two", sender={"name": "Ugo"})
    anna, lea = await desk.agent(), await desk.agent("lea", "Lea Lead", "lead")
    await anna.posts(f"/desk/c/{first}/take")
    await anna.opens(f"/desk/c/{second}")
    await lea.opens(f"/desk/c/{second}")
    one, two = await desk.flow.rows(cases.cases)
    shown = {
        "": {"Rosa", "Ugo", "Anna Kessler", "Lea Lead"},
        "?person=2": {"Ugo", "Lea Lead"},
        f"?case={one.number}": {"Rosa", "Anna Kessler"},
        f"?case={two.number.lower()}": {"Ugo", "Anna Kessler", "Lea Lead"},
        "?kind=take": {"Rosa", "Anna Kessler"},
        "?kind=<script>&person=x&case='": {"Rosa", "Ugo", "Anna Kessler", "Lea Lead"},
    }
    for query, names in shown.items():
        if "script" in query:
            assert "<script>" not in (await lea.opens(f"/desk/audit{query}")).text
            continue
        table_ = (await lea.opens(f"/desk/audit{query}")).text.partition("<tbody>")[2].partition("</tbody>")[0]
        assert {name for name in shown[""] if name in table_} == names, query
    card = (await lea.opens(f"/desk/c/{first}")).text.partition('id="audited"')[2]
    assert "Anna Kessler" in card and "ha preso" in card
    assert 'id="audited"' not in (await anna.opens(f"/desk/c/{first}")).text


async def test_taking_it_away_is_written_down_and_names_are_no_formulas(desk: DeskWorld) -> None:
    conversation = await desk.asks(sender={"name": "=cmd|calc"})
    anna, lea = await desk.agent(), await desk.agent("lea", "Lea Lead", "lead")
    await anna.posts(f"/desk/c/{conversation}/take")
    taken = await lea.opens("/desk/audit.csv?kind=take")
    assert taken.headers["Content-Type"].startswith("text/csv") and "Anna Kessler" in taken.text
    assert "'=cmd" in taken.text and ",=cmd" not in taken.text
    [row] = [row for row in await rows(desk) if row.kind == "export"]
    assert (row.agent_id, row.details) == (2, {"rows": 1})


async def test_old_rows_go(desk: DeskWorld) -> None:
    now = desk.flow.clock()

    def work(connection: Connection) -> None:
        audit.add(connection, "sign_in", 1, now=now - audit.KEEP - audit.SAME)
        audit.add(connection, "sign_in", 1, now=now)

    await desk.flow.db.write(work)
    await retention(desk.flow.way)
    assert len(await rows(desk)) == 1


def test_every_kind_has_its_words(desk: DeskWorld) -> None:
    """Also those that moves are named by: a new form at the desk needs a word in the filter."""
    unchanging = {"typing", "promise"}
    named = {door.path.rpartition("/")[2] for door in DOORS if door.path.startswith("/c/") and door.method == "POST"}
    assert named - unchanging <= set(KINDS)
