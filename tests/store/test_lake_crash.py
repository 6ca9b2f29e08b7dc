"""kill -9 at random moments: nothing acknowledged is lost, nothing half done remains."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from foreshore import store
from foreshore.store import evidence, serving
from foreshore.workspace import Workspace

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there is no kill -9 on Windows")
KILLS = 20

# A job as import does it: evidence, then the commit, then the acknowledgement; now and then upkeep
# and a serving file. Rows per job differ, so that both the catalogue's own and file storage are hit.
WORKER = """
import io, sys
import pyarrow as pa
from foreshore import store
from foreshore.store import evidence, serving, upkeep
from foreshore.workspace import Workspace

workspace = Workspace.open(sys.argv[1])
store.reconcile(workspace)
first = int(sys.argv[2])
with store.open_lake(workspace) as lake:
    print("ready", flush=True)
    for number in range(first, first + 1000):
        rows = (5, 300, 40_000)[number % 3]
        digest = evidence.keep(workspace, io.BytesIO(f"report {number}".encode() * rows))
        lake.append(
            {
                "runs": pa.table({"run": [number], "digest": [digest], "findings": [rows]}),
                "seen": pa.table({"run": [number] * rows, "exposure": list(range(rows))}),
                "exposures": pa.table({"exposure": [number * 100_000 + one for one in range(rows)]}),
                "assessments": pa.table({"cycle": [number] * rows, "exposure": list(range(rows))}),
            },
            job=f"import:{number}",
        )
        print(f"done {number}", flush=True)
        if number % 4 == 0:
            upkeep.compact(lake)
        if number % 5 == 0:
            serving.publish(lake, number)
"""


def work_until_killed(root: Path, first: int, jobs: int, pause: float) -> list[int]:
    """Start the worker, kill it `pause` seconds after `jobs` acknowledgements, return all it gave."""
    process = subprocess.Popen([sys.executable, "-c", WORKER, str(root), str(first)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    lines = [process.stdout.readline() for _ in range(jobs)]
    killer = threading.Timer(pause, process.send_signal, [signal.SIGKILL])
    killer.start()
    lines += process.stdout.read().splitlines(keepends=True)
    assert process.wait() == -signal.SIGKILL
    return [int(line.split()[1]) for line in lines if line.startswith("done ") and line.endswith("\n")]


@pytest.mark.slow
def test_killed_at_random_moments_every_acknowledged_job_is_whole(workspace: Workspace) -> None:
    chance = random.Random(20)
    acknowledged: list[int] = []
    for attempt in range(KILLS):
        first, told = 1 + attempt * 1000 + chance.randrange(20), chance.randrange(3)
        acknowledged += work_until_killed(workspace.root, first, told, chance.uniform(0.0, 0.8))

    store.reconcile(workspace)
    with store.open_lake(workspace) as lake:
        jobs = {row["job"]: row["row_count"] for row in lake.jobs().to_pylist()}
        assert {f"import:{number}" for number in acknowledged} <= set(jobs)
        assert len(jobs) - len(acknowledged) <= KILLS  # at most one commit a kill was not told yet
        runs = {row["run"]: row for row in lake.sql("FROM runs").to_pylist()}
        assert {f"import:{run}" for run in runs} == set(jobs)
        expected = {run: row["findings"] for run, row in runs.items()}
        for table, of in (("seen", "run"), ("assessments", "cycle"), ("exposures", "exposure // 100000")):
            counted = lake.sql(f"SELECT {of} AS run, count(*) AS n FROM {table} GROUP BY 1").to_pylist()
            assert {row["run"]: row["n"] for row in counted} == expected
        for run, row in runs.items():
            with evidence.open_evidence(workspace, row["digest"]) as stream:
                assert stream.read() == f"report {run}".encode() * row["findings"]
        assert lake.append({}, job="after") == lake.version
    if serving.current(workspace) is not None:
        with serving.connect(workspace) as connection:
            (count,) = connection.execute("SELECT count(*) FROM exposures").fetchone() or (None,)
            (cycle,) = connection.execute("SELECT max(cycle) FROM exposures").fetchone() or (None,)
            assert count == runs[cycle]["findings"]
    left = [path.name for path in workspace.root.rglob("*") if ".tmp-" in path.name and path.is_file()]
    assert left == []
