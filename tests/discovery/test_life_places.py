"""Reports of code scanners say which rules looked at which files, or they say nothing of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from foreshore.discovery.reports import FileReport, reports
from foreshore.discovery.sniffing import pick
from foreshore.facts import Covered, Ended

ROW = {"check_id": "sqli", "path": "src/a.py", "start": {"line": 3}, "extra": {"severity": "ERROR", "lines": "x(y)"}}


def covered(folder: Path, document: dict[str, Any]) -> list[Covered]:
    """What the reader that claims `document` says to be covered."""
    return [one for one in records(folder, document) if isinstance(one, Covered)]


def records(folder: Path, document: dict[str, Any]) -> list[Any]:
    """All that the reader that claims `document` yields."""
    path = folder / "report.json"
    path.write_text(json.dumps(document))
    (report,) = reports([path])
    assert isinstance(report, FileReport)
    return list(pick(report)[1].read(report))


def semgrep(**more: Any) -> dict[str, Any]:
    """A scan with one result."""
    return {"version": "1.70.0", "results": [ROW], "errors": [], "paths": {"scanned": ["src/b.py", "src/a.py"]}} | more


def test_semgrep_says_files_always_and_rules_only_with_times(tmp_path: Path) -> None:
    assert covered(tmp_path, semgrep()) == []
    (one,) = covered(tmp_path, semgrep(time={"rules": ["sqli", "xss"]}))
    assert (one.check_list, one.paths) == (("sqli", "xss"), ("src/a.py", "src/b.py"))
    assert covered(tmp_path, semgrep(time={"rules": [{"id": "sqli"}]}))[0].check_list == ("sqli",)


def test_a_semgrep_scan_with_errors_covers_nothing(tmp_path: Path) -> None:
    assert covered(tmp_path, semgrep(time={"rules": ["sqli"]}, errors=[{"level": "error", "message": "m"}])) == []


def sarif(roles: list[str], successful: bool) -> dict[str, Any]:
    """A log of one run over two files."""
    result = {"ruleId": "sqli", "message": {"text": "m"},
              "locations": [{"physicalLocation": {"artifactLocation": {"uri": "src/a.py"}}}]}  # fmt: skip
    artifacts = [{"location": {"uri": uri}, "roles": roles} for uri in ("src/a.py", "src/b.py")]
    driver = {"name": "scan", "rules": [{"id": "sqli"}, {"id": "xss"}]}
    run = {"tool": {"driver": driver}, "results": [result], "artifacts": artifacts,
           "invocations": [{"executionSuccessful": successful}]}  # fmt: skip
    return {"version": "2.1.0", "$schema": "https://example.com/sarif-2.1.0.json", "runs": [run]}


def test_sarif_covers_the_targets_of_a_run_that_succeeded(tmp_path: Path) -> None:
    (one,) = covered(tmp_path, sarif(["analysisTarget"], True))
    assert (one.check_list, one.paths) == (("sqli", "xss"), ("src/a.py", "src/b.py"))
    assert covered(tmp_path, sarif(["analysisTarget"], False)) == []
    assert covered(tmp_path, sarif(["resultFile"], True)) == []


def test_tenable_says_when_a_machine_was_terminated(tmp_path: Path) -> None:
    row = {"id": "5ca1ab1e-0000-4000-8000-000000000001", "has_agent": False, "fqdns": ["box.example.com"],
           "ipv4s": ["192.0.2.7"], "mac_addresses": [], "has_plugin_results": True, "last_seen": "2026-01-01T00:00:00.000Z"}  # fmt: skip
    told = [one for one in records(tmp_path, [{**row, "terminated_at": "2026-01-02T00:00:00.000Z"}]) if isinstance(one, Ended)]  # type: ignore[arg-type] # fmt: skip
    assert [(one.reason, one.observed_at and one.observed_at.day) for one in told] == [("terminated", 2)]
    assert not [one for one in records(tmp_path, [{**row, "terminated_at": None}]) if isinstance(one, Ended)]  # type: ignore[arg-type]
