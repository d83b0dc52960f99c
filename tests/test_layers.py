"""Arrows point to what changes least: who may import whom, and who may know a platform by name."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

#: Package -> what of the product it may import besides itself. A longer name counts before a shorter one.
MAY = {
    "bot.model": set(),
    "bot.channels.reading": set(),
    "bot.channels.base": {"bot.model", "bot.channels.reading"},
    "bot.channels": {"bot.model", "bot.channels.base", "bot.channels.reading"},
    "bot.store": {"bot.model"},
    "bot.dialogue_state": {"bot.model"},
    "bot.dialogue": {"bot.model", "bot.dialogue_state"},
    "bot.measures": set(),
    "bot.breaker": set(),
    "bot.training": set(),
    "bot.redact": set(),
    "bot.child": set(),
    "bot.environment": set(),
    "bot.pair": {"bot.child"},
    "bot.children": {"bot.child", "bot.pair", "bot.training", "bot.dialogue", "bot.environment", "bot.model"},
    "bot.exchange": {"bot.children", "bot.flow", "bot.store"},
    "bot.engines": {"bot.model", "bot.dialogue", "bot.breaker", "bot.measures"},
    "bot.flow": {"bot.model", "bot.store", "bot.dialogue", "bot.dialogue_state", "bot.channels.base", "bot.measures"},
    "bot.between": {"bot.flow", "bot.store", "bot.model", "bot.channels.base"},
    "bot.desk": {"bot.flow", "bot.store", "bot.model", "bot.channels.base"},
    "bot.sandbox": set(),
    "bot.operations": {
        "bot.between", "bot.flow", "bot.store", "bot.model",
        "bot.children", "bot.pair", "bot.training", "bot.exchange", "bot.dialogue", "bot.redact",
    },  # fmt: skip
    "bot.health": {"bot.flow", "bot.store", "bot.model"},
    "engine": set(),
    "actions": set(),
}
#: The composition root, the command line and what only they use: they may know everybody.
ROOTS = {"bot", "bot.__main__", "bot.app", "bot.settings", "bot.commands", "bot.logs", "bot.web"}
#: What does input or output, or reads a clock: words have neither.
IO = {"asyncio", "aiohttp", "sqlalchemy", "httpx", "socket", "subprocess", "threading", "os", "time", "logging"}
CHANNELS = re.compile(r"telegram|messenger|facebook|whatsapp|graph api|bot api", re.IGNORECASE)


def modules(*folders: str) -> dict[str, Path]:
    """Dotted name -> file of everything under the folders."""
    found = {}
    for folder in folders:
        for file in sorted((ROOT / folder).rglob("*.py")):
            parts = file.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


ALL = modules("bot", "engine", "actions")


def imported(name: str) -> set[str]:
    """The modules that a module imports, wherever in its text."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(ALL[name].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: relative imports hide where an arrow points"
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {each if each in ALL else str(node.module) for each in inside}
    return found


def layer(name: str) -> str | None:
    """The longest entry of MAY that a module belongs to."""
    fitting = [key for key in MAY if name == key or name.startswith(key + ".")]
    return max(fitting, key=len, default=None)


@pytest.mark.parametrize("name", sorted(ALL))
def test_arrows(name: str) -> None:
    own = layer(name)
    ours = {each for each in imported(name) if each.split(".")[0] in ("bot", "engine", "actions", "tests")}
    if own is None:
        assert name in ROOTS or name.startswith("bot."), f"{name} has no place in the layers"
        forbidden = {each for each in ours if not each.startswith("bot")}
        assert not forbidden, f"{name} imports {forbidden}"
        return
    for each in ours:
        theirs = layer(each)
        assert theirs == own or theirs in MAY[own], f"{name} imports {each}"


def test_only_the_roots_know_everybody() -> None:
    """A module that nobody placed may use what it likes only if it is one of the roots, or uses no layer at all."""
    layers = set(MAY) - {"bot.model"}
    for name in ALL:
        if layer(name) is None and name not in ROOTS:
            used = {layer(each) for each in imported(name)} & layers
            assert not used, f"{name} uses {used}: give it a place in MAY"


@pytest.mark.parametrize("name", [name for name in sorted(ALL) if name.startswith("bot.model")])
def test_words_do_nothing(name: str) -> None:
    """Pure: no input, no output, no clock."""
    assert not {each.split(".")[0] for each in imported(name)} & IO
    for node in ast.walk(ast.parse(ALL[name].read_text("utf-8"))):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in ("open", "print", "input"), f"{name} calls {called}"
            assert not called.endswith((".now", ".utcnow", ".today")), f"{name} reads a clock: {called}"
        assert not isinstance(node, ast.AsyncFunctionDef | ast.Await), f"{name} waits for something"


def test_the_centre_never_names_a_channel() -> None:
    """Differences are data on the channel: a new one changes nothing here, nor in pages and texts."""
    for folder in ("bot/flow", "bot/desk", "bot/model", "bot/texts"):
        for file in sorted((ROOT / folder).rglob("*")):
            if file.suffix in (".py", ".html", ".js", ".css", ".yml") and "vendor" not in file.parts:
                for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
                    assert not CHANNELS.search(line), f"{file.relative_to(ROOT)}:{number}: {line.strip()}"


def test_channels_do_not_know_each_other() -> None:
    names = {"telegram", "messenger"}
    for name in ALL:
        own = next((each for each in names if name.startswith(f"bot.channels.{each}")), None)
        if own:
            for other in names - {own}:
                assert not any(each.startswith(f"bot.channels.{other}") for each in imported(name)), name


def test_the_sandbox_is_used_by_the_root_alone() -> None:
    for name in ALL:
        if not name.startswith("bot.sandbox") and name not in ROOTS:
            assert not any(each.startswith("bot.sandbox") for each in imported(name)), name
