"""Bills: the latest ones of a customer, with their items."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import yaml

from actions.backends.base import BackendDown, HttpSystem

DEMO = Path(__file__).parent / "demo" / "billing.yml"


@dataclass(frozen=True)
class Item:
    """One line of a bill. `names` by language (`it` always there), `amount` in euros, negative for a discount."""

    key: str
    names: Mapping[str, str]
    amount: Decimal


@dataclass(frozen=True)
class Bill:
    """One bill. `period` is the first day of the month it is for; `total` in euros."""

    number: str
    period: date
    due: date
    total: Decimal
    paid_on: date | None
    #: The amount is taken from the customer's account on the due date: there is nothing to do.
    direct_debit: bool
    items: tuple[Item, ...]


class Billing(Protocol):
    """The billing system."""

    async def bills(self, customer: str, *, today: date) -> list[Bill]:
        """The two latest bills of a customer code, newest first; empty when there is none. Raises BackendDown."""


class DemoBilling:
    """The bills of `demo/billing.yml`; their dates are relative to `today`, so that they never age."""

    def __init__(self, path: Path = DEMO) -> None:
        self._rows: dict[str, list[dict[str, Any]]] = yaml.safe_load(path.read_text(encoding="utf-8"))["bills"]

    async def bills(self, customer: str, *, today: date) -> list[Bill]:
        """See Billing."""
        rows = [_dated(row, age, today) for age, row in enumerate(self._rows.get(customer, []))]
        return [read_bill(row) for row in rows][:2]


class HttpBilling(HttpSystem):
    """The billing system behind HTTP; docs/backends.md, section "billing"."""

    async def bills(self, customer: str, *, today: date) -> list[Bill]:
        """See Billing. `today` stays here: the real system knows the day."""
        answer = await self.get(f"/customers/{customer}/bills", limit=2)
        if answer is None:
            return []
        try:
            return [read_bill(row) for row in answer["bills"]][:2]
        except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
            raise BackendDown(self.system) from error


def read_bill(row: Mapping[str, Any]) -> Bill:
    """A bill from its JSON (docs/backends.md). Raises KeyError, TypeError, ValueError or ArithmeticError."""
    return Bill(
        number=str(row["number"]),
        period=date.fromisoformat(row["period"] + "-01"),
        due=date.fromisoformat(row["due"]),
        total=Decimal(str(row["total"])),
        paid_on=date.fromisoformat(row["paid_on"]) if row.get("paid_on") else None,
        direct_debit=bool(row.get("direct_debit")),
        items=tuple(
            Item(str(item["key"]), {k: str(v) for k, v in item["name"].items()}, Decimal(str(item["amount"])))
            for item in row["items"]
        ),
    )


def _dated(row: Mapping[str, Any], age: int, today: date) -> dict[str, Any]:
    due = today + timedelta(days=int(row["due_in_days"]))
    # A bill is for the month before it is due, and each older one for the month before that.
    period = today.replace(day=1)
    for _ in range(age + 1):
        period = (period - timedelta(days=1)).replace(day=1)
    paid = row.get("paid_days_ago")
    total = sum(Decimal(str(item["amount"])) for item in row["items"])
    return {
        **row,
        "number": f"{row['series']}-{period:%Y%m}",
        "period": f"{period:%Y-%m}",
        "due": due.isoformat(),
        "total": str(total),
        "paid_on": (today - timedelta(days=int(paid))).isoformat() if paid is not None else None,
    }
