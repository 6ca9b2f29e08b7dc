"""Rows on their way into the lake: names, times, keys.

What is checked before a commit: every table and column exists; times with a zone become naive UTC; keys
are present, not negative, and mean one thing only.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import pyarrow as pa

from foreshore import tables
from foreshore.errors import UsageError, WorkspaceError
from foreshore.store.catalog import WRITER, Connection

# Tables whose rows are things with one key. All others hold statements, which may repeat.
KEYS = {
    "runs": "run",
    "sightings": "sighting",
    "assets": "asset",
    "findings": "finding",
    "exposures": "exposure",
    "verdicts": "verdict",
}
_NAME = "incoming_rows"


def prepare(batches: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """Check names and turn times into naive UTC; raises UsageError naming the wrong table or column."""
    ready = {}
    for name, table in batches.items():
        if name not in tables.TABLES:
            raise UsageError(f"the lake has no table “{name}”", hint=", ".join(sorted(tables.TABLES)))
        known = tables.names(name)
        wrong = [column for column in table.column_names if column not in known]
        if wrong or len(set(table.column_names)) != table.num_columns:
            raise UsageError(
                f"the table “{name}” cannot take the columns {', '.join(wrong) or 'given twice'}",
                where=name,
                hint=", ".join(known),
            )
        if table.num_rows:
            ready[name] = _naive(table)
    return ready


def insert(connection: Connection, name: str, table: pa.Table, *, version: int, now: datetime) -> int:
    """Insert `table` by column names within the open transaction; returns the number of rows written.

    Missing columns are NULL, but for two that the commit knows: an empty `known_at` becomes `now`, an
    empty `generation` the version being made. Rows whose key is stored with the same content are left
    out; raises WorkspaceError when one key would mean two things.
    """
    connection.register(_NAME, table)
    try:
        given = {column: column for column in table.column_names}
        for column, value in (("known_at", f"TIMESTAMP '{now}'"), ("generation", f"{version}::BIGINT")):
            if column in tables.names(name):
                given[column] = f"coalesce({column}, {value})" if column in given else value
        new = _only_new(connection, name) if name in KEYS else ""
        row = connection.execute(
            f"INSERT INTO {WRITER}.main.{name} ({', '.join(given)}) "
            f"SELECT {', '.join(given.values())} FROM {_NAME} {new}"
        ).fetchone()
        return int(row[0]) if row else 0
    finally:
        connection.unregister(_NAME)


def _naive(table: pa.Table) -> pa.Table:
    for index, column in enumerate(table.schema):
        if pa.types.is_timestamp(column.type) and column.type.tz is not None:
            utc = table.column(index).cast(pa.timestamp("us", tz="UTC")).cast(pa.timestamp("us"))
            table = table.set_column(index, column.name, utc)
    return table


def _only_new(connection: Connection, name: str) -> str:
    """Return the condition that leaves out what is stored already; "" when all rows are new.

    Only the key column of the stored table is read, unless a key is met again.
    """
    key, stored = KEYS[name], f"{WRITER}.main.{name}"
    counts = connection.execute(
        f"SELECT count(*), count(DISTINCT {key}), count(*) FILTER (WHERE {key} IS NULL OR {key} < 0) FROM {_NAME}"
    ).fetchone()
    rows, distinct, bad = counts or (0, 0, 0)
    if bad:
        raise UsageError(f"{bad} rows have no key, or a negative one", where=f"{name}.{key}")
    if distinct < rows:
        _refuse_twins(connection, name, key)
    known = connection.execute(f"SELECT {key} FROM {_NAME} SEMI JOIN {stored} USING ({key})").to_arrow_table()
    if known.num_rows == 0:
        return ""
    _refuse_changed(connection, name, key, known)
    return f"ANTI JOIN {stored} USING ({key})"


def _refuse_twins(connection: Connection, name: str, key: str) -> None:
    twins = connection.execute(
        f"SELECT {key}, min(t::VARCHAR), max(t::VARCHAR) FROM {_NAME} t GROUP BY {key} HAVING count(*) > 1 "
        f"ORDER BY {key} LIMIT 1"
    ).fetchone()
    if twins:
        raise _collision(name, key, *twins)


def _refuse_changed(connection: Connection, name: str, key: str, known: pa.Table) -> None:
    compared = [
        column for column in _columns(connection) if column not in (key, "known_at")
    ]  # the time of commit is not content
    wanted = {one.name: one.type for one in tables.TABLES[name]}
    same = " AND ".join(f"s.{column} IS NOT DISTINCT FROM n.{column}::{wanted[column]}" for column in compared)
    connection.register("known_keys", known)
    try:
        changed = connection.execute(
            f"SELECT n.{key}, s::VARCHAR, n::VARCHAR FROM {_NAME} n "
            f"JOIN (FROM {WRITER}.main.{name} SEMI JOIN known_keys USING ({key})) s ON s.{key} = n.{key} "
            f"WHERE NOT ({same or 'true'}) ORDER BY 1 LIMIT 1"
        ).fetchone()
    finally:
        connection.unregister("known_keys")
    if changed:
        raise _collision(name, key, *changed)


def _columns(connection: Connection) -> list[str]:
    return [str(one[0]) for one in connection.execute(f"FROM {_NAME} LIMIT 0").description or ()]


def _collision(name: str, key: str, value: int, one: str, other: str) -> WorkspaceError:
    return WorkspaceError(
        f"the key {value} would mean two things: {_short(one)} and {_short(other)}",
        where=f"{name}.{key}",
        hint="report this: keys of different things must differ",
    )


def _short(text: str) -> str:
    return text if len(text) <= 300 else text[:300] + "…"
