"""Zones against a plain reading of the order: full name, longest network, longest name pattern."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore import facts
from foreshore.query import zones

Row = dict[str, Any]
_NETWORKS = (
    "10.0.0.0/8",
    "10.0.0.0/16",
    "10.0.1.0/24",
    "10.0.1.5/32",
    "2001:db8::/32",
    "2001:db8:1::/48",
    "0.0.0.0/0",
)
_NAMES = ("web", "web.example.com", "*.example.com", "w*", "*", "db?")
_ADDRESSES = (
    "10.0.0.1",
    "10.0.1.5",
    "10.0.1.6",
    "10.9.9.9",
    "192.0.2.1",
    "2001:db8:1::7",
    "2001:db8:2::7",
    "not an address",
)

_ZONES = st.lists(
    st.builds(
        facts.Zone,
        name=st.sampled_from("abcde"),
        site=st.sampled_from(["hq", "south"]),
        networks=st.lists(st.sampled_from(_NETWORKS), max_size=2).map(tuple),
        names=st.lists(st.sampled_from(_NAMES), max_size=2).map(tuple),
    ),
    max_size=5,
    unique_by=lambda zone: zone.name,
)
_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "site": st.sampled_from(["hq", "south", "elsewhere"]),
            "name": st.sampled_from(["web", "WEB.example.com", "db1", "mail", "", None]),
            "names": st.lists(st.sampled_from(["web", "x.example.com", "db12"]), max_size=2),
            "addresses": st.one_of(st.none(), st.lists(st.sampled_from(_ADDRESSES), max_size=2)),
        }
    ),
    max_size=6,
)


def table(rows: list[Row]) -> pa.Table:
    texts = pa.list_(pa.string())
    return pa.table(
        {
            "asset": pa.array(range(100, 100 + len(rows)), pa.int64()),
            "site": pa.array([row["site"] for row in rows], pa.string()),
            "name": pa.array([row["name"] for row in rows], pa.string()),
            "names": pa.array([row["names"] for row in rows], texts),
            "addresses": pa.array([row["addresses"] for row in rows], texts),
        }
    )


def expected(row: Row, all_zones: list[facts.Zone]) -> str:
    names = [str(name).lower() for name in [row["name"], *row["names"]] if name]
    candidates: list[tuple[int, float, str]] = []
    for zone in all_zones:
        if zone.site != row["site"]:
            continue
        for pattern in zone.names:
            wild = "*" in pattern or "?" in pattern
            made = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
            if any(re.fullmatch(made, name) for name in names):
                candidates.append((0, -len(pattern), zone.name) if wild else (-2, 0, zone.name))
        for network in map(ipaddress.ip_network, zone.networks):
            for text in row["addresses"] or []:
                if _inside(text, network):
                    length = network.prefixlen * 32 // network.max_prefixlen
                    candidates.append((-1, -length, zone.name))
    return min(candidates)[2] if candidates else ""


def _inside(text: str, network: Any) -> bool:
    try:
        return ipaddress.ip_address(text) in network
    except ValueError:
        return False


@settings(max_examples=40, deadline=None)
@given(_ROWS, _ZONES)
def test_each_asset_gets_the_zone_of_the_plain_rule(rows: list[Row], chosen: list[facts.Zone]) -> None:
    placed = zones.assign(table(rows), facts.Scope("Example", zones=tuple(chosen)))
    assert placed.column("zone").to_pylist() == [expected(row, chosen) for row in rows]
    assert placed.drop_columns(["zone"]).equals(table(rows))


@settings(max_examples=40, deadline=None)
@given(_ROWS, _ZONES, st.randoms(use_true_random=False))
def test_the_order_of_zones_in_the_scope_changes_nothing(
    rows: list[Row], chosen: list[facts.Zone], random: Any
) -> None:
    shuffled = list(chosen)
    random.shuffle(shuffled)
    first = zones.assign(table(rows), facts.Scope("Example", zones=tuple(chosen)))
    second = zones.assign(table(rows), facts.Scope("Example", zones=tuple(shuffled)))
    assert first.equals(second)


def test_an_older_zone_column_is_replaced() -> None:
    rows = [{"site": "hq", "name": "web", "names": [], "addresses": []}]
    scope = facts.Scope("Example", zones=(facts.Zone("dmz", "hq", (), ("web",)),))
    before = table(rows).append_column("zone", pa.array(["old"]))
    after = zones.assign(before, scope)
    assert after.column_names == before.column_names
    assert after.column("zone").to_pylist() == ["dmz"]
