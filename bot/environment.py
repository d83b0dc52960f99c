"""The environment as this program sees it: the process's own, and what a file `.env` adds to it."""

from __future__ import annotations

import os
from pathlib import Path

from dotenv import dotenv_values


def environment(root: Path) -> dict[str, str]:
    """All variables, with the lines of `root`/.env where the process has none of that name."""
    return {**{name: value for name, value in dotenv_values(root / ".env").items() if value is not None}, **os.environ}
