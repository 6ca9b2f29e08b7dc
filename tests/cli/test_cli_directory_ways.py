"""A directory through the front door: collections are read, a cycle runs, and `paths` tells the way or that there is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.company import few_worlds
from tests.prioritization.test_directory_collections import ALICE, WAYS, Objects, after

from foreshore.workspace import Workspace

Cli = Callable[..., Any]


def written(folder: Path, every: Objects, day: str) -> Path:
    """Write a collection as SharpHound does: one file for each kind of object."""
    folder.mkdir()
    files: dict[str, list[dict[str, Any]]] = {}
    for one in every.values():
        files.setdefault(one["kind"], []).append(one)
    for kind, held in files.items():
        meta = {"type": kind, "version": 6, "methods": 5, "count": len(held), "collectionstart": f"{day}T08:00:00Z"}
        (folder / f"{kind}.json").write_text(json.dumps({"data": held, "meta": meta}), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def workspace(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("directory")
    Workspace.create(root / "ws", seed=3)
    few_worlds(root / "ws")
    made = [*WAYS["ESC1"].made, *WAYS["DCSync by two groups"].made[1:]]
    found = cli("import", str(written(root / "first", after(*made), "2025-06-01")), "-w", str(root / "ws"))
    assert found.code == 0, found.err
    assert cli("cycle", "-w", str(root / "ws")).code == 0
    return root / "ws"


def ways(cli: Cli, workspace: Path, start: str, end: str) -> dict[str, Any]:
    found = cli("paths", "--from", start, "--to", end, "-w", str(workspace), "--json")
    assert found.code == 0, found.err
    said: dict[str, Any] = found.json()
    return said


def test_a_way_by_a_certificate_is_told_hop_by_hop(cli: Cli, workspace: Path) -> None:
    said = ways(cli, workspace, f"{ALICE[-4:]}@EXAMPLE.TEST", "EXAMPLE.TEST")
    text = json.dumps(said)
    assert said["reachable"] == "yes", said
    assert "WEB@EXAMPLE.TEST" in text
    assert "T1649" in text


def test_who_holds_half_of_what_is_needed_gets_nowhere(cli: Cli, workspace: Path) -> None:
    assert ways(cli, workspace, "1202@EXAMPLE.TEST", "EXAMPLE.TEST")["reachable"] == "no"


def test_a_right_that_a_later_collection_no_longer_has_is_no_way(cli: Cli, workspace: Path, tmp_path: Path) -> None:
    import shutil

    copied = Path(shutil.copytree(workspace, tmp_path / "ws"))
    later = written(tmp_path / "later", after(*WAYS["ESC1"].made[1:]), "2025-06-20")
    assert cli("import", str(later), "-w", str(copied)).code == 0
    assert cli("cycle", "-w", str(copied)).code == 0
    assert ways(cli, copied, f"{ALICE[-4:]}@EXAMPLE.TEST", "EXAMPLE.TEST")["reachable"] == "no"
