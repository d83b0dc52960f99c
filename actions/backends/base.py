"""What every company system has in common: a deadline, one error, and JSON over HTTP.

BackendDown: it failed, refused, or took longer than the deadline. Its `unsure` says that a write may have been
carried out all the same.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

import aiohttp

T = TypeVar("T")

#: A customer in a chat waits this long for a system; after that a person is the better answer.
DEADLINE_SECONDS = 2.0
#: Pause before a read is tried again: long enough for a restarting server, short beside the deadline.
RETRY_PAUSE_SECONDS = 0.15

Json = dict[str, Any]
CLIENT_ERRORS = (aiohttp.ClientError, asyncio.TimeoutError, OSError, ValueError)


class BackendDown(Exception):
    """A company system failed or took longer than 2 s. Never holds what the customer wrote."""

    def __init__(self, system: str, *, unsure: bool = False) -> None:
        super().__init__(system)
        self.system = system
        self.unsure = unsure


class TryAgain(Exception):
    """The system answered 5xx or 429: a read may be repeated."""


async def within(system: str, call: Awaitable[T], seconds: float = DEADLINE_SECONDS) -> T:
    """Await `call`, but at most `seconds`. Raises BackendDown on a time-out or any client error."""
    try:
        return await asyncio.wait_for(call, timeout=seconds)
    except BackendDown:
        raise
    except (TryAgain, *CLIENT_ERRORS) as error:
        raise BackendDown(system) from error


class HttpSystem:
    """One company system behind JSON over HTTP, as `docs/backends.md` describes it.

    `base_url` is the value of BACKEND_URL_<SYSTEM>, `token` (optional) goes out as a bearer token.
    """

    def __init__(self, base_url: str, token: str | None = None, *, seconds: float = DEADLINE_SECONDS) -> None:
        self.base_url = base_url.rstrip("/")
        self.seconds = seconds
        self._headers = {"Accept": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def system(self) -> str:
        """The name that a BackendDown carries into the agent's note."""
        return type(self).__name__.removeprefix("Http").lower()

    async def get(self, path: str, **params: str | int | float | None) -> Json | None:
        """Read. None when the system says 404. Tried again within the deadline: a read has no side effect."""
        return await within(self.system, self._get(path, params), self.seconds)

    async def post(self, path: str, body: Mapping[str, Any], *, idempotency_key: str) -> Json:
        """Write once. A lost connection is tried again only if the request never left this machine.

        Raises BackendDown; its `unsure` says that the system may have carried the write out.
        """
        sent = False

        async def attempt() -> Json:
            nonlocal sent
            while True:
                sent = True
                try:
                    return await self._post(path, body, idempotency_key)
                except aiohttp.ClientConnectorError:
                    sent = False
                    await asyncio.sleep(RETRY_PAUSE_SECONDS)

        try:
            return await within(self.system, attempt(), self.seconds)
        except BackendDown as down:
            raise BackendDown(self.system, unsure=sent) from down

    async def _get(self, path: str, params: Mapping[str, str | int | float | None]) -> Json | None:
        query = {key: str(value) for key, value in params.items() if value is not None}
        while True:
            try:
                async with self._open().get(self.base_url + path, params=query) as answer:
                    if answer.status == 404:
                        return None
                    return await self._read(answer)
            except (TryAgain, aiohttp.ClientConnectionError):
                await asyncio.sleep(RETRY_PAUSE_SECONDS)

    async def _post(self, path: str, body: Mapping[str, Any], idempotency_key: str) -> Json:
        headers = {"Idempotency-Key": idempotency_key}
        async with self._open().post(self.base_url + path, json=dict(body), headers=headers) as answer:
            return await self._read(answer)

    @staticmethod
    async def _read(answer: aiohttp.ClientResponse) -> Json:
        if answer.status >= 500 or answer.status == 429:
            raise TryAgain(answer.status)
        answer.raise_for_status()
        body = await answer.json()
        if not isinstance(body, dict):
            raise ValueError("the system did not answer with a JSON object")
        return body

    def _open(self) -> aiohttp.ClientSession:
        # A session belongs to the loop it was made in; one kept over a loop's end would never answer again.
        loop = asyncio.get_running_loop()
        if self._session is None or self._session.closed or self._loop is not loop:
            self._session = aiohttp.ClientSession(headers=self._headers)
            self._loop = loop
        return self._session
