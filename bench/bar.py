"""The progress bar: one part after the other, each under its name."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


class Bar:
    """Shown in a terminal; elsewhere each part is a line."""

    def __init__(self, parts: int) -> None:
        self._bar = tqdm(total=parts, desc="bench", unit="part", leave=False, disable=not sys.stderr.isatty())
        self._part = 0.0

    def show(self, share: float) -> None:
        """How much of the present part is done, 0 to 1."""
        self._bar.update(max(min(share, 1.0) - self._part, 0))
        self._part = max(min(share, 1.0), self._part)

    def step(self, name: str, work: Callable[[], T]) -> T:
        """Do one part of the run under its name."""
        self._bar.set_description(name)
        if self._bar.disable:
            print(f"  {name}", file=sys.stderr, flush=True)
        self._part = 0.0
        result = work()
        self.show(1.0)
        return result

    def close(self) -> None:
        """Take it off the screen."""
        self._bar.close()
