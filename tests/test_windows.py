"""How long a customer may still be written to: the ends, the warnings (once each, at work), what the desk shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from bot.flow import handoff, transfer, windows
from bot.model.teams import teams_of
from bot.model.windows import ends, is_closing, next_end, notice, warn_at
from bot.store import promises
from bot.store import tables as t
from bot.store.database import Database
from tests.desk_support import DeskWorld
from tests.flow_support import CHAT, TEAMS, World, turn, with_abilities, world

DAY = timedelta(hours=24)
TWO_ENDS = (DAY, 7 * DAY)
CARE = teams_of(TEAMS).first
TUESDAY = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)  # 11:00 in Rome
SATURDAY = datetime(2026, 11, 28, 15, 0, tzinfo=UTC)  # 16:00 in Rome, the team is there until 18:00
LINES = ("window_soon", "window_last")


# The arithmetic.


def test_the_ends_follow_each_other() -> None:
    first, second = ends(TUESDAY, TWO_ENDS)
    assert (first.at, first.began, first.last) == (TUESDAY + DAY, TUESDAY, False)
    assert (second.at, second.began, second.last) == (TUESDAY + 7 * DAY, TUESDAY + DAY, True)
    assert ends(None, TWO_ENDS) == ends(TUESDAY, ()) == []


@pytest.mark.parametrize("hours, number", [(0, 1), (23.9, 1), (24, 2), (167, 2), (168, None)])
def test_which_end_comes_next(hours: float, number: int | None) -> None:
    end = next_end(ends(TUESDAY, TWO_ENDS), TUESDAY + timedelta(hours=hours))
    assert (end.number if end else None) == number


def test_closing_is_three_hours_of_a_day_and_twelve_of_a_week() -> None:
    assert (notice(DAY), notice(7 * DAY)) == (timedelta(hours=3), timedelta(hours=12))
    first = ends(TUESDAY, TWO_ENDS)[0]
    asked = [TUESDAY + timedelta(hours=hours) for hours in (20.9, 21, 23.9, 24)]
    assert [is_closing(first, moment) for moment in asked] == [False, True, True, False]


def test_warned_while_somebody_is_there_to_do_something() -> None:
    def warned(wrote: datetime) -> datetime:
        return warn_at(ends(wrote, TWO_ENDS)[0], CARE)

    assert warned(TUESDAY) == TUESDAY + timedelta(hours=21)
    night = TUESDAY.replace(hour=3)  # 4:00: the end is at 4:00 of the next night, the team leaves at 21:30
    assert warned(night) == TUESDAY.replace(hour=19, minute=30)
    assert warned(SATURDAY) == SATURDAY + timedelta(hours=1)  # Sunday nobody is there: an hour before they leave
    sunday = SATURDAY.replace(hour=20) + timedelta(hours=3)  # nobody is there until the end: in good time all the same
    assert warned(sunday) == sunday + timedelta(hours=21)


# The warnings.


@pytest.fixture
def letters(db: Database, tmp_path: Path) -> World:
    """A world whose one channel has both ends."""
    platform = with_abilities("letters", reply_window=DAY, human_window=7 * DAY)
    return world(db, tmp_path / "people", platforms=[platform], now=TUESDAY)


async def asks(flow: World, chat: str = CHAT) -> None:
    flow.engine.script.append(turn("Va bene.", handoff="asked"))
    await flow.writes("una persona", chat)


async def lines(flow: World, chat: str = CHAT) -> list[str]:
    """Which warnings stand on the case."""
    return [text.partition(":")[0] for text in await flow.said("system", chat) if text.startswith(LINES)]


async def passes(flow: World, **amount: float) -> None:
    flow.clock.passes(**amount)
    for _ in range(2):  # once each, however often is looked
        await windows.closing(flow.way)


async def warned_of(flow: World) -> list[str]:
    return [line.kind for line in await flow.rows(t.live) if line.kind.startswith("warn:")]


async def test_each_end_once_and_anew_when_the_customer_writes(letters: World) -> None:
    flow = letters
    anna = await flow.agent()
    await asks(flow)
    await flow.does(handoff.claim, anna)
    await passes(flow, hours=20)
    assert await lines(flow) == []
    await passes(flow, hours=1)
    assert await lines(flow) == ["window_soon"] and await warned_of(flow) == [f"warn:{anna.id}"]
    await passes(flow, hours=130)
    assert await lines(flow) == ["window_soon"]
    await passes(flow, hours=6)
    assert await lines(flow) == ["window_soon", "window_last"]
    await flow.writes("ci siete?")
    await passes(flow, hours=21)
    assert await lines(flow) == ["window_soon", "window_last", "window_soon"]


async def test_what_passed_while_nobody_looked_is_not_warned_of_afterwards(letters: World) -> None:
    await asks(letters)
    await passes(letters, hours=30)
    assert await lines(letters) == []
    await passes(letters, days=9)
    assert await lines(letters) == []


async def test_who_waits_is_warned_of_too_and_who_blocked_us_is_not(letters: World) -> None:
    await asks(letters)
    await asks(letters, "2")
    await letters.receives(letters.raw("2", kind="blocked"))
    await letters.answers("2")
    await passes(letters, hours=21)
    assert await lines(letters) == ["window_soon"] and await lines(letters, "2") == []


async def promise(flow: World, agent_id: int | None, chat: str = CHAT) -> None:
    found = await flow.conversation(chat)
    assert found

    def work(connection: Connection) -> None:
        promises.make(
            connection, found.id, what="w", due=flow.clock() + 3 * DAY, kind="call", made_by="agent", who="agent",
            agent_id=agent_id, now=flow.clock(),
        )  # fmt: skip

    await flow.db.write(work)


async def test_the_owner_of_a_promise_is_warned_though_the_bot_has_the_word(letters: World) -> None:
    flow = letters
    anna = await flow.agent()
    for chat, owner in (("1", anna.id), ("2", None)):
        await flow.writes("ciao", chat)
        await promise(flow, owner, chat)
    await flow.writes("ciao", "3")
    await passes(flow, hours=21)
    assert [await lines(flow, chat) for chat in "123"] == [["window_soon"], [], []]
    assert await warned_of(flow) == [f"warn:{anna.id}"]


async def test_both_are_warned_when_another_has_the_customer_now(letters: World) -> None:
    flow = letters
    anna, bea = await flow.agent(), await flow.agent("Bea B.")
    await asks(flow)
    await flow.does(handoff.claim, anna)
    await promise(flow, anna.id)
    await flow.does(transfer.to_person, anna, bea, "", by=anna)
    await passes(flow, hours=21)
    assert sorted(await warned_of(flow)) == [f"warn:{anna.id}", f"warn:{bea.id}"]


async def test_without_a_window_nothing_is_said(flow: World) -> None:
    await asks(flow)
    await passes(flow, days=8)
    assert await lines(flow) == []


# At the desk.


@pytest.fixture
async def two_ends(desk: DeskWorld) -> DeskWorld:
    """The desk, on a channel that has both ends."""
    platform: Any = with_abilities("letters", reply_window=DAY, human_window=7 * DAY)
    desk.flow.way.channels[platform.name] = platform  # type: ignore[index]
    desk.flow.platform = platform
    return desk


async def test_the_countdown_and_what_is_closing(two_ends: DeskWorld) -> None:
    desk = two_ends
    early = await desk.asks("1", sender={"name": "Presto"})
    desk.flow.clock.passes(hours=20, minutes=30)
    await desk.asks("2", sender={"name": "Tardi"})
    desk.flow.clock.passes(hours=1)
    anna = await desk.agent()
    page = (await anna.opens("/desk")).text
    assert 'data-until="2026-11-25T10:00:00+00:00">2 h 30</time>' in page and "di 24 h" in page
    assert "In chiusura: 1" in page
    closing = (await anna.opens("/desk?tab=closing")).text
    assert "Presto" in closing and "Tardi" not in closing
    case = (await anna.opens(f"/desk/c/{early}")).text
    assert "Si può scrivere ancora per 2 h 30. Poi può farlo solo una persona (scade 1 dicembre, 11:00)." in case
    desk.flow.clock.passes(days=5)
    await anna.signs_in("anna")
    case = (await anna.opens(f"/desk/c/{early}")).text
    assert "Il bot non può più scrivere; una persona ancora per 1 g" in case and "di 7 g" in case
    assert "Niente in chiusura." in (await anna.opens("/desk?tab=closing")).text
    desk.flow.clock.passes(days=3)
    await anna.signs_in("anna")
    assert "Tempo per scrivere scaduto" in (await anna.opens("/desk")).text


async def test_the_soonest_to_close_stands_first_whichever_end_it_is(two_ends: DeskWorld) -> None:
    desk = two_ends
    await desk.asks("1", sender={"name": "Settimana"})  # its last end, seven days later, is two hours away below
    desk.flow.clock.passes(days=5, hours=23)
    await desk.asks("2", sender={"name": "Giorno"})  # its first end is an hour away
    desk.flow.clock.passes(hours=23)
    lea = await desk.agent("lea", "Lea Lorenz", "lead")
    page = (await lea.opens("/desk?tab=closing")).text
    assert "In chiusura: 2" in page and page.index("Giorno") < page.index("Settimana")


async def test_closing_is_one_s_own_and_the_queue_s_and_everyone_s_for_a_lead(two_ends: DeskWorld) -> None:
    desk = two_ends
    conversation = await desk.asks("1", sender={"name": "Rosa"})
    desk.flow.clock.passes(hours=22)
    await (await desk.agent()).posts(f"/desk/c/{conversation}/take")
    for login, role, seen in (("bea", "agent", False), ("lea", "lead", True), ("eva", "editor", False)):
        visitor = await desk.agent(login, f"{login.title()} X.", role)
        assert ("Rosa" in (await visitor.opens("/desk?tab=closing")).text) == seen, role


async def test_a_promise_to_a_customer_of_the_bot_is_closing_for_who_owes_it_and_a_lead(two_ends: DeskWorld) -> None:
    desk = two_ends
    for chat, name in (("1", "Rosa"), ("2", "Marta")):
        await desk.flow.writes("ciao", chat, sender={"name": name})
    await promise(desk.flow, 1, "1")
    await passes(desk.flow, hours=20)
    anna, bea = await desk.agent(), await desk.agent("bea", "Bea B.")
    lea = await desk.agent("lea", "Lea Lorenz", "lead")
    assert "In chiusura" not in (await lea.opens("/desk")).text
    await passes(desk.flow, hours=2)
    for visitor, seen in ((anna, True), (bea, False), (lea, True)):
        page = (await visitor.opens("/desk?tab=closing")).text
        assert ("In chiusura: 1" in page, "Rosa" in page, "Marta" in page) == (seen, seen, False)
        assert ('data-until="2026-11-25T10:00:00+00:00">2 h</time>' in page) == seen
    await anna.posts("/desk/promises/1/kept")
    assert "In chiusura" not in (await anna.opens("/desk")).text


async def test_where_there_is_no_window_nothing_is_shown(desk: DeskWorld) -> None:
    conversation = await desk.asks()
    desk.flow.clock.passes(days=10)
    anna = await desk.agent()
    for path in ("/desk", f"/desk/c/{conversation}"):
        page = (await anna.opens(path)).text
        assert "data-until" not in page and "In chiusura" not in page
