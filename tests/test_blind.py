"""How well the shipped content understands strangers: sentences by people who have read none of its examples."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from editors.content import read_content
from editors.understanding import Tried, Understanding, understand

ROOT = Path(__file__).resolve().parent.parent
BEYOND = "out_of_scope"
#: A few sentences below what was measured, so that an example more or less breaks nothing and a bad turn does. Shares.
RIGHT, REFUSED, ABSTAINED = 0.94, 0.045, 0.85
#: Of the near misses, which the everyday topics are closest to.
NEAR_ABSTAINED = 0.68
#: The same sentences as polite people write them, and the share that must be right.
POLITE = {
    "it": ("Buongiorno, {}", "buonasera scusi il disturbo, {}", "{}. Grazie mille e buona giornata"),
    "en": ("Good morning, {}", "{}. Thank you very much, have a nice day"),
}
SMALL_TALK = ("greet", "goodbye", "thank", "affirm", "deny", "ask_bot")
RIGHT_BESIDE_MANNERS = 0.915


def judged(root: Path, sentences: dict[str, Any]) -> Understanding:
    """These, by a model of the shipped examples with the settings of config.yml."""
    for folder in ("domain", "nlu", "stories"):
        shutil.copytree(ROOT / folder, root / folder)
    aside = root / "tests" / "intents"
    aside.mkdir(parents=True)
    (aside / "out_of_scope.yml").write_text(yaml.safe_dump(sentences.pop(BEYOND)), encoding="utf-8")
    (aside / "held_out.yml").write_text(yaml.safe_dump(sentences), encoding="utf-8")
    return understand(read_content(root))


def blind() -> dict[str, Any]:
    """By topic and language."""
    sentences: dict[str, Any] = yaml.safe_load((ROOT / "tests/intents/blind.yml").read_text(encoding="utf-8"))
    return sentences


def near_misses() -> dict[str, list[str]]:
    """By language."""
    texts: dict[str, list[str]] = yaml.safe_load((ROOT / "tests/intents/near_misses.yml").read_text(encoding="utf-8"))
    return texts


@pytest.fixture(scope="module")
def understood(tmp_path_factory: pytest.TempPathFactory) -> Understanding:
    """The blind sentences, and the near misses beside those out of scope."""
    sentences = blind()
    beyond = {language: [*sentences[BEYOND][language], *texts] for language, texts in near_misses().items()}
    return judged(tmp_path_factory.mktemp("content"), {**sentences, BEYOND: beyond})


@pytest.fixture(scope="module")
def polite(tmp_path_factory: pytest.TempPathFactory) -> Understanding:
    """Those of topics, with manners around them."""
    sentences: dict[str, Any] = {BEYOND: {"it": [], "en": []}}
    for topic, by_language in blind().items():
        if topic not in (BEYOND, *SMALL_TALK):
            sentences[topic] = {
                language: [words.format(text) for words in POLITE[language] for text in texts]
                for language, texts in by_language.items()
            }
    return judged(tmp_path_factory.mktemp("content"), sentences)


def share(some: list[Tried], good: list[Tried]) -> float:
    """How many of them."""
    assert len(some) >= 40
    return len(good) / len(some)


@pytest.mark.parametrize("language", ["it", "en"])
def test_strangers_are_understood(understood: Understanding, language: str) -> None:
    asked = [one for one in understood.held_out if one.language == language]
    assert share(asked, [one for one in asked if one.taken_for == one.topic]) >= RIGHT
    assert share(asked, [one for one in asked if one.outcome == "unsure"]) <= REFUSED


@pytest.mark.parametrize(("language", "words"), [(one, words) for one, some in POLITE.items() for words in some])
def test_strangers_with_manners_are_understood(polite: Understanding, language: str, words: str) -> None:
    before, after = words.split("{}")
    asked = [one for one in polite.held_out if one.text.startswith(before) and one.text.endswith(after)]
    assert {one.language for one in asked} == {language}
    assert share(asked, [one for one in asked if one.taken_for == one.topic]) >= RIGHT_BESIDE_MANNERS


@pytest.mark.parametrize("language", ["it", "en"])
def test_what_is_none_of_ours_is_left_unanswered(understood: Understanding, language: str) -> None:
    near = set(near_misses()[language])
    beyond = [one for one in understood.out_of_scope if one.language == language and one.text not in near]
    assert share(beyond, [one for one in beyond if one.outcome == "unsure"]) >= ABSTAINED


@pytest.mark.parametrize("language", ["it", "en"])
def test_near_misses_are_left_unanswered(understood: Understanding, language: str) -> None:
    near = set(near_misses()[language])
    beyond = [one for one in understood.out_of_scope if one.language == language and one.text in near]
    assert share(beyond, [one for one in beyond if one.outcome == "unsure"]) >= NEAR_ABSTAINED
