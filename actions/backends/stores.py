"""The company's shops: the demo reads `demo/stores.yml`, HTTP is `docs/backends.md`, section stores."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import yaml

from actions.backends.base import HttpSystem
from actions.backends.reading import ROME, as_documented
from actions.towns import distance_km

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: Opening and closing time as "09:00", local time.
Interval = tuple[str, str]


@dataclass(frozen=True)
class Special:
    """Hours of some days that differ from the usual ones; no hours means closed. The reason in both languages."""

    first: date
    last: date
    hours: tuple[Interval, ...]
    reason_it: str
    reason_en: str


@dataclass(frozen=True)
class Store:
    """A shop: where it is (degrees), its hours per weekday (Monday first), on holidays, and on special days.

    `patron` is the (month, day) of the town's own holiday, when the shop keeps it.
    """

    id: str
    name: str
    address: str
    town: str
    latitude: float
    longitude: float
    week: tuple[tuple[Interval, ...], ...]
    on_holidays: tuple[Interval, ...] = ()
    patron: tuple[int, int] | None = None
    specials: tuple[Special, ...] = ()


@dataclass(frozen=True)
class Address:
    """Where a shop is, and no more: by it the one of a street is found among all."""

    id: str
    address: str
    town: str


class Stores(Protocol):
    """The system that knows the shops."""

    async def near(self, latitude: float, longitude: float, limit: int) -> list[Store]:
        """The shops around a place in degrees, nearest first, at most `limit`."""

    async def one(self, store_id: str) -> Store | None:
        """The shop with this id; None when it is gone."""

    async def addresses(self) -> list[Address]:
        """Where all shops are; none where the system keeps no such list."""


class DemoStores:
    """Invented shops. Special days are counted from today, so that the demo never ages."""

    async def near(self, latitude: float, longitude: float, limit: int) -> list[Store]:
        stores = [_store(raw) for raw in _demo()]
        stores.sort(key=lambda store: distance_km(latitude, longitude, store.latitude, store.longitude))
        return stores[:limit]

    async def one(self, store_id: str) -> Store | None:
        return next((_store(raw) for raw in _demo() if raw["id"] == store_id), None)

    async def addresses(self) -> list[Address]:
        return [_address(raw) for raw in _demo()]


class HttpStores(HttpSystem):
    """The real system."""

    async def near(self, latitude: float, longitude: float, limit: int) -> list[Store]:
        answer = await self.get("/stores", latitude=latitude, longitude=longitude, limit=limit)
        with as_documented("stores"):
            return [_store(raw) for raw in answer["stores"]] if answer else []

    async def one(self, store_id: str) -> Store | None:
        answer = await self.get(f"/stores/{store_id}")
        with as_documented("stores"):
            return _store(answer) if answer else None

    async def addresses(self) -> list[Address]:
        answer = await self.get("/store-addresses")
        with as_documented("stores"):
            return [_address(raw) for raw in answer["stores"]] if answer else []


@lru_cache(maxsize=1)
def _demo() -> list[dict[str, Any]]:
    loaded = yaml.safe_load((Path(__file__).parent / "demo" / "stores.yml").read_text(encoding="utf-8"))
    return list(loaded["stores"])


def _address(raw: Mapping[str, Any]) -> Address:
    return Address(str(raw["id"]), str(raw["address"]), str(raw["town"]))


def _store(raw: Mapping[str, Any]) -> Store:
    """One shop from JSON or YAML. Raises KeyError, TypeError or ValueError when it is not as documented."""
    hours = raw["hours"]
    patron = raw.get("patron")
    return Store(
        id=str(raw["id"]),
        name=str(raw["name"]),
        address=str(raw["address"]),
        town=str(raw["town"]),
        latitude=float(raw["latitude"]),
        longitude=float(raw["longitude"]),
        week=tuple(_intervals(hours.get(day)) for day in WEEKDAYS),
        on_holidays=_intervals(hours.get("holidays")),
        patron=(int(patron[:2]), int(patron[3:])) if patron else None,
        specials=tuple(_special(one) for one in raw.get("special") or ()),
    )


def _intervals(raw: Any) -> tuple[Interval, ...]:
    """ "09:00-13:00 15:30-19:30" -> (("09:00", "13:00"), ("15:30", "19:30")); nothing -> closed."""
    found = []
    for part in str(raw or "").split():
        opens, closes = part.split("-")
        for clock in (opens, closes):
            datetime.strptime(clock, "%H:%M")
        found.append((opens, closes))
    return tuple(found)


def _special(raw: Mapping[str, Any]) -> Special:
    today = datetime.now(ROME).date()
    if "from_in_days" in raw:
        first = today + timedelta(days=int(raw["from_in_days"]))
        last = first + timedelta(days=int(raw.get("days", 1)) - 1)
    else:
        first = date.fromisoformat(raw["from"])
        last = date.fromisoformat(raw.get("to") or raw["from"])
    reason = raw.get("reason") or {}
    return Special(
        first=first,
        last=last,
        hours=_intervals(raw.get("hours")),
        reason_it=str(reason.get("it") or ""),
        reason_en=str(reason.get("en") or reason.get("it") or ""),
    )
