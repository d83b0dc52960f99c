"""The right person, at the desk: who is there, why it came to whom, passing on, the lead's page. On both databases."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.flow import assign
from bot.flow.teams import fresh, outdated, take_in
from bot.store import agents, lists, promises, targets
from bot.store import tables as t
from tests.desk_support import AS_SCRIPT, DeskWorld, Visitor
from tests.flow_support import CHAT, TEAMS


async def reports(visitor: Visitor, idle: int = 0, **more: Any) -> None:
    """An open page says that it is there."""
    answer = await visitor.posts("/desk/here", {"idle": str(idle), **more}, **AS_SCRIPT)
    assert answer.status == 204


async def id_of(desk: DeskWorld, login: str) -> int:
    person = await desk.flow.db.read(lambda c: agents.by_login(c, login))
    assert person
    return int(person.id)


async def offered(desk: DeskWorld, chat: str = CHAT) -> int | None:
    case = await desk.flow.case(chat)
    return case.offered_to if case else None


@pytest.mark.parametrize(("idle", "there"), [("0", True), ("599", True), ("601", False), ("x", False), ("", False)])
async def test_there_is_who_reports_and_moved_lately(desk: DeskWorld, idle: str, there: bool) -> None:
    anna = await desk.agent()
    await anna.posts("/desk/here", {"idle": idle}, **AS_SCRIPT)
    await desk.asks()
    assert (await offered(desk) is not None) is there


async def test_to_be_signed_in_is_not_to_be_there(desk: DeskWorld) -> None:
    anna = await desk.agent()
    await anna.opens("/desk")
    await desk.asks()
    assert await offered(desk) is None


async def test_a_report_does_not_keep_a_session_alive_and_needs_one(desk: DeskWorld) -> None:
    anna = await desk.agent()
    for _ in range(13):
        desk.flow.clock.passes(hours=1)
        answer = await anna.posts("/desk/here", {"idle": "0"}, **AS_SCRIPT)
    assert answer.status == 401
    assert (await desk.visitor().posts("/desk/here", {"csrf": "x"}, **AS_SCRIPT)).status == 401


async def test_a_pause_and_its_end(desk: DeskWorld) -> None:
    anna = await desk.agent()
    await reports(anna)
    answer = await anna.posts("/desk/me/pause", {"paused": "yes"}, **AS_SCRIPT)
    assert json.loads(answer.text)["paused"] and "In pausa" in (await anna.opens("/desk")).text
    await desk.asks()
    assert await offered(desk) is None
    await anna.posts("/desk/me/pause", {"paused": "no"})
    await assign.offers(desk.flow.way)
    assert await offered(desk) == await id_of(desk, "anna")


async def test_who_signs_out_is_gone(desk: DeskWorld) -> None:
    anna = await desk.agent()
    await reports(anna)
    await anna.posts("/desk/logout")
    await desk.asks()
    assert await offered(desk) is None


async def test_the_case_says_why_it_came_and_stands_first_in_the_list(desk: DeskWorld) -> None:
    first = await desk.asks("1")
    desk.flow.clock.passes(minutes=1)
    anna, bea = await desk.agent(), await desk.agent("bea", "Bea Brandt")
    await reports(anna)
    await desk.flow.db.write(lambda c: agents.change(c, 1, capacity=1))
    conversation = await desk.asks("2", sender={"language": "it", "name": "Second S."})
    assert conversation != first
    page = (await anna.opens(f"/desk/c/{conversation}")).text
    assert "Perché a te:" in page and "sei la persona libera più adatta" in page and "parli italiano" in page
    assert page.index(f'id="row-{conversation}"') < page.index(f'id="row-{first}"') and "data-offered" in page
    other = (await bea.opens(f"/desk/c/{conversation}")).text
    assert "Perché a te:" not in other and "A Anna Kessler" in other and "data-offered>" not in other
    assert other.index(f'id="row-{first}"') < other.index(f'id="row-{conversation}"')
    assert (await bea.posts(f"/desk/c/{conversation}/take")).status == 303  # anyone of the team still may
    assert "Bea Brandt la prende dalla coda" in (await anna.opens(f"/desk/c/{conversation}")).text


async def test_what_went_on_to_somebody_else_is_no_longer_said_to_be_for_this_person(desk: DeskWorld) -> None:
    anna = await desk.agent()
    await reports(anna)
    conversation = await desk.asks()
    assert "Perché a te:" in (await anna.opens(f"/desk/c/{conversation}")).text
    desk.flow.clock.passes(minutes=5)
    await reports(anna)
    await assign.offers(desk.flow.way)
    assert await offered(desk) is None
    page = (await anna.opens(f"/desk/c/{conversation}")).text
    assert "Perché a te:" not in page and "non l&#39;ha presa in tempo" in page


async def test_what_calls_for_a_person(desk: DeskWorld) -> None:
    anna, bea = await desk.agent(), await desk.agent("bea", "Bea Brandt")
    edo = await desk.agent("edo", "Edo Editor", "editor")
    await reports(anna)
    ids = [await desk.asks(chat) for chat in ("1", "2", "3")]

    async def called(visitor: Visitor) -> str:
        found = re.search(r'data-offers="([^"]*)"', (await visitor.opens("/desk")).text)
        assert found
        return found[1]

    assert (await called(anna), await called(bea), await called(edo)) == ("1 2 3", "", "")
    for id_ in ids:
        await anna.posts(f"/desk/c/{id_}/take")
    assert await called(anna) == ""  # what one took oneself is no news
    await anna.posts("/desk/c/2/pass", {"to": "p2"})
    await anna.posts("/desk/c/3/ask", {"to": "p3"})
    assert (await called(anna), await called(bea), await called(edo)) == ("", "2", "3")
    assert "offer:2" in [row.kind for row in await desk.flow.rows(t.live)]  # heard at once, on whatever page


async def test_what_nobody_took_stands_first_for_the_lead(desk: DeskWorld) -> None:
    early = await desk.asks("1")
    desk.flow.clock.passes(minutes=1)
    anna = await desk.agent()
    lead = await desk.agent("lea", "Lea Lead", "lead")
    await desk.flow.db.write(lambda c: agents.change(c, 1, capacity=1))
    await reports(anna)
    late = await desk.asks("2")
    assert await offered(desk, "2")
    desk.flow.clock.passes(minutes=5)
    await reports(anna)
    await assign.offers(desk.flow.way)
    case = await desk.flow.case("2")
    assert case and case.lead_since
    for person, before in ((lead, True), (anna, False)):
        page = (await person.opens("/desk")).text
        assert "Nessuno l&#39;ha presa" in page
        assert (f'data-offers="{late}"' in page) is before  # it rings at the lead's
        assert (page.index(f'id="row-{late}"') < page.index(f'id="row-{early}"')) is before


async def test_the_stream_says_whom_it_is_for(desk: DeskWorld) -> None:
    anna = await desk.agent()
    await reports(anna)
    latest = len(await desk.flow.rows(t.live))
    await desk.asks()
    response = await anna.client.get("/desk/live", params={"after": str(max(1, latest))})
    async for line in response.content:
        if line.startswith(b"data:"):
            assert json.loads(line[5:])["for"] == [await id_of(desk, "anna")]
            return
    pytest.fail("the stream ended before it said anything")
    response.close()


async def test_passing_to_a_person_and_to_a_team(desk: DeskWorld) -> None:
    conversation = await desk.asks()
    anna, bea = await desk.agent(), await desk.agent("bea", "Bea Brandt")
    await anna.posts(f"/desk/c/{conversation}/take")
    form = {"to": f"p{await id_of(desk, 'bea')}", "text": "sa tutto lei"}
    refused = json.loads((await bea.posts(f"/desk/c/{conversation}/pass", form, **AS_SCRIPT)).text)
    assert not refused["ok"] and "Anna Kessler" in refused["notice"]
    assert json.loads((await anna.posts(f"/desk/c/{conversation}/pass", form, **AS_SCRIPT)).text)["ok"]
    await desk.flow.delivers()
    assert "Bea Brandt" in desk.flow.platform.texts()[-1]
    page = (await bea.opens(f"/desk/c/{conversation}?tab=mine")).text
    assert "te lo passa Anna Kessler: «sa tutto lei»" in page and 'id="reply-form"' in page
    assert "Anna Kessler passa a Bea Brandt" in page
    back = json.loads((await bea.posts(f"/desk/c/{conversation}/pass", {"to": "t:technicians"}, **AS_SCRIPT)).text)
    assert back["ok"] and await desk.flow.status() == "waiting"


@pytest.mark.parametrize("to", ["", "p", "p99", "t:", "t:nobody", "99", "p99999999999999999999"])
async def test_passing_to_nobody_is_said(desk: DeskWorld, to: str) -> None:
    conversation = await desk.asks()
    anna = await desk.agent()
    await anna.posts(f"/desk/c/{conversation}/take")
    answer = json.loads((await anna.posts(f"/desk/c/{conversation}/pass", {"to": to}, **AS_SCRIPT)).text)
    assert not answer["ok"] and "non c'è" in answer["notice"]


async def test_a_lead_passes_a_colleague_s_customer_on(desk: DeskWorld) -> None:
    conversation = await desk.asks()
    anna, lead = await desk.agent(), await desk.agent("lea", "Lea Lead", "lead")
    await desk.agent("bea", "Bea Brandt")
    await anna.posts(f"/desk/c/{conversation}/take")
    form = {"to": f"p{await id_of(desk, 'bea')}"}
    assert json.loads((await lead.posts(f"/desk/c/{conversation}/pass", form, **AS_SCRIPT)).text)["ok"]
    found = await desk.flow.conversation()
    assert found and found.agent_id == await id_of(desk, "bea")
    assert [row.by_agent_id for row in await desk.flow.rows(t.decisions)][-1] == await id_of(desk, "lea")


async def test_a_colleague_asked_in_finds_it_among_theirs(desk: DeskWorld) -> None:
    conversation = await desk.asks()
    anna, shop = await desk.agent(), await desk.agent("shop", "Shop Sala", "editor")
    await anna.posts(f"/desk/c/{conversation}/take")
    form = {"to": f"p{await id_of(desk, 'shop')}", "text": "avete il modem?"}
    assert json.loads((await anna.posts(f"/desk/c/{conversation}/ask", form, **AS_SCRIPT)).text)["ok"]
    page = (await shop.opens("/desk?tab=mine")).text
    assert "Ti chiedono aiuto" in page and f'id="row-{conversation}"' in page
    assert "Ti chiedono aiuto: 1" in page and 'data-answer="1"' in page, "also from another list"
    assert "avete il modem?" in (await shop.opens(f"/desk/c/{conversation}")).text
    await shop.posts(f"/desk/c/{conversation}/helped")
    assert f'id="row-{conversation}"' not in (await shop.opens("/desk?tab=mine")).text


async def test_at_the_end_of_a_shift_one_by_one(desk: DeskWorld) -> None:
    one, two = await desk.asks("1"), await desk.asks("2")
    anna, bea = await desk.agent(), await desk.agent("bea", "Bea Brandt")
    for conversation in (one, two):
        await anna.posts(f"/desk/c/{conversation}/take")
    await reports(bea)
    promise = partial(
        promises.make, conversation_id=two, what="richiamare", due=desk.flow.clock() + timedelta(hours=2), kind="call",
        made_by="agent", who="agent", agent_id=1, now=desk.flow.clock(),
    )  # fmt: skip
    await desk.flow.db.write(promise)
    page = (await anna.opens("/desk/shift")).text
    assert page.count("richiamare") == 1 and "promessa: oggi, 13:00" in page, "what whoever goes home leaves to others"
    bea_id = await id_of(desk, "bea")
    assert page.count(f'<option value="p{bea_id}" selected>') == 2
    answer = await anna.posts(f"/desk/c/{one}/pass", {"to": f"p{bea_id}", "next": "shift"})
    assert answer.goes_to == "/desk/shift"
    page = (await anna.opens("/desk/shift")).text
    assert f"/desk/c/{two}/pass" in page and f"/desk/c/{one}/pass" not in page


async def test_colleagues_see_who_looks_and_who_types(desk: DeskWorld) -> None:
    conversation = await desk.asks()
    anna, bea = await desk.agent(), await desk.agent("bea", "Bea Brandt")
    await reports(anna, open=str(conversation))
    assert "Anna Kessler sta guardando" in (await bea.opens(f"/desk/c/{conversation}")).text
    assert "sta guardando" not in (await anna.opens(f"/desk/c/{conversation}")).text  # oneself is no news
    await reports(anna, open=str(conversation), typing="1")
    assert "Anna Kessler sta scrivendo" in (await bea.opens(f"/desk/c/{conversation}")).text
    kinds = [row.kind for row in await desk.flow.rows(t.live)]
    assert kinds.count("look") == 2  # told when it is new, not each time
    await anna.posts("/desk/away")
    assert "Anna Kessler sta" not in (await bea.opens(f"/desk/c/{conversation}")).text
    await reports(anna, open=str(conversation))
    desk.flow.clock.passes(minutes=1)
    assert "Anna Kessler sta" not in (await bea.opens(f"/desk/c/{conversation}")).text
    await reports(anna, open="999999")


# The lead's page.


@pytest.mark.parametrize(("role", "may"), [("agent", False), ("editor", False), ("lead", True), ("admin", True)])
async def test_only_leads_and_admins_change_teams(desk: DeskWorld, role: str, may: bool) -> None:
    one = await desk.agent("x1", "Xenia X.", role)
    page = await one.opens("/desk/teams")
    assert page.status == (403 if role == "agent" else 200)  # editors read who answers on what
    assert ('name="seen"' in page.text) == may
    answer = await one.posts("/desk/teams/people/1", {"capacity": "3", "team_care": "1", "topics": "b a b"})
    assert answer.status == (303 if may else 403)
    if not may:
        assert (await one.posts("/desk/teams", {"text": "x", "seen": "0"})).status == 403
    row = (await desk.flow.rows(t.agents))[0]
    assert (row.capacity, row.teams, row.topics) == ((3, ["care"], ["a", "b"]) if may else (6, [], []))


@pytest.mark.parametrize("capacity", ["", "-1", "51", "x", "99999"])
async def test_a_wrong_capacity_is_said(desk: DeskWorld, capacity: str) -> None:
    lead = await desk.agent("lea", "Lea Lead", "lead")
    answer = await lead.posts("/desk/teams/people/1", {"capacity": capacity})
    assert answer.status == 400 and "da 0 a 50" in answer.text


async def test_the_file_is_changed_at_the_desk_and_wrongs_are_all_said(desk: DeskWorld, tmp_path: Path) -> None:
    way, file = desk.flow.way, tmp_path / "teams.yml"
    file.write_text("# nostro\n" + yaml.safe_dump(TEAMS))
    way.teams_file = file
    await take_in(way)
    lead = await desk.agent("lea", "Lea Lead", "lead")
    assert "# nostro" in (await lead.opens("/desk/teams")).text
    wrong = {**TEAMS, "colour": 1, "teams": {"care": {"name": "x"}}}
    answer = await lead.posts("/desk/teams", {"text": yaml.safe_dump(wrong), "seen": "1"})
    assert answer.status == 400 and "colour" in answer.text and "never open" in answer.text
    assert way.teams.has("technicians") and file.read_text().startswith("# nostro")
    right = {**TEAMS, "company": "Altra", "teams": {"care": TEAMS["teams"]["care"]}}  # type: ignore[index]
    answer = await lead.posts("/desk/teams", {"text": "# nuovo\n" + yaml.safe_dump(right), "seen": "1"})
    assert answer.goes_to == "/desk/teams?done=saved" and not way.teams.has("technicians")
    assert file.read_text().startswith("# nuovo")
    assert "· Altra</title>" in (await lead.opens("/desk/teams")).text
    assert "assistente automatico di Altra" in way.texts.say("introduction", "it")
    late = await lead.posts("/desk/teams", {"text": yaml.safe_dump(TEAMS), "seen": "1"})
    assert late.status == 400 and "Nel frattempo" in late.text
    rows = await desk.flow.rows(t.team_files)
    assert [row.agent_id for row in rows] == [None, 1]


async def test_a_change_by_hand_counts_at_the_start_and_the_desk_s_when_the_disk_cannot_be_written(
    desk: DeskWorld, tmp_path: Path
) -> None:
    way, folder = desk.flow.way, tmp_path / "etc"
    folder.mkdir()
    way.teams_file = folder / "teams.yml"
    way.teams_file.write_text(yaml.safe_dump(TEAMS))
    for _ in range(2):
        await take_in(way)
    assert len(await desk.flow.rows(t.team_files)) == 1
    (folder / "teams.new").mkdir()  # whatever stands in the way of writing
    lead = await desk.agent("lea", "Lea Lead", "lead")
    changed = {**TEAMS, "company": "Nuova"}
    answer = await lead.posts("/desk/teams", {"text": yaml.safe_dump(changed), "seen": "1"})
    assert answer.goes_to.endswith("not_on_disk") and way.teams.company == "Nuova"
    await take_in(way)  # a restart: the file says what it said before, so the desk's change counts
    assert way.teams.company == "Nuova"
    way.teams_file.write_text(yaml.safe_dump({**TEAMS, "company": "A mano"}))
    await take_in(way)
    assert way.teams.company == "A mano"
    way.teams_version = 0
    await fresh(way)  # another process, which has not heard of it
    assert way.teams.company == "A mano"


async def test_an_older_file_does_not_win_over_a_newer_version(
    desk: DeskWorld, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Another machine's file, or the one of a container that was made anew."""
    way = desk.flow.way
    way.teams_file = tmp_path / "teams.yml"
    shipped = yaml.safe_dump(TEAMS)
    way.teams_file.write_text(shipped)
    await take_in(way)
    lead = await desk.agent("lea", "Lea Lead", "lead")
    await lead.posts("/desk/teams", {"text": yaml.safe_dump({**TEAMS, "company": "Dal banco"}), "seen": "1"})
    assert not caplog.records and await outdated(way) == ""
    way.teams_file.write_text(shipped)
    for _ in range(2):
        await take_in(way)
        assert way.teams.company == "Dal banco" and len(await desk.flow.rows(t.team_files)) == 2
    assert "says what version 1 said" in caplog.text and "version 2 is in force" in caplog.text
    assert "version 2 is in force" in await outdated(way)
    way.teams_file.write_text("# di nuovo così\n" + shipped)  # somebody means it
    await take_in(way)
    assert way.teams.company == TEAMS["company"]


