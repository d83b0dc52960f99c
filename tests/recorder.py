"""A platform that writes down each call and answers what the test says: what went over the wire is what counts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer


@dataclass
class Call:
    """One call that arrived. `given` are the fields of the form or of the JSON; files as bytes."""

    verb: str
    path: str
    query: dict[str, str]
    given: dict[str, Any]

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[-1]


#: (status, JSON or text, headers); "drop" ends the connection without an answer.
Answer = tuple[int, Any] | tuple[int, Any, dict[str, str]] | str


@dataclass
class Recorder:
    """`answers` holds what to answer next, by the last part of the path; `usually` all the rest."""

    usually: Callable[[Call], Awaitable[Answer]]
    calls: list[Call] = field(default_factory=list)
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    url: str = ""

    def named(self, name: str) -> list[Call]:
        return [call for call in self.calls if call.name == name]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        call = Call(request.method, request.path, dict(request.query), await _given(request))
        self.calls.append(call)
        queued = self.answers.get(call.name)
        answer = queued.pop(0) if queued else await self.usually(call)
        if isinstance(answer, str):
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        status, body, *headers = answer
        if isinstance(body, bytes):
            return web.Response(status=status, body=body)
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(
            status=status, text=text, content_type="application/json", headers=headers[0] if headers else None
        )


async def _given(request: web.Request) -> dict[str, Any]:
    if request.content_type == "application/json":
        given: dict[str, Any] = await request.json()
        return given
    form = await request.post()
    return {k: v.file.read() if isinstance(v, web.FileField) else v for k, v in form.items()}


@asynccontextmanager
async def recording(usually: Callable[[Call], Awaitable[Answer]]) -> AsyncIterator[Recorder]:
    """A running platform on a free loopback port."""
    recorder = Recorder(usually)
    app = web.Application(client_max_size=50 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", recorder._handle)
    async with TestServer(app, shutdown_timeout=0.1) as server:
        recorder.url = str(server.make_url("")).rstrip("/")
        yield recorder
