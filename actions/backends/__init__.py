"""The company's systems, each behind one small interface with two implementations: demo and HTTP.

Without settings everything is the demo (data files in `demo/`). `BACKEND_URL_<SYSTEM>` (for example
BACKEND_URL_STORES) puts a real system in place of one of them, `BACKEND_TOKEN_<SYSTEM>` adds a bearer token, or
`BACKEND_TOKEN_<SYSTEM>_FILE`, the path of a file that holds it.
The JSON that each system speaks is in `docs/backends.md`.
"""

import importlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actions.backends.billing import Billing
    from actions.backends.cases import Cases
    from actions.backends.catalogue import Catalogue
    from actions.backends.customers import Customers
    from actions.backends.lines import Lines
    from actions.backends.orders import Orders
    from actions.backends.pins import Pins
    from actions.backends.stores import Stores


@dataclass(frozen=True)
class Backends:
    """Every company system that the topics read or write."""

    pins: "Pins"
    stores: "Stores"
    lines: "Lines"
    orders: "Orders"
    billing: "Billing"
    catalogue: "Catalogue"
    cases: "Cases"
    customers: "Customers"


def build(environ: Mapping[str, str]) -> Backends:
    """All systems as `environ` asks for them: `actions/backends/<system>.py` holds Demo<System> and Http<System>."""
    return Backends(**{name: _one(name, environ) for name in Backends.__dataclass_fields__})


@lru_cache(maxsize=1)
def backends() -> Backends:
    """The systems of this process, built at the first use from its environment."""
    return build(os.environ)


def _one(name: str, environ: Mapping[str, str]) -> Any:
    module = importlib.import_module(f"actions.backends.{name}")
    url = environ.get(f"BACKEND_URL_{name.upper()}", "").strip()
    if not url:
        return getattr(module, f"Demo{name.capitalize()}")()
    return getattr(module, f"Http{name.capitalize()}")(url, _token(f"BACKEND_TOKEN_{name.upper()}", environ))


def _token(variable: str, environ: Mapping[str, str]) -> str | None:
    """The token, given or in a file; an empty file is none. Raises OSError, ValueError: half a set-up is none."""
    given, path = environ.get(variable) or None, environ.get(f"{variable}_FILE")
    if not path:
        return given
    if given:
        raise ValueError(f"{variable} and {variable}_FILE are both set: which one counts?")
    return Path(path).read_text("utf-8").strip() or None