async def test_an_empty_chair_is_shown_as_such(desk: DeskWorld) -> None:
    lead, anna = await desk.agent("lea", "Lea Lead", "lead"), await desk.agent()
    await reports(anna)
    assert "al banco</span>" in (await lead.opens("/desk/teams")).text
    desk.flow.clock.passes(minutes=11)
    assert "al banco</span>" not in (await lead.opens("/desk/teams")).text


# The order of the queue at the desk.


async def test_the_list_and_the_case_say_why_a_case_is_ahead(desk: DeskWorld) -> None:
    await desk.asks("1", sender={"name": "Primo"})
    desk.flow.clock.passes(minutes=12)
    await desk.flow.writes("mia madre ha 88 anni", "2")
    conversation = await desk.asks("2", sender={"name": "Fragile"})
    anna = await desk.agent()
    page = (await anna.opens("/desk")).text
    assert page.index("Fragile") < page.index("Primo")
    assert 'class="tag mark"' in page and "Cliente fragile" in page
    case = (await anna.opens(f"/desk/c/{conversation}")).text
    assert "e passa avanti di 30 minuti" in case and "per questa persona aspettare pesa di più" in case
    await anna.posts(f"/desk/c/{conversation}/take")
    case = (await anna.opens(f"/desk/c/{conversation}")).text
    assert "Anna Kessler la sceglie" not in case
    assert re.search(r"Passa davanti ad altre in attesa da più tempo \(1; la prima, C-\w+, da 12 min\)", case)


