"""The written reports: what is planted can be found in them, and our readers see what was written."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ElementTree
from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest

from foreshore.discovery import inspection, sniffing
from foreshore.discovery.reports import reports as read_reports
from foreshore.errors import BadReport
from foreshore.estate import DemoFiles, ReportFile, network, truth, write_demo
from foreshore.estate.model import NETWORKS
from foreshore.estate.writers import nessus

DAY = date(2026, 3, 2)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoFiles:
    return write_demo(tmp_path_factory.mktemp("demo"), 7, today=DAY)


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _named(files: tuple[ReportFile, ...], site: str, name: str) -> Path:
    return next(one.path for one in files if one.site == site and one.path.name == name)


def _nessus(path: Path) -> dict[str, set[str]]:
    """Weaknesses by host."""
    root = ElementTree.parse(path).getroot()
    return {str(host.get("name")): {str(cve.text) for cve in host.iter("cve")} for host in root.iter("ReportHost")}


def test_the_same_seed_and_day_write_the_same_bytes(demo: DemoFiles, tmp_path: Path) -> None:
    write_demo(tmp_path / "again", 7, today=DAY)
    write_demo(tmp_path / "other", 8, today=DAY)
    assert _digests(tmp_path / "again") == _digests(demo.root)
    assert _digests(tmp_path / "other") != _digests(demo.root)


def test_every_host_of_a_planted_path_is_in_a_report_with_its_weakness(demo: DemoFiles) -> None:
    found = {site: _nessus(_named(demo.reports, site, "nessus-full.nessus")) for site in ("hq", "south")}
    for site in ("hq", "south"):
        for line in _named(demo.reports, site, "nuclei.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            cves = row["info"].get("classification", {}).get("cve-id", [])
            found[site].setdefault(row["host"], set()).update(cve.upper() for cve in cves)
    for path in truth.PATHS:
        for hop in path.hops:
            host = demo.company.by_name[hop.host]
            assert hop.weakness in found[host.site][host.fqdn], hop


def test_every_moved_exposure_is_in_a_report(demo: DemoFiles) -> None:
    text = {
        site: "".join(one.path.read_text(encoding="utf-8") for one in demo.reports if one.site == site)
        for site in ("hq", "south")
    }
    for moved in (*truth.FALLS, *truth.RISES, truth.FALSE_POSITIVE):
        assert moved.weakness in text["hq"]


def test_each_file_is_known_to_one_reader_only_and_read_whole(demo: DemoFiles) -> None:
    assert demo.filtered is not None
    assert demo.delta is not None
    for one in (*demo.reports, *demo.round2, demo.filtered, demo.delta):
        (report,) = read_reports([one.path])
        assert not isinstance(report, BadReport)
        ranks = {
            name: getattr(reader, "priority", 0)
            for name, reader in sniffing.readers().items()
            if reader.sniff(report.head)
        }
        # Those that take any table, or the events of any product, come after the tool's own reader.
        assert [name for name, rank in ranks.items() if rank == max(ranks.values())] == [one.format], one.path.name
        (seen,) = inspection.inspect([one.path])
        assert seen.error is None
        assert seen.skipped == ()
        assert (seen.reader, seen.findings) == (one.format, one.findings), one.path.name
        if one.format == "nmap":
            assert seen.ports == one.ports


def test_firewall_rules_are_read_whole_and_name_zones_of_the_scope(demo: DemoFiles) -> None:
    zones = {network.scope_zone(*place) for place in NETWORKS}
    for site, path in demo.firewall.items():
        (seen,) = inspection.inspect([path])
        assert (seen.reader, seen.relations, seen.skipped) == ("firewall_csv", len(network.RULES[site]), ())
        for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines()):
            for side in (row["source"], row["destination"]):
                assert side in zones | {"internet", "any"} or "/" in side


def test_only_full_scans_prove_what_they_covered(demo: DemoFiles) -> None:
    assert demo.filtered is not None
    assert demo.delta is not None
    (full,) = inspection.inspect([_named(demo.reports, "hq", "nessus-full.nessus")])
    assert full.covered == full.assets > 200
    for partial in (demo.filtered, demo.delta):
        (seen,) = inspection.inspect([partial.path])
        assert seen.findings > 0
        assert seen.covered == 0


def test_a_filtered_export_holds_only_what_is_severe_and_a_delta_only_what_is_new(demo: DemoFiles) -> None:
    assert demo.filtered is not None
    assert demo.delta is not None
    severities = {item.get("severity") for item in ElementTree.parse(demo.filtered.path).getroot().iter("ReportItem")}
    assert severities == {"3", "4"}
    new = _nessus(demo.delta.path)
    assert new == {demo.company.by_name[host].fqdn: {cve} for host, cve, _ in truth.NEW}


def test_plugins_reported_are_all_in_the_plugin_set(demo: DemoFiles) -> None:
    root = ElementTree.parse(_named(demo.reports, "hq", "nessus-full.nessus")).getroot()
    assert {int(str(item.get("pluginID"))) for item in root.iter("ReportItem")} <= set(nessus.plugin_set())


def test_the_second_round_no_longer_says_what_was_fixed(demo: DemoFiles) -> None:
    before = _nessus(_named(demo.reports, "hq", "nessus-full.nessus"))
    after = _nessus(_named(demo.round2, "hq", "nessus-full.nessus"))
    for host, cve in truth.FIXED:
        name = demo.company.by_name[host].fqdn
        assert cve in before[name]
        assert cve not in after[name]
    for host, cve in truth.CLAIMED_IN_VAIN:
        assert cve in after[demo.company.by_name[host].fqdn]


def test_truth_is_plain_json_that_names_every_path(demo: DemoFiles) -> None:
    told = json.loads(demo.truth.read_text(encoding="utf-8"))
    assert told["assets"] == demo.company.assets
    assert {path["service"] for path in told["paths"]} == {
        "Card payments", "Web shop", "Payroll", "Warehouse South", "Directory", "Backup", "Hypervisors",
        "Remote access",
    }  # fmt: skip
    assert all(hop["host"] in told["hosts"] for path in told["paths"] for hop in path["hops"])


def test_scope_lists_sites_zones_services_and_foundations(demo: DemoFiles) -> None:
    import yaml

    scope = yaml.safe_load(demo.scope.read_text(encoding="utf-8"))
    assert set(scope["sites"]) == {"hq", "south"}
    assert {row["name"] for row in [*scope["services"], *scope["foundations"]]} == {
        path.service for path in truth.PATHS
    }
    assert scope["reach"] == {"default": "by-prior"}
    for zone in scope["zones"].values():
        assert zone["site"] in scope["sites"]
