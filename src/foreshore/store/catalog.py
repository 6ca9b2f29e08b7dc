"""The lake's catalogue: extensions, attaching, the first tables, migrations.

DuckLake 1.0 through DuckDB: Parquet files below `facts/data/` and a SQLite catalogue in WAL mode. The
catalogue must never be opened by Python's own `sqlite3` in the same process: a second copy of SQLite
would drop the first one's file locks. Everything therefore goes through DuckDB.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from foreshore import tables
from foreshore.errors import WorkspaceError
from foreshore.workspace import Workspace

WRITER = "lake"
READER = "pin"
Connection = duckdb.DuckDBPyConnection
T = TypeVar("T")

# Internal tables beside those of `tables.TABLES`; every commit of `append` adds one row to `jobs`.
_INTERNAL = {
    "jobs": "job VARCHAR, tables VARCHAR[], row_count BIGINT, version BIGINT, committed_at TIMESTAMP",
    "schema_version": "version INTEGER, migrated_at TIMESTAMP",
}
_COURIERS = ("duckdb-extension-ducklake", "duckdb-extension-sqlite-scanner")
_PASSING = (
    "database is locked",
    "database table is locked",
    "database schema is locked",
    "busy",
    "transaction conflict",
)


def path(workspace: Workspace) -> Path:
    """The catalogue's file."""
    return workspace.facts_dir / "catalog.sqlite"


def connect(workspace: Workspace) -> Connection:
    """Return a budgeted connection with the lake's extensions loaded, nothing attached."""
    connection = workspace.connect()
    for extension in _extensions():
        connection.execute(f"LOAD '{_quoted(extension)}'")
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def attach_writer(connection: Connection, workspace: Workspace) -> None:
    """Attach the newest state for writing as `lake`, and make sure that the catalogue is in WAL mode.

    In SQLite's default mode one slow reader makes every commit fail. Raises WorkspaceError where WAL
    is not to be had, as on network drives.
    """
    workspace.facts_dir.joinpath("data").mkdir(mode=0o700, parents=True, exist_ok=True)
    _attach(connection, workspace, WRITER, "")
    mode = _first(connection, f"FROM sqlite_query('__ducklake_metadata_{WRITER}', 'PRAGMA journal_mode')")
    if str(mode).lower() != "wal":
        raise WorkspaceError(
            f"the catalogue is in journal mode “{mode}”, which lets readers block writers",
            where=str(path(workspace)),
            hint="a workspace on a local disk",
        )


def attach_reader(connection: Connection, workspace: Workspace, version: int) -> None:
    """Attach the state at `version`, read-only, as `pin`; replaces an earlier pin."""
    connection.execute(f"DETACH DATABASE IF EXISTS {READER}")
    _attach(connection, workspace, READER, f", READ_ONLY, SNAPSHOT_VERSION {int(version)}")


def newest(connection: Connection, workspace: Workspace) -> int:
    """Return the newest version, without an attached writer."""
    _attach(connection, workspace, "newest", ", READ_ONLY")
    try:
        return int(_first(connection, "FROM ducklake_current_snapshot('newest')"))
    finally:
        connection.execute("DETACH newest")


def current(connection: Connection) -> int:
    """Return the newest version, through the attached writer."""
    return int(_first(connection, f"FROM ducklake_current_snapshot('{WRITER}')"))


def columns(connection: Connection, database: str) -> dict[str, dict[str, str]]:
    """Return for each table of `database` its columns and their types."""
    found: dict[str, dict[str, str]] = {}
    rows = connection.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE database_name = ?", [database]
    ).fetchall()
    for table, column, kind in rows:
        found.setdefault(table, {})[column] = kind
    return found


def schema_version(connection: Connection, database: str, present: Mapping[str, object]) -> int:
    """Return the schema version of `database`, whose tables are `present`; 0: it has none yet."""
    if "schema_version" not in present:
        return 0
    return int(_first(connection, f"SELECT coalesce(max(version), 0) FROM {database}.main.schema_version"))


def check_version(workspace: Workspace, version: int) -> None:
    """Raise WorkspaceError when the lake's schema is newer than this program knows."""
    if version > tables.SCHEMA_VERSION:
        raise WorkspaceError(
            f"the facts have schema version {version}, this Foreshore knows up to {tables.SCHEMA_VERSION}",
            where=str(workspace.facts_dir),
            hint="a newer Foreshore",
        )


