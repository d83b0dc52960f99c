"""What the model makes of sentences it has not learned. Runs in the engine's Python; speaks JSON with the rest.

    .venv-engine/bin/python -m editors.crossed <folder for vectors> < question.json > answer.json

Question: {"texts", "topics", "background": [texts that are no topic], "aside": {name: [texts]}, "options": what
config.yml says to the classifier}. Each text is tried by a model that was shown all others, with the engine's own code;
what stands aside by the model of everything. Answer: {"tried": [...], "aside": {name: [...]}, "near": [[i, j, cosine]],
"thresholds": {...}} where each tried text is {"ranking": [[topic, probability], ...], "score", "outcome", "near": index
of the closest example of that topic, "cosine": how close, "learned": what the model of everything takes it for}.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import engine  # noqa: F401  # isort: skip  before numpy, which looks at the processor once
import numpy as np

from engine.calibration import OPTIONS
from engine.encoder import encode, encoder_id
from engine.intents import BACKGROUND
from engine.understanding import Judgement, Model

#: Cosine from which two examples are worth a look; what is told is decided by who asks.
NEAR = 0.85
RANKED = 4


def main() -> None:
    """One question from standard input, its answer to standard output."""
    question = json.load(sys.stdin)
    answer = crossed(
        question["texts"], question["topics"], question["background"], question["aside"], Path(sys.argv[1]),
        question["options"],
    )
    json.dump(answer, sys.stdout, ensure_ascii=False)


def crossed(
    texts: list[str], topics: list[str], background: list[str], aside: dict[str, list[str]], folder: Path,
    options: dict[str, Any],
) -> dict[str, Any]:
    """See above. Needs at least two topics."""
    taught, labels = [*texts, *background], [*topics, *[BACKGROUND] * len(background)]
    known = remembered([*taught, *(text for some in aside.values() for text in some)], folder)
    shown = np.stack([known[text] for text in taught])
    vectors = shown[: len(texts)]
    model, unseen = Model.with_opinion(taught, shown, labels, last=len(taught), **(OPTIONS | options))
    answers = [as_data(one) for one in model.judged(taught, unseen)[: len(texts)]]
    learned = model.judge(texts, vectors)
    add_closest(answers, vectors, vectors, topics, themselves=True)
    for answer, one in zip(answers, learned, strict=True):
        answer["learned"] = one.ranking[0][0]
    return {
        "tried": answers,
        "aside": {name: stand_aside(model, some, known, topics) for name, some in aside.items()},
        "near": near(vectors),
        "thresholds": {"sure": round(model.limits.sure, 4)},
    }


def as_data(one: Judgement) -> dict[str, Any]:
    """A judgement as JSON can hold it."""
    ranking = [[name, round(share, 4)] for name, share in one.ranking[:RANKED]]
    return {"ranking": ranking, "score": round(one.score, 4), "outcome": one.outcome}


def stand_aside(model: Model, texts: list[str], known: dict[str, Any], topics: list[str]) -> list[dict[str, Any]]:
    """Sentences the model was never shown: held out, or out of scope."""
    if not texts:
        return []
    vectors = np.stack([known[text] for text in texts])
    answers = [as_data(one) for one in model.judge(texts, vectors)]
    add_closest(answers, vectors, model.topics.shown[: len(topics)], topics)
    return answers


def add_closest(
    found: list[dict[str, Any]], own: Any, vectors: Any, topics: list[str], *, themselves: bool = False
) -> None:
    """To each, the example of the topic it was taken for that comes closest: the one that leads astray."""
    cosines = own @ vectors.T
    if themselves:
        np.fill_diagonal(cosines, -1)
    names = np.array(topics)
    for one, row in zip(found, cosines, strict=True):
        one["near"] = int(np.argmax(np.where(names == one["ranking"][0][0], row, -2)))
        one["cosine"] = round(float(row[one["near"]]), 4)


def near(vectors: Any) -> list[list[float]]:
    """Pairs of examples that come close, [i, j, cosine] with i < j."""
    cosines = np.triu(vectors @ vectors.T, 1)
    return [[int(i), int(j), round(float(cosines[i, j]), 4)] for i, j in np.argwhere(cosines >= NEAR)]


def remembered(texts: list[str], folder: Path) -> dict[str, Any]:
    """The vector of each text. Those of the last time come from a file: only what is new takes time."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"vectors-{hashlib.sha256(encoder_id().encode()).hexdigest()[:12]}.npz"
    known: dict[str, Any] = {}
    if file.exists():
        try:
            with np.load(file) as kept:
                known = dict(zip(json.loads(str(kept["texts"])), kept["vectors"], strict=True))
        except (OSError, ValueError, KeyError):  # half written, or of another time: made again
            known = {}
    new = [text for text in dict.fromkeys(texts) if text not in known]
    if new:
        known.update(zip(new, encode(new), strict=True))
        wanted = dict.fromkeys(texts)
        unfinished = file.with_name(f"{os.getpid()}-{file.name}")
        np.savez(unfinished, texts=json.dumps(list(wanted)), vectors=np.stack([known[text] for text in wanted]))
        unfinished.replace(file)
    return known


if __name__ == "__main__":
    main()
