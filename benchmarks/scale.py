"""What is measured at full size: ten million exposures, and a year of daily scans. Run by name, as both take long."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.measuring import clock, command, size_of

MILLION = 1_000_000
DAYS = 365
HOSTS = 200


def filled(kind: str, size: int, work: Path) -> dict[str, Any]:
    """Import reports of a million findings each, of different hosts, until `size` exposures are there."""
    from foreshore.cycle import taking
    from foreshore.workspace import Workspace

    workspace = Workspace.create(work / "ws", seed=7)
    with clock() as spent:
        for seed in range(100, 100 + size // MILLION):
            taking.take(workspace, [_report(work, seed)])
    return {"exposures": size, **spent, "facts_mib": size_of(workspace.facts_dir) >> 20}


def million(kind: str, size: int, work: Path) -> dict[str, Any]:
    """Import a million new findings into what is there."""
    from foreshore.cycle import taking
    from foreshore.workspace import Workspace

    workspace, report = Workspace.open(work / "ws"), _report(work, 99)
    with clock() as spent:
        found = taking.take(workspace, [report])
    return {"into": size, "new": found.exposures.new, **spent}


def _report(work: Path, seed: int) -> Path:
    from foreshore.estate.bulk import write_bulk

    file = work / "report.csv"
    write_bulk(file, "generic", MILLION, seed, MILLION // 50)
    return file


def year(kind: str, size: int, work: Path) -> dict[str, Any]:
    """A year of daily scans of `size` findings, a tenth of the hosts another every month, tended as a cycle does.

    Returns the bytes a scan adds at the end of each quarter, the files before and after the lake was compacted,
    and how long a list takes then.
    """
    from foreshore.cycle import taking
    from foreshore.estate.bulk import WHEN, write_bulk
    from foreshore.store import open_lake, upkeep
    from foreshore.workspace import Workspace

    workspace = Workspace.create(work / "ws", seed=7)
    file, grown = work / "report.csv", []
    with clock() as spent:
        for day in range(DAYS):
            write_bulk(file, "generic", size, 7 + day // 91, max(1, size // 50), when=WHEN + timedelta(days=day))
            before = size_of(workspace.facts_dir)
            taking.take(workspace, [file])
            grown.append(size_of(workspace.facts_dir) - before)
            if day % 7 == 6:
                with open_lake(workspace) as lake:
                    upkeep.tend(lake)
    with open_lake(workspace) as lake:
        files, bytes_before = upkeep.files(lake), size_of(workspace.facts_dir)
        with clock() as compacting:
            upkeep.compact(lake, keep=timedelta(0), grace=timedelta(0))
        after = upkeep.files(lake)
    return {
        "scans": DAYS, "findings": size, **spent, "bytes_of_a_scan": sorted(grown)[len(grown) // 2],
        "bytes_per_exposure": sorted(grown)[len(grown) // 2] / size, "facts_mib": bytes_before >> 20,
        "compacted_mib": size_of(workspace.facts_dir) >> 20, "files": files, "files_after": after,
        "compacting_s": compacting["wall_s"],
    }  # fmt: skip


def huge_list(kind: str, size: int, work: Path) -> dict[str, Any]:
    """The first exposures as a cold process, after a cycle over all of them."""
    from foreshore.cycle import running
    from foreshore.workspace import Workspace

    with clock() as spent:
        running.run(Workspace.open(work / "ws"))
    found = command("exposures", "--top", "20", "--json", cwd=work / "ws")
    return {"exposures": size, **found, "cycle_s": spent["wall_s"], "cycle_peak_mib": spent["peak_mib"]}
