"""Bells that are heard in every process.

`outgoing` is told to others only by a process that does not deliver itself: who wrote rows and delivers sends them,
and need not wake everybody for each of them.
"""

from __future__ import annotations

from bot.between.link import Link
from bot.flow.way import Bell, Way


class SharedBell(Bell):
    """Rings here at once, and elsewhere when Redis is there."""

    def __init__(self, link: Link, name: str, *, tells: bool = True) -> None:
        """`name`: the same in every process. `tells`: whether rings of this process are for others too."""
        super().__init__()
        self._link, self._name = link, name
        self._tells = tells
        link.hear(name, lambda _text: self.sound())
        link.changed.append(self.sound)  # what was rung meanwhile is lost: all look at the store

    def ring(self) -> None:
        """Wake all who wait, in all processes."""
        self.sound()
        if self._tells:
            self._link.tell(self._name)


def share_bells(way: Way, link: Link, *, delivers: bool) -> None:
    """Put shared bells into the way. Before anyone waits for one."""
    way.inbound = SharedBell(link, "inbound")
    way.outgoing = SharedBell(link, "outgoing", tells=not delivers)
    way.live = SharedBell(link, "live")
