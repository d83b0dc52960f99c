"""Run by tests/test_intents.py in the engine's Python: the engine's components as Rasa drives them. Prints JSON."""

from __future__ import annotations

import io
import json
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any
from unicodedata import normalize

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.engine.training.fingerprinting import calculate_fingerprint_key
from rasa.shared.importers.importer import TrainingDataImporter
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from engine.calibration import calibrated, limits
from engine.classifier import TopicClassifier
from engine.encoder import encode, spellings
from engine.equations import NAMES_RIDGE, RIDGE, solved
from engine.featurizer import SentenceFeaturizer
from engine.intents import spoken
from engine.understanding import Model

MANNERS = [
    *((text, "greet") for text in ("ciao", "buongiorno", "salve", "hello", "good morning", "scusi il disturbo")),
    *((text, "thank") for text in ("grazie", "grazie mille", "thanks", "thank you very much", "ti ringrazio")),
    *((text, "affirm") for text in ("sì", "va bene", "a posto così", "tutto chiaro", "yes", "all good")),
]
CONTEXT = ExecutionContext(GraphSchema({}), "test")
ODD = {
    "empty": "", "blank": " \n\t ", "emoji": "😀👍🏽", "long": "quando apre il negozio? " * 171, "null": "\0\0",
    "null inside": "orari\0negozio", "script": "ሱቁ መቼ ይከፈታል", "half": "a\ud800b", "one word": "x" * 4096,
    "wide": "\ufdfa" * 4096,
}


class Bot:
    """Featurizer and classifier on a folder of their own."""

    def __init__(self, folder: Path, **config: Any) -> None:
        folder.mkdir(parents=True)
        self.storage, self.resource = LocalModelStorage(folder), Resource("topics")
        self.config = {**TopicClassifier.get_default_config(), **config}
        self.featurizer = SentenceFeaturizer.create(
            SentenceFeaturizer.get_default_config(), self.storage, Resource("sentences"), CONTEXT
        )
        self.classifier = TopicClassifier.create(self.config, self.storage, self.resource, CONTEXT)

    def train(self, examples: list[tuple[str, str]]) -> Bot:
        """Train and load again, as after a restart."""
        data = TrainingData([Message({TEXT: text, INTENT: intent}) for text, intent in examples])
        self.classifier.train(self.featurizer.process_training_data(data))
        self.classifier = TopicClassifier.load(self.config, self.storage, self.resource, CONTEXT)
        return self

    def parse(self, text: str) -> dict[str, Any]:
        """What Rasa would give as the parse."""
        message = Message({TEXT: text})
        self.classifier.process(self.featurizer.process([message]))
        return message.as_dict(only_output_properties=True)


def small(folder: Path) -> dict[str, Any]:
    """Bots with next to nothing to learn from."""
    sets = {
        "none": [], "one topic": [("ciao", "greet"), ("salve", "greet")], "one example": [("ciao", "greet")],
        "single": [("ciao", "greet"), ("quando apre?", "store_hours"), ("a che ora chiudete", "store_hours")],
        "no text": [("", "greet"), ("ciao", "greet"), ("il negozio è aperto?", "store_hours")],
    }
    return {name: Bot(folder / name).train(examples).parse("ciao") for name, examples in sets.items()}


def shipped(folder: Path, examples: list[tuple[str, str]]) -> dict[str, Any]:
    """A bot with these examples."""
    bot = Bot(folder, refused=0.05).train(examples)
    before = bot.classifier._model
    files = sorted(path for path in (folder / "topics").rglob("*") if path.is_file())
    pickled = [
        name for path in files if path.suffix == ".npz"
        for name in zipfile.ZipFile(path).namelist()
        if np.load(io.BytesIO(zipfile.ZipFile(path).read(name)), allow_pickle=False).dtype == object
    ]
    again = Bot(folder.with_name("again"), refused=0.05).train(examples)
    strict = Bot(folder.with_name("strict"), refused=0.2).train(examples)
    return {
        "files": [path.name for path in files], "pickled": pickled,
        "odd": {name: bot.parse(text) for name, text in ODD.items()},
        "same": again.parse("dove siete a Roma?") == bot.parse("dove siete a Roma?"),
        "limits": [before.limits.sure, strict.classifier._model.limits.sure],
        "parsed": {text: bot.parse(text) for text in json.loads(sys.argv[1])},
    }


def polite(folder: Path, examples: list[tuple[str, str]], texts: list[str]) -> dict[str, Any]:
    """What a bot that knows of manners makes of these texts."""
    bot = Bot(folder, polite=["greet", "thank"], answers=["affirm"]).train([*examples, *MANNERS])
    return {text: bot.parse(text)["intent"] for text in texts}


