"""The new feeds on the real mirrors: nothing that is there is lost."""

from __future__ import annotations

import gzip
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from univers.version_range import VersionRange
from univers.versions import InvalidVersion

from foreshore import plugins
from foreshore.intel.body import bodies

FEEDS = plugins.load("foreshore.intel.feeds")
Row = dict[str, Any]
pytestmark = pytest.mark.corpus


def read(path: Path, feed: str) -> list[Row]:
    rows: list[Row] = []
    for body in bodies(path):
        assert [name for name, one in FEEDS.items() if one.sniff(body.head)] == [feed], body.name
        for table in FEEDS[feed].parse(body, None):
            rows += table.to_pylist()
    return rows


def records_of(path: Path) -> list[Row]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def of(rows: list[Row], kind: str) -> list[Row]:
    return [row for row in rows if row["kind"] == kind]


def test_every_advisory_of_the_python_mirror_gives_its_names_ranges_and_fixes(shared_data: Path) -> None:
    path = shared_data / "intel" / "osv" / "pypa-advisories.osv.jsonl.gz"
    records = records_of(path)
    rows = read(path, "osv")
    aliases = {(row["weakness"], row["text"]) for row in of(rows, "alias")}
    assert len(records) == 2661
    for record in records:
        names = [one.strip(",") for one in record.get("aliases", ())]  # one of them ends with a comma
        cves = [one for one in names if one.startswith("CVE-")]
        assert all((record["id"], cve) in aliases for cve in cves)
        for ghsa in (one for one in names if one.startswith("GHSA-") and cves):
            assert (ghsa, cves[0]) in aliases
    fixes = {
        (record["id"], event["fixed"])
        for record in records
        for one in record["affected"]
        for ranged in one.get("ranges", ())
        for event in ranged["events"]
        if ranged["type"] == "ECOSYSTEM" and "fixed" in event
    }
    assert {(row["source"].removeprefix("osv:"), row["model"]) for row in of(rows, "fixed_in")} == {
        (name, version) for name, version in fixes if not _withdrawn(records, name)
    }
    named = {row["source"] for row in of(rows, "affected")}
    assert named == {f"osv:{record['id']}" for record in records if record["affected"]}


def _withdrawn(records: list[Row], name: str) -> bool:
    return any(record["id"] == name and record.get("withdrawn") for record in records)


def test_ranges_of_the_python_mirror_hold_the_versions_that_it_lists(shared_data: Path) -> None:
    """PyPA writes out the affected versions: those are what the range must hold, so they check the writing."""
    path = shared_data / "intel" / "osv" / "pypa-advisories.osv.jsonl.gz"
    spans = {(row["source"], row["text"]): row["model"] for row in of(read(path, "osv"), "affected")}
    checked = 0
    for number, record in enumerate(records_of(path)):
        if number % 9 or len(record["affected"]) != 1 or record.get("withdrawn"):
            continue
        (one,) = record["affected"]
        span = spans["osv:" + record["id"], one["package"]["purl"].lower().replace("_", "-")]
        if span == "vers:pypi/*":
            continue
        ranged = VersionRange.from_string(span)  # type: ignore[no-untyped-call]
        for version in one.get("versions", ())[:8]:
            with suppress(InvalidVersion):  # a few are no versions by Python's rules
                assert ranged.version_class(version) in ranged, (record["id"], span, version)
                checked += 1
    assert checked > 500


def test_every_mapping_of_exploited_vulnerabilities_arrives(shared_data: Path) -> None:
    folder = shared_data / "intel" / "attack" / "mappings-explorer"
    (path,) = folder.rglob("kev-*_attack-*-enterprise.json")
    mappings = json.loads(path.read_text("utf-8"))["mapping_objects"]
    expected = {(one["capability_id"], one["attack_object_id"], one["mapping_type"]) for one in mappings}
    found = of(read(path, "attack_mappings"), "technique")
    assert len(expected) > 1100
    assert {(row["weakness"], row["text"], row["model"]) for row in found} == expected
    (table,) = folder.rglob("Att&ckToCveMappings.csv")
    assert len({row["weakness"] for row in of(read(table, "attack_mappings"), "technique")}) > 800


def test_every_product_and_cycle_of_end_of_life_arrives(shared_data: Path) -> None:
    folder = shared_data / "intel" / "eol"
    products = json.loads(gzip.decompress((folder / "endoflife.products.frontmatter.json.gz").read_bytes()))
    rows = read(folder / "endoflife.products.frontmatter.json.gz", "endoflife")
    words = {True: "yes", False: "no"}
    expected = {
        (f"eol:{name}:{one['releaseCycle']}", words.get(one["eol"], one["eol"]))
        for name, product in products.items()
        for one in product["releases"]
    }
    assert {row["weakness"] for row in of(rows, "name")} == {f"eol:{name}" for name in products}
    assert {(row["weakness"], row["text"]) for row in of(rows, "end_of_life")} == expected
    pages = of(read(folder / "products", "endoflife"), "end_of_life")
    assert len({row["weakness"].split(":")[1] for row in pages}) == len(list((folder / "products").glob("*.md")))
    assert {(row["weakness"], row["text"]) for row in pages} <= expected


def test_names_and_tactics_of_techniques_and_the_way_from_weakness_classes_to_them(shared_data: Path) -> None:
    folder = shared_data / "intel" / "attack"
    rows = read(folder / "enterprise-attack.trimmed.stix.json.gz", "attack")
    names = {row["weakness"]: row["text"] for row in of(rows, "name")}
    assert names["T1190"] == "Exploit Public-Facing Application"
    assert names["TA0001"] == "Initial Access"
    assert {(row["text"], row["model"]) for row in of(rows, "tactic") if row["weakness"] == "T1190"} == {
        ("initial-access", "TA0001")
    }
    assert all(row["model"] for row in of(rows, "tactic"))
    patterns = read(folder / "capec.trimmed.stix.json.gz", "capec")
    assert len(of(patterns, "name")) == 615
    ways = {(row["weakness"], row["text"], row["model"]) for row in of(patterns, "technique")}
    assert ("CAPEC-131", "T1499", "") in ways
    assert ("CWE-404", "T1499", "CAPEC-131") in ways
    # One pattern is a technique of ATT&CK for mobile devices, which is a bundle of its own.
    assert {technique for _, technique, _ in ways} - set(names) == {"T1513"}
