"""kill -9 at random moments of imports and cycles loses nothing that was acknowledged and corrupts nothing."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from foreshore.estate import write_demo
from foreshore.store import open_lake, reconcile, serving
from foreshore.workspace import Workspace

KILLS = 12
ATTEMPTS = 8  # workspaces, each killed until its work is through
# Prints a line for each thing that is acknowledged: a run that was imported, a cycle that was published.
WORK = """
import sys
from pathlib import Path
from foreshore.workspace import Workspace
from foreshore.cycle import running, taking
from foreshore import keys
workspace = Workspace.open(Path(sys.argv[1]))
print("started", flush=True)
for path in sorted(Path(sys.argv[2]).iterdir()):
    for run in taking.take(workspace, [path], site="hq").runs:
        print("run", keys.parse(run.run, "RUN")[0], flush=True)
print("cycle", keys.parse(running.run(workspace)["cycle"], "CYC")[0], flush=True)
"""
STATE = {
    "exposures": "select exposure, asset, weakness, place, title from exposures order by all",
    "events": "select exposure, happened_at, kind, source from exposure_events_now order by all",
    "assets": "select asset, kind, site from assets order by all",
    "seen": "select run, exposure, proof, word from seen order by all",
    "runs": "select run, digest, findings, coverage from runs order by all",
}


def reports(folder: Path) -> Path:
    """Four small reports of one site."""
    files = write_demo(folder / "company", 3, today=date(2026, 3, 2), assets=40)
    chosen = folder / "reports"
    chosen.mkdir()
    for one in files.reports:
        if one.site == "hq" and one.format in ("nessus", "nmap", "nuclei", "defender"):
            (chosen / one.path.name).write_bytes(one.path.read_bytes())
    return chosen


def work(workspace: Path, folder: Path, seconds: float | None) -> tuple[list[tuple[str, int]], bool]:
    """Run the work in a process of its own; kill it `seconds` after it began, and return what it acknowledged."""
    child = subprocess.Popen(
        [sys.executable, "-c", WORK, str(workspace), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    child.stdout.readline()
    if seconds is not None:
        time.sleep(seconds)
        child.send_signal(signal.SIGKILL)
    out, err = child.communicate(timeout=300)
    lines = [line.split() for line in out.splitlines() if line.count(" ") == 1]
    assert seconds is not None or child.returncode == 0, err
    return [(kind, int(number)) for kind, number in lines], child.returncode == 0


def state(workspace: Workspace) -> dict[str, Any]:
    with open_lake(workspace, read_only=True) as lake:
        return {name: lake.sql(query).to_pylist() for name, query in STATE.items()}


def assert_kept(workspace: Workspace, acknowledged: set[tuple[str, int]]) -> None:
    """Everything acknowledged is in the lake, and whatever is served can be read."""
    with open_lake(workspace, read_only=True) as lake:
        runs = set(lake.sql("select run from runs").column("run").to_pylist())
        cycles = set(lake.sql("select cycle from cycles").column("cycle").to_pylist())
        # A run is there with all its rows or not at all.
        lost = "select count(*) as n from seen s left join runs r on r.run = s.run where r.run is null"
        assert lake.sql(lost).column("n")[0].as_py() == 0
    assert {number for kind, number in acknowledged if kind == "run"} <= runs
    assert {number for kind, number in acknowledged if kind == "cycle"} <= cycles
    if serving.current(workspace) is not None:
        with serving.connect(workspace) as connection:
            connection.execute("select count(*) from exposures").fetchone()


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_as_if_it_had_never_been_killed(tmp_path: Path) -> None:
    folder = reports(tmp_path)
    calm = Workspace.create(tmp_path / "calm", seed=5)
    began = time.monotonic()
    work(calm.root, folder, None)
    usual, wanted, chance = time.monotonic() - began, state(calm), random.Random(11)
    deaths = finished = 0
    for number in range(ATTEMPTS):
        # One that came through is compared, and the kills go on with a new one.
        died = kill_until_through(
            Workspace.create(tmp_path / f"killed-{number}", seed=5), folder, chance, usual, wanted
        )
        deaths, finished = deaths + died, finished + 1
        if deaths >= KILLS:
            break
    assert deaths >= KILLS, f"{deaths} kills hit in {finished} workspaces: too few to tell anything"


def kill_until_through(
    workspace: Workspace, folder: Path, chance: random.Random, usual: float, wanted: dict[str, Any]
) -> int:
    """Do the work in `workspace`, killed again and again until it is through; returns how often it died."""
    acknowledged: set[tuple[str, int]] = set()
    for deaths in range(KILLS + 1):
        done, through = work(workspace.root, folder, None if deaths == KILLS else chance.uniform(0.05, usual * 0.8))
        acknowledged |= set(done)
        reconcile(workspace)
        assert_kept(workspace, acknowledged)
        if through:
            assert state(workspace) == wanted
            return deaths
    raise AssertionError("the last run was not killed and did not come through")
