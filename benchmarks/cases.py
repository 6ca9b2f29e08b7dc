"""What is measured. Each function runs in a fresh process, in a folder that earlier cases of its group left."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks import compiling, intelligence, pages, reports, scale
from benchmarks.measuring import clock, command, size_of

FORMATS = ("nessus", "zap", "trivy", "nuclei", "sarif", "generic_json", "generic", "semgrep", "snyk", "asff", "wiz")
_SCOPE = """\
organization: Example Stores
currency: EUR
zones:
  dmz: {networks: [10.0.0.0/20]}
  office: {networks: [10.0.16.0/20]}
  servers: {networks: [10.0.32.0/19]}
  payments: {networks: [10.0.64.0/20]}
reach:
  rules:
    - {from: internet, to: dmz, ports: [80, 443]}
    - {from: dmz, to: servers, ports: [443]}
    - {from: servers, to: payments, ports: [443]}
services:
  - {name: Card payments, owner: payments-team, impact: {tier: 5}, assets: ["address:10.0.66.0/25"]}
  - {name: Web shop, owner: shop-team, impact: {tier: 4}, assets: ["address:10.0.0.0/25"]}
  - {name: Warehouse, owner: ops-team, impact: {tier: 3}, assets: ["address:10.0.36.0/22"]}
teams:
  - {name: payments-team, assets: ["zone:payments"], hours_per_week: 20}
"""


def prepare(kind: str, size: int, work: Path) -> dict[str, Any]:
    """Write the reports of a group before the clock of any other case runs."""
    kinds = FORMATS if kind == "read" else (kind,)
    for one in kinds:
        if one == "graph":
            continue
        reports.write(work / one, one, size)
        if kind != "read":
            reports.write(work / one, one, size, days=30)
    return {"bytes": size_of(work)}


def read(kind: str, size: int, work: Path) -> dict[str, Any]:
    """Read one report into records, stored nowhere."""
    from foreshore.discovery.reports import reports as opened
    from foreshore.discovery.sniffing import pick
    from foreshore.facts import Finding

    file = next(one for one in sorted((work / kind).iterdir()) if kind != "generic_json" or one.suffix == ".json")
    report: Any = next(iter(opened([file])))
    name, reader = pick(report)
    next(iter(reader.read(report)), None)
    with clock() as spent:
        kinds = Counter(map(type, reader.read(report)))
    found = kinds[Finding]
    return {"reader": name, "written": size, "findings": found, **spent, "per_cpu_s": found / spent["cpu_s"]}


def taken(kind: str, size: int, work: Path) -> dict[str, Any]:
    """Import new findings, end to end, into an empty workspace."""
    from foreshore.workspace import Workspace

    workspace = Workspace.create(work / "ws", seed=7)
    (workspace.scope_file).write_text(_SCOPE, encoding="utf-8")
    return _taken(workspace, sorted((work / kind).iterdir())[0], size)


def again(kind: str, size: int, work: Path) -> dict[str, Any]:
    """Import a later report of the same estate; how many bytes of facts an exposure seen again costs."""
    from foreshore.workspace import Workspace

    workspace = Workspace.open(work / "ws")
    before = size_of(workspace.facts_dir)
    found = _taken(workspace, sorted((work / kind).iterdir())[-1], size)
    grown = size_of(workspace.facts_dir) - before
    return {**found, "bytes": grown, "bytes_per_exposure": grown / max(1, found["seen"])}


def same(kind: str, size: int, work: Path) -> dict[str, Any]:
    """Import the identical file once more."""
    from foreshore.workspace import Workspace

    return _taken(Workspace.open(work / "ws"), sorted((work / kind).iterdir())[-1], size)


def _taken(workspace: Any, file: Path, size: int) -> dict[str, Any]:
    from foreshore.cycle import taking

    with clock() as spent:
        found = taking.take(workspace, [file])
    if found.errors:
        raise RuntimeError(found.errors[0].error)
    counts = {"new": found.exposures.new, "seen": found.exposures.seen, "duplicate": found.runs[0].duplicate}
    return {"findings": size, "file_mib": file.stat().st_size >> 20, **counts, **spent,
            "per_cpu_s": size / spent["cpu_s"]}  # fmt: skip


def cycle(kind: str, size: int, work: Path) -> dict[str, Any]:
    """A whole cycle over what was imported, with the demo's table of signals and a scope of four zones."""
    from foreshore import estate
    from foreshore.cycle import running
    from foreshore.intel import update
    from foreshore.workspace import Workspace

    workspace = Workspace.open(work / "ws")
    update.update(workspace, sources=[Path(estate.__file__).parent / "signals.csv"])
    with clock() as spent:
        found = running.run(workspace)
    services = {one["name"]: [one["probability_per_year"], one["sampling_error"]] for one in found["services"]}
    return {"findings": size, **spent, "treatments": found["treatments"], "services": services}


