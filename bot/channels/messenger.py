"""Messenger: a signed webhook in, the Graph API out. Facts: Meta's documentation, Graph API v26.0.

An agent's name and picture are a persona of the Page. What we send comes back as an echo with our row's id,
so a send whose answer was lost can be reconciled.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import logging
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
from aiohttp import web

from bot.channels import door
from bot.channels.base import Abilities, Delivery, Limits, Numbering, Receive, Sent
from bot.channels.messenger_check import problems
from bot.channels.messenger_graph import Graph, MessengerSettings
from bot.channels.messenger_parse import Ours, parse, split
from bot.channels.messenger_setup import STATIC_PAYLOADS, set_up
from bot.channels.reading import as_id, as_text
from bot.model.errors import SendError
from bot.model.messages import Attachment, ConversationKey, Incoming, RawEvent, Sender
from bot.model.replies import QuickReply, Speaker

__all__ = ["MessengerChannel", "MessengerSettings"]

log = logging.getLogger(__name__)

SIGNATURE_HEADER = "X-Hub-Signature-256"
PERSONA_NAME = 50  # characters
NAME_WAIT = 3.0  # seconds for the customer's name: their first answer waits for it, and so do others behind it
MAX_PAUSE = 60.0  # seconds between tries when the platform is out of reach


class MessengerChannel:
    """The direct messages of one Page."""

    name = "messenger"
    limits = Limits(
        text=1940,  # "under 2000", less room for the name of a person who has no persona (see _message)
        caption=0,
        quick_replies=13,
        title=20,
        payload=1000,
        utf16=True,  # the documentation does not say how it counts: this is the stricter way
        download=25 * 1024 * 1024,
        # A Page's; 10 for audio and video, which are not sent. The budget of a day (200 calls for each customer of
        # the last 24 hours) is not reckoned here: the platform says itself how long to wait, see messenger_graph.py.
        per_second=300.0,
        burst=50,
        per_chat_second=5.0,  # ours: no number is published
        chat_burst=5,
    )
    abilities = Abilities(
        ask_location=False,  # withdrawn by the platform: ask for the town
        ask_contact=True,
        personas=True,
        echoes=True,
        edits=True,
        reply_window=timedelta(hours=24),
        human_window=timedelta(days=7),
    )
    static_payloads = STATIC_PAYLOADS
    numbering: Numbering | None = None  # echoes prove what arrived

    def __init__(self, settings: MessengerSettings, *, first_pause: float = 1.0) -> None:
        self._settings = settings
        self._graph = Graph(settings)
        self._ours = Ours(self.name, settings.page_id)
        self._asking: asyncio.Task[None] | None = None
        self._first_pause = first_pause

    # In

    def routes(self, receive: Receive) -> list[web.RouteDef]:
        """GET and POST /webhooks/messenger: 403 to strangers, then see `door`."""

        async def verify(request: web.Request) -> web.Response:
            given = request.query.get("hub.verify_token", "")
            if request.query.get("hub.mode") != "subscribe" or not _same(given, self._settings.verify_token):
                raise web.HTTPForbidden(text="wrong token")
            return web.Response(text=request.query.get("hub.challenge", ""))

        async def webhook(request: web.Request) -> web.Response:
            given = request.headers.get(SIGNATURE_HEADER)
            if given is None:
                raise web.HTTPForbidden(text="no signature")
            body = await door.read_body(request)
            signature = hmac.new(self._settings.app_secret.encode(), body, hashlib.sha256).hexdigest()
            if not _same(given, f"sha256={signature}"):
                raise web.HTTPForbidden(text="wrong signature")
            raws = door.events_in(body, partial(split, page_id=self._settings.page_id))
            return await door.stored(self.name, raws, receive)

        path = f"/webhooks/{self.name}"
        return [web.get(path, verify, allow_head=False), web.post(path, webhook)]

    def parse(self, raw: RawEvent) -> Incoming:
        """The event in product words. Raises NotForUs for what carries nothing; never anything else."""
        return parse(raw, self._ours)

    def split_again(self, payload: Mapping[str, Any]) -> list[RawEvent]:
        """The events of a delivery that could not be split when it came."""
        return door.again(payload, partial(split, page_id=self._settings.page_id))

    async def check(self) -> list[str]:
        """What is wrong with the token, the Page's subscription or the app's webhook; changes nothing."""
        return await problems(self._graph, self._settings, f"{self._settings.public_url}/webhooks/{self.name}")

    async def start(self) -> None:
        """Ask in the background which app we are; until then echoes are known by their metadata."""
        self._asking = asyncio.create_task(self._ask_app())

    async def serve(self, receive: Receive) -> None:
        """Nothing: the app's webhook is set up at the platform, and there is nothing to poll."""

    async def stop(self) -> None:
        """Close connections."""
        if self._asking:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        await self._graph.close()

    async def set_up(self) -> list[str]:
        """Subscription, menu and greeting of the Page; the names of what had to change. Raises SendError."""
        return await set_up(self._graph, self._settings.page_id, await self._app_id())

    async def _ask_app(self) -> None:
        pause = self._first_pause
        while True:
            try:
                self._ours = Ours(self.name, self._settings.page_id, await self._app_id())
                return
            except SendError as exc:
                log.warning("%s: the app is not known yet: %s", self.name, exc.reason)
                if exc.permanent:
                    return
            await asyncio.sleep(pause)
            pause = min(pause * 2, MAX_PAUSE)

    async def _app_id(self) -> str:
        return as_id((await self._graph.get("app", fields="id")).get("id"))

    # Out

    async def send(self, delivery: Delivery) -> Sent:
        """Deliver one part. Raises SendError; "window" where the platform's time to answer is over."""
        body: dict[str, Any] = {"recipient": {"id": delivery.key.chat}, **_window(delivery)}
        if delivery.speaker and delivery.speaker.handle:
            body["persona_id"] = delivery.speaker.handle
        body["message"] = _message(delivery)
        image = delivery.part.image
        upload = image if image and not image.startswith(("http://", "https://")) else None
        answer = await self._graph.post(
            f"{self._settings.page_id}/messages", await _form(body, upload) if upload else body
        )
        if not (mid := as_id(answer.get("message_id"))):
            raise SendError("no_answer", "no message id", ambiguous=True)
        return Sent(mid)

    async def typing(self, key: ConversationKey, speaker: Speaker | None = None) -> None:
        """Show that it was seen (the bot) and that someone is typing. Never raises."""
        persona = {"persona_id": speaker.handle} if speaker and speaker.handle else {}
        actions = ["typing_on"] if speaker else ["mark_seen", "typing_on"]
        with contextlib.suppress(SendError):
            for action in actions:
                body = {"recipient": {"id": key.chat}, "sender_action": action, **persona}
                await self._graph.post(f"{self._settings.page_id}/messages", body)

    async def register(self, speaker: Speaker) -> str | None:
        """Make a persona of the Page; its id. The platform fetches the picture itself.

        Raises SendError where trying again may help. A refusal (the picture cannot be fetched) gives None: what
        the person writes must arrive all the same, and `send` then puts the name into the text.
        """
        persona = {"name": speaker.name[:PERSONA_NAME], "profile_picture_url": speaker.picture_url}
        try:
            answer = await self._graph.post(f"{self._settings.page_id}/personas", persona)
        except SendError as exc:
            if not exc.permanent:
                raise
            log.warning("%s: no persona for person %s: %s", self.name, speaker.id, exc)
            return None
        if not (handle := as_id(answer.get("id"))):
            raise SendError("no_answer", "no persona id", ambiguous=True)
        return handle

    async def profile(self, key: ConversationKey) -> Sender:
        """Name and locale; empty where the platform keeps them to itself (error 2018218). Never raises.

        The locale needs a permission of its own, and asking without it fails as a whole: the name is asked alone.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(NAME_WAIT):
                return await self._profile(key)
        return Sender()

    async def _profile(self, key: ConversationKey) -> Sender:
        for fields in ("first_name,last_name,locale", "first_name,last_name"):
            with contextlib.suppress(SendError):
                person = await self._graph.get(quote(key.chat, safe=""), fields=fields)
                name = f"{as_text(person.get('first_name'))} {as_text(person.get('last_name'))}".strip()
                return Sender(name, as_text(person.get("locale")))
        return Sender()

    async def fetch(self, attachment: Attachment) -> AsyncIterator[bytes]:
        """The file's bytes, in chunks of at most 64 KB, while its signed address lives. Raises SendError."""
        if not attachment.ref.startswith(("http://", "https://")):
            raise SendError("file", "no address", permanent=True)
        async for chunk in door.download(self._graph.session, attachment.ref, self.limits.download):
            yield chunk


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), right.encode())


