"""How often a wrong password may be tried, and from where a request comes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address

from aiohttp import web

Network = IPv4Network | IPv6Network

WINDOW = timedelta(minutes=15)
PER_LOGIN = 8  # wrong passwords for one login
PER_ADDRESS = 40  # from one address: a whole office may sit behind it
REMEMBERED = 10_000  # logins and addresses: made-up ones must not fill the memory


class Attempts:
    """Counts failures by login and by address, in this process. Unknown logins count like known ones."""

    def __init__(self) -> None:
        self._failures: OrderedDict[tuple[str, str], list[datetime]] = OrderedDict()

    def wait(self, login: str, address: str, now: datetime) -> timedelta | None:
        """How long until the next try is allowed, None when it is now."""
        waits = [
            failures[-most] + WINDOW - now
            for key, most in ((("login", login), PER_LOGIN), (("address", address), PER_ADDRESS))
            if len(failures := self._recent(key, now)) >= most
        ]
        return max(waits, default=None)

    def failed(self, login: str, address: str, now: datetime) -> None:
        """Count a wrong password."""
        for key in (("login", login), ("address", address)):
            self._failures[key] = [*self._recent(key, now), now][-PER_ADDRESS:]
            self._failures.move_to_end(key)
        while len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)

    def succeeded(self, login: str, address: str) -> None:
        """The right password: it was counted as a wrong one before it was checked. Forget those of this login."""
        self._failures.pop(("login", login), None)
        self._failures[("address", address)] = self._failures.get(("address", address), [])[:-1]

    def _recent(self, key: tuple[str, str], now: datetime) -> list[datetime]:
        return [at for at in self._failures.get(key, ()) if now - at < WINDOW]


def address_of(request: web.Request, proxies: Sequence[Network]) -> str:
    """The address a request comes from: its peer's or, behind `proxies`, the nearest one that is none of them.

    X-Forwarded-For is read from its end, where our own proxies write; what stands before the first address that is
    not a proxy was sent by the caller, and may say anything.
    """
    hops = [hop.strip() for line in request.headers.getall("X-Forwarded-For", []) for hop in line.split(",")]
    address = _plain(request.remote or "")
    while hops and _is_of(address, proxies):
        before = _plain(hops.pop())
        if not before:
            break
        address = before
    return address


def _plain(text: str) -> str:
    """An address in its one spelling, "" for what is none."""
    try:
        address = ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return ""
    return str(getattr(address, "ipv4_mapped", None) or address)


def _is_of(address: str, networks: Sequence[Network]) -> bool:
    return bool(address) and any(ip_address(address) in network for network in networks)
