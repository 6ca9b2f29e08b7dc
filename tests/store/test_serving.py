"""Serving files: complete, in order, current by a pointer, old ones removed late."""

from __future__ import annotations

import os
import time
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from foreshore import store, tables
from foreshore.errors import NothingToRead, UsageError, WorkspaceError
from foreshore.store import serving
from foreshore.store.ducklake import Lake
from foreshore.workspace import Workspace

AS_OF = datetime(2026, 3, 1)


def rows(workspace: Workspace, query: str) -> list[tuple[object, ...]]:
    with serving.connect(workspace) as connection:
        return connection.execute(query).fetchall()


def assessments(cycle: int, ranks: dict[int, int], **more: object) -> pa.Table:
    count = len(ranks)
    columns: dict[str, object] = {
        "cycle": [cycle] * count,
        "exposure": list(ranks),
        "rank": list(ranks.values()),
        "asset": [1] * count,
        "treatment": ["watch"] * count,
    }
    return pa.table(columns | more)


def commit(lake: Lake, cycle: int, ranks: dict[int, int], **more: object) -> None:
    lake.append(
        {
            "assessments": assessments(cycle, ranks, **more),
            "cycles": pa.table({"cycle": [cycle], "as_of": [AS_OF], "seed": [7]}),
        },
        job=f"cycle:{cycle}",
    )


def test_before_the_first_cycle_there_is_nothing_to_read(workspace: Workspace) -> None:
    assert serving.current(workspace) is None
    with pytest.raises(NothingToRead, match="no cycle has run yet"):
        serving.connect(workspace)


def test_it_holds_the_rows_of_its_cycle_alone_in_order_of_rank(workspace: Workspace, lake: Lake) -> None:
    commit(lake, 1, {10: 1, 11: 2})
    commit(lake, 2, {20: 3, 21: 1, 22: 2}, due=[date(2026, 4, 1), None, None])
    path = serving.publish(lake, 2)
    assert path == serving.current(workspace)
    assert rows(workspace, "SELECT rank, exposure FROM exposures") == [(1, 21), (2, 22), (3, 20)]
    assert rows(workspace, "SELECT due FROM exposures WHERE exposure = 20") == [(date(2026, 4, 1),)]
    assert rows(workspace, "SELECT cycle, as_of, seed FROM cycle") == [(2, AS_OF, 7)]


def test_every_column_of_the_lake_is_served(workspace: Workspace, lake: Lake) -> None:
    commit(lake, 1, {10: 1})
    serving.publish(lake, 1)
    served = {
        "exposures": "assessments", "actions": "actions", "action_effects": "action_effects",
        "services": "services_at", "steps": "steps", "measures": "measures", "cycle": "cycles",
    }  # fmt: skip
    for name, table in served.items():
        columns = [str(row[0]) for row in rows(workspace, f"DESCRIBE {name}")]
        assert sorted(columns) == sorted(tables.names(table))


def test_the_other_tables_are_those_of_the_cycle(workspace: Workspace, lake: Lake) -> None:
    commit(lake, 1, {10: 1})
    lake.append(
        {
            "actions": pa.table({"cycle": [1, 1, 9], "action": [5, 6, 7], "number": [2, 1, 1]}),
            "action_effects": pa.table({"cycle": [1, 9], "action": [5, 7], "exposure": [10, 10]}),
            "services_at": pa.table({"cycle": [1, 9], "service": ["Card payments", "other"]}),
            "steps": pa.table({"cycle": [1, 1, 9], "exposure": [10] * 3, "number": [2, 1, 1]}),
            "measures": pa.table({"cycle": [1, 9], "name": ["open", "open"], "value": [1.0, 2.0]}),
        },
        job="rest",
    )
    serving.publish(lake, 1)
    assert rows(workspace, "SELECT action FROM actions") == [(6,), (5,)]
    assert rows(workspace, "SELECT action, exposure FROM action_effects") == [(5, 10)]
    assert rows(workspace, "SELECT service FROM services") == [("Card payments",)]
    assert rows(workspace, "SELECT number FROM steps") == [(1,), (2,)]
    assert rows(workspace, "SELECT value FROM measures") == [(1.0,)]


