"""An engine in a container that grew too large: takes nothing new, ends what runs, and then itself, once."""

from __future__ import annotations

from engine.growth import EVERY, Growth, memory

MB = 1024 * 1024


def test_it_leaves_when_it_has_grown_and_nothing_runs() -> None:
    ended: list[str] = []
    held = 700
    growth = Growth(1000, lambda: ended.append("now"), held=lambda: held * MB)
    for _ in range(EVERY):
        growth.begins()
        growth.ends()
    assert not growth.leaving
    held = 1001
    growth.begins()  # a long one
    for _ in range(EVERY):
        growth.begins()
        growth.ends()
    assert growth.leaving and ended == []
    growth.ends()
    growth.begins()
    growth.ends()
    assert ended == ["now"]


def test_without_a_limit_it_never_does() -> None:
    growth = Growth(0, lambda: None, held=lambda: 10**12)
    for _ in range(EVERY * 3):
        growth.begins()
        growth.ends()
    assert not growth.leaving


def test_it_knows_its_size() -> None:
    assert 1 * MB < memory() < 100_000 * MB
