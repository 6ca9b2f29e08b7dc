"""Which addresses and ports may be touched: the approved targets, and nothing else.

An address is covered by an approved range that holds it. A name is covered where it is an approved
name; the addresses that it resolves to must then lie in approved ranges or in the networks that the
scope's zones list: whoever runs a name server must not choose what is tested. Special addresses
(this machine, link-local, metadata, multicast, private and reserved ones) are covered only by a
range that lies wholly within the special one, so that a wide range never takes them in by accident.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from foreshore import facts

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Every block that holds the address must also hold the range which covers it.
SPECIAL: tuple[tuple[str, Network], ...] = tuple(
    (name, ipaddress.ip_network(text))
    for name, texts in (
        ("a cloud metadata address", "169.254.169.254/32 169.254.170.2/32 169.254.170.23/32 100.100.100.200/32 "
            "168.63.129.16/32 192.0.0.192/32 fd00:ec2::254/128 fd00:ec2::23/128"),
        ("an address of this machine itself", "127.0.0.0/8 ::1/128"),
        ("a link-local address", "169.254.0.0/16 fe80::/10"),
        ("a multicast address", "224.0.0.0/4 ff00::/8"),
        ("no address of a machine", "0.0.0.0/8 ::/128 255.255.255.255/32"),
        ("a private address", "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 fc00::/7 fec0::/10"),
        ("a reserved address", "240.0.0.0/4 192.0.0.0/24 198.18.0.0/15"),
    )
    for text in texts.split()
)  # fmt: skip
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")


def address_of(text: str) -> Address | None:
    """Return the address that `text` is, an IPv4 address written inside an IPv6 one as itself; None for names."""
    try:
        found = ipaddress.ip_address(text.strip().strip("[]"))
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address):
        return found.ipv4_mapped or found
    return found


def carried(address: Address) -> Iterator[Address]:
    """Yield the IPv4 addresses that `address` would bring traffic to (6to4, Teredo, NAT64, compatible)."""
    if not isinstance(address, ipaddress.IPv6Address):
        return
    if address.sixtofour:
        yield address.sixtofour
    if address.teredo:
        yield from address.teredo
    inner = int(address) & 0xFFFFFFFF
    if address in _NAT64 or (address in _COMPATIBLE and inner > 1):
        yield ipaddress.IPv4Address(inner)


@lru_cache(maxsize=4096)
def network_of(text: str) -> Network | None:
    """Return the range that `text` writes, None for a name."""
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return None


def holds(network: Network, address: Address) -> bool:
    """Is `address` in `network`, and `network` narrow enough to speak of it?"""
    if network.version != address.version or address not in network or network.prefixlen == 0:
        return False
    blocks = (block for _, block in SPECIAL if block.version == address.version and address in block)
    return all(network.subnet_of(block) for block in blocks)  # type: ignore[arg-type]


def special(address: Address) -> str:
    """Say what is special about `address`, "" for an ordinary public one."""
    return next((name for name, block in SPECIAL if block.version == address.version and address in block), "")


@dataclass(frozen=True)
class Permits:
    """The approved targets, and the networks of the scope's zones, within which approved names may lie."""

    targets: tuple[facts.Target, ...]
    own: tuple[str, ...] = ()

    def refusal(self, host: str, addresses: tuple[Address, ...], port: int, today: date) -> str:
        """Say why `host` at `addresses` must not be touched on `port`; "" only if all of it may be."""
        if not addresses:
            return "its name has no address"
        for address in addresses:
            for one in (address, *carried(address)):
                if reason := self._one(host, one, port, today):
                    return reason
        return ""

    def _one(self, host: str, address: Address, port: int, today: date) -> str:
        covering = [one for one in self.targets if self._covers(one, host, address, today)]
        if not covering:
            kind = special(address)
            return f"{address} is {kind} and outside the approved targets" if kind else (
                f"{address} is outside the approved targets")  # fmt: skip
        current = [one for one in covering if one.until is None or one.until >= today]
        if not current:
            last = max(one.until for one in covering if one.until)
            return f"the approval for {address} ended on {last}"
        if not any(not one.ports or port in one.ports for one in current):
            return f"port {port} is not among the approved ports of {address}"
        return ""

    def _covers(self, target: facts.Target, host: str, address: Address, today: date) -> bool:
        network = network_of(target.what)
        if network is not None:
            return holds(network, address)
        if not same_name(target.what, host):
            return False
        current = [one.what for one in self.targets if one.until is None or one.until >= today]
        ranges = [*current, *self.own]
        return any(holds(net, address) for net in map(network_of, ranges) if net is not None)


def same_name(pattern: str, host: str) -> bool:
    """Is `host` the name, or one of the names below `*.name`? Case and a last dot do not matter."""
    if address_of(host) is not None:
        return False
    left, right = pattern.rstrip(".").lower(), host.rstrip(".").lower()
    return left == right or (left.startswith("*.") and right.endswith(left[1:]) and right != left[1:])