def fingerprints() -> list[str]:
    """The key of the same node, and of another one with another setting."""
    configs = [{"refused": 0.03, "asked": 0.03}, {"refused": 0.03, "asked": 0.03}, {"refused": 0.1, "asked": 0.03}]
    return [calculate_fingerprint_key(TopicClassifier, config, {}) for config in configs]


def reading() -> list[list[Any]]:
    """What the product's importer makes of a bot's files, and what Rasa's own makes of them."""
    bot = Path(__file__).parent / "tinybot"
    made = []
    for importers in ([{"name": "engine.reading.ContentImporter"}], []):
        importer = TrainingDataImporter.load_from_dict(
            {"importers": importers}, None, str(bot / "domain"), [str(bot / "nlu"), str(bot / "stories")])
        data = importer.get_nlu_data(language="it")
        kinds = {type(one).__name__ for one in importer.get_nlu_data().intent_examples}
        made.append([data.fingerprint(), importer.get_stories().fingerprint(), importer.get_domain().fingerprint(),
                     len(data.intent_examples), sorted(kinds)])
    return made


def calibration() -> dict[str, float]:
    """Limits of answers that are right exactly as often as a known temperature says."""
    random = np.random.default_rng(1)
    margins = random.uniform(-0.2, 1, size=(6000, 4)) * random.uniform(0.1, 1, size=(6000, 1))
    truth = np.array([random.choice(4, p=row / row.sum()) for row in calibrated(margins, 0.3)])
    found = limits(margins, random.uniform(size=6000), truth, refused=0.05, asked=0.1)
    return {"temperature": found.temperature, "sure": found.sure, "close": found.close}


def names(examples: list[tuple[str, str]]) -> dict[str, Any]:
    """How many rows a model has beside its sentences: of topics by their names, and of the same ones by another's."""
    texts, labels = zip(*examples, strict=True)
    topics = sorted(set(labels) - {"nlu_fallback"})
    anothers = dict(zip(topics, [*topics[1:], topics[0]], strict=True))
    beside = {}
    for kind, called in (("own", labels), ("another's", [anothers.get(label, label) for label in labels])):
        model = Model.train(texts, encode(texts), called, refused=0.05, asked=0.03).topics
        beside[kind] = [len(model.shown) - len(texts), len(model.meaning) - len(texts), int(model.own.sum())]
    return {"beside": beside, "spoken": [spoken(name) for name in ("find_store", "support.appName", "Perché?", "17")]}


def equations() -> list[float]:
    """By how much the closed solution misses the plain one, where names help and where they mislead."""
    random, missed = np.random.default_rng(3), []
    for left_out in (0, 3):
        shown = random.normal(size=(30, 6)).astype(np.float32)
        wanted = shown[:, :3] + (random.normal(size=(30, 3)) / 10).astype(np.float32)
        wanted[:3] *= -5 if left_out else 1
        alike = shown @ shown.T
        weights, unseen = solved(np.triu(alike), wanted, names=3, last=9)
        ridge = np.diag([NAMES_RIDGE] * 3 + [RIDGE] * 27)[left_out:, left_out:]
        inverse = np.linalg.inv(alike[left_out:, left_out:] + ridge)
        plain = np.vstack([np.zeros((left_out, 3)), inverse @ wanted[left_out:]])
        answers = wanted[-9:] - plain[-9:] / np.diag(inverse)[-9:, None]
        missed += [float(np.abs(weights - plain).max()), float(np.abs(unseen - answers).max())]
    return missed


def main() -> None:
    """All of it."""
    examples = [(text, intent) for text, intent in json.load(sys.stdin)]
    with tempfile.TemporaryDirectory() as folder:
        vectors = encode(["ciao", "ciao", "arrivederci"])
        print(json.dumps({
            "small": small(Path(folder) / "small"), "shipped": shipped(Path(folder) / "shipped", examples),
            "fingerprints": fingerprints(), "reading": reading(), "calibration": calibration(),
            "polite": polite(Path(folder) / "polite", examples, json.loads(sys.argv[2])),
            "names": names(examples), "equations": equations(),
            "lengths": np.linalg.norm(vectors, axis=1).tolist(), "equal": bool((vectors[0] == vectors[1]).all()),
            "spelled out": [len(normalize("NFKC", one)) for one in spellings(ODD["wide"])],
        }))


if __name__ == "__main__":
    main()
