"""Real reports: every count, and facts that others' tests assert, for the tools that a reader's `corpus.toml` names.

tools = ["snyk"]                    # folders of the corpus
counted = "findings"                # or "ports", or "both"; default "findings"
[differs."snyk/many.json"]          # where the expectation counts otherwise
ours = 12
why = "packages of one advisory are one; ours are one for each"
fold = ["rule", "asset"]            # may be left out: ours folded by these fields gives theirs
[refused]                           # files that must be refused, and why that is right
"snyk/empty.json" = "an empty file is an export that failed"
[read]                              # another tool's reports, laid there to be refused by theirs
"snyk/sarif.json" = "sarif"         # and the reader that reads them as what they are
[stated."snyk/one.json"]            # facts that ours states otherwise, and why
title = "theirs is put together; ours is the tool's own"
"""

from __future__ import annotations

import csv
import json
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from foreshore import facts
from foreshore.discovery.reports import reports
from foreshore.discovery.sniffing import pick
from foreshore.errors import BadReport
from foreshore.facts import Finding, PortSeen

pytestmark = pytest.mark.corpus

GOLDEN = Path(__file__).parent / "golden"
ROOT = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "scans"
# Facts about another system's own bookkeeping, or joined by it from several parts of the report.
NOT_EXPRESSED = {
    "nb_occurences", "service", "severity_justification", "epss_percentile", "impact", "active", "verified",
    "out_of_scope", "duplicate", "fix_available", "unique_id_from_tool", "thread_id", "scanner_confidence", "name",
    "type", "version", "description", "dynamic_tool", "static_tool", "static_finding", "dynamic_finding", "date",
    "date.year", "mitigated", "unsaved_req_resp",
}  # fmt: skip


