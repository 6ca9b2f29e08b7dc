"""Scanners of dependencies: laws that hold whatever the report says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreshore import facts
from foreshore.discovery import weakness
from foreshore.discovery.readers import _packages, _packages_values
from foreshore.discovery.reports import FileReport
from foreshore.discovery.sniffing import pick, readers
from foreshore.errors import BadReport
from foreshore.facts import Finding, Skipped

GOLDEN = Path(__file__).parent / "golden"
OURS = (
    "snyk", "snyk_issue_api", "npm_audit", "npm_audit_7_plus", "github_vulnerability", "github_alerts", "govulncheck",
    "osv_scanner", "pip_audit",
)  # fmt: skip
FOLDERS = [one.name for one in sorted(GOLDEN.iterdir()) if one.name.partition("+")[0] in OURS]


def report(data: bytes) -> FileReport:
    return FileReport("report.json", data)


def records(data: bytes) -> list[facts.Record]:
    held = report(data)
    return list(pick(held)[1].read(held))


def findings(document: Any) -> list[Finding]:
    return [one for one in records(json.dumps(document).encode()) if isinstance(one, Finding)]


@pytest.mark.parametrize("name", FOLDERS)
def test_only_its_own_reader_claims_a_sample(name: str) -> None:
    head = (GOLDEN / name / "report.json").read_bytes()[:65536]
    assert {one for one, reader in readers().items() if reader.sniff(head)} == {name.partition("+")[0]}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_report_that_ends_in_the_middle_is_refused(name: str) -> None:
    data = (GOLDEN / name / "report.json").read_bytes().rstrip()
    reader = readers()[name.partition("+")[0]]
    with pytest.raises(BadReport) as error:
        list(reader.read(report(data[:-1])))
    assert error.value.where
    assert error.value.hint


values = st.recursive(
    st.none() | st.booleans() | st.text() | st.integers(-9, 9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    documents=st.lists(st.dictionaries(st.text(), values, max_size=3) | st.lists(values), min_size=1, max_size=5),
    between=st.sampled_from(["", "\n", "\r\n", " ,\n", "\n\x1e"]),
    indent=st.sampled_from([None, 2]),
)
def test_values_are_found_whatever_stands_between_them(documents: list[Any], between: str, indent: int | None) -> None:
    text = between.join(json.dumps(one, indent=indent) for one in documents)
    found = list(_packages_values.values(report(text.encode())))
    assert [json.loads(one) for one in found] == documents


_SPELLINGS = (
    "https://{0}/{1}",
    "https://{0}/{1}.git",
    "git@{0}:{1}.git",
    "ssh://git@{0}/{1}.git",
    "http://u:p@{0}/{1}/",
)


@given(
    host=st.sampled_from(["github.com", "git.example.com"]),
    path=st.from_regex(r"[a-z]{1,8}/[a-z][a-z-]{0,8}[a-z]", fullmatch=True),
    spelling=st.sampled_from([*_SPELLINGS, "git+https://{0}/{1}"]),
)
def test_all_spellings_of_a_repository_are_one(host: str, path: str, spelling: str) -> None:
    if path.endswith(".git"):
        return
    found = _packages.repository_url(spelling.format(host, path))
    assert found == f"https://{host}/{path}"
    assert _packages.repository_url(found) == found


@given(st.text())
def test_an_address_of_a_repository_is_stable(text: str) -> None:
    found = _packages.repository_url(text)
    assert _packages.repository_url(found) in (found, "")


def test_messages_of_govulncheck_are_the_same_in_any_layout() -> None:
    data = (GOLDEN / "govulncheck" / "report.json").read_bytes()
    messages = [json.loads(one) for one in _packages_values.values(report(data))]
    expected = records(data)
    assert any(isinstance(one, Finding) for one in expected)
    assert records("\n".join(map(json.dumps, messages)).encode()) == expected
    assert records(json.dumps(messages, indent=2).encode()) == expected


@given(
    paths=st.lists(
        st.lists(st.sampled_from(["a@1.0", "@b/c@2.0", "d@3.0"]), min_size=1, max_size=4), min_size=1, max_size=4
    )
)
def test_grouped_issues_of_snyk_are_the_rows_they_were(paths: list[list[str]]) -> None:
    def row(path: list[str]) -> dict[str, Any]:
        name, _at, version = path[-1].rpartition("@")
        return {
            "id": "SNYK-JS-X-1",
            "severity": "low",
            "from": path,
            "upgradePath": [],
            "name": name,
            "version": version,
        }

    project = {"ok": False, "dependencyCount": 3, "packageManager": "npm", "projectName": "p"}
    apart = [row(one) for one in paths]
    grouped = {**apart[0], "from": paths, "name": [one["name"] for one in apart], "upgradePath": [[] for _ in paths]}
    assert findings(project | {"vulnerabilities": [grouped]}) == findings(project | {"vulnerabilities": apart})


@given(
    places=st.dictionaries(st.sampled_from("abcd"), st.integers(1, 3), min_size=1),
    extra=st.dictionaries(st.sampled_from("wxyz"), st.sampled_from("abcd")),
)
def test_each_advisory_of_npm_is_found_in_each_place(places: dict[str, int], extra: dict[str, str]) -> None:
    rows: dict[str, Any] = {
        name: {
            "name": name,
            "severity": "low",
            "via": [{"source": 1, "name": name, "title": "t", "url": "https://example.com/1", "severity": "low"}],
            "nodes": [f"node_modules/{number}/{name}" for number in range(count)],
        }
        for name, count in places.items()
    }
    rows |= {name: {"name": name, "severity": "low", "via": [cause], "nodes": [name]} for name, cause in extra.items()}
    found = findings({"auditReportVersion": 2, "vulnerabilities": rows, "metadata": {}})
    told = {(one.component_name, one.path) for one in found}
    assert len(told) == len(found)
    expected = {(name, node) for name in places for node in rows[name]["nodes"]}
    assert told == expected | {(name, name) for name, cause in extra.items() if cause not in places}


@given(extra=st.dictionaries(st.text(min_size=1), st.just("not-a-real-secret"), max_size=4))
def test_a_secret_never_leaves_the_reader(extra: dict[str, str]) -> None:
    own = {"number": 1, "state": "open", "secret_type": "example_token", "secret": "not-a-real-secret"}
    alert = {name: text for name, text in extra.items() if not hasattr(Finding, name)} | own
    kept = {"html_url", "url", "secret_type_display_name", "validity", "resolution"}
    found = findings([{name: value for name, value in alert.items() if name not in kept}])
    assert [one.kind for one in found] == ["secret"]
    assert "not-a-real-secret" not in repr(found)


def test_pages_that_are_missing_are_said() -> None:
    def page(more: bool) -> dict[str, Any]:
        alerts = {"nodes": [], "pageInfo": {"hasNextPage": more}}
        return {"data": {"repository": {"name": "web", "vulnerabilityAlerts": alerts}}}

    whole = records(json.dumps([page(True), page(False)]).encode())
    cut = records(json.dumps([page(True), page(True)]).encode())
    assert not any(isinstance(one, Skipped) for one in whole)
    assert any(isinstance(one, Skipped) and "more pages" in one.why for one in cut)


@pytest.mark.parametrize(
    "document",
    [
        {"Vulns": None},
        {"Calls": {"Functions": {}, "Entries": []}, "Imports": {}, "Requires": {"Modules": {}}, "Vulns": []},
        {"dependencies": [], "fixes": []},
        {"results": [], "experimental_config": {"licenses": {"summary": False, "allowlist": None}}},
        {"auditReportVersion": 2, "vulnerabilities": {}, "metadata": {}},
        {"actions": [], "advisories": {}, "muted": [], "metadata": {}},
        {"vulnerabilities": [], "ok": True, "dependencyCount": 4, "projectName": "web"},
        {"data": {"repository": {"name": "web", "vulnerabilityAlerts": {"nodes": []}}}},
        {"jsonapi": {"version": "1.0"}, "data": []},
    ],
)
def test_a_report_without_findings_is_no_error(document: dict[str, Any]) -> None:
    found = records(json.dumps(document).encode())
    assert isinstance(found[0], facts.RunSeen)
    assert not any(isinstance(one, (Finding, Skipped)) for one in found)


@pytest.mark.parametrize(
    "document",
    [
        {"error": {"code": "ENOAUDIT", "summary": "no audit there", "detail": ""}},
        {"message": "request failed", "error": {"summary": "no audit there", "detail": ""}},
        {"ok": False, "error": "no manifest was found", "path": "/build"},
        [{"ok": False, "error": "no manifest was found", "path": "/build"}],
        {"data": {"repository": {"vulnerabilityAlerts": None}}, "errors": [{"message": "not allowed"}]},
    ],
)
def test_an_error_in_place_of_a_report_is_refused(document: Any) -> None:
    with pytest.raises(BadReport) as error:
        records(json.dumps(document).encode())
    assert error.value.hint


@given(st.lists(st.sampled_from(["PYSEC-2099-1", "CVE-2099-10001", "GHSA-2222-3333-4444"]), min_size=1, max_size=3))
def test_an_unrated_weakness_is_an_exposure(names: list[str]) -> None:
    vulns = [{"id": names[0], "fix_versions": [], "aliases": names[1:], "description": ""}]
    found = findings({"dependencies": [{"name": "a", "version": "1", "vulns": vulns}]})
    assert len(found) == 1
    assert weakness.has_exposure(found[0].kind, found[0].severity, found[0].weaknesses)
