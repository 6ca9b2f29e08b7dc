"""Appends: whole, once, by name, refused where they contradict."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pytest

from foreshore import store, tables
from foreshore.errors import Conflict, UsageError, WorkspaceError
from foreshore.store.ducklake import Lake
from foreshore.workspace import Workspace


def seen(run: int, *exposures: int) -> pa.Table:
    return pa.table({"run": [run] * len(exposures), "exposure": list(exposures)})


def test_a_new_lake_has_every_table_empty(lake: Lake) -> None:
    for name in tables.TABLES:
        answer = lake.sql(f"FROM {name}")
        assert answer.column_names == tables.names(name)
        assert answer.num_rows == 0


def test_rows_go_by_column_name_and_missing_columns_are_null(lake: Lake) -> None:
    rows = pa.table({"weakness": ["CVE-2024-0001"], "exposure": [5]})
    version = lake.append({"exposures": rows}, job="one")
    assert lake.version == version
    (row,) = lake.sql("FROM exposures").to_pylist()
    assert row["exposure"] == 5
    assert row["weakness"] == "CVE-2024-0001"
    assert row["asset"] is None


def test_every_type_of_the_schema_survives(lake: Lake) -> None:
    moment = datetime(2026, 2, 3, 4, 5, 6, 789000)
    lake.append(
        {
            "sightings": pa.table(
                {
                    "sighting": [1],
                    "tags": [["service=payments", "b"]],
                    "attributes": pa.array([[("os", "linux")]], pa.map_(pa.string(), pa.string())),
                    "authenticated": [True],
                    "observed_at": pa.array([moment], pa.timestamp("us")),
                }
            ),
            "checks": pa.table({"check_id": [1], "cwes": pa.array([[79, 89]], pa.list_(pa.int64()))}),
            "assessments": pa.table({"exposure": [1], "due": [moment.date()], "severity": [4], "epss": [0.1]}),
        },
        job="types",
    )
    (row,) = lake.sql("SELECT tags, attributes, authenticated, observed_at FROM sightings").to_pylist()
    assert row == {
        "tags": ["service=payments", "b"],
        "attributes": [("os", "linux")],
        "authenticated": True,
        "observed_at": moment,
    }
    assert lake.sql("SELECT cwes FROM checks").to_pylist() == [{"cwes": [79, 89]}]
    assert lake.sql("SELECT due, severity, epss FROM assessments").to_pylist() == [
        {"due": moment.date(), "severity": 4, "epss": 0.1}
    ]


def test_times_with_a_zone_are_stored_as_utc(lake: Lake) -> None:
    east = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=5)))
    column = pa.array([east.astimezone(UTC)], pa.timestamp("us", tz="Asia/Karachi"))
    lake.append({"runs": pa.table({"run": [1], "observed_at": column})}, job="zone")
    assert lake.sql("SELECT observed_at FROM runs").to_pylist() == [{"observed_at": datetime(2026, 1, 1, 7)}]


def test_a_repeated_job_changes_nothing_and_returns_its_version(lake: Lake) -> None:
    first = lake.append({"seen": seen(1, 10, 11)}, job="import:a")
    later = lake.append({"seen": seen(2, 12)}, job="import:b")
    assert lake.append({"seen": seen(1, 10, 11)}, job="import:a") == first < later == lake.version
    assert lake.sql("SELECT count(*) AS n FROM seen").to_pylist() == [{"n": 3}]
    listed = lake.jobs().select(["job", "tables", "row_count", "version"]).to_pylist()
    assert listed == [
        {"job": "import:a", "tables": ["seen"], "row_count": 2, "version": first},
        {"job": "import:b", "tables": ["seen"], "row_count": 1, "version": later},
    ]


def test_a_job_without_rows_is_remembered(lake: Lake) -> None:
    version = lake.append({"seen": seen(1)}, job="empty")
    assert lake.append({}, job="empty") == version


@pytest.mark.parametrize(
    ("batch", "names"),
    [
        ({"exposurez": pa.table({"exposure": [1]})}, "exposurez"),
        ({"exposures": pa.table({"exposure": [1], "wekness": ["x"]})}, "wekness"),
        ({"exposures": pa.table([[1], [1]], names=["exposure", "exposure"])}, "given twice"),
        ({"exposures": pa.table({"asset": [1], "exposure": [-1]})}, "exposures.exposure"),
        ({"exposures": pa.table({"exposure": pa.array([None], pa.int64())})}, "exposures.exposure"),
    ],
)
def test_wrong_names_and_keys_are_refused_and_named(lake: Lake, batch: dict[str, pa.Table], names: str) -> None:
    before = lake.version
    with pytest.raises(UsageError, match=names):
        lake.append(batch, job="wrong")
    assert lake.refresh() == before


def test_an_error_in_one_table_leaves_nothing_of_the_others(lake: Lake) -> None:
    lake.append({"exposures": pa.table({"exposure": [1], "title": ["a"]})}, job="one")
    before = lake.version
    clash = {"seen": seen(3, 1), "exposures": pa.table({"exposure": [1], "title": ["b"]})}
    with pytest.raises(WorkspaceError):
        lake.append(clash, job="two")
    assert lake.refresh() == before
    assert lake.sql("FROM seen").num_rows == 0
    assert lake.append({"seen": seen(3, 1)}, job="two") == before + 1  # the job's id is still free


def test_values_that_do_not_fit_are_refused_and_the_lake_stays_usable(lake: Lake) -> None:
    with pytest.raises(WorkspaceError, match="could not be written"):
        lake.append({"findings": pa.table({"finding": [1], "severity": [4000]})}, job="wide")
    lake.append({"findings": pa.table({"finding": [1], "severity": [4]})}, job="wide")
    assert lake.sql("SELECT severity FROM findings").to_pylist() == [{"severity": 4}]


def test_a_key_with_two_contents_is_refused_naming_both(lake: Lake) -> None:
    lake.append({"assets": pa.table({"asset": [1, 2], "kind": ["host", "image"]})}, job="one")
    with pytest.raises(WorkspaceError, match=r"key 2 .*image.* and .*device") as caught:
        lake.append({"assets": pa.table({"asset": [2, 3], "kind": ["device", "host"]})}, job="two")
    assert caught.value.where == "assets.asset"


def test_a_key_twice_in_one_batch_is_refused(lake: Lake) -> None:
    with pytest.raises(WorkspaceError, match=r"key 9 .*host.* and .*image"):
        lake.append({"assets": pa.table({"asset": [9, 9], "kind": ["host", "image"]})}, job="one")


def test_a_key_met_again_with_the_same_content_is_stored_once(lake: Lake) -> None:
    first = pa.table({"run": [1, 2], "source": ["nessus", "nmap"]})
    lake.append({"runs": first}, job="one")
    lake.append({"runs": pa.table({"run": [2, 3], "source": ["nmap", "zap"]})}, job="two")
    rows = lake.sql("SELECT run, source FROM runs ORDER BY run").to_pylist()
    assert [(row["run"], row["source"]) for row in rows] == [(1, "nessus"), (2, "nmap"), (3, "zap")]


def test_the_commit_fills_in_its_time_and_generation_where_they_are_missing(lake: Lake) -> None:
    given = datetime(2020, 1, 1)
    known = pa.array([None, given], pa.timestamp("us"))
    batches = {
        "runs": pa.table({"run": [1, 2], "known_at": known}),
        "exposure_events": pa.table({"exposure": [1], "kind": ["opened"]}),
    }
    version = lake.append(batches, job="one")
    filled, kept = lake.sql("SELECT known_at FROM runs ORDER BY run").column(0).to_pylist()
    assert kept == given
    assert filled == lake.jobs().column("committed_at")[0].as_py()
    assert lake.sql("SELECT generation FROM exposure_events").to_pylist() == [{"generation": version}]


def test_expect_refuses_when_another_job_came_between(workspace: Workspace, lake: Lake) -> None:
    read = lake.version
    with store.open_lake(workspace) as other:
        other.append({"seen": seen(1, 1)}, job="other")
    with pytest.raises(Conflict, match="other"):
        lake.append({"measures": pa.table({"name": ["x"]})}, job="mine", expect=read)
    with pytest.raises(Conflict, match="other"):
        lake.append({"measures": pa.table({"name": ["x"]})}, job="mine", expect=read, tables_read=["seen"])
    version = lake.append(
        {"measures": pa.table({"name": ["x"]})}, job="mine", expect=read, tables_read=["findings", "measures"]
    )
    assert lake.append({"seen": seen(2, 1)}, job="next", expect=version) == version + 1


def test_a_lake_for_reading_or_closed_takes_nothing(workspace: Workspace, lake: Lake) -> None:
    with (
        store.open_lake(workspace, read_only=True) as reader,
        pytest.raises(UsageError, match="for reading"),
    ):
        reader.append({"seen": seen(1, 1)}, job="x")
    with pytest.raises(UsageError, match="needs the id"):
        lake.append({"seen": seen(1, 1)}, job="")
    lake.close()
    lake.close()
    with pytest.raises(UsageError, match="closed"):
        lake.sql("FROM seen")
