"""The catalogue: offers and phones with their prices, and what is in stock where."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import inf
from pathlib import Path
from typing import Any, Protocol

import yaml

from actions.backends.base import BackendDown, HttpSystem

DEMO = Path(__file__).parent / "demo" / "catalogue.yml"
WRONG_JSON = (KeyError, TypeError, ValueError, ArithmeticError, AttributeError)


@dataclass(frozen=True)
class Product:
    """Something that can be bought. `kind`: home, mobile, phone or extra; `details` by language (`it` always there)."""

    id: str
    name: str
    kind: str
    #: In euros.
    price: Decimal
    #: The price is for each month, not once.
    monthly: bool
    details: Mapping[str, str]
    #: How people call it besides its name.
    aliases: tuple[str, ...] = ()
    #: What "the fastest" and "the one with most data" are chosen by; None where it is not known.
    speed_mbps: float | None = None
    gigabytes: float | None = None

    def holds(self, language: str) -> str:
        """The details, in Italian where they are not kept in this language."""
        return self.details.get(language) or self.details["it"]


@dataclass(frozen=True)
class ShopStock:
    """One shop that has the product now."""

    shop: str
    pieces: int


@dataclass(frozen=True)
class Stock:
    """Where a product is to be had. `online_days`: working days until it is delivered, None when sold out online."""

    online_days: int | None
    #: Only of the town asked for, the best stocked first.
    shops: tuple[ShopStock, ...] = ()


class Catalogue(Protocol):
    """The catalogue system."""

    async def products(self) -> list[Product]:
        """Everything on sale now, the most asked for first in each kind. Raises BackendDown."""

    async def stock(self, product: str, *, town: str | None) -> Stock:
        """Stock of a product id, with the shops of `town` when one is given. Raises BackendDown."""


class DemoCatalogue:
    """The offers, phones and stock of `demo/catalogue.yml`."""

    def __init__(self, path: Path = DEMO) -> None:
        self._rows: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))["products"]

    async def products(self) -> list[Product]:
        """See Catalogue."""
        return [read_product(row) for row in self._rows]

    async def stock(self, product: str, *, town: str | None) -> Stock:
        """See Catalogue."""
        row = next((row for row in self._rows if row["id"] == product), {})
        shops = row.get("shops", {}).get(town or "", {})
        return read_stock({
            "online_days": row.get("online_days"),
            "shops": [{"shop": shop, "pieces": pieces} for shop, pieces in shops.items()],
        })


class HttpCatalogue(HttpSystem):
    """The catalogue behind HTTP; docs/backends.md, section "catalogue"."""

    async def products(self) -> list[Product]:
        """See Catalogue."""
        answer = await self.get("/products")
        if answer is None:
            raise BackendDown(self.system)
        try:
            return [read_product(row) for row in answer["products"]]
        except WRONG_JSON as error:
            raise BackendDown(self.system) from error

    async def stock(self, product: str, *, town: str | None) -> Stock:
        """See Catalogue. A product the system does not know (404) is nowhere in stock."""
        answer = await self.get(f"/products/{product}/stock", town=town)
        if answer is None:
            return Stock(None)
        try:
            return read_stock(answer)
        except WRONG_JSON as error:
            raise BackendDown(self.system) from error


def read_product(row: Mapping[str, Any]) -> Product:
    """A product from its JSON (docs/backends.md). Raises one of WRONG_JSON."""
    return Product(
        id=str(row["id"]),
        name=str(row["name"]),
        kind=str(row["kind"]),
        price=Decimal(str(row["price"])),
        monthly=bool(row["monthly"]),
        details={key: str(value) for key, value in row["details"].items()},
        aliases=tuple(str(alias) for alias in row.get("aliases", ())),
        speed_mbps=_amount(row.get("speed_mbps")),
        gigabytes=_amount(row.get("gigabytes")),
    )


def _amount(raw: Any) -> float | None:
    """A number, or the word for no limit."""
    return None if raw is None else inf if raw == "unlimited" else float(raw)


def read_stock(row: Mapping[str, Any]) -> Stock:
    """Stock from its JSON (docs/backends.md); shops without a piece are left out. Raises one of WRONG_JSON."""
    days = row["online_days"]
    shops = [ShopStock(str(shop["shop"]), int(shop["pieces"])) for shop in row.get("shops", ())]
    shops = sorted((shop for shop in shops if shop.pieces > 0), key=lambda shop: -shop.pieces)
    return Stock(int(days) if days is not None else None, tuple(shops))
