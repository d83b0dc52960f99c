"""Which topic a sentence belongs to: two linear models of different views, whose opinions are averaged.

One sees the meaning (sentence vectors), one the spelling. Arrays in, arrays out: nothing here knows Rasa.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from engine.spelling import Spelling

#: Chosen by cross-validation over several training sets; the results are flat around these values.
MEANING_C, SPELLING_C = 30.0, 1.0
#: More steps cost minutes on large sets and change nothing in what it gets right.
STEPS = 40
#: Turns the margins of the spelling model into shares; a smaller value makes its opinions stronger.
SPELLING_TEMPERATURE = 0.35
#: Examples of this intent are no topic: they show where the topics end. Rasa's name for what was not understood.
BACKGROUND = "nlu_fallback"
#: How many of the nearest training sentences tell whether a message is like anything ever shown.
NEIGHBOURS = 3


@dataclass(frozen=True)
class Linear:
    """Weights of shape (features, topics), in this order in memory: a sparse row times another order copies all."""

    weights: Any
    offsets: Any

    def margins(self, rows: Any) -> Any:
        """Shape (rows, topics)."""
        return np.asarray(rows @ self.weights) + self.offsets


@dataclass(frozen=True)
class Topics:
    """The two trained models and the vectors of the topics' sentences.

    Columns in the order of `names`; the models have one more, the last, when they were shown a background.
    """

    names: tuple[str, ...]
    meaning: Linear
    spelling: Linear
    views: Spelling
    shown: Any

    def probabilities(self, texts: Sequence[str], vectors: Any) -> Any:
        """Averaged opinions, not yet calibrated: shape (texts, topics). What is missing to 1 in a row is background."""
        shares = self.fuse(self.meaning.margins(vectors), self.spelling.margins(self.views.vectors(texts)))
        return shares[:, : len(self.names)]

    @staticmethod
    def fuse(meaning: Any, spelling: Any) -> Any:
        """The mean of both models' shares."""
        return (softmax(meaning, axis=1) + softmax(spelling / SPELLING_TEMPERATURE, axis=1)) / 2

    def nearness(self, vectors: Any) -> Any:
        """Mean cosine to the nearest training sentences, one a row. Far from all means: never heard of."""
        cosines = vectors @ self.shown.T
        nearest = min(NEIGHBOURS, cosines.shape[1])
        return np.partition(cosines, -nearest, axis=1)[:, -nearest:].mean(axis=1)


def fit(texts: Sequence[str], vectors: Any, labels: Sequence[str]) -> Topics:
    """Train on these sentences; `vectors` has one row a text. One topic alone is possible, none is not.

    Sentences labelled BACKGROUND teach what is none of the topics.
    """
    ours = np.array([label != BACKGROUND for label in labels])
    names = tuple(sorted({label for label in labels if label != BACKGROUND}))
    # the last in any order, so that it can be cut off
    labels = [label if label != BACKGROUND else "\U0010ffff" for label in labels]
    views, rows = Spelling.learn(texts)
    if len(set(labels)) == 1:
        nothing = np.zeros(1)
        return Topics(names, Linear(np.zeros((vectors.shape[1], 1)), nothing),
                      Linear(np.zeros((rows.shape[1], 1)), nothing), views, vectors[ours])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        meaning = LogisticRegression(C=MEANING_C, max_iter=STEPS).fit(vectors, labels)
        spelling = LinearSVC(C=SPELLING_C, random_state=0).fit(rows, labels)
    return Topics(names, _linear(meaning), _linear(spelling), views, vectors[ours])


def _linear(model: Any) -> Linear:
    """The weights of a scikit-learn model, which keeps a single row when there are two topics."""
    weights, offsets = model.coef_, model.intercept_
    if len(weights) == 1:
        weights, offsets = np.vstack([-weights, weights]), np.concatenate([-offsets, offsets])
    return Linear(np.ascontiguousarray(weights.T, dtype=np.float32), offsets.astype(np.float32))
