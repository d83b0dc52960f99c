"""One customer's Messenger: what they do becomes signed events, what the Page does becomes bubbles."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bot.sandbox.messenger.profile import for_language
from bot.sandbox.samples import drawn, sample_document, sample_sticker, voice
from bot.sandbox.screen import Bubble, Screen, Watching
from bot.sandbox.wire import StoredFile

if TYPE_CHECKING:
    from bot.sandbox.messenger.server import Messenger

JSON = dict[str, Any]
LOCALES = {"it": "it_IT", "en": "en_GB"}
THUMB = 369239263222822  # the sticker id of the thumb


class MessengerCustomer(Watching):
    """A person in the Page's inbox. Made by `sandbox.messenger.customer(name, language)`.

    With `hides_profile` the platform tells nothing of the person (error 2018218).
    """

    def __init__(self, side: Messenger, name: str, language: str) -> None:
        self.name, self.language = name, language
        self.psid = str(secrets.randbelow(9 * 10**15) + 10**15)
        self.phone = Screen(side.listeners)
        self.last_wrote: datetime | None = None
        self.blocked = False
        self.hides_profile = False
        self._side = side

    @property
    def locale(self) -> str:
        """Such as it_IT."""
        return LOCALES.get(self.language, self.language)

    async def gets_started(self) -> Bubble:
        """Tap "Get started" on the welcome screen; AssertionError where the Page has set none."""
        payload = self._side.profile.get("get_started", {}).get("payload")
        assert payload, "the Page has no get_started button"
        return self._posts_back("Inizia" if self.language == "it" else "Get Started", payload)

    def ice_breakers(self) -> list[tuple[str, str]]:
        """(question, payload) as this customer's language shows them."""
        chosen = for_language(self._side.profile.get("ice_breakers", []), self.locale)
        return [(item["question"], item["payload"]) for item in chosen]

    def menu(self) -> list[JSON]:
        """The persistent menu's items for this customer."""
        return for_language(self._side.profile.get("persistent_menu", []), self.locale)

    async def taps_ice_breaker(self, question: str) -> Bubble:
        """Ask one of the offered first questions."""
        return self._posts_back(question, dict(self.ice_breakers())[question])

    async def taps_menu(self, title: str) -> Bubble:
        """Choose an item of the persistent menu that posts back."""
        item = next(item for item in self.menu() if item["title"] == title)
        return self._posts_back(title, item["payload"])

    async def says(self, text: str) -> Bubble:
        """Type a text and send it."""
        return self._sends(Bubble("", "customer", self._now(), text), {"text": text})

    async def taps(self, title: str) -> Bubble:
        """Tap a quick reply shown now, or a button of a template. AssertionError when it is not there."""
        for button in (button for bubble in self.screen() for button in bubble.buttons):
            if button.title == title:
                body = {"text": title, "quick_reply": {"payload": button.payload}}
                return self._sends(Bubble("", "customer", self._now(), title), body)
        for button in (button for bubble in reversed(self.phone.bubbles) for button in bubble.inline):
            if button.title == title and button.kind == "postback":
                return self._posts_back(title, button.payload)
        raise AssertionError(f"{self.name} sees no button {title!r}:\n{self.described()}")

    async def shares_location(self, lat: float, lon: float) -> Bubble:
        """Not possible on Messenger: the app has no way to share a position with a Page any more."""
        raise AssertionError("Messenger customers can't share a position")

    async def shares_contact(self, phone: str) -> Bubble:
        """Tap the quick reply that gives the phone number (it carries the number of the account)."""
        body = {"text": phone, "quick_reply": {"payload": phone}}
        return self._sends(Bubble("", "customer", self._now(), phone, kind="contact"), body)

    async def sends_photo(self, data: bytes = b"") -> Bubble:
        """Send a photo."""
        file = StoredFile(data or drawn("foto di prova"), "image/jpeg", "photo.jpg")
        return self._sends_file(file, "image")

    async def sends_voice(self, data: bytes = b"") -> Bubble:
        """Send a voice clip."""
        return self._sends_file(StoredFile(data or voice(), "audio/ogg", "audioclip.ogg"), "audio")

    async def sends_document(
        self, data: bytes = b"", *, name: str = "documento.pdf", mime: str = "application/pdf"
    ) -> Bubble:
        """Send a file (a PDF by default)."""
        return self._sends_file(StoredFile(data or sample_document(), mime, name), "file")

    async def sends_sticker(self, data: bytes = b"") -> Bubble:
        """Send the thumb, which arrives as an image with a sticker id."""
        file = StoredFile(data or sample_sticker(), "image/webp", "sticker.webp")
        return self._sends_file(file, "image", sticker=True)

    async def edits(self, message: Bubble, text: str) -> Bubble:
        """Change a text sent before; the Page hears of it only with the field message_edits."""
        self.phone.change(message.id, text=text, edited=True)
        edit = {"mid": message.id, "text": text, "num_edit": 1}
        self._side.event(self, {"message_edit": edit}, field="message_edits")
        return next(bubble for bubble in self.phone.bubbles if bubble.id == message.id)

    async def reads(self) -> None:
        """Open the chat: the Page hears of everything read up to now."""
        watermark = int(self._now().timestamp() * 1000)
        self._side.event(self, {"read": {"watermark": watermark}}, field="message_reads")

    async def blocks(self) -> None:
        """Block the Page: nothing tells it, until it tries to write."""
        self.blocked = True
        self.phone.touch()

    async def unblocks(self) -> None:
        """Let the Page write again."""
        self.blocked = False
        self.phone.touch()

    def screen(self) -> list[Bubble]:
        """See Watching.screen; quick replies are gone as soon as anything else is said."""
        shown = self.phone.bubbles
        return [replace(bubble, buttons=()) for bubble in shown[:-1]] + shown[-1:]

    def receives(self, bubble: Bubble) -> None:
        """Show a message of the Page."""
        self.phone.add(bubble)

    def _sends_file(self, file: StoredFile, kind: str, *, sticker: bool = False) -> Bubble:
        path = self._side.shelf.path(self._side.shelf.put(file))
        payload: JSON = {"url": self._side.base_url() + path}
        body: JSON = {"attachments": [{"type": kind, "payload": payload}]}
        if sticker:
            payload["sticker_id"] = body["sticker_id"] = THUMB
        shown = "sticker" if sticker else {"image": "photo", "audio": "voice", "file": "document"}[kind]
        image = path if kind == "image" else ""
        return self._sends(
            Bubble("", "customer", self._now(), kind=shown, image=image, file=path, file_name=file.name), body
        )

    def _sends(self, bubble: Bubble, message: JSON) -> Bubble:
        return self._does(bubble, lambda mid: {"message": {"mid": mid, **message}}, field="messages")

    def _posts_back(self, title: str, payload: str) -> Bubble:
        return self._does(
            Bubble("", "customer", self._now(), title),
            lambda mid: {"postback": {"mid": mid, "title": title, "payload": payload}},
            field="messaging_postbacks",
        )

    def _does(self, bubble: Bubble, event: Any, *, field: str) -> Bubble:
        if self.blocked:
            raise AssertionError(f"{self.name} blocked the Page and can't write to it")
        mid = self._side.next_mid()
        self.last_wrote = self._now()
        bubble = self.phone.add(replace(bubble, id=mid, ticks=1))
        self._side.event(self, event(mid), field=field, arrived=lambda: self.phone.tick(mid, 2))
        return bubble

    def _now(self) -> datetime:
        return self._side.clock.now()
