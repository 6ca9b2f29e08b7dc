"""Lists for people and programs: read from the serving file, with what was decided since laid over it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from foreshore import facts, keys
from foreshore.errors import UsageError

if TYPE_CHECKING:
    import duckdb

    from foreshore.workspace import Workspace

_BATCH = 5000
_DISMISSED = ", ".join(f"'{word}'" for word in facts.DISMISSALS)
# Rows in the canonical order; what a person dismissed comes last, with the person's word.
_EXPOSURES = f"""
    with laid as (
        select e.* replace (
            coalesce(o.disposition, nullif(e.disposition, '')) as disposition,
            coalesce(o.because, e.disposition_because) as disposition_because,
            case when o.disposition in ({_DISMISSED}) then null
                 when o.disposition in ('accepted', 'mitigated') then 'accepted'
                 when o.withdrawn and e.treatment is null then 'unknown' else e.treatment end as treatment)
        from exposures e left join overlay o on o.exposure = e.exposure
    )
    select * from laid where ({{where}})
    order by coalesce(disposition in ({_DISMISSED}), false), rank, exposure {{limit}}
"""


def overlay(workspace: Workspace, connection: duckdb.DuckDBPyConnection) -> None:
    """Register table `overlay`: decisions made or withdrawn since the served cycle read them."""
    import pyarrow as pa

    rows: dict[int, dict[str, Any]] = {}
    if workspace.decisions_file.exists():
        from foreshore import decisions

        found = connection.execute("select known_at from cycle").fetchone()
        read_at = found[0] if found else datetime(1970, 1, 1)  # noqa: DTZ001 tables hold naive UTC
        with decisions.open(workspace) as opened:
            words = opened.effective(datetime.now(UTC))
        held = dict(
            connection.execute(
                "select exposure, disposition from exposures where disposition <> ''"
            ).fetchall()
        )
        for word in words:
            held.pop(word.exposure, None)
            if word.decided_at.replace(tzinfo=None) > read_at and word.disposition != "claimed_fixed":
                rows[word.exposure] = {
                    "disposition": word.disposition,
                    "because": word.because,
                    "withdrawn": False,
                }
        for exposure in held:
            rows[exposure] = {"disposition": "", "because": "", "withdrawn": True}
    table = pa.table(
        {
            "exposure": pa.array(list(rows), pa.int64()),
            "disposition": pa.array([row["disposition"] for row in rows.values()], pa.string()),
            "because": pa.array([row["because"] for row in rows.values()], pa.string()),
            "withdrawn": pa.array([row["withdrawn"] for row in rows.values()], pa.bool_()),
        }
    )
    connection.register("overlay", table)


def exposures(
    workspace: Workspace, *, where: str = "", top: int | None = None, dismissed: bool = True
) -> Iterator[dict[str, Any]]:
    """Yield the served exposures as `exposures --json` shows them, in the canonical order."""
    for row in exposure_rows(workspace, where=where, top=top, dismissed=dismissed):
        yield as_json(row)


def exposure_rows(
    workspace: Workspace, *, where: str = "", top: int | None = None, dismissed: bool = True
) -> Iterator[dict[str, Any]]:
    """Yield rows of the served exposures that match `where`, a query in the one query language."""
    from foreshore.query import language
    from foreshore.store import serving

    connection = serving.connect(workspace)
    try:
        overlay(workspace, connection)
        condition, values = "true", []
        if where:
            compiled = language.compile(where)
            condition, values = compiled.sql, list(compiled.parameters)
        if not dismissed:
            condition = f"({condition}) and coalesce(disposition, '') not in ({_DISMISSED})"
        limit = f"limit {int(top)}" if top is not None else ""
        cursor = connection.execute(_EXPOSURES.format(where=condition, limit=limit), values)
        names = [column[0] for column in cursor.description or ()]
        while batch := cursor.fetchmany(_BATCH):
            for row in batch:
                yield dict(zip(names, row, strict=True))
    finally:
        connection.close()


def as_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of exposures in the shape that other programs may rely on."""
    return {
        "id": keys.show("EXP", row["exposure"]),
        "rank": row["rank"],
        "asset": keys.show("AST", row["asset"]),
        "asset_name": row["asset_name"],
        "site": row["site"],
        "zone": row["zone"],
        "weakness": row["weakness"],
        "title": row["title"],
        "kind": row["kind"],
        "severity": facts.SEVERITIES[row["severity"]],
        "cvss": row["cvss"],
        "epss": row["epss"],
        "kev": row["kev"],
        "place": row["place"],
        "state": row["state"],
        "way_in": row["way_in"],
        "reachable": row["reachable"],
        "reach_fact": row["reach_fact"],
        "exploit": row["exploit"],
        "leads_to": row["leads_to"] or [],
        "leads": row["leads"],
        "likelihood": row["likelihood"],
        "contribution": {"mean": row["contribution"], "low": row["low"], "high": row["high"]},
        "unit": "share of modelled risk",
        "treatment": row["treatment"],
        "reason": row["reason"],
        "would_lower": row["would_lower"],
        "label": row["label"],
        "due": row["due"],
        "due_rule": row["due_rule"],
        "owner": row["owner"],
        "verdict": row["verdict"],
        "disposition": row["disposition"] or None,
        "because": row["disposition_because"] or None,
        "first_seen": row["first_seen"],
        "last_seen": row["last_seen"],
        "sources": row["sources"] or [],
        "fix": row["fix"],
        "action": keys.show("ACT", row["action"]) if row["action"] else None,
    }


def find(workspace: Workspace, texts: list[str]) -> list[dict[str, Any]]:
    """Return the served exposures that `texts` (keys or beginnings of keys) name, one for each.

    Raises UsageError for a text that names none, or several: those are listed.
    """
    from foreshore.store import serving

    found = []
    connection = serving.connect(workspace)
    try:
        overlay(workspace, connection)
        for text in texts:
            low, high = keys.parse(text, "EXP")
            query = _EXPOSURES.format(where=f"exposure between {low} and {high}", limit="limit 6")
            cursor = connection.execute(query)
            names = [column[0] for column in cursor.description or ()]
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
            found.append(_only(rows, text))
    finally:
        connection.close()
    return found


def _only(rows: list[dict[str, Any]], text: str) -> dict[str, Any]:
    if not rows:
        raise UsageError(f"no exposure of the last cycle has the key {text}", hint="foreshore exposures")
    if len(rows) > 1:
        some = "; ".join(f"{keys.show('EXP', row['exposure'])} {row['title']}" for row in rows[:5])
        raise UsageError(f"several exposures begin with {text}: {some}", hint="more letters of the key")
    return rows[0]


def rows(workspace: Workspace, query: str) -> list[dict[str, Any]]:
    """Return the rows of a fixed query over the serving file (see `store.serving` for its tables)."""
    from foreshore.store import serving

    connection = serving.connect(workspace)
    try:
        cursor = connection.execute(query)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    finally:
        connection.close()
