"""One system on one set, in the engine's Python: `worker.py train|serve ours|tfidf|diet <folder>`.

Reads <folder>/task.json, writes <folder>/train.json or <folder>/serve.json, and tells its progress line by line.
Training and serving are two processes, so that the memory of serving is that of serving.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import yaml

import engine  # noqa: F401  before numpy, which looks at the processor once

CONFIG = Path(__file__).resolve().parent.parent / "config.yml"
#: Rasa's default pipeline, as `rasa init` writes it for `rasa train` to choose.
DIET: list[dict[str, Any]] = [
    {"name": "WhitespaceTokenizer"}, {"name": "RegexFeaturizer"}, {"name": "LexicalSyntacticFeaturizer"},
    {"name": "CountVectorsFeaturizer"},
    {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4},
    {"name": "DIETClassifier", "epochs": 100}, {"name": "EntitySynonymMapper"},
    {"name": "ResponseSelector", "epochs": 100},
    {"name": "FallbackClassifier", "threshold": 0.3, "ambiguity_threshold": 0.1},
]
FALLBACK = "nlu_fallback"
#: Turns the margins of the TF-IDF SVM into confidences.
TEMPERATURE = 0.35
Answer = dict[str, Any]


def train_rasa(folder: Path, task: dict[str, Any], chosen: dict[str, Any]) -> None:
    """Through Rasa's own training: config (with what was chosen for it), data, one model file."""
    from rasa.model_training import train_nlu

    examples: dict[str, list[str]] = {}
    for text, intent in task["train"]:
        examples.setdefault(intent, []).append(text)
    blocks = [
        {"intent": intent.replace("/", "+"), "examples": "".join(f"- {' '.join(text.split())}\n" for text in texts)}
        for intent, texts in examples.items()
    ]
    write_yaml(folder / "nlu.yml", {"version": "3.1", "nlu": blocks})
    config = {"recipe": "default.v1", "assistant_id": "bench", "language": task["language"], **chosen}
    write_yaml(folder / "config.yml", config)
    train_nlu(str(folder / "config.yml"), str(folder / "nlu.yml"), str(folder / "models"), fixed_model_name="model")


def write_yaml(path: Path, content: Any) -> None:
    """One line a key, whose value is JSON, and so YAML: Rasa knows a file by the keys its lines begin with."""
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in content.items()]
    path.write_text("".join(lines), encoding="utf-8")


def serve_rasa(folder: Path) -> Callable[[str], Awaitable[Answer]]:
    """Parsing as the engine does it, through the whole graph."""
    import logging

    from rasa.core.agent import Agent
    from rasa.utils.log_utils import configure_structlog

    configure_structlog(logging.WARNING)  # as the engine runs; otherwise each parse is printed
    agent = Agent.load(str(folder / "models" / "model.tar.gz"))

    async def parse(text: str) -> Answer:
        found = await agent.parse_message(text)
        ranking = [one for one in found.get("intent_ranking", []) if one["name"] != FALLBACK]
        top = ranking[0] if ranking else {"name": "", "confidence": 0.0}
        outcome = found["intent"].get("outcome", "unsure" if found["intent"]["name"] == FALLBACK else "sure")
        return {
            "name": top["name"].replace("+", "/"), "confidence": top["confidence"],
            "score": found.get("intent_score", top["confidence"]), "outcome": outcome,
        }

    return parse


def spelled(folder: Path, task: dict[str, Any]) -> Callable[[str], Awaitable[Answer]]:
    """The TF-IDF SVM alone: words and pieces of words, without the engine's sentence vectors."""
    from scipy.special import softmax
    from sklearn.svm import LinearSVC

    from engine.spelling import Spelling

    texts, labels = zip(*(pair for pair in task["train"] if pair[1] != FALLBACK), strict=True)
    views, rows = Spelling.learn(texts)
    model = LinearSVC(C=1.0, random_state=0).fit(rows, labels)

    async def parse(text: str) -> Answer:
        shares = softmax(model.decision_function(views.vectors([text]))[0] / TEMPERATURE)
        best = float(shares.max())
        return {"name": model.classes_[shares.argmax()], "confidence": best, "score": best, "outcome": "sure"}

    return parse


async def ask_all(parse: Callable[[str], Awaitable[Answer]], texts: list[str]) -> dict[str, Any]:
    """Every text once, after a few to warm up; times in milliseconds, wall clock and processor."""
    for text in texts[:10]:
        await parse(text)
    answers, times, cpu = [], [], time.process_time()
    for number, text in enumerate(texts):
        began = time.perf_counter()
        answers.append(await parse(text))
        times.append(1000 * (time.perf_counter() - began))
        if number % 25 == 0:
            print(number, flush=True)
    cpu = 1000 * (time.process_time() - cpu) / len(texts)
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    memory = next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), None)
    return {"answers": answers, "times": times, "cpu": cpu, "memory": memory}


def main() -> None:
    """See above."""
    phase, system, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    usual_out, sys.stdout = sys.stdout, sys.stderr  # what libraries print is not progress
    if phase == "train":
        began, cpu = time.perf_counter(), time.process_time()
        if system == "tfidf":
            spelled(folder, task)
        else:
            shipped = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
            ours = {key: shipped[key] for key in ("importers", "pipeline")}
            train_rasa(folder, task, {"pipeline": DIET} if system == "diet" else ours)
        result: dict[str, Any] = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}
    else:
        parse = spelled(folder, task) if system == "tfidf" else serve_rasa(folder)
        sys.stdout = usual_out
        result = asyncio.run(ask_all(parse, task["texts"]))
    (folder / f"{phase}.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    os.environ["RASA_TELEMETRY_ENABLED"] = "false"
    main()
