"""Real reports of application, image and cloud scanners: every count, and facts of others' tests."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from foreshore import facts
from foreshore.discovery.reports import reports
from foreshore.discovery.sniffing import pick
from foreshore.errors import BadReport
from foreshore.facts import Finding

pytestmark = pytest.mark.corpus

ROOT = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "scans"
TOOLS = {
    "anchore_grype": {"grype"}, "aws_prowler": {"prowler"}, "aws_prowler_v3plus": {"prowler", "generic_json"},
    "prowler": {"prowler"}, "cyclonedx": {"cyclonedx_json", "cyclonedx_xml"},
    "generic": {"generic_csv", "generic_json"}, "ms_defender": {"defender"}, "nuclei": {"nuclei"},
    "sarif": {"sarif"}, "trivy": {"trivy"}, "trivy_operator": {"trivy_operator"}, "zap": {"zap"},
}  # fmt: skip

Rule = Callable[[list[Finding]], int]


def folded(*fields: str) -> Rule:
    """Findings that agree in `fields` counted once."""
    return lambda found: len({tuple(getattr(one, field) for field in fields) for one in found})


def open_only(found: list[Finding]) -> int:
    return sum(one.word == "open" for one in found)


# Where the expectation counts otherwise: our count, why, and the rule by which ours gives theirs.
OTHERWISE: dict[str, tuple[int, str, Rule | None]] = {
    "anchore_grype/check_all_fields.json": (
        6, "two matches of one GHSA on one package are one; ours are two rows",
        folded("rule", "component_name", "version"),
    ),
    "nuclei/many_findings.json": (
        18, "matches of one template and matcher on one host are one",
        folded("rule", "asset"),
    ),
    "aws_prowler/issue4450.csv": (3, "a row that passed is counted; ours is no finding", None),
    "aws_prowler_v3plus/many_vuln.ocsf.json": (3, "a muted row is left out; ours is suppressed", open_only),
    "aws_prowler_v3plus/many_vuln_after_4_5_0.ocsf.json": (
        3, "a muted row is left out; ours keeps it as suppressed", open_only,
    ),
    "prowler/example_output_gcp.csv": (3, "two failed rows of one check are one", folded("rule")),
    "prowler/example_output_kubernetes.ocsf.json": (4, "two rows of one check are one", folded("rule")),
    "sarif/appendix_k1_double.sarif": (0, "the two are runs without a result", None),
    "sarif/flawfinder.sarif": (53, "of two modes of the expectation, that with a finding for each row", None),
}  # fmt: skip

# Files that must be refused, and why that is right.
REFUSED = {
    "nuclei/empty.jsonl": "an empty file is an export that failed",
    "nuclei/no_findings.json": "an empty file is an export that failed",
    "aws_prowler/no_vuln.json": "an empty file is an export that failed",
    "generic/generic_report_kev_cvssv4.csv": "the last cell has a quote that is never closed",
}

# Facts that ours states otherwise, by file and field.
STATED_OTHERWISE = {
    ("aws_prowler/issue4450.csv", "title"): "theirs is the message; ours the check, the message is evidence",
    ("aws_prowler/issue4450.csv", "severity"): "the first is a row that passed",
    ("aws_prowler/issue4450.csv", "cwe"): "theirs is one number for every check",
    ("trivy_operator/vulnerabilityreport_extended.json", "file_path"): "a system package lies in no file",
    ("aws_prowler/many_vuln.json", "title"): "theirs is the message; ours the check, the message is evidence",
    ("aws_prowler/one_vuln.csv", "title"): "the first is a row that passed",
    ("aws_prowler/one_vuln.json", "title"): "theirs is the message; ours the check, the message is evidence",
}
NOT_EXPRESSED = {
    "nb_occurences", "service", "severity_justification", "epss_percentile", "impact", "active",
    "verified", "false_p", "out_of_scope", "duplicate", "is_mitigated", "fix_available",
    "unique_id_from_tool",
    "thread_id",
    "scanner_confidence", "name", "type", "version", "description", "dynamic_tool", "static_tool",
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
    known = {file for file, _expected in index()}
    return [
        (name, row["fields"])
        for row in rows
        if (name := f"{row['tool']}/{row['file']}") in known and name not in REFUSED
    ]


@cache
def records(file: str) -> tuple[facts.Record, ...]:
    """The records of a file, of all its members where it is an archive."""
    found: list[facts.Record] = []
    for report in reports([ROOT / file]):
        if isinstance(report, BadReport):
            raise report
        name, reader = pick(report)
        assert name in TOOLS[file.split("/")[0]]
        found.extend(reader.read(report))
    return tuple(found)


def findings(file: str) -> list[Finding]:
    return [one for one in records(file) if isinstance(one, Finding)]


@pytest.mark.usefixtures("shared_data")
def test_there_are_reports() -> None:
    files = {file for file, _expected in index()}
    assert len(files) >= 120
    assert set(OTHERWISE) | set(REFUSED) | {file for file, _field in STATED_OTHERWISE} <= files


@pytest.mark.parametrize(("file", "expected"), [row for row in index() if row[0] not in REFUSED])
def test_count(file: str, expected: str) -> None:
    found = findings(file)
    if file in OTHERWISE:
        count, why, rule = OTHERWISE[file]
        assert why
        assert len(found) == count
        if rule is not None:
            assert rule(found) == int(expected) != count
    elif expected:
        assert len(found) == int(expected)


@pytest.mark.parametrize("file", sorted(REFUSED) if ROOT.is_dir() else [])
def test_refused(file: str) -> None:
    with pytest.raises(BadReport) as error:
        records(file)
    assert error.value.where
    assert error.value.hint


@pytest.mark.parametrize(("file", "fields"), assertions())
def test_facts(file: str, fields: dict[str, Any]) -> None:
    wanted = {
        name: value
        for name, value in fields.items()
        if name not in NOT_EXPRESSED and (file, name) not in STATED_OTHERWISE and value not in (0, None, "")
    }
    if not wanted:
        return
    found = findings(file)
    assert any(all(holds(one, name, value) for name, value in wanted.items()) for one in found), wanted


def holds(found: Finding, field: str, value: Any) -> bool:
    name = field.split("[")[0]
    tests: dict[str, Callable[[], bool]] = {
        "severity": lambda: found.severity == str(value).lower(),
        "title": lambda: _title(found, str(value)),
        # CycloneDX's CVSSv3 is 3.0; theirs writes 3.1 before every vector
        "cvssv3": lambda: found.cvss_vector.partition("/")[2] == str(value).partition("/")[2],
        "cvssv4": lambda: found.cvss_vector == value,
        "cvssv3_score": lambda: found.cvss_score == float(value),
        "cvssv4_score": lambda: found.cvss_score == float(value),
        "epss_score": lambda: found.epss == value,
        "cwe": lambda: value in found.cwes,
        "component_name": lambda: value in (found.component_name, found.asset) or value in found.evidence,
        "component_version": lambda: found.version == value,
        "fix_version": lambda: found.fixed_version == value,
        "file_path": lambda: value in (found.path, found.resource) or str(value).split(" (")[0] in found.asset,
        "line": lambda: found.line == value,
        "references": lambda: value in found.references or value in (found.rule, found.url),
        "mitigation": lambda: str(value).strip() in (found.solution, found.fixed_version, found.evidence),
        "unsaved_vulnerability_ids": lambda: _names(found, str(value)),
        "vuln_id_from_tool": lambda: value == found.rule.split(":")[0] or value in found.weaknesses,
    }
    return tests[name]()


def _title(found: Finding, value: str) -> bool:
    """Theirs is often put together of identifier, package and version; ours is the scanner's own."""
    value = " ".join(value.split())
    if found.title == value or value.startswith(found.title[:60]):
        return True
    names = (found.rule, found.title, found.title.rpartition(": ")[2], *found.weaknesses)
    return any(name in value for name in names)


