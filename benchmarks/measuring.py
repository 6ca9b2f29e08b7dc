"""Each measurement in a process of its own: CPU seconds of all threads and children, wall time, peak memory."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MARK = "measured: "


@contextmanager
def clock() -> Iterator[dict[str, float]]:
    """Fill a dictionary with `cpu_s`, `wall_s` and `peak_mib` (of the process so far) when the block ends."""
    found: dict[str, float] = {}
    cpu, wall = cpu_seconds(), time.perf_counter()
    yield found
    found["cpu_s"] = round(cpu_seconds() - cpu, 3)
    found["wall_s"] = round(time.perf_counter() - wall, 3)
    found["peak_mib"] = peak_mib()


def cpu_seconds() -> float:
    """Return the CPU seconds of this process, its threads and its ended children."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def peak_mib() -> int:
    """Return the largest resident size of this process in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1 << 20 if sys.platform == "darwin" else 1 << 10)


def in_child(name: str, *words: str) -> dict[str, Any]:
    """Run the case `name` in a fresh process and return what it measured; a failure is part of the result."""
    command = [sys.executable, "-m", "benchmarks.run", "--child", name, *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    for line in reversed(done.stdout.splitlines()):
        if line.startswith(MARK):
            return dict(json.loads(line[len(MARK) :]))
    last = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
    return {"failed": f"exit {done.returncode}: {last[:300]}"}


def say(found: dict[str, Any]) -> None:
    """Hand a result to the parent process."""
    print(MARK + json.dumps(found), flush=True)


def command(*words: str, cwd: Path | None = None) -> dict[str, float]:
    """Run the command line as a cold process and return its CPU and wall seconds (best of three runs)."""
    runs = [_once([str(Path(sys.executable).with_name("foreshore")), *words], cwd) for _ in range(3)]
    return min(runs, key=lambda one: one["cpu_s"])


def _once(words: list[str], cwd: Path | None) -> dict[str, float]:
    before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(done.stderr[-300:])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_s": round(cpu, 3), "wall_s": round(time.perf_counter() - wall, 3)}


def size_of(folder: Path) -> int:
    """Return the bytes of all files under a folder."""
    return sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())


Case = Callable[[int, Path], dict[str, Any]]
