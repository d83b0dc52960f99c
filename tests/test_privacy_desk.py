"""A copy of a customer's data and its erasure, at the desk: who may, what they read, and what is written down."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import Connection

from bot.store import audit, cases
from bot.store.tables import audit as audit_table
from tests.desk_support import AS_SCRIPT, DeskWorld, Visitor

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

ROSA = {"sender": {"name": "Rosa Altieri"}}
SURE = {"sure": "yes"}


async def done(desk: DeskWorld, anna: Visitor, conversation: int) -> None:
    """The case is closed and everything was sent."""
    await anna.posts(f"/desk/c/{conversation}/take")
    await anna.posts(f"/desk/c/{conversation}/close", {"outcome": "solved"})
    await desk.flow.delivers()


async def kinds(desk: DeskWorld) -> list[tuple[str, Any]]:
    rows = await desk.flow.rows(audit_table)
    return [(row.kind, row.agent_id) for row in rows if row.kind in ("look", "copy", "erase")]


async def test_a_lead_takes_the_copy_and_it_is_written_down(desk: DeskWorld) -> None:
    conversation = await desk.asks(text="il mio segreto", **ROSA)
    await desk.asks("other", text="altro")
    lea = await desk.agent("lea", "Lea Lead", "lead")
    path = f"/desk/c/{conversation}/copy"
    assert f'href="{path}"' in (await lea.opens(f"/desk/c/{conversation}")).text
    desk.flow.clock.passes(hours=1)
    taken = await lea.opens(path)
    assert taken.status == 200 and taken.headers["Content-Disposition"].startswith("attachment")
    assert taken.headers["Content-Type"].startswith("application/json") and taken.headers["Cache-Control"] == "no-store"
    found = json.loads(taken.text)
    assert found["customer"]["name"] == "Rosa Altieri" and "altro" not in taken.text
    assert found["conversations"][0]["messages"][0]["text"] == "il mio segreto"
    assert await kinds(desk) == [("look", 1), ("look", 1), ("copy", 1)]


@pytest.mark.parametrize("role", ["agent", "editor"])
async def test_others_may_not_and_are_told_who_may(desk: DeskWorld, role: str) -> None:
    conversation = await desk.asks(**ROSA)

    def theirs(connection: Connection) -> None:
        cases.change(connection, 1, topic="privacy_request", helper_id=1)

    one = await desk.agent("x1", "Xenia X.", role)
    await desk.flow.db.write(theirs)
    page = (await one.opens(f"/desk/c/{conversation}")).text
    assert "capoturno" in page and "/copy" not in page and "/erase" not in page
    for path in ("copy", "erase"):
        assert (await one.opens(f"/desk/c/{conversation}/{path}")).status == 403
    assert (await one.posts(f"/desk/c/{conversation}/erase", SURE)).status == 403
    assert await desk.flow.conversation() and "erase" not in dict(await kinds(desk))


async def test_the_page_says_what_has_to_be_done_first(desk: DeskWorld) -> None:
    conversation = await desk.asks(**ROSA)
    lea, case = await desk.agent("lea", "Lea Lead", "lead"), await desk.flow.case()
    path = f"/desk/c/{conversation}/erase"
    page = (await lea.opens(path)).text
    assert case and f"La richiesta {case.number} è aperta" in page and 'name="sure"' not in page
    assert "Backup" in page or "backup" in page
    english = (await lea.opens(path, **{"Accept-Language": "en"})).text
    assert f"Case {case.number} is open" in english and "What stays" in english
    refused = await lea.posts(path, SURE)
    assert refused.status == 409 and f"La richiesta {case.number} è aperta" in refused.text
    await done(desk, lea, conversation)
    assert 'name="sure"' in (await lea.opens(path)).text
    assert (await lea.posts(path)).status == 400, "not confirmed"
    assert await desk.flow.conversation()


async def test_once_confirmed_it_is_gone_and_everything_still_opens(desk: DeskWorld) -> None:
    conversation = await desk.asks(text="il mio segreto", **ROSA)
    await desk.agent()
    lea = await desk.agent("lea", "Lea Lead", "lead")
    await done(desk, lea, conversation)
    path = f"/desk/c/{conversation}"
    answer = await lea.posts(f"{path}/erase", SURE)
    assert (answer.status, answer.goes_to) == (303, f"{path}/erase")
    assert "sono stati cancellati" in (await lea.opens(f"{path}/erase")).text
    assert (await lea.posts(f"{path}/erase", SURE)).status == 303, "a double click"
    assert [one for one in await kinds(desk) if one[0] == "erase"] == [("erase", 2)]
    opened = await lea.opens(path)
    assert opened.status == 200 and "sono stati cancellati" in opened.text
    assert f'action="{path}/note"' not in opened.text
    written = {"text": "Rosa Altieri ha chiamato", "once": "form:1"}
    refused = await lea.posts(f"{path}/note", written, **AS_SCRIPT)
    assert "cambiata" in refused.text, "from a page that was open before"
    assert (await lea.opens(f"{path}/copy")).status == 404
    assert (await lea.opens("/desk/c/99/erase")).status == 404
    for rest in ("", "?tab=all", "?q=altieri", "/lead", "/audit", "/promises", "/audit.csv", f"/c/{conversation}"):
        shown = await lea.opens(page := f"/desk{rest}")
        assert shown.status == 200 and "Altieri" not in shown.text and "segreto" not in shown.text, page
    assert "ha cancellato i dati" in (await lea.opens("/desk/audit")).text
    assert f'href="{path}' not in (await lea.opens("/desk?tab=all")).text
    rows = await desk.flow.db.read(lambda c: audit.listed(c, audit.Wanted(kind="erase")))
    assert [(row.agent_name, row.case_number is not None, row.details) for row in rows] == [("Lea Lead", True, {})]
