"""Queries that name an exposure or asset by an earlier key: led to the key that is in force."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from foreshore import keys
from foreshore.query.fields import EXPOSURES, column
from foreshore.query.language import All, Any, Node, Not, Test, Value
from foreshore.store import open_lake

if TYPE_CHECKING:
    import duckdb

    from foreshore.workspace import Workspace

# Field -> the view that follows its aliases, and the view's column.
_FOLLOWED = {"id": ("exposure_now", "exposure"), "asset": ("asset_now", "asset")}


def followed(workspace: Workspace, connection: duckdb.DuckDBPyConnection, node: Node) -> Node:
    """Return `node` with the keys of exposures and assets that are not served led to what they became.

    `connection` is one to the serving file. A key, or the beginning of one, that is served stays as it is, and so
    does one that never was; the facts are asked only for the others.
    """
    if isinstance(node, Test):
        if node.field not in _FOLLOWED:
            return node
        return replace(node, values=tuple(_values(workspace, connection, node)))
    if isinstance(node, Not):
        return Not(followed(workspace, connection, node.inner))
    parts = tuple(followed(workspace, connection, one) for one in node.parts)
    return All(parts) if isinstance(node, All) else Any(parts)


def _values(workspace: Workspace, connection: duckdb.DuckDBPyConnection, test: Test) -> Iterator[Value]:
    """Yield the values of a test; for each that names nothing served, what it became."""
    field, (view, old) = EXPOSURES[test.field], _FOLLOWED[test.field]
    for value in test.values:
        yield value
        if value is None:
            continue
        ends = list(keys.parse(str(value), field.prefix))
        query = f'select 1 from exposures where "{column(field)}" between ? and ? limit 1'
        if connection.execute(query, ends).fetchone() is None:
            with open_lake(workspace, read_only=True) as lake:
                found = lake.sql(f"select distinct canonical from {view} where {old} between {ends[0]} and {ends[1]}")
            yield from (keys.show(field.prefix, one) for one in found.column("canonical").to_pylist())
