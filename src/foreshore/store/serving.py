"""Serving files: what reading verbs and pages query, one read-only DuckDB file a cycle.

Tables: `exposures` (the cycle's assessments in order of rank, narrow columns first), `actions`,
`action_effects`, `services`, `steps`, `measures`, `blind_spots`, `blind_assets`, `gone_assets`, `cycle` (one row), `assets`
(asset, name, kind, site, zone, owner, open_exposures and one count for each treatment) and `weighed` (by
weakness, so that one is found without reading the rest: what the likelihood of each exposure was weighed
from, as the cycle gave it), and `at_exposure` (exposure, rank, by exposure: where one stands, found without
reading all). A pointer names the current file, so that a reader never meets a half-written one.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from foreshore import tables
from foreshore.errors import NothingToRead, WorkspaceError
from foreshore.facts import TREATMENTS
from foreshore.store import incoming
from foreshore.workspace import Workspace, fsync_directory, owner_mark, write_atomically

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.store.ducklake import Lake

KEEP_FILES = 3
GRACE_SECONDS = 3_600.0
_POINTER = "current.json"
_TARGET = "publishing"
_FIRST = (
    "rank", "exposure", "asset", "action", "treatment", "state", "severity", "kev", "in_scope", "reachable",
    "exploit", "leads", "cvss", "epss", "likelihood", "contribution", "low", "high", "due", "kind", "verdict",
    "disposition", "first_seen", "last_seen", "site", "zone", "owner", "weakness", "asset_name",
)  # fmt: skip
AT_EXPOSURE = (
    "CREATE TABLE {target}.at_exposure AS SELECT exposure, rank FROM {target}.exposures ORDER BY exposure, rank"
)
_KNOWN = ("asset", "name", "kind", "site", "zone", "owner", "os", "last_seen")
# Served name, lake's table, order: the order makes the files of equal facts equal.
_COPIED = (
    ("actions", "actions", "number, action"),
    ("action_effects", "action_effects", "action, exposure"),
    ("services", "services_at", "foundation, service"),
    ("steps", "steps", "exposure, service, way, number"),
    ("measures", "measures", "name, subject"),
    ("blind_spots", "blind_spots", "number"),
    ("blind_assets", "blind_assets", "asset, kind"),
    ("gone_assets", "gone_assets", "asset"),
    ("cycle", "cycles", "cycle"),
)


def publish(
    lake: Lake,
    cycle: int,
    batches: Mapping[str, pa.Table] | None = None,
    *,
    assets: pa.Table | None = None,
    weighed: pa.Table | None = None,
) -> Path:
    """Write the serving file of `cycle` from the lake's pinned version and make it current.

    `batches` stand in for the lake's tables of those names where given. `assets` are all assets that the
    cycle looked at, as it knew them (asset, name, kind, site, zone, owner, os, last_seen; see
    `query.attributes`); without it, only those with assessments are served. `weighed` becomes the table of
    that name (exposure and weakness at least); without it, that table has no rows. The pointer moves only
    forward: a file made from an older version than the current one's is written but not made current.
    Returns the file. Raises WorkspaceError when the disk refuses.
    """
    folder = lake.workspace.serving_dir
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = folder / f".cycle-{cycle}{owner_mark()}.duckdb"
    beside.unlink(missing_ok=True)
    try:
        _write(lake, cycle, beside, batches or {}, {"known_assets": assets, "weighed": weighed})
        with lake.workspace.lock():
            final = _free_name(folder, cycle)
            beside.replace(final)
            fsync_directory(folder)
            _point(lake, cycle, final)
            _remove_old(lake.workspace)
    except (OSError, duckdb.IOException) as error:
        raise WorkspaceError(
            f"the serving file cannot be written: {error}", where=str(folder), hint="free disk space"
        ) from error
    finally:
        beside.unlink(missing_ok=True)
    return final


def current(workspace: Workspace) -> Path | None:
    """Return the serving file that the pointer names, or None before the first cycle."""
    pointer = _pointer(workspace)
    if pointer is None:
        return None
    path = workspace.serving_dir / Path(str(pointer["file"])).name
    return path if path.exists() else None


def kept_file(workspace: Workspace, cycle: int, what: str) -> Path:
    """Return where something of `cycle` is kept for quick answers: its "graph" (`cycle.kept`), its "plan" (`cycle.planned`).

    It goes when no serving file of the cycle is left.
    """
    return workspace.serving_dir / f"cycle-{int(cycle)}.{what}"


def connect(workspace: Workspace) -> duckdb.DuckDBPyConnection:
    """Return a connection in which the current serving file's tables have their bare names, read-only.

    Raises NothingToRead before the first cycle.
    """
    path = current(workspace)
    if path is None:
        raise NothingToRead("no cycle has run yet", where=str(workspace.root), hint="foreshore cycle")
    connection = workspace.connect()
    try:
        connection.execute(f"ATTACH '{_quoted(path)}' AS serving (READ_ONLY)")
        connection.execute("USE serving")
    except duckdb.Error as error:
        connection.close()
        raise WorkspaceError(
            f"the serving file cannot be read: {str(error).splitlines()[0]}",
            where=str(path),
            hint="foreshore cycle writes a new one",
        ) from error
    return connection


def _write(
    lake: Lake, cycle: int, path: Path, batches: Mapping[str, pa.Table], beside: Mapping[str, pa.Table | None]
) -> None:
    assets, weighed = beside["known_assets"], beside["weighed"]
    known = assets.select(list(_KNOWN)) if assets is not None else _nothing_known()
    given = incoming.prepare(batches)
    copies = [
        f"CREATE TABLE {_TARGET}.{served} AS FROM {_source(table, given)} WHERE cycle = {int(cycle)} ORDER BY {order}"
        for served, table, order in _COPIED
    ]
    assessed = _source("assessments", given)
    lake.copy_to([f"ATTACH '{_quoted(path)}' AS {_TARGET}"])
    try:
        statements = [
            _exposures(cycle, assessed),
            *copies,
            _assets(cycle, assessed),
            f"CREATE TABLE {_TARGET}.weighed AS FROM known_weighed ORDER BY weakness, exposure",
            AT_EXPOSURE.format(target=_TARGET),
        ]
        laid = {"known_assets": known, "known_weighed": weighed if weighed is not None else _nothing_weighed()}
        lake.copy_to(statements, **laid, **{f"given_{name}": table for name, table in given.items()})
    finally:
        lake.copy_to([f"DETACH {_TARGET}"])
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def _source(name: str, given: Mapping[str, pa.Table]) -> str:
    """The lake's table, or the given one with the columns that it lacks as NULL."""
    if name not in given:
        return name
    present = set(given[name].column_names)
    listed = (one.name if one.name in present else f"NULL::{one.type} AS {one.name}" for one in tables.TABLES[name])
    return f"(SELECT {', '.join(listed)} FROM given_{name})"


