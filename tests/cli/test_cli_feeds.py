"""All feeds through the front door: read once, kept under the right names, and nothing new the second time."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foreshore import store
from foreshore.workspace import Workspace

Cli = Callable[..., Any]
SAMPLES = Path(__file__).parents[1] / "intel" / "feeds" / "samples"


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    folder = tmp_path / "mirror"
    shutil.copytree(SAMPLES, folder, ignore=shutil.ignore_patterns("expected.json"))
    return folder


def ask(workspace: Path, query: str) -> list[tuple[Any, ...]]:
    with store.open_lake(Workspace.open(workspace)) as lake:
        return [tuple(row.values()) for row in lake.sql(query).to_pylist()]


def test_every_feed_is_read_and_reading_again_brings_nothing(cli: Cli, tmp_path: Path, mirror: Path) -> None:
    where = tmp_path / "ws"
    assert cli("init", str(where)).code == 0
    first = cli("intel", "update", "--from", str(mirror), "--all", "--json", "-w", str(where)).json()
    assert (first["errors"], first["skipped"]) == ([], [])
    read = {one["feed"] for one in first["feeds"]}
    assert read == {one.name.partition("+")[0] for one in SAMPLES.iterdir()}
    assert ask(where, "SELECT DISTINCT weakness FROM weakness_aliases WHERE alias = 'GHSA-2222-3333-4444'") == [
        ("CVE-2024-99901",)
    ]
    fixed = ask(
        where,
        "SELECT DISTINCT text, model FROM signals WHERE kind = 'fixed_in' AND weakness = 'CVE-2024-99901'"
        " AND text = 'pkg:pypi/orchard-web' ORDER BY ALL",
    )
    assert fixed == [("pkg:pypi/orchard-web", "4.3"), ("pkg:pypi/orchard-web", "5.2")]
    ends = ask(where, "SELECT text FROM signals WHERE weakness = 'eol:orchard:1' AND kind = 'end_of_life'")
    assert ends == [("yes",)]
    again = cli("intel", "update", "--from", str(mirror), "--all", "--json", "-w", str(where)).json()
    assert [one["new"] for one in again["feeds"]] == [0] * len(again["feeds"])


def test_without_all_only_names_that_stand_for_no_advisory_are_kept(cli: Cli, tmp_path: Path, mirror: Path) -> None:
    where = tmp_path / "ws"
    assert cli("init", str(where)).code == 0
    assert cli("intel", "update", "--from", str(mirror), "-w", str(where)).code == 0
    names = {str(name) for (name,) in ask(where, "SELECT DISTINCT weakness FROM signals")}
    assert {"T9190", "CAPEC-9063", "CWE-862", "eol:orchard", "eol:orchard:2"} <= names
    assert not any(name.startswith(("CVE-", "GHSA-", "PYSEC-", "MAL-")) for name in names)


def test_a_folder_with_a_broken_file_is_read_but_for_that_file(cli: Cli, tmp_path: Path) -> None:
    where, folder = tmp_path / "ws", tmp_path / "osv"
    assert cli("init", str(where)).code == 0
    shutil.copytree(SAMPLES / "vulncheck_kev+backup", folder, ignore=shutil.ignore_patterns("expected.json"))
    (folder / "orchard.md").write_text("---\ntitle: Orchard\npermalink: /orchard\ncategory: os\nreleases: [\n")
    said = cli("intel", "update", "--from", str(folder), "--all", "--json", "-w", str(where))
    assert "orchard.md" in said.out + said.err
    assert ask(where, "SELECT count(*) FROM signals WHERE kind = 'exploited'") == [(3,)]
