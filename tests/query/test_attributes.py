"""Whose word on an asset is in force: rank, then what says more, then age; and the tags of the scope's rules."""

from __future__ import annotations

import fnmatch
import re
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore import facts, policy, tables
from foreshore.query import attributes
from foreshore.query.attributes import Rows

START = datetime(2026, 1, 1)
SHIPPED = policy.load().table("precedence")
SOURCES = ("nmap", "CMDB", "cm_b", "snipe-it", "agent-a", "agent-b", "")


class Told(NamedTuple):
    """One sighting of asset 1: who said what, `day` days after the start."""

    source: str
    day: int
    authenticated: bool | None
    name: str = ""
    kind: str = "host"
    os: str = ""
    owner: str = ""
    internet: str = "unknown"


def decided(told: list[Told], rows: Rows, fqdns: tuple[tuple[str, int], ...] = (), **more: Any) -> dict[str, Any]:
    """The attributes in force of asset 1."""
    connection = duckdb.connect(config={"threads": 1})
    for table in ("runs", "sightings", "identifiers"):
        columns = ", ".join(f"{one.name} {one.type}" for one in tables.TABLES[table])
        connection.execute(f"CREATE TABLE {table} ({columns})")
    connection.execute("CREATE VIEW asset_now AS SELECT 2::BIGINT AS asset, 1::BIGINT AS canonical")
    for number, source in enumerate(SOURCES):
        connection.execute("INSERT INTO runs (run, source) VALUES (?, ?)", [number, source])
    for place, one in enumerate(told):
        connection.execute(
            "INSERT INTO sightings (run, asset, name, kind, os, owner, internet, tags, authenticated, observed_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, [], ?, ?)",
            [SOURCES.index(one.source), 1 + place % 2, one.name, one.kind, one.os, one.owner, one.internet,
             one.authenticated, START + timedelta(days=one.day)],
        )  # fmt: skip
    for value, day in fqdns:
        when = START + timedelta(days=day)
        connection.execute(
            "INSERT INTO identifiers (asset, kind, value, observed_at) VALUES (1, 'fqdn', ?, ?)", [value, when]
        )
    found = connection.execute(attributes.in_force(rows, **more)).to_arrow_table().to_pylist()
    connection.close()
    assert len(found) == 1
    return dict(found[0])


def rules(*changed: tuple[str, str, int]) -> Rows:
    """A table in which every source has rank 50 but for those named."""
    rows = [*((name, "*", 50) for name in policy.checks.ATTRIBUTES), *changed]
    return [{"attribute": row[0], "source": row[1], "rank": str(row[2]), "why": "a test"} for row in rows]


def rank_of(rows: Rows, attribute: str, one: Told) -> int:
    """The rank of a statement, worked out the slow way."""
    grade = {True: "@authenticated", False: "@unauthenticated", None: ""}[one.authenticated]
    found = []
    for row in rows:
        named = row["source"].lower()
        if row["attribute"] != attribute:
            continue
        if named == "*":
            found.append((3, int(row["rank"])))
        elif named.startswith("@"):
            found += [(2, int(row["rank"]))] if named == grade else []
        elif named == one.source.lower():
            found.append((0, int(row["rank"])))
        elif "*" in named and fnmatch.fnmatchcase(one.source.lower(), named):
            found.append((1, int(row["rank"])))
    return min(found)[1]


def plainness(attribute: str, one: Told) -> int:
    """How little a statement says."""
    if attribute == "name":
        return 2 if re.fullmatch(r"[0-9.]+", one.name) else int(one.kind == "host")
    if attribute == "kind":
        return {"identity": 2, "host": 1}.get(one.kind, 0)
    return int(attribute == "os" and not re.search("[0-9]", one.os))


def expected(rows: Rows, attribute: str, told: list[Told]) -> str | None:
    """What is in force, by sorting."""
    said = [one for one in told if getattr(one, attribute) not in ("", "unknown")]
    order = sorted(
        said,
        key=lambda one: (
            rank_of(rows, attribute, one),
            plainness(attribute, one),
            -one.day,
            str(getattr(one, attribute)),
        ),
    )
    return str(getattr(order[0], attribute)) if order else None


TOLD = st.builds(
    Told,
    source=st.sampled_from(SOURCES),
    day=st.integers(0, 3),
    authenticated=st.sampled_from([True, False, None]),
    name=st.sampled_from(["", "web", "pay-db", "10.0.0.7"]),
    kind=st.sampled_from(["host", "device", "identity", "image"]),
    os=st.sampled_from(["", "Linux", "Debian 12", "Ubuntu 24.04"]),
    owner=st.sampled_from(["", "shop", "O'Hara"]),
    internet=st.sampled_from(["unknown", "yes", "no"]),
)
RULES = st.lists(
    st.tuples(
        st.sampled_from(policy.checks.ATTRIBUTES),
        st.sampled_from(["nmap", "cmdb", "cm_*", "agent-*", "*-a", "@authenticated", "@unauthenticated"]),
        st.integers(0, 100),
    ),
    max_size=8,
    unique_by=lambda row: row[:2],
).map(lambda changed: rules(*changed))


@settings(max_examples=60, deadline=None)
@given(told=st.lists(TOLD, min_size=1, max_size=7), rows=RULES, data=st.data())
def test_what_is_in_force_is_what_sorting_gives_whatever_the_order(
    told: list[Told], rows: Rows, data: st.DataObject
) -> None:
    found = decided(told, rows)
    assert {name: found[name] for name in policy.checks.ATTRIBUTES} == {
        name: expected(rows, name, told) for name in policy.checks.ATTRIBUTES
    }
    mixed = data.draw(st.permutations(told)), data.draw(st.permutations(list(rows)))
    assert decided(*mixed) == found


def test_a_register_names_the_owner_though_another_spoke_later() -> None:
    told = [Told("CMDB", 0, None, owner="shop team"), Told("nmap", 9, None, owner="someone")]
    assert decided(told, SHIPPED)["owner"] == "shop team"
    assert decided(told, rules())["owner"] == "someone"


def test_who_logged_in_knows_the_system_better_than_who_guessed_later() -> None:
    told = [Told("agent-a", 0, True, os="Debian 12"), Told("nmap", 9, False, os="Linux 4.15 - 5.8")]
    assert decided(told, SHIPPED)["os"] == "Debian 12"
    assert decided([*told, Told("agent-b", 10, True, os="Debian 13")], SHIPPED)["os"] == "Debian 13"


def test_a_source_by_its_name_goes_before_a_pattern_and_a_pattern_before_a_mark() -> None:
    told = [Told("agent-a", 0, True, owner="a"), Told("agent-b", 0, True, owner="b"), Told("nmap", 0, True, owner="c")]
    rows = rules(("owner", "agent-a", 40), ("owner", "agent-*", 30), ("owner", "@authenticated", 20))
    assert decided(told, rows)["owner"] == "c"
    assert decided(told[:2], rows)["owner"] == "b"
    assert decided([*told[:1], Told("CMDB", 0, None, owner="d")], rows)["owner"] == "a"


def test_a_full_dns_name_is_the_name_unless_the_table_says_otherwise() -> None:
    told = [Told("CMDB", 5, None, name="Payment server", kind="device"), Told("nmap", 9, None, name="10.0.0.7")]
    names = (("pay.example.com", 1), ("pay-old.example.com", 0))
    found = decided(told, SHIPPED, names)
    assert found["name"] == "pay.example.com"
    assert found["called"] == ["10.0.0.7", "Payment server", "pay-old.example.com", "pay.example.com"]
    assert decided(told, rules(("name", "@fqdn", 60)), names)["name"] == "Payment server"
    assert decided(told, rules(("name", "@fqdn", 10), ("name", "cmdb", 5)), names)["name"] == "Payment server"


def test_later_words_do_not_count_before_they_were_said() -> None:
    told = [Told("nmap", 0, None, owner="early"), Told("nmap", 5, None, owner="late")]
    found = decided(told, SHIPPED, as_of=START + timedelta(days=1))
    assert (found["owner"], found["last_seen"]) == ("early", START)


ASSETS = pa.table(
    {
        "asset": pa.array([3, 1, 2], pa.int64()),
        "name": ["pay-db", "shop-web", "mail"],
        "names": [["pay-db"], ["shop-web.example.com"], []],
        "addresses": pa.array([["10.20.0.5"], [], []], pa.list_(pa.string())),
        "tags": pa.array([["old"], [], None], pa.list_(pa.string())),
        "zone": ["payments", "dmz", ""],
    }
)


def tags_of(*given_rules: facts.TagRule) -> dict[int, list[str] | None]:
    found = attributes.tagged(ASSETS, facts.Scope("Example", tags=given_rules))
    assert found.column("asset").to_pylist() == [3, 1, 2]
    assert found.schema == ASSETS.schema
    return dict(zip(found.column("asset").to_pylist(), found.column("tags").to_pylist(), strict=True))


def test_rules_give_tags_beside_those_of_sources() -> None:
    found = tags_of(
        facts.TagRule("pci", ("zone:payments", "name:shop-*")), facts.TagRule("service=shop", ("name:shop-*",))
    )
    assert found == {3: ["old", "pci"], 1: ["pci", "service=shop"], 2: []}


def test_rules_do_not_see_the_tags_of_rules() -> None:
    first, second = facts.TagRule("a", ("tag:old", "tag:b")), facts.TagRule("b", ("tag:a", "name:mail"))
    assert tags_of(first, second) == tags_of(second, first) == {3: ["a", "old"], 1: [], 2: ["b"]}


def test_without_rules_nothing_changes() -> None:
    assert attributes.tagged(ASSETS, facts.Scope("Example")) is ASSETS


@pytest.mark.parametrize("row", SHIPPED, ids=lambda row: f"{row['attribute']}-{row['source']}")
def test_every_shipped_row_says_why(row: dict[str, str]) -> None:
    assert len(row["why"].split()) > 4