def cli_help(kind: str, size: int, work: Path) -> dict[str, Any]:
    """The command line's help as a cold process."""
    return {**command("--help")}


def cli_list(kind: str, size: int, work: Path) -> dict[str, Any]:
    """The first exposures as a cold process."""
    return {"findings": size, **command("exposures", "--top", "20", "--json", cwd=work / "ws")}


def intel_impact(kind: str, size: int, work: Path) -> dict[str, Any]:
    """What one news item means, as a cold process: a weakness that is nearly everywhere is added to KEV."""
    from contextlib import closing

    from foreshore.intel import update
    from foreshore.store import serving
    from foreshore.workspace import Workspace

    workspace = Workspace.open(work / "ws")
    with closing(serving.connect(workspace)) as connection:
        found = connection.execute(
            "select weakness, count(*) from exposures where weakness like 'CVE-%' and kev is not true "
            "group by 1 order by 2 desc, 1 limit 1"
        ).fetchone()
    name, exposures = found or ("", 0)
    news = work / "news.csv"
    news.write_text(
        "weakness,kind,value,text,source,model,observed_at\n"
        f"*,feed:kev,,,kev,,2026-11-20T00:00:00\n{name},kev,1,,cisa-kev,,2026-11-20\n",
        encoding="utf-8",
    )
    update.update(workspace, sources=[news])
    spent = command("intel", "impact", name, "--json", cwd=work / "ws")
    return {"findings": size, "weakness": name, "exposures": exposures, **spent}


def graph(kind: str, size: int, work: Path) -> dict[str, Any]:
    """Simulation, contributions and best paths on a made-up graph of `size` states."""
    script = Path(__file__).with_name("bench_graph.py")
    words = [sys.executable, str(script), "--here", "--states", str(size)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    found = dict(json.loads(done.stdout)[0])
    return {**found, **found["simulate"]}


def planned(kind: str, size: int, work: Path) -> dict[str, Any]:
    """A plan of 20 among 5,000 actions on a made-up graph of `size` states, and one what-if."""
    found = _printed("planning", "--states", str(size))
    return {**found, "cpu_s": found["planning"]["cpu_s"], "gap_percent": 100 * found["gap"],
            "what_if_p95_ms": found["what_if_ms"]["p95"]}  # fmt: skip


def peers(kind: str, size: int, work: Path) -> dict[str, Any]:
    """The same graph of `size` states searched by others: those that are installed."""
    return _printed("graph_peers", "--states", str(size))


def _printed(module: str, *words: str) -> dict[str, Any]:
    command = [sys.executable, "-m", f"benchmarks.{module}", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1])
    found = json.loads(done.stdout)
    return dict(found[0] if isinstance(found, list) else found)


_COMPILING = (compiling.compiling,)
_INTEL = (intelligence.intel_load, intelligence.epss_daily)
_OWN = (prepare, read, taken, again, same, cycle, cli_help, cli_list, intel_impact, graph, planned, peers)
CASES = {
    one.__name__: one
    for one in (*_OWN, scale.filled, scale.million, scale.served_list, pages.pages, scale.year, *_COMPILING, *_INTEL)
}
