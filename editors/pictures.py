"""The report's pictures, as plain SVG: nothing is fetched, everything prints. Colours come from the page's CSS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 760


@dataclass(frozen=True)
class Group:
    """One kind of sentences in a histogram: its CSS class and its values from 0 to 1."""

    kind: str
    name: str
    values: Sequence[float]


def matrix(names: Sequence[str], counts: Sequence[Sequence[int]], *, told: str) -> str:
    """How often a row's sentences were taken for a column's topic, in % of the row. `told` is for screen readers."""
    cell, left, top = 30, 170, 140
    width, height = left + cell * len(names) + 110, top + cell * len(names) + 10
    parts = [_open(width, height, told)]
    for n, name in enumerate(names):
        middle = cell * n + cell / 2
        place = f'x="{left - 8}" y="{top + middle + 4:.0f}" text-anchor="end"'
        parts.append(f'<text {place} class="name">{escape(name)}</text>')
        turn = f"translate({left + middle + 4:.0f} {top - 8}) rotate(-50)"
        parts.append(f'<text transform="{turn}" class="name">{escape(name)}</text>')
    for i, row in enumerate(counts):
        total = sum(row) or 1
        for j, count in enumerate(row):
            share = count / total
            kind = "right" if i == j else "wrong"
            strength = share if i == j else min(1.0, share * 4)
            x, y = left + cell * j, top + cell * i
            shade = f'class="{kind}" fill-opacity="{strength:.2f}"' if count else 'class="none"'
            title = f"<title>{escape(names[i])} → {escape(names[j])}: {count}/{total}</title>"
            parts.append(f'<rect x="{x}" y="{y}" width="{cell - 2}" height="{cell - 2}" rx="4" {shade}>{title}</rect>')
            if count and round(100 * share):
                ink = "on" if strength > 0.55 else "off"
                place = f'x="{x + cell / 2 - 1:.0f}" y="{y + cell / 2 + 3:.0f}"'
                parts.append(f'<text {place} class="value {ink}" text-anchor="middle">{100 * share:.0f}</text>')
    return "".join([*parts, "</svg>"])


def histogram(groups: Sequence[Group], lines: Sequence[tuple[float, str]], *, low: str, high: str, told: str) -> str:
    """How many sentences have which score, in % of their group, one strip per group; thresholds are drawn through."""
    bins, strip, left, top = 40, 92, 20, 34
    values = [value for group in groups for value in group.values] or [0.0, 1.0]
    least, most = min(values), max(max(values), min(values) + 1e-6)
    inner = WIDTH - 2 * left
    height = top + strip * len(groups) + 34

    def place(value: float) -> float:
        return left + inner * (min(max(value, least), most) - least) / (most - least)

    parts = [_open(WIDTH, height, told)]
    for n, group in enumerate(groups):
        counts = [0] * bins
        for value in group.values:
            counts[min(bins - 1, int((value - least) / (most - least) * bins))] += 1
        floor, tallest = top + strip * (n + 1) - 8, max(counts) or 1
        parts.append(f'<line x1="{left}" x2="{WIDTH - left}" y1="{floor}" y2="{floor}" class="axis"/>')
        for b, count in enumerate(counts):
            tall = (strip - 34) * count / tallest
            box = f'x="{left + inner * b / bins + 1:.1f}" y="{floor - tall:.1f}" height="{tall:.1f}"'
            parts.append(f'<rect {box} width="{inner / bins - 2:.1f}" rx="2" class="{group.kind}"/>' if count else "")
        label = f"{escape(group.name)} ({len(group.values)})"
        parts.append(f'<text x="{left}" y="{floor - strip + 26}" class="label">{label}</text>')
    bottom = top + strip * len(groups)
    for value, name in lines:
        x = place(value)
        anchor = "end" if x > WIDTH * 0.6 else "start"
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="20" y2="{bottom}" class="threshold"/>')
        parts.append(f'<text x="{x:.1f}" y="14" text-anchor="{anchor}" class="label">{escape(name)}</text>')
    parts.append(f'<text x="{left}" y="{bottom + 18}" class="name">← {escape(low)}</text>')
    parts.append(f'<text x="{WIDTH - left}" y="{bottom + 18}" text-anchor="end" class="name">{escape(high)} →</text>')
    return "".join([*parts, "</svg>"])


def curve(
    points: Sequence[tuple[float, float]], now: tuple[float, float], *, across: str, up: str, here: str, told: str
) -> str:
    """Points and `now` are (share across, share up), 0 to 1; across is drawn up to 30 %."""
    left, top, wide, tall, most = 56, 24, 560, 280, 0.30

    def at(point: tuple[float, float]) -> tuple[float, float]:
        return left + wide * min(point[0], most) / most, top + tall * (1 - point[1])

    parts = [_open(WIDTH, top + tall + 52, told)]
    for step in range(0, 101, 20):
        y = top + tall * (1 - step / 100)
        parts.append(f'<line x1="{left}" x2="{left + wide}" y1="{y:.0f}" y2="{y:.0f}" class="grid"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.0f}" text-anchor="end" class="name">{step}%</text>')
    for step in range(0, 31, 5):
        x = left + wide * step / 30
        parts.append(f'<text x="{x:.0f}" y="{top + tall + 18}" text-anchor="middle" class="name">{step}%</text>')
    drawn = [at(point) for point in points if point[0] <= most]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in drawn)
    parts.append(f'<polyline points="{line}" class="curve"/>')
    x, y = at(now)
    parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7" class="dot"/>')
    parts.append(f'<text x="{x + 14:.1f}" y="{y + 22:.1f}" class="label">{escape(here)}</text>')
    place = f'x="{left + wide}" y="{top + tall + 40}" text-anchor="end"'
    parts.append(f'<text {place} class="name">{escape(across)} →</text>')
    parts.append(f'<text x="{left}" y="14" class="name">↑ {escape(up)}</text>')
    return "".join([*parts, "</svg>"])


def bar(share: float, kind: str = "right") -> str:
    """A small bar of 120 for a table's cell."""
    return (
        '<svg class="bar" viewBox="0 0 120 10" aria-hidden="true"><rect width="120" height="10" rx="5" class="none"/>'
        f'<rect width="{120 * share:.0f}" height="10" rx="5" class="{kind}"/></svg>'
    )


def _open(width: float, height: float, told: str) -> str:
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" style="max-width:{width:.0f}px"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size} aria-label="{escape(told, quote=True)}">'
