"""What the served cycle and the facts say of some weaknesses: their exposures, names, actions and words of people."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

from foreshore.errors import NothingToRead
from foreshore.query import lists

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from foreshore.store.ducklake import Lake
    from foreshore.workspace import Workspace

_ROWS = f"""
    select e.*, w.* exclude (exposure, weakness)
    from ({lists.LAID}) e join weighed w on w.exposure = e.exposure and w.weakness = e.weakness
    where e.weakness in (select weakness from asked_names) and w.weakness in (select weakness from asked_names)
    order by e.rank, e.exposure
"""
# What each exposure counts for in the order of what to do first; see `prioritization.treatment.urgent`.
_OTHERS = """
    select exposure, case when reachable = 'no' or leads = 'no' or contribution <= 0
            or coalesce(disposition, '') in ('accepted', 'mitigated')
            or coalesce(vendor, '') in ('fixed', 'not_affected') then 0.0 else contribution end as urgent
    from exposures order by exposure
"""
_ACTIONS = "select * from actions where action in (select action from asked_actions) order by number nulls last, action"
_NAMES = """
    with asked as (select weakness from asked_names), meant as (
        select a.weakness as name from weakness_aliases a join asked n on lower(a.alias) = lower(n.weakness)
        union select weakness from asked
    )
    select name from meant
    union select a.alias from weakness_aliases a join meant m on m.name = a.weakness
    order by 1
"""
_LATER = """
    select e.weakness, count(*) as n from exposures e join runs r on r.run = e.run
    where e.weakness in (select weakness from asked_names) and r.known_at > TIMESTAMP '{read_at}' group by 1
"""
_EVER = """
    select e.weakness, count(*) as n from exposures e
    where e.weakness in (select weakness from asked_names) group by 1
"""
_LOOKED = "select max(observed_at) as last, count(*) as imports, count(distinct source) as sources from runs"


class Served(NamedTuple):
    """The served cycle's row, exposures of the asked weaknesses with what was weighed, and all others' order."""

    cycle: dict[str, Any]
    rows: pa.Table
    others: pa.Table
    actions: list[dict[str, Any]]
    services: list[str]  # the one that carries most of the risk first
    unscanned: int


def names(lake: Lake, asked: Sequence[str]) -> list[str]:
    """Return the names that mean the same weakness as any of `asked`, these first."""
    found = lake.sql(_NAMES, asked_names=_column(asked)).column("name").to_pylist()
    return list(dict.fromkeys([*asked, *found]))


def served(workspace: Workspace, asked: Sequence[str]) -> Served:
    """Read what the served cycle says of the weaknesses `asked`, with people's words since laid over it.

    Raises NothingToRead before the first cycle, and where an older program served it.
    """
    import pyarrow as pa

    from foreshore.store import serving

    with closing(serving.connect(workspace)) as connection:
        _refuse_older(connection, str(workspace.root))
        lists.overlay(workspace, connection)
        connection.register("asked_names", _column(asked))
        rows = connection.execute(_ROWS).to_arrow_table()
        others = connection.execute(_OTHERS).to_arrow_table() if rows.num_rows else None
        wanted = pa.array(sorted({one for one in rows.column("action").to_pylist() if one}), pa.int64())
        connection.register("asked_actions", pa.table({"action": wanted}))
        actions = _dicts(connection.execute(_ACTIONS))
        cycle = _dicts(connection.execute("select * exclude (result) from cycle"))[0]
        unscanned = connection.execute("select count(*) from blind_assets where kind = 'no_scanner'").fetchone()
        services = connection.execute(
            "select service from services order by share desc, weight desc, service"
        ).fetchall()
    return Served(cycle, rows, others, actions, [one[0] for one in services], int(unscanned[0]) if unscanned else 0)


def _refuse_older(connection: duckdb.DuckDBPyConnection, where: str) -> None:
    found = connection.execute("select table_name from duckdb_tables() where database_name = 'serving'").fetchall()
    if ("weighed",) not in found:
        raise NothingToRead(
            "the last cycle did not keep what news is weighed from", where=where, hint="foreshore cycle, once"
        )


def later(lake: Lake, asked: Sequence[str], read_at: Any) -> int:
    """Return how many exposures of these weaknesses came with imports after the moment `read_at` (UTC)."""
    rows = lake.sql(_LATER.format(read_at=f"{read_at:%Y-%m-%d %H:%M:%S.%f}"), asked_names=_column(asked))
    return int(sum(rows.column("n").to_pylist()))


def ever(lake: Lake, asked: Sequence[str]) -> int:
    """Return how many exposures of these weaknesses were ever known, open or not."""
    return int(sum(lake.sql(_EVER, asked_names=_column(asked)).column("n").to_pylist()))


def looked(lake: Lake) -> dict[str, Any]:
    """Return when reports last looked (`last`, None for never), how many were imported, of how many sources."""
    return dict(lake.sql(_LOOKED).to_pylist()[0])


def _column(asked: Sequence[str]) -> pa.Table:
    import pyarrow as pa

    return pa.table({"weakness": pa.array(list(asked), pa.string())})


def _dicts(cursor: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    columns = [column[0] for column in cursor.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
