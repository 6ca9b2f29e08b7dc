"""Selectors: short words that pick assets, such as `name:pay-db-*` or `zone:payments`.

| selector | picks assets |
|---|---|
| `name:pay-db-*` | one of whose names matches, in any case (`*` any text, `?` any letter) |
| `tag:service=payments`, `tag:pci` | that carry this tag; wildcards allowed |
| `zone:payments`, `site:south` | in this zone, at this site |
| `address:10.0.0.0/8` | with an address in this range |
| `kind:host`, `owner:shop*` | of this kind, with this owner |
| `id:AST-7Q2M-…` | with this key, or a beginning of it |

A name without a dot also meets the first label of a longer one. Several selectors pick what any of
them picks.
"""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from foreshore import keys, scratch
from foreshore.errors import UsageError
from foreshore.query import addresses

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

KINDS = ("name", "tag", "zone", "site", "address", "kind", "owner", "id")
_TEXT_COLUMNS = ("zone", "site", "kind", "owner")


class Selector(NamedTuple):
    """A selector taken apart: what it looks at and what it looks for."""

    kind: str
    value: str


def parse(text: str) -> Selector:
    """Take `text` apart; raises `UsageError` that says what is wrong and what was perhaps meant."""
    kind, colon, value = text.strip().partition(":")
    kind, value = kind.strip().lower(), value.strip()
    if not colon or kind not in KINDS:
        near = difflib.get_close_matches(kind, KINDS, 1)
        hint = f"{near[0]}:{value or '…'}" if near and colon else f"name:{text.strip() or 'web-*'}"
        raise UsageError(f"“{text}” does not begin with one of {', '.join(KINDS)}, and a colon", hint=hint)
    if not value:
        raise UsageError(f"“{text}” says nothing after the colon", hint=f"{kind}:something")
    if kind == "address":
        _network(value, text)
    if kind == "id":
        keys.parse(value, "AST")
    return Selector(kind, value)


def _network(value: str, text: str) -> None:
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise UsageError(f"“{text}” is not an address or a range of addresses", hint="address:10.20.0.0/16") from None


def like(pattern: str) -> str:
    r"""Write a `*`/`?` pattern as a lower-case SQL LIKE pattern with `\` as its escape."""
    escaped = pattern.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%").replace("?", "_")


def is_pattern(text: str) -> bool:
    """Tell whether `text` has wildcards."""
    return "*" in text or "?" in text


def matches(assets: pa.Table, selectors: Sequence[str]) -> pa.Table:
    """Return distinct (number, asset): which selector, by its place in the list, picks which asset.

    `assets` has columns asset BIGINT, name, names (list), addresses (list), tags (list), zone, site,
    kind, owner; those that no selector looks at may be missing. Sorted by number, asset.
    Raises `UsageError` for what is no selector.
    """

    parsed = [parse(selector) for selector in selectors]
    connection = scratch.connect()
    try:
        _register(connection, assets, parsed)
        parts = [_QUERIES[kind] for kind in dict.fromkeys(one.kind for one in parsed)]
        if "address" in {one.kind for one in parsed}:
            addresses.unfold(connection, assets)
        rows = " UNION ".join(parts) or "SELECT 0::BIGINT AS number, 0::BIGINT AS asset WHERE false"
        return connection.execute(
            f"SELECT DISTINCT number, asset FROM ({rows}) ORDER BY number, asset"
        ).to_arrow_table()
    finally:
        connection.close()


def members(assets: pa.Table, groups: Sequence[Sequence[str]]) -> pa.Table:
    """Return distinct (number, asset): which group of selectors, by its place, picks which asset.

    Shapes and errors as `matches`.
    """
    import pyarrow as pa

    flat = [selector for group in groups for selector in group]
    group_of = [number for number, group in enumerate(groups) for _ in group]
    hits = matches(assets, flat)
    groups_table = pa.table({"place": pa.array(range(len(flat)), pa.int64()), "owner": pa.array(group_of, pa.int64())})
    connection = scratch.connect()
    try:
        connection.register("hits", hits)
        connection.register("groups", groups_table)
        return connection.execute(
            "SELECT DISTINCT owner AS number, asset FROM hits JOIN groups ON place = number ORDER BY 1, 2"
        ).to_arrow_table()
    finally:
        connection.close()


