"""The desk over real HTTP: people with browsers of their own, and customers who write."""

from __future__ import annotations

import io
import re
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import cache
from html import unescape
from typing import Any

import pytest_asyncio
from aiohttp import CookieJar, FormData, web
from aiohttp.test_utils import TestClient, TestServer
from PIL import Image
from sqlalchemy import Row

from bot.desk import desk_app, people_routes
from bot.desk.attempts import Network
from bot.desk.look import COOKIE, token_hash
from bot.desk.passwords import hashed
from bot.desk.pictures import initials
from bot.model.errors import SendError
from bot.model.messages import Attachment
from bot.store import agents
from tests.flow_support import CHAT, Platform, World, turn

PASSWORD = "una-password-lunga"
AS_SCRIPT = {"Accept": "application/json"}


@cache
def password_hash() -> str:
    """Made once: it is slow on purpose."""
    return hashed(PASSWORD)


def png(width: int = 40, height: int = 30) -> bytes:
    """A picture to upload."""
    out = io.BytesIO()
    Image.new("1", (width, height)).save(out, "PNG")
    return out.getvalue()


@dataclass
class Answer:
    """What came back; redirects are not followed."""

    status: int
    text: str
    headers: Any

    @property
    def goes_to(self) -> str:
        return str(self.headers.get("Location", ""))


class Visitor:
    """One browser."""

    def __init__(self, server: TestServer) -> None:
        self.client: TestClient[Any, Any] = TestClient(server, cookie_jar=CookieJar(unsafe=True))
        self.csrf = ""

    async def opens(self, path: str, **headers: str) -> Answer:
        response = await self.client.get(path, headers=headers, allow_redirects=False)
        answer = Answer(response.status, await response.text(errors="replace"), response.headers)
        found = re.search(r'name="csrf" value="([^"]+)"', answer.text)
        self.csrf = unescape(found[1]) if found else self.csrf
        return answer

    async def posts(self, path: str, form: dict[str, Any] | None = None, **headers: str) -> Answer:
        """A form, with the session's word unless `form` has another."""
        body = FormData()
        for name, value in {"csrf": self.csrf, **(form or {})}.items():
            if isinstance(value, bytes):
                body.add_field(name, io.BytesIO(value), filename="upload.bin", content_type="image/png")
            else:
                body.add_field(name, value)
        origin = str(self.client.make_url("/")).rstrip("/")
        headers = {"Origin": origin, **headers}
        response = await self.client.post(path, data=body, headers=headers, allow_redirects=False)
        return Answer(response.status, await response.text(), response.headers)

    async def signs_in(self, login: str, password: str = PASSWORD, goal: str = "/desk", **headers: str) -> Answer:
        page = await self.opens("/desk/login")
        knock = re.search(r'name="knock" value="([^"]+)"', page.text)
        form = {"login": login, "password": password, "next": goal, "knock": knock[1] if knock else ""}
        answer = await self.posts("/desk/login", form, **headers)
        if answer.status == 303:
            await self.opens("/desk/me")
        return answer


class Files:
    """What a platform keeps of the files that customers sent."""

    def __init__(self, platform: Platform) -> None:
        self.kept: dict[str, list[bytes]] = {}
        platform.fetch = self.fetch  # type: ignore[method-assign]

    async def fetch(self, attachment: Attachment) -> AsyncIterator[bytes]:
        if attachment.ref not in self.kept:
            raise SendError("file", "https://platform.example/bot-TOKEN/file", permanent=True)
        for piece in self.kept[attachment.ref]:
            yield piece


class DeskWorld:
    """A desk that is served, on a world whose time passes only when told to."""

    def __init__(self, flow: World, proxies: Sequence[Network] = ()) -> None:
        self.flow = flow
        self.app = desk_app(flow.way, secure_cookies=False, proxies=proxies)
        self.files = Files(flow.platform)
        self.visitors: list[Visitor] = []

    async def __aenter__(self) -> DeskWorld:
        app = web.Application()
        app.add_routes(people_routes(self.flow.way))
        app.add_subapp("/desk", self.app)
        self.server = TestServer(app)
        await self.server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        for visitor in self.visitors:
            await visitor.client.close()
        await self.server.close()

    def visitor(self) -> Visitor:
        """A browser that is signed out."""
        self.visitors.append(Visitor(self.server))
        return self.visitors[-1]

    async def person(self, login: str, name: str, role: str = "agent") -> Row[Any]:
        """Someone who may sign in."""

        def add(connection: Any) -> Row[Any]:
            now, picture = self.flow.clock(), initials(name)
            key = agents.add(
                connection, login=login, name=name, role=role, password_hash=password_hash(), picture=picture, now=now
            )
            row = agents.get(connection, key)
            assert row
            return row

        return await self.flow.db.write(add)

    async def agent(self, login: str = "anna", name: str = "Anna Kessler", role: str = "agent") -> Visitor:
        """Someone signed in."""
        person = await self.person(login, name, role)
        visitor, token = self.visitor(), secrets.token_hex()
        visitor.csrf = secrets.token_hex()
        hash_, now = token_hash(token), self.flow.clock()
        await self.flow.db.write(lambda c: agents.begin_session(c, person.id, hash_, visitor.csrf, now))
        visitor.client.session.cookie_jar.update_cookies({COOKIE: token}, visitor.client.make_url("/desk"))
        return visitor

    async def asks(self, chat: str = CHAT, text: str = "voglio una persona", **payload: Any) -> int:
        """A customer writes and is handed over; the conversation's id."""
        self.flow.engine.script.append(turn("Va bene.", handoff="asked", slots={"town": "Pavia"}))
        await self.flow.writes(text, chat, **payload)
        found = await self.flow.conversation(chat)
        assert found
        return int(found.id)


@pytest_asyncio.fixture
async def desk(flow: World) -> AsyncIterator[DeskWorld]:
    """A served desk, on each kind of database."""
    async with DeskWorld(flow) as world:
        yield world
