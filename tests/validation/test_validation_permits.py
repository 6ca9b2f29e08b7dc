from __future__ import annotations

import ipaddress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreshore import facts
from foreshore.validation.permits import SPECIAL, Permits, address_of, holds, same_name

TODAY = date(2026, 6, 1)
V4 = st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address)
V6 = st.integers(0, 2**128 - 1).map(ipaddress.IPv6Address)
# Addresses near the edges of special blocks are where mistakes would be.
EDGES = st.sampled_from([
    block.network_address + offset
    for _, block in SPECIAL for offset in (0, 1) if int(block.network_address) + offset < 2**block.max_prefixlen
])  # fmt: skip
ADDRESS = st.one_of(V4, V6, EDGES)


@st.composite
def ranges(draw: st.DrawFn) -> str:
    address = draw(ADDRESS)
    length = draw(st.integers(0, address.max_prefixlen))
    return str(ipaddress.ip_network(f"{address}/{length}", strict=False))


def said(permits: Permits, host: str, *addresses: str, port: int = 443, today: date = TODAY) -> str:
    found = tuple(one for text in addresses if (one := address_of(text)) is not None)
    assert len(found) == len(addresses)
    return permits.refusal(host, found, port, today)


@given(st.lists(ranges(), max_size=5), st.lists(ranges(), max_size=3), st.lists(ADDRESS, min_size=1, max_size=4))
def test_no_address_outside_the_ranges_gets_through(
    approved: list[str], own: list[str], addresses: list[ipaddress.IPv4Address | ipaddress.IPv6Address]
) -> None:
    targets = (*(facts.Target(one) for one in approved), facts.Target("www.example.com"))
    permits = Permits(targets, tuple(own))
    for host, allowed in ((str(addresses[0]), approved), ("www.example.com", [*approved, *own])):
        networks = [ipaddress.ip_network(one) for one in allowed]
        if permits.refusal(host, tuple(addresses), 443, TODAY) == "":
            for address in addresses:
                assert any(address.version == net.version and address in net for net in networks)


@given(ranges(), ADDRESS)
def test_a_range_speaks_of_a_special_address_only_from_within_its_block(
    text: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address
) -> None:
    network = ipaddress.ip_network(text)
    if holds(network, address):
        for _, block in SPECIAL:
            if block.version == address.version and address in block:
                assert network.subnet_of(block)  # type: ignore[arg-type]


@given(st.lists(ranges(), max_size=4), ADDRESS, st.integers(1, 65535))
def test_nothing_is_allowed_without_targets_and_more_targets_never_allow_less(
    own: list[str], address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int
) -> None:
    assert Permits((), tuple(own)).refusal(str(address), (address,), port, TODAY)
    single = (facts.Target(str(address)),)
    alone = Permits(single).refusal(str(address), (address,), port, TODAY)
    more = Permits((*single, *(facts.Target(one) for one in own))).refusal(str(address), (address,), port, TODAY)
    assert not (alone == "" and more)


@pytest.mark.parametrize(
    ("approved", "address", "word"),
    [
        ("0.0.0.0/1", "10.0.0.1", "private"),
        ("96.0.0.0/3", "127.0.0.1", "this machine"),
        ("169.254.0.0/16", "169.254.169.254", "metadata"),
        ("168.0.0.0/6", "169.254.3.4", "link-local"),
        ("128.0.0.0/1", "224.0.0.5", "multicast"),
        ("::/1", "::1", "this machine"),
        ("2002::/16", "2002:7f00:1::1", "this machine"),  # 6to4 around 127.0.0.1
        ("64:ff9b::/96", "64:ff9b::a9fe:a9fe", "metadata"),  # NAT64 around 169.254.169.254
        ("192.0.2.0/24", "::ffff:10.0.0.1", "private"),
        ("192.0.2.0/24", "198.51.100.1", "outside"),
    ],
)
def test_special_addresses_need_a_range_of_their_own(approved: str, address: str, word: str) -> None:
    assert word in said(Permits((facts.Target(approved),)), address, address)


@pytest.mark.parametrize(
    ("approved", "address"),
    [
        ("127.0.0.1", "127.0.0.1"), ("127.0.0.0/8", "127.0.0.9"), ("169.254.169.254/32", "169.254.169.254"),
        ("10.20.0.0/24", "10.20.0.7"), ("10.20.0.0/24", "::ffff:10.20.0.7"), ("203.0.113.0/24", "203.0.113.200"),
    ],
)  # fmt: skip
def test_listed_addresses_are_allowed(approved: str, address: str) -> None:
    assert said(Permits((facts.Target(approved),)), address, address) == ""


def test_ports_and_last_day_limit_a_target() -> None:
    permits = Permits((facts.Target("192.0.2.0/24", ports=(443,), until=TODAY),))
    assert said(permits, "192.0.2.1", "192.0.2.1") == ""
    assert "port 22" in said(permits, "192.0.2.1", "192.0.2.1", port=22)
    assert "ended on 2026-06-01" in said(permits, "192.0.2.1", "192.0.2.1", today=date(2026, 6, 2))


def test_an_ended_target_does_not_spoil_one_that_holds() -> None:
    ended = facts.Target("192.0.2.0/24", until=date(2026, 1, 1))
    assert said(Permits((ended, facts.Target("192.0.2.1"))), "192.0.2.1", "192.0.2.1") == ""


def test_a_name_must_lead_into_the_known_networks_with_all_its_addresses() -> None:
    permits = Permits((facts.Target("*.shop.example.com", ports=(443,)),), ("203.0.113.0/24", "10.0.0.0/8"))
    assert said(permits, "www.shop.example.com", "203.0.113.5") == ""
    assert said(permits, "WWW.shop.example.com.", "203.0.113.5") == ""
    assert "outside" in said(permits, "www.shop.example.com", "203.0.113.5", "198.51.100.9")
    assert "this machine" in said(permits, "www.shop.example.com", "127.0.0.1")
    assert "port 22" in said(permits, "www.shop.example.com", "203.0.113.5", port=22)
    assert "outside" in said(permits, "www.example.com", "203.0.113.5")
    assert "outside" in said(permits, "203.0.113.5", "203.0.113.5")
    assert "no address" in permits.refusal("www.shop.example.com", (), 443, TODAY)


def test_an_ended_range_confines_no_name() -> None:
    ended = facts.Target("198.51.100.0/24", until=date(2026, 1, 1))
    permits = Permits((facts.Target("www.example.com"), ended))
    assert said(permits, "www.example.com", "198.51.100.1")


@pytest.mark.parametrize(
    ("pattern", "host", "same"),
    [
        ("*.example.com", "a.example.com", True), ("*.example.com", "a.b.example.com", True),
        ("*.example.com", "example.com", False), ("*.example.com", "badexample.com", False),
        ("*.example.com", ".example.com", False), ("example.com", "EXAMPLE.com.", True),
        ("192.0.2.1", "192.0.2.1", False),
    ],
)  # fmt: skip
def test_names(pattern: str, host: str, same: bool) -> None:
    assert same_name(pattern, host) is same
