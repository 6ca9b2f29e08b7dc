"""Reach has three answers, by the strongest evidence there is."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from foreshore import facts, policy
from foreshore.prioritization import reach
from foreshore.prioritization.context import Context
from foreshore.query import zones

SCOPE = facts.Scope(
    organization="Example",
    sites=(facts.Site("hq"), facts.Site("south")),
    zones=(
        facts.Zone("dmz", "hq", ("203.0.113.0/24",)),
        facts.Zone("office", "hq", ("10.1.0.0/16",)),
        facts.Zone("payments", "hq", ("10.20.0.0/16",)),
    ),
)
HOSTS = (
    (1, "hq", "203.0.113.10", "unknown"), (2, "hq", "10.1.0.5", "unknown"), (3, "hq", "10.20.0.7", "unknown"),
    (4, "south", "10.20.0.7", "unknown"), (5, "hq", "", "yes"),
)  # fmt: skip
PORT = pa.schema([
    ("asset", pa.int64()), ("port", pa.int64()), ("protocol", pa.string()), ("vantage", pa.string()),
    ("state", pa.string()), ("service", pa.string()), ("observed_at", pa.timestamp("us")), ("source", pa.string()),
])  # fmt: skip
RULE = pa.schema([
    ("site", pa.string()), ("source_kind", pa.string()), ("source", pa.string()), ("target_kind", pa.string()),
    ("target", pa.string()), ("ports", pa.string()), ("protocol", pa.string()), ("allowed", pa.bool_()),
    ("position", pa.int64()), ("note", pa.string()), ("observed_at", pa.timestamp("us")), ("told_by", pa.string()),
    ("closes", pa.bool_()),
])  # fmt: skip


def port(asset: int, number: int, vantage: str, state: str = "open") -> dict[str, Any]:
    return {
        "asset": asset, "port": number, "protocol": "tcp", "vantage": vantage, "state": state, "service": "",
        "observed_at": datetime(2026, 1, 1), "source": "nmap",
    }  # fmt: skip


def rule(position: int, source: str, target: str, ports: str = "", allowed: bool = True) -> dict[str, Any]:
    def end(text: str) -> tuple[str, str]:
        kind = "any" if text == "any" else "network" if "/" in text else "zone"
        return kind, text

    (source_kind, source), (target_kind, target) = end(source), end(target)
    return {
        "site": "hq", "source_kind": source_kind, "source": source, "target_kind": target_kind, "target": target,
        "ports": ports, "protocol": "tcp", "allowed": allowed, "position": position, "note": "",
        "observed_at": datetime(2026, 1, 1), "told_by": "firewall", "closes": True,
    }  # fmt: skip


GROUP = pa.schema([("asset", pa.int64()), ("site", pa.string()), ("name", pa.string())])


def context(
    ports: list[dict[str, Any]],
    rules: list[dict[str, Any]],
    scope: facts.Scope,
    groups: dict[str, list[int]] | None = None,
    udp: frozenset[int] = frozenset(),
) -> Context:
    assets = pa.table({
        "asset": pa.array([one[0] for one in HOSTS], pa.int64()), "name": [f"host-{one[0]}" for one in HOSTS],
        "site": [one[1] for one in HOSTS], "internet": [one[3] for one in HOSTS],
        "addresses": pa.array([[one[2]] if one[2] else [] for one in HOSTS], pa.list_(pa.string())),
        "names": pa.array([[f"host-{one[0]}"] for one in HOSTS], pa.list_(pa.string())),
    })  # fmt: skip
    nothing = pa.table({"asset": pa.array([], pa.int64())})
    return Context(
        assets=zones.assign(assets, scope), exposures=nothing, ports=pa.Table.from_pylist(ports, schema=PORT),
        rules=pa.Table.from_pylist(rules, schema=RULE), ties=nothing, members=nothing, owners=nothing, services=(),
        groups=pa.Table.from_pylist([
            {"asset": asset, "site": "hq", "name": name} for name, listed in (groups or {}).items() for asset in listed
        ], schema=GROUP), udp=udp, attributes=nothing, controls=nothing,
    )  # fmt: skip


def answers(
    ports: list[dict[str, Any]] | None = None,
    rules: list[dict[str, Any]] | None = None,
    scope: facts.Scope = SCOPE,
    groups: dict[str, list[int]] | None = None,
    udp: frozenset[int] = frozenset(),
) -> dict[tuple[str, int, int], str]:
    """Answers by place, asset and port: yes, unknown; a "no" is not there."""
    given = context(ports or [], rules or [], scope, groups, udp)
    net = reach.network(given, scope)
    wanted = {(row, number) for row in range(len(HOSTS)) for number in (443, 5432)}
    found = reach.answer(net, wanted, scope, policy.load(None))
    result = {}
    for row, number in wanted:
        key = (int(net.group_of[row]), number, reach.signature(net.evidence.at(row, number)))
        endpoint = found.endpoint_of[key]
        for place, target, word in zip(found.source, found.target, found.answer, strict=True):
            if target == endpoint:
                result[net.places[place].name, HOSTS[row][0], number] = "yes" if word == reach.YES else "unknown"
    return result


def test_without_any_evidence_everything_is_unknown_and_nothing_open() -> None:
    found = answers()
    known = {key: word for key, word in found.items() if key[1] != 5}
    assert set(known.values()) == {"unknown"}
    assert found["internet", 3, 5432] == "unknown"


def test_what_a_scan_saw_open_is_reachable_from_where_it_stood_only() -> None:
    found = answers([port(3, 5432, "dmz"), port(3, 443, "dmz", "closed")])
    assert found["dmz", 3, 5432] == "yes"
    assert ("dmz", 3, 443) not in found
    assert found["office", 3, 5432] == "unknown"


def test_the_same_address_at_another_site_learns_nothing() -> None:
    found = answers([port(3, 5432, "dmz")])
    assert found["dmz", 4, 5432] == "unknown"


def test_a_sensor_that_states_exposure_is_believed() -> None:
    assert answers()["internet", 5, 443] == "yes"


def test_firewall_rules_decide_in_their_order_and_end_with_no() -> None:
    found = answers(rules=[rule(1, "dmz", "10.20.0.7/32", "5432"), rule(2, "any", "payments", "", allowed=False)])
    assert found["dmz", 3, 5432] == "yes"
    assert ("dmz", 3, 443) not in found
    assert ("internet", 3, 5432) not in found
    assert found["payments", 3, 443] == "unknown", "a firewall does not see traffic within a zone"
    assert found["dmz", 4, 5432] == "unknown", "it says nothing of another site"


def _cloud(source: str, target: str, protocol: str = "tcp", ports: str = "") -> dict[str, Any]:
    return {**rule(1, source, target, ports), "protocol": protocol, "closes": False}


@pytest.mark.parametrize(
    ("protocol", "tcp", "udp"),
    [("tcp", "yes", "unknown"), ("6", "yes", "unknown"), ("udp", "unknown", "yes"), ("17", "unknown", "yes"),
     ("any", "yes", "yes"), ("-1", "yes", "yes"), ("", "yes", "yes"), ("icmp", "unknown", "unknown"),
     ("50", "unknown", "unknown")],
)  # fmt: skip
def test_a_rule_speaks_of_its_own_protocol_only(protocol: str, tcp: str, udp: str) -> None:
    found = answers(rules=[_cloud("dmz", "payments", protocol)], udp=frozenset({443}))
    assert found["dmz", 3, 5432] == tcp
    assert found["dmz", 3, 443] == udp


def test_a_group_is_a_place_where_all_of_the_place_are_in_it() -> None:
    rules = [_cloud("sg-web", "10.20.0.7/32", ports="5432")]
    assert answers(rules=rules, groups={"sg-web": [2]})["office", 3, 5432] == "yes"
    assert answers(rules=rules, groups={"sg-web": [2]})["dmz", 3, 5432] == "unknown"
    wide = msgspec.structs.replace(SCOPE, zones=(facts.Zone("all", "hq", ("10.0.0.0/8", "203.0.113.0/24")),))
    assert answers(rules=rules, scope=wide, groups={"sg-web": [2]})["internet", 3, 5432] == "unknown"
    partly = answers(
        rules=[_cloud("sg-web", "host-5", ports="5432")], scope=wide, groups={"sg-web": [2], "host-5": [5]}
    )
    assert partly.get(("all", 5, 5432)) != "yes", "others in the zone are not in the group"
    assert answers(rules=rules, groups={"other": [2]})["office", 3, 5432] == "unknown"


def test_a_group_as_target_is_its_members() -> None:
    rules = [_cloud("dmz", "sg-data", ports="5432")]
    found = answers(rules=rules, groups={"sg-data": [3]})
    assert found["dmz", 3, 5432] == "yes"
    assert found["dmz", 2, 5432] == "unknown"


def test_a_scan_outweighs_a_rule() -> None:
    found = answers([port(3, 5432, "office")], [rule(1, "any", "payments", "", allowed=False)])
    assert found["office", 3, 5432] == "yes"
    assert ("dmz", 3, 5432) not in found


@pytest.mark.parametrize(("default", "word"), [("closed", None), ("open", "yes"), ("by-prior", "unknown")])
def test_the_scope_sets_what_holds_without_evidence(default: Any, word: str | None) -> None:

    scope = msgspec.structs.replace(SCOPE, reach_default=default, reach=(facts.ReachRule("dmz", "payments", (5432,)),))
    found = answers(scope=scope)
    assert found.get(("office", 3, 443)) == word
    assert found["dmz", 3, 5432] == "yes"


def test_assets_that_nothing_tells_apart_share_an_endpoint() -> None:
    given = context([], [], SCOPE)
    net = reach.network(given, SCOPE)
    assert len(set(net.group_of.tolist())) == 5
    assert net.places[int(net.place_of[3])].name == "south, not in a zone"


@pytest.mark.parametrize(
    ("text", "ranges"), [("", ()), ("80,443", ((80, 80), (443, 443))), ("8000-8100", ((8000, 8100),))]
)
def test_ports_are_read_as_ranges(text: str, ranges: tuple[tuple[int, int], ...]) -> None:
    assert reach.ranges(text) == ranges
