"""How well the shipped content understands strangers: sentences by people who have read none of its examples."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from editors.content import read_content
from editors.understanding import Tried, Understanding, understand

ROOT = Path(__file__).resolve().parent.parent
BEYOND = "out_of_scope"
#: A few sentences below what was measured, so that an example more or less breaks nothing and a bad turn does. Shares.
RIGHT, REFUSED, ABSTAINED = 0.94, 0.045, 0.85


@pytest.fixture(scope="module")
def understood(tmp_path_factory: pytest.TempPathFactory) -> Understanding:
    """The blind sentences, judged by a model of the shipped examples with the settings of config.yml."""
    root = tmp_path_factory.mktemp("content")
    for folder in ("domain", "nlu", "stories"):
        shutil.copytree(ROOT / folder, root / folder)
    blind = yaml.safe_load((ROOT / "tests/intents/blind.yml").read_text(encoding="utf-8"))
    aside = root / "tests" / "intents"
    aside.mkdir(parents=True)
    (aside / "out_of_scope.yml").write_text(yaml.safe_dump(blind.pop(BEYOND)), encoding="utf-8")
    (aside / "held_out.yml").write_text(yaml.safe_dump(blind), encoding="utf-8")
    return understand(read_content(root))


def share(some: list[Tried], good: list[Tried]) -> float:
    """How many of them."""
    assert len(some) >= 40
    return len(good) / len(some)


@pytest.mark.parametrize("language", ["it", "en"])
def test_strangers_are_understood(understood: Understanding, language: str) -> None:
    asked = [one for one in understood.held_out if one.language == language]
    assert share(asked, [one for one in asked if one.taken_for == one.topic]) >= RIGHT
    assert share(asked, [one for one in asked if one.outcome == "unsure"]) <= REFUSED


@pytest.mark.parametrize("language", ["it", "en"])
def test_what_is_none_of_ours_is_left_unanswered(understood: Understanding, language: str) -> None:
    beyond = [one for one in understood.out_of_scope if one.language == language]
    assert share(beyond, [one for one in beyond if one.outcome == "unsure"]) >= ABSTAINED
