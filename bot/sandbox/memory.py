"""What the platforms still know after a restart of everything: people, conversations, personas, tokens.

The bot remembers its customers and the personas it registered. A sandbox that forgot them at each start would
answer "chat not found" to every agent who goes on with yesterday's case. Updates not yet taken are not kept.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from bot.sandbox.messenger import Messenger, MessengerCustomer
from bot.sandbox.screen import Bubble, Button
from bot.sandbox.shelf import Shelf
from bot.sandbox.telegram import Telegram, TelegramCustomer
from bot.sandbox.wire import StoredFile

log = logging.getLogger(__name__)
JSON = dict[str, Any]
PEOPLE, BUBBLES = 30, 200  # the newest that are kept, of each platform and of each person
BREATH = 1.0  # seconds in which several changes are written once
_SECRETS = ("page_id", "app_id", "page_token", "app_secret", "verify_token")


class Memory:
    """`sandbox.json` and the files beside it, in a folder of its own."""

    def __init__(self, folder: Path, telegram: Telegram, messenger: Messenger, shelf: Shelf) -> None:
        self._file, self._files = folder / "sandbox.json", folder / "files"
        self._telegram, self._messenger, self._shelf = telegram, messenger, shelf
        self._soon: asyncio.TimerHandle | None = None

    def note(self) -> None:
        """Something changed: write it soon."""
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_later(BREATH, self.save)

    def save(self) -> None:
        """Write everything now, in one step: a kill in the middle leaves the state before."""
        if self._soon:
            self._soon.cancel()
            self._soon = None
        self._files.mkdir(parents=True, exist_ok=True)
        for key, file in self._shelf.files.items():
            path = self._files / key
            if not path.exists():
                path.write_bytes(file.data)
        state = {
            "telegram": self._of_telegram(),
            "messenger": self._of_messenger(),
            "files": {key: [file.mime, file.name] for key, file in self._shelf.files.items()},
        }
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps(state))
        os.replace(new, self._file)

    def load(self) -> None:
        """Bring back what was saved; nothing where there is nothing, or nothing readable."""
        try:
            state = json.loads(self._file.read_text())
            for key, (mime, name) in state["files"].items():
                self._shelf.files[key] = StoredFile((self._files / key).read_bytes(), mime, name)
            self._to_telegram(state["telegram"])
            self._to_messenger(state["messenger"])
        except FileNotFoundError:
            return
        except (ValueError, KeyError, TypeError) as trouble:
            log.warning("the sandbox starts empty, %s is not readable: %s", self._file.name, trouble)

    def _of_telegram(self) -> JSON:
        side = self._telegram
        people = list(side.customers.values())[-PEOPLE:]
        known = {person.id for person in people}
        return {
            "token": side.token,
            "next_update": side.updates.next_id,
            "last_message": side.last_message,
            "settings": side.settings,
            "files": side.files,
            "history": [m for (chat, _), m in side.history.items() if chat in known],
            "people": [
                {
                    **_person(person),
                    "id": person.id,
                    "wrote": person.wrote,
                    "keyboard": [[asdict(button) for button in row] for row in person.keyboard],
                    "keyboard_from": person.keyboard_from,
                    "one_time": person.one_time,
                }
                for person in people
            ],
        }

    def _to_telegram(self, state: JSON) -> None:
        side = self._telegram
        side.token, side.settings = state["token"], state["settings"]
        side.updates.next_id, side.last_message = state["next_update"], state["last_message"]
        side.files = {file_id: (key, path) for file_id, (key, path) in state["files"].items()}
        side.history = {(m["chat"]["id"], m["message_id"]): m for m in state["history"]}
        for told in state["people"]:
            person = TelegramCustomer(side, told["name"], told["language"])
            person.id, person.wrote, person.blocked = told["id"], told["wrote"], told["blocked"]
            person.keyboard = [[Button(**button) for button in row] for row in told["keyboard"]]
            person.keyboard_from, person.one_time = told["keyboard_from"], told["one_time"]
            person.phone.bubbles = [_bubble(bubble) for bubble in told["bubbles"]]
            side.customers[person.id] = person

    def _of_messenger(self) -> JSON:
        side = self._messenger
        return {
            **{name: getattr(side, name) for name in _SECRETS},
            "profile": side.profile,
            "personas": side.personas,
            "attachments": side.attachments,
            "fields": side.webhook.fields,
            "people": [
                {
                    **_person(person),
                    "psid": person.psid,
                    "last_wrote": person.last_wrote and person.last_wrote.isoformat(),
                }
                for person in list(side.customers.values())[-PEOPLE:]
            ],
        }

    def _to_messenger(self, state: JSON) -> None:
        side = self._messenger
        for name in _SECRETS:
            setattr(side, name, state[name])
        side.profile, side.personas, side.attachments = (
            state["profile"],
            state["personas"],
            state["attachments"],
        )
        side.webhook.fields = state["fields"]
        for told in state["people"]:
            person = MessengerCustomer(side, told["name"], told["language"])
            person.psid, person.blocked = told["psid"], told["blocked"]
            person.last_wrote = datetime.fromisoformat(told["last_wrote"]) if told["last_wrote"] else None
            person.phone.bubbles = [_bubble(bubble) for bubble in told["bubbles"]]
            side.customers[person.psid] = person


def _person(person: TelegramCustomer | MessengerCustomer) -> JSON:
    bubbles = [{**asdict(b), "at": b.at.isoformat()} for b in person.phone.bubbles[-BUBBLES:]]
    return {
        "name": person.name,
        "language": person.language,
        "blocked": person.blocked,
        "bubbles": bubbles,
    }


def _bubble(told: JSON) -> Bubble:
    buttons = {name: tuple(Button(**button) for button in told[name]) for name in ("buttons", "inline")}
    return Bubble(**{**told, **buttons, "at": datetime.fromisoformat(told["at"])})