def _register(connection: duckdb.DuckDBPyConnection, assets: pa.Table, parsed: list[Selector]) -> None:
    import pyarrow as pa

    connection.register("assets", assets)
    ranges = [keys.parse(one.value, "AST") if one.kind == "id" else (0, 0) for one in parsed]
    nets = [addresses.network_bits(one.value) if one.kind == "address" else "" for one in parsed]
    families = [128 if one.kind == "address" and ":" in one.value else 32 for one in parsed]
    table = pa.table(
        {
            "number": pa.array(range(len(parsed)), pa.int64()),
            "kind": pa.array([one.kind for one in parsed], pa.string()),
            "exact": pa.array([None if is_pattern(one.value) else one.value.lower() for one in parsed], pa.string()),
            "pattern": pa.array([like(one.value) if is_pattern(one.value) else None for one in parsed], pa.string()),
            "short": pa.array(["." not in one.value for one in parsed], pa.bool_()),
            "low": pa.array([low for low, _ in ranges], pa.int64()),
            "high": pa.array([high for _, high in ranges], pa.int64()),
            "prefix": pa.array(nets, pa.string()),
            "family": pa.array(families, pa.int64()),
        }
    )
    connection.register("selectors", table)


def _text_query(kind: str, source: str) -> str:
    """Exact words by a hash join, patterns by LIKE; `source` gives (asset, value) in lower case."""
    return f"""
        (WITH said AS ({source}), chosen AS (SELECT * FROM selectors WHERE kind = '{kind}')
        SELECT c.number, s.asset FROM chosen c JOIN said s ON c.exact = s.value
        UNION SELECT c.number, s.asset FROM chosen c JOIN said s
            ON c.pattern IS NOT NULL AND s.value LIKE c.pattern ESCAPE '\\')
    """


_NAMES = """
    SELECT DISTINCT asset, lower(value) AS value FROM (
        SELECT asset, name AS value FROM assets UNION ALL SELECT asset, unnest(names) FROM assets)
    WHERE value IS NOT NULL AND value <> ''
"""
_NAME_QUERY = f"""
    (WITH said AS ({_NAMES}), labels AS (
        SELECT DISTINCT asset, split_part(value, '.', 1) AS value FROM said
        WHERE contains(value, '.') AND NOT regexp_matches(value, '^[0-9.]+$')),
    chosen AS (SELECT * FROM selectors WHERE kind = 'name')
    SELECT c.number, s.asset FROM chosen c JOIN said s ON c.exact = s.value
    UNION SELECT c.number, s.asset FROM chosen c JOIN labels s ON c.short AND c.exact = s.value
    UNION SELECT c.number, s.asset FROM chosen c JOIN said s
        ON c.pattern IS NOT NULL AND s.value LIKE c.pattern ESCAPE '\\'
    UNION SELECT c.number, s.asset FROM chosen c JOIN labels s
        ON c.short AND c.pattern IS NOT NULL AND s.value LIKE c.pattern ESCAPE '\\')
"""
_QUERIES = {
    "name": _NAME_QUERY,
    "tag": _text_query("tag", "SELECT DISTINCT asset, lower(unnest(tags)) AS value FROM assets"),
    "address": """
        SELECT c.number, p.asset FROM selectors c JOIN places p
            ON c.family = length(p.bits) AND starts_with(p.bits, c.prefix) WHERE c.kind = 'address'
    """,
    "id": """
        SELECT c.number, a.asset FROM selectors c JOIN assets a ON a.asset BETWEEN c.low AND c.high
        WHERE c.kind = 'id'
    """,
    **{column: _text_query(column, f"SELECT asset, lower({column}) AS value FROM assets") for column in _TEXT_COLUMNS},
}
