"""One customer's Telegram: what they do becomes updates, what the bot does becomes bubbles."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bot.sandbox.samples import drawn, picture_size, sample_document, sample_sticker, voice
from bot.sandbox.screen import Bubble, Button, Screen, Watching
from bot.sandbox.telegram.limits import TEXT, units
from bot.sandbox.wire import StoredFile

if TYPE_CHECKING:
    from bot.sandbox.telegram.server import Telegram

JSON = dict[str, Any]


class TelegramCustomer(Watching):
    """A person with a private chat with the bot. Made by `sandbox.telegram.customer(name, language)`."""

    def __init__(self, side: Telegram, name: str, language: str) -> None:
        self.name, self.language = name, language
        self.id = secrets.randbelow(8_000_000_000) + 100_000_000
        self.phone = Screen(side.listeners)
        self.keyboard: list[list[Button]] = []
        self.wrote = False
        self.blocked = False
        self._side = side
        self.keyboard_from = ""
        self.one_time = False

    async def starts(self, payload: str = "") -> Bubble:
        """Tap START (or a deep link with `payload`)."""
        return await self.says(f"/start {payload}".strip())

    async def says(self, text: str) -> Bubble:
        """Type a text and send it; longer ones are cut in pieces as the app does. The (last) bubble."""
        while units(text) > TEXT:
            piece, text = text[: TEXT // 2], text[TEXT // 2 :]
            await self._sends(Bubble("", "customer", self._now(), piece), {"text": piece})
        body: JSON = {"text": text}
        if text.startswith("/"):
            length = units(text.split()[0])
            body["entities"] = [{"type": "bot_command", "offset": 0, "length": length}]
        return await self._sends(Bubble("", "customer", self._now(), text), body)

    async def taps(self, title: str) -> Bubble | None:
        """Tap a button shown now: a reply keyboard sends its title as text (or the position, the contact),
        an inline button sends a callback query (and shows nothing). AssertionError when it is not there."""
        for button in (button for row in self.keyboard for button in row):
            if button.title == title:
                return await self._taps_key(button)
        for bubble in reversed(self.phone.bubbles):
            for button in bubble.inline:
                if button.title == title:
                    self._taps_inline(bubble, button)
                    return None
        raise AssertionError(f"{self.name} sees no button {title!r}:\n{self.described()}")

    async def shares_location(self, lat: float, lon: float) -> Bubble:
        """Send a position (degrees)."""
        bubble = Bubble("", "customer", self._now(), f"{lat:.4f}, {lon:.4f}", kind="location")
        return await self._sends(bubble, {"location": {"latitude": lat, "longitude": lon}})

    async def shares_contact(self, phone: str, *, own: bool = True) -> Bubble:
        """Send a phone number: one's own, vouched for by Telegram, or somebody else's."""
        contact: JSON = {"phone_number": phone, "first_name": self.name if own else "Altra persona"}
        if own:
            contact["user_id"] = self.id
        return await self._sends(
            Bubble("", "customer", self._now(), phone, kind="contact"), {"contact": contact}
        )

    async def sends_photo(self, data: bytes = b"", *, caption: str = "") -> Bubble:
        """Send a photo (any picture Pillow reads; a drawn one by default)."""
        data = data or drawn("foto di prova")
        file_id, path = self._side.keep(StoredFile(data, "image/jpeg", "photo.jpg"), folder="photos")
        width, height = picture_size(data) or (90, 90)
        body: JSON = {"photo": self._side.photo_sizes(file_id, width, height)}
        if caption:
            body["caption"] = caption
        return await self._sends(Bubble("", "customer", self._now(), caption, kind="photo", image=path), body)

    async def sends_voice(self, data: bytes = b"", *, seconds: int = 2) -> Bubble:
        """Send a voice message (Ogg)."""
        return await self._sends_file(
            StoredFile(data or voice(), "audio/ogg", "voice.ogg"), "voice", extra={"duration": seconds}
        )

    async def sends_document(
        self, data: bytes = b"", *, name: str = "documento.pdf", mime: str = "application/pdf"
    ) -> Bubble:
        """Send a file as it is (a PDF by default)."""
        file = StoredFile(data or sample_document(), mime, name)
        return await self._sends_file(file, "document", extra={"file_name": name})

    async def sends_sticker(self, data: bytes = b"") -> Bubble:
        """Send a sticker (WEBP)."""
        extra: JSON = {"type": "regular", "width": 512, "height": 512, "emoji": "😊", "set_name": "Prova"}
        file = StoredFile(data or sample_sticker(), "image/webp", "sticker.webp")
        return await self._sends_file(
            file, "sticker", extra={**extra, "is_animated": False, "is_video": False}
        )

    async def edits(self, message: Bubble, text: str) -> Bubble:
        """Change the text of a message sent before."""
        body = self._side.history[self.id, int(message.id)]
        body = {**body, "text": text, "edit_date": int(self._now().timestamp())}
        body.pop("entities", None)
        self._side.history[self.id, int(message.id)] = body
        self.phone.change(message.id, text=text, edited=True)
        self._side.updates.add("edited_message", body, queue=f"chat {self.id}", taken=lambda: None)
        return next(bubble for bubble in self.phone.bubbles if bubble.id == message.id)

    async def blocks(self) -> None:
        """Block the bot: it learns of it, and can't write any more."""
        self._membership("member", "kicked")
        self.blocked = True
        self.phone.touch()

    async def unblocks(self) -> None:
        """Let the bot write again."""
        self._membership("kicked", "member")
        self.blocked = False
        self.phone.touch()

    def screen(self) -> list[Bubble]:
        """See Watching.screen; the reply keyboard counts as the buttons of the bubble that brought it."""
        keys = tuple(button for row in self.keyboard for button in row)
        return [
            replace(bubble, buttons=keys) if bubble.id == self.keyboard_from else bubble
            for bubble in self.phone.bubbles
        ]

    # What the bot does, called by the Bot API side.

    def user(self) -> JSON:
        """The customer as a `User`."""
        return {"id": self.id, "is_bot": False, "first_name": self.name, "language_code": self.language}

    def chat(self) -> JSON:
        """The private chat as a `Chat`."""
        return {"id": self.id, "first_name": self.name, "type": "private"}

    def receives(self, bubble: Bubble, markup: JSON | None) -> None:
        """Show a message of the bot, and the keyboard it brings or takes away."""
        if markup and "keyboard" in markup:
            self.keyboard = [[_key(button) for button in row] for row in markup["keyboard"]]
            self.keyboard_from, self.one_time = bubble.id, bool(markup.get("one_time_keyboard"))
        elif markup and "remove_keyboard" in markup:
            self.keyboard, self.keyboard_from = [], ""
        self.phone.add(bubble)

    # The pieces.

    async def _taps_key(self, button: Button) -> Bubble:
        if button.kind == "location":
            return await self.shares_location(45.4642, 9.1900)
        if button.kind == "contact":
            return await self.shares_contact("+393331234567")
        return await self.says(button.title)

    def _taps_inline(self, bubble: Bubble, button: Button) -> None:
        if button.kind != "callback":
            return
        query_id = str(secrets.randbits(62))
        body: JSON = {
            "id": query_id,
            "from": self.user(),
            "message": self._side.history[self.id, int(bubble.id)],
            "chat_instance": str(self.id),
            "data": button.payload,
        }
        self._side.callbacks[query_id] = self
        self._side.updates.add("callback_query", body, queue=f"taps {self.id}", taken=lambda: None)

    async def _sends_file(self, file: StoredFile, kind: str, *, extra: JSON) -> Bubble:
        file_id, path = self._side.keep(file, folder=f"{kind}s")
        described = {
            "file_id": file_id,
            "file_unique_id": file_id[-15:],
            "file_size": len(file.data),
            **({} if kind == "sticker" else {"mime_type": file.mime}),
            **extra,
        }
        image = path if kind == "sticker" else ""
        bubble = Bubble("", "customer", self._now(), kind=kind, image=image, file=path, file_name=file.name)
        return await self._sends(bubble, {kind: described})

    async def _sends(self, bubble: Bubble, body: JSON) -> Bubble:
        if self.blocked:
            raise AssertionError(f"{self.name} blocked the bot and can't write to it")
        self.wrote = True
        if self.one_time:
            self.keyboard, self.keyboard_from, self.one_time = [], "", False
        message = self._side.new_message(self, body, sender=self.user())
        bubble = self.phone.add(replace(bubble, id=str(message["message_id"]), ticks=1))
        taken = lambda: self.phone.tick(bubble.id, 2)  # noqa: E731
        self._side.updates.add("message", message, queue=f"chat {self.id}", taken=taken)
        return bubble

    def _membership(self, old: str, new: str) -> None:
        bot = self._side.me()
        states: dict[str, JSON] = {"member": {"user": bot, "status": "member"}}
        states["kicked"] = {"user": bot, "status": "kicked", "until_date": 0}
        body = {
            "chat": self.chat(),
            "from": self.user(),
            "date": int(self._now().timestamp()),
            "old_chat_member": states[old],
            "new_chat_member": states[new],
        }
        self._side.updates.add("my_chat_member", body, queue=f"chat {self.id}", taken=lambda: None)

    def _now(self) -> Any:
        return self._side.clock.now()


def _key(button: JSON) -> Button:
    for kind in ("location", "contact"):
        if button.get(f"request_{kind}"):
            return Button(button["text"], kind)
    return Button(button["text"])
