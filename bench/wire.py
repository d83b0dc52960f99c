"""Just enough HTTP/1.1 for a load generator: a client that keeps connections, and a server of one function.

A full client and server would cost as much processor time per message as the bot, on the same cores.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

HEAD_END = b"\r\n\r\n"
KEPT = 4.0  # seconds a connection is used again after an answer: servers close idle ones, and a request in that
#             moment would be lost


class WireError(Exception):
    """No usable answer: the connection broke, or the answer is none of HTTP."""


def split_message(buffer: bytearray) -> tuple[bytes, bytes] | None:
    """Take the first whole message off the buffer: its head and its body; None while it is not complete."""
    end = buffer.find(HEAD_END)
    if end < 0:
        return None
    head = bytes(buffer[:end])
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line[15:])
        elif line.startswith(b"transfer-encoding:"):
            raise WireError("a body without a length")
    start = end + len(HEAD_END)
    if len(buffer) < start + length:
        return None
    body = bytes(buffer[start : start + length])
    del buffer[: start + length]
    return head, body


class _Line(asyncio.Protocol):
    """One connection of the client: one request at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.answered_at = 0.0
        self.lost = False
        self._buffer = bytearray()
        self._waiting: asyncio.Future[tuple[int, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            message = split_message(self._buffer)
            if message and self._waiting and not self._waiting.done():
                self._waiting.set_result((int(message[0][9:12]), message[1]))
        except (WireError, ValueError) as error:
            self._fail(str(error))

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._fail("connection lost")

    def _fail(self, why: str) -> None:
        if self._waiting and not self._waiting.done():
            self._waiting.set_exception(WireError(why))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send one request and wait for its answer."""
        loop = asyncio.get_running_loop()
        assert self.transport
        self._waiting = loop.create_future()
        self.transport.write(request)
        answer = await self._waiting
        self.answered_at = loop.time()
        return answer


class Caller:
    """Posts JSON to one server. Opens as many connections as are in use at once, and keeps them."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._idle: deque[_Line] = deque()

    async def post(self, path: str, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        """Status and body of the answer. Raises WireError, OSError."""
        more = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n{more}\r\n"
        )
        line = self._kept() or await self._open()
        try:
            answer = await line.ask(head.encode() + body)
        except BaseException:  # cancelled too: the answer that still comes must not be taken for the next one's
            if line.transport:
                line.transport.close()
            raise
        self._idle.append(line)
        return answer

    def _kept(self) -> _Line | None:
        now = asyncio.get_running_loop().time()
        while self._idle:
            line = self._idle.pop()
            if not line.lost and now - line.answered_at < KEPT:
                return line
            if line.transport:
                line.transport.close()
        return None

    async def _open(self) -> _Line:
        _, line = await asyncio.get_running_loop().create_connection(_Line, self._host, self._port)
        return line

    def close(self) -> None:
        """Close the connections that are kept."""
        for line in self._idle:
            if line.transport:
                line.transport.close()
        self._idle.clear()


#: The request's first line and its body -> the JSON of a 200.
Handler = Callable[[bytes, bytes], bytes]


class Server(asyncio.Protocol):
    """One connection of a server that answers every request 200 with what `handler` gives."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        assert self._transport
        while message := split_message(self._buffer):
            head, body = message
            answer = self._handler(head.partition(b"\r\n")[0], body)
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(answer)
                + answer
            )


async def listen(handler: Handler) -> tuple[asyncio.Server, int]:
    """Serve on a free port of loopback; the server and its port."""
    server = await asyncio.get_running_loop().create_server(lambda: Server(handler), "127.0.0.1", 0)
    return server, int(server.sockets[0].getsockname()[1])
