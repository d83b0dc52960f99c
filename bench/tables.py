"""Promises and tables: what every part of the page is made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Target:
    """One promise: what, how much of it, and whether enough. `bound` is a limit from below unless `most`."""

    what: str
    value: float
    bound: float
    most: bool = False
    unit: str = "x"
    room: str = ""  # why it cannot be met on this machine

    @property
    def met(self) -> bool:
        """Whether the promise is kept; a value that could not be measured (nan) keeps none."""
        return self.value <= self.bound if self.most else self.value >= self.bound

    @property
    def row(self) -> list[str]:
        """The cells of the table of targets."""
        bound = f"{'at most' if self.most else 'at least'} {self.bound:g}{_unit(self.unit)}"
        return [self.what, bound, f"{self.value:.2f}{_unit(self.unit)}", self._verdict]

    @property
    def _verdict(self) -> str:
        return "yes" if self.met else self.room or "**no**"


def middle(rounds: Sequence[dict[str, Any]], key: str) -> float:
    """The median of one number over rounds."""
    return median(float(each[key]) for each in rounds)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, its columns aligned so that it reads well in a terminal too."""
    cells = [list(head), *map(list, rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |" for row in cells]
    return "\n".join([lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *lines[1:]])


def _unit(unit: str) -> str:
    return unit if unit in ("x", "") else f" {unit}"
