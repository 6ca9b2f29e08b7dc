"""The lake tends itself: many small files become few, and what they say stays."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from foreshore.store import open_lake, upkeep
from foreshore.workspace import Workspace


def _append(workspace: Workspace, first: int, commits: int) -> None:
    with open_lake(workspace) as lake:
        for number in range(first, first + commits):
            # More rows than stay in the catalogue, so that each commit makes a file.
            rows = pa.table(
                {"run": [number] * 20, "place": [f"row {row}" for row in range(20)], "why": ["a test"] * 20}
            )
            lake.append({"skipped": rows}, job=f"job {number}")


def test_few_files_are_left_alone_and_many_are_merged(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "ws", seed=1)
    _append(workspace, 0, 5)
    with open_lake(workspace) as lake:
        assert upkeep.files(lake) == 5
        assert upkeep.tend(lake) is None
    _append(workspace, 5, upkeep.MANY_FILES)
    with open_lake(workspace) as lake:
        before = lake.sql("FROM skipped ORDER BY ALL")
        done = upkeep.tend(lake)
        assert done is not None
        assert done.merged > 0
        assert upkeep.files(lake) < 5
        assert lake.sql("FROM skipped ORDER BY ALL").equals(before)
        assert upkeep.tend(lake) is None
