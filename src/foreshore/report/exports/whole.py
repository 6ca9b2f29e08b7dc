"""Every table, as CSV or Parquet: the served cycle, the facts behind it, and what people decided."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foreshore import decisions, tables
from foreshore.errors import WorkspaceError
from foreshore.store import open_lake, serving

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from foreshore.workspace import Workspace

# What the serving file holds under other names than the facts have.
SERVED = ("exposures", "actions", "action_effects", "services", "steps", "measures", "blind_spots", "assets", "cycle")
VIEWS = ("exposure_events_now", "asset_now", "exposure_now")
_OPTIONS = {"csv": "FORMAT csv, HEADER", "parquet": "FORMAT parquet, COMPRESSION zstd"}
_FORMULA = r"^\s*[=+\-@＝＋－＠]"


def write(workspace: Workspace, format: str, folder: Path) -> list[dict[str, Any]]:
    """Write one file for each table into `folder` and return their names and numbers of rows.

    `served_NAME` are the tables of the last cycle, `fact_NAME` the facts as they are now, `decisions` what
    people decided. Text in CSV files is safe to open in a spreadsheet.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkspaceError(
            f"the folder cannot be made: {error.strerror or error}", where=str(folder), hint="another --out"
        ) from error
    with closing(serving.connect(workspace)) as connection:
        found = [_copy(_asked(connection), connection.execute, one, f"served_{one}", folder, format) for one in SERVED]
    with open_lake(workspace, read_only=True) as lake:
        for one in (*tables.TABLES, *VIEWS):
            found.append(_copy(lake.sql, lambda text: lake.copy_to([text]), one, f"fact_{one}", folder, format))
    with closing(workspace.connect()) as connection:
        connection.register("decisions", _decisions(workspace))
        found.append(_copy(_asked(connection), connection.execute, "decisions", "decisions", folder, format))
    return found


def _asked(connection: duckdb.DuckDBPyConnection) -> Callable[[str], pa.Table]:
    return lambda query: connection.execute(query).to_arrow_table()


def _copy(
    ask: Callable[[str], pa.Table], run: Callable[[str], object], name: str, shown: str, folder: Path, format: str
) -> dict[str, Any]:
    """Copy one table without taking it into memory."""
    columns = ask(f"describe select * from {name}").to_pylist()
    listed = ", ".join(_shown(one["column_name"], one["column_type"], format) for one in columns)
    path = folder / f"{shown}.{format}"
    target = path.as_posix().replace("'", "''")
    run(f"COPY (SELECT {listed} FROM {name}) TO '{target}' ({_OPTIONS[format]})")
    return {"file": path.name, "rows": int(ask(f"select count(*) as n from {name}").column("n")[0].as_py())}


def _shown(column: str, kind: str, format: str) -> str:
    name = f'"{column}"'
    if format == "parquet":
        return name
    text = name
    if kind.endswith("[]"):
        text = f"array_to_string({name}, '; ')"
    elif kind.startswith(("MAP", "STRUCT")):
        text = f"to_json({name})::VARCHAR"
    elif kind != "VARCHAR":
        return name
    return f"CASE WHEN regexp_matches({text}, '{_FORMULA}') THEN '''' || {text} ELSE {text} END AS {name}"


def _decisions(workspace: Workspace) -> pa.Table:
    import pyarrow as pa

    rows: list[dict[str, Any]] = []
    if decisions.exist(workspace):
        with decisions.open(workspace) as opened:
            rows = [
                {"exposure": one.exposure, "disposition": one.disposition, "because": one.because, "author": one.author,
                 "decided_at": one.decided_at.replace(tzinfo=None), "until": one.until}
                for one in opened.effective(datetime.now(UTC))
            ]  # fmt: skip
    schema = pa.schema([
        ("exposure", pa.int64()), ("disposition", pa.string()), ("because", pa.string()), ("author", pa.string()),
        ("decided_at", pa.timestamp("us")), ("until", pa.date32()),
    ])  # fmt: skip
    return pa.Table.from_pylist(rows, schema=schema)
