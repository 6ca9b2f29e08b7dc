"""Imports and cycles work on sets: ten times the findings must not mean ten times the calls."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import pytest

from foreshore.cycle import running, taking
from foreshore.estate.bulk import write_bulk
from foreshore.prioritization import implied, stage
from foreshore.workspace import Workspace

FEW, MANY = 200, 2_000
EACH = 3  # findings on a host: then the distinct weaknesses grow far less than the findings
MOST = 3.0  # calls at ten times the findings, over calls before


def calls_of(work: Callable[[], Any], *, outside: tuple[str, ...] = ()) -> dict[str, int]:
    """Count calls made in Foreshore's own modules (Python's and built-in ones), by module."""
    counts: dict[str, int] = {}

    def count(frame: FrameType, event: str, _arg: object) -> None:
        if event in ("call", "c_call"):
            module = str(frame.f_globals.get("__name__", ""))
            if module.startswith("foreshore.") and not module.startswith(outside or ("-",)):
                counts[module] = counts.get(module, 0) + 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return counts


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict[str, dict[str, int]]]:
    """Calls of an import (readers and their row buffers left out: they read row by row) and of a cycle, by size."""
    found = {}
    patch = pytest.MonkeyPatch()
    patch.setattr(stage, "EXPLAINED", 10)  # a fixed number of ways is told however many findings there are
    # The first pass only fills caches: of modules, of compiled loops, of the policy.
    for number, size in enumerate((FEW, FEW, MANY)):
        folder = tmp_path_factory.mktemp(f"size{number}")
        write_bulk(folder / "report.nessus", "nessus", size, 7, size // EACH)
        workspace = Workspace.create(folder / "ws", seed=7)
        rowwise = ("foreshore.discovery.readers", "foreshore.discovery.columns", "foreshore.discovery.redact",
                   "foreshore.discovery.xmlstream", "foreshore.discovery.importing", "foreshore.keys",
                   "foreshore.facts", "foreshore.discovery.weakness", "foreshore.discovery.place",
                   "foreshore.discovery.identity")  # fmt: skip
        imported = calls_of(partial(taking.take, workspace, [folder / "report.nessus"]), outside=rowwise)
        cycled = calls_of(partial(running.run, workspace))
        found[size] = {"import": imported, "cycle": cycled}
    patch.undo()
    return found


@pytest.mark.parametrize("job", ["import", "cycle"])
def test_calls_do_not_grow_with_findings(job: str, counted: dict[int, dict[str, dict[str, int]]]) -> None:
    few, many = counted[FEW][job], counted[MANY][job]
    grown = {
        module: (few.get(module, 0), count)
        for module, count in many.items()
        if count > MOST * few.get(module, 0) and count > MOST * MANY
    }
    assert sum(many.values()) < MOST * sum(few.values()), grown
    assert not grown, "these modules make several calls for each finding"


def test_a_loop_over_findings_is_noticed() -> None:
    def looped(size: int) -> int:
        return sum(calls_of(lambda: [implied.once_in(0.5) for _ in range(size)]).values())

    assert looped(MANY) > MOST * looped(FEW)
