"""Rasa's dense featurizer: the sentence vector of engine/encoder.py as sentence features of a message's text."""

from __future__ import annotations

from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.featurizers.dense_featurizer.dense_featurizer import DenseFeaturizer
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from tqdm import tqdm

from engine.encoder import encode, encoder_id

#: Sentences encoded in one go while training, one a processor at a time.
TOGETHER = 64


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class SentenceFeaturizer(DenseFeaturizer, GraphComponent):
    """Adds one vector a message, of shape (1, 512) and length 1. Needs no tokenizer; there is nothing to train."""

    @staticmethod
    def required_packages() -> list[str]:
        """What must be importable."""
        return ["onnxruntime", "onnxruntime_extensions"]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Only Rasa's own `alias`."""
        return {**DenseFeaturizer.get_default_config()}

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Nothing to get wrong."""

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str:
        """Other weights make other features, though neither config nor data changed."""
        return encoder_id()

    @classmethod
    def create(cls, config: dict[str, Any], model_storage: ModelStorage, resource: Resource,
               execution_context: ExecutionContext) -> SentenceFeaturizer:
        """Called by Rasa to train and to load. Encodes once, so that no customer waits for the weights."""
        encode([""])
        return cls(execution_context.node_name, config)

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Add the vectors of all examples; a sentence that stands there twice is encoded once."""
        by_text: dict[str, list[Message]] = {}
        for message in training_data.training_examples:
            if message.get(TEXT):
                by_text.setdefault(message.get(TEXT), []).append(message)
        texts = list(by_text)
        with tqdm(total=len(texts), desc="Reading sentences", disable=None) as bar:
            for start in range(0, len(texts), TOGETHER):
                part = texts[start : start + TOGETHER]
                for text, vector in zip(part, encode(part), strict=True):
                    self._add(vector[None], by_text[text])
                bar.update(len(part))
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Add the vectors of what customers wrote."""
        for message in messages:
            if isinstance(message.get(TEXT), str):
                self._add(encode([message.get(TEXT)]), [message])
        return messages

    def _add(self, vector: Any, messages: list[Message]) -> None:
        for message in messages:
            self.add_features_to_message(None, vector, TEXT, message)
