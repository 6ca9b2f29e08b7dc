"""Lists for people and programs: read from the serving file, with what was decided since laid over it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from foreshore import facts, keys
from foreshore.errors import UsageError

if TYPE_CHECKING:
    import duckdb

    from foreshore.decisions.records import Entry
    from foreshore.workspace import Workspace

_BATCH = 5000
DISMISSED = ", ".join(f"'{word}'" for word in facts.DISMISSALS)
# The served exposures with what was decided, ended or claimed since; needs the table that `overlay` registers.
LAID = f"""
    select e.* replace (
        case when o.withdrawn then null else coalesce(o.disposition, nullif(e.disposition, '')) end as disposition,
        case when o.withdrawn then null else coalesce(o.because, e.disposition_because) end as disposition_because,
        case when o.claimed then 'pending_verification' else e.state end as state,
        case when o.disposition in ({DISMISSED}) then null
             when o.disposition in ('accepted', 'mitigated') then 'accepted'
             when o.withdrawn and coalesce(e.treatment, 'accepted') = 'accepted' then 'unknown'
             else e.treatment end as treatment,
        case when o.withdrawn then coalesce('What a person decided was revoked: ' || o.because || '; ',
                'What a person decided has ended; ') || 'the next cycle says what to do.'
             when o.disposition is not null
                then 'A person decided “' || replace(o.disposition, '_', ' ') || '”: ' || o.because
             else e.reason end as reason)
    from exposures e left join overlay o on o.exposure = e.exposure
"""
# Rows in the canonical order; what a person dismissed comes last, with the person's word.
_EXPOSURES = f"""
    with laid as ({LAID})
    select * from laid where ({{where}})
    order by coalesce(disposition in ({DISMISSED}), false), rank, exposure {{limit}}
