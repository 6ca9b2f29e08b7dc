"""Assets as they are known: merged ids are one, and all that was said of them is together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from foreshore import tables
from foreshore.query.assets import present

Sql = Callable[..., pa.Table]
EARLY, LATE = datetime(2026, 1, 1), datetime(2026, 2, 1)


@pytest.fixture
def lake() -> Iterator[duckdb.DuckDBPyConnection]:
    """The lake's tables in memory; asset 2 was merged into 1."""
    connection = duckdb.connect(config={"threads": 1})
    for name, columns in tables.TABLES.items():
        connection.execute(f"CREATE TABLE {name} ({', '.join(f'{one.name} {one.type}' for one in columns)})")
    connection.execute("CREATE VIEW asset_now AS SELECT 2::BIGINT AS asset, 1::BIGINT AS canonical")
    for asset, name, internet, tags, when in (
        (1, "web", "unknown", ["a"], EARLY),
        (2, "", "yes", ["b", "a"], LATE),
        (3, "", "no", [], LATE),
    ):
        connection.execute(
            "INSERT INTO sightings (asset, kind, name, os, owner, internet, tags, observed_at)"
            " VALUES (?, 'host', ?, '', '', ?, ?, ?)",
            [asset, name, internet, tags, when],
        )
    for asset, kind, value, when in (
        (1, "ip", "10.0.0.1", EARLY),
        (2, "ip", "10.0.0.2", LATE),
        (2, "fqdn", "web.example.com", LATE),
        (3, "ip", "10.0.0.3", LATE),
    ):
        connection.execute(
            "INSERT INTO identifiers (asset, kind, value, observed_at) VALUES (?, ?, ?, ?)",
            [asset, kind, value, when],
        )
    connection.execute("INSERT INTO assets (asset, kind, site) VALUES (1, 'host', 'hq')")
    connection.execute("INSERT INTO findings (finding, asset) VALUES (1, 2)")
    yield connection
    connection.close()


def _sql(connection: duckdb.DuckDBPyConnection) -> Sql:
    return lambda query: connection.execute(query).to_arrow_table()


def _rows(connection: duckdb.DuckDBPyConnection, as_of: datetime) -> dict[int, dict[str, Any]]:
    return {row["asset"]: row for row in present(_sql(connection), as_of).to_pylist()}


def test_merged_assets_are_one_with_all_names_addresses_and_tags(lake: duckdb.DuckDBPyConnection) -> None:
    rows = _rows(lake, LATE)
    assert set(rows) == {1, 3}
    assert rows[1] == {
        "asset": 1,
        "name": "web.example.com",
        "names": ["web", "web.example.com"],
        "addresses": ["10.0.0.1", "10.0.0.2"],
        "tags": ["a", "b"],
        "site": "hq",
        "kind": "host",
        "owner": "",
        "os": "",
        "stated_public": True,
        "looked": True,
    }


def test_what_has_no_name_is_called_by_its_address_and_nobody_looked(lake: duckdb.DuckDBPyConnection) -> None:
    row = _rows(lake, LATE)[3]
    assert (row["name"], row["names"], row["site"], row["looked"]) == ("10.0.0.3", [], "main", False)
    assert row["stated_public"] is False


def test_what_was_seen_later_is_not_there_yet(lake: duckdb.DuckDBPyConnection) -> None:
    rows = _rows(lake, EARLY)
    assert set(rows) == {1}
    assert (rows[1]["addresses"], rows[1]["tags"]) == (["10.0.0.1"], ["a"])
