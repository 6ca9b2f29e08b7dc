"""What AWS lets through, against a reference that tries every address and port of a small world."""

from __future__ import annotations

import ipaddress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from foreshore import facts
from foreshore.discovery.readers import _aws_network, _aws_ports
from foreshore.discovery.readers._aws_network import Spot
from foreshore.discovery.readers._aws_policies import Statement, fits
from foreshore.discovery.readers._aws_ports import Entry
from foreshore.discovery.readers._aws_shapes import Network, World

# A world of 16 addresses: small enough to try them all.
NETS: list[Network] = [
    net for length in (28, 29, 30, 31, 32) for net in ipaddress.ip_network("10.0.0.0/28").subnets(new_prefix=length)
]
WHOLE = NETS[0]
SPANS = st.tuples(st.integers(1, 12), st.integers(0, 5)).map(lambda one: ((one[0], min(one[0] + one[1], 12)),))
ENTRIES = st.lists(
    st.tuples(st.sampled_from(["any", "tcp", "udp"]), SPANS, st.sampled_from(NETS), st.booleans()), max_size=6
).map(lambda rows: [Entry(number, *row) for number, row in enumerate(rows)])


def decided(tried: list[Entry], address: Any, port: int) -> bool:
    """The first rule for the address and port decides; none means no."""
    for entry in tried:
        if entry.protocol in ("any", "tcp") and address in entry.network and _has(entry.ports, port):
            return entry.allow
    return False


@given(ENTRIES, st.sampled_from(NETS), SPANS)
def test_what_passes_an_acl_is_what_its_rules_let_pass_one_by_one(
    tried: list[Entry], source: Network, span: _aws_ports.Ranges
) -> None:
    passed = _aws_ports.through(tried, source, "tcp", span)
    for address in source:
        for port in range(1, 13):
            wanted = any(low <= port <= high for low, high in span) and decided(tried, address, port)
            inside = any(address in net and _has(ports, port) for net, ports in passed.allowed)
            hole = any(address in net and _has(ports, port) for net, ports in passed.holes)
            if wanted:
                assert inside, (address, port)
            # A hole may come after a part that let the address in before, for other addresses of the hole.
            if inside and not hole:
                assert wanted, (address, port)


def _has(ports: _aws_ports.Ranges, port: int) -> bool:
    return any(low <= port <= high for low, high in ports)


RANGES = st.lists(SPANS.map(lambda one: one[0]), max_size=4).map(tuple)


@given(RANGES, RANGES)
def test_ranges_meet_and_subtract_as_sets(left: _aws_ports.Ranges, right: _aws_ports.Ranges) -> None:
    for port in range(14):
        assert _has(_aws_ports.meet(left, right), port) == (_has(left, port) and _has(right, port))
        assert _has(_aws_ports.minus(left, right), port) == (_has(left, port) and not _has(right, port))


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
def test_patterns_fit_as_their_definition_says(pattern: str, value: str) -> None:
    def slowly(rest: str, left: str) -> bool:
        if not rest:
            return not left
        if rest[0] == "*":
            return any(slowly(rest[1:], left[start:]) for start in range(len(left) + 1))
        return bool(left) and rest[0] in ("?", left[0]) and slowly(rest[1:], left[1:])

    assert fits(pattern, value) == slowly(pattern, value)


ARNS = st.lists(st.text("ab", max_size=6), unique=True, max_size=12).map(sorted)


@given(st.lists(st.text("ab*?", max_size=5), max_size=4).map(tuple), ARNS, st.booleans())
def test_resources_among_many_are_those_that_fit_one_by_one(
    patterns: tuple[str, ...], arns: list[str], beside: bool
) -> None:
    statement = Statement(True, ("iam:passrole",), False, patterns, beside)
    assert sorted(statement.among(arns)) == [arn for arn in arns if statement.names(arn)]


def test_a_hostile_pattern_takes_no_longer_than_both_lengths_multiplied() -> None:
    assert not fits("*a" * 500 + "b", "a" * 2000)


# -- whole networks -----------------------------------------------------------------------------------


