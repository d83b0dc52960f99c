"""Runs one system on one set in processes of its own and measures what it answered."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from threading import Timer
from typing import Any

from tqdm import tqdm

from bench_nlu import metrics
from bench_nlu.sets import ROOT, Set

SYSTEMS = {"ours": "Sportello", "tfidf": "TF-IDF SVM alone", "diet": "stock DIET", "nlpjs": "nlp.js"}
NODE_NLP = "node-nlp@4.27.0"
#: Installed here by npm on the first run; not part of the project.
NODE_FOLDER = ROOT / "data" / "bench-nlu" / "node"
#: One core each while they answer, as an engine process has it; training has all.
ALONE = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS",
                                "TF_NUM_INTEROP_THREADS")}
#: Share of the validation part's right answers that the chosen threshold turns away, the most the shipped topics may.
REFUSED = 0.05
#: Seconds after which a phase is ended: one peer that never ends must not cost the others' results.
PATIENCE = 90 * 60


class NotRun(Exception):
    """A system cannot be run here; the text says why."""


@dataclass(frozen=True)
class Found:
    """What one system did on one set: per cent, milliseconds, seconds, megabytes; None where it means nothing."""

    set: str
    system: str
    accuracy: float
    rejected5: float | None
    rejected10: float | None
    auroc: float | None
    kept: float | None
    rejected: float | None
    ece: float
    p50: float
    p95: float
    cpu: float
    train_seconds: float
    train_cpu: float
    memory: float | None
    #: With the system's own abstention: questions refused, and what is out of scope not answered.
    own_refused: float
    own_rejected: float | None
    #: Whether it was taught fewer sentences than the others.
    spared: bool = False


def measure(one: Set, system: str, *, everything: bool = False) -> Found:
    """Train, ask, measure; `everything` also where Set.most spares a system. Raises NotRun."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        taught = one.taught(system, everything=everything)
        task = {"language": one.language, "train": taught, "texts": one.texts()}
        (folder / "task.json").write_text(json.dumps(task, ensure_ascii=False), encoding="utf-8")
        for phase in ("train", "serve"):
            command, cwd = command_of(system, phase, folder)
            if command:
                cores = ALONE if phase == "serve" else {}
                _run(command, cwd, cores, f"{SYSTEMS[system]} · {one.name} · {phase}", len(task["texts"]))
        trained, served = (json.loads((folder / f"{phase}.json").read_text()) for phase in ("train", "serve"))
    return judged(one, system, trained, served, spared=len(taught) < len(one.train))


def command_of(system: str, phase: str, folder: Path) -> tuple[list[str], Path]:
    """The command of a phase and where to run it; nlp.js does both phases in its second."""
    if system != "nlpjs":
        worker = ROOT / "bench_nlu" / "worker.py"
        python = ROOT / ".venv-engine" / "bin" / "python"
        return [str(python), "-W", "ignore", str(worker), phase, system, str(folder)], folder
    if phase == "train":
        return [], folder
    return ["node", str(ROOT / "bench_nlu" / "nlpjs.js"), str(folder)], node_folder()


def node_folder() -> Path:
    """Where node-nlp is installed; installs it the first time. Raises NotRun."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise NotRun("nlp.js is skipped: node and npm are not here.")
    stamp = NODE_FOLDER / "installed"
    if not stamp.exists() or stamp.read_text() != NODE_NLP:
        NODE_FOLDER.mkdir(parents=True, exist_ok=True)
        (NODE_FOLDER / "package.json").write_text('{"private": true}')
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", NODE_NLP]
        done = subprocess.run(command, cwd=NODE_FOLDER, capture_output=True, text=True)
        if done.returncode != 0:
            raise NotRun(f"nlp.js is skipped: `npm install {NODE_NLP}` failed. {done.stderr.strip()[-200:]}")
        stamp.write_text(NODE_NLP)
    return NODE_FOLDER


def _run(command: list[str], cwd: Path, cores: dict[str, str], title: str, total: int) -> None:
    env = {**os.environ, **cores, "PYTHONPATH": str(ROOT), "RASA_TELEMETRY_ENABLED": "false",
           "TF_CPP_MIN_LOG_LEVEL": "3", "SQLALCHEMY_SILENCE_UBER_WARNING": "1", "CUDA_VISIBLE_DEVICES": "-1",
           "RASA_MAX_CACHE_SIZE": "0", "LOG_LEVEL": "ERROR"}
    with tempfile.TemporaryFile("w+") as errors, tqdm(total=total, desc=title, disable=None) as bar:
        began = time.monotonic()
        child = subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert child.stdout is not None
        watch = Timer(PATIENCE, child.kill)
        watch.start()
        for line in child.stdout:
            if line.strip().isdigit():
                bar.update(int(line) - bar.n)
        failed = child.wait() != 0
        watch.cancel()
        if failed and time.monotonic() - began >= PATIENCE:
            raise NotRun(f"{title} was ended after {PATIENCE // 60} minutes.")
        if failed:
            errors.seek(0)
            raise NotRun(f"{title} failed: {(errors.read().strip().splitlines() or ['?'])[-1]}")


def judged(one: Set, system: str, trained: dict[str, Any], served: dict[str, Any], *, spared: bool = False) -> Found:
    """The measures of these answers, which stand in the order of Set.texts()."""
    answers = iter(served["answers"])
    inside = [next(answers) for _ in one.test]
    outside = [next(answers) for _ in one.outside]
    validation = [next(answers) for _ in one.validation]
    right = [answer["name"] == intent for answer, (_, intent) in zip(inside, one.test, strict=True)]
    known, foreign = _scores(inside), _scores(outside)
    kept = rejected = None
    if validation and foreign:
        right_there = [answer["name"] == intent for answer, (_, intent) in zip(validation, one.validation, strict=True)]
        threshold = metrics.allowed_threshold(_scores(validation), right_there, REFUSED)
        kept = metrics.share([hit and score >= threshold for hit, score in zip(right, known, strict=True)])
        rejected = metrics.share([score < threshold for score in foreign])
    times = served["times"]
    return Found(
        one.name, system, metrics.share(right),
        metrics.rejected(known, foreign, 0.05) if foreign else None,
        metrics.rejected(known, foreign, 0.10) if foreign else None,
        metrics.auroc(known, foreign) if foreign else None, kept, rejected,
        metrics.calibration_error([answer["confidence"] for answer in inside], right),
        median(times), metrics.quantile(times, 0.95), served["cpu"], trained["seconds"], trained["cpu"],
        served["memory"], metrics.share([answer["outcome"] == "unsure" for answer in inside]),
        metrics.share([answer["outcome"] != "sure" for answer in outside]) if outside else None, spared,
    )


def _scores(answers: list[dict[str, Any]]) -> list[float]:
    return [answer["score"] for answer in answers]
