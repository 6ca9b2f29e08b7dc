"""Who may reach what in AWS: routes, security groups and network ACLs together, with three answers.

Internet exposure is stated only where it is proven: a public address, a route to an internet gateway, a
security group and a network ACL that let it in make a yes; one of them that certainly does not, a no; a
missing piece leaves it unknown. Relations grow with rules and members, not with pairs of machines.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from foreshore.discovery.readers import _aws_ports as ports
from foreshore.discovery.readers._aws_ports import Allowed, Ranges
from foreshore.discovery.readers._aws_shapes import Network, Thing, World, listed, mapping, network, text
from foreshore.facts import Answer, Record, Relation, Skipped

INTERNET4: Network = ipaddress.ip_network("0.0.0.0/0")
INTERNET6: Network = ipaddress.ip_network("::/0")
# Where a default route leads that goes to a transit gateway or a private line instead of the internet.
_PRIVATE: tuple[Network, ...] = tuple(
    ipaddress.ip_network(one) for one in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)
_WIDE = {4: 8, 6: 16}  # a public range at least this wide is the internet, not a partner
_INSIDE, _FORBIDDEN, _ALLOWED = 10, 11, 100  # positions: what an ACL forbids comes before what groups allow


@dataclass
class Spot:
    """A network interface, or several alike: the asset behind it, where it stands, what guards it.

    `public4` and `public6`: has it an address that the internet can route? None: not known. `limit`:
    the ports on which it listens at all, where that is known (load balancers, databases).
    """

    asset: str
    subnets: tuple[str, ...]
    groups: tuple[str, ...]
    public4: bool | None = None
    public6: bool | None = None
    addresses: tuple[str, ...] = ()
    limit: Ranges = ports.ALL
    guarded: bool = True  # False: a kind that needs no security group (network load balancers)


class Routes(NamedTuple):
    """Where a subnet can get traffic from: through an internet gateway (4, 6), and other ranges."""

    internet4: bool
    internet6: bool
    others: tuple[Network, ...]


@dataclass
class Fabric:
    """The networks of a world, by identifier."""

    vpcs: dict[str, Thing] = field(default_factory=dict)
    subnets: dict[str, Thing] = field(default_factory=dict)
    rules: dict[str, list[Allowed]] = field(default_factory=dict)
    tables: dict[str, Thing] = field(default_factory=dict)  # of a subnet, or the main one of a VPC
    acls: dict[str, Thing] = field(default_factory=dict)  # of a subnet
    routes: dict[str, Routes | None] = field(default_factory=dict)


def fabric(world: World) -> Fabric:
    """Index the networks of `world`."""
    found = Fabric(
        vpcs={text(one.body, "VpcId"): one for one in world.of("vpc")},
        subnets={text(one.body, "SubnetId"): one for one in world.of("subnet")},
        rules={text(one.body, "GroupId"): ports.rules(one.body) for one in world.of("group")},
    )
    for table in world.of("route_table"):
        for tie in listed(table.body, "Associations"):
            where = text(table.body, "VpcId") if tie.get("Main") is True else text(tie, "SubnetId")
            if where:
                found.tables[where] = table
    for acl in world.of("acl"):
        for tie in listed(acl.body, "Associations"):
            if text(tie, "SubnetId"):
                found.acls[text(tie, "SubnetId")] = acl
    return found


def routes(net: Fabric, subnet: str) -> Routes | None:
    """The routes of a subnet; None where its route table is not known."""
    if subnet not in net.routes:
        net.routes[subnet] = _routes(net, subnet)
    return net.routes[subnet]


def _routes(net: Fabric, subnet: str) -> Routes | None:
    vpc = vpc_of(net, subnet)
    table = net.tables.get(subnet) or net.tables.get(vpc)
    if not subnet or table is None:
        return None
    others = list(ranges_of(net, vpc))
    opened = {4: False, 6: False}
    for route in listed(table.body, "Routes"):
        target = network(text(route, "DestinationCidrBlock") or text(route, "DestinationIpv6CidrBlock"))
        if target is None or text(route, "State") == "blackhole":
            continue
        if text(route, "GatewayId").startswith("igw-"):
            opened[target.version] = opened[target.version] or target.prefixlen <= _WIDE[target.version]
        elif _comes_back(route):
            others += [one for one in _PRIVATE if one.version == target.version] if target.prefixlen == 0 else [target]
    blocked = _blocks_internet(net, subnet, vpc)
    return Routes(opened[4] and not blocked, opened[6] and not blocked, tuple(dict.fromkeys(others)))


_WAYS = ("VpcPeeringConnectionId", "TransitGatewayId", "NetworkInterfaceId", "InstanceId", "LocalGatewayId",
         "CarrierGatewayId", "CoreNetworkArn")  # fmt: skip


def _comes_back(route: object) -> bool:
    """Can traffic come in by what the route leads to? Not through address translation and egress-only gateways."""
    if not isinstance(route, dict):
        return False
    return text(route, "GatewayId").startswith("vgw-") or any(text(route, name) for name in _WAYS)


def _blocks_internet(net: Fabric, subnet: str, vpc: str) -> bool:
    """Is inbound traffic from the internet blocked for the whole VPC or subnet?"""
    for thing in (net.subnets.get(subnet), net.vpcs.get(vpc)):
        mode = text(mapping(thing.body, "BlockPublicAccessStates"), "InternetGatewayBlockMode") if thing else ""
        if mode.startswith("block-"):
            return True
    return False


def vpc_of(net: Fabric, subnet: str) -> str:
    """The VPC of a subnet."""
    thing = net.subnets.get(subnet)
    return text(thing.body, "VpcId") if thing else ""


def ranges_of(net: Fabric, vpc: str) -> tuple[Network, ...]:
    """The address ranges of a VPC."""
    thing = net.vpcs.get(vpc)
    if thing is None:
        return ()
    written = [
        text(thing.body, "CidrBlock"),
        *(text(one, "CidrBlock") for one in listed(thing.body, "CidrBlockAssociationSet")),
        *(text(one, "Ipv6CidrBlock") for one in listed(thing.body, "Ipv6CidrBlockAssociationSet")),
    ]
    return tuple(dict.fromkeys(found for one in written if (found := network(one)) is not None))


# -- the internet -------------------------------------------------------------------------------------


def internet(net: Fabric, spots: Iterable[Spot]) -> Answer:
    """Can the internet open a connection to one of `spots`? Proven, disproven, or not known."""
    answers = [
        _exposed(net, spot, subnet, family) for spot in spots for subnet in spot.subnets or ("",) for family in (4, 6)
    ]
    if True in answers:
        return "yes"
    return "unknown" if None in answers or not answers else "no"


def _exposed(net: Fabric, spot: Spot, subnet: str, family: int) -> bool | None:
    public = spot.public4 if family == 4 else spot.public6
    if public is False:
        return False
    found = routes(net, subnet)
    routed = None if found is None else (found.internet4 if family == 4 else found.internet6)
    if routed is False:
        return False
    guarded, opened = _from_internet(net, spot, family)
    if guarded is False:
        return False
    passed = _acl_lets_in(net, subnet, INTERNET4 if family == 4 else INTERNET6, opened) if guarded else None
    if passed is False:
        return False
    return True if public and routed and guarded and passed else None


def _from_internet(net: Fabric, spot: Spot, family: int) -> tuple[bool | None, list[tuple[str, Ranges]]]:
    """(do the groups let the internet in, and to what); None where a group or a prefix list is not known."""
    if not spot.guarded:
        return True, [("tcp", spot.limit)]
    opened: list[tuple[str, Ranges]] = []
    unknown = not spot.groups
    for group in spot.groups:
        unknown |= group not in net.rules
        for rule in net.rules.get(group, ()):
            left = ports.meet(rule.ports, spot.limit)
            if rule.protocol == "icmp" or not left:
                continue
            unknown |= bool(rule.lists)
            if any(_is_internet(one, family) for one in rule.networks):
                opened.append((rule.protocol, left))
    # What may come in by a group or list that is not known makes a no uncertain, and with it a closed ACL's.
    return (None if unknown and not opened else bool(opened)), opened


def _is_internet(net: Network, family: int) -> bool:
    return net.version == family and net.prefixlen <= _WIDE[family] and not any(
        ports.contains(one, net) for one in _PRIVATE
    )  # fmt: skip


def _acl_lets_in(net: Fabric, subnet: str, source: Network, opened: list[tuple[str, Ranges]]) -> bool | None:
    acl = net.acls.get(subnet)
    if acl is None:
        return None
    inward, outward = ports.entries(acl.body, egress=False), ports.entries(acl.body, egress=True)
    for rule, span in opened:
        for name in ports.spoken([*inward, *outward], rule):
            enters = [one for one, _ in ports.through(inward, source, name, span).allowed]
            leaves = [one for one, _ in ports.through(outward, source, name, ports.REPLIES).allowed]
            if any(_is_internet(one, source.version) for one in enters) and leaves:
                return True
    return False


# -- relations ----------------------------------------------------------------------------------------


def relations(net: Fabric, spots: list[Spot]) -> Iterator[Record]:
    """Yield memberships of groups that rules name, then what may reach each spot, each once."""
    members: dict[str, list[Spot]] = {}
    for spot in spots:
        for group in spot.groups:
            members.setdefault(group, []).append(spot)
    named = {group for rules in net.rules.values() for rule in rules for group in rule.groups}
    stand_ins = {group: _one_for_each_subnet(members.get(group, [])) for group in named}
    seen: set[Relation] = set()
    for group in sorted(named & members.keys()):
        for spot in members[group]:
            yield from _once(seen, Relation(kind="member_of", source=f"asset:{spot.asset}", target=f"zone:{group}"))
    for spot in spots:
        for group in spot.groups:
            for rule in net.rules.get(group, ()):
                for relation in _of_rule(net, spot, rule, stand_ins):
                    yield from _once(seen, relation)
    yield from _unusable(net, spots)


def _once(seen: set[Relation], relation: Relation) -> Iterator[Relation]:
    if relation not in seen:
        seen.add(relation)
        yield relation


def _unusable(net: Fabric, spots: list[Spot]) -> Iterator[Skipped]:
    if net.rules and not spots:
        why = f"{len(net.rules)} groups, but nothing here is a member of one: read them together with the machines"
        yield Skipped("security groups", why)
    for name, rules in net.rules.items():
        lists = sorted({one for rule in rules for one in rule.lists})
        if lists:
            yield Skipped(f"security group {name}", f"the ranges of {', '.join(lists[:5])} are not in the answers")
        if any(rule.protocol == "icmp" for rule in rules):
            yield Skipped(f"security group {name}", "rules for ICMP open no port and are not taken")


def _of_rule(net: Fabric, spot: Spot, rule: Allowed, stand_ins: dict[str, tuple[str, ...]]) -> Iterator[Relation]:
    span = ports.meet(rule.ports, spot.limit)
    if rule.protocol == "icmp" or not span:
        return
    for subnet in spot.subnets or ("",):
        for source in rule.networks:
            for part in _routable(net, spot, subnet, source):
                yield from _parts(net, spot, subnet, rule, part, span)
    for group in rule.groups:
        note = f"security group {rule.group} lets in members of {group}"
        yield _allow(f"zone:{group}", spot, rule.protocol, span, note)
        # The same for readers that know places only: one address for each subnet of the members.
        for address in stand_ins.get(group, ()):
            yield _allow(address, spot, rule.protocol, span, f"{note}; one address for each subnet")


def _one_for_each_subnet(members: list[Spot]) -> tuple[str, ...]:
    firsts = {place: one.addresses[0] for one in reversed(members) if one.addresses for place in one.subnets}
    return tuple(sorted(str(single) for one in set(firsts.values()) if (single := network(one)) is not None))


def _routable(net: Fabric, spot: Spot, subnet: str, source: Network) -> list[Network]:
    """The parts of a rule's source that have a way to the subnet at all."""
    found = routes(net, subnet)
    public = spot.public4 if source.version == 4 else spot.public6
    if found is None:
        # Not knowing the routes, only addresses of the VPC itself are sure to have one.
        return [source] if public else ports.common(source, ranges_of(net, vpc_of(net, subnet)))
    if public is not False and (found.internet4 if source.version == 4 else found.internet6):
        return [source]
    return ports.common(source, found.others)


