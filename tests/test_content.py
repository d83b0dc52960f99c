"""`scripts/check_content.py`: the product's content is fine, and each kind of mistake is told in plain words."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("domain", "nlu", "stories", "tests/content", "actions")


def check(root: Path) -> subprocess.CompletedProcess[str]:
    """The command, as `make content` runs it."""
    command = [sys.executable, str(ROOT / "scripts" / "check_content.py"), str(root)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture
def mistakes(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], list[str]]:
    """The same without a process of its own for each mistake."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    checker = importlib.import_module("check_content")
    return lambda root: list(checker.mistakes(checker.read_content(root)))


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """A copy of the product's content, to make mistakes in."""
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_products_content_is_fine() -> None:
    told = check(ROOT)
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.startswith("Content is fine")


def test_every_intent_of_the_product_has_examples() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "nlu").glob("*.yml")]
    named = {name for text in texts for name in re.findall(r"- intent: (\w+)", text)}
    assert named == set(
        "greet goodbye thank affirm deny ask_bot ask_human request_pin store_hours find_store line_status report_fault"
        " activation_status technician_appointment bill_question price_availability complaint case_status"
        " privacy_request".split()
    )


def test_mistakes_end_the_command_with_one(content: Path) -> None:
    (content / "nlu" / "complaint.yml").write_text("nlu: [", encoding="utf-8")
    told = check(content)
    assert told.returncode == 1 and "nlu/complaint.yml: cannot be read" in told.stdout and not told.stderr


def replaced(file: str, old: str, new: str) -> Callable[[Path], None]:
    """A mistake: other words in a file."""

    def make(root: Path) -> None:
        text = (root / file).read_text(encoding="utf-8")
        assert old in text
        (root / file).write_text(text.replace(old, new, 1), encoding="utf-8")

    return make


def added(file: str, text: str) -> Callable[[Path], None]:
    """A mistake: more words at the end of a file, or a new file."""

    def make(root: Path) -> None:
        with (root / file).open("a", encoding="utf-8") as target:
            target.write(text)

    return make


def removed(file: str) -> Callable[[Path], None]:
    """A mistake: a file that is not there."""
    return lambda root: (root / file).unlink()


def renamed(file: str, name: str) -> Callable[[Path], None]:
    """A mistake: a file under another name."""

    def make(root: Path) -> None:
        (root / file).rename(root / name)

    return make


