"""Makes both Python environments: .venv for the bot, .venv-engine for Rasa. Costs nothing the second time.

    python3 scripts/setup.py [--dev]

Standard library only, since it runs before anything is installed. Exit code 2 with one sentence when the
machine lacks something.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BOT = ROOT / ".venv"
ENGINE = ROOT / ".venv-engine"
NO_PYTHON_310 = (
    "Rasa 3.6 needs Python 3.10, and none was found: install it (for example `pyenv install 3.10`, or your "
    "system's python3.10 with its venv module) and run this again."
)


class Missing(Exception):
    """The machine lacks something; the text tells the person what to do."""


def python_version(command: Sequence[str | Path]) -> tuple[int, int] | None:
    """Version of a Python that really runs; None if it does not (pyenv's shims exist, and fail)."""
    program = "import sys; print(*sys.version_info[:2])"
    try:
        done = subprocess.run([*command, "-I", "-c", program], capture_output=True, text=True, timeout=60)
        major, minor = done.stdout.split()
        return (int(major), int(minor)) if done.returncode == 0 else None
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


def candidates_310(home: Path) -> Iterator[str | Path]:
    """Where Python 3.10 may be, best first: the command, then pyenv's versions from the newest."""
    yield "python3.10"
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv")
    found = (pyenv / "versions").glob("3.10*/bin/python3.10")
    yield from sorted(found, key=lambda path: [int(n) for n in re.findall(r"\d+", path.parts[-3])], reverse=True)


def find_python_310(home: Path, *, uv: Sequence[str | Path]) -> str | Path:
    """A Python 3.10 that runs; asks uv to install one as the last resort. Raises Missing."""
    for candidate in candidates_310(home):
        if python_version([candidate]) == (3, 10):
            return candidate
    say("No Python 3.10 here: trying `uv python install 3.10`.")
    installed = subprocess.run([*uv, "python", "install", "3.10"], capture_output=True, text=True)
    if installed.returncode == 0:
        found = subprocess.run([*uv, "python", "find", "3.10"], capture_output=True, text=True).stdout.strip()
        if found and python_version([found]) == (3, 10):
            return found
    raise Missing(NO_PYTHON_310)


def stamp_text(lock: Path) -> str:
    """What an environment was made from: the lock's content, and the folder (none can be moved)."""
    return f"{hashlib.sha256(lock.read_bytes()).hexdigest()} {ROOT}\n"


def is_current(venv: Path, name: str) -> bool:
    """Is requirements/<name>.txt, as it is now, installed in `venv`?"""
    try:
        stamp = (venv / f"{name}.stamp").read_text()
    except OSError:
        return False
    return stamp == stamp_text(lock_of(name)) and python_version([venv / "bin" / "python"]) is not None


def lock_of(name: str) -> Path:
    """The lock file of that name."""
    return ROOT / "requirements" / f"{name}.txt"


def make_venv(python: str | Path, venv: Path) -> None:
    """A fresh environment. Raises Missing when the Python has no venv module (Debian splits it off), or for a link."""
    if venv.is_symlink():  # clearing it would empty the environment of another checkout, while that one runs
        raise Missing(f"{venv.name} is a link to {venv.resolve()}: remove the link, or set that one up where it is.")
    say(f"Making {venv.name}.")
    options = ["--clear"] if venv == BOT else ["--clear", "--without-pip"]
    done = subprocess.run([python, "-m", "venv", *options, venv], capture_output=True, text=True)
    if done.returncode != 0:
        raise Missing(
            f"{python} cannot make an environment; on Debian install its `-venv` package.\n"
            f"{(done.stdout + done.stderr).strip()[-500:]}"
        )


def install(uv: Sequence[str | Path], venv: Path, name: str, *, exact: bool) -> None:
    """Install a lock; `exact` also removes what it does not name. uv shows its progress itself."""
    say(f"Installing requirements/{name}.txt into {venv.name}.")
    verb = ["pip", "sync"] if exact else ["pip", "install", "-r"]
    command = [*uv, *verb, lock_of(name), "--require-hashes", "--python", venv / "bin" / "python"]
    if subprocess.run(command, cwd=ROOT).returncode != 0:
        raise Missing(f"Installing requirements/{name}.txt failed, see above. Is the network there?")
    (venv / f"{name}.stamp").write_text(stamp_text(lock_of(name)))


def bot_environment(*, dev: bool) -> list[str | Path]:
    """Bring .venv up to date and return the uv command that lives in it."""
    uv: list[str | Path] = [BOT / "bin" / "python", "-m", "uv"]
    wanted = "dev" if dev or (BOT / "dev.stamp").exists() else "bot"
    if is_current(BOT, wanted):
        return uv
    if not is_current(BOT, "uv"):
        make_venv(sys.executable, BOT)
        pip: list[str | Path] = [BOT / "bin" / "python", "-m", "pip", "install", "--quiet"]
        if subprocess.run([*pip, "--require-hashes", "-r", lock_of("uv")]).returncode != 0:
            raise Missing("Installing uv failed; see above. Is the package index reachable?")
        (BOT / "uv.stamp").write_text(stamp_text(lock_of("uv")))
    # Without --dev uv itself is not in the lock, and must not be removed.
    install(uv, BOT, wanted, exact=wanted == "dev")
    return uv


def engine_environment(uv: Sequence[str | Path]) -> None:
    """Bring .venv-engine up to date."""
    if is_current(ENGINE, "engine"):
        return
    if python_version([ENGINE / "bin" / "python"]) != (3, 10):
        make_venv(find_python_310(Path.home(), uv=uv), ENGINE)
    say("Rasa brings TensorFlow along: about 600 MB the first time.")
    install(uv, ENGINE, "engine", exact=True)


def say(text: str) -> None:
    """One plain line of progress."""
    print(f"[set-up] {text}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> int:
    """Make what is missing; one set-up at a time, so that `make run` and `make test` can start together."""
    os.environ.pop("VIRTUAL_ENV", None)
    with (ROOT / ".setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            engine_environment(bot_environment(dev="--dev" in arguments))
        except Missing as missing:
            print(missing, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
