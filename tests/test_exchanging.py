"""The rows by which an engine is exchanged: what is asked for is done once, and what is in use outlives a restart."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row

from bot.child import Child
from bot.children import ChildrenFailed, Traffic
from bot.exchange import Exchanging, file_of, place_of
from bot.operations.rehearse import stored
from bot.store import conversations, engine_moves
from bot.training import Content
from tests.flow_support import World


class Engine(Child):
    """A process of which only its size and age count."""

    def __init__(self) -> None:
        self.size, self.seconds = 100, 0.0

    def memory(self) -> int:
        return self.size * 1024 * 1024

    def age(self) -> float:
        return self.seconds


class Pairs:
    """Children that are nowhere: what they were told is what counts."""

    def __init__(self, root: Path) -> None:
        self.content = Content(root, root / "data")
        self.children = (Engine(),)
        self.model: Path | None = None
        self.exchanged: list[Path] = []
        self.fails = False

    async def start(self, model: Path | None = None) -> None:
        self.model = model or self.content.model()
        self.model.parent.mkdir(parents=True, exist_ok=True)
        self.model.touch()

    async def exchange(self, model: Path, _traffic: Traffic) -> None:
        self.exchanged.append(model)
        if self.fails:
            raise ChildrenFailed("No answer from engine.")
        self.model, self.children = model, (Engine(),)


@pytest.fixture
def pairs(tmp_path: Path) -> Pairs:
    (tmp_path / "nlu").mkdir()
    (tmp_path / "nlu" / "a.yml").write_text("one")
    return Pairs(tmp_path)


def exchanging(flow: World, pairs: Pairs) -> Exchanging:
    given: Any = pairs
    return Exchanging(flow.way, given, given, memory_mb=1000)


async def ask(flow: World, pairs: Pairs, model: str, why: str = "swap") -> int:
    file_of(pairs.content.data, model).touch()
    place, content = place_of(pairs.content.data), pairs.content.fingerprint()
    return await flow.db.write(
        lambda c: engine_moves.add(c, place, model=model, content=content, why=why, who="maria", now=flow.clock())
    )


async def move(flow: World, number: int) -> Row[Any]:
    return await flow.db.read(lambda c: engine_moves.get(c, number))


async def history(flow: World, pairs: Pairs) -> list[tuple[str, str, str]]:
    place = place_of(pairs.content.data)
    rows = await flow.db.read(lambda c: engine_moves.last(c, place))
    return [(row.why, row.model, row.state) for row in reversed(rows)]


async def test_what_is_asked_for_is_done_once_and_written_down(flow: World, pairs: Pairs) -> None:
    service = exchanging(flow, pairs)
    await service.start()
    own = pairs.content.fingerprint()
    asked = await ask(flow, pairs, "new")
    for _ in range(3):
        await service.step()
    assert [path.name for path in pairs.exchanged] == ["new.tar.gz"]
    assert (await move(flow, asked)).state == "done" and (await move(flow, asked)).who == "maria"
    assert await history(flow, pairs) == [("start", own, "done"), ("swap", "new", "done")]
    assert await flow.db.read(lambda c: engine_moves.models(c, service.place)) == ["new", own]


async def test_a_later_wish_overtakes_one_that_was_not_begun(flow: World, pairs: Pairs) -> None:
    service = exchanging(flow, pairs)
    await service.start()
    first, second = await ask(flow, pairs, "one"), await ask(flow, pairs, "two")
    await service.step()
    await service.step()
    assert [path.name for path in pairs.exchanged] == ["two.tar.gz"]
    assert (await move(flow, first)).state == "failed" and (await move(flow, second)).state == "done"


async def test_an_exchange_that_fails_says_why_and_changes_nothing(flow: World, pairs: Pairs) -> None:
    service = exchanging(flow, pairs)
    await service.start()
    before, pairs.fails = pairs.model, True
    asked = await ask(flow, pairs, "new")
    await service.step()
    row = await move(flow, asked)
    assert (row.state, row.problem, pairs.model) == ("failed", "No answer from engine.", before)
    gone = await ask(flow, pairs, "gone")
    file_of(pairs.content.data, "gone").unlink()
    await service.step()
    assert (await move(flow, gone)).problem == "The model's file is gone."


async def test_gone_back_holds_over_a_restart_until_the_content_changes(flow: World, pairs: Pairs) -> None:
    await exchanging(flow, pairs).start()
    await ask(flow, pairs, "older", "back")
    await exchanging(flow, pairs).step()
    again = Pairs(pairs.content.root)
    await exchanging(flow, again).start()
    assert again.model and again.model.name == "older.tar.gz"
    (pairs.content.root / "nlu" / "a.yml").write_text("two")
    await exchanging(flow, again).start()
    assert again.model == again.content.model()


async def test_what_was_asked_for_while_nobody_ran_is_taken_at_the_start(flow: World, pairs: Pairs) -> None:
    (pairs.content.data / "models").mkdir(parents=True)
    asked = await ask(flow, pairs, "new")
    await exchanging(flow, pairs).start()
    assert pairs.model and pairs.model.name == "new.tar.gz"
    assert await history(flow, pairs) == [("swap", "new", "done")]
    assert (await move(flow, asked)).done_at == flow.clock()


async def test_one_that_was_cut_short_did_not_happen(flow: World, pairs: Pairs) -> None:
    await exchanging(flow, pairs).start()
    asked = await ask(flow, pairs, "new")
    await flow.db.write(lambda c: engine_moves.take_up(c, asked))  # and then the service was killed
    again = Pairs(pairs.content.root)
    await exchanging(flow, again).start()
    assert (await move(flow, asked)).state == "failed" and again.model == pairs.model


async def test_another_places_wishes_are_not_ours(flow: World, pairs: Pairs) -> None:
    service = exchanging(flow, pairs)
    await service.start()
    await flow.db.write(
        lambda c: engine_moves.add(c, "elsewhere", model="x", content="y", why="swap", who="z", now=flow.clock())
    )
    await service.step()
    assert pairs.exchanged == []


async def test_an_engine_that_grew_is_exchanged_for_a_fresh_one_of_the_same_model(flow: World, pairs: Pairs) -> None:
    service = exchanging(flow, pairs)
    await service.start()
    engine = pairs.children[-1]
    engine.size, engine.seconds = 1001, 60
    await service.step()
    assert pairs.exchanged == [], "it is as large as it must be: exchanging it would help nobody"
    assert flow.way.measures.registry.get_sample_value("sportello_engine_memory_bytes") == 1001 * 1024 * 1024
    engine.seconds = 601
    await service.step()
    await service.step()
    assert pairs.exchanged == [pairs.model]
    assert [(why, state) for why, _, state in await history(flow, pairs)] == [("start", "done"), ("memory", "done")]


async def test_the_last_messages_of_the_last_conversations_are_tried(flow: World) -> None:
    await flow.writes("quando aprite?", "1")
    flow.clock.passes(minutes=1)
    await flow.writes("e domani?", "2")
    listen = {"event": "action", "name": "action_listen", "timestamp": 1.0}

    def said(text: str) -> list[dict[str, Any]]:
        parsed = {"intent": {"name": "store_hours"}, "text": text}
        return [listen, {"event": "user", "text": text, "parse_data": parsed, "timestamp": 1.0}, listen]

    for number, texts in ((1, ("a", "b")), (2, ("c", "d"))):
        events = [event for text in texts for event in said(text)]
        flow.clock.passes(minutes=1)
        keep = partial(conversations.keep_dialogue, conversation_id=number, state=events, now=flow.clock())
        await flow.db.write(keep)
    found = await flow.db.read(lambda connection: stored(connection, 3))
    assert [(one.where, one.text) for one in found] == [
        ("conversation 2", "d"),
        ("conversation 2", "c"),
        ("conversation 1", "b"),
    ]
