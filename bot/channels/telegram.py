"""Telegram: a webhook or one long poll in, the Bot API out. Facts: Bot API 10, core.telegram.org/bots/api.

Quick replies are reply-keyboard buttons: a tap is then a message, which waits a day for us, while a tap on an
inline button dies after 150 seconds. There are no personas: `fit` puts the agent's name into the text.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
from aiohttp import web
from telegram import InputFile, Message
from telegram.error import BadRequest, Conflict, RetryAfter, TelegramError

from bot.channels import door
from bot.channels.base import Abilities, Delivery, Limits, Numbering, Receive, Sent
from bot.channels.reading import as_dict, as_id, as_int
from bot.channels.telegram_check import problems
from bot.channels.telegram_client import connect, seconds, send_error
from bot.channels.telegram_compose import keyboard_of, photo_of
from bot.channels.telegram_numbering import TelegramNumbering
from bot.channels.telegram_parse import ALLOWED_UPDATES, parse, split
from bot.model.errors import SendError
from bot.model.messages import Attachment, ConversationKey, Incoming, RawEvent, Sender
from bot.model.replies import Speaker

log = logging.getLogger(__name__)

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"
POLL_SECONDS = 25  # a long poll waits this long for news
MAX_PAUSE = 60.0  # seconds between tries when the platform is out of reach

#: What the "/" menu shows, by language ("" is everyone else's).
MENUS = {
    "": {
        "start": "Ricomincia",
        "aiuto": "Che cosa posso fare per te",
        "operatore": "Parla con una persona",
        "stato": "A che punto è la tua richiesta",
        "privacy": "I tuoi dati: vederli, cancellarli",
    },
    "en": {
        "start": "Start again",
        "help": "What I can do for you",
        "agent": "Talk to a person",
        "status": "How far your request is",
        "privacy": "Your data: see it, erase it",
    },
}


@dataclass(frozen=True)
class TelegramSettings:
    """`webhook_secret` may be empty: it is then made from the token. Without `public_url`: long polling."""

    token: str
    webhook_secret: str | None
    api_url: str
    public_url: str | None


class TelegramChannel:
    """The bot's private chats."""

    name = "telegram"
    limits = Limits(
        text=4096,
        caption=1024,
        quick_replies=12,  # ours: more rows hide the conversation on a phone
        title=64,
        payload=0,
        utf16=True,
        download=20 * 1024 * 1024,
        # "about": short bursts are let pass, core.telegram.org/bots/faq; more is answered with retry_after
        per_second=30.0,
        burst=5,
        per_chat_second=1.0,
        chat_burst=3,
    )
    abilities = Abilities(ask_location=True, ask_contact=True, personas=False, echoes=False, edits=True)
    static_payloads: frozenset[str] = frozenset()

    def __init__(self, settings: TelegramSettings, *, first_pause: float = 1.0) -> None:
        self._settings = settings
        self._secret = settings.webhook_secret or _secret_of(settings.token)
        self._bot = connect(settings.token, settings.api_url)
        self.numbering: Numbering | None = TelegramNumbering(self._bot, settings.token)
        self._files: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._first_pause = first_pause

    # In

    def routes(self, receive: Receive) -> list[web.RouteDef]:
        """POST /webhooks/telegram: 401 without the secret, 403 with a wrong one, then see `door`."""

        async def webhook(request: web.Request) -> web.Response:
            given = request.headers.get(SECRET_HEADER)
            if given is None:
                raise web.HTTPUnauthorized(text="no secret")
            if not hmac.compare_digest(given.encode("utf-8", "replace"), self._secret.encode()):
                raise web.HTTPForbidden(text="wrong secret")
            raws = door.events_in(await door.read_body(request), split)
            answer = await door.stored(self.name, raws, receive)
            if answer.status == 200:
                self._answer_taps(raws)
            return answer

        return [web.post(f"/webhooks/{self.name}", webhook)]

    def parse(self, raw: RawEvent) -> Incoming:
        """The event in product words. Raises NotForUs for what carries nothing; never anything else."""
        return parse(raw, self.name)

    def split_again(self, payload: Mapping[str, Any]) -> list[RawEvent]:
        """The events of a delivery that could not be split when it came."""
        return door.again(payload, split)

    async def check(self) -> list[str]:
        """What is wrong with the token or the webhook; changes nothing."""
        return await problems(self._bot, self._webhook())

    async def start(self) -> None:
        """Open what files are fetched through."""
        self._files = aiohttp.ClientSession()

    async def stop(self) -> None:
        """End what runs beside and close connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._files:
            await self._files.close()
        await self._bot.disconnect()

    async def serve(self, receive: Receive) -> None:
        """Register the webhook, or poll; cancelled, what was not stored stays with Telegram."""
        await self._insist("set-up", self._set_up)
        with contextlib.suppress(TelegramError):  # without a menu everything still works
            for language, menu in MENUS.items():
                await self._bot.set_my_commands(list(menu.items()), language_code=language or None)
        offset: int | None = None

        async def turn() -> None:
            nonlocal offset
            offset = await self._poll(receive, offset)

        while self._settings.public_url is None:
            await self._insist("poll", turn)

    async def _set_up(self) -> None:
        """Say how updates shall come. Doing it again changes nothing."""
        if not (url := self._webhook()):
            await self._bot.delete_webhook(drop_pending_updates=False)
            return
        await self._bot.set_webhook(url, secret_token=self._secret, allowed_updates=ALLOWED_UPDATES)

    def _webhook(self) -> str:
        """Where updates shall go, "" for long polling."""
        public_url = self._settings.public_url
        return f"{public_url.rstrip('/')}/webhooks/{self.name}" if public_url else ""

    async def _poll(self, receive: Receive, offset: int | None) -> int | None:
        """One long poll; the next offset. An offset confirms all before it, so it moves only after the store.

        After an empty answer there is nothing left to confirm and the offset is dropped: ids may restart
        lower after a quiet week.
        """
        updates = await self._bot.updates(offset, seconds=POLL_SECONDS, allowed=ALLOWED_UPDATES)
        if not updates:
            return None
        raws = [raw for update in updates for raw in door.events_of(update, split)]
        await receive(self.name, raws)
        self._answer_taps(raws)
        ids = [i for update in updates if (i := as_int(as_dict(update).get("update_id"))) is not None]
        return max(ids) + 1 if ids else None

    async def _insist(self, what: str, act: Callable[[], Awaitable[None]]) -> None:
        """Do it until it works, with growing pauses."""
        pause = self._first_pause
        while True:
            try:
                return await act()
            except RetryAfter as exc:
                wait = seconds(exc.retry_after)
            except Exception as exc:
                wait, pause = pause, min(pause * 2, MAX_PAUSE)
                why = "another process polls" if isinstance(exc, Conflict) else type(exc).__name__
                log.warning("%s: %s failed, again in %.0f s: %s", self.name, what, wait, why)
            await asyncio.sleep(wait)

    def _answer_taps(self, raws: Sequence[RawEvent]) -> None:
        """Take the hour-glass off tapped inline buttons; older ones than 150 s refuse, which harms nobody."""
        for raw in raws:
            if tap := as_id(as_dict(raw.payload.get("callback_query")).get("id")):
                self._run(self._answer_tap(tap))

    async def _answer_tap(self, tap: str) -> None:
        with contextlib.suppress(TelegramError):
            await self._bot.answer_callback_query(tap)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)  # the loop keeps only a weak reference: without ours a task may vanish half-way
        task.add_done_callback(self._tasks.discard)

    # Out

    async def send(self, delivery: Delivery) -> Sent:
        """Deliver one part. Raises SendError."""
        try:
            message = await self._send(delivery)
        except TelegramError as exc:
            raise send_error(exc, self._settings.token) from None  # a cause may show the token
        except (ValueError, KeyError, TypeError, AttributeError) as exc:  # an answer the library cannot read
            raise SendError("no_answer", type(exc).__name__, ambiguous=True) from None
        return Sent(str(message.message_id))

    async def _send(self, delivery: Delivery) -> Message:
        part, chat = delivery.part, delivery.key.chat
        keyboard = keyboard_of(part.quick_replies)
        if part.image and (photo := await self._photo(delivery)):
            try:
                caption = part.text or None
                return await self._bot.send_photo(chat, photo, caption=caption, reply_markup=keyboard)
            except BadRequest as exc:
                if delivery.image_matters or not part.text or "chat not found" in str(exc).lower():
                    raise
                log.warning("%s: a picture was refused, its text goes alone", self.name)
        return await self._bot.send_message(chat, part.text, reply_markup=keyboard)

    async def _photo(self, delivery: Delivery) -> str | InputFile | None:
        photo = await photo_of(str(delivery.part.image))
        if photo is None and (delivery.image_matters or not delivery.part.text):
            raise SendError("picture", "its file is gone", permanent=True)
        return photo

    async def typing(self, key: ConversationKey, speaker: Speaker | None = None) -> None:
        """Show "typing" for five seconds. Never raises."""
        with contextlib.suppress(Exception):
            await self._bot.send_chat_action(key.chat, "typing")

    async def register(self, speaker: Speaker) -> str | None:
        """None: Telegram has no personas."""
        return None

    async def profile(self, key: ConversationKey) -> Sender:
        """Empty: each message says who wrote it."""
        return Sender()

    async def fetch(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """The file's bytes, in chunks of at most 64 KB. Raises SendError; no error shows the address."""
        try:
            path = await self._bot.path_of(attachment.ref)
        except TelegramError as exc:
            raise send_error(exc, self._settings.token) from None
        if not path or self._files is None:
            raise SendError("file", "no path", permanent=True)
        address = f"{self._settings.api_url.rstrip('/')}/file/bot{self._settings.token}/{quote(path)}"
        async for chunk in door.download(self._files, address, self.limits.download):
            yield chunk


def _secret_of(token: str) -> str:
    """The webhook's secret where none is configured: the same at every start, and no way to the token."""
    return hmac.new(token.encode(), b"webhook secret", hashlib.sha256).hexdigest()
