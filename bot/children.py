"""The engine and its actions as child processes: started, watched, started again, never left behind.

    python -m bot.children train | run      (what `make train` and `make engine` do)

Errors: ChildrenFailed, with a sentence for the person at the terminal.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bot.child import Child, answers, port_is_free
from bot.training import Content, TrainingFailed, train

logger = logging.getLogger(__name__)

#: Passed on to the children. Everything else stays with the bot: tokens, the database, the desk's secrets.
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SYSTEMROOT")
#: Passed on to the actions only: where the company's systems are, and how to sign in there.
ACTIONS_PREFIX = ("BACKEND_", "DEMO_")
#: A child that answered and then stays silent this long is ended and started again (seconds).
HUNG_AFTER = 30.0


class ChildrenFailed(Exception):
    """The children cannot be started; the text says why and what to do."""


@dataclass(frozen=True)
class ChildrenSettings:
    """Where things are. `root` holds config.yml, domain/, engine/ …; `data` gets models/ and logs/."""

    root: Path
    data: Path
    engine_port: int = 5005
    actions_port: int = 5055
    #: Seconds until both must answer after a start.
    start_timeout: float = 180.0

    @property
    def python(self) -> Path:
        """The Python of the engine's environment."""
        return Path(__file__).resolve().parent.parent / ".venv-engine" / "bin" / "python"


class Children:
    """Engine and actions. `await start()` returns when both answer; `ready` says whether they do now."""

    def __init__(self, settings: ChildrenSettings, *, environ: Mapping[str, str] | None = None) -> None:
        self._settings = settings
        self._environ = os.environ if environ is None else environ
        self._tasks: list[asyncio.Task[None]] = []
        self.children: tuple[Child, ...] = ()
        self.engine_url = f"http://127.0.0.1:{settings.engine_port}"

    @property
    def ready(self) -> bool:
        """Do both answer, as of the last look (at most a second ago)?"""
        return len(self.children) == 2 and all(child.answers for child in self.children)

    async def start(self) -> None:
        """Train if the content changed, start both, wait until they answer. Raises ChildrenFailed."""
        settings = self._settings
        if not settings.python.exists():
            raise ChildrenFailed("The engine's environment is missing: run `make setup`.")
        for port in (settings.engine_port, settings.actions_port):
            if not port_is_free(port):
                raise ChildrenFailed(f"Port {port} is taken: end the program there, or set ENGINE_PORT.")
        (settings.data / "logs").mkdir(parents=True, exist_ok=True)
        actions = self._actions()
        # The actions load while the model is trained: nothing of theirs depends on it.
        self._tasks.append(asyncio.create_task(actions.keep_running(), name="actions"))
        self.children = (actions,)
        try:
            content = Content(settings.root, settings.data)
            engine = self._engine(await train(content, python=settings.python, env=self._env()))
            self._tasks.append(asyncio.create_task(engine.keep_running(), name="engine"))
            self.children = (actions, engine)
            self._tasks.append(asyncio.create_task(self._watch(), name="watch"))
            await self._wait_until_ready()
        except TrainingFailed as error:
            await self.stop()
            raise ChildrenFailed(str(error)) from error
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End both and all that they started. Safe to call twice."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await asyncio.gather(*(child.end() for child in self.children))

    def _env(self) -> dict[str, str]:
        env = {name: self._environ[name] for name in PASSED_ON if name in self._environ}
        root = str(self._settings.root)
        return env | {
            "PYTHONPATH": root,
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
            "ACTIONS_URL": f"http://127.0.0.1:{self._settings.actions_port}/webhook",
        }

    def _actions(self) -> Child:
        port = str(self._settings.actions_port)
        own = {name: value for name, value in self._environ.items() if name.startswith(ACTIONS_PREFIX)}
        # Its own address as the only origin: otherwise any page in a browser here could call the actions.
        command = ["rasa_sdk", "--actions", "actions", "--port", port, "--cors", f"http://127.0.0.1:{port}"]
        return self._child("actions", command, own, f"http://127.0.0.1:{port}/health")

    def _engine(self, model: Path) -> Child:
        root = self._settings.root
        command = ["rasa", "run", "--interface", "127.0.0.1", "--port", str(self._settings.engine_port)]
        command += ["--model", str(model), "--credentials", str(root / "credentials.yml")]
        command += ["--endpoints", str(root / "endpoints.yml")]
        return self._child("engine", command, {}, f"{self.engine_url}/webhooks/turn/")

    def _child(self, name: str, command: list[str], own: dict[str, str], health: str) -> Child:
        settings = self._settings
        return Child(
            name,
            [str(settings.python), "-m", "engine.child", *command],
            env=self._env() | own,
            cwd=settings.root,
            log=settings.data / "logs" / f"{name}.log",
            health=health,
        )

    async def _watch(self) -> None:
        """Ask both whether they answer: often until they do, then once a second."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5), trust_env=False) as session:
            while True:
                for child in self.children:
                    child.heard(await answers(session, child.health))
                    if child.silence() > HUNG_AFTER:
                        logger.error("%s has not answered for %.0f s, ending it", child.name, HUNG_AFTER)
                        child.kill()
                await asyncio.sleep(1.0 if self.ready else 0.2)

    async def _wait_until_ready(self) -> None:
        until = time.monotonic() + self._settings.start_timeout
        while not self.ready:
            if time.monotonic() > until or any(child.starts > 2 for child in self.children):
                silent = " and ".join(child.name for child in self.children if not child.answers)
                raise ChildrenFailed(f"No answer from {silent}: see {self._settings.data / 'logs'}.")
            await asyncio.sleep(0.1)


async def main(verb: str) -> None:
    """`train` trains when needed; `run` serves the engine until Ctrl-C."""
    root = Path.cwd()
    port = int(os.environ.get("ENGINE_PORT") or 5005)
    children = Children(ChildrenSettings(root, root / "data", engine_port=port, actions_port=port + 50))
    if verb == "train":
        await train(Content(root, root / "data"), python=children._settings.python, env=children._env())
        return
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, ended.set)
    start, end = asyncio.create_task(children.start()), asyncio.create_task(ended.wait())
    await asyncio.wait({start, end}, return_when=asyncio.FIRST_COMPLETED)
    if start.done():
        await start
        print(f"The engine answers at {children.engine_url}", flush=True)
    await end
    start.cancel()
    await asyncio.gather(start, return_exceptions=True)
    await children.stop()


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "run"))
    except (ChildrenFailed, TrainingFailed) as failed:
        sys.exit(f"{failed}")
