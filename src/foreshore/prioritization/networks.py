"""What is known of a network: places, groups of assets that no rule tells apart, rules, and what was seen from where."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from foreshore import facts
from foreshore.prioritization.places import INTERNET, Place, places_of
from foreshore.prioritization.sightlines import Evidence, evidence

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    import pyarrow as pa

    from foreshore.prioritization.context import Context

# Protocols as rules write them, by name and number. What is none of these (ICMP, ESP …) reaches no port.
_ANY = ("", "any", "all", "ip", "*", "-1")
_TCP, _UDP = ("tcp", "6", "tcp+udp"), ("udp", "17", "tcp+udp")
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Rule:
    """One rule of a firewall file, a cloud or the scope, matched against places and groups."""

    order: int
    sources: frozenset[int]
    groups: Ints
    ports: tuple[tuple[int, int], ...]  # inclusive ranges; empty: all
    allowed: bool
    told_by: str
    note: str
    protocol: str = ""
    observed_at: datetime | None = None

    def covers(self, ports: Ints, udp: frozenset[int] = frozenset()) -> Bools:
        """Of which `ports` does the rule speak? Of an unknown one (0) only where it speaks of all.

        `udp` are the ports that are known as UDP alone; every other port is one of TCP.
        """
        found = np.ones(len(ports), np.bool_)
        if self.protocol not in _ANY:
            spoken = np.isin(ports, list(udp))
            found = np.where(spoken, self.protocol in _UDP, self.protocol in _TCP)
        if self.ports:
            found &= np.any([(ports >= low) & (ports <= high) for low, high in self.ports], axis=0)
        return found


@dataclass(frozen=True)
class Network:
    """Places, groups of assets, and the rules between them."""

    places: tuple[Place, ...]
    place_of: Ints
    group_of: Ints
    group_place: Ints
    group_claim: tuple[str, ...]
    rules: tuple[Rule, ...]
    ruled_sites: frozenset[str]
    evidence: Evidence
    udp: frozenset[int]  # ports that are only known as UDP


def network(context: Context, scope: facts.Scope) -> Network:
    """Group the assets of `context` by place, matching rules and sensors' statements."""
    places, place_of = places_of(context, scope)
    raw = list(_raw_rules(context, scope))
    members = _members(context)
    aims = _aims(context, raw, places, place_of, members)
    claim = context.assets.column("internet").combine_chunks().dictionary_encode(null_encoding="encode")
    said = np.asarray(claim.indices, np.int64)
    group_of, first = numbered(np.concatenate([np.stack([place_of, said]), _codes(raw, aims, len(place_of))]))
    rules = tuple(
        Rule(
            one.order, _sources(one, places, place_of, members), np.unique(group_of[rows]),
            one.ports, one.allowed, one.told_by, one.note, one.protocol, one.observed_at,
        )
        for one, rows in zip(raw, aims, strict=True)
    )  # fmt: skip
    words = [str(one) for one in claim.dictionary.to_pylist()]
    return Network(
        places=places, place_of=place_of, group_of=group_of, group_place=place_of[first],
        group_claim=tuple(words[one] for one in said[first].tolist()), rules=rules,
        ruled_sites=frozenset(one.site for one in raw if one.closes),
        evidence=evidence(context, [one.name for one in places]), udp=context.udp,
    )  # fmt: skip


