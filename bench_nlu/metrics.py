"""The measures. All take plain lists; scores grow with "I know this"."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from math import floor

BINS = 10


def share(hits: Sequence[bool]) -> float:
    """Per cent of true ones."""
    return 100 * sum(hits) / len(hits)


def quantile(values: Sequence[float], part: float) -> float:
    """The value below which `part` of them lie."""
    ordered = sorted(values)
    return ordered[min(floor(part * len(ordered)), len(ordered) - 1)]


def rejected(inside: Sequence[float], outside: Sequence[float], refused: float) -> float:
    """Per cent of what is out of scope rejected, at the threshold that refuses this share of what is in scope."""
    threshold = quantile(inside, refused)
    return share([score < threshold for score in outside])


def auroc(inside: Sequence[float], outside: Sequence[float]) -> float:
    """Per cent of pairs in which what is in scope scores higher; a tie counts half."""
    ordered = sorted(outside)
    below = sum(bisect_left(ordered, score) + bisect_right(ordered, score) for score in inside)
    return 100 * below / 2 / len(inside) / len(outside)


def calibration_error(confidences: Sequence[float], right: Sequence[bool]) -> float:
    """Expected calibration error over ten bins of equal width: 0 is perfect."""
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for confidence, hit in zip(confidences, right, strict=True):
        bins[min(int(confidence * BINS), BINS - 1)].append((confidence, hit))
    return sum(abs(sum(c - h for c, h in each)) for each in bins) / len(right)


def allowed_threshold(inside: Sequence[float], right: Sequence[bool], refused: float) -> float:
    """The threshold that turns away this share of what would be answered right.

    Not one at which both errors balance: a hundred sentences out of scope would move that far.
    """
    return quantile([score for score, hit in zip(inside, right, strict=True) if hit], refused)
