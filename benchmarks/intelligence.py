"""Loading threat intelligence: all feeds from nothing, then one more day of EPSS."""

from __future__ import annotations

import gzip
import random
import re
from pathlib import Path
from typing import Any

from benchmarks.measuring import ROOT, clock

DATA = ROOT.parent / "shared" / "data" / "intel"
_LATE = "epss_scores-2025-08-17.csv.gz"


def intel_load(kind: str, size: int, work: Path) -> dict[str, Any]:
    """Load every feed of the data folder, all weaknesses, into an empty workspace."""
    from foreshore.intel.update import update
    from foreshore.workspace import Workspace

    if not DATA.is_dir():
        raise RuntimeError(f"there is no data at {DATA.relative_to(ROOT.parent)}")
    workspace = Workspace.create(work / "ws", seed=7)
    with clock() as spent:
        found = update(workspace, sources=[DATA], only_present=False)
    return {"signals": found.new, "failed": len(found.failed), **spent, "per_cpu_s": found.new / spent["cpu_s"]}


def epss_daily(kind: str, size: int, work: Path) -> dict[str, Any]:
    """Read the EPSS file of one more day into that lake: of all CVEs a third has moved."""
    from foreshore.intel.update import update
    from foreshore.workspace import Workspace

    path = work / "epss_scores-2025-08-18.csv.gz"
    path.write_bytes(gzip.compress(_next_day().encode(), 1))
    workspace = Workspace.open(work / "ws")
    with clock() as spent:
        found = update(workspace, sources=[path], only_present=False)
    return {"rows": found.read[0].signals, "signals": found.new, **spent, "per_cpu_s": found.new / spent["cpu_s"]}


def _next_day() -> str:
    """The last real file, dated a day later, with a third of its scores moved by a few per cent."""
    draws = random.Random(7)
    first, heading, *lines = gzip.decompress((DATA / "epss" / _LATE).read_bytes()).decode().splitlines()
    moved = []
    for line in lines:
        name, score, rank = line.split(",")
        if draws.random() < 1 / 3:
            score = f"{min(1.0, float(score) * draws.uniform(0.9, 1.1)):.9f}"
        moved.append(f"{name},{score},{rank}")
    return "\n".join([re.sub(r"score_date:\S+", "score_date:2025-08-18T00:00:00+0000", first), heading, *moved]) + "\n"