def world(**changes: Any) -> World:
    """A subnet with a route to an internet gateway, an open ACL and a group that lets 443 in; parts can change."""
    parts: dict[str, Any] = {
        "vpcs": {"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16"},
        "subnets": {"SubnetId": "subnet-1", "VpcId": "vpc-1", "CidrBlock": "10.0.1.0/24"},
        "tables": {"RouteTableId": "rtb-1", "VpcId": "vpc-1", "Associations": [{"Main": True}], "Routes": [
            {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1", "State": "active"}]},
        "acls": {"NetworkAclId": "acl-1", "Associations": [{"SubnetId": "subnet-1"}], "Entries": [
            {"RuleNumber": 100, "CidrBlock": "0.0.0.0/0", "RuleAction": "allow", "Egress": side, "Protocol": "-1"}
            for side in (True, False)]},
        "groups": {"GroupId": "sg-1", "IpPermissions": [
            {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]},
    }  # fmt: skip
    found = World()
    found.take([one for one in (parts | changes).values() if one])
    return found


SPOT = Spot("i-1", ("subnet-1",), ("sg-1",), public4=True, public6=False, addresses=("10.0.1.5",))


def answer(spot: Spot = SPOT, **changes: Any) -> str:
    return _aws_network.internet(_aws_network.fabric(world(**changes)), [spot])


def group(**rule: Any) -> dict[str, Any]:
    return {"GroupId": "sg-1", "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, **rule}]}


def test_all_four_together_are_proof() -> None:
    assert answer() == "yes"


def test_each_missing_piece_leaves_it_unknown() -> None:
    missing: list[dict[str, Any]] = [{part: None} for part in ("tables", "acls", "groups", "subnets")]
    assert {answer(SPOT, **one) for one in missing} == {"unknown"}


def test_each_piece_that_is_closed_is_proof_of_no() -> None:
    no_route = {"RouteTableId": "rtb-1", "VpcId": "vpc-1", "Associations": [{"Main": True}], "Routes": []}
    closed = {"NetworkAclId": "acl-1", "Associations": [{"SubnetId": "subnet-1"}], "Entries": []}
    private = Spot("i-1", ("subnet-1",), ("sg-1",), public4=False, public6=False)
    assert answer(private) == "no"
    assert answer(private, tables=None, acls=None, groups=None) == "no"
    assert answer(tables=no_route) == "no"
    assert answer(acls=closed) == "no"
    assert answer(groups=group(IpRanges=[{"CidrIp": "10.0.0.0/8"}])) == "no"
    assert answer(groups=group(IpRanges=[{"CidrIp": "198.51.100.0/24"}])) == "no"


def test_answers_that_cannot_get_out_are_no_reach() -> None:
    one_way = {"NetworkAclId": "acl-1", "Associations": [{"SubnetId": "subnet-1"}], "Entries": [
        {"RuleNumber": 100, "CidrBlock": "0.0.0.0/0", "RuleAction": "allow", "Egress": False, "Protocol": "-1"}]}  # fmt: skip
    assert answer(acls=one_way) == "no"
    assert not [one for one in relations(acls=one_way) if one.source == "0.0.0.0/0"]


def test_a_prefix_list_that_is_not_known_leaves_it_unknown() -> None:
    assert answer(groups=group(PrefixListIds=[{"PrefixListId": "pl-1"}])) == "unknown"


def test_the_whole_vpc_can_be_closed_to_the_internet() -> None:
    vpc = {"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16",
           "BlockPublicAccessStates": {"InternetGatewayBlockMode": "block-ingress"}}  # fmt: skip
    assert answer(vpcs=vpc) == "no"


def test_a_gateway_for_translation_lets_nothing_in() -> None:
    table = {"RouteTableId": "rtb-1", "VpcId": "vpc-1", "Associations": [{"Main": True}], "Routes": [
        {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1", "State": "active"}]}  # fmt: skip
    assert answer(tables=table) == "no"
    assert {one.source for one in relations(tables=table)} == {"10.0.0.0/16", "10.0.1.0/24"}


def relations(spots: tuple[Spot, ...] = (SPOT,), **changes: Any) -> list[facts.Relation]:
    found = _aws_network.relations(_aws_network.fabric(world(**changes)), list(spots))
    return [one for one in found if isinstance(one, facts.Relation)]


def test_relations_grow_with_members_and_rules_not_with_pairs() -> None:
    rules = {"GroupId": "sg-1", "IpPermissions": [
        {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [{"GroupId": "sg-1"}]}]}  # fmt: skip
    counts = []
    for size in (50, 100):
        spots = tuple(
            Spot(f"i-{n}", ("subnet-1",), ("sg-1",), public4=False, addresses=(f"10.0.1.{n}",)) for n in range(size)
        )
        counts.append(len(relations(spots, groups=rules)))
    assert counts[1] == 2 * counts[0] == 300


def test_a_rule_for_every_protocol_is_taken_apart_where_the_acl_does() -> None:
    acl = {"NetworkAclId": "acl-1", "Associations": [{"SubnetId": "subnet-1"}], "Entries": [
        {"RuleNumber": 1, "CidrBlock": "0.0.0.0/0", "RuleAction": "deny", "Egress": False, "Protocol": "17"},
        *({"RuleNumber": 9, "CidrBlock": "0.0.0.0/0", "RuleAction": "allow", "Egress": side, "Protocol": "-1"}
          for side in (True, False))]}  # fmt: skip
    everything = {"GroupId": "sg-1", "IpPermissions": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]}
    found = {(one.source, one.protocol) for one in relations(acls=acl, groups=everything)}
    assert found == {("10.0.1.0/24", "any"), ("0.0.0.0/0", "tcp")}


def test_ports_are_never_lost_into_all() -> None:
    nothing = group(FromPort=0, ToPort=0, IpRanges=[{"CidrIp": "0.0.0.0/0"}])
    assert relations(groups=nothing) == []
    assert {one.ports for one in relations()} == {"443"}
