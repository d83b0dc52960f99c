"""The client of the Graph API: one call, and what its errors mean. Facts: Graph API v26.0, error reference.

    limit        4, 17, 32, 613, 80001, 80006, HTTP 429: slow down; the minutes are in a header.
                 All but 613 and a bare 429 mean the whole app or Page
    window       2018278, 1545041: outside the time in which we may write
    blocked      551: the person is not available
    token        190: only a person can mend it
    restricted   1893063: the Page may not send
    platform     1, 2, HTTP 5xx: try again
    bad_request  all else
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from bot.channels.reading import as_dict, as_int, as_list, as_text
from bot.model.errors import SendError

TOKEN_RETRY = 60.0  # seconds until the next try after the token was refused
LIMIT_RETRY = 60.0  # seconds to wait after "slow down" when the platform does not say how long

_LIMIT = frozenset({4, 17, 32, 613, 80001, 80006})
_EVERYONE = _LIMIT - {613}
_TRY_AGAIN = frozenset({1, 2})
_WINDOW = frozenset({2018278, 1545041})

#: Raised before a byte of the request left: provably not sent.
_NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)


@dataclass(frozen=True)
class MessengerSettings:
    """One Page, served by one app. `graph_url` without the version."""

    page_id: str
    page_token: str
    app_secret: str
    verify_token: str
    graph_url: str
    version: str
    public_url: str | None


class Graph:
    """Calls as the Page. Opens its connections at the first call; `close` ends them."""

    def __init__(self, settings: MessengerSettings) -> None:
        self._settings = settings
        proof = hmac.new(settings.app_secret.encode(), settings.page_token.encode(), hashlib.sha256)
        self._sign = {"access_token": settings.page_token, "appsecret_proof": proof.hexdigest()}
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The open connections, for files too."""
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=30, connect=10, sock_connect=5)
            )
        return self._session

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str, **params: str) -> dict[str, Any]:
        """GET; the decoded answer. Raises SendError."""
        return await self._call("GET", path, params=params)

    async def post(self, path: str, body: Mapping[str, Any] | aiohttp.FormData) -> dict[str, Any]:
        """POST of JSON, or of a form with a file; the decoded answer. Raises SendError."""
        if isinstance(body, aiohttp.FormData):
            return await self._call("POST", path, data=body)
        return await self._call("POST", path, json=body)

    async def _call(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, **body: Any
    ) -> dict[str, Any]:
        url = f"{self._settings.graph_url.rstrip('/')}/{self._settings.version}/{path}"
        signed = {**(params or {}), **self._sign}
        try:
            async with self.session.request(method, url, params=signed, **body) as response:
                status, headers, content = response.status, response.headers, await response.read()
        except _NOT_SENT as exc:  # only classes: messages of these errors show the address, with the token
            raise SendError("network", type(exc).__name__) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            raise SendError("no_answer", type(exc).__name__, ambiguous=True) from None
        answer = _decoded(content)
        if status < 400 and answer is not None and "error" not in answer:
            return answer
        if status < 400 and answer is None:
            raise SendError("no_answer", "not JSON", ambiguous=True)
        raise send_error(status, as_dict(as_dict(answer).get("error")), headers)


def send_error(status: int, error: Mapping[str, Any], headers: Mapping[str, str]) -> SendError:
    """What an error answer means for the message, see the module's table."""
    code, subcode = as_int(error.get("code")) or 0, as_int(error.get("error_subcode")) or 0
    detail = f"{code}/{subcode} {as_text(error.get('message'))[:200]}" if error else f"HTTP {status}"
    if code in _LIMIT or status == 429:
        wait = _minutes(headers) * 60 or LIMIT_RETRY
        return SendError("limit", detail, retry_after=wait, everyone=code in _EVERYONE)
    if code == 190:
        return SendError("token", detail, retry_after=TOKEN_RETRY)
    if code == 551:
        return SendError("blocked", detail, permanent=True)
    if subcode in _WINDOW or code in _WINDOW:
        return SendError("window", detail, permanent=True)
    if subcode == 1893063:
        return SendError("restricted", detail, permanent=True)
    if code in _TRY_AGAIN or status >= 500 or error.get("is_transient") is True:
        return SendError("platform", detail)
    return SendError("bad_request", detail, permanent=True)


def _minutes(headers: Mapping[str, str]) -> float:
    """How long the platform wants us to wait: the longest `estimated_time_to_regain_access`; 0 if unsaid."""
    usage = as_dict(_decoded(headers.get("X-Business-Use-Case-Usage", "").encode()))
    kinds = [as_dict(kind) for business in usage.values() for kind in as_list(business)]
    return max((as_int(kind.get("estimated_time_to_regain_access")) or 0 for kind in kinds), default=0)


def _decoded(content: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
