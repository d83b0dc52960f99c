"""One look at the desk: who is looking, in which language; and what must hold before anything is shown or done.

    signed out      a page leads to the sign-in and back; a part of a page, the live stream and a picture are 401
    POST            the Origin is ours and the form holds the session's word, else 403
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import Connection, Row

from bot.desk.attempts import Attempts, Network, address_of
from bot.desk.live import News
from bot.desk.passwords import AT_ONCE
from bot.desk.pictures import MAX_BYTES
from bot.desk.rows import Rows
from bot.desk.words import FOLDER, Words, language_of
from bot.flow.texts import Texts
from bot.flow.way import Way
from bot.store import agents

COOKIE = "desk_session"
TOUCH = timedelta(minutes=1)  # how exactly the last use is kept: not every look is worth a write
MAX_FORM = MAX_BYTES + 256 * 1024  # bytes of a posted form with a picture


@dataclass(frozen=True)
class Shipped:
    """A file of bot/desk/static/, read once."""

    data: bytes
    kind: str
    tag: str


@dataclass(frozen=True)
class Desk:
    """What every page has in hand. Built once per application."""

    way: Way
    secure: bool  # served by https: cookies must not travel otherwise
    texts: Texts
    pages: Environment
    attempts: Attempts
    news: News
    rows: Rows
    shipped: Mapping[str, Shipped]
    proxies: Sequence[Network] = ()  # whose word about where a request comes from is believed
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    past: dict[str, tuple[datetime, Any]] = field(default_factory=dict)  # numbers of the past, and when counted
    typed: dict[int, datetime] = field(default_factory=dict)  # when a customer was last shown that a person types

    def address(self, request: web.Request) -> str:
        """Where a request comes from."""
        return address_of(request, self.proxies)


DESK = web.AppKey("desk", Desk)


def desk_of(way: Way, *, secure: bool, proxies: Sequence[Network] = ()) -> Desk:
    """Read texts and templates. Raises ValueError when the languages differ."""
    pages = Environment(
        loader=FileSystemLoader(FOLDER.parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    news = News(way)
    return Desk(way, secure, Texts(FOLDER), pages, Attempts(), news, Rows(pages), _shipped(), proxies)


def _shipped() -> dict[str, Shipped]:
    kinds = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
    folder = FOLDER.parent / "static"
    files = [file for file in folder.rglob("*") if file.suffix in kinds]
    return {
        file.relative_to(folder).as_posix(): Shipped(data, kinds[file.suffix], hashlib.sha256(data).hexdigest()[:16])
        for file in files
        if (data := file.read_bytes())
    }


@dataclass(frozen=True)
class Look:
    """One request of a person who is signed in."""

    desk: Desk
    request: web.Request
    me: Row[Any]
    token: str  # the session's hash
    form: Mapping[str, str | bytes]

    @property
    def way(self) -> Way:
        """The way of a message."""
        return self.desk.way

    @property
    def part(self) -> bool:
        """Only the changing part of the page is wanted."""
        return "Desk-Part" in self.request.headers

    @property
    def words(self) -> Words:
        """The texts for this person, now."""
        return words_for(self.desk, self.request)

    def number(self, name: str) -> int:
        """A number from the path. Raises 404 for one that no row can have."""
        number = whole(self.request.match_info[name])
        if number is None:
            raise web.HTTPNotFound
        return number

    def text(self, name: str) -> str:
        """A form's field as text, "" when it is missing or a file."""
        value = self.form.get(name, "")
        return value.replace("\r\n", "\n").strip() if isinstance(value, str) else ""

    def upload(self, name: str) -> bytes:
        """A form's file, empty when there is none."""
        value = self.form.get(name, b"")
        return value if isinstance(value, bytes) else b""

    def page(self, template: str, *, status: int = 200, **values: Any) -> web.Response:
        """A page in the person's language."""
        return render(
            self.desk, self.request, template, status=status, me=self.me, csrf=self.me.csrf, **values
        )


Handler = Callable[[Look], Awaitable[web.StreamResponse]]
AioHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def words_for(desk: Desk, request: web.Request) -> Words:
    """The texts in the browser's language."""
    language = language_of(request.headers.get("Accept-Language", ""))
    return Words(desk.texts, language, desk.way.teams.zone, desk.way.clock())


def render(desk: Desk, request: web.Request, template: str, *, status: int = 200, **values: Any) -> web.Response:
    """A page. Never kept by the browser: after signing out it must not come back."""
    company = desk.way.teams.company
    html = desk.pages.get_template(template).render(w=words_for(desk, request), company=company, **values)
    headers = {"Cache-Control": "no-store", "Vary": "Accept-Language, Cookie, Desk-Part"}
    return web.Response(text=html, content_type="text/html", status=status, headers=headers)


