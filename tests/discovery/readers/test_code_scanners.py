"""What the readers of code and secret scanners promise, and the generic readers on secrets, one by one."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreshore import facts
from foreshore.discovery import place
from foreshore.discovery.readers import _code_scans, _dependency_check
from foreshore.discovery.reports import FileReport
from foreshore.discovery.sniffing import pick, readers
from foreshore.errors import BadReport
from foreshore.facts import Finding, Sighting, Skipped

GOLDEN = Path(__file__).parent / "golden"
PLANTED = "not-a-real-secret"


def read(document: Any) -> list[facts.Record]:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    report = FileReport("sample", data)
    return list(pick(report)[1].read(report))


def of(kind: type, found: list[facts.Record]) -> list[Any]:
    return [one for one in found if isinstance(one, kind)]


def findings(document: Any) -> list[Finding]:
    return of(Finding, read(document))


def shown(found: list[facts.Record]) -> str:
    return json.dumps([repr(one) for one in found])


def semgrep(**extra: Any) -> dict[str, Any]:
    result = {
        "check_id": "python.lang.exec", "path": "app.py", "start": {"line": 10, "col": 1}, "end": {"line": 10, "col": 9},
        "extra": {"message": "m", "severity": "ERROR", "metadata": {}, **extra},
    }  # fmt: skip
    return {"version": "1.100.0", "results": [result], "errors": [], "paths": {"scanned": ["app.py"]}}


# -- a moved line is the same place --


@given(by=st.integers(1, 10_000), indent=st.text(" \t", max_size=8))
def test_semgrep_code_that_moved_is_at_the_same_place(by: int, indent: str) -> None:
    before = semgrep(lines="  exec(name)")
    after = copy.deepcopy(before)
    after["results"][0]["start"]["line"] += by
    after["results"][0]["extra"]["lines"] = f"{indent}exec(name)"
    (first,), (second,) = findings(before), findings(after)
    assert first.line != second.line
    assert place.of(first) == place.of(second)


def test_semgrep_other_code_is_another_place() -> None:
    (first,), (second,) = findings(semgrep(lines="exec(a)")), findings(semgrep(lines="exec(b)"))
    assert place.of(first) != place.of(second)


@given(number=st.integers(2, 100_000))
def test_bandit_code_that_moved_is_at_the_same_place(number: int) -> None:
    def report(line: int) -> dict[str, Any]:
        code = f"{line - 1} x = 1 + {line}\n{line}     assert ready\n{line + 1} \n"
        row = {
            "code": code, "filename": "a.py", "issue_confidence": "HIGH", "issue_severity": "LOW", "issue_text": "t",
            "line_number": line, "line_range": [line], "test_id": "B101", "test_name": "assert_used",
        }  # fmt: skip
        return {"errors": [], "generated_at": "2024-01-01T00:00:00Z", "metrics": {}, "results": [row]}

    (first,), (second,) = findings(report(1)), findings(report(number))
    assert first.context == "assert ready"
    assert place.of(first) == place.of(second)


# -- semgrep --


@pytest.mark.parametrize(
    ("word", "expected"),
    [("ERROR", "high"), ("WARNING", "medium"), ("INFO", "low"), ("CRITICAL", "critical"), ("LOW", "low"), ("", "info")],
)
def test_semgrep_severities(word: str, expected: str) -> None:
    assert findings(semgrep(severity=word))[0].severity == expected


@pytest.mark.parametrize(
    "extra",
    [
        {"metadata": {"cwe": "CWE-798: Hard-coded"}},
        {"metadata": {"cwe": ["CWE-20: Input", "CWE-321: Key"]}},
        {"validation_state": "CONFIRMED_INVALID"},
        {"historical_info": {"git_commit": "c0ffee1"}},
    ],
)
def test_semgrep_secrets_are_places_only(extra: dict[str, Any]) -> None:
    planted = {"message": PLANTED, "lines": PLANTED, "fix": PLANTED, "metavars": {"$X": {"abstract_content": PLANTED}}}
    found = read(semgrep(**planted, **extra))
    (finding,) = of(Finding, found)
    assert finding.kind == "secret"
    assert (finding.path, finding.line) == ("app.py", 10)
    assert PLANTED not in shown(found)


def test_semgrep_words_for_logging_in_are_no_code() -> None:
    (found,) = findings(semgrep(lines="requires login", fingerprint="requires login"))
    assert (found.context, found.evidence) == ("", "")


def test_semgrep_rule_of_a_folder_is_called_as_in_the_registry() -> None:
    document = semgrep(metadata={"source": "https://semgrep.dev/r/lang.exec"})
    assert findings(document)[0].rule == "lang.exec"
    document["results"][0]["extra"]["metadata"]["source"] = "https://semgrep.dev/r/other"
    assert findings(document)[0].rule == "python.lang.exec"


def test_semgrep_unreachable_packages_say_so() -> None:
    said = {
        "reachable": False,
        "dependency_match": {"found_dependency": {"package": "x", "version": "1", "ecosystem": "pypi"}},
    }
    (found,) = findings(semgrep(sca_info=said, metadata={"sca-kind": "reachable"}))
    assert found.component == "pkg:pypi/x"
    assert "reachable=no" in found.tags
    (found,) = findings(semgrep(sca_info=said, metadata={"sca-kind": "upgrade-only"}))
    assert not [one for one in found.tags if one.startswith("reachable=")]


# -- dependencies --


@given(
    letters=st.tuples(
        st.sampled_from(["NETWORK", "ADJACENT_NETWORK", "LOCAL", "PHYSICAL"]), st.sampled_from(["LOW", "HIGH"]),
        st.sampled_from(["NONE", "LOW", "HIGH"]), st.sampled_from(["NONE", "REQUIRED"]),
        st.sampled_from(["UNCHANGED", "CHANGED"]), *[st.sampled_from(["NONE", "LOW", "HIGH"])] * 3,
    )
)  # fmt: skip
def test_dependency_check_vectors_are_those_of_their_parts(letters: tuple[str, ...]) -> None:
    from cvss import CVSS3

    names = [name for _, name in _dependency_check._V3]
    vector = _dependency_check._assembled({**dict(zip(names, letters, strict=True)), "version": "3.1"}, "cvssv3")
    assert CVSS3(vector).clean_vector() == vector
    assert [part.split(":")[1] for part in vector.split("/")[1:]] == [word[0] for word in letters]


def test_dependency_check_xml_of_another_kind_is_refused() -> None:
    with pytest.raises(BadReport):
        list(readers()["dependency_check"].read(FileReport("x", b"<other><dependency/></other>")))


@pytest.mark.parametrize(
    ("analysis", "word"),
    [
        ({}, "open"),
        ({"state": "EXPLOITABLE", "isSuppressed": False}, "open"),
        ({"isSuppressed": True}, "suppressed"),
        ({"state": "NOT_AFFECTED"}, "suppressed"),
        ({"state": "FALSE_POSITIVE", "isSuppressed": True}, "false_positive"),
        ({"state": "RESOLVED"}, "fixed"),
    ],
)
def test_dependency_track_words(analysis: dict[str, Any], word: str) -> None:
    row = {
        "component": {"name": "a"},
        "vulnerability": {"vulnId": "CVE-2099-1"},
        "analysis": analysis,
        "matrix": "a:b:c",
    }
    (found,) = findings([row])
    assert found.word == word


# -- secrets --

ROWS = {
    "gitleaks": [{"RuleID": "key", "Secret": "", "Match": "", "File": "a", "StartLine": 1, "Message": "", "Author": ""}],
    "gitleaks 7": [{"rule": "key", "offender": "", "line": "", "commit": "", "file": "a", "commitMessage": ""}],
    "trufflehog": {
        "SourceMetadata": {"Data": {"Git": {"file": "a", "repository": "", "email": ""}}},
        "DetectorName": "Key", "Raw": "", "RawV2": "", "Redacted": "", "VerificationError": "",
        "ExtraData": {"account": "", "rotation_guide": ""},
    },
    "trufflehog 2": {"reason": "Key", "path": "a", "stringsFound": [""], "diff": "", "printDiff": "", "commit": ""},
}  # fmt: skip


def _planted(value: Any) -> Any:
    """`value` with the secret wherever there was an empty text."""
    if isinstance(value, dict):
        return {key: _planted(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_planted(inner) for inner in value]
    return f"user:{PLANTED}@x" if value == "" else value


@pytest.mark.parametrize("name", ROWS)
def test_a_secret_never_leaves_its_reader(name: str) -> None:
    found = read(_planted(ROWS[name]))
    (finding,) = of(Finding, found)
    assert (finding.kind, finding.path) == ("secret", "a")
    assert PLANTED not in shown(found)


@pytest.mark.parametrize("data", [b"[]", b"null", b"[]\n"])
def test_gitleaks_without_leaks_is_no_error(data: bytes) -> None:
    found = list(readers()["gitleaks"].read(FileReport("x", data)))
    assert [type(one).__name__ for one in found] == ["RunSeen", "Sighting"]


def test_the_same_secret_in_two_commits_is_one_place() -> None:
    row = ROWS["gitleaks"][0]  # type: ignore[index]
    first, second = findings([{**row, "Commit": "a" * 40}, {**row, "Commit": "b" * 40, "StartLine": 7}])
    assert place.of(first) == place.of(second)
    assert first.tags != second.tags


def test_trufflehog_says_log_lines_are_not_taken() -> None:
    lines = [json.dumps(ROWS["trufflehog"]), '{"level":"info","msg":"done"}', ""]
    (skipped,) = of(Skipped, read("\n".join(lines).encode()))
    assert "log" in skipped.why


@given(value=st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)))
def test_cwes_of_anything(value: Any) -> None:
    assert all(one > 0 for one in _code_scans.cwes(value))


# -- the generic readers --


@pytest.mark.parametrize("form", ["json", "csv"])
def test_generic_secrets_keep_no_evidence(form: str) -> None:
    row = {
        "title": "Key in code", "severity": "high", "asset": "shop.example.com", "kind": "secret", "path": "a.py",
        "evidence": PLANTED, "context": PLANTED, "description": PLANTED, "impact": PLANTED,
    }  # fmt: skip
    table = ",".join(row) + "\n" + ",".join(row.values()) + "\n"
    found = read({"findings": [row]} if form == "json" else table.encode())
    (finding,) = of(Finding, found)
    assert (finding.kind, finding.path, finding.title) == ("secret", "a.py", "Key in code")
    assert PLANTED not in shown(found)


def test_generic_findings_that_are_no_secret_keep_their_evidence() -> None:
    row = {
        "title": "t",
        "severity": "low",
        "asset": "shop.example.com",
        "path": "a.py",
        "evidence": "e",
        "description": "d",
    }
    (found,) = findings({"findings": [row]})
    assert (found.evidence, found.description) == ("e", "d")


@pytest.mark.parametrize("cell", [",", " , ", ";|"])
def test_generic_rows_that_name_nothing_are_skipped(cell: str) -> None:
    found = read(f'asset,cve,severity\nshop.example.com,"{cell}",high\nshop.example.com,CVE-2099-1,high\n'.encode())
    (finding,) = of(Finding, found)
    assert finding.rule == "CVE-2099-1"
    assert [one.where for one in of(Skipped, found)] == ["line 2"]
    assert len(of(Sighting, found)) == 1


@given(cell=st.text(st.sampled_from(" ,;|xC-"), max_size=6))
def test_generic_findings_always_have_rule_and_title(cell: str) -> None:
    found = read({"findings": [{"asset": "a.example.com", "severity": "low", "cve": cell, "title": cell.strip("x")}]})
    assert all(one.rule and one.title for one in of(Finding, found))
    assert not cell or of(Finding, found) or of(Skipped, found)


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("semgrep", b'{"results": [], "errors": []}'),
        ("semgrep", b'{"errors": [{"code": 3, "level": "warn", "message": "m", "path": "p", "spans": [{"file": "p"}]}'),
        ("semgrep", b'{"errors": [], "interfile_languages_used": [], "paths": {"scanned": ["a.py"'),
        ("bandit", b'{"errors": [], "generated_at": "t", "metrics": {"./a.py": {"CONFIDENCE.HIGH": 0, "loc": 1}'),
    ],
)
def test_beginnings_that_show_no_finding_are_recognised(name: str, head: bytes) -> None:
    assert [one for one, reader in readers().items() if reader.sniff(head)] == [name]
