"""Which topic a sentence belongs to: regression on how like the shown sentences it is, in meaning and in spelling.

How alike two sentences are is one number: `exp(2 (cosine of their vectors - 1))` and a little of their words' cosine.
What a topic is called ("find_store") counts as half a sentence of it, where that explains the sentences better.
The equations have a closed solution, and with it comes what the model would say of each of its own sentences had it not
been shown that one: what engine/calibration.py learns from, at no cost. Arrays in, arrays out: nothing here knows Rasa.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.equations import solved
from engine.spelling import Spelling

#: Chosen by cross-validation over the training parts of many sets in three languages; the results are flat around these
#: values, and choosing them anew for each bot is no better.
SHARPNESS, SPELLING_WEIGHT = 2, 0.1
#: Examples of this intent are no topic: they show where the topics end. Rasa's name for what was not understood.
BACKGROUND = "nlu_fallback"
#: How many of the nearest training sentences tell whether a message is like anything ever shown.
NEIGHBOURS = 3
#: Of more sentences than this a fair sample is learned: memory grows with the square, by then to a gigabyte.
MOST = 16000
#: Rows compared at a time, so that only the equations themselves need much memory.
ROWS = 1000
#: A term is common from this share of the sentences on; more dense columns would cost more than they spare.
MANY = 0.05


@dataclass(frozen=True)
class Opinion:
    """What a model makes of some texts, one row each.

    `margins`, a column a topic in the order of the names: how much more than any sentence it is of this topic, near 1
    where the model is certain, near 0 where the text tells nothing. That a topic has many examples speaks not for it.
    `background`: the same for what is none of them; 0 if no background was shown. `nearness`: mean cosine to the
    nearest sentences of any topic; far from all means: never heard of.
    """

    margins: Any
    background: Any
    nearness: Any


@dataclass(frozen=True)
class Topics:
    """The trained model. Columns of the weights are `names` and then the background, if it was shown one.

    `shown` are the vectors of all sentences, and then of the names if they help, in the order of the rows of `meaning`;
    `own` tells the sentences of topics.
    """

    names: tuple[str, ...]
    shown: Any
    own: Any
    meaning: Any
    spelling: Any
    views: Spelling

    def opinion(self, texts: Sequence[str], vectors: Any) -> Opinion:
        """Of texts that the model was not shown; `vectors` has one row a text."""
        cosines = vectors @ self.shown.T
        margins = meant(cosines) @ self.meaning + self.views.vectors(texts) @ self.spelling
        return parted(margins, nearest(cosines[:, self.own]), len(self.names))


def parted(margins: Any, nearness: Any, topics: int) -> Opinion:
    """The background's column, if there is one, beside those of the topics."""
    background = margins[:, topics] if margins.shape[1] > topics else np.zeros(len(margins), dtype=margins.dtype)
    return Opinion(margins[:, :topics], background, nearness)


def meant(cosines: Any) -> Any:
    """How alike in meaning sentences are whose vectors have these cosines: 1 for the same."""
    return np.exp(SHARPNESS * (cosines - 1))


def nearest(cosines: Any) -> Any:
    """The mean of the greatest of each row, which are overwritten."""
    rows, found = np.arange(len(cosines)), np.zeros(len(cosines), dtype=np.float32)
    count = min(NEIGHBOURS, cosines.shape[1])
    for _ in range(count):
        best = cosines.argmax(axis=1)
        found += cosines[rows, best]
        cosines[rows, best] = -2
    return found / count


def topics_of(labels: Sequence[str]) -> tuple[str, ...]:
    """The topics among the labels, in the order of all columns."""
    return tuple(sorted(set(labels) - {BACKGROUND}))


def spoken(name: str) -> str:
    """A topic's name as words: "find_store" -> "find store", "support.appName" -> "support app name"."""
    return " ".join(re.sub(r"(?<=[a-z])(?=[A-Z])|[\W_]+", " ", name).lower().split())


def fit(
    texts: Sequence[str], vectors: Any, labels: Sequence[str], named: Any, *, last: int
) -> tuple[Topics, Opinion]:
    """The model of these sentences, and of each of the `last` ones the opinion of a model that knows all but that one.

    `vectors` has one row a text, `named` one for each of topics_of(labels), as `spoken`. There must be a topic;
    BACKGROUND is none. Few are told of far sooner than all.
    """
    names = topics_of(labels)
    columns = [*names, *{BACKGROUND} & set(labels)]
    shown = np.vstack([named, vectors]).astype(np.float32)
    views, rows = Spelling.learn([*map(spoken, names), *texts])
    wanted = (np.array([*names, *labels])[:, None] == np.array(columns)).astype(np.float32)
    if len(columns) > 1:
        wanted -= wanted[len(names) :].mean(axis=0)
    weights, unseen = solved(compared(shown, rows), wanted, names=len(names), last=last)
    spelling = np.asarray(rows.T @ weights) * np.float32(SPELLING_WEIGHT)
    own = np.array([label != BACKGROUND for label in labels])
    nearness = others(shown[len(names) :], own, len(unseen))
    order = np.roll(np.arange(len(shown)), -len(names))[: None if weights[: len(names)].any() else len(labels)]
    own = np.append(own, np.zeros(len(order) - len(labels), dtype=bool))
    return Topics(names, shown[order], own, weights[order], spelling, views), parted(unseen, nearness, len(names))


def compared(vectors: Any, rows: Any) -> Any:
    """How alike all pairs of sentences are, as a square; only pairs with the row before the column, or the same.

    Terms that many sentences have are compared as dense columns: of these nearly every pair shares some.
    """
    alike = np.empty((len(vectors), len(vectors)), dtype=np.float32)
    many = np.bincount(rows.indices, minlength=rows.shape[1]) > MANY * len(vectors)
    common, rare = rows[:, many].toarray(), rows[:, ~many]
    for start in range(0, len(vectors), ROWS):
        part = slice(start, start + ROWS)
        found = meant(vectors[part] @ vectors[start:].T)
        found += SPELLING_WEIGHT * (common[part] @ common[start:].T)
        found += SPELLING_WEIGHT * (rare[part] @ rare[start:].T).toarray()
        alike[part, start:] = found
    return alike


def others(vectors: Any, own: Any, last: int) -> Any:
    """How near each of the last sentences is to the nearest others that are `own`."""
    found = np.empty(last, dtype=np.float32)
    for start in range(0, last, ROWS):
        place = len(vectors) - last + start
        cosines = vectors[place : min(place + ROWS, len(vectors))] @ vectors.T
        np.fill_diagonal(cosines[:, place:], -1)  # no sentence is its own neighbour
        found[start : start + ROWS] = nearest(cosines[:, own])
    return found


def sampled(labels: Sequence[str]) -> Any:
    """Places of the sentences to learn from, shuffled: all, or of more than MOST the same share of every topic."""
    order = np.random.default_rng(0).permutation(len(labels))
    seen: dict[str, list[int]] = {}
    for place in order:
        seen.setdefault(labels[place], []).append(place)
    share = min(1.0, MOST / max(len(labels), 1))
    kept = [places[: max(1, int(share * len(places)))] for places in seen.values()]
    return np.random.default_rng(1).permutation(np.concatenate(kept).astype(int))