def page(handler: Handler) -> AioHandler:
    """A page: whoever is signed out is led to the sign-in, and back afterwards."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        look = await _look(request, touch="Desk-Part" not in request.headers)
        if look is None and "Desk-Part" in request.headers:
            raise web.HTTPUnauthorized(headers={"Desk-Ended": "yes"} if await session_ended(request) else None)
        if look is None:
            raise web.HTTPSeeOther(f"/desk/login?next={quote(request.path_qs, safe='')}")
        return await handler(look)

    return guarded


def part(handler: Handler) -> AioHandler:
    """What a page asks for by itself (the live stream, files): 401 when signed out; does not keep a session alive."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        look = await _look(request, touch=False)
        if look is None:
            raise web.HTTPUnauthorized
        return await handler(look)

    return guarded


def action(handler: Handler, *, touch: bool = True) -> AioHandler:
    """A form: from our own page, by a person who is signed in, with the session's word.

    `touch`: a use of the desk, which keeps the session alive.
    """

    async def guarded(request: web.Request) -> web.StreamResponse:
        check_origin(request)
        look = await _look(request, touch=touch)
        if look is None and wants_json(request):
            raise web.HTTPUnauthorized
        if look is None:
            raise web.HTTPSeeOther("/desk/login")
        form = await read_form(request)
        if not hmac.compare_digest(str(form.get("csrf", "")).encode(), look.me.csrf.encode()):
            raise web.HTTPForbidden
        return await handler(Look(look.desk, request, look.me, look.token, form))

    return guarded


async def read_form(request: web.Request, *, most: int = MAX_FORM) -> dict[str, str | bytes]:
    """The posted form: texts, and files as bytes (one byte more than is allowed, at most). Raises 413, 400.

    `most`: bytes of it all. A form of megabytes may hold millions of fields: not for whoever is not signed in.
    """
    if request.content_type not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        raise web.HTTPBadRequest
    try:
        posted = await request.clone(client_max_size=most).post()
    except (ValueError, LookupError, ConnectionError):  # not a form, or not the whole of it: the browser went away
        raise web.HTTPBadRequest from None
    form: dict[str, str | bytes] = {}
    for name, value in posted.items():
        if isinstance(value, web.FileField):
            with value.file as file:
                form.setdefault(name, file.read(MAX_BYTES + 1))
        elif isinstance(value, str):
            form.setdefault(name, value.replace("\0", ""))  # which no database takes
    return form


def whole(text: str, digits: int = 9) -> int | None:
    """A number that a browser sent as text, None for anything else: what has more digits no row can have."""
    return int(text) if text.isdecimal() and len(text) <= digits else None


def check_origin(request: web.Request) -> None:
    """Raises 403 when the form was sent from another site. Browsers name the site with every POST."""
    origin = request.headers.get("Origin")
    if origin is None:
        return  # no browser: the session's word in the form is asked for all the same
    known = {request.host, urlsplit(request.app[DESK].way.people_url).netloc}
    if origin.partition("://")[2] not in known - {""}:
        raise web.HTTPForbidden


def wants_json(request: web.Request) -> bool:
    """Our own script sent the form, and shows the answer without leaving the page."""
    return request.headers.get("Accept") == "application/json"


async def signed_in(request: web.Request) -> tuple[Row[Any], str] | None:
    """The person behind the request's cookie and the session's hash; None when signed out."""
    desk = request.app[DESK]
    token = token_hash(request.cookies.get(COOKIE, ""))
    now = desk.way.clock()
    me = await desk.way.db.read(lambda connection: agents.session(connection, token, now))
    return (me, token) if me else None


async def session_ended(request: web.Request) -> bool:
    """Whether somebody ended the session, as against one that nobody used for long."""
    token = token_hash(request.cookies.get(COOKIE, ""))
    return not await request.app[DESK].way.db.read(lambda connection: agents.has_session(connection, token))


def token_hash(token: str) -> str:
    """What the store keeps of a session's token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


async def _look(request: web.Request, *, touch: bool) -> Look | None:
    desk = request.app[DESK]
    found = await signed_in(request)
    if found is None:
        return None
    me, token = found
    now = desk.way.clock()
    if touch and now - me.seen_at > TOUCH:

        def work(connection: Connection) -> None:
            agents.touch_session(connection, token, now)

        # a power cut may undo it: the session then ends a moment sooner
        await desk.way.db.write(work, durable=False)
    return Look(desk, request, me, token, {})