def _window(delivery: Delivery) -> dict[str, str]:
    """Within 24 hours an answer; later only what a person wrote, and it must say so. Raises SendError."""
    if delivery.within_window:
        return {"messaging_type": "RESPONSE"}
    if not delivery.human:
        raise SendError("window", "the customer wrote more than 24 hours ago", permanent=True)
    return {"messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"}


def _message(delivery: Delivery) -> dict[str, Any]:
    part = delivery.part
    message: dict[str, Any] = {"metadata": delivery.row}
    if part.image and part.text:  # `fit` never makes one: two sends could fail apart
        raise SendError("bad_request", "an image carries no text here", permanent=True)
    if part.image:
        remote = part.image.startswith(("http://", "https://"))
        payload = {"url": part.image} if remote else {}
        message["attachment"] = {"type": "image", "payload": {**payload, "is_reusable": True}}
    else:
        speaker = delivery.speaker  # without a persona a person would speak with the Page's face, namelessly
        lead = f"{speaker.name[:PERSONA_NAME]}: " if speaker and not speaker.handle else ""
        message["text"] = lead + part.text
    if part.quick_replies:
        message["quick_replies"] = [_quick_reply(quick_reply) for quick_reply in part.quick_replies]
    return message


def _quick_reply(quick_reply: QuickReply) -> dict[str, str]:
    if quick_reply.kind == "contact":
        return {"content_type": "user_phone_number"}
    return {"content_type": "text", "title": quick_reply.title, "payload": quick_reply.payload}


async def _form(body: dict[str, Any], image: str) -> aiohttp.FormData:
    """The same call with a file in it, a form whose fields are JSON. Raises SendError if the file is gone."""
    path = Path(image)
    try:
        content = await asyncio.to_thread(path.read_bytes)
    except OSError:
        raise SendError("picture", path.name, permanent=True) from None
    form = aiohttp.FormData()
    for name, value in body.items():
        form.add_field(name, value if isinstance(value, str) else json.dumps(value))
    kind = {".png": "image/png", ".gif": "image/gif", ".webp": "image/webp"}.get(path.suffix, "image/jpeg")
    form.add_field("filedata", content, filename=path.name, content_type=kind)
    return form
