"""Renews requirements/*.txt from requirements/*.in: for all systems, with hashes, without addresses.

make lock
make lock UPGRADE=1     also take newer releases of what is already locked
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements"
#: name, lowest Python that must be able to install it, the lock whose pins it shares
LOCKS = (
    ("uv", "3.11", None),
    ("bot", "3.11", None),
    ("dev", "3.11", "bot"),
    ("engine", "3.10", None),
    ("actions", "3.10", "engine"),
)


def lock_command(name: str, python: str, shared: str | None) -> list[str]:
    """The uv command that writes requirements/<name>.txt, to be run in requirements/."""
    command = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "compile",
        "--quiet",
        "--config-file",
        "uv.toml",
        "--universal",
        "--generate-hashes",
        "--no-emit-index-url",
        "--no-emit-find-links",
        "--custom-compile-command",
        "make lock",
        "--python-version",
        python,
        f"{name}.in",
        "--output-file",
        f"{name}.txt",
    ]
    if shared:
        command += ["--constraints", f"{shared}.txt"]
    if os.environ.get("UPGRADE"):
        command.append("--upgrade")
    return command


def main() -> None:
    """Lock all, in the order in which they build on each other."""
    for name, python, shared in LOCKS:
        print(f"locking requirements/{name}.txt", flush=True)
        subprocess.run(lock_command(name, python, shared), cwd=REQUIREMENTS, check=True)


if __name__ == "__main__":
    main()
