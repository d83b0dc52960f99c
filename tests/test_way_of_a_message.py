"""The way of a message is written down once; every name on it must exist."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

import bot.flow
from bot.channels.base import Channel

ROOT = Path(__file__).resolve().parent.parent / "bot"
LINE = re.compile(r"^ {4,}(?P<file>[\w/*]+\.py) +(?P<names>[\w.]+(?:, [\w.]+)*)  +\S", re.MULTILINE)
STEPS = [(m["file"], name) for m in LINE.finditer(bot.flow.__doc__ or "") for name in m["names"].split(", ")]


def test_the_list_was_read() -> None:
    """A change of its form must not make the test below empty."""
    assert bot.flow.__doc__
    named = re.findall(r"[\w/*]+\.py(?= )", bot.flow.__doc__.split("A turn")[0])
    assert {file for file, _ in STEPS} == set(named)
    assert [file for file, _ in STEPS][0] == "channels/*.py" and STEPS[-1] == ("flow/sweep.py", "sweep")


@pytest.mark.parametrize(("file", "name"), STEPS)
def test_the_step_exists(file: str, name: str) -> None:
    head, _, tail = name.partition(".")
    if file == "channels/*.py":
        assert head == "Channel" and hasattr(Channel, tail)
        return
    assert (ROOT / file).exists()
    module = importlib.import_module("bot." + file.removesuffix(".py").replace("/", "."))
    if tail:
        assert hasattr(getattr(module, head), tail)
    else:
        found = getattr(module, head, None)
        own = [each for each in vars(module).values() if getattr(each, "__module__", "") == module.__name__]
        assert callable(found) or any(hasattr(each, head) for each in own), f"{file} has no {name}"


def test_all_steps_of_the_flow_are_on_the_list() -> None:
    files = {f"flow/{file.name}" for file in (ROOT / "flow").glob("*.py")} - {"flow/__init__.py"}
    # what the steps use
    beside = {"flow/way.py", "flow/texts.py", "flow/language.py", "flow/packet.py", "flow/glances.py", "flow/spoken.py"}
    assert files - beside == {file for file, _ in STEPS if file.startswith("flow/")}
