"""Who can reach what, with three answers: yes, no, unknown.

Assets that no rule and no evidence tells apart form one *group*; reach is stated from a place to a
group and port, so that it grows with places and groups, not with pairs of assets. Evidence in
order: a test or scan from that place, a sensor's statement of internet exposure, the firewall's or
scope's rules, and last the prior of the kind of places, as one shared draw for a pair of places.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from foreshore import facts
from foreshore.prioritization.places import INTERNET, Place, places_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from foreshore.policy import Policy
    from foreshore.prioritization.context import Context

YES, UNKNOWN = 1, 2
# Protocols as rules write them, by name and number. What is none of these (ICMP, ESP …) reaches no port.
_ANY = ("", "any", "all", "ip", "*", "-1")
_TCP, _UDP = ("tcp", "6", "tcp+udp"), ("udp", "17", "tcp+udp")
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Rule:
    """One rule of a firewall file, a cloud or the scope, matched against places and groups."""

    order: int
    sources: frozenset[int]
    groups: frozenset[int]
    ports: tuple[tuple[int, int], ...]  # inclusive ranges; empty: all
    allowed: bool
    told_by: str
    note: str
    protocol: str = ""

    def covers(self, port: int, udp: frozenset[int] = frozenset()) -> bool:
        """Does the rule speak of `port`? An unknown port (0) only where it speaks of all.

        `udp` are the ports that are known as UDP alone; every other port is one of TCP.
        """
        if self.protocol not in _ANY and self.protocol not in (_UDP if port in udp else _TCP):
            return False
        return not self.ports or any(low <= port <= high for low, high in self.ports)


@dataclass(frozen=True)
class Reach:
    """Answers as arrays: from place, to endpoint (a group, port and evidence), and the reason.

    `answer` is YES or UNKNOWN (a "no" has no row). `prior` indexes `priors` or is -1; `why` is a
    sentence; `told_by` names the source, empty for an assumption.
    """

    places: tuple[Place, ...]
    place_of: Ints  # per asset
    group_of: Ints  # per asset
    endpoint_of: dict[tuple[int, int, str], int]  # (group, port, evidence) -> endpoint
    source: Ints
    target: Ints
    answer: Ints
    prior: Ints
    priors: tuple[tuple[str, str], ...]  # (key of the shared draw, name of the policy number)
    why: tuple[str, ...]
    told_by: tuple[str, ...]


@dataclass
class _Rows:
    source: list[int] = field(default_factory=list)
    target: list[int] = field(default_factory=list)
    answer: list[int] = field(default_factory=list)
    prior: list[int] = field(default_factory=list)
    why: list[str] = field(default_factory=list)
    told_by: list[str] = field(default_factory=list)
    priors: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, ends: tuple[int, int], answer: int, why: str, told_by: str, prior: int = -1) -> None:
        self.source.append(ends[0])
        self.target.append(ends[1])
        self.answer.append(answer)
        self.prior.append(prior)
        self.why.append(why)
        self.told_by.append(told_by)


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
    evidence: dict[tuple[int, int], tuple[tuple[int, bool, str], ...]]  # asset, port -> place, open?, source
    udp: frozenset[int]  # ports that are only known as UDP


def network(context: Context, scope: facts.Scope) -> Network:
    """Group the assets of `context` by place, matching rules and sensors' statements."""
    places, place_of = places_of(context, scope)
    raw = list(_raw_rules(context, scope))
    members = _members(context)
    targets = _targets(context, raw, places, place_of, members)
    claims = context.assets.column("internet").to_pylist()
    words = np.array([str(claim) for claim in claims], dtype=object)
    _, said = np.unique(words.astype(str), return_inverse=True)
    alike = np.concatenate([np.stack([place_of, said.astype(np.int64)]), _codes(targets)])
    group_of, first = numbered(alike)
    aimed = [np.unique(group_of[row]) for row in targets]
    rules = tuple(
        Rule(
            one.order, _sources(one, places, place_of, members), frozenset(map(int, groups)),
            one.ports, one.allowed, one.told_by, one.note, one.protocol,
        )
        for one, groups in zip(raw, aimed, strict=True)
    )  # fmt: skip
    ruled = frozenset(one.site for one in raw if one.closes)
    return Network(
        places=places, place_of=place_of, group_of=group_of,
        group_place=place_of[first], group_claim=tuple(words[first].tolist()),
        rules=rules, ruled_sites=ruled, evidence=_evidence(context, places), udp=context.udp,
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


def _codes(targets: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Pack each asset's row of answers, one for each rule, into whole numbers: words by assets."""
    packed = np.packbits(targets, axis=0)
    padded = np.zeros((-(-len(packed) // 8) * 8, targets.shape[1]), np.uint8)
    padded[: len(packed)] = packed
    return np.ascontiguousarray(padded.T).view(np.int64).T


def answer(net: Network, wanted: set[tuple[int, int]], scope: facts.Scope, policy: Policy) -> Reach:
    """Answer for every (asset index, port) of `wanted` from every place; port 0 is "some port"."""
    pairs = np.array(sorted(wanted), np.int64).reshape(-1, 2)
    return answered(net, pairs[:, 0], pairs[:, 1], scope, policy)[0]


_PORTS = 1 << 20  # more than there are ports


def answered(net: Network, assets: Ints, ports: Ints, scope: facts.Scope, policy: Policy) -> tuple[Reach, Ints]:
    """Answer for pairs of asset index and port, from every place; also return each pair's endpoint."""
    pairs, inverse = np.unique(assets * _PORTS + ports, return_inverse=True)
    asset, port = pairs // _PORTS, pairs % _PORTS
    signatures: dict[str, int] = {"": 0}
    code = np.zeros(len(pairs), np.int64)
    known: dict[int, tuple[tuple[int, bool, str], ...]] = {}
    if net.evidence:
        shown = np.array([one * _PORTS + number for one, number in net.evidence], np.int64)
        for place in np.flatnonzero(np.isin(pairs, shown)).tolist():
            known[place] = net.evidence[int(asset[place]), int(port[place])]
            code[place] = signatures.setdefault(signature(known[place]), len(signatures))
    endpoint, first = numbered(np.stack([net.group_of[asset], port, code]))
    texts = list(signatures)
    endpoints = {
        (int(net.group_of[asset[one]]), int(port[one]), texts[code[one]]): number
        for number, one in enumerate(first.tolist())
    }
    seen = {int(endpoint[place]): evidence for place, evidence in known.items()}
    found = _answers(net, endpoints, seen, scope)
    return found, endpoint[inverse.reshape(-1)]


def _answers(
    net: Network,
    endpoints: dict[tuple[int, int, str], int],
    seen: dict[int, tuple[tuple[int, bool, str], ...]],
    scope: facts.Scope,
) -> Reach:
    """Answer from every place to every endpoint; `seen` is the evidence of those that have any."""
    rows = _Rows()
    for (group, port, _), endpoint in endpoints.items():
        for place in range(len(net.places)):
            _one(net, scope, rows, (place, group, port, endpoint), seen.get(endpoint, ()))
    arrays = [np.array(one, np.int64) for one in (rows.source, rows.target, rows.answer, rows.prior)]
    return Reach(
        places=net.places, place_of=net.place_of, group_of=net.group_of, endpoint_of=endpoints,
        source=arrays[0], target=arrays[1], answer=arrays[2], prior=arrays[3],
        priors=tuple(rows.priors), why=tuple(rows.why), told_by=tuple(rows.told_by),
    )  # fmt: skip


def signature(evidence: tuple[tuple[int, bool, str], ...]) -> str:
    """Write evidence as text, so that assets with the same evidence share an endpoint."""
    return ";".join(f"{place}{'+' if is_open else '-'}" for place, is_open, _ in evidence)


def _one(
    net: Network,
    scope: facts.Scope,
    rows: _Rows,
    what: tuple[int, int, int, int],
    evidence: tuple[tuple[int, bool, str], ...],
) -> None:
    """Add the answer from one place to one endpoint, by the strongest evidence there is."""
    place, group, port, endpoint = what
    here, there = net.places[place], net.places[int(net.group_place[group])]
    for where, is_open, source in evidence:
        if where == place:
            if is_open:
                rows.add((place, endpoint), YES, f"seen open from {here.name}", source)
            return
    if here.name == INTERNET and net.group_claim[group] != "unknown":
        if net.group_claim[group] == "yes":
            rows.add((place, endpoint), YES, "a sensor states that it faces the internet", "sensor")
        return
    verdict = None if here == there else _ruled(net, here, there, (place, group, port))
    if verdict is not None:
        if verdict[0]:
            rows.add((place, endpoint), YES, verdict[1], verdict[2])
        return
    if scope.reach_default == "closed" and here != there:
        return
    if scope.reach_default == "open" or (here == there and scope.reach_default == "closed"):
        rows.add((place, endpoint), YES, "the scope says reach is open by default", "scope")
        return
    number = prior_of(here, there)
    prior = rows.priors.setdefault((f"reach:{here.name}>{there.name}", number), len(rows.priors))
    rows.add((place, endpoint), UNKNOWN, f"not known whether {here.name} reaches {there.name}", "", prior)


def _ruled(net: Network, here: Place, there: Place, what: tuple[int, int, int]) -> tuple[bool, str, str] | None:
    """Return the first matching rule's word, or a firewall's silent "no"; None where no rule speaks."""
    place, group, port = what
    for rule in net.rules:
        if place in rule.sources and group in rule.groups and rule.covers(port, net.udp):
            word = "allows" if rule.allowed else "forbids"
            return rule.allowed, f"a rule {word} {here.name} to {there.name}{_port(port)}", rule.told_by
    inside = here.name == INTERNET or here.site == there.site
    if there.site in net.ruled_sites and inside and there.addressed != "none" and port:
        return False, "no firewall rule allows it", "firewall"
    return None


def _port(port: int) -> str:
    return f" on port {port}" if port else ""


def prior_of(here: Place, there: Place) -> str:
    """Name the policy number that holds where nothing is known about the pair."""
    if here.name == INTERNET:
        return _FROM_INTERNET[there.addressed]
    if here == there:
        return "reach.prior.same_zone"
    return "reach.prior.same_site" if here.site == there.site else "reach.prior.between_sites"


_FROM_INTERNET = {
    "public": "reach.prior.internet_public",
    "private": "reach.prior.internet_private",
    "none": "reach.prior.internet_unaddressed",
}


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


def _raw_rules(context: Context, scope: facts.Scope) -> Iterator[_Raw]:
    """Yield firewall rules in their order, then the scope's own rules."""
    for order, row in enumerate(context.rules.to_pylist()):
        ends = ((row["source_kind"], row["source"]), (row["target_kind"], row["target"]))
        yield _Raw(
            order, ends[0], ends[1], ranges(row["ports"]), row["allowed"], row["told_by"], row["note"],
            row["site"], row["closes"], row["protocol"] or "",
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
    index = {asset: number for number, asset in enumerate(context.assets.column("asset").to_pylist())}
    found: dict[tuple[str, str], list[int]] = {}
    for row in context.groups.to_pylist():
        if row["asset"] in index:
            found.setdefault((row["site"], row["name"]), []).append(index[row["asset"]])
    return {key: np.array(numbers, np.int64) for key, numbers in found.items()}


def _targets(
    context: Context, raw: list[_Raw], places: tuple[Place, ...], place_of: Ints, members: _Members
) -> NDArray[np.bool_]:
    """Return which assets each rule's target names: rules by assets."""
    count = context.assets.num_rows
    owner, values = _ipv4(context)
    sites = np.array(context.assets.column("site").to_pylist(), dtype=object)
    ids = np.asarray(context.assets.column("asset").to_numpy(), np.int64)
    names = {place.name: number for number, place in enumerate(places)}
    result = np.zeros((len(raw), count), np.bool_)
    for number, rule in enumerate(raw):
        kind, value = rule.target
        if kind == "any":
            result[number] = True
        elif kind == "zone" and value in names:
            result[number] = place_of == names[value]
        elif kind == "zone":
            result[number, members.get((rule.site, value), _NOBODY)] = True
        elif kind == "asset":
            result[number] = ids == int(value)
        elif kind == "network":
            net = ipaddress.ip_network(value, strict=False)
            if net.version == 4:
                low = int(net.network_address)
                hit = (values >= low) & (values < low + net.num_addresses)
                result[number, owner[hit]] = True
        result[number] &= sites == rule.site
    return result


_NOBODY: Ints = np.zeros(0, np.int64)


def _ipv4(context: Context) -> tuple[Ints, Ints]:
    """Return all IPv4 addresses as (asset index, number)."""
    owner, values = [], []
    for number, addresses in enumerate(context.assets.column("addresses").to_pylist()):
        for text in addresses:
            try:
                values.append(int(ipaddress.IPv4Address(text)))
                owner.append(number)
            except ValueError:
                continue
    return np.array(owner, np.int64), np.array(values, np.int64)


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


def _evidence(context: Context, places: tuple[Place, ...]) -> dict[tuple[int, int], tuple[tuple[int, bool, str], ...]]:
    """Return, by asset index and port, from where it was seen open or not."""
    import pyarrow as pa
    import pyarrow.compute as pc

    names = {place.name: number for number, place in enumerate(places)}
    index = {asset: number for number, asset in enumerate(context.assets.column("asset").to_pylist())}
    found: dict[tuple[int, int], dict[int, tuple[int, bool, str]]] = {}
    placed = context.ports.filter(pc.is_in(context.ports.column("vantage"), value_set=pa.array(list(names))))
    for row in placed.to_pylist():
        place, asset = names[row["vantage"]], index.get(row["asset"])
        if asset is None:
            continue
        ties = found.setdefault((asset, row["port"]), {})
        ties[place] = (place, row["state"] == "open", row["source"])
    return {key: tuple(ties[place] for place in sorted(ties)) for key, ties in found.items()}
