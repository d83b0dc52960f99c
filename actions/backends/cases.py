"""Requests, reports and complaints that the company's own system follows (not the chats at the agents' desk)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Protocol

import yaml

from actions.backends.base import BackendDown, HttpSystem

DEMO = Path(__file__).parent / "demo" / "cases.yml"
#: What a case can be: just in, worked on, waiting for the customer, done.
STATUSES = ("received", "working", "waiting_customer", "solved")


@dataclass(frozen=True)
class CompanyCase:
    """One request. `subjects` by language (`it` always there); `expected` is the day by which an answer is due."""

    number: str
    subjects: Mapping[str, str]
    #: One of STATUSES.
    status: str
    opened: date
    expected: date | None


class Cases(Protocol):
    """The system that follows customers' requests."""

    async def of_customer(self, customer: str, *, today: date) -> list[CompanyCase]:
        """The requests of a customer code, newest first; empty when there is none. Raises BackendDown."""


class DemoCases:
    """The requests of `demo/cases.yml`; their dates are relative to `today`, so that they never age."""

    def __init__(self, path: Path = DEMO) -> None:
        self._rows: dict[str, list[dict[str, Any]]] = yaml.safe_load(path.read_text(encoding="utf-8"))["cases"]

    async def of_customer(self, customer: str, *, today: date) -> list[CompanyCase]:
        """See Cases."""
        return [read_case(_dated(row, today)) for row in self._rows.get(customer, [])]


class HttpCases(HttpSystem):
    """The case system behind HTTP; docs/backends.md, section "cases"."""

    async def of_customer(self, customer: str, *, today: date) -> list[CompanyCase]:
        """See Cases. `today` stays here: the real system knows the day."""
        answer = await self.get(f"/customers/{customer}/cases")
        if answer is None:
            return []
        try:
            return [read_case(row) for row in answer["cases"]]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BackendDown(self.system) from error


def read_case(row: Mapping[str, Any]) -> CompanyCase:
    """A case from its JSON (docs/backends.md). Raises KeyError, TypeError or ValueError."""
    if row["status"] not in STATUSES:
        raise ValueError(f"unknown status {row['status']!r}")
    return CompanyCase(
        number=str(row["number"]),
        subjects={key: str(value) for key, value in row["subject"].items()},
        status=str(row["status"]),
        opened=date.fromisoformat(row["opened"]),
        expected=date.fromisoformat(row["expected"]) if row.get("expected") else None,
    )


def _dated(row: Mapping[str, Any], today: date) -> dict[str, Any]:
    expected = row.get("expected_in_days")
    return {
        **row,
        "opened": (today - timedelta(days=int(row["opened_days_ago"]))).isoformat(),
        "expected": (today + timedelta(days=int(expected))).isoformat() if expected is not None else None,
    }
