"""Reads: pinned, effective, the same through SQL and Ibis."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foreshore import store, tables
from foreshore.errors import WorkspaceError
from foreshore.store import catalog, views
from foreshore.store.ducklake import Lake
from foreshore.workspace import Workspace


def count(lake: Lake, table: str = "seen") -> int:
    return int(lake.sql(f"SELECT count(*) AS n FROM {table}").column(0)[0].as_py())


def test_a_reader_stays_at_its_version_until_refreshed(workspace: Workspace, lake: Lake) -> None:
    lake.append({"seen": pa.table({"run": [1], "exposure": [1]})}, job="one")
    with store.open_lake(workspace, read_only=True) as reader:
        lake.append({"seen": pa.table({"run": [2] * 50, "exposure": list(range(50))})}, job="two")
        assert (count(reader), count(lake)) == (1, 51)
        assert reader.refresh() == lake.version
        assert count(reader) == 51


def test_a_writer_does_not_see_the_commits_of_others_in_its_reads(workspace: Workspace, lake: Lake) -> None:
    with store.open_lake(workspace) as other:
        other.append({"seen": pa.table({"run": [1], "exposure": [1]})}, job="one")
    assert count(lake) == 0
    lake.append({"measures": pa.table({"name": ["x"]})}, job="two")
    assert count(lake) == 1


def test_any_earlier_version_can_be_read(workspace: Workspace, lake: Lake) -> None:
    versions = [
        lake.append({"seen": pa.table({"run": [number], "exposure": [number]})}, job=f"job {number}")
        for number in range(12)
    ]
    for number, version in enumerate(versions):
        with store.open_lake(workspace, version=version) as earlier:
            assert earlier.version == version
            assert count(earlier) == number + 1
            assert count(earlier, "jobs") == number + 1
    with store.open_lake(workspace, version=0) as nothing:
        assert {count(nothing, name) for name in tables.TABLES} == {0}


def test_a_version_that_is_not_there_is_refused(workspace: Workspace, lake: Lake) -> None:
    with pytest.raises(WorkspaceError, match="no such version"):
        store.open_lake(workspace, version=lake.version + 100)


def test_given_tables_join_and_hide_views_for_one_query(lake: Lake) -> None:
    lake.append({"seen": pa.table({"run": [1, 2], "exposure": [1, 2]})}, job="one")
    wanted = pa.table({"exposure": [2]})
    assert lake.sql("SELECT run FROM seen JOIN wanted USING (exposure)", wanted=wanted).to_pylist() == [{"run": 2}]
    assert lake.sql("FROM seen", seen=wanted).column_names == ["exposure"]
    assert lake.sql("FROM seen").column_names == tables.names("seen")


def test_ibis_gives_the_same_answer(lake: Lake) -> None:
    lake.append({"seen": pa.table({"run": [1, 1, 2], "exposure": [1, 2, 3]})}, job="one")
    expression = lake.table("seen").group_by("run").agg(n=lambda t: t.count()).order_by("run")
    assert lake.run(expression).to_pylist() == [{"run": 1, "n": 2}, {"run": 2, "n": 1}]
    lake.append({"seen": pa.table({"run": [3], "exposure": [1]})}, job="two")
    assert lake.run(lake.table("seen").count()).column(0).to_pylist() == [4]


def test_a_stream_gives_all_rows_while_the_lake_is_used(lake: Lake) -> None:
    lake.append({"seen": pa.table({"run": [1] * 30_000, "exposure": list(range(30_000))})}, job="one")
    stream = lake.batches("SELECT exposure FROM seen", 4096)
    first = next(iter(stream))
    assert count(lake) == 30_000
    assert first.num_rows < 30_000
    rest = [value for batch in stream for value in batch.column(0).to_pylist()]
    assert sorted(first.column(0).to_pylist() + rest) == list(range(30_000))


def test_only_the_highest_generation_of_an_exposure_is_its_life(lake: Lake) -> None:
    lake.append({"exposure_events": pa.table({"exposure": [1, 1, 2], "kind": ["opened", "fixed", "opened"]})}, job="a")
    lake.append({"exposure_events": pa.table({"exposure": [1], "kind": ["reopened"]})}, job="b")
    rows = lake.sql("SELECT exposure, kind FROM exposure_events_now ORDER BY exposure").to_pylist()
    assert [(row["exposure"], row["kind"]) for row in rows] == [(1, "reopened"), (2, "opened")]
    assert count(lake, "exposure_events") == 4


def test_chains_of_aliases_are_followed_to_their_end(lake: Lake) -> None:
    lake.append({"asset_aliases": pa.table({"old": [1, 2], "new": [2, 3]})}, job="a")
    lake.append({"asset_aliases": pa.table({"old": [3], "new": [4]})}, job="b")
    rows = lake.sql("FROM asset_now ORDER BY asset").to_pylist()
    assert [(row["asset"], row["canonical"]) for row in rows] == [(1, 4), (2, 4), (3, 4)]
    ids = pa.table({"id": [1, 3, 4, 99]})
    answer = lake.sql("SELECT canonical_asset(id) AS now, canonical_exposure(id) AS same FROM ids ORDER BY id", ids=ids)
    assert answer.column("now").to_pylist() == [4, 4, 4, 99]
    assert answer.column("same").to_pylist() == [1, 3, 4, 99]


def resolve(pairs: list[tuple[int, int]]) -> dict[int, int]:
    """The rule of `views`, one id at a time: only the latest alias of an id counts, one to itself frees it."""
    following = {old: new for old, new in dict(pairs).items() if old != new}
    answer = {}
    for start in following:
        reached: list[int] = []
        place = following[start]
        while place not in reached:
            reached.append(place)
            place = following.get(place, place)
        ends = [one for one in reached if one not in following]
        canonical = min(ends or reached)
        if canonical != start:
            answer[start] = canonical
    return answer


small = st.integers(min_value=1, max_value=8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs=st.lists(st.tuples(small, small), max_size=12))
def test_whatever_the_aliases_hold_the_view_follows_the_rule(lake: Lake, pairs: list[tuple[int, int]]) -> None:
    old, new = [one[0] for one in pairs], [one[1] for one in pairs]
    aliases = pa.table(
        {
            "old": pa.array(old, pa.int64()),
            "new": pa.array(new, pa.int64()),
            "generation": pa.array(range(len(pairs)), pa.int64()),
        }
    )
    answer = lake.sql(views.resolved("asset", "given_aliases"), given_aliases=aliases).to_pylist()
    assert {row["asset"]: row["canonical"] for row in answer} == resolve(pairs)
    assert len(answer) == len(resolve(pairs))


def test_a_split_frees_an_id_that_was_merged(lake: Lake) -> None:
    lake.append({"asset_aliases": pa.table({"old": [1], "new": [2]})}, job="merge")
    lake.append({"asset_aliases": pa.table({"old": [1], "new": [1]})}, job="split")
    assert lake.sql("FROM asset_now").num_rows == 0


def test_the_catalogue_is_in_wal_mode(lake: Lake) -> None:
    lake.close()
    assert catalog.path(lake.workspace).read_bytes()[18:20] == b"\x02\x02"  # SQLite's header: WAL


def test_a_workspace_copied_elsewhere_opens_and_works(workspace: Workspace, lake: Lake, tmp_path: Path) -> None:
    lake.append({"seen": pa.table({"run": [1] * 100, "exposure": list(range(100))})}, job="one")
    version = lake.version
    lake.close()
    moved = tmp_path / "else where's" / "copy"
    shutil.copytree(workspace.root, moved)
    shutil.rmtree(workspace.root)
    with store.open_lake(Workspace.open(moved)) as copy:
        assert (copy.version, count(copy)) == (version, 100)
        copy.append({"seen": pa.table({"run": [2] * 100, "exposure": list(range(100))})}, job="two")
        assert count(copy) == 200
    assert not workspace.root.exists()


def test_a_damaged_catalogue_is_an_error_with_a_place(workspace: Workspace) -> None:
    catalog.path(workspace).write_bytes(b"this is not a database" * 100)
    with pytest.raises(WorkspaceError, match="cannot be opened"):
        store.open_lake(workspace)


def test_a_missing_data_file_is_an_error_with_a_place(workspace: Workspace, lake: Lake) -> None:
    lake.append({"seen": pa.table({"run": [1] * 100, "exposure": list(range(100))})}, job="one")
    for path in workspace.facts_dir.rglob("*.parquet"):
        path.unlink()
    with pytest.raises(WorkspaceError, match="cannot be read"):
        lake.sql("SELECT sum(exposure) FROM seen")
