"""Zones: which part of its site's network each asset is in.

In this order: a zone that lists one of the asset's names in full; else the zone with the longest
network that holds one of its addresses; else the zone with the longest name pattern that matches.
Only zones of the asset's own site are looked at. Equals go to the zone that comes first in the
alphabet, so that the answer never depends on the order of the scope. No zone is '', which means
unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from foreshore import scratch
from foreshore.query import addresses
from foreshore.query.selectors import is_pattern, like

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from foreshore import facts

_CANDIDATES = """
    CREATE TEMP TABLE candidates AS
    WITH said AS (
        SELECT DISTINCT asset, site, lower(value) AS value FROM (
            SELECT asset, site, name AS value FROM assets
            UNION ALL SELECT asset, site, unnest(names) FROM assets)
        WHERE value <> ''),
    lengths AS (SELECT DISTINCT family, length FROM zone_networks),
    cut AS (SELECT p.asset, p.site, l.family, l.length, p.bits[1:l.length] AS prefix
        FROM places p JOIN lengths l ON length(p.bits) = l.family)
    SELECT s.asset, n.zone, 2 AS strength, 0 AS length
    FROM said s JOIN zone_names n ON n.site = s.site AND n.exact = s.value
    UNION ALL SELECT c.asset, n.zone, 1, n.length * 32 // n.family
    FROM cut c JOIN zone_networks n USING (site, family, length, prefix)
    UNION ALL SELECT s.asset, n.zone, 0, length(n.pattern)
    FROM said s JOIN zone_names n ON n.site = s.site AND n.pattern IS NOT NULL
        AND s.value LIKE n.pattern ESCAPE '\\'
"""


def assign(assets: pa.Table, scope: facts.Scope) -> pa.Table:
    """Return `assets` with a column `zone`, '' where no zone of the scope holds the asset.

    `assets` has columns asset, site, name, names (list), addresses (list); rows keep their order, an
    existing column `zone` is replaced.
    """
    import pyarrow as pa

    connection = scratch.connect()
    try:
        _register(connection, assets, scope)
        connection.execute(_CANDIDATES)
        found = connection.execute(
            """
            WITH best AS (SELECT asset, arg_min(zone, (-strength, -length, zone)) AS zone
                FROM candidates GROUP BY asset),
            rows AS (SELECT asset, unnest(places) AS place FROM (
                SELECT asset, list(place) AS places FROM numbered GROUP BY asset))
            SELECT coalesce(zone, '') AS zone FROM rows LEFT JOIN best USING (asset) ORDER BY place
            """
        ).to_arrow_table()
    finally:
        connection.close()
    column = found.column("zone").cast(pa.string())
    if "zone" in assets.column_names:
        return assets.set_column(assets.column_names.index("zone"), "zone", column)
    return assets.append_column("zone", column)


def _register(connection: duckdb.DuckDBPyConnection, assets: pa.Table, scope: facts.Scope) -> None:
    import pyarrow as pa

    connection.register("assets", assets.select(["asset", "site", "name", "names", "addresses"]))
    connection.register(
        "numbered",
        pa.table({"asset": assets.column("asset"), "place": pa.array(range(len(assets)), pa.int64())}),
    )
    addresses.unfold(connection, assets)
    nets = [(zone, network) for zone in scope.zones for network in zone.networks]
    table = addresses.networks([network for _, network in nets])
    table = table.append_column("site", pa.array([zone.site for zone, _ in nets], pa.string()))
    connection.register(
        "zone_networks", table.append_column("zone", pa.array([zone.name for zone, _ in nets], pa.string()))
    )
    names = [(zone, name) for zone in scope.zones for name in zone.names]
    wild = [is_pattern(name) for _, name in names]
    connection.register(
        "zone_names",
        pa.table(
            {
                "zone": pa.array([zone.name for zone, _ in names], pa.string()),
                "site": pa.array([zone.site for zone, _ in names], pa.string()),
                "exact": pa.array(
                    [None if w else name.lower() for w, (_, name) in zip(wild, names, strict=True)],
                    pa.string(),
                ),
                "pattern": pa.array(
                    [like(name) if w else None for w, (_, name) in zip(wild, names, strict=True)], pa.string()
                ),
            }
        ),
    )
