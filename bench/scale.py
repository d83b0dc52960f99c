"""How much is measured, and what was found. Times in seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bench import acks, engines, inbox, live, pulling, size, waits
from bench.processes import Memory


@dataclass(frozen=True)
class Scale:
    """How long each part takes."""

    rates: tuple[int, ...] = (25, 50, 100)
    open_seconds: float = 15
    closed_rounds: int = 3
    closed_seconds: float = 8
    warm_up: float = 2
    conversations: int = 32  # at once, at saturation
    places: tuple[int, ...] = (100, 1000)
    stock_places: tuple[int, ...] = (100, 200)
    around: int = 20  # turns at each place
    acks: acks.Scale = acks.Scale()
    engines: engines.Scale = engines.Scale()
    size: size.Scale = size.Scale()
    inbox: inbox.Scale = inbox.Scale()
    pulling: pulling.Scale = pulling.Scale()
    live: live.Scale = live.Scale()
    wait_seeds: tuple[int, ...] = waits.SEEDS


QUICK = Scale(
    rates=(25, 50),
    open_seconds=4,
    closed_rounds=1,
    closed_seconds=5,
    warm_up=1,
    places=(100, 300),
    acks=acks.Scale(rounds=3),
    engines=engines.QUICK,
    size=size.QUICK,
    inbox=inbox.QUICK,
    pulling=pulling.QUICK,
    live=live.QUICK,
    wait_seeds=waits.SEEDS[:1],
)


@dataclass
class Found:
    """All that was measured. Keys: "bot" and, unless it was left out, "stock"."""

    open: dict[str, dict[int, dict[str, Any]]] = field(default_factory=dict)
    closed: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    turns: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    acks: acks.Found = field(default_factory=dict)
    engines: engines.Found = field(default_factory=dict)
    size: size.Found = field(default_factory=dict)
    inbox: inbox.Found = field(default_factory=dict)
    pulling: pulling.Found = field(default_factory=dict)
    live: live.Found = field(default_factory=dict)
    waits: waits.Found = field(default_factory=dict)
    memory: dict[str, dict[str, Memory]] = field(default_factory=dict)
    starts: dict[str, float] = field(default_factory=dict)
    others: list[float] = field(default_factory=list)  # cores that strangers used during each round at saturation
