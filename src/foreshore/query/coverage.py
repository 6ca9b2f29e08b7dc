"""How complete the picture is, as of the served cycle: a statement that can be kept, and the blind spots."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from foreshore import facts, keys
from foreshore.errors import UsageError
from foreshore.store import serving

if TYPE_CHECKING:
    import duckdb

    from foreshore.workspace import Workspace

_SCANNED = f"kind in {facts.SCANNED}"
# Kind of a hidden asset -> what is counted in words, and the assets to which the question applies.
STATED = {
    "no_scanner": ("looked at by a scanner, ever", _SCANNED),
    "not_lately": ("looked at lately", _SCANNED),
    "no_edr": ("with endpoint protection seen", "kind = 'host'"),
    "no_owner": ("with an owner", "kind <> 'identity'"),
    "no_zone": ("in a zone of the network", f"kind in {facts.ADDRESSED}"),
}


def coverage(workspace: Workspace) -> dict[str, Any]:
    """Return cycle, as_of, assets, `stated` (what is known of how many) and `blind_spots` in order of weight."""
    with closing(serving.connect(workspace)) as connection:
        cycle, as_of = connection.execute("select cycle, as_of from cycle").fetchone() or (0, None)
        spots = _rows(connection, "select * exclude (cycle) from blind_spots order by number")
        return {
            "cycle": keys.show("CYC", cycle),
            "as_of": as_of,
            "assets": _count(connection, "select count(*) from assets"),
            "stated": _stated(connection, {one["kind"] for one in spots}),
            "blind_spots": spots,
        }


def hidden(workspace: Workspace, kind: str) -> list[dict[str, Any]]:
    """Return the assets behind blind spots of `kind`: id, name, kind, site, zone, owner, last_seen."""
    if kind not in STATED:
        raise UsageError(f"“{kind}” is not a blind spot about assets", hint=", ".join(STATED))
    with closing(serving.connect(workspace)) as connection:
        rows = _rows(
            connection,
            f"""select a.asset as id, a.name, a.kind, a.site, a.zone, a.owner, a.last_seen
            from blind_assets b join assets a using (asset) where b.kind = '{kind}' order by a.name, a.asset""",
        )
    return [{**row, "id": keys.show("AST", row["id"])} for row in rows]


def _stated(connection: duckdb.DuckDBPyConnection, kinds: set[str]) -> list[dict[str, Any]]:
    found = []
    for kind, (words, applies) in STATED.items():
        among = _count(connection, f"select count(*) from assets where {applies}")
        missing = _count(connection, f"select count(*) from blind_assets where kind = '{kind}'")
        if kind == "not_lately":
            missing += _count(connection, "select count(*) from blind_assets where kind = 'no_scanner'")
        unknown = kind == "no_edr" and "no_edr_source" in kinds
        found.append({"what": words, "kind": kind, "of": among, "known": None if unknown else among - missing})
    return found


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = connection.execute(query).to_arrow_table().to_pylist()
    return found
