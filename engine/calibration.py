"""What a trained model's numbers are worth, learned from what it says of each sentence when it has not seen that one.

Three numbers come out. `temperature` makes a confidence of 0.8 mean right in 8 of 10 cases: also where all margins are
small, as in a language that was not shown, since there small leads tell more. `sure` is the score
under which the model abstains: so low that no more than the wanted share of good questions is refused. `close` is
the lead over the runner-up under which it asks which of the two was meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from engine.intents import Opinion

#: What config.yml may set for the classifier: the share of good questions that may be refused for the sake of what is
#: out of scope, and the share of right answers that may be preceded by "did you mean …?".
OPTIONS = {"refused": 0.05, "asked": 0.03}
#: How much nearness counts where a background was shown, which tells better what is none of the topics, and where none
#: was. Found on validation parts and in cross-validation.
BESIDE, ALONE = 0.1, 1.0
#: With fewer answers than this the limits would be luck, and the cautious ones below hold.
ENOUGH = 30
TINY = 1e-9
#: The temperature is so many times the root of the greatest margin, down to this one. Found in cross-validation of many
#: sets in three languages, from five examples a topic to all: confidences miss what is true by a quarter less.
LEAST = 0.05
#: No limit for asking is wider: whoever leads by half of everything is not in doubt.
WIDEST = 0.5
#: Between these lie all temperatures worth trying, as natural logarithms. A few examples that are all told apart would
#: else make every answer certain.
COLDEST, HOTTEST = -3.0, 1.0


@dataclass(frozen=True)
class Limits:
    """See above. The values here serve bots with too few examples to learn their own."""

    temperature: float = 0.15
    sure: float = 0.5
    close: float = WIDEST


def calibrated(margins: Any, temperature: float) -> Any:
    """Margins as probabilities that mean what they say; the order stays."""
    root = np.sqrt(np.maximum(margins.max(axis=1, keepdims=True), LEAST))
    return softmax(margins / (temperature * root), axis=1)


def scores(opinion: Opinion) -> Any:
    """How well the model knows what each text is about: the likeliest topic's margin less the background's.

    And how near anything shown is, which tells most where no background was shown: then that is 0 for all. Above 1
    for what it knows well, near 0 for what is like nothing shown, below that for what is like the background.
    """
    weight = BESIDE if opinion.background.any() else ALONE
    return opinion.margins.max(axis=1) - opinion.background + weight * opinion.nearness


def learn(opinion: Opinion, names: Sequence[str], labels: Sequence[str], *, refused: float, asked: float) -> Limits:
    """The limits at which about `refused` of the good questions are refused and `asked` of the right answers asked.

    `opinion` is what the model says of its last sentences unseen (intents.fit), `labels` what all are. The only
    sentence of a topic tells nothing: unseen, its topic does not exist.
    """
    common = {name for name in names if list(labels).count(name) > 1}
    told = list(labels)[-len(opinion.nearness) :]
    counted = np.array([label in common for label in told], dtype=bool)
    if counted.sum() < ENOUGH or len(names) < 2:
        return Limits()
    truth = np.array([names.index(label) for label in told if label in common])
    return limits(opinion.margins[counted], scores(opinion)[counted], truth, refused=refused, asked=asked)


def limits(margins: Any, known: Any, truth: Any, *, refused: float, asked: float) -> Limits:
    """The limits for these answers: `truth` holds the right column of each row."""
    rows = np.arange(len(truth))

    def surprise(log_temperature: float) -> float:
        shares = calibrated(margins, float(np.exp(log_temperature)))
        return float(-np.log(shares[rows, truth] + TINY).mean())

    temperature = float(np.exp(minimize_scalar(surprise, bounds=(COLDEST, HOTTEST), method="bounded").x))
    shares = np.sort(calibrated(margins, temperature), axis=1)
    right = (margins.argmax(axis=1) == truth) & (known >= np.quantile(known, refused))
    lead = shares[:, -1] - shares[:, -2]
    close = min(float(np.quantile(lead[right], asked)), WIDEST) if right.any() else Limits.close
    return Limits(temperature, float(np.quantile(known, refused)), close)
