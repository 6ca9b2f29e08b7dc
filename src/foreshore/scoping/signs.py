"""Signs by which an asset shows its role, read from `signs.csv` and matched as sets."""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

from foreshore.query.assets import Sql

if TYPE_CHECKING:
    import pyarrow as pa

ENOUGH = 1.0


class Role(NamedTuple):
    """One kind of part that may be proposed."""

    role: str
    section: str
    title: str
    tier: int


def _rows(name: str) -> list[dict[str, str]]:
    text = (resources.files("foreshore.scoping") / name).read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def kinds() -> tuple[Role, ...]:
    """Return the roles in the order in which they are proposed."""
    return tuple(Role(row["role"], row["section"], row["title"], int(row["tier"])) for row in _rows("roles.csv"))


def table() -> pa.Table:
    """Return all signs: role, looks_at, pattern, ports (of a `ports` sign), weight, sentence."""
    import pyarrow as pa

    rows = _rows("signs.csv")
    ports = [[int(port) for port in row["pattern"].split("+")] if row["column"] == "ports" else [] for row in rows]
    return pa.table(
        {
            "sign": pa.array(range(len(rows)), pa.int64()),
            "role": pa.array([row["role"] for row in rows], pa.string()),
            "looks_at": pa.array([row["column"] for row in rows], pa.string()),
            "pattern": pa.array([row["pattern"] for row in rows], pa.string()),
            "ports": pa.array(ports, pa.list_(pa.int64())),
            "weight": pa.array([float(row["weight"]) for row in rows], pa.float64()),
            "sentence": pa.array([row["sentence"] for row in rows], pa.string()),
        }
    )


# What each kind of sign looks at, once for each distinct text.
_SAID = """
    said AS (
        SELECT asset, 'name' AS looks_at, lower(unnest(names)) AS value FROM present
        UNION SELECT asset, 'os', lower(os) FROM present WHERE os <> ''
        UNION SELECT asset, 'kind', kind FROM present
        UNION SELECT asset, 'tag', lower(unnest(tags)) FROM present
        UNION SELECT asset, 'service', lower(service) FROM open_ports WHERE service <> ''
        UNION SELECT asset, 'software', lower(product) FROM open_ports WHERE product <> ''
        UNION SELECT asset, 'software', lower(component_name) FROM software
    )
"""
_OPEN = """
    open_ports AS (
        SELECT DISTINCT coalesce(n.canonical, p.asset) AS asset, p.port, coalesce(p.service, '') AS service,
            coalesce(p.product, '') AS product
        FROM ports_seen p LEFT JOIN asset_now n ON n.asset = p.asset WHERE p.state = 'open'
        UNION SELECT DISTINCT coalesce(n.canonical, f.asset), f.port, '', '' FROM findings f
        LEFT JOIN asset_now n ON n.asset = f.asset WHERE f.port > 0
    ), software AS (
        SELECT DISTINCT coalesce(n.canonical, f.asset) AS asset, f.component_name
        FROM findings f LEFT JOIN asset_now n ON n.asset = f.asset WHERE f.component_name <> ''
    )
"""
_ROLES = f"""
    WITH {_OPEN}, {_SAID}, texts AS (SELECT DISTINCT looks_at, value FROM said),
    matched AS (
        SELECT t.looks_at, t.value, s.sign FROM texts t JOIN signs s ON s.looks_at = t.looks_at
            AND s.looks_at <> 'ports' AND s.role NOT IN ('service', 'generic')
            AND regexp_matches(t.value, s.pattern)
    ), listening AS (SELECT asset, list(DISTINCT port::BIGINT) AS ports FROM open_ports GROUP BY asset),
    hits AS (
        SELECT said.asset, matched.sign FROM said JOIN matched USING (looks_at, value)
        UNION SELECT l.asset, s.sign FROM listening l JOIN signs s
            ON s.looks_at = 'ports' AND list_has_all(l.ports, s.ports)
    ), weighed AS (
        SELECT h.asset, s.role, s.looks_at, max(s.weight) AS weight,
            arg_min(s.sentence, (-s.weight, s.sign)) AS sentence
        FROM hits h JOIN signs s USING (sign) GROUP BY h.asset, s.role, s.looks_at
    )
    SELECT w.role, w.asset, any_value(p.name) AS name,
        list(w.sentence ORDER BY w.weight DESC, w.sentence) AS sentences
    FROM weighed w JOIN present p USING (asset) GROUP BY w.role, w.asset
    HAVING sum(w.weight::DECIMAL(6, 3)) >= {ENOUGH} ORDER BY w.role, name, w.asset
"""


def roles(sql: Sql, assets: pa.Table) -> pa.Table:
    """Return (role, asset, name, sentences): every role for which an asset shows enough signs.

    Of several signs that look at the same thing, the strongest counts once.
    """
    return sql(_ROLES, present=assets, signs=table())


_PRIVATE = (
    "^(10\\.|127\\.|169\\.254\\.|192\\.168\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.|100\\.(6[4-9]|[7-9][0-9]|1[01][0-9]|"
    "12[0-7])\\.|0\\.|22[4-9]\\.|23[0-9]\\.|24[0-9]\\.|25[0-5]\\.)"
)
_FACING = f"""
    WITH {_OPEN}, addressed AS (SELECT asset, unnest(addresses) AS address FROM present),
    public AS (
        SELECT asset, min(address) AS address FROM addressed
        WHERE regexp_matches(address, '^[0-9.]+$') AND NOT regexp_matches(address, '{_PRIVATE}')
        GROUP BY asset
    ), outside AS (
        SELECT DISTINCT coalesce(n.canonical, p.asset) AS asset FROM ports_seen p
        JOIN runs r ON r.run = p.run AND r.vantage = 'internet' LEFT JOIN asset_now n ON n.asset = p.asset
        WHERE p.state = 'open'
    )
    SELECT a.asset, a.name, list_filter([
        CASE WHEN outside.asset IS NOT NULL THEN 'a scan from the internet found an open port' END,
        CASE WHEN a.stated_public THEN 'a source says that it faces the internet' END,
        CASE WHEN public.asset IS NOT NULL THEN 'has the public address ' || public.address END
    ], lambda one: one IS NOT NULL) AS sentences
    FROM present a LEFT JOIN public USING (asset) LEFT JOIN outside USING (asset)
    WHERE public.asset IS NOT NULL OR outside.asset IS NOT NULL OR a.stated_public ORDER BY a.name, a.asset
"""


def internet_facing(sql: Sql, assets: pa.Table) -> pa.Table:
    """Return (asset, name, sentences) of assets that something says the internet can see."""
    return sql(_FACING, present=assets)
