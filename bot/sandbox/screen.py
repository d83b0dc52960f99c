"""What one customer sees on the phone, whichever platform it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

Author = Literal["customer", "bot", "system"]
Wanted = str | Callable[["Bubble"], bool]


@dataclass(frozen=True)
class Button:
    """Something to tap.

    `kind` of a quick reply: text, location, contact, email; of an inline button: callback, postback, url.
    """

    title: str
    kind: str = "text"
    payload: str = ""


@dataclass(frozen=True)
class Bubble:
    """One message as the customer sees it. Addresses are paths on the sandbox's own page.

    `buttons` are the quick replies shown now, `inline` the buttons that belong to the message for good.
    `sender` and `picture` say whose face is shown beside it ("" for the customer's own). `kind`: text, photo,
    voice, document, sticker, location, contact. `ticks` of a customer's message: 1 sent, 2 the bot has it,
    3 seen.
    """

    id: str
    author: Author
    at: datetime
    text: str = ""
    kind: str = "text"
    image: str = ""
    file: str = ""
    file_name: str = ""
    sender: str = ""
    picture: str = ""
    buttons: tuple[Button, ...] = ()
    inline: tuple[Button, ...] = ()
    edited: bool = False
    ticks: int = 0

    @property
    def quick_replies(self) -> tuple[str, ...]:
        """The titles that can be tapped now."""
        return tuple(button.title for button in self.buttons)


class Screen:
    """The bubbles of one phone, and who must be told when they change."""

    def __init__(self, listeners: list[Callable[[], None]]) -> None:
        self.bubbles: list[Bubble] = []
        self.typing: str = ""  # who is typing, "" when nobody
        self._listeners = listeners
        self._changed = asyncio.Event()
        self._no_more_typing: asyncio.TimerHandle | None = None

    def add(self, bubble: Bubble) -> Bubble:
        """Show one more. What the bot says ends the typing dots."""
        self.bubbles.append(bubble)
        if bubble.author == "bot":
            self.typing = ""
        self.touch()
        return bubble

    def change(self, bubble_id: str, **changes: Any) -> None:
        """Replace fields of one bubble; unknown ids are ignored (the phone was reset meanwhile)."""
        for n, bubble in enumerate(self.bubbles):
            if bubble.id == bubble_id:
                self.bubbles[n] = replace(bubble, **changes)
        self.touch()

    def tick(self, bubble_id: str, ticks: int) -> None:
        """Raise the ticks of one of the customer's messages."""
        for bubble in self.bubbles:
            if bubble.id == bubble_id and bubble.ticks < ticks:
                self.change(bubble_id, ticks=ticks)

    def types(self, who: str, seconds: float) -> None:
        """Show typing dots for `who` during `seconds`; "" ends them."""
        self.typing = who
        if self._no_more_typing:
            self._no_more_typing.cancel()
        if who:
            self._no_more_typing = asyncio.get_running_loop().call_later(seconds, self.types, "", 0)
        self.touch()

    def touch(self) -> None:
        """Tell everybody who waits or watches."""
        self._changed.set()
        self._changed = asyncio.Event()
        for listener in self._listeners:
            listener()

    async def wait(self, found: Callable[[], Bubble | None], seconds: float) -> Bubble | None:
        """What `found` gives as soon as it gives something, None after `seconds`."""
        end = asyncio.get_running_loop().time() + seconds
        while (bubble := found()) is None:
            try:
                async with asyncio.timeout_at(end):
                    await self._changed.wait()
            except TimeoutError:
                return found()
        return bubble


class Watching:
    """The part of a customer that looks at the screen; the same on each platform."""

    name: str
    phone: Screen

    def screen(self) -> list[Bubble]:
        """Everything on the phone now, oldest first, quick replies only where they can still be tapped."""
        return list(self.phone.bubbles)

    @property
    def sees_typing(self) -> bool:
        """Are the dots shown now?"""
        return bool(self.phone.typing)

    async def waits_for(self, wanted: Wanted, seconds: float = 30, *, since: Bubble | None = None) -> Bubble:
        """The first bubble of the other side that holds the text `wanted` (any case) or that it approves.

        With `since`, only bubbles below that one count. Raises AssertionError with the whole screen when none
        came within `seconds`.
        """

        def found() -> Bubble | None:
            shown = self.screen()
            if since is not None:
                ids = [bubble.id for bubble in shown]
                shown = shown[ids.index(since.id) + 1 :]
            return next((b for b in shown if b.author == "bot" and _is(b, wanted)), None)

        bubble = await self.phone.wait(found, seconds)
        if bubble is None:
            waited = f"{self.name} waited {seconds} s for {wanted!r}"
            raise AssertionError(f"{waited} and sees:\n{self.described()}")
        return bubble

    def described(self) -> str:
        """The screen as text, for a failed test's message."""
        lines = []
        for bubble in self.screen():
            what = bubble.text or f"<{bubble.kind}>"
            buttons = f"  [{' | '.join(bubble.quick_replies)}]" if bubble.buttons else ""
            lines.append(f"  {bubble.sender or bubble.author}: {what}{buttons}")
        return "\n".join(lines) or "  (nothing)"


def _is(bubble: Bubble, wanted: Wanted) -> bool:
    return wanted.casefold() in bubble.text.casefold() if isinstance(wanted, str) else wanted(bubble)
