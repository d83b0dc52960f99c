"""A trained model and what it makes of a message: sure of a topic, torn between two, or not sure at all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.calibration import Limits, calibrated, learn, scores
from engine.encoder import bare
from engine.intents import Linear, Topics, fit
from engine.spelling import Spelling

SURE, CLOSE, UNSURE = "sure", "close", "unsure"
#: A file of numbers and a file of words, so that loading a model can run no code of a stranger.
NUMBERS, WORDS = "intents.npz", "intents.json"


@dataclass(frozen=True)
class Judgement:
    """`ranking` holds every topic with its calibrated confidence, likeliest first; `score` is held against Limits."""

    outcome: str
    ranking: tuple[tuple[str, float], ...]
    score: float


@dataclass(frozen=True)
class Model:
    """Topics and the limits learned for them."""

    topics: Topics
    limits: Limits

    @staticmethod
    def train(texts: Sequence[str], vectors: Any, labels: Sequence[str], *, refused: float, asked: float) -> Model:
        """Learn both; `vectors` of engine.encoder.encode, at least one text; shares as in calibration.learn."""
        limits = learn(texts, vectors, labels, refused=refused, asked=asked)
        return Model(fit(texts, vectors, labels), limits)

    def judge(self, texts: Sequence[str], vectors: Any) -> list[Judgement]:
        """What each text is about. Costs well under a millisecond a text."""
        if not len(texts):
            return []
        probabilities = self.topics.probabilities(texts, vectors)
        known = scores(probabilities, self.topics.nearness(vectors))
        shares = calibrated(probabilities, self.limits.temperature)
        return [self._judgement(*one) for one in zip(texts, shares, known, strict=True)]

    def _judgement(self, text: str, shares: Any, score: float) -> Judgement:
        order = np.argsort(-shares, kind="stable")
        ranking = tuple((self.topics.names[i], float(shares[i])) for i in order)
        if not bare(text) or score < self.limits.sure:
            outcome = UNSURE
        elif len(ranking) > 1 and ranking[0][1] - ranking[1][1] < self.limits.close:
            outcome = CLOSE
        else:
            outcome = SURE
        return Judgement(outcome, ranking, float(score))

    def save(self, folder: Path) -> None:
        """Write the two files."""
        topics = self.topics
        np.savez(
            folder / NUMBERS, shown=topics.shown,
            meaning=topics.meaning.weights, meaning_offsets=topics.meaning.offsets,
            spelling=topics.spelling.weights, spelling_offsets=topics.spelling.offsets, **topics.views.as_arrays(),
        )
        words = {"names": topics.names, "limits": asdict(self.limits), "views": topics.views.as_json()}
        (folder / WORDS).write_text(json.dumps(words, ensure_ascii=False), encoding="utf-8")

    @staticmethod
    def load(folder: Path) -> Model:
        """Read what `save` wrote. Raises OSError, KeyError or ValueError for anything else."""
        words = json.loads((folder / WORDS).read_text(encoding="utf-8"))
        with np.load(folder / NUMBERS, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        topics = Topics(
            tuple(words["names"]),
            Linear(arrays["meaning"], arrays["meaning_offsets"]),
            Linear(arrays["spelling"], arrays["spelling_offsets"]),
            Spelling.restore(words["views"], arrays),
            arrays["shown"],
        )
        return Model(topics, Limits(**words["limits"]))