async def test_marks_are_set_and_taken_away_at_the_desk(desk: DeskWorld) -> None:
    conversation = await desk.asks()
    anna = await desk.agent()
    path = f"/desk/c/{conversation}"
    assert (await anna.posts(f"{path}/mark", {"code": "public", "on": "yes"})).status == 303
    page = (await anna.opens(path)).text
    assert "Anna Kessler segnala: il reclamo è anche in pubblico" in page
    assert re.search(r'id="mark-public"[^>]*aria-pressed="true"', page)
    await anna.posts(f"{path}/mark", {"code": "public", "on": "no"})
    assert "Anna Kessler toglie:" in (await anna.opens(path)).text
    answer = await anna.posts(f"{path}/mark", {"code": "promise", "on": "yes"}, **AS_SCRIPT)
    assert json.loads(answer.text) == {**json.loads(answer.text), "ok": False}
    assert "non c'è una richiesta aperta" in json.loads(answer.text)["notice"]


async def test_a_lead_s_cursor_in_an_agent_s_hand_shows_a_page(desk: DeskWorld) -> None:
    for n in range(3):
        await desk.asks(str(n))
    one = await desk.flow.db.read(lambda c: lists.listed(c, "waiting", 9, limit=1, lead=True))
    anna = await desk.agent()
    assert one.after and (await anna.opens(f"/desk?tab=waiting&after={one.after}")).text.count('id="row-') == 3


async def test_the_list_shows_what_the_team_aims_at(desk: DeskWorld) -> None:
    await desk.asks()
    case, now = await desk.flow.case(), desk.flow.clock()
    assert case
    soon, due = now + timedelta(minutes=8), now + timedelta(minutes=10)
    await desk.flow.db.write(
        lambda c: targets.begin(c, case.id, "next_answer", team="care", warn=soon, due=due, now=now)
    )
    anna = await desk.agent()
    assert re.search(r'<span class="tag" title="[^"]*">risposta: <time [^>]*>10 min', (await anna.opens("/desk")).text)
    desk.flow.clock.passes(minutes=9)
    assert re.search(r'<span class="tag bad" title="[^"]*">risposta: <time', (await anna.opens("/desk")).text)
    desk.flow.clock.passes(minutes=1)
    assert "risposta: in ritardo" in (await anna.opens("/desk")).text
