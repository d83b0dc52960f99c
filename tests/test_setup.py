"""The set-up: locks that can be trusted anywhere, and a Python 3.10 that really runs."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def load_setup() -> ModuleType:
    spec = importlib.util.spec_from_file_location("setup_script", ROOT / "scripts" / "setup.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def python_that_says(path: Path, version: str | None) -> Path:
    """A fake interpreter: prints a version as the set-up asks for it, or fails as a pyenv shim does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + (f"echo {version}\n" if version else "echo 'command not found' >&2; exit 127\n"))
    path.chmod(0o755)
    return path


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with nothing in it, and a PATH with one empty folder before the system's tools."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin")
    monkeypatch.delenv("PYENV_ROOT", raising=False)
    return tmp_path


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_package_is_pinned_with_hashes_and_no_host_is_named(lock: Path) -> None:
    text = lock.read_text()
    packages = re.findall(r"(?m)^[a-z0-9][^\n]*(?:\n    --hash[^\n]*)*", text)
    assert packages and all("==" in package and "--hash=sha256:" in package for package in packages)
    assert not re.search(r"https?://|--index|--find-links|\bfile:|/work/|/root/", text)


@pytest.mark.parametrize("source", sorted((ROOT / "requirements").glob("*.in")), ids=lambda source: source.name)
def test_every_wish_is_locked(source: Path) -> None:
    names = [re.match(r"[\w.-]+", line) for line in source.read_text().splitlines() if line[:1].isalpha()]
    locked = source.with_suffix(".txt").read_text()
    for name in names:
        assert name and re.search(rf"(?mi)^{name[0]}(\[[\w,]+\])?==", locked), name


def test_a_python_310_that_does_not_run_is_passed_over(machine: Path) -> None:
    python_that_says(machine / "bin" / "python3.10", None)
    older = python_that_says(machine / ".pyenv" / "versions" / "3.10.2" / "bin" / "python3.10", "3 10")
    newer = python_that_says(machine / ".pyenv" / "versions" / "3.10.13" / "bin" / "python3.10", "3 10")
    found = load_setup().find_python_310(machine, uv=["false"])
    assert found == newer != older


def test_a_python_310_on_the_path_that_runs_comes_first(machine: Path) -> None:
    python_that_says(machine / "bin" / "python3.10", "3 10")
    python_that_says(machine / ".pyenv" / "versions" / "3.10.13" / "bin" / "python3.10", "3 10")
    assert load_setup().find_python_310(machine, uv=["false"]) == "python3.10"


def test_pyenv_may_live_elsewhere(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYENV_ROOT", str(machine / "opt" / "pyenv"))
    there = python_that_says(machine / "opt" / "pyenv" / "versions" / "3.10.13" / "bin" / "python3.10", "3 10")
    assert load_setup().find_python_310(machine, uv=["false"]) == there


def test_a_python_of_another_version_is_not_taken(machine: Path) -> None:
    python_that_says(machine / "bin" / "python3.10", "3 11")
    uv = python_that_says(machine / "uv", None)
    uv.write_text(f"#!/bin/sh\n[ $2 = find ] && echo {machine}/managed/python3.10\nexit 0\n")
    python_that_says(machine / "managed" / "python3.10", "3 10")
    assert load_setup().find_python_310(machine, uv=[uv]) == f"{machine}/managed/python3.10"


def test_without_any_python_310_one_sentence_says_what_to_do(machine: Path) -> None:
    setup = load_setup()
    with pytest.raises(setup.Missing, match="install it"):
        setup.find_python_310(machine, uv=["false"])


def test_the_environment_of_another_checkout_is_not_emptied(tmp_path: Path) -> None:
    setup, linked = load_setup(), tmp_path / ".venv"
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "pyvenv.cfg").write_text("kept")
    linked.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(setup.Missing, match="is a link"):
        setup.make_venv(sys.executable, linked)
    assert (tmp_path / "elsewhere" / "pyvenv.cfg").read_text() == "kept"


def test_the_second_set_up_has_nothing_to_do() -> None:
    done = subprocess.run([sys.executable, "scripts/setup.py", "--dev"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_skipped_test_fails_in_ci(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("import pytest\ndef test_it(): pytest.skip('no browser')\n")
    codes = {}
    for ci in ("true", ""):
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no_skips", "-p", "no:cacheprovider", str(tmp_path)]
        env = {**os.environ, "CI": ci, "PYTHONPATH": str(ROOT / "tests")}
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
        codes[ci] = done.returncode
    assert codes == {"true": 1, "": 0}
