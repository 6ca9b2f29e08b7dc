"""The review queue of assets: joins that were refused, people's answers, and what is known of one asset."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from foreshore import decisions, keys, policy
from foreshore.discovery.importing import Importer
from foreshore.errors import UsageError
from foreshore.intel.endings import endings_at
from foreshore.query import attributes
from foreshore.store import open_lake

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore import facts
    from foreshore.store.ducklake import Lake
    from foreshore.workspace import Workspace

_ALL: Mapping[str, pa.Table] = MappingProxyType({})
_QUEUE = """
    select c.kind, c.value, c.reason, min(r.observed_at) as since,
        least(coalesce(l.canonical, c.left_asset), coalesce(g.canonical, c.right_asset)) as left_asset,
        greatest(coalesce(l.canonical, c.left_asset), coalesce(g.canonical, c.right_asset)) as right_asset
    from asset_conflicts c join runs r on r.run = c.run
    left join asset_now l on l.asset = c.left_asset left join asset_now g on g.asset = c.right_asset
    where coalesce(l.canonical, c.left_asset) <> coalesce(g.canonical, c.right_asset) and not exists (
        select 1 from said s left join asset_now a on a.asset = s.l left join asset_now b on b.asset = s.r
        where [coalesce(a.canonical, s.l), coalesce(b.canonical, s.r)].list_sort()
            = [coalesce(l.canonical, c.left_asset), coalesce(g.canonical, c.right_asset)].list_sort())
    group by all order by since, left_asset, right_asset, c.kind, c.value
"""
_TOLD = """
    with wanted as (
        select asset, coalesce(n.canonical, w.asset) as canonical from asked w left join asset_now n using (asset)
    ), atoms as (
        select w.canonical, w.canonical as atom from wanted w
        union select n.canonical, n.asset from asset_now n semi join wanted w on w.canonical = n.canonical
    )
"""
_TIMELINE = """
    select e.exposure, x.weakness, x.title, e.happened_at as at, e.kind, e.source, e.reason
    from exposure_events_now e join exposures x on x.exposure = e.exposure
    where x.asset in (select asset from asset_now where canonical = {asset} union select {asset}) {until}
    order by e.happened_at desc, e.exposure, e.kind limit {most}
"""
_IDENTIFIERS = (
    _TOLD
    + """
    select a.canonical as asset, a.atom as part, i.kind, i.value, list(distinct r.source order by r.source) as sources,
        min(i.observed_at) as first_seen, max(i.observed_at) as last_seen
    from atoms a join identifiers i on i.asset = a.atom join runs r on r.run = i.run
    where i.kind <> 'anchor' group by all order by 1, 2, 3, 4
"""
)
_ATTRIBUTES = (
    _TOLD
    + """
    , seen as (
        select a.canonical as asset, r.source, s.* exclude (asset) from atoms a
        join sightings s on s.asset = a.atom join runs r on r.run = s.run
    ), told as (
        unpivot (select asset, source, observed_at, name::VARCHAR as name, kind::VARCHAR as kind, os::VARCHAR as os,
            owner::VARCHAR as owner, case when internet <> 'unknown' then internet end as internet,
            array_to_string(tags, ', ') as tags from seen)
        on name, kind, os, owner, internet, tags into name attribute value value
        union all
        select a.canonical, r.source, i.observed_at, 'name', i.value from atoms a
        join identifiers i on i.asset = a.atom and i.kind = 'fqdn' join runs r on r.run = i.run
    )
    select asset, attribute, value, source, max(observed_at) as last_seen from told where value <> ''
    group by all order by asset, attribute, last_seen desc, source, value
"""
)


# The same rows, each saying whether its value is the one in force; all tags of an asset are.
_MARKED = """
    with one as ({in_force}), valid as (
        unpivot (select asset, name, kind::VARCHAR as kind, os, owner, internet from one)
        on name, kind, os, owner, internet into name attribute value value
    )
    select a.*, a.attribute = 'tags' or v.value is not null as in_force
    from told a left join valid v on v.attribute = a.attribute and v.value = a.value
    order by a.attribute, in_force desc, a.last_seen desc, a.source, a.value
