"""Assets as they are known: one row for each, with all its names, addresses and tags."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from foreshore import policy
from foreshore.query import attributes

if TYPE_CHECKING:
    import pyarrow as pa

Sql = Callable[..., "pa.Table"]  # (query, **tables) over the lake's tables, as a Snapshot or Lake has it

_PRESENT = """
WITH named AS (
    SELECT coalesce(n.canonical, i.asset) AS asset, i.kind, i.value
    FROM identifiers i LEFT JOIN asset_now n ON n.asset = i.asset
    WHERE i.observed_at <= {moment} GROUP BY ALL
), known AS (
    SELECT asset, list(DISTINCT value ORDER BY value) FILTER (kind = 'ip') AS addresses,
        list(DISTINCT value ORDER BY value)
            FILTER (kind IN ('fqdn', 'hostname', 'netbios', 'image_ref', 'artifact', 'repo_url')) AS names
    FROM named GROUP BY asset
), one AS ({in_force}), looked AS (
    SELECT DISTINCT coalesce(n.canonical, l.asset) AS asset
    FROM (SELECT asset FROM findings UNION SELECT asset FROM coverage WHERE asset IS NOT NULL) l
    LEFT JOIN asset_now n ON n.asset = l.asset
)
SELECT one.asset, coalesce(one.name, known.addresses[1], '') AS name,
    list_sort(list_distinct(list_concat(coalesce(known.names, []), one.called))) AS names,
    coalesce(known.addresses, []) AS addresses, coalesce(one.tags, []) AS tags,
    coalesce(a.site, 'main') AS site, one.kind, coalesce(one.owner, '') AS owner, coalesce(one.os, '') AS os,
    coalesce(one.internet = 'yes', false) AS stated_public, looked.asset IS NOT NULL AS looked
FROM one LEFT JOIN known USING (asset) LEFT JOIN assets a ON a.asset = one.asset
LEFT JOIN looked ON looked.asset = one.asset ORDER BY one.asset
"""


def present(sql: Sql, as_of: datetime | None = None, precedence: attributes.Rows | None = None) -> pa.Table:
    """Return every asset seen until `as_of` (now), sorted by asset, with the attributes in force.

    `precedence` is the policy's table of that name, by default the shipped one. Tags are those that
    sources gave; `attributes.tagged` adds those of a scope's rules.

    Columns asset, name, names, addresses, tags, site, kind, owner, os, stated_public (a source said
    that it faces the internet, and no better one denies it), looked (some source looked at it for weaknesses).
    """
    moment = as_of or datetime.now(UTC)
    rules = precedence if precedence is not None else policy.load().table("precedence")
    in_force = attributes.in_force(rules, as_of=moment)
    return sql(_PRESENT.format(moment=attributes.moment(moment), in_force=in_force))
