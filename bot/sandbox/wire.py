"""What both platforms have in common on the wire: a clock that can be moved, faults on demand, a ledger."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from aiohttp import web

HowItFails = Literal["status", "drop", "cut", "hang"]


class Clock:
    """The platform's time. `later` moves it, so that a test of a 24 hour window takes no day."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        """Aware, UTC."""
        return datetime.now(UTC) + self._ahead

    def later(self, **span: float) -> None:
        """Move on by what `timedelta` takes: `later(hours=25)`."""
        self._ahead += timedelta(**span)


@dataclass(frozen=True)
class Call:
    """One call of the bot. `fault` says how the answer was spoiled, "" where it was not."""

    at: datetime
    method: str
    params: dict[str, Any]
    status: int
    result: Any
    fault: str = ""


@dataclass(frozen=True)
class Fault:
    """What happens to one call. `method` None: any call that sends something to a customer."""

    how: HowItFails
    method: str | None = None
    status: int = 500
    retry_after: int | None = None  # seconds
    code: int | None = None  # Graph's error code


@dataclass
class Faults:
    """The faults still to come, in order."""

    waiting: deque[Fault] = field(default_factory=deque)

    def take(self, method: str, *, sends: bool) -> Fault | None:
        """The next fault if it is meant for this call; it is used up."""
        if self.waiting and (self.waiting[0].method == method if self.waiting[0].method else sends):
            return self.waiting.popleft()
        return None


class FaultsOnDemand:
    """The part of a platform's side that tests use to make it fail. Each fault hits one call (`times` many).

    Without `method` only calls that send something to a customer are hit, so a long poll or a typing
    indicator does not use the fault up.
    """

    faults: Faults

    def fail_next(
        self,
        *,
        status: int,
        retry_after: int | None = None,
        code: int | None = None,
        method: str | None = None,
        times: int = 1,
    ) -> None:
        """Answer with an error and do nothing else. `code` is Graph's; it follows from `status` otherwise."""
        fault = Fault("status", method=method, status=status, retry_after=retry_after, code=code)
        self.faults.waiting.extend([fault] * times)

    def drop_next(self, *, method: str | None = None, times: int = 1) -> None:
        """Close the connection before the body is read: nothing was accepted (the caller cannot know)."""
        self.faults.waiting.extend([Fault("drop", method=method)] * times)

    def cut_next(self, *, method: str | None = None, times: int = 1) -> None:
        """Accept and carry out, then close the connection without an answer: ambiguous, at once."""
        self.faults.waiting.extend([Fault("cut", method=method)] * times)

    def time_out_next(self, *, method: str | None = None, times: int = 1) -> None:
        """Accept and carry out, then never answer: ambiguous, after the caller's own time-out."""
        self.faults.waiting.extend([Fault("hang", method=method)] * times)


async def spoil(request: web.Request, fault: Fault) -> web.Response:
    """End the exchange as `fault` says; the response never reaches the caller."""
    if fault.how == "hang":
        while request.transport is not None and not request.transport.is_closing():
            await asyncio.sleep(0.05)
    elif request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


@dataclass(frozen=True)
class StoredFile:
    """A file on the platform's side. `name` as the sender called it."""

    data: bytes
    mime: str
    name: str
