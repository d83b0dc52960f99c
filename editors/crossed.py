"""What the model makes of sentences it has not learned. Runs in the engine's Python; speaks JSON with the rest.

    .venv-engine/bin/python -m editors.crossed <folder for vectors> < question.json > answer.json

Question: {"texts", "topics", "aside": {name: [texts]}}. Each text is tried by a model trained on the other four
fifths, with the engine's own code; what stands aside by the model of everything.
Answer: {"tried": [...], "aside": {name: [...]}, "near": [[i, j, cosine]], "thresholds": {...}} where each tried text
is {"ranking": [[topic, probability], ...], "score", "outcome", "near": index of the closest example of that topic,
"cosine": how close, "learned": what the model of everything takes it for}.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from rasa.shared.nlu.training_data.message import Message

from actions.fallback import BOTH, SECOND
from editors.model import FALLBACK, Trained, thresholds
from engine.encoder import encode, encoder_id

FOLDS = 5
#: Cosine from which two examples are worth a look; what is told is decided by who asks.
NEAR = 0.85
RANKED = 4


def main() -> None:
    """One question from standard input, its answer to standard output."""
    question = json.load(sys.stdin)
    answer = crossed(question["texts"], question["topics"], question.get("aside") or {}, Path(sys.argv[1]))
    json.dump(answer, sys.stdout, ensure_ascii=False)


def crossed(texts: list[str], topics: list[str], aside: dict[str, list[str]], folder: Path) -> dict[str, Any]:
    """See above. Needs at least two topics."""
    everything = [*texts, *(text for some in aside.values() for text in some)]
    known = remembered(everything, folder)
    vectors = np.stack([known[text] for text in texts])
    fold = folds(topics)
    tried: list[dict[str, Any]] = [{} for _ in texts]
    whole = Trained(texts, vectors, topics)
    for number in range(FOLDS):
        inside, outside = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        model = Trained([texts[i] for i in inside], vectors[inside], [topics[i] for i in inside])
        found = judged(model, [texts[i] for i in outside], vectors[outside])
        for place, one in zip(outside, found, strict=True):
            tried[place] = one
    add_closest(tried, vectors, vectors, topics, themselves=True)
    for one, learned in zip(tried, judged(whole, texts, vectors), strict=True):
        one["learned"] = learned["ranking"][0][0]
    return {
        "tried": tried,
        "aside": {name: stand_aside(whole, some, known, vectors, topics) for name, some in aside.items()},
        "near": near(vectors),
        "thresholds": thresholds(),
    }


def folds(topics: list[str]) -> Any:
    """A fold for each example: every topic spread evenly, the same each time."""
    order = np.random.default_rng(7).permutation(len(topics))
    seen: dict[str, int] = {}
    fold = np.zeros(len(topics), dtype=int)
    for i in order:
        fold[i] = seen.get(topics[i], 0) % FOLDS
        seen[topics[i]] = seen.get(topics[i], 0) + 1
    return fold


def judged(model: Trained, texts: list[str], vectors: Any) -> list[dict[str, Any]]:
    """What a model makes of these texts."""
    return [
        {
            "ranking": [[one["name"], round(float(one["confidence"]), 4)] for one in ranking(message)],
            "score": round(score(message), 4),
            "outcome": outcome(message),
        }
        for message in (model.judge(texts, vectors) if texts else [])
    ]


def ranking(message: Message) -> list[dict[str, Any]]:
    """The likeliest topics."""
    found = message.get("intent_ranking") or []
    return [one for one in found if one["name"] != FALLBACK][:RANKED]


def score(message: Message) -> float:
    """What the threshold is compared with."""
    return float(ranking(message)[0]["confidence"])


def outcome(message: Message) -> str:
    """What the bot does: "sure", it answers; "close", it asks which of two; "unsure", it asks for other words."""
    if message.get("intent")["name"] != FALLBACK:
        return "sure"
    first, second = (*(one["confidence"] for one in ranking(message)[:2]), 0.0, 0.0)[:2]
    return "close" if second >= SECOND and first + second >= BOTH else "unsure"


def stand_aside(
    whole: Trained, texts: list[str], known: dict[str, Any], vectors: Any, topics: list[str]
) -> list[dict[str, Any]]:
    """Sentences the model was never shown: held out, or out of scope."""
    if not texts:
        return []
    own = np.stack([known[text] for text in texts])
    found = judged(whole, texts, own)
    add_closest(found, own, vectors, topics)
    return found


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