def _exposures(cycle: int, assessed: str) -> str:
    known = tables.names("assessments")
    listed = [*_FIRST, *(column for column in known if column not in _FIRST)]
    return (
        f"CREATE TABLE {_TARGET}.exposures AS SELECT {', '.join(listed)} FROM {assessed} "
        f"WHERE cycle = {int(cycle)} ORDER BY rank, exposure"
    )


def _nothing_known() -> pa.Table:
    import pyarrow as pa

    types = {"asset": pa.int64(), "last_seen": pa.timestamp("us")}
    return pa.table({name: pa.array([], types.get(name, pa.string())) for name in _KNOWN})


def _nothing_weighed() -> pa.Table:
    import pyarrow as pa

    return pa.table({"exposure": pa.array([], pa.int64()), "weakness": pa.array([], pa.string())})


def _assets(cycle: int, assessed: str) -> str:
    """Every asset that the cycle knew, with the attributes in force and its open exposures."""
    each = ", ".join(f"count(*) FILTER (WHERE treatment = '{one}') AS {one}" for one in TREATMENTS)
    zeros = ", ".join(f"coalesce(c.{one}, 0) AS {one}" for one in TREATMENTS)
    return f"""
        CREATE TABLE {_TARGET}.assets AS
        WITH counted AS (
            SELECT asset, max(asset_name) AS name, max(site) AS site, max(zone) AS zone, max(owner) AS owner,
                   count(treatment) FILTER (WHERE treatment <> '') AS open_exposures, {each}
            FROM {assessed} WHERE cycle = {int(cycle)} GROUP BY asset
        )
        SELECT coalesce(k.asset, c.asset) AS asset, coalesce(k.name, c.name) AS name,
               coalesce(k.kind, a.kind) AS kind, coalesce(k.site, a.site, c.site) AS site,
               coalesce(k.zone, c.zone) AS zone, coalesce(nullif(c.owner, ''), k.owner) AS owner,
               coalesce(c.open_exposures, 0) AS open_exposures, {zeros}, k.os, k.last_seen
        FROM known_assets k FULL JOIN counted c ON c.asset = k.asset
        LEFT JOIN assets a ON a.asset = coalesce(k.asset, c.asset)
        ORDER BY asset"""


def _free_name(folder: Path, cycle: int) -> Path:
    # Never the name of a file that somebody may have open.
    name, number = folder / f"cycle-{cycle}.duckdb", 1
    while name.exists():
        number += 1
        name = folder / f"cycle-{cycle}-{number}.duckdb"
    return name


def _point(lake: Lake, cycle: int, path: Path) -> None:
    before = _pointer(lake.workspace)
    if before is not None and int(str(before.get("version", -1))) > lake.version:
        return
    content = {
        "file": path.name,
        "cycle": cycle,
        "version": lake.version,
        "published_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    write_atomically(lake.workspace.serving_dir / _POINTER, json.dumps(content).encode())


def _pointer(workspace: Workspace) -> dict[str, object] | None:
    place = workspace.serving_dir / _POINTER
    try:
        content = json.loads(place.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        content = None
    if not isinstance(content, dict) or "file" not in content:
        raise WorkspaceError("the pointer is damaged", where=str(place), hint="foreshore cycle writes a new one")
    return content


def _remove_old(workspace: Workspace) -> None:
    named = current(workspace)
    files = sorted(workspace.serving_dir.glob("cycle-*.duckdb"), key=lambda one: -one.stat().st_mtime)
    for path in files[KEEP_FILES:]:
        if path != named and time.time() - path.stat().st_mtime > GRACE_SECONDS:
            with suppress(OSError):  # open elsewhere, on systems that mind: the next publishing removes it
                path.unlink()
    for path in workspace.serving_dir.glob("cycle-*.*"):
        served = path.with_suffix(".duckdb").exists() or any(workspace.serving_dir.glob(f"{path.stem}-*.duckdb"))
        if not served and time.time() - path.stat().st_mtime > GRACE_SECONDS:
            with suppress(OSError):
                path.unlink()


def _quoted(path: Path) -> str:
    return path.as_posix().replace("'", "''")
