"""Measure what the design names as targets, write JSON, and print each figure beside its target.

`python -m benchmarks.run [NAME…] [--size N …]`: names are beginnings of cases (`read`, `import nessus`, `cycle`,
`help`, `list`, `intel`, `graph`, `plan`, `peers`); `--size` is how many findings are imported (default 100,000 and
1,000,000). `huge` (ten million exposures), `served` (reading verbs over ten million), `pages` (people at the pages over
ten million), `year` (a year of daily scans) and `compiling 1000000` run only when they are named. Every measurement
runs in a process of its own. Rates are per CPU second, so that a busy machine changes them little.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import cases, scale
from benchmarks.measuring import in_child, say
from benchmarks.targets import targets_of

RESULTS = Path(__file__).parent / "results"
READ = 50_000
TRIVY_MOST = 200_000  # its report is read as a whole
LONG = (
    "huge",
    "served",
    "pages",
    "year",
    "compiling at full size",
)  # only by name: the first takes most of an hour, and much memory
GRAPHS = (10_000, 100_000, 1_000_000)
Plan = list[tuple[str, str, str, int]]  # shown name, case, kind, size


def plan(sizes: list[int]) -> dict[str, Plan]:
    """Return the measurements by group; a group shares one folder and is done in order."""
    groups: dict[str, Plan] = {
        "read": [(f"read {kind}", "read", kind, READ) for kind in cases.FORMATS],
        "help": [("help", "cli_help", "help", 0)],
    }
    for size in sizes:
        for kind in ("trivy" if size <= TRIVY_MOST else "generic", "nessus"):
            groups[f"{kind} {size}"] = [
                (f"import {kind} {size}", "taken", kind, size),
                (f"again {kind} {size}", "again", kind, size),
                (f"same {kind} {size}", "same", kind, size),
                (f"cycle {kind} {size}", "cycle", kind, size),
                (f"list {kind} {size}", "cli_list", kind, size),
                (f"intel_impact {kind} {size}", "intel_impact", kind, size),
            ]
    groups["huge"] = [
        ("huge filled", "filled", "huge", 10 * scale.MILLION),
        ("huge million", "million", "huge", 10 * scale.MILLION),
    ]
    groups["served"] = [("served list", "served_list", "served", 10 * scale.MILLION)]
    groups["pages"] = [("pages", "pages", "pages", 10 * scale.MILLION)]
    groups["year"] = [("year", "year", "year", 10_000)]
    groups["intel"] = [("intel load", "intel_load", "intel", 0), ("intel epss daily", "epss_daily", "intel", 0)]
    groups["compiling"] = [(f"compiling {size}", "compiling", "compiling", size) for size in (10_000, 100_000)]
    groups["compiling at full size"] = [("compiling 1000000", "compiling", "compiling", scale.MILLION)]
    groups["planned"] = [(f"plan {size}", "planned", "planned", size) for size in (10_000, 100_000)]
    groups["peers"] = [("peers 10000", "peers", "peers", 10_000)]
    groups["graph"] = [(f"graph {size}", "graph", "graph", size) for size in GRAPHS]
    return groups


def wanted(groups: dict[str, Plan], names: list[str]) -> dict[str, Plan]:
    """Keep the groups in which a case is named; what a named case needs before it stays."""
    found = {}
    for group, steps in groups.items():
        named = [place for place, step in enumerate(steps) if any(step[0].startswith(name) for name in names)]
        if not names and group not in LONG:
            found[group] = steps
        elif named:
            alone = steps[0][1] in ("read", "graph", "planned", "peers", "compiling", "cli_help")
            found[group] = [steps[place] for place in named] if alone else steps[: named[-1] + 1]
    return found


def measure(groups: dict[str, Plan]) -> dict[str, dict[str, Any]]:
    """Run every group in a temporary folder and return what was measured by name."""
    found: dict[str, dict[str, Any]] = {}
    for group, steps in groups.items():
        work = Path(tempfile.mkdtemp(prefix="foreshore-bench-"))
        try:
            kind, size = ("read", READ) if group == "read" else steps[0][2:]
            if kind not in ("help", "graph", "planned", "peers", "intel", "compiling", *LONG):
                in_child("prepare", kind, str(size), str(work))
            for name, case, kind, size in steps:
                found[name] = in_child(case, kind, str(size), str(work))
                _show(name, found[name])
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return found


def _show(name: str, result: dict[str, Any]) -> None:
    """Print one case: what it took, and each target with how much of it is reached."""
    if isinstance(result.get("failed"), str):
        print(f"{name:<28} FAILED: {result['failed']}", flush=True)
        return
    spent = "  ".join(f"{key} {result[key]}" for key in ("cpu_s", "wall_s", "peak_mib") if key in result)
    lines = [f"{name:<28} {spent}"]
    targets = targets_of(name)
    if not targets and "per_cpu_s" in result:
        lines.append(f"{'':<28} {result['per_cpu_s']:,.1f} findings per CPU s; no target")
    for target in targets:
        value = float(result[target.measure])
        ratio = value / target.full if target.more else target.full / max(value, 1e-9)
        mark = "met" if target.met(value) else "NOT MET"
        lines.append(
            f"{'':<28} {value:,.1f} {target.unit}; target now {target.now:,g} ({mark}), "
            f"in the end {target.full:,g} ({ratio:.2f} of it)"
        )
    print("\n".join(lines), flush=True)


def write(found: dict[str, dict[str, Any]]) -> Path:
    """Write the results beside what they were measured on."""
    now = datetime.now(UTC)
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{now:%Y-%m-%dT%H%M%S}.json"
    machine = {"python": platform.python_version(), "machine": platform.machine(), "system": platform.system()}
    targets = {
        name: [{"measure": one.measure, "now": one.now, "full": one.full} for one in targets_of(name)] for name in found
    }
    content = {"measured_at": now.isoformat(), "machine": machine, "results": found, "targets": targets}
    file.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return file


def main() -> None:
    """Take the command line apart, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="beginnings of the cases to run; all by default")
    parser.add_argument("--size", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--child", nargs=4, metavar=("CASE", "KIND", "SIZE", "DIR"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        case, kind, size, work = given.child
        say(cases.CASES[case](kind, int(size), Path(work)))
        return
    print(f"written to {write(measure(wanted(plan(given.size), given.names)))}")


if __name__ == "__main__":
    main()
