"""Which of several statements about an asset is in force, and the tags that the scope's rules give.

Sources name an asset's attributes (`ATTRIBUTES`) each in its own way. In force is the statement whose
source has the lowest rank in the policy's table `precedence`; among equal ranks the one that says more
(see `_PLAIN`), then the newest, then the first in the alphabet. Tags are no matter of precedence: an
asset has all of them. All that shows or uses attributes asks here, so that all agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from foreshore import scratch
from foreshore.policy.checks import ATTRIBUTES
from foreshore.query import selectors

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore import facts

Rows = Sequence[Mapping[str, str]]  # of the policy's table `precedence`

# How little a value says, by attribute; 0 where it says what it can. Readers call "host" whatever has
# an address, an address is no name, and "Linux" alone is less than a release.
_ADDRESS = "'^([0-9]+[.]){3}[0-9]+$|^[0-9a-f]*:[0-9a-f:.]*$'"
_PLAIN = {
    "name": f"if(regexp_matches(lower(name), {_ADDRESS}), 2, (kind = 'host')::INTEGER)",
    "kind": "CASE kind WHEN 'identity' THEN 2 WHEN 'host' THEN 1 ELSE 0 END",
    "os": "(NOT regexp_matches(os, '[0-9]'))::INTEGER",
    "owner": "0",
    "internet": "0",
}
_STATED = {name: f"{name} <> ''" for name in ATTRIBUTES} | {"internet": "internet <> 'unknown'"}

# One row for each source and grade with a rank for each attribute, so that sightings need only one join.
_RANKS = """
rules(attribute, source, rank) AS (VALUES {rules}),
stated AS (SELECT DISTINCT lower(coalesce(source, '')) AS source FROM runs UNION SELECT ''),
grades(grade) AS (VALUES ('@authenticated'), ('@unauthenticated'), ('@fqdn'), ('')),
applied AS (
    SELECT s.source, g.grade, r.attribute, r.rank, CASE
        WHEN r.source = g.grade THEN 2 WHEN r.source = '*' THEN 3 WHEN starts_with(r.source, '@') THEN NULL
        WHEN g.grade = '@fqdn' THEN NULL WHEN r.source = s.source THEN 0
        WHEN contains(r.source, '*') AND s.source LIKE {pattern} ESCAPE '\\' THEN 1 END AS width
    FROM stated s CROSS JOIN grades g CROSS JOIN rules r
), ranked AS (
    SELECT source, grade, attribute, arg_min(rank, (width, rank)) AS rank
    FROM applied WHERE width IS NOT NULL GROUP BY ALL
), ranks AS (
    SELECT source, grade, {columns} FROM ranked GROUP BY ALL
)"""
_PATTERN = "replace(replace(replace(replace(r.source, '\\', '\\\\'), '%', '\\%'), '_', '\\_'), '*', '%')"
_IN_FORCE = """
WITH {ranks}, told AS (
    SELECT coalesce(n.canonical, s.asset) AS asset, s.name, s.kind, s.os, s.owner, s.internet, s.tags, s.observed_at,
        lower(coalesce(r.source, '')) AS source, CASE WHEN s.authenticated THEN '@authenticated'
            WHEN NOT s.authenticated THEN '@unauthenticated' ELSE '' END AS grade
    FROM {sightings} s LEFT JOIN asset_now n ON n.asset = s.asset LEFT JOIN runs r ON r.run = s.run
    WHERE {until} s.asset IS NOT NULL
), weighed AS (
    SELECT told.*, ranks.* EXCLUDE (source, grade) FROM told JOIN ranks USING (source, grade)
), called AS (
    SELECT asset, name AS value, name_rank AS rank, {plain_name} AS plain, observed_at FROM weighed WHERE name <> ''
    UNION ALL
    SELECT coalesce(n.canonical, s.asset), s.value, (SELECT any_value(name_rank) FROM ranks WHERE grade = '@fqdn'), 0,
        s.observed_at
    FROM {identifiers} s LEFT JOIN asset_now n ON n.asset = s.asset WHERE {until} s.kind = 'fqdn'
), names AS (
    SELECT asset, arg_min(value, (rank, plain, -epoch_us(observed_at), value)) AS name,
        list(DISTINCT value ORDER BY value) AS called
    FROM called GROUP BY asset
), others AS (
    SELECT asset, {picked}, list_sort(list_distinct(flatten(list(coalesce(tags, []))))) AS tags,
        max(observed_at) AS last_seen
    FROM weighed GROUP BY asset
)
SELECT others.asset, names.name, coalesce(names.called, []) AS called,
    others.* EXCLUDE (asset) FROM others LEFT JOIN names ON names.asset = others.asset
