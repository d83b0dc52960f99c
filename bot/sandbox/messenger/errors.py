"""Graph's errors, in Graph's shape."""

from __future__ import annotations

import secrets
from typing import Any

from aiohttp import web


class GraphError(Exception):
    """A refusal with Graph's code and, where there is one, its subcode."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        subcode: int | None = None,
        kind: str = "OAuthException",
        status: int = 400,
        transient: bool = False,
    ) -> None:
        super().__init__(message)
        self.code, self.subcode, self.kind = code, subcode, kind
        self.status, self.transient = status, transient

    def response(self, headers: dict[str, str] | None = None) -> web.Response:
        """`{"error": {message, type, code, error_subcode?, fbtrace_id}}`."""
        error: dict[str, Any] = {"message": str(self), "type": self.kind, "code": self.code}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        if self.transient:
            error["is_transient"] = True
        error["fbtrace_id"] = "A" + secrets.token_urlsafe(16)
        return web.json_response({"error": error}, status=self.status, headers=headers)


def bad_parameter(message: str, *, subcode: int | None = None) -> GraphError:
    """Error 100, the most common one."""
    return GraphError(100, f"(#100) {message}", subcode=subcode)


def slow_down(code: int = 613) -> GraphError:
    """A rate limit; how long to wait stands in a header, in minutes."""
    return GraphError(code, f"(#{code}) Calls to this api have exceeded the rate limit.", transient=True)


def trouble(status: int, code: int | None = None) -> GraphError:
    """An error made on demand: `code` as asked for, or the usual one for the status."""
    if status == 429 or code in (4, 17, 32, 613, 80001, 80006):
        return slow_down(code or 613)
    usual = {401: 190, 403: 10}.get(status, 2 if status >= 500 else 100)
    code = code or usual
    text = "Service temporarily unavailable" if code in (1, 2) else "Made on demand"
    return GraphError(code, f"(#{code}) {text}", status=status, transient=code in (1, 2))