def test_assets_are_named_as_the_cycle_knew_them_and_counted(workspace: Workspace, lake: Lake) -> None:
    lake.append({"assets": pa.table({"asset": [9], "kind": ["device"], "site": ["hq"]})}, job="assets")
    commit(
        lake, 1, {10: 1, 11: 2, 12: 3, 13: 4}, asset=[1, 1, 1, 9], treatment=["act_now", "watch", None, "watch"],
        owner=["shop team", "shop team", "", ""],
    )  # fmt: skip
    known = pa.table(
        {
            "asset": [1, 3], "name": ["name", "quiet"], "kind": ["host", "image"], "site": ["hq", "south"],
            "zone": ["dmz", ""], "owner": ["someone", "else"], "os": ["Debian 12", ""], "last_seen": [AS_OF, AS_OF],
        }
    )  # fmt: skip
    serving.publish(lake, 1, assets=known)
    listed = rows(
        workspace, "SELECT asset, name, kind, site, zone, owner, os, open_exposures, act_now, watch FROM assets"
    )
    assert listed == [
        (1, "name", "host", "hq", "dmz", "shop team", "Debian 12", 2, 1, 1),
        (3, "quiet", "image", "south", "", "else", "", 0, 0, 0),
        (9, None, "device", "hq", None, None, None, 1, 0, 1),
    ]
    assert rows(workspace, "SELECT last_seen FROM assets WHERE asset = 3") == [(AS_OF,)]


def test_given_batches_stand_in_for_the_lakes_tables(workspace: Workspace, lake: Lake) -> None:
    commit(lake, 1, {10: 1})
    serving.publish(lake, 1, {"assessments": assessments(1, {50: 1})})
    assert rows(workspace, "SELECT exposure, epss FROM exposures") == [(50, None)]
    assert rows(workspace, "SELECT asset, open_exposures FROM assets") == [(1, 1)]


def test_an_open_reader_keeps_its_file_while_a_new_one_is_published(workspace: Workspace, lake: Lake) -> None:
    commit(lake, 1, {10: 1})
    first = serving.publish(lake, 1)
    with serving.connect(workspace) as reader:
        assert serving.publish(lake, 1) != first  # the same cycle again: never over an open file
        commit(lake, 2, {20: 1})
        serving.publish(lake, 2)
        assert reader.execute("SELECT exposure FROM exposures").fetchall() == [(10,)]
    assert rows(workspace, "SELECT exposure FROM exposures") == [(20,)]


def test_the_connection_cannot_write(workspace: Workspace, lake: Lake) -> None:
    commit(lake, 1, {10: 1})
    serving.publish(lake, 1)
    with serving.connect(workspace) as reader, pytest.raises(Exception, match="read-only"):
        reader.execute("DELETE FROM exposures")


def test_the_pointer_only_moves_forward(workspace: Workspace, lake: Lake) -> None:
    commit(lake, 1, {10: 1})
    earlier = lake.version
    commit(lake, 2, {20: 1})
    newest = serving.publish(lake, 2)
    with store.open_lake(workspace, version=earlier) as past:
        again = serving.publish(past, 1)
    assert again.exists()
    assert serving.current(workspace) == newest


def test_old_files_go_after_their_grace_and_three_stay(workspace: Workspace, lake: Lake) -> None:
    commit(lake, 1, {10: 1})
    files = [serving.publish(lake, 1) for _ in range(5)]
    assert all(path.exists() for path in files)
    for age, path in enumerate(reversed(files), start=1):
        moment = time.time() - serving.GRACE_SECONDS - 60 * age
        os.utime(path, (moment, moment))
    latest = serving.publish(lake, 1)
    left = {path for path in [*files, latest] if path.exists()}
    assert left == {latest, files[4], files[3]}


def test_a_failed_publication_leaves_the_old_file_and_no_rest(workspace: Workspace, lake: Lake) -> None:
    commit(lake, 1, {10: 1})
    good = serving.publish(lake, 1)
    with pytest.raises(UsageError, match="no_such_column"):
        serving.publish(lake, 1, {"assessments": pa.table({"no_such_column": [1]})})
    assert serving.current(workspace) == good
    assert {path.name for path in workspace.serving_dir.iterdir()} == {good.name, "current.json"}
    assert serving.publish(lake, 1).exists()  # the lake's connection is still of use


@pytest.mark.parametrize("content", [b"", b"[]", b'{"cycle": 1}', b"\xff"])
def test_a_damaged_pointer_is_a_clear_error(workspace: Workspace, content: bytes) -> None:
    (workspace.serving_dir / "current.json").write_bytes(content)
    with pytest.raises(WorkspaceError, match="pointer is damaged"):
        serving.current(workspace)


def test_a_pointer_cannot_lead_outside(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "other.duckdb").write_bytes(b"")
    (workspace.serving_dir / "current.json").write_text('{"file": "../../other.duckdb", "version": 1}')
    assert serving.current(workspace) is None


def test_a_damaged_serving_file_is_a_clear_error(workspace: Workspace, lake: Lake) -> None:
    commit(lake, 1, {10: 1})
    serving.publish(lake, 1).write_bytes(b"not a database" * 1000)
    with pytest.raises(WorkspaceError, match="serving file cannot be read"):
        serving.connect(workspace)
