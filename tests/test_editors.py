"""What the model makes of the examples, the report, and one sentence through the real engine."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bot.model.dialogue import HandoffRequest, Turn
from bot.model.replies import QuickReply, Reply
from editors import findings
from editors.content import Content, read_content
from editors.report import render
from editors.tryout import WORDS, shown
from editors.understanding import Understanding, check_understanding, understand

ROOT = Path(__file__).resolve().parent.parent
#: A few topics only: the model is trained several times.
FILES = ("bill_question", "complaint", "request_pin", "stores")
BILL, PIN, STORES = "nlu/bill_question.yml", "nlu/request_pin.yml", "nlu/stores.yml"
#: (file, sentence that does not belong there, what is said about it)
PLANTED = [
    (STORES, "quanto devo pagare di bolletta questo mese?", "wrong", "bill_question"),
    (PIN, "quanto devo pagare in questo mese", "nearly_in_two_topics", "bill_question"),
    (BILL, "quanto devo pagare quest mese", "alike", ""),
]


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> Content:
    """Four topics of the product, with sentences in the wrong place."""
    root = tmp_path_factory.mktemp("content")
    for folder in ("domain", "stories", "tests/intents", "actions"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "nlu").mkdir()
    for stem in FILES:
        shutil.copy(ROOT / "nlu" / f"{stem}.yml", root / "nlu")
    for file, sentence, *_ in PLANTED:
        text = (root / file).read_text(encoding="utf-8")
        (root / file).write_text(text.replace("examples: |\n", f"examples: |\n    - {sentence}\n", 1), encoding="utf-8")
    return read_content(root)


@pytest.fixture(scope="module")
def understanding(content: Content) -> Understanding:
    """What the model makes of them."""
    return understand(content)


@pytest.mark.parametrize(("file", "sentence", "say", "other"), PLANTED, ids=[one[2] for one in PLANTED])
def test_a_sentence_in_the_wrong_place_is_told_with_its_line(
    content: Content, understanding: Understanding, file: str, sentence: str, say: str, other: str
) -> None:
    told = [one for one in check_understanding(content, understanding) if sentence in one.text("it")]
    lines = (content.root / file).read_text(encoding="utf-8").splitlines()
    line = next(number for number, text in enumerate(lines, 1) if text.strip() == f"- {sentence}")
    found = [one for one in told if one.say == say or (say == "wrong" and one.say == "in_vain")]
    assert found and all(other in one.text("it") for one in found), [one.text("it") for one in told]
    assert any(f"{file}:{line}" in one.text("it") or f"(riga {line})" in one.text("it") for one in found)
    assert all(one.warning == (say == "alike") for one in found)


def test_each_example_is_tried_by_a_model_that_has_not_seen_it(understanding: Understanding) -> None:
    examples = [one for _, one in understanding.tried]
    assert 0.6 < findings.accuracy(examples) < 1  # of what it has learned it would get everything right
    assert {one.outcome for one in examples} <= {"sure", "close", "unsure"}
    assert all(0 <= one.probability <= 1 for one in examples)
    assert understanding.thresholds


class Page(HTMLParser):
    """Sections, pictures and everything that an HTML file can fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.fetched: list[str] = []
        self.pictures = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.pictures += tag == "svg"
        for name, value in attrs:
            self.ids |= {value or ""} if name == "id" else set()
            if name in ("src", "href", "data", "srcset", "action"):
                self.fetched.append(f"{tag} {name}={value}")


@pytest.mark.parametrize("language", ["it", "en"])
def test_the_report_has_its_sections_and_fetches_nothing(
    content: Content, understanding: Understanding, language: str
) -> None:
    html = render(content, understanding, language, today=date(2026, 11, 21))
    page = Page()
    page.feed(html)
    assert {"summary", "next", "weakest", "matrix", "confidence", "scope", "new", "switch"} <= page.ids
    assert not page.fetched and "url(" not in html and "@import" not in html
    assert page.pictures >= 6 and f'data-shown="{language}"' in html
    assert "Che cosa scrivere adesso" in html and "What to write next" in html
    assert "nlu/stores.yml:" in html and 'class="threshold"' in html
    # every span of one language has one of the other
    assert html.count('<span lang="it">') == html.count('<span lang="en">')


