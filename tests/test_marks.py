"""What customers say of themselves: the gallery of lines, and the list's own mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bot.flow.queue import PHRASES
from bot.model.marks import marks_in, normal, phrases_of

GALLERY = yaml.safe_load((Path(__file__).parent / "marks" / "gallery.yml").read_text("utf-8"))


@pytest.mark.parametrize("line, marks", GALLERY, ids=[line for line, _ in GALLERY])
def test_the_gallery(line: str, marks: list[str]) -> None:
    assert marks_in([line], PHRASES) == set(marks)


def test_the_gallery_is_large_and_has_as_many_that_bear_none() -> None:
    assert len(GALLERY) >= 80 and sum(not marks for _, marks in GALLERY) >= 35


def test_shouting_is_no_reason() -> None:
    assert marks_in(["RISPONDETE!!! SUBITO!!! " * 20], PHRASES) == set()


def test_any_of_several_messages_counts() -> None:
    assert marks_in(["ciao", "la linea non va", "mia madre ha 90 anni"], PHRASES) == {"vulnerable"}


def test_accents_signs_and_capitals_make_no_difference() -> None:
    assert normal("  Perché l'HA così?! ") == "perche l ha cosi"


@pytest.mark.parametrize("phrase", ["Disabile", "è cieco", "l'ossigeno", "due  spazi", 8, ""])
def test_a_phrase_that_could_never_be_found_is_an_error(phrase: object) -> None:
    with pytest.raises(ValueError, match="x: "):
        phrases_of({"x": {"it": [phrase]}})  # type: ignore[list-item]


def test_a_mark_without_phrases_is_an_error() -> None:
    with pytest.raises(ValueError, match="x: no phrases"):
        phrases_of({"x": {"unless": ["mai"]}})
