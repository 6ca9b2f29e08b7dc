"""A large organisation in small: what is planted is found through the front door, what lacks a fact is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.company import Cli

from foreshore.cycle import opened, pathing
from foreshore.errors import UsageError
from foreshore.estate.__main__ import main
from foreshore.estate.enterprise import write_enterprise
from foreshore.workspace import Workspace


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """About three hundred assets, written by the command."""
    folder = tmp_path_factory.mktemp("enterprise") / "files"
    assert main(["enterprise", str(folder), "--assets", "300", "--seed", "3"]) == 0
    return folder


def _ways(folder: Path) -> list[dict[str, Any]]:
    ways: list[dict[str, Any]] = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["ways"]
    return ways


def test_planted_ways_are_found_and_those_without_a_fact_are_not(made: Path, tmp_path: Path, cli: Cli) -> None:
    folder = tmp_path / "ws"
    assert cli("init", str(folder)).code == 0
    (folder / "scope.yaml").write_text((made / "scope.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    for site in sorted((made / "reports").iterdir()):
        files = [str(one) for one in sorted(site.iterdir())]
        done = cli("import", *files, "--site", site.name, "-w", str(folder))
        assert done.code == 0, done.err
    assert cli("cycle", "-w", str(folder), "--json").code == 0
    ways = _ways(made)
    assert {one["kind"] for one in ways} == {"directory", "cloud", "network"}
    wrong = []
    with opened.with_facts(workspace := Workspace.open(folder)) as graph:
        for one in ways:
            found = pathing.answered(workspace, graph, pathing.Asked(one["source"], one["target"], count=3))
            rules = [[hop["rule"] for hop in path["hops"] if hop["rule"] in one["rules"]] for path in found["paths"]]
            right = one["rules"] in rules if not one["missing"] else found["reachable"] == "no" and not rules
            wrong += [] if right else [(one, found["reachable"], rules)]
    assert not wrong
    first = next(one for one in ways if not one["missing"])
    said = cli("paths", "--from", first["source"], "--to", first["target"], "-w", str(folder), "--json").json()
    assert said["reachable"] == "yes"


def test_each_kind_lacks_each_of_its_facts_somewhere(tmp_path: Path) -> None:
    ways = write_enterprise(tmp_path / "more", 2_400).ways
    lacking = {
        kind: {one.missing for one in ways if one.kind == kind and one.missing} for kind in ("directory", "cloud")
    }
    assert {kind: len(facts) for kind, facts in lacking.items()} == {"directory": 5, "cloud": 4}
    whole = sum(1 for one in ways if not one.missing)
    assert whole * 2 == len(ways)


def test_the_same_seed_writes_the_same_bytes_and_another_does_not(made: Path, tmp_path: Path) -> None:
    for seed, alike in ((3, True), (4, False)):
        again = write_enterprise(tmp_path / str(seed), 300, seed)
        files = [one.relative_to(again.root) for one in again.root.rglob("*") if one.is_file()]
        same = [(again.root / one).read_bytes() == (made / one).read_bytes() for one in files]
        assert all(same) == alike


@pytest.mark.parametrize("assets", [300, 5_000])
def test_sizes_are_kept_to_a_tenth(assets: int, tmp_path: Path) -> None:
    made = write_enterprise(tmp_path / "sized", assets)
    assert abs(made.assets - assets) <= assets / 10


def test_too_few_assets_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="too few"):
        write_enterprise(tmp_path / "none", 5)
    assert main(["enterprise", str(tmp_path / "none"), "--assets", "5"]) == 2
