"""Requests for a PIN or PUK: the demo remembers them in memory, HTTP is `docs/backends.md`, section pins."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from actions.backends.base import HttpSystem, Json
from actions.backends.reading import as_documented, moment

#: What can be asked for.
KINDS = ("customer_area", "sim_pin", "sim_puk")
#: Letters and digits that nobody misreads on a phone.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


@dataclass(frozen=True)
class PinRequest:
    """An accepted request: its number, when the PIN is due (aware), and how it goes to the holder (sms or email).

    `sent`: whether the PIN has gone out; None where the system does not say.
    """

    number: str
    kind: str
    due: datetime
    delivery: str
    sent: bool | None = None


class Pins(Protocol):
    """The system that sends PINs to the holder of a contract."""

    async def request(
        self, kind: str, *, holder: str, fiscal_code: str, now: datetime, idempotency_key: str
    ) -> PinRequest | None:
        """Ask for a PIN. `holder`: `self` or `other`. None: no contract under this codice fiscale.

        The same `idempotency_key` gives the same request again, never a second one.
        """

    async def find(self, number: str, *, now: datetime) -> PinRequest | None:
        """The request with this number, if there is one, as it stands now."""


class DemoPins:
    """Knows every valid codice fiscale except UNKNOWN; a PIN takes two hours, a PUK half an hour, and is in time."""

    #: A made-up person (checks out, belongs to nobody): the demo's "not a customer of ours".
    UNKNOWN = "ZZZZZZ00A01H501K"
    HOURS = {"customer_area": 2.0, "sim_pin": 2.0, "sim_puk": 0.5}

    def __init__(self) -> None:
        self._by_key: dict[str, PinRequest] = {}

    async def request(
        self, kind: str, *, holder: str, fiscal_code: str, now: datetime, idempotency_key: str
    ) -> PinRequest | None:
        if fiscal_code == self.UNKNOWN:
            return None
        if idempotency_key not in self._by_key:
            self._by_key[idempotency_key] = PinRequest(
                number=demo_number("PIN", idempotency_key),
                kind=kind,
                due=now + timedelta(hours=self.HOURS[kind]),
                delivery="email" if kind == "customer_area" else "sms",
            )
        return self._by_key[idempotency_key]

    async def find(self, number: str, *, now: datetime) -> PinRequest | None:
        found = next((made for made in self._by_key.values() if made.number == number.upper()), None)
        return replace(found, sent=now >= found.due) if found else None


class HttpPins(HttpSystem):
    """The real system."""

    async def request(
        self, kind: str, *, holder: str, fiscal_code: str, now: datetime, idempotency_key: str
    ) -> PinRequest | None:
        body = {"kind": kind, "holder": holder, "fiscal_code": fiscal_code}
        answer = await self.post("/pin-requests", body, idempotency_key=idempotency_key)
        with as_documented("pins", written=True):
            return None if answer.get("status") == "unknown_customer" else _read(answer)

    async def find(self, number: str, *, now: datetime) -> PinRequest | None:
        answer = await self.get(f"/pin-requests/{number}")
        with as_documented("pins"):
            return _read(answer) if answer else None


def demo_number(prefix: str, key: str) -> str:
    """A short number made from the idempotency key: the demo gives the same one again even after a restart."""
    digest = int.from_bytes(hashlib.sha256(f"{prefix}:{key}".encode()).digest()[:8], "big")
    letters = []
    for _ in range(5):
        digest, index = divmod(digest, len(ALPHABET))
        letters.append(ALPHABET[index])
    return f"{prefix}-{''.join(letters)}"


def _read(answer: Json) -> PinRequest:
    return PinRequest(
        number=str(answer["number"]),
        kind=str(answer["kind"]),
        due=moment(answer["due"]),
        delivery=str(answer["delivery"]),
        sent=answer["state"] == "sent" if "state" in answer else None,
    )
