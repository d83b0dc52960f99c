"""Where a sign-in comes from: behind a trusted proxy the person's own address, and never what a stranger claims."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from aiohttp.test_utils import make_mocked_request
from argon2 import extract_parameters
from multidict import CIMultiDict

from bot.desk.attempts import PER_LOGIN, PER_NETWORK, STRANGERS, address_of
from bot.desk.look import DESK
from bot.desk.passwords import hashed, matches, nobody
from bot.settings import BadSettings, read_settings
from tests.conftest import ROOT
from tests.desk_support import PASSWORD, DeskWorld
from tests.flow_support import World

PROXIES = tuple(ip_network(each) for each in ("127.0.0.0/8", "10.0.0.0/8", "fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "said", "address"),
    [
        ("10.0.0.2", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.2", ["1.2.3.4, 203.0.113.9"], "203.0.113.9"),  # what the caller wrote before the proxy is a claim
        ("10.0.0.2", ["1.2.3.4", "203.0.113.9"], "203.0.113.9"),  # in a header of its own too
        ("10.0.0.2", ["1.2.3.4, 203.0.113.9, 10.0.0.7"], "203.0.113.9"),  # two proxies of ours
        ("10.0.0.2", ["10.0.0.9, 203.0.113.9"], "203.0.113.9"),  # a stranger says to be one of ours
        ("10.0.0.2", ["10.0.0.9"], "10.0.0.9"),  # somebody inside
        ("203.0.113.9", ["1.2.3.4"], "203.0.113.9"),  # no proxy at all: nothing it says counts
        ("203.0.113.9", ["127.0.0.1"], "203.0.113.9"),
        ("10.0.0.2", [], "10.0.0.2"),
        ("10.0.0.2", ["nonsense"], "10.0.0.2"),
        ("10.0.0.2", ["1.2.3.4, nonsense"], "10.0.0.2"),
        ("10.0.0.2", [""], "10.0.0.2"),
        ("::ffff:10.0.0.2", ["203.0.113.9"], "203.0.113.9"),  # a socket of both kinds names IPv4 so
        ("fd00::2", ["2001:DB8::0001"], "2001:db8::1"),
        ("", ["1.2.3.4"], ""),
    ],
)
def test_the_nearest_address_that_is_no_proxy(peer: str, said: list[str], address: str) -> None:
    request = make_mocked_request("GET", "/", CIMultiDict(("X-Forwarded-For", line) for line in said))
    assert address_of(request.clone(remote=peer), PROXIES) == address


def test_without_proxies_the_header_is_nothing() -> None:
    request = make_mocked_request("GET", "/", {"X-Forwarded-For": "1.2.3.4"}).clone(remote="127.0.0.1")
    assert address_of(request, ()) == "127.0.0.1"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("trusted", [True, False])
async def test_agents_behind_a_proxy_do_not_share_one_address(flow: World, trusted: bool) -> None:
    """Somebody guesses until their address is stopped; a colleague elsewhere, behind the same proxy, is not."""
    async with DeskWorld(flow, PROXIES if trusted else ()) as desk:
        await desk.person("anna", "Anna Kessler")
        for number in range(PER_NETWORK):
            desk.app[DESK].attempts.failed(f"login{number}", "203.0.113.9" if trusted else "127.0.0.1", flow.clock())
        guesser, anna = desk.visitor(), desk.visitor()
        guesser.client.session.headers["X-Forwarded-For"] = "198.51.100.1, 203.0.113.9"
        assert (await guesser.signs_in("anna", "x" * 12)).status == 429
        anna.client.session.headers["X-Forwarded-For"] = "203.0.113.10"
        assert (await anna.signs_in("anna", PASSWORD)).status == (303 if trusted else 429)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_others_guesses_do_not_keep_a_person_out(flow: World) -> None:
    """Else whoever knows how people sign in could close the desk to all of them."""
    async with DeskWorld(flow, PROXIES) as desk:
        await desk.person("anna", "Anna Kessler")
        at_work = {"X-Forwarded-For": "198.51.100.7"}
        assert (await desk.visitor().signs_in("anna", **at_work)).status == 303
        for n in range(STRANGERS + PER_LOGIN):  # from ever other places
            desk.app[DESK].attempts.failed("anna", f"203.0.113.{n}", desk.flow.clock())
        assert (await desk.visitor().signs_in("anna", **at_work)).status == 303
        elsewhere = {"X-Forwarded-For": "203.0.113.200"}
        assert (await desk.visitor().signs_in("anna", **elsewhere)).status == 429, "the right password, of a stranger"
        tries = [(await desk.visitor().signs_in("anna", f"sbagliata-{n}", **at_work)).status for n in range(9)]
        assert tries == [401] * 8 + [429], "at work nobody may guess without end either"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_whoever_has_one_address_of_ipv6_has_them_all(flow: World) -> None:
    async with DeskWorld(flow, PROXIES) as desk:
        await desk.person("anna", "Anna Kessler")
        tries = [
            (await desk.visitor().signs_in("anna", "sbagliata", **{"X-Forwarded-For": f"2001:db8:1:2::{n}"})).status
            for n in range(9)
        ]
        assert tries == [401] * 8 + [429]
        assert (await desk.visitor().signs_in("anna", **{"X-Forwarded-For": "2001:db8:1:3::1"})).status == 303


@pytest.mark.parametrize(
    ("value", "networks"),
    [
        ("", ["127.0.0.0/8", "::1/128"]),
        ("none", []),
        ("10.1.2.3, fd00::/8", ["10.1.2.3/32", "fd00::/8"]),
        ("loopback 192.0.2.0/24", ["127.0.0.0/8", "::1/128", "192.0.2.0/24"]),
    ],
)
def test_the_setting(value: str, networks: list[str]) -> None:
    settings = read_settings({"TRUSTED_PROXIES": value}, ROOT)
    assert [str(one) for one in settings.proxies] == networks


@pytest.mark.parametrize("value", ["caddy", "10.0.0.1/8", "*"])
def test_a_wrong_setting_is_said(value: str) -> None:
    with pytest.raises(BadSettings, match="TRUSTED_PROXIES"):
        read_settings({"TRUSTED_PROXIES": value}, ROOT)


def test_an_unknown_log_in_costs_the_same_work_as_a_known_one() -> None:
    assert extract_parameters(nobody()) == extract_parameters(hashed("a long password"))
    assert not matches("a long password", None) and not matches("a long password", nobody())
