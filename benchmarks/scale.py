"""What is measured at full size: ten million exposures, and a year of daily scans. Run by name, as both take long."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measuring import clock, command, size_of

if TYPE_CHECKING:
    from foreshore.workspace import Workspace

MILLION = 1_000_000
DAYS = 365
HOSTS = 200
SERVED = 100_000  # findings of the cycle whose served file is multiplied


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


def served_workspace(size: int, work: Path) -> tuple[Workspace, int, Path]:
    """Make a workspace whose served file has `size` exposures; returns it, their number, and the file."""
    from foreshore.cycle import running, taking
    from foreshore.estate.bulk import write_bulk
    from foreshore.store import serving
    from foreshore.workspace import Workspace

    workspace = Workspace.create(work / "ws", seed=7)
    workspace.scope_file.write_text(_SCOPE)
    write_bulk(work / "report.csv", "generic", SERVED, 7, SERVED // 50)
    taking.take(workspace, [work / "report.csv"])
    running.run(workspace)
    served = serving.current(workspace)
    if served is None:
        raise RuntimeError("no served file")
    return workspace, _multiplied(served, size), served


def served_list(kind: str, size: int, work: Path) -> dict[str, Any]:
    """Reading verbs as cold processes over `size` exposures: the served file of a real cycle, its rows many times over.

    A cycle over so many does not fit the machine that measures; what the verbs read is the served file alone.
    """
    workspace, rows, served = served_workspace(size, work)
    verbs = {"first": ("exposures", "--top", "20"), "where": ("exposures", "--top", "20", "--where", "severity = 'high'"),
             "assets": ("assets", "--top", "20")}  # fmt: skip
    spent = {name: command(*words, "--json", cwd=workspace.root)["wall_s"] for name, words in verbs.items()}
    return {"exposures": rows, "served_mib": served.stat().st_size >> 20, "wall_s": max(spent.values()), **spent}


_SCOPE = """\
organization: Example Works
reach: {default: by-prior}
services:
  - {name: Web shop, owner: shop-team, impact: {tier: 4}, assets: ["name:n7-00000*", "name:n7-00010*"]}
  - {name: Payroll, owner: people-team, impact: {tier: 3}, assets: ["name:n7-00003*"]}
foundations:
  - {name: Directory, owner: platform-team, assets: ["name:n7-000019*"]}
teams:
  - {name: people-team, assets: ["name:n7-00003*"], hours_per_week: 10}
"""
# Of each served table that grows with the estate: the columns of which every copy gets values of its own.
_GROWS: dict[str, dict[str, str]] = {
    "exposures": {
        "rank": "rank + n * {count}", "exposure": "exposure + n", "asset": "asset + n", "action": "action + n",
        "asset_name": "asset_name || '-' || n",
    },
    "weighed": {"exposure": "exposure + n"},
    "assets": {"asset": "asset + n", "name": "name || '-' || n"},
    "blind_assets": {"asset": "asset + n"},
    "actions": {"action": "action + n", "number": "number + n * {actions}", "removes": "removes / {times}"},
    "action_effects": {"action": "action + n", "exposure": "exposure + n"},
    "steps": {"exposure": "exposure + n", "asset": "asset + n", "cause": "cause + n"},
}  # fmt: skip
_ORDERED = {
    "exposures": "rank", "weighed": "weakness, exposure", "assets": "asset", "blind_assets": "asset",
    "actions": "number, action", "action_effects": "action, exposure", "steps": "exposure, service, way, number",
}  # fmt: skip


def _multiplied(served: Path, size: int) -> int:
    """Write the served rows over and over until there are `size` exposures: copies of the whole estate, side by side."""
    from foreshore import scratch
    from foreshore.store import serving

    larger = served.with_suffix(".larger")
    connection = scratch.connect()
    try:
        connection.execute(f"ATTACH '{served}' AS few (READ_ONLY)")
        connection.execute(f"ATTACH '{larger}' AS many")
        names = [one for (one,) in connection.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'few'").fetchall()]  # fmt: skip
        counted = connection.execute("SELECT (SELECT count(*) FROM few.exposures), (SELECT count(*) FROM few.actions)")
        count, actions = (int(one) for one in counted.fetchall()[0])
        times = -(-size // count)
        for name in names:
            grown = ", ".join(
                f"{text.format(count=count, actions=actions, times=times)} AS {column}"
                for column, text in _GROWS.get(name, {}).items()
            )
            # Each in the order in which the served file keeps it: readers skip what cannot match.
            many = (
                f"SELECT t.* REPLACE ({grown}) FROM range({times}) r(n), few.{name} t ORDER BY {_ORDERED.get(name, 1)}"
            )
            if name != "at_exposure":
                connection.execute(f"CREATE TABLE many.{name} AS {many if grown else f'FROM few.{name}'}")
        connection.execute(serving.AT_EXPOSURE.format(target="many"))
    finally:
        connection.close()
    larger.replace(served)
    return count * times
