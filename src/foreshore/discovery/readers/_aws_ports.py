"""What security groups and network ACLs let through: ranges of ports and of addresses, and what is left of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from foreshore.discovery.readers._aws_shapes import Network, listed, network, text
from foreshore.discovery.readers._naming import whole_number

Ranges = tuple[tuple[int, int], ...]
ALL: Ranges = ((1, 65535),)
REPLIES: Ranges = ((1024, 65535),)  # the ports to which answers go back
_NAMES = {
    "-1": "any",
    "all": "any",
    "6": "tcp",
    "17": "udp",
    "1": "icmp",
    "58": "icmp",
    "icmpv6": "icmp",
    "132": "sctp",
}


class Allowed(NamedTuple):
    """What one rule of a security group lets in."""

    group: str
    protocol: str  # tcp, udp, any, ...
    ports: Ranges
    networks: tuple[Network, ...]
    groups: tuple[str, ...]
    lists: tuple[str, ...]  # prefix lists, whose ranges the answers do not give


class Entry(NamedTuple):
    """One numbered rule of a network ACL."""

    number: int
    protocol: str
    ports: Ranges
    network: Network
    allow: bool


class Passed(NamedTuple):
    """What passes an ACL, and what it takes out of the middle of it: pairs of network and ports."""

    allowed: tuple[tuple[Network, Ranges], ...]
    holes: tuple[tuple[Network, Ranges], ...]


def protocol(value: str) -> str:
    """A protocol's name; AWS writes numbers in some answers, and -1 for all."""
    word = value.strip().lower()
    return _NAMES.get(word, word)


def ports_of(low: Any, high: Any) -> Ranges:
    """The range of ports between two fields; all where they are missing or -1."""
    first, last = whole_number(low, -1), whole_number(high, -1)
    if first < 0 or last < 0:
        return ALL
    return meet(((first, last),), ALL)


def rules(group: Mapping[str, Any]) -> list[Allowed]:
    """The rules by which a security group lets traffic in."""
    found = []
    for one in listed(group, "IpPermissions"):
        ranges = [*(text(each, "CidrIp") for each in listed(one, "IpRanges")),
                  *(text(each, "CidrIpv6") for each in listed(one, "Ipv6Ranges"))]  # fmt: skip
        name = protocol(text(one, "IpProtocol"))
        ports = ALL if name == "any" else ports_of(one.get("FromPort"), one.get("ToPort"))
        found.append(Allowed(
            text(group, "GroupId"), name, ports, tuple(net for each in ranges if (net := network(each)) is not None),
            tuple(named for each in listed(one, "UserIdGroupPairs") if (named := text(each, "GroupId"))),
            tuple(named for each in listed(one, "PrefixListIds") if (named := text(each, "PrefixListId"))),
        ))  # fmt: skip
    return found


def entries(acl: Mapping[str, Any], egress: bool) -> list[Entry]:
    """An ACL's rules of one direction in the order in which they are tried."""
    found = []
    for one in listed(acl, "Entries"):
        net = network(text(one, "CidrBlock") or text(one, "Ipv6CidrBlock"))
        if net is None or bool(one.get("Egress")) is not egress:
            continue
        span = one.get("PortRange")
        ports = ports_of(span.get("From"), span.get("To")) if isinstance(span, dict) else ALL
        allow = text(one, "RuleAction").lower() == "allow"
        found.append(Entry(whole_number(one.get("RuleNumber")), protocol(text(one, "Protocol")), ports, net, allow))
    return sorted(found, key=lambda entry: entry.number)


def through(tried: Sequence[Entry], source: Network, name: str, ports: Ranges) -> Passed:
    """What of (source, protocol, ports) passes the ACL's rules; the first rule that fits decides.

    A rule for a part of the source gives a part of the answer, or takes a hole out of what follows: a hole
    comes before the parts that are allowed after it, and behind those before it.
    """
    allowed: list[tuple[Network, Ranges]] = []
    holes: list[tuple[Network, Ranges]] = []
    left = ports
    for entry in tried:
        hit = meet(left, entry.ports)
        if not hit or entry.protocol not in ("any", name) or not overlaps(entry.network, source):
            continue
        if contains(entry.network, source):
            if entry.allow:
                allowed.append((source, hit))
            left = minus(left, hit)
        elif entry.allow:
            allowed.append((entry.network, hit))
        else:
            open_before = [ports_ for net, ports_ in allowed if contains(net, entry.network)]
            for before in open_before:
                hit = minus(hit, before)
            if hit:
                holes.append((entry.network, hit))
    return Passed(tuple(allowed), tuple(holes))


def spoken(tried: Sequence[Entry], name: str) -> tuple[str, ...]:
    """The protocols to look at one by one: all of them together, unless an ACL treats them differently."""
    return ("tcp", "udp") if name == "any" and any(entry.protocol != "any" for entry in tried) else (name,)


def contains(outer: Network, inner: Network) -> bool:
    """Does `outer` hold all of `inner`?"""
    return outer.version == inner.version and inner.subnet_of(outer)  # type: ignore[arg-type]


def overlaps(one: Network, other: Network) -> bool:
    """Do the two share an address?"""
    return one.version == other.version and one.overlaps(other)


def common(one: Network, others: Iterable[Network]) -> list[Network]:
    """The parts that `one` shares with `others`, without repeats and without parts of parts."""
    parts = dict.fromkeys(other if contains(one, other) else one for other in others if overlaps(one, other))
    return [part for part in parts if not any(part != other and contains(other, part) for other in parts)]


def meet(left: Ranges, right: Ranges) -> Ranges:
    """Ports in both."""
    found = [(max(a, c), min(b, d)) for a, b in left for c, d in right]
    return tuple(sorted(one for one in found if one[0] <= one[1]))


def minus(left: Ranges, right: Ranges) -> Ranges:
    """Ports in `left` but not in `right`."""
    kept = list(left)
    for low, high in right:
        kept = [
            part
            for first, last in kept
            for part in ((first, min(last, low - 1)), (max(first, high + 1), last))
            if part[0] <= part[1]
        ]
    return tuple(sorted(dict.fromkeys(kept)))


def written(ports: Ranges) -> str:
    """As relations write ports: "80,443,8000-8100"; '' for all, so `ports` must not be empty."""
    return "" if ports == ALL else ",".join(f"{low}" if low == high else f"{low}-{high}" for low, high in ports)
