"""Mapping files through the command line's own entry point: looked at, imported, and found by content."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
MAPPING = """\
tool = "pentest team"
[match]
columns = ["Host", "Check", "Risk"]
[fields]
asset = "Host"
title = "Check"
severity = { from = "Risk", values = { P1 = "critical", P2 = "high" } }
first_seen = { from = "Found on", date = "%d.%m.%Y" }
"""
ROWS = "Host;Check;Risk;Found on;Remark\nweb.example.com;Old TLS;P2;03.11.2026;x\ndb.example.com;Open share;P1;?;y\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "my.toml").write_text(MAPPING, "utf-8")
    (tmp_path / "tickets.csv").write_text(ROWS, "utf-8")
    return tmp_path


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    from foreshore.workspace import Workspace

    return Workspace.create(tmp_path / "ws").root


def test_inspect_shows_what_the_mapping_makes_of_a_file(cli: Cli, files: Path) -> None:
    report, mapping = str(files / "tickets.csv"), str(files / "my.toml")
    assert cli("inspect", report).code == 1
    shown = cli("inspect", report, "--mapping", mapping)
    assert shown.code == 0
    for part in ("mapping my", "title: Old TLS", "severity: critical", "line 3: first_seen", "Remark"):
        assert part in shown.out
    (told,) = cli("inspect", report, "--mapping", mapping, "--json").json()
    assert (told["reader"], told["tool"], told["findings"], told["error"]) == ("mapping my", "pentest team", 2, None)
    assert [one["record"] for one in told["sample"]] == ["Sighting", "Finding", "Sighting", "Finding"]
    assert [one["where"] for one in told["skipped"]] == ["line 3: first_seen", "columns"]


def test_inspect_without_a_mapping_has_no_sample(cli: Cli, make: Any, tmp_path: Path) -> None:
    (told,) = cli("inspect", str(make.csv(tmp_path / "report.csv", make.web)), "--json").json()
    assert "sample" not in told


def test_import_with_a_mapping_and_again_when_it_changed(cli: Cli, files: Path, workspace: Path) -> None:
    report, mapping, where = str(files / "tickets.csv"), files / "my.toml", ("--workspace", str(workspace), "--json")
    first = cli("import", report, "--mapping", str(mapping), *where).json()
    said = [(run["reader"], run["source"], run["duplicate"]) for run in first["runs"]]
    assert said == [("mapping my", "pentest team", False)]
    assert (first["exposures"]["new"], first["assets"]["new"]) == (2, 2)
    same = cli("import", report, "--mapping", str(mapping), *where).json()
    assert [run["duplicate"] for run in same["runs"]] == [True]
    mapping.write_text(MAPPING.replace('P2 = "high"', 'P2 = "low"'), "utf-8")
    changed = cli("import", report, "--mapping", str(mapping), *where).json()
    assert [run["duplicate"] for run in changed["runs"]] == [False]
    assert (changed["exposures"]["new"], changed["exposures"]["seen"]) == (0, 2)


def test_a_mapping_in_the_workspace_is_found_by_content(cli: Cli, files: Path, workspace: Path) -> None:
    where = ("--workspace", str(workspace))
    assert cli("import", str(files / "tickets.csv"), *where).code == 1
    (workspace / "mappings").mkdir()
    (workspace / "mappings" / "tickets.toml").write_text(MAPPING, "utf-8")
    told = cli("import", str(files / "tickets.csv"), *where, "--json").json()
    assert [(run["reader"], run["findings"]) for run in told["runs"]] == [("mapping tickets", 2)]


def test_json_by_paths(cli: Cli, files: Path, workspace: Path) -> None:
    document = {"hosts": [{"name": "a.example.com", "issues": [{"id": "X-1", "text": "Weak", "level": 5}]}]}
    (files / "out.json").write_text(json.dumps(document), "utf-8")
    (files / "paths.toml").write_text(
        'each = "hosts[*].issues[*]"\n[fields]\nasset = "^.name"\nrule = "id"\ntitle = "text"\n'
        'severity = { from = "level", values = { 5 = "critical" } }\n',
        "utf-8",
    )
    where = ("--mapping", str(files / "paths.toml"), "-w", str(workspace), "--json")
    told = cli("import", str(files / "out.json"), *where).json()
    assert (told["runs"][0]["source"], told["exposures"]["new"]) == ("paths", 1)


def test_a_wrong_mapping_is_an_error_with_its_line(cli: Cli, files: Path, workspace: Path) -> None:
    (files / "my.toml").write_text(MAPPING.replace("title =", "titel ="), "utf-8")
    for verb in (("inspect",), ("import", "--workspace", str(workspace))):
        said = cli(*verb, str(files / "tickets.csv"), "--mapping", str(files / "my.toml"))
        assert said.code == 2
        assert "my.toml, line 6" in said.err
        assert "did you mean title" in said.err
    assert cli("inspect", str(files / "tickets.csv"), "--mapping", str(files / "none.toml")).code == 2
