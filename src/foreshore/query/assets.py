"""Assets as they are known: one row for each, with all its names, addresses and tags."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

Sql = Callable[..., "pa.Table"]  # (query, **tables) over the lake's tables, as a Snapshot or Lake has it

_PRESENT = """
WITH shown AS (
    SELECT coalesce(n.canonical, s.asset) AS asset, s.* EXCLUDE (asset)
    FROM sightings s LEFT JOIN asset_now n ON n.asset = s.asset WHERE s.observed_at <= TIMESTAMP '{moment}'
), named AS (
    SELECT coalesce(n.canonical, i.asset) AS asset, i.kind, i.value
    FROM identifiers i LEFT JOIN asset_now n ON n.asset = i.asset
    WHERE i.observed_at <= TIMESTAMP '{moment}' GROUP BY ALL
), known AS (
    SELECT asset, list(DISTINCT value ORDER BY value) FILTER (kind = 'ip') AS addresses,
        list(DISTINCT value ORDER BY value)
            FILTER (kind IN ('fqdn', 'hostname', 'netbios', 'image_ref', 'artifact', 'repo_url')) AS names,
        min(value) FILTER (kind = 'fqdn') AS fqdn
    FROM named GROUP BY asset
), one AS (
    SELECT asset, arg_max(name, (kind <> 'host', observed_at, name)) FILTER (name <> '') AS name,
        arg_max(kind, (kind <> 'identity', kind <> 'host', observed_at, kind)) AS kind,
        arg_max(os, (observed_at, os)) FILTER (os <> '') AS os,
        arg_max(owner, (observed_at, owner)) FILTER (owner <> '') AS owner,
        bool_or(internet = 'yes') AS stated_public,
        list_sort(list_distinct(flatten(list(coalesce(tags, []))))) AS tags
    FROM shown GROUP BY asset
), looked AS (
    SELECT DISTINCT coalesce(n.canonical, l.asset) AS asset
    FROM (SELECT asset FROM findings UNION SELECT asset FROM coverage WHERE asset IS NOT NULL) l
    LEFT JOIN asset_now n ON n.asset = l.asset
)
SELECT one.asset, coalesce(one.name, known.fqdn, known.addresses[1], '') AS name,
    list_sort(list_distinct(list_concat(coalesce(known.names, []),
        CASE WHEN one.name IS NULL THEN []::VARCHAR[] ELSE [one.name] END))) AS names,
    coalesce(known.addresses, []) AS addresses, coalesce(one.tags, []) AS tags,
    coalesce(a.site, 'main') AS site, one.kind, coalesce(one.owner, '') AS owner, coalesce(one.os, '') AS os,
    coalesce(one.stated_public, false) AS stated_public, looked.asset IS NOT NULL AS looked
FROM one LEFT JOIN known USING (asset) LEFT JOIN assets a ON a.asset = one.asset
LEFT JOIN looked ON looked.asset = one.asset ORDER BY one.asset
"""


def present(sql: Sql, as_of: datetime | None = None) -> pa.Table:
    """Return every asset seen until `as_of` (now), sorted by asset.

    Columns asset, name, names, addresses, tags, site, kind, owner, os, stated_public (a source said
    that it faces the internet), looked (some source looked at it for weaknesses).
    """
    moment = as_of or datetime.now(UTC)
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return sql(_PRESENT.format(moment=moment.isoformat(sep=" ")))