"""


def in_force(
    precedence: Rows, *, as_of: datetime | None = None, sightings: str = "sightings", identifiers: str = "identifiers"
) -> str:
    """Return SQL over the lake's tables for the attributes in force: one row for each asset that was seen.

    Columns asset, name, called (all names that were told, sorted), kind, os, owner, internet (each NULL
    where nobody says), tags (sorted, of all sources), last_seen. `as_of` leaves out what was seen later; `sightings` and `identifiers` may be
    narrower relations in the place of those tables.
    """
    ranks = _RANKS.format(
        rules=", ".join(
            f"({_text(row['attribute'])}, {_text(row['source'])}, {int(row['rank'])})" for row in precedence
        ),
        pattern=_PATTERN,
        columns=", ".join(f"max(rank) FILTER (attribute = '{name}') AS {name}_rank" for name in ATTRIBUTES),
    )
    picked = ", ".join(
        f"arg_min({name}, ({name}_rank, {_PLAIN[name]}, -epoch_us(observed_at), {name})) FILTER ({_STATED[name]}) AS {name}"
        for name in ATTRIBUTES
        if name != "name"
    )
    return _IN_FORCE.format(
        ranks=ranks, sightings=sightings, identifiers=identifiers, plain_name=_PLAIN["name"], picked=picked,
        until=f"s.observed_at <= {moment(as_of)} AND" if as_of else "",
    )  # fmt: skip


def moment(when: datetime) -> str:
    """Return a time as SQL, UTC without zone."""
    plain = when.astimezone(UTC).replace(tzinfo=None) if when.tzinfo is not None else when
    return f"TIMESTAMP '{plain:%Y-%m-%d %H:%M:%S.%f}'"


def _text(value: str) -> str:
    return "'" + value.strip().lower().replace("'", "''") + "'"


def tagged(assets: pa.Table, scope: facts.Scope) -> pa.Table:
    """Return `assets` with the tags of the scope's rules added to the column `tags`; rows keep their order.

    `assets` has the columns that `selectors.matches` looks at, zones among them. Rules see only the tags
    that sources gave, never those of other rules, so that their order does not matter and no rule can
    feed itself.
    """
    import pyarrow as pa

    if not scope.tags:
        return assets
    hits = selectors.members(assets, [rule.assets for rule in scope.tags])
    rules = pa.table({"number": pa.array(range(len(scope.tags)), pa.int64()), "tag": [one.tag for one in scope.tags]})
    places = pa.table({
        "place": pa.array(range(len(assets)), pa.int64()), "asset": assets.column("asset"),
        "tags": assets.column("tags").cast(pa.list_(pa.string())),
    })  # fmt: skip
    connection = scratch.connect()
    try:
        for name, table in (("hits", hits), ("rules", rules), ("places", places)):
            connection.register(name, table)
        found = connection.execute("""
            WITH given AS (SELECT asset, list(tag) AS more FROM hits JOIN rules USING (number) GROUP BY asset)
            SELECT list_sort(list_distinct(list_concat(coalesce(tags, []), coalesce(more, [])))) AS tags
            FROM places LEFT JOIN given USING (asset) ORDER BY place
        """).to_arrow_table()
    finally:
        connection.close()
    column = found.column("tags").cast(pa.list_(pa.string()))
    return assets.set_column(assets.column_names.index("tags"), "tags", column)
