"""What the model makes of each example: asked of the engine's Python once, then remembered until something changes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from math import inf
from pathlib import Path
from typing import Any

import yaml

from editors.content import BACKGROUND, LANGUAGES, Content, Example
from editors.examples import plain
from editors.sentences import Mistake

HOME = Path(__file__).resolve().parent.parent
PYTHON = HOME / ".venv-engine" / "bin" / "python"
#: What an answer depends on, besides the examples.
CODE = (
    "editors/crossed.py", "engine/encoder.py", "engine/spelling.py", "engine/intents.py", "engine/equations.py",
    "engine/calibration.py", "engine/manners.py", "engine/understanding.py", "requirements/engine.txt",
)  # fmt: skip
#: What says how the classifier abstains, in config.yml; its own values are in engine/calibration.py.
CLASSIFIER = "engine.classifier.TopicClassifier"
#: Under two topics no model could tell such sentences apart; within one the second teaches next to nothing: either
#: the encoder says so, or it finds them close and they are spelled alike.
SAME_MEANING, SAME_SPELLING = 0.96, 0.93
#: Without having learned it the model would answer the other topic with this much confidence, knows it better than most
#: of the examples there, and one of these is this close. Less is a hard sentence, and hard sentences are worth having.
SURE_OF_ANOTHER, AS_CLOSE = 0.95, 0.75


class NoModel(Exception):
    """The engine's Python gave no answer; the text is its last line."""


@dataclass(frozen=True)
class Tried:
    """One sentence and what the model made of it.

    `near` is the example of that topic that comes closest, `cosine` how close it comes; `learned` is what a model
    takes the sentence for that was taught it ("" for sentences that stand aside).
    """

    text: str
    topic: str
    language: str
    ranking: tuple[tuple[str, float], ...]
    score: float
    outcome: str
    near: Example
    cosine: float
    learned: str

    @property
    def taken_for(self) -> str:
        """The topic the model holds for likeliest."""
        return self.ranking[0][0]

    @property
    def probability(self) -> float:
        """How sure it is of that."""
        return self.ranking[0][1]


@dataclass(frozen=True)
class Understanding:
    """All of it. `aside` are held_out and out_of_scope of tests/intents/."""

    tried: list[tuple[Example, Tried]]
    held_out: list[Tried]
    out_of_scope: list[Tried]
    near: list[tuple[Example, Example, float]]
    thresholds: dict[str, float]


def understand(content: Content) -> Understanding:
    """The model's view of this content. Seconds the first time, nothing when nothing changed. Raises NoModel."""
    examples = [example for example in content.examples if example.language in LANGUAGES]
    background = [example.text for example in examples if example.intent == BACKGROUND]
    examples = [example for example in examples if example.intent != BACKGROUND]
    held_out = [(t, topic, lang) for topic, lang, t in _aside(content.root / "tests/intents/held_out.yml")]
    held_out = [one for one in held_out if one[1] in content.intents]
    beyond = [(t, "", lang) for _, lang, t in _aside(content.root / "tests/intents/out_of_scope.yml")]
    question = {
        "texts": [example.text for example in examples],
        "topics": [example.intent for example in examples],
        "background": background,
        "aside": {"held_out": [one[0] for one in held_out], "out_of_scope": [one[0] for one in beyond]},
        "options": options(HOME / "config.yml"),
    }
    if len(set(question["topics"])) < 2:
        raise NoModel("fewer than two topics")
    answer = _asked(json.dumps(question, ensure_ascii=False, sort_keys=True), HOME / "data" / "editors")

    def tried(one: tuple[str, str, str], found: dict[str, Any]) -> Tried:
        ranking = tuple((str(name), float(p)) for name, p in found["ranking"])
        rest = (found["score"], found["outcome"], examples[found["near"]], found["cosine"], found.get("learned") or "")
        return Tried(*one, ranking, *rest)

    own = [(example.text, example.intent, example.language) for example in examples]
    crossed = [tried(*pair) for pair in zip(own, answer["tried"], strict=True)]
    return Understanding(
        tried=list(zip(examples, crossed, strict=True)),
        held_out=[tried(*pair) for pair in zip(held_out, answer["aside"]["held_out"], strict=True)],
        out_of_scope=[tried(*pair) for pair in zip(beyond, answer["aside"]["out_of_scope"], strict=True)],
        near=[(examples[int(i)], examples[int(j)], cosine) for i, j, cosine in answer["near"]],
        thresholds=answer["thresholds"],
    )


