"""Inspecting and importing from the command line: what is read, what is not, and whose it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    from foreshore.workspace import Workspace

    return Workspace.create(tmp_path / "ws").root


def test_inspect_counts_and_stores_nothing(cli: Cli, tmp_path: Path, make: Any) -> None:
    report = make.csv(tmp_path / "report.csv", make.web, make.db)
    found = cli("inspect", str(report), "--json").json()
    assert [(one["reader"], one["assets"], one["findings"], one["error"]) for one in found] == [
        ("generic_csv", 2, 2, None)
    ]
    assert found[0].keys() >= {"file", "reader", "assets", "ports", "findings", "relations", "skipped", "error"}
    assert cli("inspect", str(report)).code == 0


def test_what_cannot_be_read_is_one_line_and_exit_code_1(cli: Cli, tmp_path: Path, make: Any, workspace: Path) -> None:
    folder = tmp_path / "reports"
    folder.mkdir()
    make.csv(folder / "good.csv", make.web)
    (folder / "noise.bin").write_bytes(bytes(range(256)) * 4)
    (folder / "empty.xml").write_bytes(b"")
    inspected = cli("inspect", str(folder), "--json")
    assert inspected.code == 1
    imported = cli("import", str(folder), "-w", str(workspace))
    assert imported.code == 1
    for name in ("noise.bin", "empty.xml"):
        lines = [line for line in imported.err.splitlines() if name in line]
        assert len(lines) == 1
    assert "1 new" in imported.out  # the good one was read
    assert cli("import", str(tmp_path / "nowhere"), "-w", str(workspace)).code in (1, 3)


def test_import_keeps_its_contract_and_knows_the_same_file_again(
    cli: Cli, tmp_path: Path, make: Any, workspace: Path
) -> None:
    report = make.csv(tmp_path / "report.csv", make.web, make.db)
    first = cli("import", str(report), "--json", "-w", str(workspace)).json()
    assert first["runs"][0].keys() >= {"run", "file", "reader", "findings", "duplicate", "coverage"}
    assert first["exposures"].keys() >= {"new", "seen", "fixed", "reopened"}
    assert first["assets"].keys() >= {"new", "seen", "review"}
    assert first["exposures"]["new"] == 2
    again = cli("import", str(report), "--json", "-w", str(workspace)).json()
    assert [run["duplicate"] for run in again["runs"]] == [True]
    assert again["exposures"]["new"] == 0


def test_with_several_sites_an_import_has_to_say_which(cli: Cli, tmp_path: Path, make: Any, workspace: Path) -> None:
    report = make.csv(tmp_path / "report.csv", make.web)
    (workspace / "scope.yaml").write_text("organization: Example\nsites: {hq: {}, south: {}}\n", encoding="utf-8")
    refused = cli("import", str(report), "-w", str(workspace))
    assert refused.code == 2
    assert "hq, south" in refused.err
    assert cli("import", str(report), "--site", "south", "-w", str(workspace)).code == 0
    other = make.csv(tmp_path / "other.csv", make.db)
    said = cli("import", str(other), "--site", "east", "--from-zone", "lab", "-w", str(workspace))
    assert said.code == 0
    assert "no site east" in said.err
    assert "no zone lab" in said.err


def test_a_broken_scope_does_not_stop_an_import(cli: Cli, tmp_path: Path, make: Any, workspace: Path) -> None:
    (workspace / "scope.yaml").write_text("organisation: typo\n", encoding="utf-8")
    said = cli("import", str(make.csv(tmp_path / "report.csv", make.web)), "-w", str(workspace))
    assert said.code == 0
    assert "scope.yaml:1" in said.err
    assert cli("cycle", "-w", str(workspace)).code == 1


@pytest.mark.parametrize("words", [("--coverage", "everything"), ("--coverage", "complete:huge")])
def test_a_coverage_that_is_none_is_wrong_usage(
    cli: Cli, tmp_path: Path, make: Any, workspace: Path, words: tuple[str, str]
) -> None:
    said = cli("import", str(make.csv(tmp_path / "report.csv", make.web)), *words, "-w", str(workspace))
    assert said.code == 2
    assert "--coverage" in said.err


def test_a_feed_nobody_knows_is_told(cli: Cli, tmp_path: Path, workspace: Path) -> None:
    (tmp_path / "feed.json").write_text("{}", encoding="utf-8")
    said = cli("intel", "update", "--from", str(tmp_path / "feed.json"), "-w", str(workspace))
    assert said.code in (1, 3)
    assert said.err.startswith("foreshore: ")
    assert cli("intel", "update", "--from", str(tmp_path / "nowhere"), "-w", str(workspace)).code in (1, 3)


def test_reports_that_name_no_repository_are_kept_apart_by_a_name(cli: Cli, tmp_path: Path, workspace: Path) -> None:
    """Two repositories scanned by one tool are one asset, unless a person says which is which."""
    import json

    from foreshore.store import open_lake
    from foreshore.workspace import Workspace

    for name in ("shop", "payroll"):
        place = {"physicalLocation": {"artifactLocation": {"uri": f"{name}.py"}, "region": {"startLine": 1}}}
        result = {"ruleId": "r1", "level": "error", "message": {"text": "m"}, "locations": [place]}
        document = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "t"}}, "results": [result]}]}
        (tmp_path / f"{name}.sarif").write_text(json.dumps(document), encoding="utf-8")
        done = cli("import", str(tmp_path / f"{name}.sarif"), "--asset", name, "-w", str(workspace), "--json").json()
        assert done["assets"]["new"] == 1
    again = cli("import", str(tmp_path / "shop.sarif"), "--asset", "shop", "-w", str(workspace), "--json").json()
    assert again["runs"][0]["duplicate"]
    with open_lake(Workspace.open(workspace), read_only=True) as lake:
        assert set(lake.sql("select name from sightings").column("name").to_pylist()) == {"shop", "payroll"}
    assert cli("rebuild", "-w", str(workspace), "--json").json()["equal"]
