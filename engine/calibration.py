"""What a trained model's numbers are worth, learned from sentences that it was not shown: by cross-validation.

Three numbers come out. `temperature` makes a confidence of 0.8 mean right in 8 of 10 cases. `sure` is the score
under which the model abstains: so low that no more than the wanted share of good questions is refused. `close` is
the lead over the runner-up under which it asks which of the two was meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from tqdm import tqdm

from engine.intents import BACKGROUND, Topics, fit

FOLDS = 5
#: From this many sentences on, one quarter tells as much as all five fifths, in a fifth of the time.
MANY = 6000
#: With fewer answers than this the limits would be luck, and the cautious ones below hold.
ENOUGH = 30
TINY = 1e-9
#: Weight of the nearness beside the probability (found on validation sets; flat from 1 to 3).
NEARNESS_WEIGHT = 2.0


@dataclass(frozen=True)
class Limits:
    """See above. The values here serve bots with too few examples to learn their own."""

    temperature: float = 1.0
    sure: float = 1.2
    close: float = 0.1


def calibrated(probabilities: Any, temperature: float) -> Any:
    """Probabilities that mean what they say; the order stays."""
    return softmax(np.log(probabilities + TINY) / temperature, axis=1)


def scores(probabilities: Any, nearness: Any) -> Any:
    """How well the model knows what it is talking about, from the uncalibrated probabilities: between -3 and 3.

    What is missing to 1 in a row is the background's share, and speaks against every topic.
    """
    background = 1 - probabilities.sum(axis=1)
    return probabilities.max(axis=1) - background + NEARNESS_WEIGHT * nearness


def folds(labels: Sequence[str]) -> Any:
    """The fold of each sentence, every topic spread over all.

    -1 for what is always shown: the only sentence of a topic, and the background.
    """
    order = np.random.default_rng(0).permutation(len(labels))
    seen: dict[str, list[int]] = {}
    for index in order:
        seen.setdefault(labels[index], []).append(index)
    fold = np.full(len(labels), -1)
    start = 0
    for name in sorted(seen):
        if len(seen[name]) > 1 and name != BACKGROUND:
            fold[seen[name]] = (np.arange(len(seen[name])) + start) % FOLDS
            start += len(seen[name])
    return fold


def tried(texts: Sequence[str], vectors: Any, labels: Sequence[str]) -> Iterator[tuple[Any, Topics]]:
    """Pairs of (places of sentences, a model that was not shown them)."""
    fold = folds(labels)
    held = [np.flatnonzero(fold == number) for number in range(1 if len(labels) >= MANY else FOLDS)]
    held = [places for places in held if len(places) and len(places) < len(labels)]
    for places in tqdm(held, desc="Learning when to abstain", disable=None):
        rest = np.setdiff1d(np.arange(len(labels)), places)
        yield places, fit([texts[i] for i in rest], vectors[rest], [labels[i] for i in rest])


def learn(texts: Sequence[str], vectors: Any, labels: Sequence[str], *, refused: float, asked: float) -> Limits:
    """The limits at which about `refused` of the good questions are refused and `asked` of the right answers asked."""
    names = sorted(set(labels) - {BACKGROUND})
    if len(names) < 2:
        return Limits()
    found = np.full((len(labels), len(names)), 0.0)
    known = np.full(len(labels), np.nan)
    for places, model in tried(texts, vectors, labels):
        columns = [names.index(name) for name in model.names]
        probabilities = model.probabilities([texts[i] for i in places], vectors[places])
        found[np.ix_(places, columns)] = probabilities
        known[places] = scores(probabilities, model.nearness(vectors[places]))
    answered = np.flatnonzero(~np.isnan(known))
    if len(answered) < ENOUGH:
        return Limits()
    truth = np.array([names.index(labels[i]) for i in answered])
    return limits(found[answered], known[answered], truth, refused=refused, asked=asked)


def limits(probabilities: Any, known: Any, truth: Any, *, refused: float, asked: float) -> Limits:
    """The limits for these answers: `truth` holds the right column of each row."""
    rows = np.arange(len(truth))

    def surprise(log_temperature: float) -> float:
        shares = calibrated(probabilities, float(np.exp(log_temperature)))
        return float(-np.log(shares[rows, truth] + TINY).mean())

    temperature = float(np.exp(minimize_scalar(surprise, bounds=(-3.0, 1.5), method="bounded").x))
    shares = np.sort(calibrated(probabilities, temperature), axis=1)
    right = (probabilities.argmax(axis=1) == truth) & (known >= np.quantile(known, refused))
    lead = shares[:, -1] - shares[:, -2]
    close = float(np.quantile(lead[right], asked)) if right.any() else Limits.close
    return Limits(temperature, float(np.quantile(known, refused)), close)
