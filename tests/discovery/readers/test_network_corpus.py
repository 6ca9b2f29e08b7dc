"""Real reports of network scanners: every count, and every fact of others' tests that we can express."""

from __future__ import annotations

import csv
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from foreshore import facts
from foreshore.discovery.reports import FileReport
from foreshore.discovery.sniffing import pick

pytestmark = pytest.mark.corpus

ROOT = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "scans"
TOOLS = (
    "nmap", "openvas", "qualys", "qualys_vmdr", "qualys_infrascan_webgui", "qualys_webapp", "tenable",
    "qualys_hacker_guardian",
)  # fmt: skip

# Where the expectation counts otherwise: (fields by which it folds ours into one, why). Our count must
# equal it once ours is folded in the same way.
FOLDED: dict[str, tuple[tuple[str, ...], str]] = {
    "nmap/issue12411.xml": (("port", "protocol"), "hosts with the same open port are one; ours are two"),
    "openvas/report_combine_v2.csv": (("asset", "rule", "port"), "two results of one check on one host"),
    "qualys/Qualys_Sample_Report.csv": (("rule",), "hosts of one check are one finding; ours are per host"),
    "qualys_webapp/qualys_webapp_many_vuln.xml": (("rule",), "two detections of one check, at two addresses"),
    "qualys_hacker_guardian/many_finding.csv": (
        ("rule", "asset"),
        "ports of one check are one; ours are two",
    ),
    "tenable/issue_11102.csv": (("rule", "asset"), "ports of one check are one; ours are two"),
    "tenable/nessus/nessus_many_vuln2-all.csv": (("rule", "asset", "port"), "two services found on one port"),
    "tenable/nessus/nessus_many_vuln2-default.csv": (("rule", "asset", "port"), "two services on one port"),
    "tenable/nessus/nessus_v_unknown.xml": (("rule",), "hosts and ports of one plugin are one finding"),
    "tenable/nessus/nessus_with_cvssv3.nessus": (("rule",), "ports of one plugin are one finding"),
}
# The expectation counts vulnerabilities only; ours also has practices (seen by banner) and what was gathered.
VULNERABILITIES_ONLY = {"qualys_infrascan_webgui/qualys_infrascan_webgui_multiple.xml"}

# Facts that ours states otherwise, by file and field.
OTHERWISE = {
    ("qualys/Qualys_Sample_Report.xml", "severity"): "information gathered of level 1 is not “high”",
    ("qualys/Qualys_Sample_Report.xml", "cvssv3"): "their vector is that of another check of the host",
    ("qualys_vmdr/one_vuln_qid.csv", "component_name"): "they write the host's name as component",
    (
        "qualys_hacker_guardian/many_finding.csv",
        "severity",
    ): "theirs is Q_SEVERITY, ours the report's SEVERITY",
    (
        "tenable/nessus/issue_6992.nessus",
        "severity",
    ): "theirs is CVSS 3's, ours the report's own word, medium",
    ("tenable/nessus/nessus_new.csv", "title"): "they write the asset's name as title",
}
NOT_EXPRESSED = {
    "nb_occurences", "service", "severity_justification", "epss_percentile", "impact",
}  # fmt: skip


