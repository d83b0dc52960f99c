"""What every webhook does the same, after the caller was checked: read, split, store, answer.

    413  the body is larger than MAX_BODY
    408  it does not come: what has come of it would take memory for as long as somebody likes
    400  the body is not JSON
    503  the store did not take it: the platform must send it again
    200  stored; whatever it was. An answer other than 2xx to an event that can never be understood would make
         the platform send it again for a day, and block the customer's later messages behind it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

import aiohttp
from aiohttp import web

from bot.channels.base import MAX_BODY, Receive
from bot.channels.reading import TooDeep, tidy, whole
from bot.model.errors import SendError
from bot.model.messages import RawEvent

log = logging.getLogger(__name__)

#: Makes events of one decoded delivery; an empty list where it holds none.
Split = Callable[[Any], list[RawEvent]]

MAX_ID = 200  # characters of an external id
PATIENCE = 20.0  # seconds for a whole body
DOWNLOAD = aiohttp.ClientTimeout(total=300, sock_connect=10, sock_read=30)


async def read_body(request: web.Request) -> bytes:
    """The raw body. Raises 413 as soon as it is known to be too large, without keeping it, 400 if it is broken, 408."""
    body = bytearray()
    try:
        if (request.content_length or 0) <= MAX_BODY:
            async with asyncio.timeout(PATIENCE):
                async for chunk in request.content.iter_chunked(64 * 1024):
                    body += chunk
                    if len(body) > MAX_BODY:
                        break
                else:
                    return bytes(body)
    except TimeoutError:
        raise _closing(web.HTTPRequestTimeout(text="the body does not come")) from None
    except web.RequestPayloadError:
        raise _closing(web.HTTPBadRequest(text="broken body")) from None
    raise web.HTTPRequestEntityTooLarge(max_size=MAX_BODY, actual_size=request.content_length or len(body))


def _closing(refusal: web.HTTPException) -> web.HTTPException:
    """What follows on this connection cannot be told from the body."""
    refusal.force_close()
    return refusal


def events_in(body: bytes, split: Split) -> list[RawEvent]:
    """The events of a delivery; what cannot be split is one event without a conversation. Raises 400."""
    try:
        value = json.loads(body, parse_constant=_refuse)
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise web.HTTPBadRequest(text="not JSON") from None
    except (RecursionError, ValueError):  # too deep, or a number too long to read: JSON all the same
        return [aside(body)]
    return events_of(value, split, body=body)


def events_of(value: Any, split: Split, *, body: bytes | None = None) -> list[RawEvent]:
    """The events of a decoded delivery. Never raises, never gives none: nothing that arrived is lost."""
    body = json.dumps(value, sort_keys=True).encode() if body is None else body
    try:
        return split(tidy(value)) or [aside(body)]
    except TooDeep:
        return [aside(body)]
    except Exception as exc:  # a mistake of ours must not make the platform send this for ever
        log.error("a delivery could not be split: %s", type(exc).__name__)
        return [aside(body)]


def again(payload: Mapping[str, Any], split: Split) -> list[RawEvent]:
    """The events of what was set aside: kept as text (see `aside`) or as it was split. Never raises."""
    body = payload.get("body")
    if len(payload) != 1 or not isinstance(body, str):
        return events_of(payload, split)
    try:
        return events_in(body.encode(), split)
    except web.HTTPBadRequest:
        return []


def aside(body: bytes) -> RawEvent:
    """A delivery that is kept as text, because it is no event we know how to read."""
    text = whole(body.decode("utf-8", "replace"))
    return RawEvent(hashed("body", body), None, {"body": text}, datetime.now(UTC))


def hashed(kind: str, value: object) -> str:
    """An external id for what has none: the same content has the same one."""
    data = value if isinstance(value, bytes) else json.dumps(value, sort_keys=True).encode()
    return f"{kind}:{hashlib.sha256(data).hexdigest()[:40]}"


def shortened(external_id: str) -> str:
    """The id, or a hash of it where it is longer than ids may be."""
    return external_id if len(external_id) <= MAX_ID else hashed("long", external_id)


async def stored(name: str, raws: Sequence[RawEvent], receive: Receive) -> web.Response:
    """Store the events, then 200; 503 when that failed."""
    try:
        await receive(name, raws)
    except Exception as exc:  # only the class: a database's message quotes what could not be written
        log.error("%s: %d events not stored: %s", name, len(raws), type(exc).__name__)
        return web.Response(status=503, text="not stored")
    return web.Response(text="ok")


async def download(session: aiohttp.ClientSession, address: str, most: int) -> AsyncIterator[bytes]:
    """A file in chunks of at most 64 KB, up to `most` bytes. Raises SendError, which shows no address."""
    size = 0
    try:
        async with session.get(address, timeout=DOWNLOAD) as response:
            if response.status != 200:
                raise SendError("file", f"HTTP {response.status}", permanent=400 <= response.status < 429)
            async for chunk in response.content.iter_chunked(64 * 1024):
                size += len(chunk)
                if size > most:
                    raise SendError("too_large", f"more than {most} bytes", permanent=True)
                yield chunk
    except (aiohttp.ClientError, TimeoutError, ValueError) as exc:
        raise SendError("file", type(exc).__name__) from None


def _refuse(constant: str) -> NoReturn:
    raise json.JSONDecodeError(f"{constant} is not JSON", constant, 0)
