"""How often a wrong password may be tried, and from where a request comes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from aiohttp import web

Network = IPv4Network | IPv6Network

WINDOW = timedelta(minutes=15)
PER_LOGIN = 8  # wrong passwords for one login from one network
PER_NETWORK = 40  # from one network, whatever the login: a whole office may sit behind it
STRANGERS = 24  # for one login from anywhere: then only where the person has signed in before may go on
REMEMBERED = 10_000  # logins and networks: made-up ones must not fill the memory

Key = tuple[str | None, str | None]  # login and network; None for any


class Attempts:
    """Counts failures by login and by network, in this process. Unknown logins count like known ones.

    Whoever guesses at a login keeps themselves out, and strangers, not the person: else anybody who knows how people
    sign in could close the desk to all of them.
    """

    def __init__(self) -> None:
        self._failures: OrderedDict[Key, list[datetime]] = OrderedDict()

    def crowded(self, login: str, now: datetime) -> bool:
        """Whether so many were wrong from anywhere that strangers have to wait."""
        return len(self._recent((login, None), now)) >= STRANGERS

    def wait(self, login: str, address: str, now: datetime, *, stranger: bool = False) -> timedelta | None:
        """How long until the next try is allowed, None when it is now. `stranger`: see `crowded`."""
        network = network_of(address)
        limits: dict[Key, int] = {(login, network): PER_LOGIN, (None, network): PER_NETWORK}
        if stranger:
            limits[login, None] = STRANGERS
        waits = [
            failures[-most] + WINDOW - now
            for key, most in limits.items()
            if len(failures := self._recent(key, now)) >= most
        ]
        return max(waits, default=None)

    def failed(self, login: str, address: str, now: datetime) -> None:
        """Count a wrong password."""
        for key in _keys(login, address):
            self._failures[key] = [*self._recent(key, now), now][-PER_NETWORK:]
            self._failures.move_to_end(key)
        while len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)

    def succeeded(self, login: str, address: str) -> None:
        """The right password: it was counted as a wrong one before it was checked. Forget those from here."""
        own, *others = _keys(login, address)
        self._failures.pop(own, None)
        for key in others:
            self._failures[key] = self._failures.get(key, [])[:-1]

    def _recent(self, key: Key, now: datetime) -> list[datetime]:
        return [at for at in self._failures.get(key, ()) if now - at < WINDOW]


def _keys(login: str, address: str) -> tuple[Key, Key, Key]:
    network = network_of(address)
    return (login, network), (login, None), (None, network)


def network_of(address: str) -> str:
    """Whose an address is: of IPv6 the first half, since whoever has one has all that begin alike."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((found, 64), strict=False)) if found.version == 6 else address


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