def options(config: Path) -> dict[str, Any]:
    """What config.yml says to the classifier; {} where it is content with its own values."""
    pipeline = yaml.safe_load(config.read_text(encoding="utf-8"))["pipeline"]
    said: dict[str, Any] = next((component for component in pipeline if component["name"] == CLASSIFIER), {})
    return {name: value for name, value in said.items() if name != "name"}


def _aside(path: Path) -> Iterator[tuple[str, str, str]]:
    """(topic or "", language, text) of a file of sentences that stand aside."""
    if not path.exists():
        return
    for key, value in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).items():
        by_language = value if isinstance(value, dict) else {key: value}
        for language, texts in by_language.items():
            for text in texts or []:
                yield ("" if value is by_language.get(key) else key), language, str(text)


def _asked(question: str, folder: Path) -> dict[str, Any]:
    digest = hashlib.sha256(question.encode())
    for name in CODE:
        digest.update((HOME / name).read_bytes())
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / f"understood-{digest.hexdigest()[:16]}.json"
    if not kept.exists():
        answer = _ask(question, folder)
        for old in sorted(folder.glob("understood-*.json"), key=lambda path: path.stat().st_mtime)[:-4]:
            old.unlink(missing_ok=True)
        unfinished = kept.with_suffix(f".{os.getpid()}")
        unfinished.write_text(answer, encoding="utf-8")
        unfinished.replace(kept)
    found: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
    return found


def _ask(question: str, folder: Path) -> str:
    if not PYTHON.exists():
        raise NoModel("`make setup`")
    threads = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    done = subprocess.run(
        [str(PYTHON), "-W", "ignore", "-m", "editors.crossed", str(folder)],
        input=question, capture_output=True, text=True, encoding="utf-8", cwd=HOME,
        env={**os.environ, **threads, "PYTHONPATH": str(HOME), "PYTHONUTF8": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
    )  # fmt: skip
    if done.returncode:
        raise NoModel((done.stderr.strip().splitlines() or ["?"])[-1])
    return done.stdout


def same(one: Example, other: Example, cosine: float) -> bool:
    """Whether two sentences say nearly the same in nearly the same words. The encoder knows no emoji from another."""
    if not (re.search(r"\w", one.text) and re.search(r"\w", other.text)):
        return False
    spelled = SequenceMatcher(None, plain(one.text), plain(other.text), autojunk=False).ratio()
    return cosine >= SAME_MEANING or spelled >= SAME_SPELLING


def usual_scores(understanding: Understanding) -> dict[str, float]:
    """The score that three in five of a topic's examples do not exceed; of a topic without any, more than any score."""
    scores: defaultdict[str, list[float]] = defaultdict(list)
    for example, tried in understanding.tried:
        if tried.taken_for == example.intent:
            scores[example.intent].append(tried.score)
    return defaultdict(lambda: inf, {topic: sorted(each)[3 * len(each) // 5] for topic, each in scores.items()})


def check_understanding(content: Content, understanding: Understanding) -> Iterator[Mistake]:
    """Sentences too close to another topic's, wrongly understood, or too like each other."""
    for one, other, cosine in understanding.near:
        if not same(one, other, cosine):
            continue
        if plain(one.text) == plain(other.text) and (one.intent != other.intent or one.text == other.text):
            continue  # told by check_examples
        if one.intent != other.intent:
            there = f"{one.file}:{one.line}"
            yield other.mistake("nearly_in_two_topics", near=one.text, other=one.intent, there=there)
        elif one.language == other.language:
            yield other.mistake("alike", warning=True, near=one.text, there=one.line)
    usual = usual_scores(understanding)
    for example, tried in understanding.tried:
        if tried.taken_for == example.intent:
            continue
        misplaced = (
            tried.probability >= SURE_OF_ANOTHER and tried.cosine >= AS_CLOSE and tried.score >= usual[tried.taken_for]
            and " " in plain(tried.text)  # a single word has nothing to tell it from its like
        )
        in_vain = tried.learned not in ("", example.intent)
        say = "in_vain" if in_vain else "wrong" if misplaced else "confused"
        yield example.mistake(
            say, warning=say == "confused", other=tried.learned if in_vain else tried.taken_for,
            sure=round(100 * tried.probability), near=tried.near.text, there=f"{tried.near.file}:{tried.near.line}",
        )  # fmt: skip
