"""The public sets: read from a folder, never part of the project. Test parts are only ever tested on.

    nlpjs/     corpus-it.json, corpus-en.json                            github.com/axa-group/nlp.js, 62731109, MIT
    xsid/      it.valid.conll, en.valid.conll, it.test.conll             github.com/mainlp/xsid, 0.6, CC BY-SA 4.0
    clinc150/  data_full.json                                            github.com/clinc/oos-eval, 828f8093, CC BY 3.0
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import yaml

Pairs = list[tuple[str, str]]
#: In a set's own files: what belongs to no intent.
OUTSIDE = "oos"
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
    """Sentences with their intents. `outside` belong to none; the validation part chooses a threshold."""

    name: str
    language: str
    train: Pairs
    test: Pairs
    outside: list[str] = field(default_factory=list)
    validation: Pairs = field(default_factory=list)
    targets: Limits = Limits()
    #: Systems that would take hours: they are taught at most so many sentences an intent, and the table says so.
    most: dict[str, int] = field(default_factory=dict)

    def taught(self, system: str, *, everything: bool) -> Pairs:
        """What a system learns: all, or the first `most` sentences of each intent."""
        if everything or system not in self.most:
            return self.train
        counts: Counter[str] = Counter()
        kept = []
        for text, intent in self.train:
            counts[intent] += 1
            if counts[intent] <= self.most[system]:
                kept.append((text, intent))
        return kept

    def texts(self) -> list[str]:
        """All to be parsed, in a fixed order: test, outside, validation."""
        return [*(text for text, _ in self.test), *self.outside, *(text for text, _ in self.validation)]


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
        Limits(95.5, 91, 92.5, 97.4), most={"diet": 20},
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
    return Set("The shipped topics, sentences held out", "it", train, test, outside, targets=Limits(accuracy=92))


def tabbed(folder: Path) -> Set:
    """Any other set: train.tsv, test.tsv and perhaps valid.tsv with lines `text<tab>intent`; "oos" is out of scope."""
    parts: dict[str, Pairs] = {}
    for part in ("train", "test", "valid"):
        path = folder / f"{part}.tsv"
        lines = path.read_text(encoding="utf-8").splitlines() if part != "valid" or path.exists() else []
        pairs = [line.split("\t")[:2] for line in lines if line.count("\t")]
        parts[part] = [(text.strip(), intent.strip()) for text, intent in pairs]

    def apart(part: str) -> tuple[Pairs, list[str]]:
        return ([pair for pair in parts[part] if pair[1] != OUTSIDE],
                [text for text, intent in parts[part] if intent == OUTSIDE])

    (train, _), (test, outside), (valid, _) = apart("train"), apart("test"), apart("valid")
    return Set(folder.name, "en", train, test, outside, valid, most={"diet": 20})


def all_sets(folder: Path) -> list[Set]:
    """In the order of the table; of the public ones those that are there. Raises NoData when none is."""
    makers: list[Callable[[], Set]] = [
        lambda: nlpjs(folder, "it", 96), lambda: nlpjs(folder, "en", 97), lambda: xsid(folder, "it", 93.5),
        lambda: xsid(folder, "en", 89.5), lambda: clinc(folder),
        *(partial(tabbed, path.parent) for path in sorted(folder.glob("*/train.tsv"))),
    ]
    found = []
    for make in makers:
        try:
            found.append(make())
        except OSError as error:
            print(f"{error.filename} is not there.", file=sys.stderr)
    if not found:
        raise NoData(
            f"No set is in {folder}: the public sets are no part of this project. Put nlpjs/, xsid/ and clinc150/, or "
            "folders with train.tsv and test.tsv, into one folder (bench_nlu/sets.py says where they come from), and "
            "name it: make bench-nlu DATA=folder"
        )
    return [*found, shipped()]
