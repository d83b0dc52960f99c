"""The files that customers and the bot send each other."""

from __future__ import annotations

import mimetypes
import re
import secrets
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

from bot.sandbox.courier import on_loopback
from bot.sandbox.samples import drawn
from bot.sandbox.wire import StoredFile

FETCH_LIMIT = 25 * 1024 * 1024  # bytes of a file that the platform fetches from an address
_SHOWN_IN_PAGE = ("image/png", "image/jpeg", "image/webp", "image/gif", "audio/")


class NotFetched(Exception):
    """An address given by the bot did not answer with a file."""


class Shelf:
    """Files by an unguessable key; `path` is where the sandbox serves one."""

    def __init__(self) -> None:
        self.files: dict[str, StoredFile] = {}

    def put(self, file: StoredFile) -> str:
        """Keep a file; its key."""
        key = secrets.token_urlsafe(16)
        self.files[key] = file
        return key

    def path(self, key: str) -> str:
        """The path on the sandbox, ending in a name browsers can work with."""
        return f"/files/{key}/{re.sub(r'[^A-Za-z0-9._-]', '_', self.files[key].name) or 'file'}"

    async def serve(self, request: web.Request) -> web.Response:
        """GET /files/{key}/{name}: for the page, and for the bot that fetches a customer's attachment."""
        file = self.files.get(request.match_info["key"])
        if file is None:
            raise web.HTTPNotFound
        name = request.match_info["name"]
        shown = file.mime.startswith(_SHOWN_IN_PAGE)
        headers = {
            "Content-Type": file.mime if shown else "application/octet-stream",
            "Content-Disposition": "inline" if shown else f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": "private, max-age=86400",
        }
        return web.Response(body=file.data, headers=headers)


async def fetch(session: aiohttp.ClientSession, address: str) -> StoredFile:
    """The file at an address, as the platform would get it. Raises NotFetched.

    The sandbox never leaves this machine: for an address elsewhere it draws a picture with the host's name.
    """
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise NotFetched("wrong HTTP URL specified")
    name = parts.path.rpartition("/")[2] or "file"
    if not on_loopback(address):
        return StoredFile(drawn(parts.hostname), "image/png", name)
    try:
        timeout = aiohttp.ClientTimeout(total=10)
        async with session.get(address, timeout=timeout, allow_redirects=False) as response:
            data = await response.content.read(FETCH_LIMIT + 1)
            if response.status != 200 or len(data) > FETCH_LIMIT:
                raise NotFetched("failed to get HTTP URL content")
            mime = response.content_type or mimetypes.guess_type(name)[0] or "application/octet-stream"
            return StoredFile(data, mime, name)
    except (aiohttp.ClientError, TimeoutError):
        raise NotFetched("failed to get HTTP URL content") from None
