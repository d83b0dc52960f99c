"""Turns that only show what would be done: a new model is tried on real conversations, and nothing happens."""

from __future__ import annotations

from typing import Any

from rasa.core.actions.action import RemoteAction
from rasa.shared.core.events import Event

from engine.tracker import CURRENT


def spare_actions() -> None:
    """In a rehearsal let custom actions do nothing, which shows in the turn's events by their names. Called once."""
    run = RemoteAction.run

    async def spared(self: RemoteAction, *args: Any, **kwargs: Any) -> list[Event]:
        state = CURRENT.get(None)
        if state is not None and state.rehearsal:
            return []
        done: list[Event] = await run(self, *args, **kwargs)
        return done

    if run.__name__ != spared.__name__:
        RemoteAction.run = spared