def index() -> list[tuple[str, str]]:
    if not ROOT.is_dir():
        return []
    with (ROOT / "INDEX.tsv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    return [(f"{row['tool']}/{row['file']}", row["expected_findings"]) for row in rows if row["tool"] in TOOLS]


def assertions() -> list[tuple[str, dict[str, Any]]]:
    if not ROOT.is_dir():
        return []
    rows = map(json.loads, (ROOT / "ASSERTIONS.jsonl").read_text(encoding="utf-8").splitlines())
    return [(f"{row['tool']}/{row['file']}", row["fields"]) for row in rows if row["tool"] in TOOLS]


@cache
def records(file: str) -> tuple[facts.Record, ...]:
    report = FileReport(file, ROOT / file)
    return tuple(pick(report)[1].read(report))


def counted(file: str) -> list[facts.Finding | facts.PortSeen]:
    """Findings; for Nmap, open ports too, as the expectation counts them."""
    found: list[facts.Finding | facts.PortSeen] = [one for one in records(file) if isinstance(one, facts.Finding)]
    if file.startswith("nmap/"):
        found += [one for one in records(file) if isinstance(one, facts.PortSeen) and one.state == "open"]
    return found


@pytest.mark.usefixtures("shared_data")
def test_there_are_reports() -> None:
    assert len(index()) >= 40
    assert set(FOLDED) | VULNERABILITIES_ONLY <= {file for file, _expected in index()}


@pytest.mark.parametrize(("file", "expected"), index())
def test_count(file: str, expected: str) -> None:
    found = counted(file)
    if file in FOLDED:
        fields, why = FOLDED[file]
        assert why
        assert len(found) > int(expected), "no longer folded: take it off the table"
        assert len({tuple(getattr(one, field) for field in fields) for one in found}) == int(expected)
    elif file in VULNERABILITIES_ONLY:
        kept = [one for one in found if isinstance(one, facts.Finding) and one.kind != "observation"]
        assert len([one for one in kept if one.proof != "banner"]) == int(expected) < len(found)
    else:
        assert len(found) == int(expected)


@pytest.mark.parametrize(("file", "fields"), assertions())
def test_facts(file: str, fields: dict[str, Any]) -> None:
    wanted = {
        name: value
        for name, value in fields.items()
        if name not in NOT_EXPRESSED and (file, name) not in OTHERWISE and value not in (0, None)
    }
    found = counted(file)
    if not wanted and found:
        return
    assert any(all(holds(one, name, value) for name, value in wanted.items()) for one in found), wanted


def holds(found: facts.Finding | facts.PortSeen, field: str, value: Any) -> bool:
    if isinstance(found, facts.PortSeen):
        return (field, value) in (
            ("severity", "Info"),
            ("title", f"Open port: {found.port}/{found.protocol}"),
        )
    name = field.split("[")[0]
    tests: dict[str, Any] = {
        "severity": lambda: found.severity == str(value).lower(),
        "title": lambda: found.title == str(value).split(" | ")[-1] or str(value).startswith(found.title + "_"),
        "cvssv3": lambda: bool(found.cvss_vector) and str(value).startswith(found.cvss_vector),
        "cvssv3_score": lambda: found.cvss_score == float(value),
        "epss_score": lambda: found.epss == value,
        "cwe": lambda: value in found.cwes,
        "component_name": lambda: found.component_name == value,
        "mitigation": lambda: value in found.solution,
        "unsaved_vulnerability_ids": lambda: value in found.weaknesses,
        "vuln_id_from_tool": lambda: value == found.rule or value in found.weaknesses,
        "unique_id_from_tool": lambda: value == found.rule,
    }
    return bool(tests[name]())


@pytest.mark.parametrize("file", [file for file, _expected in index()])
def test_every_finding_names_an_asset_and_a_rule(file: str) -> None:
    known = {one.key for one in records(file) if isinstance(one, facts.Sighting)}
    for one in records(file):
        if isinstance(one, facts.Finding):
            assert one.asset in known
            assert one.rule
            assert one.title


@pytest.mark.parametrize("file", [file for file, _expected in index() if file.endswith(".csv")])
def test_a_csv_never_covers_anything(file: str) -> None:
    assert not [one for one in records(file) if isinstance(one, facts.Covered)]


def test_only_complete_nessus_hosts_are_covered() -> None:
    """issue_6992 is a plugin filtered down to one item; the others are whole."""
    covered = {
        file: sum(isinstance(one, facts.Covered) for one in records(file))
        for file, _expected in index()
        if file.startswith("tenable/nessus/") and not file.endswith(".csv")
    }
    assert covered == {
        "tenable/nessus/issue_6992.nessus": 0,
        "tenable/nessus/nessus_v_unknown.xml": 7,
        "tenable/nessus/nessus_with_cvssv3.nessus": 1,
    }