def _names(found: Finding, value: str) -> bool:
    """A CVE stands alone; a GHSA or other name beside a CVE is an alias of it and left out."""
    if value in found.weaknesses:
        return True
    digits = value.removeprefix("AVD-").replace("-0", "").replace("-", "")
    return digits == found.rule or (
        not value.startswith("CVE-") and any(name.startswith("CVE-") for name in found.weaknesses)
    )


@pytest.mark.parametrize("file", [file for file, _expected in index() if file not in REFUSED])
def test_records_are_whole(file: str) -> None:
    known = {one.key for one in records(file) if isinstance(one, facts.Sighting)}
    for one in records(file):
        if isinstance(one, Finding):
            assert one.asset in known
            assert one.rule
            assert one.title
            assert one.kind not in ("secret",) or not one.evidence
            assert all(one.weaknesses)
        if isinstance(one, facts.Sighting):
            assert one.name
            assert one.identifiers


@pytest.mark.parametrize("file", [file for file, _expected in index() if file not in REFUSED])
def test_only_a_row_of_a_check_covers(file: str) -> None:
    """Coverage comes from Prowler's rows alone, for the checks they name; nothing covers everything."""
    covered = [one for one in records(file) if isinstance(one, facts.Covered)]
    assert not covered or "prowler" in file
    assert all(one.check_list and one.checks != "*" for one in covered)
