"""Stock Rasa with our content: the configuration that `rasa init` writes, its REST channel, its own tracker store.

Its policies learn from stories, and our content is rules only; so it also gets our test conversations
(tests/content/) as stories, with their intents in place of the words. Otherwise its TED policy would have nothing
to learn and would do nothing. The model is kept under data/bench/ until configuration or content change.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.processes import ENGINE_PYTHON, RASA, ROOT, NotStarted, Process, environment, free_ports

HOME = ROOT / "data" / "bench" / "stock"
TOPICS = ("domain", "nlu", "stories")
CREDENTIALS = "rest:\n"
BASE = (
    "stock Rasa: the config.yml of `rasa init` (DIET, TED, 100 epochs each), our domain, nlu, rules, and our test "
    "conversations as stories; REST channel, tracker store in memory, the same actions"
)
ENDPOINTS = "action_endpoint:\n  url: ${ACTIONS_URL}\n"


def default_config() -> Path:
    """The config.yml that `rasa init` copies, in the installed package."""
    found = sorted((ENGINE_PYTHON.parent.parent / "lib").glob("python3*/site-packages/rasa/cli/initial_project"))
    if not found:
        raise NotStarted("Rasa is not installed: run `make setup`")
    return found[0] / "config.yml"


@dataclass(frozen=True)
class StockModel:
    """A trained model, and what a reader of the numbers must know about it."""

    path: Path
    remarks: tuple[str, ...]

    @classmethod
    def ready(cls, *, keep: bool = False) -> StockModel:
        """The model of the content as it is, trained first if need be (some minutes, once). Raises NotStarted.

        `keep`: the newest there is will do.
        """
        HOME.mkdir(parents=True, exist_ok=True)
        with (HOME / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            older = sorted((HOME / "models").glob("*.tar.gz"), key=lambda path: path.stat().st_mtime)
            if keep and older:
                return cls(older[-1], (BASE, "stock Rasa's model is of slightly older content (`--keep-stock`)"))
            model = HOME / "models" / f"{_lay_out()}.tar.gz"
            if not model.exists():
                _train(model)
        return cls(model, (BASE,))


def _lay_out() -> str:
    """Copy configuration and content into place; their fingerprint."""
    for topic in TOPICS:
        shutil.rmtree(HOME / topic, ignore_errors=True)
        shutil.copytree(ROOT / topic, HOME / topic)
    shutil.copy(default_config(), HOME / "config.yml")
    (HOME / "credentials.yml").write_text(CREDENTIALS)
    (HOME / "endpoints.yml").write_text(ENDPOINTS)
    stories = [story for path in sorted((ROOT / "tests" / "content").glob("*.yml")) for story in stories_of(path)]
    text = yaml.safe_dump({"version": "3.1", "stories": stories}, allow_unicode=True, sort_keys=False)
    (HOME / "stories" / "conversations.yml").write_text(text, "utf-8")
    digest = hashlib.sha256()
    for path in (HOME / "config.yml", *(p for topic in TOPICS for p in sorted((HOME / topic).rglob("*.yml")))):
        digest.update(f"{path.relative_to(HOME)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def stories_of(path: Path) -> Iterator[dict[str, Any]]:
    """The test conversations of a file as stories to learn from: without the words, which would be learned too."""
    for story in (yaml.safe_load(path.read_text("utf-8")) or {}).get("stories", []):
        steps = [{key: value for key, value in step.items() if key != "user"} for step in story["steps"]]
        yield {"story": f"{path.stem}: {story['story']}", "steps": steps}


def _train(model: Path) -> None:
    print("Training stock Rasa, once for this content (some minutes) …", file=sys.stderr, flush=True)
    command = ["nice", "-n", "15", str(ENGINE_PYTHON), "-m", "rasa", "train", "--domain", "domain", "--data", "nlu"]
    command += ["stories", "--out", "models", "--fixed-model-name", "unfinished"]
    log = HOME / "train.log"
    with log.open("wb") as out:
        done = subprocess.run(command, cwd=HOME, env=environment(RASA), stdout=out, stderr=out)
    if done.returncode != 0:
        raise NotStarted(f"stock Rasa could not be trained: see {log}")
    # Renamed when whole: a file half written would be taken for a model the next time.
    (HOME / "models" / "unfinished.tar.gz").rename(model)


class Stock:
    """Stock Rasa and an action server of its own, the same that our engine uses."""

    def __init__(self, model: StockModel) -> None:
        self.port = free_ports(50)
        actions = str(self.port + 50)
        logs = HOME / "logs"
        run = [str(ENGINE_PYTHON), "-m", "engine.child"]
        self._actions = Process(
            [*run, "rasa_sdk", "--actions", "actions", "--port", actions],
            env={**RASA, "PYTHONPATH": str(ROOT)},
            log=logs / "actions.log",
        )
        self._rasa = Process(
            [*run, "rasa", "run", "--interface", "127.0.0.1", "--port", str(self.port), "--model", str(model.path)],
            env={**RASA, "PYTHONPATH": str(ROOT), "ACTIONS_URL": f"http://127.0.0.1:{actions}/webhook"},
            log=logs / "rasa.log",
            cwd=HOME,
        )
        self._actions.wait_for(f"http://127.0.0.1:{actions}/health", 120)
        self.start_seconds = self._rasa.wait_for(f"http://127.0.0.1:{self.port}/webhooks/rest/", 300)

    @property
    def pids(self) -> dict[str, list[int]]:
        """Its processes by what they do."""
        return {"engine": [self._rasa.pid], "actions": [self._actions.pid]}

    def end(self) -> None:
        """End both."""
        self._rasa.end()
        self._actions.end()
