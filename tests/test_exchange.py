"""A second engine beside the first, and traffic moved over under load: no turn fails. Real engines, a tiny bot."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from bot.children import Children, ChildrenFailed, ChildrenSettings
from bot.engines import Engines
from bot.model.dialogue import Ask
from bot.training import kept_models
from tests.conftest import free_port, tiny_root

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Load:
    """Customers who ask one question after the other, each with a form in between, until told to stop."""

    engines: Engines
    answers: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    models: set[str] = field(default_factory=set)
    stop: bool = False

    async def customer(self, number: int) -> None:
        turn = 0
        while not self.stop:
            turn += 1
            try:
                await self._conversation(f"{number}-{turn}")
            except Exception as error:  # whatever it is, a customer paid for it
                self.failed.append(f"{type(error).__name__}: {error}")

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


async def test_a_model_is_exchanged_three_times_under_load_and_no_turn_fails(children: Children) -> None:
    load = Load(Engines([children.engine_url]))
    customers = [asyncio.create_task(load.customer(number)) for number in range(3)]
    first = children.model
    assert first
    other = first.with_name("other.tar.gz")
    shutil.copy(first, other)
    for model in (other, first, other):
        before, pids = len(load.answers), [child.process.pid for child in children.children if child.process]
        await children.exchange(model, load.engines)
        assert children.model == model and load.engines.urls == [children.engine_url] and children.ready
        assert len(load.answers) > before
        assert not any(Path(f"/proc/{pid}").exists() for pid in pids), "the old pair is gone"
    load.stop = True
    await asyncio.gather(*customers)
    assert load.failed == [] and set(load.answers) == {"Fatto: sim, Bergamo"}
    assert len(list((other.parent.parent / "scratch").iterdir())) == 1, "what the old ones unpacked is gone"
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
    assert {"newer-3.tar.gz", "newer-2.tar.gz"} <= names and "newer-0.tar.gz" not in names
