"""What stands beside the order in a report: CVSS on the asset, and exceptions that no longer hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from foreshore import keys
from foreshore.report import figures

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb

    from foreshore.store.ducklake import Lake
    from foreshore.workspace import Workspace

REVOKED = 10  # exceptions that are shown
TEXT = 300

_ROWS = """
    select exposure, weakness, title, asset_name, owner, rank, treatment from laid
    where exposure in (select unnest($keys)) order by rank, exposure
"""


def environmental(
    workspace: Workspace, lake: Lake, rows: Sequence[dict[str, Any]], as_of: datetime
) -> dict[str, dict[str, Any]]:
    """Return by shown id the environmental CVSS of the served exposures `rows`; see `intel.standards.on_asset`.

    Left out where tier or vector is not known, or where newer intelligence has another vector than the cycle saw.
    """
    import pyarrow as pa

    from foreshore import policy
    from foreshore.intel import standards
    from foreshore.intel.signals import signals_at

    asked = sorted({row["weakness"] for row in rows if row["cvss"] is not None})
    if not asked:
        return {}
    known = signals_at(lake.sql, as_of, pa.table({"weakness": pa.array(asked, pa.string())})).to_pylist()
    signals = {one["weakness"]: one for one in known}
    rules = policy.load(workspace.policy_dir)
    found = {}
    for row in rows:
        said = signals.get(row["weakness"])
        if said is None or said["cvss"] is None or said["cvss"] != row["cvss"]:
            continue
        one = standards.on_asset(said, row.get("points") or "", rules)
        if one is not None:
            found[keys.show("EXP", row["exposure"])] = one
    return found


def revoked(workspace: Workspace, connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Return the exceptions that were revoked and that nobody has answered: how many, and the first by their rank.

    Each says what was assumed, what is so now, and who had decided it. `connection` has the view `laid`.
    """
    from foreshore import decisions
    from foreshore.query import lists

    entries = lists.revoked(workspace, connection)
    cursor = connection.execute(_ROWS, {"keys": list(entries)})
    names = [column[0] for column in cursor.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    first = []
    if rows:
        with decisions.open(workspace) as opened:
            shown = [entries[row["exposure"]] for row in rows[:REVOKED]]
            words = {one.number: one for one in opened.history(*(entry.exposure for entry in shown))}
        first = [
            _told(row, entry, words.get(entry.supersedes or 0))
            for row, entry in zip(rows[:REVOKED], shown, strict=True)
        ]
    return {"count": len(rows), "first": first}


def _told(row: dict[str, Any], entry: Any, given: Any) -> dict[str, Any]:
    return {
        "id": keys.show("EXP", row["exposure"]),
        "weakness": figures.short(row["weakness"], 80), "title": figures.short(row["title"], 120),
        "asset_name": figures.short(row["asset_name"], 120), "owner": figures.short(row["owner"], 60),
        "treatment": row["treatment"],
        "disposition": given.disposition if given else "accepted",
        "because": figures.short(given.because, TEXT) if given else "",
        "author": figures.short(given.author, 60) if given else "",
        "decided_at": given.decided_at if given else None, "until": given.until if given else None,
        "assumed": [figures.short(one.said, 120) for one in given.assumes] if given else [],
        "difference": figures.short(entry.because, TEXT), "revoked_at": entry.decided_at,
    }  # fmt: skip
