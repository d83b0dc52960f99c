"""Who has a conversation open, and who types in it: where processes share this without the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Glances(Protocol):
    """Kept outside the store, and lost without harm: open pages report again within seconds.

    What cannot be kept or told now is said by False or None; then the store is used (`bot/store/presence.py`).
    """

    #: Called with a conversation when who looks at it, or types in it, changed: here or in another process.
    heard: list[Callable[[int], None]]

    async def looks(self, conversation_id: int, agent_id: int, *, typing: bool) -> bool:
        """A person has the conversation open."""

    async def away(self, agent_id: int) -> bool:
        """A person has nothing open any more."""

    async def lookers(self, conversation_id: int) -> dict[int, bool] | None:
        """Who has the conversation open now, and whether they type."""
