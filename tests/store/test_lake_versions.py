"""Older and newer lakes: migrations only add, old snapshots show what came later as NULL."""

from __future__ import annotations

import pyarrow as pa
import pytest

from foreshore import store, tables
from foreshore.errors import WorkspaceError
from foreshore.tables import Column
from foreshore.workspace import Workspace

LATER = {
    "exposures": Column("confidence", "DOUBLE", since=2),
    "sightings": Column("labels", "MAP(VARCHAR, VARCHAR)", since=2),
}


def newer_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same program one schema version later: two more columns and a table."""
    grown = {name: (*columns, LATER[name]) if name in LATER else columns for name, columns in tables.TABLES.items()}
    grown["badges"] = (Column("asset", "BIGINT", since=2), Column("badge", "VARCHAR", since=2))
    monkeypatch.setattr(tables, "TABLES", grown)
    monkeypatch.setattr(tables, "SCHEMA_VERSION", tables.SCHEMA_VERSION + 1)


@pytest.fixture
def old_lake(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A lake written by older code (a small and a large commit), met by newer code."""
    with store.open_lake(workspace) as lake:
        lake.append({"exposures": pa.table({"exposure": [1], "title": ["small"]})}, job="one")
        many = pa.table({"exposure": list(range(2, 102)), "title": ["large"] * 100})
        lake.append({"exposures": many, "sightings": pa.table({"sighting": [1]})}, job="two")
    newer_code(monkeypatch)
    return workspace


def test_a_reader_shows_missing_columns_as_null_without_changing_the_lake(old_lake: Workspace) -> None:
    with store.open_lake(old_lake, read_only=True) as lake:
        before = lake.version
        assert lake.sql("SELECT DISTINCT confidence FROM exposures").to_pylist() == [{"confidence": None}]
        assert lake.sql("SELECT labels FROM sightings").to_pylist() == [{"labels": None}]
        assert lake.sql("FROM badges").column_names == ["asset", "badge"]
        assert lake.sql("FROM badges").num_rows == 0
    with store.open_lake(old_lake, read_only=True) as again:
        assert again.version == before


def test_a_writer_migrates_once_and_the_rows_stay(old_lake: Workspace) -> None:
    with store.open_lake(old_lake) as lake:
        migrated = lake.version
        assert lake.sql("SELECT count(*) AS n FROM exposures").to_pylist() == [{"n": 101}]
        lake.append(
            {
                "exposures": pa.table({"exposure": [500], "confidence": [0.5]}),
                "badges": pa.table({"asset": [1], "badge": ["gold"]}),
            },
            job="three",
        )
        known = lake.sql("SELECT exposure, confidence FROM exposures WHERE confidence IS NOT NULL")
        assert known.to_pylist() == [{"exposure": 500, "confidence": 0.5}]
        assert lake.sql("FROM badges").to_pylist() == [{"asset": 1, "badge": "gold"}]
    with store.open_lake(old_lake) as lake:
        assert lake.version == migrated + 1


def test_snapshots_from_before_the_migration_stay_readable(old_lake: Workspace) -> None:
    with store.open_lake(old_lake) as lake:
        lake.append({"exposures": pa.table({"exposure": [500], "confidence": [0.5]})}, job="three")
        versions = {row["job"]: row["version"] for row in lake.jobs().to_pylist()}
    expected = {"one": (1, 0), "two": (101, 0), "three": (102, 1)}
    for job, (rows, known) in expected.items():
        with store.open_lake(old_lake, version=versions[job]) as past:
            answer = past.sql("SELECT count(*) AS n, count(confidence) AS known FROM exposures").to_pylist()
            assert answer == [{"n": rows, "known": known}]
            assert past.sql("FROM badges").num_rows == 0


def test_a_repeated_key_is_compared_after_a_migration_too(old_lake: Workspace) -> None:
    with store.open_lake(old_lake) as lake:
        lake.append({"exposures": pa.table({"exposure": [1], "title": ["small"]})}, job="again")
        with pytest.raises(WorkspaceError, match="two things"):
            lake.append({"exposures": pa.table({"exposure": [1], "confidence": [0.5]})}, job="other")


def test_a_lake_of_newer_code_is_refused(workspace: Workspace) -> None:
    with pytest.MonkeyPatch.context() as patch:
        newer_code(patch)
        with store.open_lake(workspace) as lake:
            lake.append({"badges": pa.table({"asset": [1], "badge": ["gold"]})}, job="one")
    for read_only in (True, False):
        with pytest.raises(WorkspaceError, match=f"schema version {tables.SCHEMA_VERSION + 1}"):
            store.open_lake(workspace, read_only=read_only)
