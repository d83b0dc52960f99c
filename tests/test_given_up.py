"""An event whose turn always fails: who wrote hears of a person, and who wrote nothing is not written to."""

from __future__ import annotations

from bot.flow.answer import give_up
from bot.model.messages import RawEvent
from bot.model.states import Status
from bot.store import events as store
from bot.store.tables import events
from tests.flow_support import CHAT, World


async def test_nobody_is_asked_to_excuse_what_they_did_not_write(flow: World) -> None:
    await flow.writes("ciao")
    said = await flow.said("bot")
    for chat in (CHAT, "stranger"):
        await flow.receives(flow.raw(chat, kind="read"))
        await give_up(flow.way, flow.key(chat))
    assert await flow.said("bot") == said and await flow.case() is None and await flow.status() == Status.BOT
    assert len(await flow.said("system")) == 1 and await flow.conversation("stranger") is None
    assert [row.state for row in await flow.rows(events)] == ["done", "aside", "aside"]


async def test_news_that_were_promised_and_cannot_be_told_are_a_person_s_matter(flow: World) -> None:
    await flow.writes("ciao")
    said = await flow.said("bot")
    raw = RawEvent("watch:1", CHAT, {"tell": "/line_status", "subject": "incident:1"}, flow.clock())
    await flow.db.write(lambda c: store.put(c, flow.platform.name, [raw], flow.clock(), own=True))
    await give_up(flow.way, flow.key())
    case = await flow.case()
    assert case and case.reason == "not_delivered" and await flow.said("bot") == said
    assert await flow.said("system") == ["follow_up: incident:1"]
