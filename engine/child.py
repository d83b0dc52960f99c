"""Runs a module as `python -m` does, and ends it when the process that started it is gone, however it died.

    python -m engine.child rasa run --port 5005 ...

The service holds the other end of standard input. The end of that pipe is the only sign of a `kill -9` that
every system gives; without it a dead service would leave an engine holding its port and 700 MB.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading


def end_with_parent() -> None:
    """Wait for the end of standard input, then end this process and all it started."""
    while os.read(0, 4096):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=end_with_parent, daemon=True, name="end-with-parent").start()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
