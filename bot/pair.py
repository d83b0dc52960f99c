"""One engine and its actions: how they are started, where they listen, what they may know.

They belong together: a model names the actions of the content it was made of. So both are exchanged at once.
"""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bot.child import Child, port_is_free

#: Passed on to the children. Everything else stays with the bot: tokens, the database, the desk's secrets, proxies.
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SYSTEMROOT")
#: Passed on to the actions only: where the company's systems are, and how to sign in there.
ACTIONS_PREFIX = ("BACKEND_", "DEMO_")
#: A pair takes the first ports above the settings' that are free; the one before it still holds its own.
PAIRS = 10
ACTIONS_AFTER = 50  # the actions' port is this much above the engine's, where nothing else is said


@dataclass(frozen=True)
class ChildrenSettings:
    """Where things are. `root` holds config.yml, domain/, engine/ …; `data` gets models/, logs/ and scratch/."""

    root: Path
    data: Path
    engine_port: int
    actions_port: int
    #: Seconds until both must answer after a start.
    start_timeout: float = 180.0

    @property
    def python(self) -> Path:
        """The Python of the engine's environment."""
        return Path(__file__).resolve().parent.parent / ".venv-engine" / "bin" / "python"


class Pair:
    """An engine with one model, and its actions. `begin_…` starts them, `end` ends both."""

    def __init__(self, settings: ChildrenSettings, environ: Mapping[str, str], *, above: int = 0) -> None:
        """`above`: how far its ports are above the settings'."""
        self._settings, self._environ = settings, environ
        self._engine_port, self._actions_port = settings.engine_port + above, settings.actions_port + above
        self.url = f"http://127.0.0.1:{self._engine_port}"
        self.model: Path | None = None
        self._held: IO[bytes] | None = None
        self.actions = self._make_actions()
        self.engine: Child | None = None

    @property
    def children(self) -> tuple[Child, ...]:
        """Those that were begun."""
        return (self.actions, self.engine) if self.engine else (self.actions,)

    @property
    def ready(self) -> bool:
        """Do both answer, as of the last look?"""
        return self.engine is not None and all(child.answers for child in self.children)

    def taken_port(self) -> int | None:
        """A port of its own that another program has."""
        return next((port for port in (self._engine_port, self._actions_port) if not port_is_free(port)), None)

    def begin_actions(self) -> None:
        """Start the actions: they need no model."""
        (self._settings.data / "logs").mkdir(parents=True, exist_ok=True)
        self.actions.begin()

    def begin_engine(self, model: Path) -> None:
        """Start the engine with this model, which from now on is not deleted under it (see `training`)."""
        self._held = model.open("rb")
        fcntl.flock(self._held, fcntl.LOCK_SH)
        self.model = model
        self.engine = self._make_engine(model)
        self.engine.begin()

    async def end(self) -> None:
        """End both and all that they started. Safe to call twice."""
        await asyncio.gather(*(child.end() for child in self.children))
        if self._held:
            self._held.close()

    def _make_actions(self) -> Child:
        port = str(self._actions_port)
        own = {name: value for name, value in self._environ.items() if name.startswith(ACTIONS_PREFIX)}
        # Its own address as the only origin: otherwise any page in a browser here could call the actions.
        command = ["rasa_sdk", "--actions", "actions", "--port", port, "--cors", f"http://127.0.0.1:{port}"]
        return self._child("actions", command, own, f"http://127.0.0.1:{port}/health", None)

    def _make_engine(self, model: Path) -> Child:
        root = self._settings.root
        command = ["engine.locked", "rasa", "run", "--interface", "127.0.0.1", "--port", str(self._engine_port)]
        command += ["--model", str(model), "--credentials", str(root / "credentials.yml")]
        command += ["--endpoints", str(root / "endpoints.yml")]
        # Absolute: the child's working folder is another one than ours.
        scratch = (self._settings.data / "scratch" / f"engine-{self._engine_port}").absolute()
        own = {"TMPDIR": str(scratch), "HOME": str(scratch), "PYTHONDONTWRITEBYTECODE": "1"}
        return self._child("engine", command, own, f"{self.url}/webhooks/turn/", scratch)

    def _child(self, name: str, command: list[str], own: dict[str, str], health: str, scratch: Path | None) -> Child:
        settings = self._settings
        env = children_env(settings.root, self._actions_port, self._environ)
        return Child(
            name,
            [str(settings.python), "-m", "engine.child", *command],
            env=env | own,
            cwd=settings.root,
            log=settings.data / "logs" / f"{name}.log",
            health=health,
            scratch=scratch,
        )


def next_pair(settings: ChildrenSettings, environ: Mapping[str, str]) -> Pair | None:
    """A pair beside those that run; None when no ports are left."""
    pairs = (Pair(settings, environ, above=above) for above in range(PAIRS))
    return next((pair for pair in pairs if pair.taken_port() is None), None)


def children_env(root: Path, actions_port: int, environ: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a child: what is listed here, and nothing else."""
    env = {name: environ[name] for name in PASSED_ON if name in environ}
    return env | {
        "PYTHONPATH": str(root),
        "PYTHONUNBUFFERED": "1",
        "RASA_TELEMETRY_ENABLED": "false",
        # Rasa's training cache gives back the classifier under its old number when config.yml's pipeline has
        # changed: the model is written without an error and cannot be loaded. Training is short without it.
        "RASA_MAX_CACHE_SIZE": "0",
        "LOG_LEVEL": "WARNING",
        "LOG_LEVEL_LIBRARIES": "ERROR",
        "SANIC_HOST": "127.0.0.1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
        # One thread: the matrices are small, and threads that wait for each other burn the bot's core.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
        "PYTHONWARNINGS": "ignore::DeprecationWarning",
        "ACTIONS_URL": f"http://127.0.0.1:{actions_port}/webhook",
    }
