"""Files of others that we serve: exactly those of the package that is named beside them, with their licence."""

from __future__ import annotations

import hashlib
from pathlib import Path

VENDOR = Path(__file__).resolve().parent.parent / "bot/desk/static/vendor"
#: Of the files in uplot 1.6.32, as the registry serves it.
SUMS = {
    "uplot/uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uplot/uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}


def test_they_are_unchanged_and_nothing_else_is_there() -> None:
    files = {file.relative_to(VENDOR).as_posix() for file in VENDOR.rglob("*") if file.is_file()}
    assert files == {*SUMS, "README.md", "uplot/LICENSE"}
    for name, sum_ in SUMS.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == sum_, name
    assert "MIT" in (VENDOR / "uplot/LICENSE").read_text()
