"""Locks the engine in, then runs a module as `python -m` does:

    python -m engine.locked rasa run --port 5005 ...

Whatever a library or a model makes the engine do: it connects to nobody but its actions, looks up no other name, writes
only into its own temporary folder, and starts no program. This is Python's own audit hook. It cannot be taken off
again, and it stops code that misbehaves; code that attacks from within C is stopped by the container around it
(docker-compose.yml: an internal network, read-only files, no rights).
"""

from __future__ import annotations

import os
import runpy
import socket
import sys
import tempfile
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
#: Changes to files: event -> which of its arguments are paths, and which the folder each is relative to.
CHANGES = {
    "os.remove": ((0, 1),), "os.mkdir": ((0, 2),), "os.rmdir": ((0, 1),), "os.chmod": ((0, 2),),
    "os.chown": ((0, 3),), "os.truncate": ((0, None),), "os.utime": ((0, 3),), "os.rename": ((0, 2), (1, 3)),
    "os.link": ((0, 2), (1, 3)), "os.symlink": ((1, 2),), "os.setxattr": ((0, None),),
}  # fmt: skip
PROGRAMS = frozenset({
    "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "pty.spawn",
})  # fmt: skip


class Lock:
    """The audit hook: raises PermissionError at what the engine must not do."""

    def __init__(self, actions_url: str, folder: str) -> None:
        """`actions_url`: the only address it may call, "" for none; `folder`: the only one it may write to."""
        parts = urlsplit(actions_url)
        self._host, self._port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        self._known: set[str] = set()
        self._folder = os.path.realpath(folder) + os.sep
        self._judges: dict[str, Callable[[tuple[Any, ...]], str]] = {
            "open": self._open,
            "socket.connect": lambda args: self._connect(args[1]),
            "socket.sendto": lambda args: self._connect(args[1]),
            "socket.sendmsg": lambda args: self._connect(args[1]) if args[1] else "",
            "socket.getaddrinfo": lambda args: self._name(args[0]),
            "socket.gethostbyname": lambda args: self._name(args[0]),
            **{event: self._change(places) for event, places in CHANGES.items()},
            **{event: lambda _args: "starts no program" for event in PROGRAMS},
        }

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        """Called by Python at every audited event, in any thread."""
        judge = self._judges.get(event)
        problem = judge(args) if judge else ""
        if problem:
            # An OSError: what can do without (a cache, a byte-code file) then does without.
            raise PermissionError(f"the engine is locked in: it {problem} ({event})")

    def _connect(self, address: Any) -> str:
        if not isinstance(address, tuple) or len(address) < 2 or address[1] != self._port:
            return "calls nobody but its actions"
        if address[0] not in self._known and self._host:
            # The actions may have moved to another machine of that name.
            self._known = {str(found[4][0]) for found in socket.getaddrinfo(self._host, self._port)}
        return "" if address[0] in self._known else "calls nobody but its actions"

    def _name(self, host: Any) -> str:
        name = host.decode() if isinstance(host, bytes) else host
        own = name in (None, "", "localhost", "0.0.0.0", "127.0.0.1", "::", "::1", self._host)
        return "" if own else "asks for no name but its actions'"

    def _open(self, args: tuple[Any, ...]) -> str:
        path, mode, flags = args
        writes = bool(set(mode) & set("wax+")) if isinstance(mode, str) else bool((flags or 0) & WRITES)
        # Opening follows a link, also one in its own folder that leads out of it.
        return self._path(path if isinstance(path, int) else os.path.realpath(path), None) if writes else ""

    def _change(self, places: tuple[tuple[int, int | None], ...]) -> Callable[[tuple[Any, ...]], str]:
        def judge(args: tuple[Any, ...]) -> str:
            problems = (self._path(args[path], None if at is None else args[at]) for path, at in places)
            return next(filter(None, problems), "")

        return judge

    def _path(self, path: Any, folder: Any) -> str:
        """"" for what may be written: files that are open already, and all below its own folder."""
        if isinstance(path, int) or os.fsdecode(path) == os.devnull:
            return ""
        name = os.fsdecode(path)
        if isinstance(folder, int) and folder >= 0 and not os.path.isabs(name):
            name = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), name)
        # What is removed or renamed may itself be a link: only its folder is followed.
        whole = os.path.join(os.path.realpath(os.path.dirname(name) or "."), os.path.basename(name)) + os.sep
        return "" if whole.startswith(self._folder) else "writes only into its own folder"


def lock_in(actions_url: str) -> None:
    """From now on, and for good."""
    # uvloop connects and looks names up in C, where no audit hook sees it; without it everyone uses Python's loop.
    sys.modules["uvloop"] = None  # type: ignore[assignment]
    sys.addaudithook(Lock(actions_url, tempfile.gettempdir()))


if __name__ == "__main__":
    lock_in(os.environ.get("ACTIONS_URL", ""))
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
