"""The public sets: read from a folder, never part of the project. Test parts are only ever tested on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import yaml

Pairs = list[tuple[str, str]]
ROOT = Path(__file__).resolve().parent.parent


class NoData(Exception):
    """A folder is not there or not complete; the text says what was looked for."""


@dataclass(frozen=True)
class Limits:
    """What must be reached, in per cent; None where nothing was set."""

    accuracy: float | None = None
    kept: float | None = None
    rejected: float | None = None
    auroc: float | None = None


@dataclass(frozen=True)
class Set:
    """Sentences with their intents. `outside` belong to none; the validation parts choose a threshold."""

    name: str
    language: str
    train: Pairs
    test: Pairs
    outside: list[str] = field(default_factory=list)
    validation: Pairs = field(default_factory=list)
    validation_outside: list[str] = field(default_factory=list)
    targets: Limits = Limits()
    #: Systems not run unless asked for: too slow for what they tell.
    costly: tuple[str, ...] = ()

    def texts(self) -> list[str]:
        """All to be parsed, in a fixed order: test, outside, validation, validation_outside."""
        asked = [*(text for text, _ in self.test), *self.outside, *(text for text, _ in self.validation)]
        return [*asked, *self.validation_outside]


def nlpjs(folder: Path, language: str, target: float) -> Set:
    """nlp.js' own corpus: 50 intents, 5 sentences each to train and to test."""
    data = json.loads((folder / "nlpjs" / f"corpus-{language}.json").read_text(encoding="utf-8"))["data"]
    train = [(text, each["intent"]) for each in data for text in each["utterances"]]
    test = [(text, each["intent"]) for each in data for text in each["tests"]]
    name = {"it": "nlp.js corpus, Italian", "en": "nlp.js corpus, English"}[language]
    return Set(name, language, train, test, targets=Limits(accuracy=target))


def conll(path: Path) -> Pairs:
    """Sentences and intents of an xSID file: comment lines `# text = …` and `# intent = …`."""
    found, text = [], ""
    for line in path.read_text(encoding="utf-8").splitlines():
        key, _, value = line.lstrip("# ").replace(": ", "= ", 1).partition("=")
        if line.startswith("#") and key.strip() == "text":
            text = value.strip()
        elif line.startswith("#") and key.strip() == "intent":
            found.append((text, value.strip()))
    return found


def xsid(folder: Path, taught: str, target: float) -> Set:
    """xSID: 300 sentences to train in one language, 500 Italian ones to test."""
    train, test = conll(folder / "xsid" / f"{taught}.valid.conll"), conll(folder / "xsid" / "it.test.conll")
    name = "xSID, Italian" if taught == "it" else "xSID, English only → Italian"
    return Set(name, taught, train, test, targets=Limits(accuracy=target))


def clinc(folder: Path) -> Set:
    """CLINC150 full: 150 intents, and what is out of scope."""
    data = json.loads((folder / "clinc150" / "data_full.json").read_text(encoding="utf-8"))
    part = {name: [(text, intent) for text, intent in pairs] for name, pairs in data.items()}
    return Set(
        "CLINC150 full", "en", part["train"], part["test"], [text for text, _ in part["oos_test"]], part["val"],
        [text for text, _ in part["oos_val"]], Limits(95.5, 91, 92.5, 97.4), costly=("diet",),
    )


def shipped() -> Set:
    """The bot's own topics, and sentences that were never taught to it."""
    train = []
    for path in sorted((ROOT / "nlu").glob("*.yml")):
        for block in yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]:
            lines = [line.strip() for line in block.get("examples", "").splitlines()]
            train += [(line[2:].strip(), block["intent"]) for line in lines if "intent" in block and line[:2] == "- "]
    aside = ROOT / "tests" / "intents"
    test, outside = [], []
    if aside.is_dir():
        held_out = yaml.safe_load((aside / "held_out.yml").read_text(encoding="utf-8"))
        test = [(str(text), topic) for topic, each in held_out.items() for texts in each.values() for text in texts]
        beyond = yaml.safe_load((aside / "out_of_scope.yml").read_text(encoding="utf-8"))
        outside = [str(text) for texts in beyond.values() for text in texts]
    return Set("The shipped topics, sentences held out", "it", train, test, outside, targets=Limits(accuracy=92),
               costly=("diet",))


def all_sets(folder: Path) -> list[Set]:
    """In the order of the table. Raises NoData."""
    makers: list[Callable[[], Set]] = [
        lambda: nlpjs(folder, "it", 96), lambda: nlpjs(folder, "en", 97), lambda: xsid(folder, "it", 93.5),
        lambda: xsid(folder, "en", 89.5), lambda: clinc(folder), shipped,
    ]
    try:
        return [make() for make in makers]
    except OSError as error:
        raise NoData(
            f"{error.filename} is not there: the public sets are no part of this project. Put nlpjs/, xsid/ and "
            f"clinc150/ into one folder and name it: make bench-nlu DATA=folder"
        ) from error