def numbered(columns: NDArray[np.int64]) -> tuple[Ints, Ints]:
    """Number the distinct columns of a matrix as they first appear; return numbers, and where each first is."""
    code = np.zeros(columns.shape[1], np.int64)
    for row in columns:
        values, place = np.unique(row, return_inverse=True)
        _, code = np.unique(code * len(values) + place, return_inverse=True)
    _, first = np.unique(code, return_index=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[code], np.sort(first).astype(np.int64)


def _codes(raw: Sequence[_Raw], aims: Sequence[Ints], count: int) -> Ints:
    """Write which rules aim at each asset as bits of whole numbers: words by assets.

    Rules are numbered within their site, as no rule aims at assets of another.
    """
    order: dict[str, int] = {}
    local = [order.setdefault(one.site, 0) for one in raw]
    for number, one in enumerate(raw):
        local[number] = order[one.site]
        order[one.site] += 1
    words = np.zeros((-(-max(order.values(), default=0) // 63), count), np.int64)
    for number, rows in zip(local, aims, strict=True):
        words[number // 63, rows] |= 1 << (number % 63)
    return words


class _Raw(NamedTuple):
    """A rule as it was told; `closes`: what no rule of its site allows is closed, as in a firewall's whole list."""

    order: int
    source: tuple[str, str]
    target: tuple[str, str]
    ports: tuple[tuple[int, int], ...]
    allowed: bool
    told_by: str
    note: str
    site: str
    closes: bool
    protocol: str
    observed_at: datetime | None = None


def _raw_rules(context: Context, scope: facts.Scope) -> Iterator[_Raw]:
    """Yield firewall rules in their order, then the scope's own rules."""
    for order, row in enumerate(context.rules.to_pylist()):
        ends = ((row["source_kind"], row["source"]), (row["target_kind"], row["target"]))
        yield _Raw(
            order, ends[0], ends[1], ranges(row["ports"]), row["allowed"], row["told_by"], row["note"],
            row["site"], row["closes"], row["protocol"] or "", row["observed_at"],
        )  # fmt: skip
    homes = {zone.name: zone.site for zone in scope.zones}
    for number, rule in enumerate(scope.reach):
        ports = tuple((port, port) for port in rule.ports)
        site = homes.get(rule.target, "")
        ends = (("zone", rule.source), ("zone", rule.target))
        yield _Raw(10**6 + number, ends[0], ends[1], ports, rule.allowed, "scope", "", site, False, "")


def ranges(text: str) -> tuple[tuple[int, int], ...]:
    """Read "80,443,8000-8100" as inclusive ranges; empty text means all ports."""
    found = []
    for part in text.replace(" ", "").split(","):
        if part:
            low, _, high = part.partition("-")
            found.append((int(low), int(high or low)))
    return tuple(found)


_Members = dict[tuple[str, str], Ints]


def _members(context: Context) -> _Members:
    """Return the assets (by index) of each group that rules may name, by site and name."""
    ids, table = np.asarray(context.assets.column("asset").to_numpy(), np.int64), context.groups
    owner = np.asarray(table.column("asset").to_numpy(), np.int64)
    row = np.searchsorted(ids, owner)
    known = np.flatnonzero((row < len(ids)) & (ids[np.minimum(row, len(ids) - 1)] == owner)) if len(ids) else row[:0]
    names = zip(*(table.column(name).to_pylist() for name in ("site", "name")), strict=True)
    found: dict[tuple[str, str], list[int]] = {}
    every = list(names)
    for number in known.tolist():
        found.setdefault(every[number], []).append(int(row[number]))
    return {key: np.array(numbers, np.int64) for key, numbers in found.items()}


def _aims(
    context: Context, raw: Sequence[_Raw], places: tuple[Place, ...], place_of: Ints, members: _Members
) -> list[Ints]:
    """Return the assets that each rule's target names, all of the rule's own site."""
    ids = np.asarray(context.assets.column("asset").to_numpy(), np.int64)
    names = {place.name: number for number, place in enumerate(places)}
    site = context.assets.column("site").combine_chunks().dictionary_encode()
    site_of = np.asarray(site.indices, np.int64)
    sites = {name: number for number, name in enumerate(site.dictionary.to_pylist())}
    by_site, by_place = _Sorted(site_of), _Sorted(place_of)
    owner, values = _ipv4(context) if any(one.target[0] == "network" for one in raw) else (_NOBODY, _NOBODY)
    found = []
    for rule in raw:
        kind, value = rule.target
        rows = _NOBODY
        if kind == "any":
            rows = by_site.rows(sites.get(rule.site, -1))
        elif kind == "zone":
            rows = by_place.rows(names[value]) if value in names else members.get((rule.site, value), _NOBODY)
        elif kind == "asset":
            place = int(np.searchsorted(ids, int(value)))
            rows = np.arange(place, place + int(place < len(ids) and ids[place] == int(value)))
        elif kind == "network":
            net = ipaddress.ip_network(value, strict=False)
            if net.version == 4:
                low = int(net.network_address)
                start, end = np.searchsorted(values, [low, low + net.num_addresses])
                rows = np.unique(owner[start:end])
        found.append(rows[site_of[rows] == sites.get(rule.site, -1)])
    return found


class _Sorted:
    """Rows by the number that each has."""

    def __init__(self, numbers: Ints) -> None:
        self.order = np.argsort(numbers, kind="stable").astype(np.int64)
        self.sorted = numbers[self.order]

    def rows(self, number: int) -> Ints:
        """Return the rows that have `number`."""
        start, end = np.searchsorted(self.sorted, [number, number + 1])
        return self.order[start:end]


_NOBODY: Ints = np.zeros(0, np.int64)
_OCTET = "0|[1-9][0-9]{0,2}"
_IPV4 = r"^" + r"\.".join(f"(?P<{name}>{_OCTET})" for name in "abcd") + "$"


def _ipv4(context: Context) -> tuple[Ints, Ints]:
    """Return all IPv4 addresses as (asset index, number), in the order of the numbers."""
    import pyarrow.compute as pc

    lists: pa.Array = context.assets.column("addresses").combine_chunks()
    owner, texts = np.asarray(pc.list_parent_indices(lists), np.int64), lists.flatten()
    parts = pc.extract_regex(texts, _IPV4)
    read = np.asarray(pc.is_valid(parts), np.bool_)
    kept = parts.filter(pc.is_valid(parts))
    octets = np.array([pc.struct_field(kept, name).cast("int64").to_numpy() for name in "abcd"]).reshape(4, -1)
    sound = np.all(octets <= 255, axis=0)
    values = (octets[:, sound] * (256 ** np.arange(3, -1, -1))[:, None]).sum(axis=0)
    order = np.argsort(values, kind="stable")
    return owner[read][sound][order], values[order].astype(np.int64)


def _sources(rule: _Raw, places: tuple[Place, ...], place_of: Ints, members: _Members) -> frozenset[int]:
    """Return the places from which a rule's source lets traffic come."""
    kind, value = rule.source
    if kind == "zone" and (rule.site, value) in members and all(place.name != value for place in places):
        return _whole(members[rule.site, value], place_of)
    return frozenset(number for number, place in enumerate(places) if _comes_from(kind, value, place, rule.site))


def _comes_from(kind: str, value: str, place: Place, site: str) -> bool:
    if kind == "any":
        return True  # traffic from other sites passes the same firewall
    if kind == "zone":
        return place.name == value
    if kind != "network":
        return False
    net = ipaddress.ip_network(value, strict=False)
    overlap = any(one.version == net.version and one.overlaps(net) for one in place.networks)
    return net.prefixlen == 0 or ((place.name == INTERNET or place.site == site) and overlap)


def _whole(inside: Ints, place_of: Ints) -> frozenset[int]:
    """Return the places all of whose assets are among `inside`: of others a group says nothing certain."""
    every, within = np.bincount(place_of), np.bincount(place_of[inside], minlength=int(place_of.max(initial=0)) + 1)
    return frozenset(np.flatnonzero((within > 0) & (within == every)).tolist())
