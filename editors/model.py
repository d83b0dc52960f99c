"""The door to the engine's own code: the pipeline of config.yml, component by component, without `rasa train`.

Runs in the engine's Python. Whatever stands in config.yml is what is measured: nothing of it is repeated here.
"""

from __future__ import annotations

import copy
import logging
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.nlu.featurizers.featurizer import Featurizer
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, INTENT, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

ROOT = Path(__file__).resolve().parent.parent
FALLBACK = "nlu_fallback"
KINDS = DefaultV1Recipe.ComponentType

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)


def _pipeline() -> list[tuple[str, dict[str, Any]]]:
    config = yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8"))
    return [(one["name"], {k: v for k, v in one.items() if k != "name"}) for one in config["pipeline"]]


class Pipeline:
    """The components of config.yml, made but not trained. Those that learn nothing see each sentence only once."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._storage = LocalModelStorage(Path(self._folder.name))
        found = [(self._make(number, *one), self._kind(one[0])) for number, one in enumerate(_pipeline())]
        self.before = [one for one, kind in found if _always_the_same(kind)]
        self.trained = [(one, kind) for one, kind in found if not _always_the_same(kind)]

    def _kind(self, name: str) -> Any:
        return DefaultV1Recipe._from_registry(name)

    def _make(self, number: int, name: str, config: dict[str, Any]) -> Any:
        kind = self._kind(name).clazz
        whole = {**kind.get_default_config(), **config}
        context = ExecutionContext(GraphSchema({}), node_name=f"{name}{number}")
        return kind.create(whole, self._storage, Resource(f"{name}{number}"), context)

    def messages(self, texts: Sequence[str], topics: Sequence[str] | None = None) -> list[Message]:
        """Messages that went through everything that needs no training, dense featurizers left out."""
        found = [Message({TEXT: text}) for text in texts]
        for message, topic in zip(found, topics or [], strict=topics is not None):
            message.set(INTENT, topic, add_to_output=True)
        for one in self.before:
            if not isinstance(one, Featurizer):
                one.process(found)
        return found


def _always_the_same(kind: Any) -> bool:
    """A tokenizer or featurizer that learns nothing."""
    return not kind.is_trainable and bool({KINDS.MESSAGE_TOKENIZER, KINDS.MESSAGE_FEATURIZER} & kind.types)


def thresholds() -> dict[str, float]:
    """What config.yml sets, by name: from "sure" upwards the bot answers."""
    found = [config["threshold"] for name, config in _pipeline() if name == "FallbackClassifier"]
    return {"sure": found[-1]} if found else {}


class Trained:
    """The pipeline, trained on these sentences. `vectors` are theirs, of engine.encoder."""

    def __init__(self, texts: list[str], vectors: Any, topics: list[str]) -> None:
        self._pipeline = Pipeline()
        self._origin = [type(one).__name__ for one in self._pipeline.before if isinstance(one, Featurizer)]
        data = TrainingData(self._messages(texts, vectors, topics))
        for one, kind in self._pipeline.trained:
            if kind.is_trainable:
                one.train(data)
            if KINDS.MESSAGE_FEATURIZER in kind.types:
                one.process_training_data(data)

    def judge(self, texts: list[str], vectors: Any) -> list[Message]:
        """What the pipeline makes of each sentence: Rasa messages with intent and intent_ranking."""
        found = self._messages(texts, vectors)
        for one, _ in self._pipeline.trained:
            one.process(found)
        return found

    def _messages(self, texts: list[str], vectors: Any, topics: list[str] | None = None) -> list[Message]:
        found = self._pipeline.messages(texts, topics)
        if self._origin:
            for message, vector in zip(found, vectors, strict=True):
                row = copy.copy(vector).reshape(1, -1)
                message.add_features(Features(row, FEATURE_TYPE_SENTENCE, TEXT, self._origin[0]))
        return found
