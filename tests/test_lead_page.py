"""The lead's page: what it says now, per team, on both databases; in both languages."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from html import unescape
from typing import Any

from sqlalchemy import Connection

from bot.model.clocks import BOT, PERSON, WAITING
from bot.store import agents, cases, clocks, presence, targets, waits
from bot.store import tables as t
from tests.desk_support import Answer, DeskWorld

LENGTHS = ((BOT, 2), (WAITING, 12), (PERSON, 70))  # minutes


def cells(page: Answer, section: str) -> list[list[str]]:
    """The body of a section's first table, as plain words."""
    body = page.text.partition(f'id="{section}"')[2].partition("<tbody>")[2].partition("</tbody>")[0]
    rows = re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)
    plain = [re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row, re.DOTALL) for row in rows]
    return [[" ".join(re.sub(r"<.*?>", "", unescape(cell)).split()) for cell in row] for row in plain]


def numbers(page: Answer) -> dict[str, Any]:
    """What the script draws."""
    return dict(json.loads(page.text.partition('id="numbers" type="application/json">')[2].partition("</script>")[0]))


async def test_who_waits_where_who_is_there_and_who_has_how_much(desk: DeskWorld) -> None:
    anna = await desk.agent()
    lea = await desk.agent("lea", "Lea Lead", "lead")
    bea = await desk.person("bea", "Bea Brandt")
    boss = await desk.person("boss", "Elena Conti", "admin")
    first = await desk.asks("one")
    await anna.posts(f"/desk/c/{first}/take")
    desk.flow.clock.passes(minutes=10)
    for chat in ("two", "three", "four"):
        await desk.asks(chat)
    desk.flow.clock.passes(minutes=25)
    now = desk.flow.clock()
    tech, early = desk.flow.way.teams.all[1].key, now - timedelta(minutes=5)

    def work(connection: Connection) -> None:
        for one in (1, bea.id, boss.id):
            presence.here(connection, one, used_at=now, now=now)
        agents.change(connection, bea.id, teams=[tech])
        cases.change(connection, 3, team=tech, lead_since=now)
        targets.begin(connection, 3, "first_answer", team=tech, warn=early, due=early, now=early)
        cases.change(connection, 4, team="gone")  # a team that is no longer in the file: the first one's

    await desk.flow.db.write(work)
    page = await lea.opens("/desk/lead")
    care, technical = (row[1:] for row in cells(page, "queues"))
    assert care == ["2", "25 min", "0", "0", "0", "1", "1"]
    assert technical == ["1", "25 min", "0", "1", "1", "0", "2"]
    tiles = re.findall(r"<dd>(.*?)</dd>", page.text)[:6]
    assert tiles == ["3", "25 min", "1", "2", "0", "0"]
    loads = page.text.partition('id="loads"')[2]
    assert loads.index("Anna Kessler") < loads.index("Bea Brandt") < loads.index("Lea Lead")
    assert "1 su 6" in loads


async def test_three_clocks_targets_and_stated_waits_each_by_itself(desk: DeskWorld) -> None:
    lea = await desk.agent("lea", "Lea Lead", "lead")
    await desk.asks("one")
    now = desk.flow.clock()

    def work(connection: Connection) -> None:
        for table in (t.spans, t.targets, t.waits):
            connection.execute(table.delete())
        cases.change(connection, 1, closed_at=now)
        at = now - timedelta(hours=3)
        for clock, minutes in LENGTHS:
            until = at + timedelta(minutes=minutes)
            clocks.passed(connection, 1, clock, team="care", began=at, now=until, why="x")
            at = until
        for kind, due in (("first_answer", now), ("first_answer", now), ("first_answer", at), ("resolution", at)):
            targets.begin(connection, 1, kind, team="care", warn=due, due=due, now=at)
            targets.end(connection, 1, [kind], "done", done=True, now=now)
        scene = {"weekday": 1, "minute": 660, "closed": False, "ahead": 0, "people": 1, "load": 0.0, "began_at": at}
        for minutes, kept, told in ((10, True, None), (12, True, None), (20, True, None), (30, False, now)):
            values = {"minutes": minutes, "due_at": now, "ended_at": now, "kept": kept, "told_at": told}
            waits.add(connection, 1, team="care", **scene, **values)
        waits.add(connection, 1, team="gone", **scene)  # nothing was said, by a team that is no longer there

    await desk.flow.db.write(work)
    page = await lea.opens("/desk/lead", **{"Accept-Language": "en"})
    care = desk.flow.way.teams.get("care").name["en"]
    assert cells(page, "clocks") == [[care, "1", "2 min ≤ 2 min", "12 min ≤ 12 min", "1 h 10 ≤ 1 h 10"]]
    assert cells(page, "targets") == [
        [care, "first answer", "2", "1", "67%"],
        [care, "resolution", "0", "1", "0%"],
    ]
    assert cells(page, "calibration") == [
        ["All teams", "5", "4", "16", "1", "75% 3/4"],
        [care, "4", "4", "16", "1", "75% 3/4"],
        ["gone", "1", "0", "–", "0", "–"],
    ]


async def test_tables_and_charts_tell_the_same_in_both_languages(desk: DeskWorld) -> None:
    lea = await desk.agent("lea", "Lea Lead", "lead")
    await desk.asks("one")
    desk.flow.clock.passes(minutes=4)
    for language, name in (("it", "8 su 10 entro"), ("en", "8 in 10 within")):
        page = await lea.opens("/desk/lead", **{"Accept-Language": language})
        charts = numbers(page)
        assert name in page.text and charts["waits"]["lines"][1]["name"] == name
        for chart, told in charts.items():
            assert [row[0] for row in cells(page, f"table-{chart}")] == told["labels"]
            for column, line in enumerate(told["lines"], 1):
                shown = [row[column] for row in cells(page, f"table-{chart}")]
                assert shown == ["–" if value is None else str(value) for value in line["values"]]


async def test_the_past_is_counted_once_a_minute(desk: DeskWorld) -> None:
    lea = await desk.agent("lea", "Lea Lead", "lead")
    counted = [sum(n or 0 for n in numbers(await lea.opens("/desk/lead"))["hours"]["lines"][0]["values"])]
    await desk.asks("one")
    for _ in range(2):
        page = numbers(await lea.opens("/desk/lead"))
        counted.append(sum(n or 0 for n in page["hours"]["lines"][0]["values"]))
        desk.flow.clock.passes(seconds=61)
    assert counted == [0, 0, 1]


async def test_only_leads_and_admins_see_it(desk: DeskWorld) -> None:
    for role, status in (("agent", 403), ("editor", 403), ("lead", 200), ("admin", 200)):
        one = await desk.agent(role, f"Xenia {role}", role)
        assert (await one.opens("/desk/lead")).status == status
        assert ('href="/desk/lead"' in (await one.opens("/desk/me")).text) == (status == 200)
