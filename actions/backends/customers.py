"""Who is writing: the light identity check, against the company's customer register.

A customer is known by the customer code printed on every bill, plus one more fact that only the customer is likely to
know. The register answers yes (with the customer) or no; it never says which of the two was wrong.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import yaml

from actions.backends.base import HttpSystem
from actions.backends.reading import as_documented


@dataclass(frozen=True)
class Fact:
    """One fact about the contract's holder. `kind`: line_digits, tax_code or birth_date.

    `value`: the last four digits of the line number, a codice fiscale in capitals, or a date as YYYY-MM-DD.
    """

    kind: str
    value: str


@dataclass(frozen=True)
class Customer:
    """A customer whose identity was checked. `lines` are phone numbers, digits only."""

    code: str
    first_name: str
    lines: tuple[str, ...]


class Customers(Protocol):
    async def verify(self, code: str, fact: Fact, *, idempotency_key: str) -> Customer | None:
        """The customer when code and fact belong together, else None. Raises BackendDown."""

    async def by_code(self, code: str) -> Customer | None:
        """A customer already verified in this conversation; None when the code is unknown. Raises BackendDown."""


class DemoCustomers:
    """The customers of `demo/customers.yml`."""

    def __init__(self, path: Path | None = None) -> None:
        source = path or Path(__file__).parent / "demo" / "customers.yml"
        rows = yaml.safe_load(source.read_text(encoding="utf-8"))["customers"]
        self._rows: dict[str, dict[str, Any]] = {row["code"]: row for row in rows}

    async def verify(self, code: str, fact: Fact, *, idempotency_key: str) -> Customer | None:
        row = self._rows.get(code)
        if row is None or not any(hmac.compare_digest(fact.value, known) for known in _known(row, fact.kind)):
            return None
        return _demo_customer(row)

    async def by_code(self, code: str) -> Customer | None:
        row = self._rows.get(code)
        return _demo_customer(row) if row else None


class HttpCustomers(HttpSystem):
    """The register behind a web service; docs/backends.md, section "customers"."""

    async def verify(self, code: str, fact: Fact, *, idempotency_key: str) -> Customer | None:
        # A POST although it changes nothing: the fact would otherwise stand in the address, and so in access logs.
        body = {"customer_code": code, "fact": {"kind": fact.kind, "value": fact.value}}
        answer = await self.post("/identity-checks", body, idempotency_key=idempotency_key)
        with as_documented("customers"):
            return _customer(answer["customer"]) if answer["verified"] else None

    async def by_code(self, code: str) -> Customer | None:
        answer = await self.get(f"/customers/{code}")
        with as_documented("customers"):
            return _customer(answer) if answer else None


def _known(row: dict[str, Any], kind: str) -> list[str]:
    if kind == "line_digits":
        return [str(number)[-4:] for number in row["lines"]]
    return [str(row[kind])] if kind in ("tax_code", "birth_date") else []


def _demo_customer(row: dict[str, Any]) -> Customer:
    return Customer(row["code"], row["first_name"], tuple(str(number) for number in row["lines"]))


def _customer(data: dict[str, Any]) -> Customer:
    return Customer(
        str(data["code"]), str(data["first_name"]), tuple(str(number) for number in data["lines"])
    )
