"""The real action server in its own Python, spoken to over HTTP as the engine does, and the systems it asks."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.conftest import free_port

ROOT = Path(__file__).resolve().parents[2]
SYSTEMS = ("pins", "stores", "lines", "orders", "billing", "catalogue", "cases", "customers")
#: A Saturday morning, with the shops of the demo open.
NOW = "2026-11-21T11:00:00+01:00"


@dataclass(frozen=True)
class Answer:
    """What an action gave back."""

    events: list[dict[str, Any]]
    responses: list[dict[str, Any]]

    @property
    def said(self) -> list[str]:
        """The names of the responses, in order."""
        return [one["response"] for one in self.responses if one.get("response")]

    @property
    def slots(self) -> dict[str, Any]:
        """The slots as the events leave them."""
        return {event["name"]: event["value"] for event in self.events if event["event"] == "slot"}

    @property
    def ends_form(self) -> bool:
        """True when the form is over after this."""
        return any(event["event"] == "active_loop" and event["name"] is None for event in self.events)

    @property
    def persons(self) -> list[tuple[str, str, str]]:
        """(reason, topic, note) of each time a person was asked for."""
        wanted = [one["custom"]["handoff"] for one in self.responses if "handoff" in (one.get("custom") or {})]
        return [(one["reason"], one["topic"], one["note"]) for one in wanted]

    def response(self, name: str) -> dict[str, Any]:
        """The variables of one response."""
        return next(one for one in self.responses if one.get("response") == name)

    def custom(self, kind: str) -> dict[str, Any] | None:
        """The data of one kind of custom message: handoff, promise, watch, watch_result."""
        found = (one["custom"][kind] for one in self.responses if kind in (one.get("custom") or {}))
        return next(found, None)


def answered(intent: str, *answers: str) -> list[dict[str, Any]]:
    """The events of a turn in which a message of this intent got these answers."""
    message = {"event": "user", "text": "x", "parse_data": {"intent": {"name": intent}}}
    return [message, *({"event": "bot", "text": "…", "data": {}, "metadata": {"utter_action": one}} for one in answers)]


@dataclass(frozen=True)
class ActionServer:
    """A running action server."""

    url: str
    log: Path
    pid: int

    def most_memory(self) -> int:
        """Bytes that it has held at most so far."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return 1024 * int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])

    def call(
        self,
        action: str,
        *,
        text: str = "",
        intent: str = "nlu_fallback",
        confidence: float = 1.0,
        entities: Mapping[str, str] | None = None,
        slots: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        events: list[dict[str, Any]] | None = None,
        loop: str | None = None,
        asked: str | None = None,
        language: str = "it",
    ) -> Answer:
        """Run one action. `loop` and `asked`: the active form and the slot it waits for."""
        told = {"language": language, "turn_id": "turn-1", "now": NOW, "can_share_location": True, **(metadata or {})}
        message = {
            "text": text,
            "intent": {"name": intent, "confidence": confidence},
            "intent_ranking": [{"name": intent, "confidence": confidence}],
            "entities": [{"entity": name, "value": value} for name, value in (entities or {}).items()],
            "metadata": told,
        }
        tracker = {
            "sender_id": "test",
            "slots": {"language": language, "requested_slot": asked, **(slots or {})},
            "latest_message": message,
            "events": [
                *(events or []),
                {"event": "action", "name": "action_listen"},
                {"event": "user", "text": text, "metadata": told, "parse_data": message},
            ],
            "active_loop": {"name": loop} if loop else {},
            "latest_action_name": "action_listen",
            "paused": False,
            "followup_action": None,
        }
        body = {"next_action": action, "sender_id": "test", "tracker": tracker, "domain": {}}
        request = urllib.request.Request(
            f"{self.url}/webhook", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            found = json.load(answer)
        return Answer(found["events"], found["responses"])


Handler = Callable[["Asked"], "tuple[int, Any]"]


@dataclass(frozen=True)
class Asked:
    """One request that a company system got."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class FakeSystems:
    """A stand-in for all company systems at once: `handlers` answers by path, `asked` keeps what came."""

    url: str
    handlers: dict[str, Handler] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def on(self, path: str, *answers: tuple[int, Any]) -> None:
        """Answer `path` with these (status, JSON) one after the other, the last one for ever."""
        left = list(answers)
        self.handlers[path] = lambda _: left.pop(0) if len(left) > 1 else left[0]

    def slow(self, path: str, seconds: float, answer: tuple[int, Any]) -> None:
        """Answer `path` only after some seconds."""

        def wait(_: Asked) -> tuple[int, Any]:
            time.sleep(seconds)
            return answer

        self.handlers[path] = wait


@contextmanager
def running_actions(folder: Path, environ: Mapping[str, str]) -> Iterator[ActionServer]:
    """An action server on a free port with these settings, stopped at the end."""
    port, log = free_port(), folder / "actions.log"
    python = ROOT / ".venv-engine" / "bin" / "python"
    clean = {key: value for key, value in os.environ.items() if not key.startswith("BACKEND_")}
    with log.open("wb") as file:
        process = subprocess.Popen(
            [str(python), "-m", "rasa_sdk", "--actions", "actions", "--port", str(port)],
            cwd=ROOT,
            env={**clean, **environ, "PYTHONPATH": str(ROOT)},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait(process, f"http://127.0.0.1:{port}/health", log)
            yield ActionServer(f"http://127.0.0.1:{port}", log, process.pid)
        finally:
            process.terminate()
            process.wait(10)


def _wait(process: subprocess.Popen[bytes], health: str, log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(health, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"the action server did not start:\n{log.read_text(errors='replace')[-2000:]}")


@pytest.fixture(scope="session")
def actions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ActionServer]:
    """The action server with the demo systems."""
    with running_actions(tmp_path_factory.mktemp("actions"), {}) as server:
        yield server


@pytest.fixture(scope="session")
def _stand_in() -> Iterator[FakeSystems]:
    systems = FakeSystems("")

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            asked = Asked(self.command, parts.path, query, dict(self.headers), body)
            systems.asked.append(asked)
            status, answer = systems.handlers.get(parts.path, lambda _: (404, {"error": "unknown"}))(asked)
            sent = json.dumps(answer).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    server.daemon_threads = True
    systems.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield systems
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def _http_actions(tmp_path_factory: pytest.TempPathFactory, _stand_in: FakeSystems) -> Iterator[ActionServer]:
    environ = {f"BACKEND_URL_{name.upper()}": _stand_in.url for name in SYSTEMS} | {"BACKEND_TOKEN_PINS": "pins-token"}
    folder = tmp_path_factory.mktemp("http_actions")
    (folder / "token").write_text("stores-token\n")
    environ["BACKEND_TOKEN_STORES_FILE"] = str(folder / "token")
    with running_actions(folder, environ) as server:
        yield server


@pytest.fixture
def systems(_stand_in: FakeSystems) -> FakeSystems:
    """The company's systems behind `http_actions`, knowing nothing yet."""
    _stand_in.handlers.clear()
    _stand_in.asked.clear()
    return _stand_in


@pytest.fixture
def http_actions(_http_actions: ActionServer, systems: FakeSystems) -> ActionServer:
    """The action server with every system behind HTTP: `systems`."""
    return _http_actions