def _notes() -> dict[str, dict[str, Any]]:
    """Tool -> what the `corpus.toml` files say of it."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(GOLDEN.glob("*/corpus.toml")):
        said = tomllib.loads(path.read_text(encoding="utf-8"))
        for tool in said["tools"]:
            held = found.setdefault(
                tool, {"differs": {}, "refused": {}, "stated": {}, "read": {}, "counted": "findings"}
            )
            held["counted"] = said.get("counted", held["counted"])
            for part in ("differs", "refused", "stated", "read"):
                held[part] |= said.get(part, {})
    return found


NOTES = _notes()


def index() -> list[tuple[str, str]]:
    if not ROOT.is_dir():
        return []
    with (ROOT / "INDEX.tsv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    return [(f"{row['tool']}/{row['file']}", row["expected_findings"]) for row in rows if row["tool"] in NOTES]


def note(file: str, part: str) -> Any:
    return NOTES[file.split("/")[0]][part]


def is_refused(file: str, expected: str) -> bool:
    return file in note(file, "refused") or (expected.startswith("error") and file not in note(file, "read"))


READABLE = [file for file, expected in index() if not is_refused(file, expected) and file not in note(file, "read")]


def assertions() -> list[tuple[str, dict[str, Any]]]:
    if not ROOT.is_dir():
        return []
    rows = map(json.loads, (ROOT / "ASSERTIONS.jsonl").read_text(encoding="utf-8").splitlines())
    named = [(f"{row['tool']}/{row['file']}", row["fields"]) for row in rows if row["tool"] in NOTES]
    return [(file, fields) for file, fields in named if file in READABLE]


@cache
def records(file: str) -> tuple[facts.Record, ...]:
    """The records of a file, of all its members where it is an archive."""
    found: list[facts.Record] = []
    for report in reports([ROOT / file]):
        if isinstance(report, BadReport):
            raise report
        found.extend(pick(report)[1].read(report))
    return tuple(found)


def counted(file: str) -> list[Finding | PortSeen]:
    what = note(file, "counted")
    return [
        one
        for one in records(file)
        if (isinstance(one, Finding) and what != "ports")
        or (isinstance(one, PortSeen) and one.state == "open" and what != "findings")
    ]


@pytest.mark.usefixtures("shared_data")
def test_notes_are_about_files_that_are_there() -> None:
    files = {file for file, _expected in index()}
    assert {tool for tool in NOTES if not any(file.startswith(f"{tool}/") for file in files)} == set()
    for said in NOTES.values():
        assert {*said["differs"], *said["refused"], *said["stated"]} <= files


@pytest.mark.parametrize(("file", "expected"), [row for row in index() if row[0] in READABLE])
def test_count(file: str, expected: str) -> None:
    found = counted(file)
    if (differs := note(file, "differs").get(file)) is not None:
        assert differs["why"]
        assert len(found) == differs["ours"]
        assert not _as_expected(len(found), expected), "no longer differs: take it off the table"
        if "fold" in differs:
            folded = {tuple(getattr(one, field, None) for field in differs["fold"]) for one in found}
            assert _as_expected(len(folded), expected)
    else:
        assert _as_expected(len(found), expected)


def _as_expected(count: int, expected: str) -> bool:
    """ "7" exactly, ">7" more than that, "3|5" either, "" whatever there is."""
    if not expected:
        return True
    if expected.startswith(">"):
        return count > int(expected[1:])
    return count in {int(one) for one in expected.split("|")}


@pytest.mark.parametrize("file", [file for file, _expected in index() if file in note(file, "read")])
def test_another_tools_report_is_read_as_what_it_is(file: str) -> None:
    (report,) = reports([ROOT / file])
    assert not isinstance(report, BadReport)
    name, reader = pick(report)
    assert name == note(file, "read")[file]
    assert any(isinstance(one, Finding) for one in reader.read(report))


@pytest.mark.parametrize("file", [file for file, expected in index() if is_refused(file, expected)])
def test_refused(file: str) -> None:
    with pytest.raises(BadReport) as error:
        records(file)
    assert error.value.where
    assert error.value.hint


@pytest.mark.parametrize(("file", "fields"), assertions())
def test_facts(file: str, fields: dict[str, Any]) -> None:
    stated = note(file, "stated").get(file, {})
    wanted = {
        name: value
        for name, value in fields.items()
        if name.split("[")[0] not in NOT_EXPRESSED and name not in stated and value not in (0, None, "", False)
    }
    found = counted(file)
    assert not wanted or any(all(holds(one, name, value) for name, value in wanted.items()) for one in found), wanted


def holds(found: Finding | PortSeen, field: str, value: Any) -> bool:
    if isinstance(found, PortSeen):
        return field == "severity" or str(found.port) in str(value) or str(value) == found.asset
    tests: dict[str, Callable[[], bool]] = {
        "severity": lambda: found.severity == str(value).lower(),
        "title": lambda: _title(found, str(value)),
        # Some write the prefix of another version of CVSS 3, or none
        "cvssv3": lambda: found.cvss_vector.partition("/")[2].rstrip("/") == str(value).partition("/")[2].rstrip("/"),
        "cvssv4": lambda: found.cvss_vector == value,
        "cvssv3_score": lambda: found.cvss_score == float(value),
        "cvssv4_score": lambda: found.cvss_score == float(value),
        "epss_score": lambda: found.epss == value,
        "cwe": lambda: value in found.cwes,
        "cve": lambda: _names(found, str(value)),
        "component_name": lambda: _component(found, str(value)),
        "component_version": lambda: found.version == str(value),
        "fix_version": lambda: str(value) in found.fixed_version,
        "file_path": lambda: _path(found, str(value)),
        "url": lambda: str(value) in (found.url, *found.references),
        "line": lambda: found.line == value,
        "references": lambda: _within(value, [*found.references, found.rule, found.url]),
        "mitigation": lambda: _within(value, [found.solution, found.fixed_version, found.evidence]),
        "unsaved_vulnerability_ids": lambda: all(_names(found, one) for one in _listed(value)),
        "vuln_id_from_tool": lambda: str(value) in (found.rule, found.rule.split(":")[0], *found.weaknesses),
        "false_p": lambda: found.word in ("false_positive", "suppressed"),
        "is_mitigated": lambda: found.word == "fixed",
        "risk_accepted": lambda: found.word in ("accepted", "suppressed"),
    }
    return tests[field.split("[")[0]]()


def _listed(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _component(found: Finding, value: str) -> bool:
    return value in (found.component_name, found.asset, found.resource) or value in found.evidence + found.component


def _path(found: Finding, value: str) -> bool:
    return value in (found.path, found.resource) or value.split(" (")[0] in found.asset


def _within(value: Any, texts: list[str]) -> bool:
    """Theirs is one text put together of what ours holds in fields."""
    plain = " ".join(str(value).split())
    return any(part and (plain in " ".join(part.split()) or " ".join(part.split()) in plain) for part in texts)


def _title(found: Finding, value: str) -> bool:
    """Theirs is often put together of identifier, package and version; ours is the scanner's own."""
    value = " ".join(value.split())
    if found.title == value or value.startswith(found.title[:60]):
        return True
    names = (found.rule, found.title, found.title.rpartition(": ")[2], *found.weaknesses)
    return any(name and name in value for name in names)


def _names(found: Finding, value: str) -> bool:
    """A CVE stands alone; a GHSA or other name beside a CVE is an alias of it and left out."""
    if value in found.weaknesses or value == found.rule:
        return True
    digits = value.removeprefix("AVD-").replace("-0", "").replace("-", "")
    return digits == found.rule or (
        not value.startswith("CVE-") and any(name.startswith("CVE-") for name in found.weaknesses)
    )


@pytest.mark.parametrize("file", READABLE)
def test_records_are_whole(file: str) -> None:
    known: set[str] = set()
    for one in records(file):
        if isinstance(one, facts.Sighting):
            known.add(one.key)
            assert one.name
            assert one.identifiers
        if isinstance(one, (PortSeen, facts.Covered)):
            assert one.asset in known
        if isinstance(one, Finding):
            assert one.asset in known
            assert one.rule
            assert one.title
            assert one.kind != "secret" or not one.evidence
            assert all(one.weaknesses)
