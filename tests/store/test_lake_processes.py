"""Several processes: a slow reader, two writers, a waiting one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from foreshore import store
from foreshore.errors import WorkspaceError
from foreshore.store import upkeep
from foreshore.store.ducklake import Lake
from foreshore.workspace import Workspace

ROWS = 200_000

# Streams a read that it interrupts until told to go on, then reads once more at the same version.
SLOW_READER = """
import sys
from foreshore import store
from foreshore.workspace import Workspace

with store.open_lake(Workspace.open(sys.argv[1]), read_only=True) as lake:
    stream = iter(lake.batches("SELECT run, exposure FROM seen", 2048))
    first = next(stream)
    print(lake.version, flush=True)
    sys.stdin.readline()
    rows, total = first.num_rows, sum(first.column(1).to_pylist())
    for batch in stream:
        rows, total = rows + batch.num_rows, total + sum(batch.column(1).to_pylist())
    again = lake.sql("SELECT count(*) AS n, sum(exposure)::BIGINT AS total FROM seen").to_pylist()[0]
    print(rows, total, again["n"], again["total"], flush=True)
"""

WRITER = """
import sys
import pyarrow as pa
from foreshore import store
from foreshore.workspace import Workspace

with store.open_lake(Workspace.open(sys.argv[1])) as lake:
    for number in range(8):
        rows = pa.table({"run": [number] * 40, "exposure": list(range(40))})
        lake.append({"seen": rows}, job=f"{sys.argv[2]}:{number}")
"""


@contextmanager
def running(program: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", program, *(str(one) for one in arguments)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line(process: subprocess.Popen[str]) -> list[int]:
    assert process.stdout is not None
    return [int(word) for word in process.stdout.readline().split()]


def fill(lake: Lake, first: int, jobs: int, rows: int) -> None:
    for number in range(first, first + jobs):
        lake.append({"seen": pa.table({"run": [number] * rows, "exposure": list(range(rows))})}, job=f"j{number}")


def data_files(workspace: Workspace) -> set[Path]:
    return set(workspace.facts_dir.rglob("*.parquet"))


def test_a_slow_reader_sees_one_version_through_commits_compaction_and_clean_up(
    workspace: Workspace, lake: Lake
) -> None:
    fill(lake, 0, 4, ROWS // 4)
    fill(lake, 4, 3, 5)  # small commits, which the catalogue itself holds
    expected = [ROWS + 15, 4 * sum(range(ROWS // 4)) + 3 * sum(range(5))]
    before = data_files(workspace)
    with running(SLOW_READER, workspace.root) as reader:
        assert line(reader) == [lake.version]
        fill(lake, 10, 5, 1000)
        done = upkeep.compact(lake)
        fill(lake, 20, 1, 1000)
        assert reader.stdin is not None
        reader.stdin.write("go on\n")
        reader.stdin.flush()
        assert line(reader) == expected * 2
    assert done.merged > 0
    assert before <= data_files(workspace)  # files younger than the grace period stay
    assert lake.sql("SELECT count(*) AS n FROM seen").to_pylist() == [{"n": ROWS + 15 + 6000}]


def test_clean_up_removes_old_files_and_versions_but_those_of_cycles_stay(workspace: Workspace, lake: Lake) -> None:
    fill(lake, 0, 3, 100)
    read = lake.version
    cycle = pa.table({"cycle": [1], "snapshot": [read]})
    made = lake.append({"cycles": cycle}, job="cycle:1")
    fill(lake, 3, 3, 100)
    before = data_files(workspace)
    done = upkeep.compact(lake, keep=timedelta(0), grace=timedelta(0))
    assert done.merged > 0
    assert done.expired > 0
    assert done.removed > 0
    assert not before <= data_files(workspace)
    for version, rows in ((read, 300), (made, 300), (lake.version, 600)):
        with store.open_lake(workspace, version=version) as past:
            assert past.sql("SELECT count(*) AS n FROM seen").to_pylist() == [{"n": rows}]
    with pytest.raises(WorkspaceError, match="no such version"):
        store.open_lake(workspace, version=read - 1)


def test_a_file_that_no_commit_names_is_removed(workspace: Workspace, lake: Lake) -> None:
    fill(lake, 0, 1, 100)
    (known,) = data_files(workspace)
    orphan = known.with_name("left-by-a-crash.parquet")
    orphan.write_bytes(known.read_bytes())
    upkeep.compact(lake)
    assert orphan.exists()
    upkeep.compact(lake, grace=timedelta(0))
    assert not orphan.exists()
    assert lake.sql("SELECT count(*) AS n FROM seen").to_pylist() == [{"n": 100}]


def test_writers_of_two_processes_take_turns(workspace: Workspace, lake: Lake) -> None:
    with running(WRITER, workspace.root, "a") as one, running(WRITER, workspace.root, "b") as two:
        fill(lake, 0, 4, 40)
        assert (one.wait(120), two.wait(120)) == (0, 0)
    lake.refresh()
    jobs = lake.jobs()
    assert sorted(jobs.column("job").to_pylist()) == sorted(
        [f"j{number}" for number in range(4)] + [f"{who}:{number}" for who in "ab" for number in range(8)]
    )
    versions = jobs.column("version").to_pylist()
    assert len(set(versions)) == len(versions) == 20
    for version, position in zip(versions, range(1, 21), strict=True):
        with store.open_lake(workspace, version=version) as past:
            assert past.sql("SELECT count(*) AS n FROM seen").to_pylist() == [{"n": 40 * position}]
