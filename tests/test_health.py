"""Health and metrics: every stage of a message's way is measured, and the dashboard asks for what exists."""

from __future__ import annotations

import json
import re
import timeit
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update

from bot.dialogue import EngineDown, EngineRefused
from bot.flow import handoff
from bot.health import AGES, COUNTED, health_routes
from bot.measures import OUTCOMES, Measures, outcome_of
from bot.model.errors import SendError
from bot.model.replies import Reply
from bot.model.states import Sending
from bot.store.tables import outgoing
from tests.flow_support import World, turn

DASHBOARD: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parent.parent / "deploy/grafana-dashboard.json").read_text()
)
Samples = dict[tuple[str, frozenset[str]], float]


async def measured(flow: World) -> Samples:
    """All that /metrics says: (name, values of the labels) -> number."""

    async def engine() -> str:
        return "ok"

    app = web.Application()
    app.add_routes(health_routes(flow.way, engine))
    async with TestClient(TestServer(app)) as client, client.get("/metrics") as answer:
        assert answer.status == 200
        text = await answer.text()
    return {
        (sample.name, frozenset(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def number(samples: Samples, name: str, *labels: str) -> float:
    return samples.get((name, frozenset(labels)), 0.0)


async def test_every_stage_of_a_messages_way_is_counted(flow: World) -> None:
    flow.engine.script = [turn("ecco"), EngineDown("no answer"), EngineRefused("400"), turn("ora sì")]
    flow.platform.problems = [None, SendError("no_answer", "", ambiguous=True)]
    first = flow.raw(text="uno")
    await flow.receives(first)
    await flow.receives(first, flow.raw(not_for_us="a poll"))
    flow.clock.passes(seconds=3)
    await flow.answers()
    await flow.delivers()
    await flow.writes("due")
    found = await measured(flow)
    assert number(found, "sportello_received_total", "paper", "new") == 3
    assert number(found, "sportello_received_total", "paper", "known") == 1
    assert number(found, "sportello_store_seconds_count") == 3
    assert number(found, "sportello_turns_total", "answered") == 1
    assert number(found, "sportello_turns_total", "aside") == 1
    assert number(found, "sportello_turns_total", "engine_down") == 1
    assert number(found, "sportello_turn_seconds_count") == 3
    assert number(found, "sportello_wait_seconds_bucket", "1.0") == 1, "two waited for three seconds"
    assert number(found, "sportello_engine_seconds_count", "ok") == 1
    assert number(found, "sportello_engine_seconds_count", "down") == 1
    assert number(found, "sportello_deliveries_total", "paper", "sent") >= 1
    assert number(found, "sportello_deliveries_total", "paper", "ambiguous") == 1
    assert number(found, "sportello_outgoing", "ambiguous") == 1


async def test_what_the_store_does_not_take_is_counted(flow: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(flow.way.arrivals, "add", full)
        with pytest.raises(OSError, match="full"):
            await flow.receives(flow.raw(text="uno"))
    assert number(await measured(flow), "sportello_received_total", "paper", "not_stored") == 1


async def test_a_refused_state_is_two_questions(flow: World) -> None:
    await flow.writes("uno")
    flow.engine.script = [EngineRefused("400"), turn("ora sì")]
    await flow.writes("due")
    found = await measured(flow)
    assert number(found, "sportello_engine_seconds_count", "refused") == 1
    assert number(found, "sportello_engine_seconds_count", "ok") == 2


async def test_cases_are_counted_by_how_long_they_wait(flow: World) -> None:
    for chat, minutes in (("1", 30.0), ("2", 9.0), ("3", 1.0)):
        flow.engine.script = [turn("una persona", handoff="asked")]
        await flow.writes("una persona", chat)
        flow.clock.passes(minutes=minutes)
    found = await measured(flow)
    assert [number(found, "sportello_cases_waiting", label) for label, _ in AGES] == [1, 1, 1, 0]
    assert number(found, "sportello_cases_open") == 3
    assert [number(found, "sportello_cases", clock) for clock in ("bot", "waiting", "person")] == [0, 3, 0]
    assert number(found, "sportello_conversations", "waiting") == 3
    assert number(found, "sportello_oldest_case_seconds") == 40 * 60
    assert number(found, "sportello_oldest_event_seconds") == 0
    await flow.receives(flow.raw(text="ancora qui?"))
    flow.clock.passes(minutes=2)
    assert number(await measured(flow), "sportello_oldest_event_seconds") == 120


async def test_a_case_is_counted_by_the_clock_that_runs(flow: World) -> None:
    for chat in ("1", "2", "3"):
        flow.engine.script = [turn("una persona", handoff="asked")]
        await flow.writes("una persona", chat)
    anna = await flow.agent()
    for chat in ("1", "2"):
        await flow.does(handoff.claim, anna, chat=chat)
    await flow.does(handoff.reply, anna, Reply("buongiorno"), chat="1")
    found = await measured(flow)
    assert [number(found, "sportello_cases", clock) for clock in ("waiting", "person")] == [2, 1]
    assert [number(found, "sportello_conversations", state) for state in ("waiting", "agent")] == [1, 2]


async def test_a_message_that_does_not_leave_is_seen_by_its_age(flow: World) -> None:
    assert number(await measured(flow), "sportello_oldest_outgoing_seconds") == 0
    await flow.receives(flow.raw(text="uno"))
    await flow.answers()
    flow.clock.passes(minutes=2)
    found = await measured(flow)
    assert number(found, "sportello_oldest_outgoing_seconds") == 120
    assert number(found, "sportello_outgoing", "pending") >= 1
    await flow.delivers()
    assert number(await measured(flow), "sportello_oldest_outgoing_seconds") == 0


async def test_an_alarm_finds_its_number_where_there_is_nothing(flow: World) -> None:
    found = await measured(flow)
    for name, state in (("events", "aside"), ("outgoing", "ambiguous"), ("outgoing", "failed"), ("cases", "waiting")):
        assert found[f"sportello_{name}", frozenset({state})] == 0


async def test_no_label_is_anything_a_customer_chose(flow: World) -> None:
    await flow.writes("mi chiamo Maria", "393331234567")
    said = {label for _, labels in await measured(flow) for label in labels}
    assert not any("393331234567" in label or "Maria" in label for label in said)


@pytest.mark.parametrize(
    ("words", "label"),
    [
        ("store_hours 0.93", "answered"),
        (" 0.00", "answered"),
        ("ask_human 1.00 handoff asked", "handed_over"),
        ("engine down", "engine_down"),
        ("aside: a poll", "aside"),
        ("again: the conversation moved", "again"),
        ("again or done", "again"),
        ("done by another", "again"),
        ("cannot read: voice", "cannot_read"),
        ("kept for the agent", "kept"),
        ("told the agent", "kept"),
        ("edited", "noted"),
        ("echo: nobody we know", "noted"),
        ("cancelled", "by_ourselves"),
        ("solved: yes", "by_ourselves"),
        ("an old button", "by_ourselves"),
    ],
)
def test_what_a_turn_came_to_is_one_of_a_few_words(words: str, label: str) -> None:
    assert outcome_of(words) == label
    assert label in {name for name, _ in OUTCOMES} | {"by_ourselves"}


def test_measuring_a_turn_costs_next_to_nothing() -> None:
    """The whole of what one message adds, beside the milliseconds of its turn."""
    measures = Measures()

    def message() -> None:
        measures.received("paper", 1, 0, 0.005)
        measures.asked("ok", 0.02)
        measures.turned("store_hours 0.93", 0.03, 0.0)
        measures.called("paper", "sent", 0.1)

    message()
    assert min(timeit.repeat(message, number=200, repeat=5)) / 200 < 0.0005


# The dashboard.


async def test_the_dashboard_asks_for_what_exists(flow: World) -> None:
    """Every metric of every query is exposed, and every label that it groups or filters by."""
    flow.engine.script = [turn("una persona", handoff="asked")]
    await flow.writes("una persona")
    await flow.receives(flow.raw(None, odd=1))
    await flow.writes("ancora")
    (row, *_) = await flow.rows(outgoing)
    change = update(outgoing).where(outgoing.c.id == row.id).values(state=Sending.AMBIGUOUS)
    await flow.db.write(lambda connection: connection.execute(change))
    names = {name for name, _ in await measured(flow)}
    labels = {"le", "job", "channel", "kind", "outcome", "result"} | {label for _, label in COUNTED.values()}
    queries = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    assert len(queries) > 15
    asked: set[str] = set()
    for query in queries:
        found = re.findall(r"\bsportello_\w+", query)
        assert found and set(found) <= names, query
        asked |= set(found)
        used = {each for group in re.findall(r"by \(([^)]*)\)", query) for each in group.split(", ")}
        used |= set(re.findall(r"(\w+)=~?\"", query))
        assert used <= labels, query
    families = {re.sub(r"_(bucket|count|sum|total|created)$", "", name) for name in names}
    assert families == {re.sub(r"_(bucket|count|sum|total)$", "", name) for name in asked}, "nothing is left out"


def test_the_dashboards_states_are_the_products() -> None:
    text = json.dumps(DASHBOARD)
    for state in re.findall(r"[a-z|]+", " ".join(re.findall(r'state=~?\\"([a-z|]+)', text))):
        assert set(state.split("|")) <= {*Sending, "new", "aside", "done"}


def test_the_panels_do_not_overlap_and_have_numbers_of_their_own() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken and at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells
