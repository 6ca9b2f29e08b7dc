"""A small company in a real lake: what is proposed for it, and what a scope of it fails to cover."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore import facts, keys, store, tables
from foreshore.query import selectors, zones
from foreshore.query.assets import present
from foreshore.scoping import groups, signs
from foreshore.scoping.check import check
from foreshore.scoping.notes import Note
from foreshore.scoping.propose import Proposal, propose
from foreshore.scoping.scope import parse
from foreshore.store.ducklake import Lake
from foreshore.workspace import Workspace

WHEN = datetime(2026, 3, 1)
Host = Mapping[str, Any]


def host(name: str, address: str, *ports: int, **more: Any) -> Host:
    """One host as a test describes it."""
    return {"name": name, "address": address, "ports": ports, **more}


HOSTS: Sequence[Host] = (
    host("dc01.corp.example.com", "10.1.0.10", 53, 88, 389, 445),
    host("dc02.corp.example.com", "10.1.0.11", os="Windows Server 2019"),
    host("dcim-viewer.corp.example.com", "10.1.0.12", 443, os="Windows Server 2019"),
    host("veeam01", "10.1.0.20", 9392),
    host("esx1", "10.1.0.30", 443, 902, os="VMware ESXi 7.0"),
    host("pay-db-1", "10.20.0.1", 5432),
    host("pay-web-1", "10.20.0.2", 443),
    host("pay-web-2", "10.20.0.3", 443),
    host("crm-db-1", "10.20.0.4", 3306, tags=["service=crm"]),
    host("crm-web-1", "10.20.0.5", 443, tags=["Service=CRM"]),
    host("lonely-db", "10.20.0.6", 1433),
    host("www.shop.example.com", "203.0.113.9", 443),
    host("web-1", "10.20.0.7", 443),
    host("web-2", "10.20.0.8", 443),
    host("web-app-3", "10.20.0.9", 443),
    host("pay-old", "10.20.0.9", 22, site="south"),
    host("portal", "10.9.0.1", internet="yes", site="south"),
)


def _tables(hosts: Sequence[Host]) -> dict[str, pa.Table]:
    rows: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("runs", "assets", "sightings", "identifiers", "ports_seen")
    }
    for site in {one.get("site", "hq") for one in hosts}:
        rows["runs"].append({"run": keys.of(site), "site": site, "vantage": "", "observed_at": WHEN})
    for number, one in enumerate(hosts, 1):
        site = one.get("site", "hq")
        seen = {"run": keys.of(site), "asset": number, "observed_at": WHEN}
        rows["assets"].append({"asset": number, "kind": "host", "site": site, "run": keys.of(site)})
        rows["sightings"].append(
            seen
            | {"sighting": number, "kind": "host", "name": one["name"], "os": one.get("os", "")}
            | {"internet": one.get("internet", "unknown"), "tags": one.get("tags", []), "owner": ""}
        )
        for kind, value in (
            ("fqdn" if "." in one["name"] else "hostname", one["name"]),
            ("ip", one["address"]),
        ):
            rows["identifiers"].append(seen | {"sighting": number, "site": site, "kind": kind, "value": value})
        for port in one["ports"]:
            rows["ports_seen"].append(
                seen | {"port": port, "protocol": "tcp", "state": "open", "service": "", "product": ""}
            )
    return {name: pa.Table.from_pylist(some) for name, some in rows.items()}


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """The lake of the company."""
    workspace = Workspace.create(tmp_path_factory.mktemp("company") / "ws", seed=1)
    with store.open_lake(workspace) as lake:
        lake.append(_tables(HOSTS), job="hosts")
        yield lake


@pytest.fixture(scope="session")
def nothing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A lake into which nothing was imported."""
    workspace = Workspace.create(tmp_path_factory.mktemp("nothing") / "ws", seed=1)
    with store.open_lake(workspace) as lake:
        yield lake


@pytest.fixture
def proposal(company: Lake) -> Proposal:
    return propose(company.sql, "Example Stores")


def _picked(company: Lake, proposal: Proposal, name: str) -> set[str]:
    assets = present(company.sql)
    (service,) = [one for one in proposal.scope.services if one.name == name]
    hits = selectors.matches(assets, service.assets).column("asset").to_pylist()
    names = dict(zip(assets.column("asset").to_pylist(), assets.column("name").to_pylist(), strict=True))
    return {names[asset] for asset in hits}


@pytest.mark.parametrize(
    ("name", "members"),
    [
        ("Directory and domain controllers", {"dc01.corp.example.com", "dc02.corp.example.com"}),
        ("Hypervisors", {"esx1"}),
        ("Backup", {"veeam01"}),
        ("Databases", {"lonely-db"}),
        ("pay", {"pay-db-1", "pay-web-1", "pay-web-2", "pay-old"}),
        ("CRM", {"crm-db-1", "crm-web-1"}),
    ],
)
def test_parts_are_proposed_and_pick_just_what_they_were_seen_in(
    company: Lake, proposal: Proposal, name: str, members: set[str]
) -> None:
    assert _picked(company, proposal, name) == members


def test_nothing_else_is_proposed(proposal: Proposal) -> None:
    assert len(proposal.scope.services) == 6
    assert [one.name for one in proposal.scope.services if one.foundation] == [
        "Directory and domain controllers",
        "Hypervisors",
        "Backup",
    ]


def test_every_part_has_its_evidence(proposal: Proposal) -> None:
    told = {(one.section, one.name) for one in proposal.evidence}
    for service in proposal.scope.services:
        assert ("foundations" if service.foundation else "services", service.name) in told
    for zone in proposal.scope.zones:
        assert ("zones", zone.name) in told
    assert all(one.sentences and one.assets > 0 for one in proposal.evidence)
    (directory,) = [one for one in proposal.evidence if one.name == "Directory and domain controllers"]
    assert "dc01.corp.example.com: listens on ports 88, 389 and 445" in directory.sentences[0]


def test_what_the_internet_sees_is_told_and_why(proposal: Proposal) -> None:
    (facing,) = [one for one in proposal.evidence if one.section == "internet-facing"]
    assert facing.sentences == (
        "portal: a source says that it faces the internet.",
        "www.shop.example.com: has the public address 203.0.113.9.",
    )


def test_proposed_zones_hold_every_address_that_was_seen(company: Lake, proposal: Proposal) -> None:
    placed = zones.assign(present(company.sql), proposal.scope)
    assert "" not in placed.column("zone").to_pylist()
    assert {zone.site for zone in proposal.scope.zones} == {"hq", "south"}


def test_the_proposal_is_a_valid_scope_with_its_evidence_as_comments(proposal: Proposal) -> None:
    written = proposal.yaml()
    assert parse(written).scope == proposal.scope
    assert "# lonely-db: listens on port 1433 (SQL Server)" in written


def test_with_nothing_imported_the_proposal_is_an_empty_scope(nothing: Lake) -> None:
    proposal = propose(nothing.sql, "Example")
    assert proposal.scope == facts.Scope("Example")
    assert parse(proposal.yaml()).scope == proposal.scope


def test_signs_are_sound() -> None:
    table = signs.table().to_pylist()
    known = {role.role for role in signs.kinds()}
    columns = {"ports", "name", "os", "service", "software", "tag", "kind", "tag_key", "stem"}
    for sign in table:
        assert sign["role"] in known | {"service", "generic"}
        assert sign["looks_at"] in columns
        assert 0 < sign["weight"] <= 1
        assert sign["sentence"]
        if sign["looks_at"] == "ports":
            assert sign["ports"]
        else:
            duckdb.sql("SELECT regexp_matches('', $pattern)", params={"pattern": sign["pattern"]})
            assert sign["pattern"] == sign["pattern"].lower()  # texts are lower-cased before
    assert {sign["role"] for sign in table} >= known


def _lake(rows: dict[str, list[dict[str, Any]]]) -> tuple[duckdb.DuckDBPyConnection, Callable[..., pa.Table]]:
    """The lake's tables in memory, enough to read from."""
    connection = duckdb.connect(config={"threads": 1})
    for name, columns in tables.TABLES.items():
        connection.execute(f"CREATE TABLE {name} ({', '.join(f'{one.name} {one.type}' for one in columns)})")
        if rows.get(name):
            connection.register("given", pa.Table.from_pylist(rows[name]))
            connection.execute(f"INSERT INTO {name} BY NAME SELECT * FROM given")
            connection.unregister("given")
    connection.execute("CREATE VIEW asset_now AS SELECT 0::BIGINT AS asset, 0::BIGINT AS canonical LIMIT 0")

    def sql(query: str, **given: pa.Table) -> pa.Table:
        for name, table in given.items():
            connection.register(name, table)
        return connection.execute(query).to_arrow_table()

    return connection, sql


_HOSTILE = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["dc1", "DC1\nservices: 3", "pay-a", "pay-b", "x*", "*", "a:b", "#", "-", "\u2028evil: 1", "vpn"]),
)
_TAG = st.one_of(st.text(max_size=8), st.sampled_from(["service=Backup", "app=x\ny: z", "service= ", "service=*"]))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(_HOSTILE, st.lists(_TAG, max_size=2), st.sampled_from([0, 1433])), max_size=6))
def test_whatever_reports_call_things_the_proposal_is_a_valid_scope(
    found: list[tuple[str, list[str], int]],
) -> None:
    sightings = [
        {
            "sighting": number,
            "asset": number,
            "run": 1,
            "kind": "host",
            "name": name,
            "os": "",
            "owner": "",
            "internet": "yes",
            "tags": tags,
            "observed_at": "2026-01-01",
        }
        for number, (name, tags, _) in enumerate(found, 1)
    ]
    ports = [
        {"asset": number, "run": 1, "port": port, "state": "open"}
        for number, (_, _, port) in enumerate(found, 1)
        if port
    ]
    connection, sql = _lake({"sightings": sightings, "ports_seen": ports})
    try:
        proposal = propose(sql, "Example")
    finally:
        connection.close()
    again = parse(proposal.yaml()).scope
    assert again == proposal.scope


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(1, 9)), max_size=12))
def test_zones_of_addresses_never_overlap_and_hold_all(parts: list[tuple[int, int, int]]) -> None:
    texts = [f"10.{second % 3}.{third}.{last}" for second, third, last in parts]
    table = pa.table(
        {
            "asset": pa.array(range(len(texts)), pa.int64()),
            "site": pa.array(["main"] * len(texts), pa.string()),
            "name": pa.array([""] * len(texts), pa.string()),
            "names": pa.array([[] for _ in texts], pa.list_(pa.string())),
            "addresses": pa.array([[text] for text in texts], pa.list_(pa.string())),
        }
    )
    made = groups.zones(table)
    scope = facts.Scope("E", zones=tuple(facts.Zone(one.name, one.site, one.networks) for one in made))
    placed = zones.assign(table, scope).column("zone").to_pylist()
    assert all(placed) and len(set(placed)) == len(made) if len(made) < groups.MOST_ZONES else True
    assert all(re.fullmatch(r"net(-\d+){2,3}", one.name) for one in made)
    assert sum(one.assets for one in made) == len(set(texts)) or len(made) == groups.MOST_ZONES


