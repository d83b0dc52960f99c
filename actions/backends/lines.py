"""The state of lines: fixed and mobile network, transit lines, incidents; and fault reports of single lines."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import yaml

from actions.backends.base import HttpSystem
from actions.backends.reading import ROME, as_documented, moment

DEMO = Path(__file__).parent / "demo"


@dataclass(frozen=True)
class Incident:
    """One disruption. `service` is fixed, mobile or transit; `what` is one sentence by language (it, en).

    `area` is how people call the place or line. `expected_end` is None while nobody knows. Times have an offset.
    """

    id: str
    service: str
    area: str
    what: dict[str, str]
    since: datetime
    expected_end: datetime | None
    open: bool


@dataclass(frozen=True)
class Line:
    """A telephone line, digits only; `service` is fixed or mobile; `incident` is the open one that covers it."""

    number: str
    service: str
    town: str
    incident: Incident | None


@dataclass(frozen=True)
class TransitLine:
    """A city transit line. `kind` is metro, tram, bus or train; `title` fits a quick reply (20 characters)."""

    ref: str
    kind: str
    name: str
    city: str
    title: str


@dataclass(frozen=True)
class Fault:
    """What the customer tells about a line that does not work; free text or one of the offered words."""

    number: str
    since: str
    what: str
    contact_time: str


@dataclass(frozen=True)
class FaultTicket:
    """A fault report: its number, by when the line should be looked at, and whether it was put right."""

    number: str
    due: datetime
    solved: bool = False


class Lines(Protocol):
    async def in_town(self, town: str, *, cap: str | None = None, service: str | None = None) -> list[Incident]:
        """Open incidents of the fixed and mobile network in a town, the latest first."""

    async def by_number(self, number: str) -> Line | None:
        """A line of ours; None when the number is not."""

    async def transit(self, *, name: str | None, kind: str | None, city: str | None) -> list[TransitLine]:
        """Transit lines that are called so; None means any."""

    async def on_transit(self, ref: str) -> list[Incident]:
        """Open incidents of one transit line."""

    async def incident(self, incident_id: str) -> Incident | None:
        """One incident, open or closed."""

    async def report_fault(self, fault: Fault, *, idempotency_key: str) -> FaultTicket:
        """Opens a fault report; the same key twice is one report."""

    async def fault_report(self, number: str) -> FaultTicket | None:
        """A fault report as it stands now, if there is one."""


class DemoLines:
    """`demo/incidents.yml` and `demo/transit.yml`, with dates relative to now so that the demo never ages.

    The state of an incident can be changed from outside: `DEMO_STATE_DIR/incidents.json`, such as
    {"INC-1042": "closed"}, is read again at each call.
    """

    def __init__(self, folder: Path = DEMO, state_dir: Path | None = None) -> None:
        data = yaml.safe_load((folder / "incidents.yml").read_text(encoding="utf-8"))
        self._incidents: list[dict[str, Any]] = data["incidents"]
        self._lines: list[dict[str, Any]] = data["lines"]
        transit = yaml.safe_load((folder / "transit.yml").read_text(encoding="utf-8"))
        self._transit: list[dict[str, Any]] = transit["lines"]
        self._state_dir = state_dir
        self._tickets: dict[str, FaultTicket] = {}

    async def in_town(self, town: str, *, cap: str | None = None, service: str | None = None) -> list[Incident]:
        rows = [row for row in self._incidents if row.get("town") == town and service in (None, row["service"])]
        return self._open(rows)

    async def by_number(self, number: str) -> Line | None:
        row = next((row for row in self._lines if row["number"] == number), None)
        if row is None:
            return None
        hit = await self.in_town(row["town"], service=row["service"])
        return Line(number, row["service"], row["town"], hit[0] if hit else None)

    async def transit(self, *, name: str | None, kind: str | None, city: str | None) -> list[TransitLine]:
        return [
            TransitLine(row["ref"], row["kind"], str(row["name"]), row["city"], row["title"])
            for row in self._transit
            if kind in (None, row["kind"]) and city in (None, row["city"]) and _called(row, name)
        ]

    async def on_transit(self, ref: str) -> list[Incident]:
        return self._open([row for row in self._incidents if row.get("line") == ref])

    async def incident(self, incident_id: str) -> Incident | None:
        row = next((row for row in self._incidents if row["id"] == incident_id), None)
        return self._incident(row, self._closed()) if row else None

    async def report_fault(self, fault: Fault, *, idempotency_key: str) -> FaultTicket:
        # The number comes from the key, so that the same turn twice gives the same report without keeping a list.
        digits = int(hashlib.sha256(idempotency_key.encode()).hexdigest(), 16) % 90_000 + 10_000
        return self._tickets.setdefault(f"GU-{digits}", FaultTicket(f"GU-{digits}", _hour() + timedelta(hours=36)))

    async def fault_report(self, number: str) -> FaultTicket | None:
        # Reports of this process only; in the demo everything is put right in time.
        found = self._tickets.get(number)
        return replace(found, solved=datetime.now(ROME) >= found.due) if found else None

    def _open(self, rows: list[dict[str, Any]]) -> list[Incident]:
        closed = self._closed()
        found = [self._incident(row, closed) for row in rows]
        return sorted((one for one in found if one.open), key=lambda one: one.since, reverse=True)

    def _incident(self, row: dict[str, Any], closed: dict[str, str]) -> Incident:
        end = row.get("expected_in_minutes")
        incident = Incident(
            id=row["id"],
            service=row["service"],
            area=row["area"],
            what=row["what"],
            since=_hour() - timedelta(minutes=row["since_minutes"]),
            expected_end=None if end is None else _hour() + timedelta(minutes=end),
            open=row.get("state", "open") == "open",
        )
        state = closed.get(incident.id)
        return replace(incident, open=state != "closed") if state else incident

    def _closed(self) -> dict[str, str]:
        folder = self._state_dir or os.environ.get("DEMO_STATE_DIR")
        if not folder:
            return {}
        try:
            states = json.loads((Path(folder) / "incidents.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            # Missing, or caught half-written: the shipped state holds until the next look.
            return {}
        return {str(key): str(value) for key, value in states.items()} if isinstance(states, dict) else {}


class HttpLines(HttpSystem):
    """The network's own service; docs/backends.md, section "lines"."""

    async def in_town(
        self, town: str, *, cap: str | None = None, service: str | None = None
    ) -> list[Incident]:
        answer = await self.get("/incidents", town=town, cap=cap, service=service, state="open")
        with as_documented("lines"):
            return [_incident(one) for one in answer["incidents"]] if answer else []

    async def by_number(self, number: str) -> Line | None:
        answer = await self.get(f"/lines/{number}")
        if answer is None:
            return None
        with as_documented("lines"):
            hit = answer.get("incident")
            return Line(number, str(answer["service"]), str(answer["town"]), _incident(hit) if hit else None)

    async def transit(self, *, name: str | None, kind: str | None, city: str | None) -> list[TransitLine]:
        answer = await self.get("/transit-lines", name=name, kind=kind, city=city)
        keys = ("ref", "kind", "name", "city", "title")
        with as_documented("lines"):
            return [TransitLine(*(str(one[key]) for key in keys)) for one in answer["lines"]] if answer else []

    async def on_transit(self, ref: str) -> list[Incident]:
        answer = await self.get("/incidents", line=ref, state="open")
        with as_documented("lines"):
            return [_incident(one) for one in answer["incidents"]] if answer else []

    async def incident(self, incident_id: str) -> Incident | None:
        answer = await self.get(f"/incidents/{incident_id}")
        with as_documented("lines"):
            return _incident(answer) if answer else None

    async def report_fault(self, fault: Fault, *, idempotency_key: str) -> FaultTicket:
        answer = await self.post("/fault-reports", asdict(fault), idempotency_key=idempotency_key)
        with as_documented("lines", written=True):
            return FaultTicket(str(answer["number"]), moment(answer["due"]))

    async def fault_report(self, number: str) -> FaultTicket | None:
        answer = await self.get(f"/fault-reports/{number}")
        if answer is None:
            return None
        with as_documented("lines"):
            return FaultTicket(str(answer["number"]), moment(answer["due"]), answer["state"] == "solved")


def _called(row: dict[str, Any], name: str | None) -> bool:
    names = (str(row["name"]), *row.get("also", []))
    return name is None or name.upper() in (one.upper() for one in names)


def _hour() -> datetime:
    return datetime.now(ROME).replace(minute=0, second=0, microsecond=0)


def _incident(data: dict[str, Any]) -> Incident:
    end = data.get("expected_end")
    return Incident(
        id=str(data["id"]),
        service=str(data["service"]),
        area=str(data["area"]),
        what={str(key): str(value) for key, value in data["what"].items()},
        since=moment(data["since"]),
        expected_end=moment(end) if end else None,
        open=data["state"] == "open",
    )