def _parts(net: Fabric, spot: Spot, subnet: str, rule: Allowed, source: Network, span: Ranges) -> Iterator[Relation]:
    """What the subnet's ACL leaves of a rule; inside the subnet it has no say."""
    note = f"security group {rule.group}"
    acl, thing = net.acls.get(subnet), net.subnets.get(subnet)
    home = network(text(thing.body, "CidrBlock")) if thing else None
    if acl is None or (home is not None and ports.contains(home, source)):
        yield _allow(str(source), spot, rule.protocol, span, note)
        return
    if home is not None and ports.contains(source, home):
        yield _allow(str(home), spot, rule.protocol, span, f"{note}, inside the subnet", _INSIDE)
    yield from _filtered(acl, spot, rule, source, span)


def _filtered(acl: Thing, spot: Spot, rule: Allowed, source: Network, span: Ranges) -> Iterator[Relation]:
    """What an ACL leaves of a rule for traffic from outside the subnet; answers have to get out again."""
    inward, outward = ports.entries(acl.body, egress=False), ports.entries(acl.body, egress=True)
    which = f"network ACL {text(acl.body, 'NetworkAclId')}"
    for name in ports.spoken([*inward, *outward], rule.protocol):
        passed = ports.through(inward, source, name, span)
        if not ports.through(outward, source, name, ports.REPLIES).allowed:
            continue
        for part, left in passed.holes if passed.allowed else ():
            yield Relation(
                kind="may_reach", source=str(part), target=f"asset:{spot.asset}", ports=ports.written(left),
                protocol=name, allowed=False, position=_FORBIDDEN, note=which,
            )  # fmt: skip
        for part, left in passed.allowed:
            yield _allow(str(part), spot, name, left, f"security group {rule.group}")


def _allow(source: str, spot: Spot, protocol: str, span: Ranges, note: str, position: int = _ALLOWED) -> Relation:
    return Relation(
        kind="may_reach", source=source, target=f"asset:{spot.asset}", ports=ports.written(span), protocol=protocol,
        position=position, note=note,
    )  # fmt: skip