"""


def overlay(workspace: Workspace, connection: duckdb.DuckDBPyConnection) -> None:
    """Register table `overlay`: decisions made, ended or withdrawn since the served cycle read them.

    Decisions count on the id that the served cycle knows, whichever of its ids they were made on.
    """
    import pyarrow as pa

    from foreshore import decisions

    rows: list[dict[str, Any]] = []
    if decisions.exist(workspace):
        found = connection.execute("select known_at from cycle").fetchone()
        read_at = found[0] if found else datetime(1970, 1, 1)  # noqa: DTZ001 tables hold naive UTC
        words = _words(workspace, connection)
        held = connection.execute("select exposure from exposures where disposition <> ''").fetchall()
        spoken = {word.exposure for word in words}
        for word in words:
            if word.decided_at.replace(tzinfo=None) > read_at:
                claimed = word.disposition == "claimed_fixed"
                said = None if claimed else word.disposition
                rows.append(_laid(word.exposure, said, word.because, claimed=claimed))
        over = [key for (key,) in held if key not in spoken]
        why = {key: entry.because for key, entry in revoked(workspace, connection).items()} if over else {}
        rows += [_laid(key, None, why.get(key, ""), withdrawn=True) for key in over]
    schema = pa.schema([
        ("exposure", pa.int64()), ("disposition", pa.string()), ("because", pa.string()),
        ("withdrawn", pa.bool_()), ("claimed", pa.bool_()),
    ])  # fmt: skip
    connection.register("overlay", pa.Table.from_pylist(rows, schema=schema))


def _laid(
    key: int, said: str | None, because: str, *, withdrawn: bool = False, claimed: bool = False
) -> dict[str, Any]:
    return {
        "exposure": key, "disposition": said, "because": because or None, "withdrawn": withdrawn,
        "claimed": claimed,
    }  # fmt: skip


def _words(workspace: Workspace, connection: duckdb.DuckDBPyConnection) -> list[facts.Decision]:
    """Return the decisions that count now, each on an id of the served exposures where it has one."""
    from foreshore import decisions

    with decisions.open(workspace) as opened:
        words = opened.effective(datetime.now(UTC))
        if len(_served(connection, [word.exposure for word in words])) == len(words):
            return words
        renamed = _renamed(workspace)
        known = _served(connection, [*renamed.values(), *renamed])
        return opened.effective(
            datetime.now(UTC), {old: new for old, new in renamed.items() if new in known or old not in known}
        )


def revoked(workspace: Workspace, connection: duckdb.DuckDBPyConnection) -> dict[int, Entry]:
    """Return the revocations that nobody has answered by a newer word, by the id that the served cycle knows.

    Those of exposures that are no longer open are left out. `connection` is to the serving file.
    """
    from foreshore import decisions

    if not decisions.exist(workspace):
        return {}
    with decisions.open(workspace) as opened:
        found = {entry.exposure: entry for entry in opened.revoked()}
    known = _served(connection, list(found))
    if len(known) < len(found):
        renamed = _renamed(workspace)
        later = {old: renamed[old] for old in found if old not in known and old in renamed}
        there = _served(connection, list(later.values()))
        found |= {new: found[old] for old, new in later.items() if new in there and new not in found}
        known |= there
    return {key: entry for key, entry in found.items() if key in known}


def _served(connection: duckdb.DuckDBPyConnection, keys_asked: list[int]) -> set[int]:
    import pyarrow as pa

    asked = pa.table({"exposure": pa.array(sorted(set(keys_asked)), pa.int64())})
    connection.register("asked", asked)
    try:
        return {
            key
            for (key,) in connection.execute(
                "select exposure from exposures semi join asked using (exposure)"
            ).fetchall()
        }
    finally:
        connection.unregister("asked")


def _renamed(workspace: Workspace) -> dict[int, int]:
    """Return where the ids of exposures lead that were renamed or merged."""
    from foreshore.store import open_lake

    with open_lake(workspace, read_only=True) as lake:
        table = lake.sql("select exposure, canonical from exposure_now")
    return dict(zip(table.column("exposure").to_pylist(), table.column("canonical").to_pylist(), strict=True))


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
    from foreshore.query import compiling, language, present
    from foreshore.store import serving

    connection = serving.connect(workspace)
    try:
        overlay(workspace, connection)
        condition, values = "true", []
        if where.strip():
            asked = present.followed(workspace, connection, language.parse(where))
            now = datetime.now(UTC).replace(tzinfo=None)
            compiled = compiling.compile_node(asked, compiling.Setting(now))
            condition, values = compiled.sql, list(compiled.parameters)
        if not dismissed:
            condition = f"({condition}) and coalesce(disposition, '') not in ({DISMISSED})"
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
        "epss_model": row.get("epss_model") or None,
        "kev": row["kev"],
        "place": row["place"],
        "state": row["state"],
        "way_in": row["way_in"],
        "reachable": row["reachable"],
        "reach_fact": row["reach_fact"],
        "exploit": row["exploit"],
        "exploit_because": row.get("exploit_because") or None,
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
        "vendor": row.get("vendor") or None,
        "vendor_because": row.get("vendor_because") or None,
        "first_seen": row["first_seen"],
        "last_seen": row["last_seen"],
        "sources": row["sources"] or [],
        "fix": row["fix"],
        "action": keys.show("ACT", row["action"]) if row["action"] else None,
    }


def find(workspace: Workspace, texts: list[str]) -> list[dict[str, Any]]:
    """Return the served exposures that `texts` (keys or beginnings of keys) name, one for each.

    A key that was renamed or merged leads to what it became. Raises UsageError for a text that names
    none, or several: those are listed.
    """
    from foreshore.store import serving

    found = []
    connection = serving.connect(workspace)
    try:
        overlay(workspace, connection)
        for text in texts:
            rows = _between(connection, *keys.parse(text, "EXP"))
            found.append(_only(rows or _renamed_to(workspace, connection, text), text))
    finally:
        connection.close()
    return found


def _between(connection: duckdb.DuckDBPyConnection, low: int, high: int) -> list[dict[str, Any]]:
    where = f"exposure between {int(low)} and {int(high)}"
    return _dicts(connection.execute(_EXPOSURES.format(where=where, limit="limit 6")))


def _renamed_to(workspace: Workspace, connection: duckdb.DuckDBPyConnection, text: str) -> list[dict[str, Any]]:
    low, high = keys.parse(text, "EXP")
    targets = {new for old, new in _renamed(workspace).items() if low <= old <= high}
    return [row for new in sorted(targets)[:6] for row in _between(connection, new, new)]


def _only(rows: list[dict[str, Any]], text: str) -> dict[str, Any]:
    if not rows:
        raise UsageError(
            f"no exposure of the last cycle has the key {text}", hint="foreshore exposures lists the open ones"
        )
    if len(rows) > 1:
        some = "; ".join(f"{keys.show('EXP', row['exposure'])} {row['title']}" for row in rows[:5])
        raise UsageError(f"several exposures begin with {text}: {some}", hint="more letters of the key")
    return rows[0]


def alike(workspace: Workspace, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the other open served exposures of the same weakness in the same component.

    Where the place is no component, those in the same kind of place.
    """
    from foreshore.store import serving

    place = "place" if row["place_kind"] == "component" else "place_kind"
    where = f"weakness = ? and place_kind = ? and {place} = ? and exposure <> ? and treatment is not null"
    connection = serving.connect(workspace)
    try:
        overlay(workspace, connection)
        values = [row["weakness"], row["place_kind"], row[place], row["exposure"]]
        return _dicts(connection.execute(_EXPOSURES.format(where=where, limit=""), values))
    finally:
        connection.close()


def _dicts(cursor: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


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