TALK, BILL, PRICE = "domain/small_talk.yml", "domain/bill_question.yml", "domain/price_availability.yml"
PRICE_STORY = "stories/price_availability.yml"
ITALIAN_THANKS = '    - text: "Di nulla, è un piacere! Se ti serve altro sono qui."\n'
MISTAKES = {
    "no YAML": (replaced(TALK, "intents:", "intents: ["), "domain/small_talk.yml: cannot be read"),
    "too few examples": (
        lambda root: (root / "nlu/complaint.yml").write_text(
            'nlu:\n- intent: complaint\n  metadata: {language: it}\n  examples: |\n    - reclamo\n', encoding="utf-8"
        ),
        "complaint has 1 examples in it, it needs at least 25",
    ),
    "an example of two intents": (added("nlu/ask_human.yml", "    - my BILL!\n"), "is an example of"),
    "an example twice": (added("nlu/ask_human.yml", "    - agent\n"), "«agent» stands twice under ask_human"),
    "somebody's data": (added("nlu/ask_human.yml", "    - i am VL-104233\n"), "holds a customer code"),
    "no language": (replaced("nlu/complaint.yml", "language: en", "lingua: en"), "is in no known language (none)"),
    "unknown intent": (replaced(TALK, "  - thank\n", ""), "the intent thank is not in domain/"),
    "no English": (
        replaced("domain/complaint.yml", "name: language, value: en", "name: town, value: x"),
        "utter_complaint has no English text",
    ),
    "no Italian": (replaced(TALK, ITALIAN_THANKS, ""), "utter_thank has no Italian text"),
    "an empty text": (replaced(TALK, '"Di nulla!"', '" "'), "utter_thank_aside has an empty text"),
    "a long text": (replaced(TALK, "Di nulla!", "Di nulla. " * 40), "300 is the most"),
    "shouting": (replaced(TALK, "Di nulla!", "Di nulla!!"), "shouts"),
    "a long title": (replaced(TALK, "Segnala un guasto", "Segnala subito un guasto"), "is 24 characters long"),
    "a title twice": (replaced(TALK, '"Segnala un guasto"', '"La mia bolletta"'), "«La mia bolletta» twice"),
    "a button to nowhere": (replaced(TALK, '"/report_fault"', '"/report_folt"'), "leads to /report_folt"),
    "a person's button": (replaced(TALK, '"/report_fault"', '"/ask_human"'), "the bot adds a way to a person"),
    "single braces": (replaced(BILL, '{{"bill_part": "why"}}', '{"bill_part": "why"}'), "needs doubled braces"),
    "no JSON": (replaced(BILL, '{{"bill_part": "why"}}', '{{bill_part: why}}'), "is not JSON between its braces"),
    "an unknown entity": (replaced(BILL, '{{"bill_part":', '{{"bill_bit":'), "gives bill_bit, which no domain file"),
    "different facts": (replaced(BILL, "La bolletta di {month} è", "La bolletta è"), "the Italian text lacks {month}"),
    "different buttons": (
        replaced(TALK, 'Line status", payload: "/line_status"', 'Line status", payload: "/greet"'),
        "do not lead to the same places",
    ),
    "a story's unknown action": (
        replaced("stories/complaint.yml", "action_complaint", "action_complain"),
        "stories/complaint.yml, «a complaint»: no domain file lists the action action_complain",
    ),
    "a test's unknown intent": (
        replaced("tests/content/complaint.yml", "intent: complaint", "intent: complain"),
        "no domain file lists the intent complain",
    ),
    "a story's unknown form": (replaced(PRICE_STORY, "active_loop: stock_form", "active_loop: x"), "lists the form x"),
    "other file names": (renamed("nlu/complaint.yml", "nlu/c.yml"), "there is no domain/c.yml"),
    "no test conversation": (removed("tests/content/complaint.yml"), "tests/content/complaint.yml is missing"),
    "no code": (removed("actions/complaint.py"), "no class in actions/ has the name action_complaint"),
    "undeclared code": (replaced("domain/complaint.yml", "  - action_complaint\n", "  []\n"), "Rasa would not find it"),
    "an unknown response": (
        replaced("actions/complaint.py", '"utter_complaint"', '"utter_complant"'), "actions/ utters utter_complant",
    ),
    "a forgotten response": (replaced(TALK, "  utter_thank:\n", "  utter_danke:\n"), "nothing says utter_danke"),
    "an intent nobody reaches": (replaced(TALK, "  - thank\n", "  - thank\n  - shrug\n"), "the intent shrug has"),
    "a form's unknown slot": (replaced(PRICE, "  stock_town:\n", "  shop_town:\n"), "asks for stock_town"),
    "a built name of nothing": (
        replaced("actions/bill_question.py", 'f"utter_bill_{kind}"', 'f"utter_bull_{kind}"'), "such as utter_bull_…",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told(content: Path, mistakes: Callable[[Path], list[str]], mistake: str) -> None:
    make, sentence = MISTAKES[mistake]
    make(content)
    found = mistakes(content)
    assert any(sentence in told for told in found), found


def test_the_everyday_topics_are_the_same_wherever_they_are_offered() -> None:
    offered = []
    for file, response in (("small_talk", "utter_greet"), ("fallback", "utter_rephrase")):
        text = (ROOT / "domain" / f"{file}.yml").read_text(encoding="utf-8")
        offered.append([one["buttons"] for one in yaml.safe_load(text)["responses"][response]])
    assert offered[0] == offered[1]
