"""Orders on their way (activations, number transfers, SIM cards) and the technician's appointments."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Protocol

import yaml

from actions.backends.base import HttpSystem
from actions.backends.reading import ROME, as_documented, moment

#: How far an order is; each has a response `utter_activation_<state>` in domain/orders.yml.
STATES = ("received", "checking", "technician", "porting", "shipped", "active")


@dataclass(frozen=True)
class Order:
    """One order. `state` is one of `STATES`; `title` and `next_step` by language (it, en).

    `expected` is the day on which it should be active; None while nobody knows.
    """

    number: str
    title: dict[str, str]
    state: str
    placed: date
    expected: date | None
    next_step: dict[str, str]


@dataclass(frozen=True)
class Appointment:
    """A technician's visit. Times have an offset; `technician` is a name or empty; `movable` from the chat.

    `done`: whether it took place; None where the system does not say.
    """

    id: str
    start: datetime
    end: datetime
    address: str
    technician: str
    movable: bool
    done: bool | None = None


@dataclass(frozen=True)
class TimeSlot:
    """A window that is free for the visit."""

    id: str
    start: datetime
    end: datetime


class Orders(Protocol):
    async def of_customer(self, customer: str) -> list[Order]:
        """Orders of a customer code, the newest first."""

    async def order(self, number: str) -> Order | None:
        """One order as it stands now, if there is one."""

    async def appointment(self, id_: str) -> Appointment | None:
        """One visit as it stands now, past ones too, if there is one."""

    async def appointments(self, customer: str) -> list[Appointment]:
        """Visits still to come, the nearest first."""

    async def free_slots(self, appointment: str) -> list[TimeSlot]:
        """Windows to which a visit can be moved, the nearest first."""

    async def move(self, appointment: str, slot: str, *, idempotency_key: str) -> Appointment | None:
        """Moves a visit; None when somebody else took the window. The same key or window twice moves once."""


class DemoOrders:
    """`demo/orders.yml`, with days relative to today. Moves are kept until the process ends.

    So are the days that were told: asked about a single order or visit, it is as it was told, and in time.
    """

    def __init__(self, path: Path | None = None) -> None:
        source = path or Path(__file__).parent / "demo" / "orders.yml"
        data = yaml.safe_load(source.read_text(encoding="utf-8"))
        self._orders: list[dict[str, Any]] = data["orders"]
        self._visits: list[dict[str, Any]] = data["appointments"]
        self._windows: list[list[int]] = data["windows"]
        self._moved: dict[str, TimeSlot] = {}
        self._done: dict[str, Appointment] = {}
        self._told_orders: dict[str, Order] = {}
        self._told_visits: dict[str, Appointment] = {}

    async def of_customer(self, customer: str) -> list[Order]:
        found = [_demo_order(row) for row in self._orders if row["customer"] == customer]
        self._told_orders |= {order.number: order for order in found}
        return sorted(found, key=lambda order: order.placed, reverse=True)

    async def order(self, number: str) -> Order | None:
        told = self._told_orders.get(number)
        active = told and told.expected and _today() > told.expected
        return replace(told, state="active") if told and active else told

    async def appointment(self, id_: str) -> Appointment | None:
        told = self._told_visits.get(id_)
        return replace(told, done=datetime.now(ROME) >= told.end) if told else None

    async def appointments(self, customer: str) -> list[Appointment]:
        found = [self._visit(row) for row in self._visits if row["customer"] == customer]
        return sorted((one for one in found if one.end > datetime.now(ROME)), key=lambda one: one.start)

    async def free_slots(self, appointment: str) -> list[TimeSlot]:
        row = next((row for row in self._visits if row["id"] == appointment), None)
        if row is None:
            return []
        taken = self._visit(row).start
        days = [day for day in range(2, 12) if (_today() + timedelta(days=day)).weekday() != 6]
        slots = [_slot(day, first, last) for day in days[:4] for first, last in self._windows]
        return [slot for slot in slots if slot.start != taken][:6]

    async def move(self, appointment: str, slot: str, *, idempotency_key: str) -> Appointment | None:
        if idempotency_key in self._done:
            return self._done[idempotency_key]
        row = next((row for row in self._visits if row["id"] == appointment), None)
        if row is None or not row["movable"]:
            return None
        if slot == _slot_id(self._visit(row).start):
            # Tapped twice: it is there already.
            return self._visit(row)
        chosen = next((one for one in await self.free_slots(appointment) if one.id == slot), None)
        if chosen is None:
            return None
        self._moved[appointment] = chosen
        self._done[idempotency_key] = self._visit(row)
        return self._done[idempotency_key]

    def _visit(self, row: dict[str, Any]) -> Appointment:
        first, last = row["hours"]
        slot = _slot(row["in_days"], first, last)
        visit = Appointment(row["id"], slot.start, slot.end, row["address"], row["technician"], row["movable"])
        moved = self._moved.get(row["id"])
        self._told_visits[row["id"]] = replace(visit, start=moved.start, end=moved.end) if moved else visit
        return self._told_visits[row["id"]]


class HttpOrders(HttpSystem):
    """The order system behind a web service; docs/backends.md, section "orders"."""

    async def of_customer(self, customer: str) -> list[Order]:
        answer = await self.get("/orders", customer=customer)
        with as_documented("orders"):
            return [_order(one) for one in answer["orders"]] if answer else []

    async def order(self, number: str) -> Order | None:
        answer = await self.get(f"/orders/{number}")
        with as_documented("orders"):
            return _order(answer) if answer else None

    async def appointment(self, id_: str) -> Appointment | None:
        answer = await self.get(f"/appointments/{id_}")
        with as_documented("orders"):
            return _appointment(answer) if answer else None

    async def appointments(self, customer: str) -> list[Appointment]:
        answer = await self.get("/appointments", customer=customer)
        with as_documented("orders"):
            return [_appointment(one) for one in answer["appointments"]] if answer else []

    async def free_slots(self, appointment: str) -> list[TimeSlot]:
        answer = await self.get(f"/appointments/{appointment}/free-slots")
        with as_documented("orders"):
            slots = answer["slots"] if answer else []
            return [TimeSlot(str(one["id"]), moment(one["start"]), moment(one["end"])) for one in slots]

    async def move(self, appointment: str, slot: str, *, idempotency_key: str) -> Appointment | None:
        path = f"/appointments/{appointment}/moves"
        answer = await self.post(path, {"slot": slot}, idempotency_key=idempotency_key)
        with as_documented("orders", written=True):
            return _appointment(answer["appointment"]) if answer["moved"] else None


def _today() -> date:
    return datetime.now(ROME).date()


def _slot(in_days: int, first: int, last: int) -> TimeSlot:
    day = _today() + timedelta(days=in_days)
    # Nobody works on Sunday; the demo moves on by a day.
    day += timedelta(days=day.weekday() == 6)
    start, end = (datetime.combine(day, time(hour), ROME) for hour in (first, last))
    return TimeSlot(_slot_id(start), start, end)


def _slot_id(start: datetime) -> str:
    return f"{start:%Y%m%d-%H}"


def _demo_order(row: dict[str, Any]) -> Order:
    expected = row.get("expected_in_days")
    return Order(
        number=row["number"],
        title=row["title"],
        state=row["state"],
        placed=_today() - timedelta(days=row["placed_days_ago"]),
        expected=None if expected is None else _today() + timedelta(days=expected),
        next_step=row["next_step"],
    )


def _order(data: dict[str, Any]) -> Order:
    expected = data.get("expected")
    return Order(
        number=str(data["number"]),
        title={str(key): str(value) for key, value in data["title"].items()},
        state=str(data["state"]),
        placed=date.fromisoformat(data["placed"]),
        expected=date.fromisoformat(expected) if expected else None,
        next_step={str(key): str(value) for key, value in data["next_step"].items()},
    )


def _appointment(data: dict[str, Any]) -> Appointment:
    return Appointment(
        id=str(data["id"]),
        start=moment(data["start"]),
        end=moment(data["end"]),
        address=str(data["address"]),
        technician=str(data.get("technician") or ""),
        movable=bool(data["movable"]),
        done=data["state"] == "done" if "state" in data else None,
    )
