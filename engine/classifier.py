"""Rasa's intent classifier: engine/understanding.py as a component, in place of a classifier and its fallback.

What it leaves on a message, as `intent` and `intent_ranking`:

sure     the topic, `{"name": "store_hours", "confidence": 0.93}`, and the whole ranking, likeliest first; one of
         `beside` perhaps with what was told with it, `{"name": "ask_human", …, "about": "bill_question"}`;
close    `{"name": "nlu_fallback", "confidence": …, "outcome": "close", "candidates": ["store_hours", "find_store"]}`;
unsure   `{"name": "nlu_fallback", "confidence": …, "outcome": "unsure", "candidates": []}`.

As with Rasa's own FallbackClassifier, `nlu_fallback` then also stands at the head of the ranking, before all topics;
its confidence is what the likeliest topic lacks to certainty. `intent_score` is what was held against the limit.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.constants import DEFAULT_NLU_FALLBACK_INTENT_NAME
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import INTENT, INTENT_RANKING_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from engine import calibration, equations, intents, manners, spelling, understanding
from engine.calibration import OPTIONS
from engine.encoder import encode, encoder_id
from engine.featurizer import SentenceFeaturizer
from engine.intents import BACKGROUND
from engine.understanding import CLOSE, SURE, Judgement, Model

logger = logging.getLogger(__name__)
#: In the parse: how well the model knows what the message is about, whatever the topic; see engine/calibration.py.
SCORE = "intent_score"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class TopicClassifier(GraphComponent, IntentClassifier):
    """Sentence vectors and spelling, fused; confidence, abstention and doubt learned by cross-validation."""

    @classmethod
    def required_components(cls) -> list[type]:
        """Its vectors come from there."""
        return [SentenceFeaturizer]

    @staticmethod
    def required_packages() -> list[str]:
        """What must be importable."""
        return ["sklearn", "scipy"]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Shares of good questions, measured in cross-validation (no threshold is ever written by hand); `polite`: the
        topics that are answered only when nothing else is said; `answers`: those that are no question, as yes and no;
        `beside`: those that keep what else is told with them.
        """
        return {**OPTIONS, "polite": [], "answers": [], "beside": []}

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str:
        """A model learned on other vectors is worth nothing, nor one that other code learned."""
        code = hashlib.sha256()
        for part in (intents, equations, spelling, calibration, manners, understanding):
            code.update(Path(str(part.__file__)).read_bytes())
        return f"{encoder_id()} {code.hexdigest()}"

    def __init__(self, config: dict[str, Any], storage: ModelStorage, resource: Resource,
                 model: Model | None = None) -> None:
        for share in OPTIONS:
            if not 0 <= config[share] < 1:
                raise InvalidConfigException(f"TopicClassifier: `{share}` is a share from 0 to below 1.")
        self._config, self._storage, self._resource, self._model = config, storage, resource, model

    @classmethod
    def create(cls, config: dict[str, Any], model_storage: ModelStorage, resource: Resource,
               execution_context: ExecutionContext) -> TopicClassifier:
        """Called by Rasa before training."""
        return cls(config, model_storage, resource)

    @classmethod
    def load(cls, config: dict[str, Any], model_storage: ModelStorage, resource: Resource,
             execution_context: ExecutionContext, **kwargs: Any) -> TopicClassifier:
        """Called by Rasa to serve. Without a stored model (no examples) it abstains from everything."""
        try:
            with model_storage.read_from(resource) as folder:
                return cls(config, model_storage, resource, Model.load(folder))
        except ValueError:
            logger.warning("No intent model is stored: there were no examples. Every message will be nlu_fallback.")
            return cls(config, model_storage, resource)

    def train(self, training_data: TrainingData) -> Resource:
        """Learn from all examples that have a text; a topic may have a single one, and `nlu_fallback` is none."""
        examples = [each for each in training_data.intent_examples if (each.get(TEXT) or "").strip()]
        if all(each.get(INTENT) == BACKGROUND for each in examples):
            logger.warning("There are no examples to learn intents from.")
            return self._resource
        texts = [each.get(TEXT) for each in examples]
        vectors = np.vstack([_vector(each) for each in examples])
        labels = [each.get(INTENT) for each in examples]
        if unknown := {*self._config["polite"], *self._config["answers"], *self._config["beside"]} - set(labels):
            logger.warning("config.yml names topics without examples: %s", ", ".join(sorted(unknown)))
        settings = {name: self._config[name] for name in self.get_default_config()}
        self._model = Model.train(texts, vectors, labels, **settings)
        logger.info("Learned %d topics from %d examples: %s", len(set(labels)), len(labels), self._model.limits)
        with self._storage.write_to(self._resource) as folder:
            self._model.save(folder)
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Set `intent` and `intent_ranking` of each message."""
        for message in messages:
            text = message.get(TEXT) or ""
            judged = self._model.judge([text], _vector(message))[0] if self._model else Judgement("unsure", (), 0.0)
            intent, ranking = described(judged)
            message.set(INTENT, intent, add_to_output=True)
            message.set(INTENT_RANKING_KEY, ranking, add_to_output=True)
            message.set(SCORE, judged.score, add_to_output=True)
        return messages


def described(judged: Judgement) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A judgement in Rasa's words: (intent, ranking); see the top of this file."""
    ranking = [{"name": name, "confidence": confidence} for name, confidence in judged.ranking]
    if judged.outcome == SURE:
        return {**ranking[0], **({"about": judged.about} if judged.about else {})}, ranking
    doubt = 1 - judged.ranking[0][1] if judged.ranking else 1.0
    fallback = {"name": DEFAULT_NLU_FALLBACK_INTENT_NAME, "confidence": doubt}
    candidates = [name for name, _ in judged.ranking[:2]] if judged.outcome == CLOSE else []
    return {**fallback, "outcome": judged.outcome, "candidates": candidates}, [fallback, *ranking]


def _vector(message: Message) -> Any:
    """The sentence vector, shape (1, 512): from the featurizer, or made now for a message that skipped it."""
    _, sentence = message.get_dense_features(TEXT)
    return sentence.features if sentence is not None else encode([message.get(TEXT) or ""])
