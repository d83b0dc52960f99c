"""The two phones of the page: whose they are, what they show as data, and what can be done on them."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from bot.sandbox.messenger import Messenger, MessengerCustomer
from bot.sandbox.messenger.profile import greeting_for
from bot.sandbox.screen import Bubble
from bot.sandbox.telegram import Telegram, TelegramCustomer

JSON = dict[str, Any]
LANGUAGES = ("it", "en")
SHOWN = 200  # the newest bubbles the page is sent
OWN_NUMBER = "+393331234567"
_NAMES = {
    "it": itertools.cycle(
        ["Giulia Neri", "Marco Bassi", "Elena Ricci", "Luca Ferri", "Anna Greco", "Paolo Riva"]
    ),
    "en": itertools.cycle(["Emma Clarke", "Tom Hill", "Grace Young", "Jack Moore"]),
}


class Impossible(Exception):
    """What was asked cannot be done on this phone now; the text is shown on the page."""


class TelegramPhone:
    """The page's Telegram phone, in the hands of one customer at a time."""

    def __init__(self, side: Telegram) -> None:
        self._side = side
        # Whoever had the phone last has it still, also after a restart.
        self.customer = next(reversed(side.customers.values()), None) or self._somebody("it")

    def state(self) -> JSON:
        """Everything the page draws."""
        customer, side = self.customer, self._side
        return {
            **_common(customer, language=customer.language, title=side.me()["first_name"]),
            "started": customer.wrote,
            "about": self._in_language("description"),
            "keyboard": [[asdict(button) for button in row] for row in customer.keyboard],
            "commands": self._commands(),
        }

    def again(self, language: str) -> None:
        """Give the phone to somebody who never wrote."""
        self.customer = self._somebody(language)
        self.customer.phone.touch()

    def acts(self) -> dict[str, Callable[[JSON], Awaitable[Any]]]:
        """What can be done, by the name the page uses."""
        customer = self.customer
        return {
            **_common_acts(customer),
            "starts": lambda _: customer.starts(),
            "location": lambda given: customer.shares_location(float(given["lat"]), float(given["lon"])),
            "contact": lambda _: customer.shares_contact(OWN_NUMBER),
        }

    def _somebody(self, language: str) -> TelegramCustomer:
        return self._side.customer(next(_NAMES[language]).split()[0], language)

    def _in_language(self, name: str) -> str:
        settings = self._side.settings
        text: str = settings.get(f"{name} {self.customer.language}") or settings.get(name) or ""
        return text

    def _commands(self) -> list[JSON]:
        """The list of the narrowest scope that was set, as the app chooses it."""
        scopes = ("all_private_chats", "default")
        tails = (f" {self.customer.language}", "")
        for scope, tail in itertools.product(scopes, tails):
            commands: list[JSON] = self._side.settings.get(f"commands {scope}{tail}", [])
            if commands:
                return commands
        return []


class MessengerPhone:
    """The page's Messenger phone, in the hands of one customer at a time."""

    def __init__(self, side: Messenger) -> None:
        self._side = side
        # Whoever had the phone last has it still, also after a restart.
        self.customer = next(reversed(side.customers.values()), None) or self._somebody("it")

    def state(self) -> JSON:
        """Everything the page draws."""
        customer, profile = self.customer, self._side.profile
        first_name = customer.name.split()[0]
        return {
            **_common(customer, language=customer.language, title=self._side.page_name),
            "started": customer.last_wrote is not None,
            "about": greeting_for(profile, customer.locale, first_name=first_name),
            "can_get_started": "get_started" in profile,
            "ice_breakers": [question for question, _ in customer.ice_breakers()],
            "menu": customer.menu(),
        }

    def again(self, language: str) -> None:
        """Give the phone to somebody who never wrote."""
        self.customer = self._somebody(language)
        self.customer.phone.touch()

    def acts(self) -> dict[str, Callable[[JSON], Awaitable[Any]]]:
        """What can be done, by the name the page uses."""
        customer = self.customer
        return {
            **_common_acts(customer),
            "starts": lambda _: customer.gets_started(),
            "ice_breaker": lambda given: customer.taps_ice_breaker(str(given["question"])),
            "menu": lambda given: customer.taps_menu(str(given["title"])),
            "reads": lambda _: customer.reads(),
        }

    def _somebody(self, language: str) -> MessengerCustomer:
        return self._side.customer(next(_NAMES[language]), language)


def _common(customer: TelegramCustomer | MessengerCustomer, *, language: str, title: str) -> JSON:
    bubbles = customer.screen()[-SHOWN:]
    return {
        "customer": {"name": customer.name, "language": language, "blocked": customer.blocked},
        "title": title,
        "typing": customer.phone.typing,
        "bubbles": [_drawn(bubble) for bubble in bubbles],
    }


def _drawn(bubble: Bubble) -> JSON:
    return {**asdict(bubble), "at": bubble.at.isoformat()}


def _common_acts(
    customer: TelegramCustomer | MessengerCustomer,
) -> dict[str, Callable[[JSON], Awaitable[Any]]]:
    async def edits(given: JSON) -> None:
        for bubble in customer.screen():
            if bubble.id == given["id"] and bubble.author == "customer":
                await customer.edits(bubble, _text(given))
                return
        raise Impossible("that message is not here any more")

    def file(given: JSON) -> bytes:
        data: bytes = given.get("file", b"")
        return data

    return {
        "says": lambda given: customer.says(_text(given)),
        "taps": lambda given: customer.taps(str(given["title"])),
        "edits": edits,
        "photo": lambda given: customer.sends_photo(file(given)),
        "voice": lambda given: customer.sends_voice(),
        "document": lambda given: _document(customer, given),
        "sticker": lambda given: customer.sends_sticker(),
        "blocks": lambda _: customer.blocks(),
        "unblocks": lambda _: customer.unblocks(),
    }


def _document(customer: TelegramCustomer | MessengerCustomer, given: JSON) -> Awaitable[Any]:
    if not given.get("file"):
        return customer.sends_document()
    mime = str(given.get("mime") or "application/octet-stream")
    return customer.sends_document(given["file"], name=str(given.get("name") or "file"), mime=mime)


def _text(given: JSON) -> str:
    text = str(given.get("text", "")).strip()
    if not text:
        raise Impossible("there is no text to send")
    return text