"""


def queue(workspace: Workspace) -> list[dict[str, Any]]:
    """Return the refused joins that nobody answered: both assets with their names, what they share, and why not."""
    import pyarrow as pa

    words = reviews(workspace)
    ends = {"l": [one.left for one in words], "r": [one.right for one in words]}
    said = pa.table({name: pa.array(ids, pa.int64()) for name, ids in ends.items()})
    with open_lake(workspace, read_only=True) as lake:
        rows = lake.sql(_QUEUE, said=said).to_pylist()
        names = _names(lake, [row[end] for row in rows for end in ("left_asset", "right_asset")])
    return [
        {
            "left": names[row["left_asset"]], "right": names[row["right_asset"]], "shares": row["kind"],
            "value": row["value"], "why": row["reason"], "since": row["since"],
        }
        for row in rows
    ]  # fmt: skip


def _names(lake: Lake, assets: list[int]) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {
        key: {"id": keys.show("AST", key), "name": "", "identifiers": []} for key in assets
    }
    for row in _ask(lake, _IDENTIFIERS, assets):
        found[row["asset"]]["identifiers"].append(f"{row['kind']} {row['value']}")
    for row in _ask(lake, _ATTRIBUTES, assets):
        if row["attribute"] == "name":
            found[row["asset"]]["name"] = found[row["asset"]]["name"] or row["value"]
    return found


def _ask(lake: Lake, query: str, assets: list[int], **others: pa.Table) -> list[dict[str, Any]]:
    import pyarrow as pa

    asked = pa.table({"asset": pa.array(sorted(set(assets)), pa.int64())})
    return list(lake.sql(query, asked=asked, **others).to_pylist())


def _until(lake: Lake, asset: int, moment: datetime) -> dict[str, pa.Table]:
    """Return what was said of the asset until `moment`, in place of the tables that hold all of it."""
    when = f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S.%f}'"
    of = f"asset in (select asset from asset_now where canonical = {asset} union select {asset})"
    return {
        name: lake.sql(f"select * from {name} where {of} and observed_at <= {when}")
        for name in ("identifiers", "sightings")
    }


def show(workspace: Workspace, text: str, *, as_of: datetime | None = None) -> dict[str, Any]:
    """Return all that is known of one asset: attributes and identifiers with source and age, and its parts.

    `in_force` marks the value of each attribute that lists and the ranking use (see `query.attributes`);
    every tag is. A part is what one set of identifiers brought together; an asset of several parts can be taken apart
    with `answer`. With `as_of` (UTC) only what was seen until then counts.
    """
    with open_lake(workspace, read_only=True) as lake:
        asset = _canonical(lake, resolve(lake, text))
        held = _until(lake, asset, as_of) if as_of is not None else {}
        identifiers = _ask(lake, _IDENTIFIERS, [asset], **held)
        said = _marked(lake, asset, policy.load(workspace.policy_dir), as_of, held)
        aliases = lake.sql(
            f"""select a.old, a.new, a.reason, r.observed_at from asset_aliases a join runs r using (run)
            where a.old = {asset} or a.new = {asset} order by a.generation, a.old"""
        ).to_pylist()
        ending = _ending(lake, said)
    for row in (*identifiers, *said):
        row.pop("asset")
        if "part" in row:
            row["part"] = keys.show("AST", row["part"])
    history = [{**row, "old": keys.show("AST", row["old"]), "new": keys.show("AST", row["new"])} for row in aliases]
    name = next((row["value"] for row in said if row["attribute"] == "name" and row["in_force"]), "")
    parts = sorted({row["part"] for row in identifiers})
    return {"id": keys.show("AST", asset), "name": name, "parts": parts, "attributes": said,
            "identifiers": identifiers, "history": history, "end_of_support": ending}  # fmt: skip


def timeline(
    workspace: Workspace, text: str, *, as_of: datetime | None = None, most: int = 200
) -> list[dict[str, Any]]:
    """Return what happened to the exposures of one asset until `as_of`, the newest `most`, newest first.

    exposure, weakness, title, at, kind (what happened), source, reason.
    """
    with open_lake(workspace, read_only=True) as lake:
        asset = _canonical(lake, resolve(lake, text))
        until = f"and e.happened_at <= TIMESTAMP '{as_of:%Y-%m-%d %H:%M:%S.%f}'" if as_of is not None else ""
        rows = lake.sql(_TIMELINE.format(asset=asset, until=until, most=int(most))).to_pylist()
    return [{**row, "exposure": keys.show("EXP", row["exposure"])} for row in rows]


def _ending(lake: Lake, said: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return until when the operating system in force is supported, None where no feed knows it."""
    os = next((row["value"] for row in said if row["attribute"] == "os" and row["in_force"]), "")
    found = endings_at(lake.sql, datetime.now(UTC)).of_system(os) if os else None
    if found is None:
        return None
    return {"product": found.product, "cycle": found.cycle, "day": found.day, "ended": found.ended,
            "sentence": found.sentence()}  # fmt: skip


