"""The graph that a cycle keeps: questions asked of it have the answers of the facts compiled anew."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.company import Cli

from foreshore.cycle import again, kept, opened, pathing
from foreshore.prioritization.modelled import modelled
from foreshore.store import serving
from foreshore.workspace import Workspace

QUESTIONS = (
    ("paths", "--from", "internet", "--to", "Web shop"),
    ("paths", "--from", "asset:name = 'web-1'", "--to", "Card payments", "-k", "3"),
    ("blast", "web-1"),
    ("junctions",),
    ("unknowns",),
    ("plan",),
    ("what-if", "--quick", "--fix", "CVE-2021-44228"),
    ("what-if", "--quick", "--lose-asset", "web-1"),
)


@pytest.fixture(scope="module")
def own(company: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the company's workspace, to take things away from."""
    return Path(shutil.copytree(company, tmp_path_factory.mktemp("kept") / "ws"))


@pytest.fixture
def file(own: Path) -> Path:
    """The kept graph of the served cycle."""
    workspace = Workspace.open(own)
    opened.load(workspace)
    return serving.kept_file(workspace, int(again.served(workspace)["cycle"]), "graph")


def answers(cli: Cli, workspace: Path) -> list[Any]:
    return [cli(*words, "--json", "-w", str(workspace)).json() for words in QUESTIONS]


def test_a_cycle_keeps_its_graph(company: Path) -> None:
    workspace = Workspace.open(company)
    row = again.served(workspace)
    assert serving.kept_file(workspace, int(row["cycle"]), "graph").stat().st_mode & 0o777 == 0o600
    assert kept.read(workspace, row) is not None


def test_questions_have_the_answers_of_the_facts_compiled_anew(cli: Cli, own: Path, file: Path) -> None:
    before = answers(cli, own)
    file.unlink()
    assert answers(cli, own) == before
    assert file.exists(), "what was compiled anew is kept"
    assert answers(cli, own) == before


def test_questions_about_ways_do_not_read_the_facts_at_all(cli: Cli, own: Path, file: Path) -> None:
    asked = QUESTIONS[:5]
    before = [cli(*words, "--json", "-w", str(own)).json() for words in asked]
    aside = own / "aside"
    (own / "facts").rename(aside)
    try:
        assert [cli(*words, "--json", "-w", str(own)).json() for words in asked] == before
    finally:
        aside.rename(own / "facts")


@pytest.mark.parametrize("damage", ["cut", "emptied", "another make", "another cycle"])
def test_a_file_that_does_not_fit_is_made_again(cli: Cli, own: Path, file: Path, damage: str) -> None:
    words = ("paths", "--from", "internet", "--to", "Web shop", "--json", "-w", str(own))
    before, whole = cli(*words).json(), file.read_bytes()
    file.write_bytes({
        "cut": whole[: len(whole) // 2], "emptied": b"",
        "another make": whole.replace(b'\\"form\\": \\"', b'\\"form\\": \\"9').replace(b'"form": "1', b'"form": "9'),
        "another cycle": whole.replace(b'"cycle": "', b'"cycle": "9'),
    }[damage])  # fmt: skip
    assert file.read_bytes() != whole
    assert kept.read(Workspace.open(own), again.served(Workspace.open(own))) is None
    assert cli(*words).json() == before
    assert kept.read(Workspace.open(own), again.served(Workspace.open(own))) is not None


def test_what_is_kept_equals_what_is_compiled(own: Path, file: Path) -> None:
    workspace = Workspace.open(own)
    row = again.served(workspace)
    held = kept.read(workspace, row)
    assert held is not None
    with again.snapshot(workspace, row) as snapshot:
        found = modelled(snapshot)
    assert differing(held.found, found, "") == []


def differing(one: Any, other: Any, where: str) -> list[str]:
    """Where do two values differ, field by field of the first?"""
    if isinstance(one, np.ndarray):
        return [] if one.dtype == other.dtype and np.array_equal(one, other) else [where]
    if isinstance(one, pa.Table):
        return [] if one.equals(other.combine_chunks()) else [where]
    if hasattr(one, "__dataclass_fields__"):
        names = [each.name for each in fields(one)]
        return [
            text for name in names for text in differing(getattr(one, name), getattr(other, name), f"{where}.{name}")
        ]
    if isinstance(one, tuple | list):
        ends = [f"{where}[{at}]" for at in range(len(one))]
        parts = [text for a, b, at in zip(one, other, ends, strict=False) for text in differing(a, b, at)]
        return parts if len(one) == len(other) else [where]
    if isinstance(one, dict):
        return [text for name in one for text in differing(one[name], other[name], f"{where}[{name}]")]
    if hasattr(one, "digest"):
        return [] if one.digest == other.digest else [where]
    return [] if one == other else [where]


def test_a_process_loads_the_served_cycle_once(own: Path, file: Path) -> None:
    workspace = Workspace.open(own)
    first = opened.current(workspace)
    assert opened.current(workspace) is first
    asked = pathing.Asked("internet", "Web shop")
    assert pathing.answered(workspace, first, asked) == pathing.paths(workspace, asked)


def test_facts_are_there_only_while_they_are_open(own: Path) -> None:
    workspace = Workspace.open(own)
    with opened.with_facts(workspace) as graph:
        assert graph.snapshot.cycle == graph.cycle
    with pytest.raises(ValueError, match="not open"):
        opened.load(workspace).snapshot  # noqa: B018


def test_kept_graphs_go_with_the_last_serving_file_of_their_cycle(cli: Cli, own: Path, file: Path) -> None:
    old = file.with_name("cycle-12345.graph")
    shutil.copyfile(file, old)
    young = file.with_name("cycle-12346.graph")
    shutil.copyfile(file, young)
    moment = time.time() - serving.GRACE_SECONDS - 60
    for path in (old, file):
        os.utime(path, (moment, moment))
    assert cli("cycle", "-w", str(own)).code == 0
    assert not old.exists()
    assert young.exists(), "somebody may be about to publish it"
    assert file.exists(), "its serving file is still there"
    new = serving.kept_file(Workspace.open(own), int(again.served(Workspace.open(own))["cycle"]), "graph")
    assert new.exists()
    assert new != file
