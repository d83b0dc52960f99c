"""A second engine beside the first, and traffic moved over under load: no turn fails. Real engines, a tiny bot.

A long run: SPORTELLO_EXCHANGES=20 pytest tests/test_exchange.py -s -k under_load
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from bot.children import Children, ChildrenFailed, ChildrenSettings
from bot.engines import Engines
from bot.exchange import Exchanging, name_of
from bot.measures import Measures
from bot.model.dialogue import Ask
from bot.operations.engines import back, show, swap
from bot.operations.rehearse import of_events, of_files, rehearse
from bot.store.database import Database
from bot.store.migrate import migrate
from bot.training import kept_models
from tests.conftest import free_port, tiny_root

EXCHANGES = int(os.environ.get("SPORTELLO_EXCHANGES", "2"))  # ends with the first model again

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Load:
    """Customers who ask one question after the other, each with a form in between, until told to stop."""

    engines: Engines
    answers: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    models: set[str] = field(default_factory=set)
    stop: bool = False

    @asynccontextmanager
    async def of(self, customers: int) -> AsyncIterator[None]:
        """So many ask while the block runs; whatever it comes to, they stop."""
        asking = [asyncio.create_task(self.customer(number)) for number in range(customers)]
        try:
            yield
        finally:
            self.stop = True
            await asyncio.gather(*asking)

    async def customer(self, number: int) -> None:
        turn = 0
        while not self.stop:
            turn += 1
            try:
                await self._conversation(f"{number}-{turn}")
            except Exception as error:  # whatever it is, a customer paid for it
                self.failed.append(f"{type(error).__name__}: {error}")
                await asyncio.sleep(0.1)

    async def _conversation(self, name: str) -> None:
        told = {"language": "it", "turn_id": name}
        town = await self.engines.ask(Ask(name, '/town{"town": "Bergamo"}', told, []))
        form = await self.engines.ask(Ask(name, "voglio il pin", told, town.events))
        done = await self.engines.ask(Ask(name, '/inform{"tone": "sim"}', told, form.events))
        self.answers.append(done.replies[0].text)
        self.models.add(done.model_id)
        await asyncio.sleep(0.02)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def children(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Children]:
    root = tiny_root(tmp_path_factory.mktemp("tiny"))
    settings = ChildrenSettings(root, root / "data", engine_port=free_port(), actions_port=free_port())
    children = Children(settings, environ={"PATH": "/usr/bin:/bin"})
    await children.start()
    yield children
    await children.stop()


async def test_a_model_is_exchanged_under_load_and_no_turn_fails(children: Children) -> None:
    load = Load(Engines([children.engine_url]))
    first = children.model
    assert first
    other = first.with_name("other.tar.gz")
    shutil.copy(first, other)
    async with load.of(3):
        for model in (other, first) * (EXCHANGES // 2):
            before, pids = len(load.answers), [child.process.pid for child in children.children if child.process]
            await children.exchange(model, load.engines)
            assert children.model == model and load.engines.urls == [children.engine_url] and children.ready
            assert len(load.answers) > before
            assert not any(Path(f"/proc/{pid}").exists() for pid in pids), "the old pair is gone"
    assert load.failed == [] and set(load.answers) == {"Fatto: sim, Bergamo"}
    print(f"{EXCHANGES} exchanges, {len(load.answers) * 3} turns, {len(load.failed)} failed")
    assert len(list((other.parent.parent / "scratch").iterdir())) == 1, "what the old ones unpacked is gone"
    other.unlink()  # it would count among the models that are kept
    await load.engines.close()


async def test_a_model_that_is_none_changes_nothing(children: Children, tmp_path: Path) -> None:
    engines = Engines([children.engine_url])
    bad = tmp_path / "bad.tar.gz"
    bad.write_bytes(b"no model")
    url, model = children.engine_url, children.model
    with pytest.raises(ChildrenFailed, match="cannot load its model"):
        await children.exchange(bad, engines)
    assert (children.engine_url, children.model, engines.urls) == (url, model, [url])
    assert (await engines.ask(Ask("t", "ciao", {"language": "it"}, []))).replies[0].text == "Ciao"
    await engines.close()


STORY = """
version: "3.1"
stories:
  - story: a town, then a PIN
    steps:
      - user: |
          sono a Bergamo
        intent: town
      - action: action_echo
      - user: |
          ho perso il pin
        intent: request_pin
      - action: pin_form
      - active_loop: pin_form
      - user: |
          quello della sim
        intent: inform
