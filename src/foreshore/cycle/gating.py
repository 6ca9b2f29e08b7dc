"""May this build go out? Only exposures that are new since a baseline count, by a query that says stop."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foreshore import decisions, keys
from foreshore.cycle import running, scopes, taking
from foreshore.errors import BadReport, NothingToRead, Refused, UsageError
from foreshore.query import language, lists
from foreshore.store import open_lake
from foreshore.workspace import Workspace

if TYPE_CHECKING:
    from foreshore.store.ducklake import Lake

STOP = "treatment = act_now"
SHOWN = 50
LEAST_REASON = 10
_COPIED = ("foreshore.toml", "foreshore.key", "scope.yaml")
_OPEN = """
    select distinct canonical_exposure(exposure) as exposure from assessments
    where cycle = {cycle} and treatment is not null and exposure in (select exposure from asked_exposures)
"""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """What stops a build (`stop`), among what (`where`), since when (`baseline`, a cycle), and whose report it is."""

    stop: str = STOP
    where: str = ""
    baseline: str = ""
    source: str = ""
    site: str = ""
    asset: str = ""


def gate(
    workspace: Workspace, asked: Asked, reports: Sequence[Path] = (), *, on_note: Say = lambda _: None
) -> dict[str, Any]:
    """Return whether a build may pass (`passes`), and the new exposures that stop it, at most 50 of them.

    Without reports the served cycle is compared with `baseline`, by default the cycle before it. With reports
    these are read into a copy of the workspace, a cycle runs there, and the copy is removed: nothing is kept,
    and the baseline is the served cycle where none is named. What people dismissed or accepted does not stop.
    Raises UsageError for a query that is none, NothingToRead before the first cycle, BadReport for a report
    that cannot be read (a gate never passes on half a report).
    """
    for text in (asked.stop, asked.where):
        if text.strip():
            language.parse(text)
    if not asked.stop.strip():
        raise UsageError("nothing would stop a build", where="--stop", hint=f"--stop '{STOP}'")
    if not reports:
        return _compared(workspace, workspace, asked, _before(workspace, asked.baseline))
    baseline = _cycle(workspace, asked.baseline)
    with beside(workspace) as copy:
        on_note("reading the report into a copy of the workspace")
        taken = taking.take(
            copy, reports, source=asked.source or None, site=scopes.site_of_import(copy, asked.site or None, "", on_note),
            asset=asked.asset, on_note=on_note,
        )  # fmt: skip
        if taken.errors:
            raise BadReport(
                taken.errors[0].error, where=taken.errors[0].file, hint="the build cannot be judged without it"
            )
        running.run(copy, on_note=on_note)
        return _compared(workspace, copy, asked, baseline)


def _compared(workspace: Workspace, judged: Workspace, asked: Asked, baseline: int) -> dict[str, Any]:
    query = f"({asked.where}) and ({asked.stop})" if asked.where.strip() else asked.stop
    matching = [
        row for row in lists.exposure_rows(judged, where=query, dismissed=False) if row["treatment"] != "accepted"
    ]
    with open_lake(workspace, read_only=True) as lake:
        known = _known(lake, baseline, [row["exposure"] for row in matching])
    new = [row for row in matching if row["exposure"] not in known]
    row = lists.rows(judged, "select cycle, as_of from cycle")[0]
    return {
        "passes": not new, "stop": asked.stop, "where": asked.where, "baseline": keys.show("CYC", baseline) if baseline else None,
        "cycle": keys.show("CYC", row["cycle"]) if judged is workspace else None, "as_of": row["as_of"],
        "matching": len(matching), "new": len(new), "exposures": [lists.as_json(one) for one in new[:SHOWN]],
        "broken_glass": None,
    }  # fmt: skip


def _known(lake: Lake, baseline: int, exposures: Sequence[int]) -> set[int]:
    """Return those of `exposures` that were open in the baseline."""
    import pyarrow as pa

    if not baseline:
        return set()
    asked = pa.table({"exposure": pa.array(exposures, pa.int64())})
    found = lake.sql(_OPEN.format(cycle=int(baseline)), asked_exposures=asked)
    return set(found.column("exposure").to_pylist())


def _cycle(workspace: Workspace, text: str) -> int:
    """Return the baseline that was named, else the served cycle; raises NothingToRead where there is none."""
    if not text:
        return int(lists.rows(workspace, "select cycle from cycle")[0]["cycle"])
    with open_lake(workspace, read_only=True) as lake:
        return int(running.find(lake, text)["cycle"])


def _before(workspace: Workspace, text: str) -> int:
    """Return the baseline that was named, else the cycle before the served one; 0 where that is the first."""
    if text:
        return _cycle(workspace, text)
    served = _cycle(workspace, "")
    query = f"""
        select cycle from cycles where known_at < (select max(known_at) from cycles where cycle = {served})
        order by known_at desc limit 1
    """
    with open_lake(workspace, read_only=True) as lake:
        rows = lake.sql(query).to_pylist()
    return int(rows[0]["cycle"]) if rows else 0


def broken_glass(workspace: Workspace, found: dict[str, Any], because: str, author: str) -> dict[str, Any]:
    """Let a build pass that the gate stops, and note in the audit trail who did so, why, and what was new.

    Raises UsageError for a reason that says too little. A build that passes anyway is noted as well.
    """
    if len(because.strip()) < LEAST_REASON:
        raise UsageError("this reason says too little", where="--break-glass", hint="who agreed, and until when")
    detail = {
        "because": because.strip(), "stop": found["stop"], "where": found["where"], "new": found["new"],
        "baseline": found["baseline"], "exposures": [one["id"] for one in found["exposures"]],
    }  # fmt: skip
    with decisions.open(workspace) as opened:
        opened.note("gate passed by breaking the glass", author=author, detail=detail)
    return {**found, "passes": True, "broken_glass": {"because": because.strip(), "author": author}}


@contextmanager
def beside(workspace: Workspace) -> Iterator[Workspace]:
    """Yield a copy of the workspace in its own `tmp`, with links to the files of facts; removed at the end."""
    if decisions.exist(workspace) and not workspace.decisions_file.exists():
        raise Refused(
            "a report cannot be judged in a copy: the decisions are in a database elsewhere",
            where="foreshore gate", hint="import the report and run a cycle, then gate without a report",
        )  # fmt: skip
    lists.rows(workspace, "select 1 from cycle")  # nothing to compare with before the first cycle
    workspace.temporary_dir.mkdir(mode=0o700, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="gate-", dir=workspace.temporary_dir))
    try:
        with workspace.lock():
            _copy(workspace, folder)
        yield Workspace.open(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy(workspace: Workspace, folder: Path) -> None:
    for name in _COPIED:
        if (workspace.root / name).exists():
            shutil.copy2(workspace.root / name, folder / name)
    for path in (workspace.policy_dir, workspace.root / "intel"):
        if path.is_dir():
            shutil.copytree(path, folder / path.name)
    if not workspace.facts_dir.is_dir():
        raise NothingToRead("nothing was imported yet", where=str(workspace.root), hint="foreshore import")
    # Files of facts are never changed once they are written, so that a link is as good as a copy.
    for path in workspace.facts_dir.rglob("*"):
        target = folder / "facts" / path.relative_to(workspace.facts_dir)
        if path.is_dir() or path.suffix == ".sqlite-shm":
            continue
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _linked(path, target) if path.suffix == ".parquet" else shutil.copy2(path, target)
    if workspace.decisions_file.exists():
        with (
            closing(sqlite3.connect(workspace.decisions_file)) as source,
            closing(sqlite3.connect(folder / workspace.decisions_file.name)) as target_file,
        ):
            source.backup(target_file)


def _linked(path: Path, target: Path) -> None:
    try:
        os.link(path, target)
    except OSError:  # another file system, or one without links
        shutil.copy2(path, target)