def test_the_report_is_safe_whatever_customers_write(tmp_path: Path, understanding: Understanding) -> None:
    content = read_content(tmp_path)
    first, tried = understanding.tried[0]
    bad = Understanding(
        [(first, type(tried)(**{**vars(tried), "text": "x"})), *understanding.tried[1:]], understanding.held_out,
        [type(tried)(**{**vars(tried), "text": "<script>alert(1)</script>", "topic": "", "outcome": "sure"})],
        understanding.near, understanding.thresholds,
    )  # fmt: skip
    html = render(content, bad, "it", today=date(2026, 11, 21))
    assert "<script>alert" not in html and "&lt;script&gt;alert" in html


def test_evaluate_writes_the_file(content: Content, understanding: Understanding) -> None:
    out = content.root / "data" / "report.html"
    command = [sys.executable, "-m", "editors", "evaluate", "--root", str(content.root), "--out", str(out)]
    told = subprocess.run([*command, "--lang", "en"], cwd=ROOT, capture_output=True, text=True)
    assert told.returncode == 0 and "report.html" in told.stdout, told.stderr
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_curve_never_falls() -> None:
    class One:
        def __init__(self, score: float) -> None:
            self.score = score

    points = findings.out_of_scope_curve([One(0.9), One(0.5)], [One(0.2), One(0.6)])  # type: ignore[list-item]
    assert points[0] == (0, 0) and points[-1] == (1, 1) and points == sorted(points)
    assert (0, 0.5) in points


async def test_try_shows_topic_runners_up_data_and_the_answer_of_both_channels(engine_url: str) -> None:
    environ = {**os.environ, "ENGINE_PORT": str(urlsplit(engine_url).port), "LANG": "C.UTF-8"}
    command = [sys.executable, "-m", "editors", "try", "come richiedo il pin?"]
    told = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120
    )
    assert told.returncode == 0, told.stderr
    assert "Avvio" not in told.stderr  # the engine that runs was asked
    assert re.search(r"argomento: request_pin +\d+%", told.stdout), told.stdout
    assert re.search(r"poi: \w+ \d+%", told.stdout) and "dati trovati:" in told.stdout
    for platform in ("Telegram", "Messenger"):
        answer = told.stdout.split(f"┌ {platform}")[1].split("└")[0]
        assert "│ " in answer and "[Parla con noi]" in answer


def test_try_shows_each_channels_own_shape() -> None:
    long_title = QuickReply("Un titolo troppo lungo per Messenger", "/x")
    turn = Turn(
        replies=(Reply("Ciao", (long_title,)),), events=[], slots={"town": "Bari", "_inner": 1}, intent="greet",
        confidence=0.9, ranking=(("greet", 0.9), ("thank", 0.1)),
    )  # fmt: skip
    lines = "\n".join(shown(turn, [{"entity": "town", "value": "Bari"}], "it", WORDS["it"]))
    telegram, messenger = (lines.split(f"┌ {name}")[1].split("└")[0] for name in ("Telegram", "Messenger"))
    assert "[Un titolo troppo lungo per Messenger]" in telegram
    assert "1. Un titolo troppo lungo per Messenger" in messenger and "[Un titolo" not in messenger
    assert "dati trovati: town=Bari\n" in lines and "poi: thank 10%" in lines


def test_try_says_when_a_person_is_asked_for() -> None:
    turn = Turn((Reply("Certo."),), [], {}, "ask_human", 1.0, (), handoff=HandoffRequest("asked"))
    lines = list(shown(turn, [], "en", WORDS["en"]))
    assert "→ hands over to a person: asked" in lines and not any("Talk to us" in line for line in lines)
