"""The views through which everything reads: pinned, complete, by bare table name.

* one view for each table of the schema: columns that the pinned version did not have yet are NULL, a
  table that it did not have is empty;
* `jobs`: what was committed (job, tables, row_count, version, committed_at);
* `exposure_events_now`: of each exposure only the events of its highest generation;
* `asset_now(asset, canonical)` and `exposure_now(exposure, canonical)`: where chains of aliases end. Only
  ids that have an alias have a row, so `LEFT JOIN asset_now USING (asset)` and then
  `coalesce(canonical, asset)`; the macros `canonical_asset(id)` and `canonical_exposure(id)` do both.

Of the aliases of one id the latest written (by `generation`) is in force, and one that points at
itself sets the id free again, as a split does. Ids that only point at each other go to the smallest
of them. So every answer is defined, whatever the alias tables hold.
"""

from __future__ import annotations

from collections.abc import Mapping

from foreshore import tables
from foreshore.store.catalog import READER, Connection

_ALIASES = {"asset_now": ("asset", "asset_aliases"), "exposure_now": ("exposure", "exposure_aliases")}
_JOBS = ("job VARCHAR", "tables VARCHAR[]", "row_count BIGINT", "version BIGINT", "committed_at TIMESTAMP")


def create(connection: Connection, present: Mapping[str, Mapping[str, str]]) -> None:
    """Make all views over the attached pin, whose tables and columns are `present`."""
    wanted = {name: [(one.name, one.type) for one in listed] for name, listed in tables.TABLES.items()} | {
        "jobs": [(text.split()[0], text.split()[1]) for text in _JOBS]
    }
    for name, listed in wanted.items():
        connection.execute(f"CREATE OR REPLACE VIEW {name} AS {_select(name, listed, present.get(name))}")
    connection.execute(
        """CREATE OR REPLACE VIEW exposure_events_now AS
        SELECT e.* FROM exposure_events e
        JOIN (SELECT exposure, max(generation) AS generation FROM exposure_events GROUP BY exposure) AS latest
        ON e.exposure = latest.exposure AND e.generation = latest.generation"""
    )
    for view, (column, table) in _ALIASES.items():
        connection.execute(f"CREATE OR REPLACE VIEW {view} AS {resolved(column, table)}")
        connection.execute(
            f"CREATE OR REPLACE MACRO canonical_{column}(wanted_id) AS "
            f"coalesce((SELECT n.canonical FROM {view} n WHERE n.{column} = wanted_id), wanted_id)"
        )


def _select(name: str, wanted: list[tuple[str, str]], present: Mapping[str, str] | None) -> str:
    if present is None:
        return "SELECT " + ", ".join(f"NULL::{kind} AS {column}" for column, kind in wanted) + " LIMIT 0"
    listed = (column if column in present else f"NULL::{kind} AS {column}" for column, kind in wanted)
    return f"SELECT {', '.join(listed)} FROM {READER}.main.{name}"


def resolved(column: str, table: str) -> str:
    """The query that follows the chains of the alias table `table` to their ends."""
    return f"""
        WITH RECURSIVE latest AS MATERIALIZED (
            SELECT old, arg_max(new, generation) AS new FROM {table} GROUP BY old
        ), moved AS (SELECT old, new FROM latest WHERE old <> new
        ), reached(start, place) AS (
            SELECT old, new FROM moved
            UNION
            SELECT r.start, a.new FROM reached r JOIN moved a ON a.old = r.place
        ), ends AS (
            SELECT start, min(place) AS smallest,
                   min(place) FILTER (WHERE place NOT IN (SELECT old FROM moved)) AS last
            FROM reached GROUP BY start
        )
        SELECT start AS {column}, coalesce(last, smallest) AS canonical FROM ends
        WHERE coalesce(last, smallest) <> start"""
