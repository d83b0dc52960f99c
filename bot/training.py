"""Trains the model when, and only when, what it is made of has changed.

Errors: TrainingFailed, with Rasa's own last words about what is wrong in the content.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

#: What a model is made of, besides the engine's lock: another Rasa may not read an older Rasa's model.
SOURCES = ("config.yml", "domain", "nlu", "stories", "engine")
#: Models kept: the content's, and those before it, to go back to. One in use is never deleted (see bot/pair.py).
KEPT = 3
#: What keeps a serving engine to one core.
ONE_CORE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class TrainingFailed(Exception):
    """Rasa could not make a model of the content; the text holds what it said."""


@dataclass(frozen=True)
class Content:
    """Where the content is (`root`) and where models go (`data`/models)."""

    root: Path
    data: Path

    def fingerprint(self) -> str:
        """A short hash over names and bytes of all that a model is made of."""
        found = [path for name in SOURCES for path in (self.root / name, *(self.root / name).rglob("*"))]
        lock = Path(__file__).resolve().parent.parent / "requirements" / "engine.txt"
        files = sorted(path for path in found if path.suffix in (".yml", ".yaml", ".py") and path.is_file())
        digest = hashlib.sha256()
        for path in (*files, lock):
            name = path.relative_to(self.root) if path.is_relative_to(self.root) else path.name
            digest.update(f"{name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()[:16]

    def model(self) -> Path:
        """The model of the content as it is now; the file may not exist yet."""
        return self.data / "models" / f"{self.fingerprint()}.tar.gz"


async def train(content: Content, *, python: Path, env: Mapping[str, str]) -> Path:
    """Train if needed and return the model's file. Raises TrainingFailed. Two at once: the second waits."""
    models = content.data / "models"
    models.mkdir(parents=True, exist_ok=True)
    with (models / ".lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        model = content.model()
        if not model.exists():
            await _run_rasa(content, model, python=python, env=env)
        os.utime(model)  # the newest are kept, and this one is wanted now
        for old in kept_models(models)[KEPT:]:
            _delete_unused(old)
    return model


def kept_models(models: Path) -> list[Path]:
    """The models in the folder, the last wanted first."""
    return sorted(models.glob("*.tar.gz"), key=lambda path: path.stat().st_mtime, reverse=True)


def _delete_unused(model: Path) -> None:
    """Unless an engine holds it: started again after a crash, it reads the file again."""
    with model.open("rb") as file, contextlib.suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        model.unlink()
        answers_of(model).unlink(missing_ok=True)


async def _run_rasa(content: Content, model: Path, *, python: Path, env: Mapping[str, str]) -> None:
    """Train under another name first: a model half written would be taken for a whole one after a crash."""
    root, unfinished = content.root, f"unfinished-{model.name.removesuffix('.tar.gz')}"
    code, said = await _shown(train_command(model.parent, unfinished), root, python=python, env=env)
    made = model.parent / f"{unfinished}.tar.gz"
    if code != 0 or not made.exists():
        words = [line for line in said if " INFO " not in line and "it/s" not in line][-25:]
        raise TrainingFailed("The model could not be trained:\n" + "\n".join(words))
    await _write_answers(root, made, python=python, env=env)
    answers_of(made).rename(answers_of(model))
    made.rename(model)


def train_command(out: Path, name: str) -> list[str]:
    """How Rasa is told to train, in the content's folder: the model goes to `out`/`name`.tar.gz."""
    # Rasa's validation reads everything a second time, a third of the whole; `make content` finds more, in plain words.
    # By force, since there is no cache (see bot/pair.py) to look into first.
    command = ["rasa", "train", "--skip-validation", "--force", "--config", "config.yml", "--domain", "domain"]
    return [*command, "--data", "nlu", "stories", "--out", str(out), "--fixed-model-name", name]


async def _shown(command: list[str], root: Path, *, python: Path, env: Mapping[str, str]) -> tuple[int, list[str]]:
    """Run Rasa's training with its progress shown; the exit code, and the lines that it said."""
    # On all cores: nobody is served by this process. INFO: the progress is read from what Rasa says of its components.
    env = {name: value for name, value in env.items() if name not in ONE_CORE}
    process = await asyncio.create_subprocess_exec(
        str(python),
        "-m",
        "engine.child",
        *command,
        cwd=root,
        env={**env, "LOG_LEVEL": "INFO"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        limit=1 << 20,
    )
    assert process.stdout is not None
    said: list[str] = []
    try:
        with Progress(sum(1 for _ in _steps(root))) as progress:
            async for raw in process.stdout:
                line = _plain(raw.decode(errors="replace"))
                if line:
                    said.append(line)
                    progress.read(line)
        return await process.wait(), said
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def _write_answers(root: Path, model: Path, *, python: Path, env: Mapping[str, str]) -> None:
    """Beside the model, what is answered without an engine (see engine/answers.py)."""
    process = await asyncio.create_subprocess_exec(
        str(python), "-m", "engine.answers", str(model.absolute()), cwd=root, env=dict(env),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    if process.returncode != 0:
        raise TrainingFailed("The fixed answers could not be read:\n" + said.decode(errors="replace")[-2000:])


def answers_of(model: Path) -> Path:
    """The file of a model's fixed answers."""
    return model.with_name(model.name.removesuffix(".tar.gz") + ".answers.json")


class Progress:
    """A bar in a terminal, else two plain lines; steps are the components that Rasa finishes."""

    def __init__(self, total: int) -> None:
        self._bar = tqdm(
            total=total, desc="Training the model", unit="step", leave=False, disable=not sys.stderr.isatty()
        )
        self._began = time.monotonic()

    def __enter__(self) -> Progress:
        if self._bar.disable:
            print("Training the model (the content changed) …", file=sys.stderr, flush=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()
        print(f"Training took {time.monotonic() - self._began:.0f} s.", file=sys.stderr, flush=True)

    def read(self, line: str) -> None:
        """Move on when the line tells of a finished component."""
        if "Finished training component" in line or "Restored component" in line:
            self._bar.update(1)


def _steps(root: Path) -> Iterator[str]:
    taught = (root / "config.yml").read_text().partition("\npipeline:")[2]
    return iter(re.findall(r"^\s*- name: *(\S+)", taught, re.MULTILINE))


def _plain(line: str) -> str:
    """The line without colours, and of a line that was drawn over, the last state."""
    return re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip().rsplit("\r", 1)[-1].strip()