SCOPE = """organization: Example
sites: {hq: {}, south: {}, north: {}}
zones:
  office: {site: hq, networks: [10.1.0.0/16]}
  all: {site: hq, networks: [10.0.0.0/8]}
  both: {site: hq, networks: [10.1.0.0/16]}
  dead: {site: hq, networks: [192.0.2.0/24]}
  bare: {site: hq}
  branch: {site: south, networks: [10.20.0.0/16]}
reach:
  rules:
    - {from: office, to: branch}
    - {from: office, to: dead, ports: [22]}
    - {from: office, to: dead, allow: no}
    - {from: office, to: internet}
services:
  - {name: Pay, owner: nobody, assets: ["name:pay-*", "name:typo-*"]}
  - {name: Ghost, assets: ["tag:ghost"]}
  - {name: Bare}
teams:
  - {name: it, assets: ["zone:dead"]}
targets: [10.0.0.0/24]
""".replace("  all:", "  wide:")


@pytest.fixture
def assets(company: Lake) -> pa.Table:
    return present(company.sql)


def _found(assets: pa.Table, text: str = SCOPE) -> list[Note]:
    return check(parse(text), assets)


@pytest.mark.parametrize(
    ("level", "line", "sentence"),
    [
        ("warning", 2, "no report was imported for site north"),
        ("warning", 7, "zone dead holds no asset"),
        ("warning", 8, "zone bare has no networks and no names: nothing is in it"),
        ("warning", 4, "zones both and office both have 10.1.0.0/16: its assets go to both"),
        ("info", 6, "10.1.0.0/16 of zone both lies in 10.0.0.0/8 of zone wide: its assets go to both"),
        ("info", 12, "office and branch are at different sites: is there a link between them?"),
        ("warning", 14, "office to dead is both allowed and forbidden: the first rule decides"),
        ("info", 15, "a rule towards the internet changes nothing: attackers come from there"),
        ("warning", 17, "“name:typo-*” of service Pay picks no asset"),
        ("warning", 17, "nobody, who owns Pay, is not among the teams"),
        ("warning", 17, "4 assets of 4 of service Pay never scanned for weaknesses"),
        ("warning", 18, "service Ghost has no asset at all"),
        ("warning", 19, "service Bare names no assets, so nothing can harm it"),
        ("warning", 21, "team it has no asset at all"),
        ("warning", 0, "2 assets in no zone: www.shop.example.com, portal"),
        ("info", 0, "13 assets of 17 in no service or foundation"),
        ("info", 0, "1 target to be actively tested: each takes effect only once it is approved"),
    ],
)
def test_each_gap_is_told_with_its_line(assets: pa.Table, level: str, line: int, sentence: str) -> None:
    notes = [(note.level, note.line, note.sentence) for note in _found(assets)]
    assert (level, line, sentence) in notes


def test_a_scope_that_covers_everything_has_nothing_to_say(assets: pa.Table) -> None:
    scanned = assets.set_column(assets.column_names.index("looked"), "looked", pa.array([True] * len(assets)))
    text = (
        "organization: E\nsites: {hq: {}, south: {}}\n"
        "zones: {a: {site: hq, names: ['*']}, b: {site: south, names: ['*']}}\n"
        "services: [{name: All, assets: ['kind:host'], owner: it}]\nteams: [{name: it, assets: ['site:hq']}]"
    )
    assert _found(scanned, text) == []


def test_assets_at_a_site_that_the_scope_lacks_are_told(assets: pa.Table) -> None:
    sentences = [note.sentence for note in _found(assets, "organization: E\nsites: {hq: {}}")]
    assert "2 assets at site south, which the scope does not have" in sentences
    assert "no service is named: all assets count as one" in sentences
    assert any("no zones are named" in sentence for sentence in sentences)


def test_with_nothing_imported_the_scope_can_still_be_checked(nothing: Lake) -> None:
    notes = _found(present(nothing.sql))
    assert ("zone office holds no asset") in [note.sentence for note in notes]
    assert Note("error", 3, "x").shown() == "scope.yaml:3: x"