def _marked(
    lake: Lake, asset: int, rules: policy.Policy, as_of: datetime | None = None, held: Mapping[str, pa.Table] = _ALL
) -> list[dict[str, Any]]:
    """What was said of the asset's attributes, by whom and when; `in_force` marks the values that count."""
    import pyarrow as pa

    wanted = pa.table({"asset": pa.array([asset], pa.int64())})
    told = lake.sql(_ATTRIBUTES, asked=wanted, **held)
    atoms = f"(select asset from asset_now where canonical = {asset} union select {asset})"
    query = attributes.in_force(
        rules.table("precedence"),
        as_of=as_of,
        sightings=f"(from sightings where asset in {atoms})",
        identifiers=f"(from identifiers where asset in {atoms})",
    )
    return list(lake.sql(_MARKED.format(in_force=query), told=told).to_pylist())


def _canonical(lake: Lake, asset: int) -> int:
    return int(lake.sql(f"select canonical_asset({asset}) as n").column("n")[0].as_py())


def resolve(lake: Lake, text: str) -> int:
    """Return the id of the asset or part that `text` (a key, its beginning, or a name) means; raises UsageError."""
    found = _by_key(lake, text) or _by_name(lake, text)
    if len(found) != 1:
        named = ", ".join(keys.show("AST", one) for one in found[:5])
        raise UsageError(
            f"“{text}” means {'several assets: ' + named if found else 'no asset'}",
            hint="the key that foreshore assets prints",
        )
    return found[0]


def _by_key(lake: Lake, text: str) -> list[int]:
    try:
        low, high = keys.parse(text, "AST")
    except UsageError:
        return []
    rows = lake.sql(f"select asset from assets where asset between {low} and {high} limit 10")
    return [int(one) for one in rows.column("asset").to_pylist()]


def _by_name(lake: Lake, text: str) -> list[int]:
    import pyarrow as pa

    rows = lake.sql(
        """select distinct coalesce(n.canonical, s.asset) as asset from sightings s
        left join asset_now n using (asset) semi join wanted w on lower(s.name) = w.name limit 10""",
        wanted=pa.table({"name": [text.strip().lower()]}),
    )
    return [int(one) for one in rows.column("asset").to_pylist()]


def answer(workspace: Workspace, left: str, right: str, *, same: bool, because: str, author: str) -> dict[str, Any]:
    """Take down that two assets (or parts) are the same, or not; settle it at once, and tell what changed.

    Later imports obey it. Decisions on the exposures of both are kept; see `discovery.exposures`.
    """
    with open_lake(workspace, read_only=True) as lake:
        pair = resolve(lake, left), resolve(lake, right)
    with decisions.open(workspace) as opened:
        opened.review(*pair, "same" if same else "different", because=because, author=author)
    run = settle(workspace)
    with open_lake(workspace, read_only=True) as lake:
        ends = [_canonical(lake, one) for one in pair]
    return {
        "left": keys.show("AST", pair[0]), "right": keys.show("AST", pair[1]), "same": same, "because": because,
        "author": author, "assets": [keys.show("AST", one) for one in dict.fromkeys(ends)], "run": run,
    }  # fmt: skip


def settle(workspace: Workspace) -> str:
    """Settle all of people's words on assets against the facts as they are; returns the run's key."""
    with Importer(workspace, reviews=reviews(workspace)) as importer:
        importer.review(f"review {datetime.now(UTC).isoformat()}")
        run = importer.finish().runs[0]
    with decisions.open(workspace) as opened:
        opened.acknowledge(f"import:{run.run}", "import", {"file": run.file})
    return run.run


def reviews(workspace: Workspace) -> list[facts.AssetReview]:
    """Return the latest word on each pair of assets."""
    if not decisions.exist(workspace):
        return []
    with decisions.open(workspace) as opened:
        return opened.reviews()