"""


async def conversation(engines: Engines, *said: str) -> list[dict[str, Any]]:
    """The state after these messages, as the store keeps it."""
    state: list[dict[str, Any]] = []
    for number, text in enumerate(said):
        state = (await engines.ask(Ask(f"t{number}", text, {"language": "it"}, state))).events
    return state


async def test_a_model_is_tried_on_what_was_said(children: Children, tmp_path: Path) -> None:
    engines = Engines([children.engine_url])
    state = await conversation(engines, "ciao", '/town{"town": "Bergamo"}')
    state += await conversation(engines, "voglio il pin", "calma buffe grandi")
    old = [{**event, "timestamp": event["timestamp"] - 90_000} for event in state]
    said = list(of_events("conversation 1", old))
    assert [(one.text, one.intent, one.action, one.answer) for one in said] == [
        ("ciao", "greet", "utter_greet", "Ciao"),
        ('/town{"town": "Bergamo"}', "town", "action_echo", ""),
        ("voglio il pin", "request_pin", "pin_form", ""),
        ("calma buffe grandi", "nlu_fallback", "", ""),  # in the form: what it does next is its own affair
    ]
    (tmp_path / "story.yml").write_text(STORY)
    written = list(of_files(tmp_path))
    assert [(one.intent, one.action) for one in written][:2] == [("town", "action_echo"), ("request_pin", "pin_form")]
    done = await rehearse(children.engine_url, said + written)
    assert (done.asked, done.differ, done.other_words) == (7, (), ())
    other = [replace(said[0], intent="town"), replace(said[0], answer="Salve"), replace(said[1], action="utter_greet")]
    done = await rehearse(children.engine_url, other + said[2:])
    assert {(one.was, one.now) for one in done.differ} == {
        ("town, utter_greet", "greet, utter_greet"),
        ("town, utter_greet", "town, action_echo"),
    }
    assert [one.now for one in done.other_words] == ["Ciao"] and done.agreement == 1 - 2 / 5
    await engines.close()


async def test_swap_and_back_with_one_command_each(
    children: Children, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    db = Database(f"sqlite:///{tmp_path}/sportello.db")
    migrate(db)
    traffic = Engines([children.engine_url])
    way: Any = SimpleNamespace(db=db, clock=lambda: datetime.now(UTC), measures=Measures())
    exchanging = Exchanging(way, children, traffic, memory_mb=1_000_000)
    settings, own = children._settings, await children.train()
    older = own.with_name("older.tar.gz")
    shutil.copy(own, older)
    await db.write(partial(exchanging._started, asked=None, done=None, model="older"))
    service = asyncio.create_task(exchanging.run())
    load = Load(traffic)
    async with load.of(2):
        assert await swap(way, settings, most=50, anyway=False) == ""
        assert children.model == own
        assert await back(way, settings) == ""
        assert children.model == older
    assert load.failed == [] and load.answers
    said = capsys.readouterr().out
    assert "stored messages: there are none here" in said and f"Model {name_of(own)} is in use." in said
    await show(way, settings)
    assert f"{'older':20} in use" in capsys.readouterr().out
    service.cancel()
    await asyncio.gather(service, return_exceptions=True)
    await traffic.close()
    db.close()


async def test_a_model_in_use_is_not_deleted_and_the_last_three_are_kept(children: Children) -> None:
    assert children.model
    for number in range(4):
        newer = children.model.with_name(f"newer-{number}.tar.gz")
        newer.write_bytes(b"")
        os.utime(newer, (1.5e9 + number,) * 2)
    os.utime(children.model, (1e9, 1e9))
    model = await children.train()
    names = {path.name for path in kept_models(model.parent)}
    assert children.model.name in names and model.name in names
    assert "newer-3.tar.gz" in names and "newer-0.tar.gz" not in names and len(names) <= 4
