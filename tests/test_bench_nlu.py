"""The measuring itself: its measures, the sets of a folder, and a peer that fails."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench_nlu import __main__ as bench
from bench_nlu import metrics, systems
from bench_nlu.report import sizes
from bench_nlu.sets import NoData, Set, all_sets, tabbed
from bench_nlu.systems import judged

TINY = Set(
    "tiny", "it", [("ciao", "greet"), ("salve", "greet"), ("addio", "bye")], [("ehi", "greet"), ("a presto", "bye")],
    ["che ore sono"], most={"diet": 1},
)


def answer(name: str, score: float, outcome: str = "sure") -> dict[str, Any]:
    return {"name": name, "confidence": score, "score": score, "outcome": outcome}


def served(*answers: dict[str, Any]) -> dict[str, Any]:
    return {"answers": list(answers), "times": [1.0] * len(answers), "cpu": 1.0, "memory": 100.0}


def test_the_measures_of_known_numbers() -> None:
    assert metrics.auroc([3, 4], [1, 3]) == 87.5
    assert metrics.rejected([1, 2, 3, 4], [0, 1, 2, 5], 0.25) == 50
    assert metrics.calibration_error([0.75] * 4, [True, True, True, False]) == pytest.approx(0)
    assert metrics.calibration_error([0.95, 0.95], [True, False]) == pytest.approx(0.45)
    right = [True] * 18 + [False, True, True]
    assert metrics.allowed_threshold([n / 100 for n in range(30, 51)], right, 0.1) == 0.32
    assert metrics.allowed_threshold([0.1, 0.5, 0.6], [False, True, True], 0.05) == 0.5


def test_answers_are_judged_in_the_order_of_the_texts() -> None:
    found = judged(TINY, "ours", {"seconds": 1.0, "cpu": 1.0}, served(
        answer("greet", 0.9), answer("greet", 0.4, "unsure"), answer("bye", 0.2, "close")))
    assert (found.accuracy, found.own_refused, found.own_rejected, found.auroc) == (50, 50, 100, 100)


def test_a_folder_may_hold_other_sets(tmp_path: Path) -> None:
    (tmp_path / "bank").mkdir()
    (tmp_path / "bank" / "train.tsv").write_text("il mio saldo\tbalance\nblocca la carta\tblock\n", encoding="utf-8")
    (tmp_path / "bank" / "test.tsv").write_text("quanto ho sul conto\tbalance\nche tempo fa\toos\n", encoding="utf-8")
    bank, shipped = all_sets(tmp_path)
    assert bank == tabbed(tmp_path / "bank")
    assert (bank.name, bank.test, bank.outside) == ("bank", [("quanto ho sul conto", "balance")], ["che tempo fa"])
    assert len({intent for _, intent in shipped.train}) > 15


def test_a_folder_without_any_set_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoData, match="train.tsv"):
        all_sets(tmp_path)


def test_the_page_says_what_nobody_can_reach() -> None:
    assert "can reach" not in sizes(TINY)
    untaught = replace(TINY, test=[*TINY.test, ("boh", "None"), ("mah", "None")])
    assert "2 of those to test belong to no intent" in sizes(untaught) and "can reach is 50.0 %" in sizes(untaught)


def test_a_slow_system_is_taught_the_same_share_of_every_intent() -> None:
    assert TINY.taught("diet", everything=False) == [("ciao", "greet"), ("addio", "bye")]
    assert TINY.taught("diet", everything=True) == TINY.taught("ours", everything=False) == TINY.train


def test_a_peer_that_fails_is_told_in_the_page_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    done = systems.judged(TINY, "tfidf", {"seconds": 1.0, "cpu": 1.0}, served(
        answer("greet", 0.9), answer("bye", 0.8), answer("bye", 0.2)))
    monkeypatch.setattr(systems, "node_folder", lambda: Path("/"))
    monkeypatch.setattr(bench, "KEPT", tmp_path / "kept" / "results.json")
    monkeypatch.setattr(bench, "PAGE", tmp_path / "page.md")
    monkeypatch.setenv("PATH", "")  # no node
    text = bench.measured([TINY], [(TINY, "nlpjs")], [done], everything=False, again=False)
    assert "| nlp.js | did not run: " in text
    assert "| TF-IDF SVM alone | 100.0 |" in text
    assert (tmp_path / "page.md").read_text() == text
    assert bench.restored() == [done]


def test_only_what_is_missing_is_measured_or_what_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    done = systems.judged(TINY, "ours", {"seconds": 1.0, "cpu": 1.0}, served(
        answer("greet", 0.9), answer("bye", 0.8), answer("bye", 0.2)))
    asked: list[str] = []

    def measure(one: Set, system: str, *, everything: bool) -> systems.Found:
        asked.append(system)
        return replace(done, system=system)

    monkeypatch.setattr(bench, "KEPT", tmp_path / "results.json")
    monkeypatch.setattr(bench, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(bench, "measure", measure)
    both = [(TINY, "ours"), (TINY, "tfidf")]
    bench.measured([TINY], both, [done], everything=False, again=False)
    assert asked == ["tfidf"]
    bench.measured([TINY], [(TINY, "ours")], bench.restored(), everything=False, again=True)
    assert asked == ["tfidf", "ours"]
    assert sorted(each.system for each in bench.restored()) == ["ours", "tfidf"]
