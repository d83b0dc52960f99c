"""Files of a conversation, through us: the platform's address holds a token and never leaves the service."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

from aiohttp import web
from sqlalchemy import Connection

from bot.desk.look import Look, wants_json
from bot.model.errors import SendError
from bot.model.messages import Attachment
from bot.store import audit, inbox

log = logging.getLogger(__name__)

PATIENCE = 30  # seconds a platform may take for the next piece

#: What the first bytes say a file is. Only these are shown in the browser: a page's name or declared type can lie.
_KINDS: tuple[tuple[bytes, str], ...] = (
    (rb"\xff\xd8\xff", "image/jpeg"),
    (rb"\x89PNG\r\n\x1a\n", "image/png"),
    (rb"GIF8[79]a", "image/gif"),
    (rb"RIFF.{4}WEBP", "image/webp"),
    (rb"RIFF.{4}WAVE", "audio/wav"),
    (rb"OggS", "audio/ogg"),
    (rb"ID3|\xff[\xfb\xf3\xf2]", "audio/mpeg"),
    (rb".{4}ftypM4A", "audio/mp4"),
    (rb".{4}ftyp", "video/mp4"),
    (rb"\x1a\x45\xdf\xa3", "video/webm"),
    (rb"%PDF-", "application/pdf"),
)


async def attachment(look: Look) -> web.StreamResponse:
    """A customer's file; a sentence when it can no longer be had."""
    row = await look.way.db.read(lambda connection: inbox.message(connection, look.number("message")))
    kept = row.attachments or [] if row else []
    index = look.number("index")
    if row is None or index >= len(kept):
        raise web.HTTPNotFound
    one = Attachment(**kept[index])
    channel = look.way.channels.get(row.channel)
    if channel is None:
        return _gone(look, "channel_off")
    most = channel.limits.download
    if one.size and one.size > most:
        return _gone(look, "file_too_large")
    pieces = channel.fetch(one)
    try:
        first = await _next(pieces)
        await _write_down(look, row.conversation_id, message=row.id, file=index)
        return await _stream(look, one, first, pieces, most=most)
    except (SendError, TimeoutError) as error:
        log.info("message=%s file=%s could not be fetched: %s", row.id, index, type(error).__name__)
        return _gone(look, "file_gone")
    finally:
        if close := getattr(pieces, "aclose", None):
            await close()


async def _write_down(look: Look, conversation_id: int, **which: int) -> None:
    """Who had a customer's file, also of a case of their own."""
    now, me = look.way.clock(), look.me.id

    def work(connection: Connection) -> None:
        audit.add_once(connection, audit.FILE, me, conversation_id=conversation_id, now=now, **which)

    await look.way.db.write(work)


async def _stream(
    look: Look, one: Attachment, first: bytes, pieces: AsyncIterator[bytes], *, most: int
) -> web.StreamResponse:
    response = web.StreamResponse(headers=headers_for(first, one.name or one.kind))
    sent, piece = 0, first
    try:
        await response.prepare(look.request)
        while piece:
            sent += len(piece)
            if sent > most:
                raise SendError("file", "larger than it may be", permanent=True)
            await response.write(piece)
            piece = await _next(pieces)
        await response.write_eof()
    except ConnectionError:
        pass  # the browser went away
    except (SendError, TimeoutError):
        # too late for another answer: a cut connection tells the browser that the file is not whole
        if look.request.transport:
            look.request.transport.abort()
    return response


async def _next(pieces: AsyncIterator[bytes]) -> bytes:
    """The next piece that is not empty, b"" at the end."""
    async with asyncio.timeout(PATIENCE):
        async for piece in pieces:
            if piece:
                return piece
    return b""


def headers_for(first: bytes, name: str) -> dict[str, str]:
    """How a file is served: shown only when its first bytes are of a harmless kind, else saved."""
    kind = next((t for magic, t in _KINDS if re.match(magic, first, re.DOTALL)), "")
    plain = re.sub(r"[^\w.\- ]", "_", name, flags=re.ASCII).strip(". ")[:80] or "file"
    where = "inline" if kind else "attachment"
    # a sandbox keeps the browser's own viewer from showing a PDF
    policy = "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'"
    return {
        "Content-Type": kind or "application/octet-stream",
        "Content-Disposition": f"{where}; filename=\"{plain}\"; filename*=UTF-8''{quote(name[:80], safe='')}",
        "Content-Security-Policy": policy if kind == "application/pdf" else "default-src 'none'; sandbox",
        "Cache-Control": "private, max-age=3600",
        "Vary": "Cookie",  # kept for this session only: whoever signs in next at this browser may not see it
    }


async def image(look: Look) -> web.StreamResponse:
    """An image that we sent, from the service's own folder only."""
    row = await look.way.db.read(lambda connection: inbox.message(connection, look.number("message")))
    if row is None or not row.image:
        raise web.HTTPNotFound
    path = Path(row.image).resolve()
    if row.image.startswith(("http://", "https://")) or not path.is_relative_to(look.way.cache.resolve()):
        raise web.HTTPNotFound
    try:
        data = await asyncio.to_thread(path.read_bytes)
    except OSError:
        raise web.HTTPNotFound from None
    return web.Response(body=data, headers=headers_for(data, path.name))


def _gone(look: Look, why: str) -> web.Response:
    """A sentence instead of the file."""
    if wants_json(look.request):
        return web.json_response({"notice": look.words(f"notice.{why}", who="")}, status=410)
    return look.page("sorry.html", status=410, sentence=look.words(f"notice.{why}", who=""))