def outdated(version: int) -> bool:
    """Tell whether tables of schema `version` need a migration."""
    return version < tables.SCHEMA_VERSION


def migrate(connection: Connection) -> None:
    """Bring the attached writer's tables to the present schema, in one transaction; additive only."""
    present = columns(connection, WRITER)
    version = schema_version(connection, WRITER, present)
    if not outdated(version):
        return
    if version == 0:
        connection.execute(f"CALL {WRITER}.set_option('parquet_compression', 'zstd')")
        # Version 2 writes sorted keys as differences: an exposure seen again takes a fifth less.
        connection.execute(f"CALL {WRITER}.set_option('parquet_version', '2')")
    connection.execute("BEGIN")
    try:
        for statement in _changes(present):
            connection.execute(statement)
        connection.execute(
            f"INSERT INTO {WRITER}.main.schema_version VALUES ({tables.SCHEMA_VERSION}, now()::TIMESTAMP)"
        )
        connection.execute("COMMIT")
    except BaseException:
        roll_back(connection)
        raise


def roll_back(connection: Connection) -> None:
    """Roll back where a transaction is open; a broken connection has none."""
    try:
        connection.execute("ROLLBACK")
    except duckdb.Error:
        return


def passing(error: Exception) -> bool:
    """Tell whether `error` is SQLite being busy: worth trying again."""
    text = str(error).lower()
    return any(word in text for word in _PASSING)


def patiently(action: Callable[[], T], *, tries: int = 6) -> T:
    """Run `action`, again after a pause while the catalogue is busy."""
    for attempt in range(tries - 1):
        try:
            return action()
        except duckdb.Error as error:
            if not passing(error):
                raise
            time.sleep(0.1 * 2**attempt)
    return action()


def _changes(present: dict[str, dict[str, str]]) -> Iterator[str]:
    for name, definition in _INTERNAL.items():
        if name not in present:
            yield f"CREATE TABLE {WRITER}.main.{name} ({definition})"
    for name, wanted in tables.TABLES.items():
        if name not in present:
            listed = ", ".join(f"{one.name} {one.type}" for one in wanted)
            yield f"CREATE TABLE {WRITER}.main.{name} ({listed})"
            continue
        for one in wanted:
            if one.name not in present[name]:
                yield f"ALTER TABLE {WRITER}.main.{name} ADD COLUMN {one.name} {one.type}"


def _attach(connection: Connection, workspace: Workspace, name: str, options: str) -> None:
    # OVERRIDE_DATA_PATH: the catalogue remembers where it was made, and a workspace may be moved.
    catalogue, data = _quoted(path(workspace)), _quoted(workspace.facts_dir / "data")
    statement = (
        f"ATTACH 'ducklake:sqlite:{catalogue}' AS {name} (DATA_PATH '{data}/', OVERRIDE_DATA_PATH true, "
        f"META_JOURNAL_MODE 'WAL', META_BUSY_TIMEOUT 20000{options})"
    )
    try:
        patiently(lambda: connection.execute(statement))
    except duckdb.Error as error:
        if "No snapshot found" in str(error):
            raise WorkspaceError(
                "the facts have no such version; it may have expired",
                where=str(workspace.facts_dir),
                hint="a later version",
            ) from error
        raise WorkspaceError(
            f"the facts cannot be opened: {str(error).splitlines()[0]}",
            where=str(path(workspace)),
            hint="foreshore doctor, or a backup",
        ) from error


def _first(connection: Connection, query: str) -> Any:
    row = connection.execute(query).fetchone()
    return None if row is None else row[0]


def _quoted(place: Path) -> str:
    return place.as_posix().replace("'", "''")


@cache
def _extensions() -> tuple[Path, ...]:
    """Where the installed wheels hold DuckDB's signed extensions; none of their Python is run."""
    found = []
    for courier in _COURIERS:
        try:
            listed = files(courier) or []
        except PackageNotFoundError:
            listed = []
        place = next((one for one in listed if one.name.endswith(".duckdb_extension")), None)
        if place is None:
            raise WorkspaceError(
                f"the package {courier} is not installed", hint="install Foreshore's requirements again"
            )
        found.append(Path(str(place.locate())))
    return tuple(found)
