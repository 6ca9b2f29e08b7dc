"""What was read is kept and can be read again; other names become aliases; an earlier state of knowledge stays."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from foreshore import store
from foreshore.intel import kept
from foreshore.intel.signals import signals_at
from foreshore.intel.update import update
from foreshore.store import evidence
from foreshore.workspace import Workspace

NOW = datetime.now(UTC).replace(tzinfo=None)
HEADING = "weakness,kind,value,text,source,model,observed_at\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "ws", seed=1)


def scores(folder: Path, name: str, day: str, value: float) -> Path:
    path = folder / name
    path.write_text(f"{HEADING}CVE-2099-0001,epss,{value},,us,own,{day}\n", "utf-8")
    return path


def signals(workspace: Workspace) -> list[dict[str, Any]]:
    with store.open_lake(workspace, read_only=True) as lake:
        rows: list[dict[str, Any]] = lake.sql("SELECT * EXCLUDE (known_at) FROM signals ORDER BY ALL").to_pylist()
    return rows


def test_all_that_was_read_is_kept_and_gives_the_same_signals_again(workspace: Workspace, tmp_path: Path) -> None:
    many = tmp_path / "records"
    many.mkdir()
    for number in range(25):  # more than are kept one by one
        record = {"dataType": "CVE_RECORD", "cveMetadata": {"cveId": f"CVE-2098-{number:04d}", "state": "PUBLISHED",
                  "datePublished": "2025-01-01T00:00:00Z"}, "containers": {}}  # fmt: skip
        (many / f"{number}.json").write_text(json.dumps(record), "utf-8")
    update(workspace, sources=[scores(tmp_path, "a.csv", "2025-08-01", 0.5), many], only_present=False, now=NOW)
    update(workspace, sources=[scores(tmp_path, "b.csv", "2025-08-02", 0.6)], only_present=False, now=NOW)
    before = signals(workspace)
    held = [one for one in evidence.records(workspace) if one.kind == kept.EVIDENCE]
    assert len(held) == 3
    shutil.rmtree(workspace.facts_dir)
    result = update(workspace, only_present=False, from_evidence=True, now=NOW)
    assert result.failed == ()
    columns = [name for name in before[0] if name != "feed"]  # many files read as one archive have its digest
    assert [[row[name] for name in columns] for row in signals(workspace)] == [
        [row[name] for name in columns] for row in before
    ]
    assert update(workspace, only_present=False, from_evidence=True, now=NOW).new == 0


def test_what_is_older_than_its_retention_is_erased_and_asked_anew(workspace: Workspace, tmp_path: Path) -> None:
    path = scores(tmp_path, "a.csv", "2025-08-01", 0.5)
    update(workspace, sources=[path], only_present=False, now=NOW)
    (one,) = kept.load(workspace).source(str(path)).evidence
    assert kept.still_kept(workspace, [one])
    assert kept.expire(workspace, NOW + timedelta(days=89)) == 0
    assert kept.expire(workspace, NOW + timedelta(days=91)) == 1
    assert not kept.still_kept(workspace, [one])
    assert update(workspace, sources=[path], only_present=False, now=NOW).new == 0
    assert kept.still_kept(workspace, [one])


def test_other_names_become_aliases_once_each_with_their_day(workspace: Workspace, tmp_path: Path) -> None:
    name = "GHSA-2222-3333-4444"
    with store.open_lake(workspace) as lake:
        lake.append({"exposures": pa.table({"exposure": [1], "asset": [1], "weakness": [name]})}, job="x")
    advisory = {"schema_version": "1.6.0", "id": name, "modified": "2025-08-02T00:00:00Z",
                "published": "2025-08-01T00:00:00Z", "aliases": ["CVE-2099-0001"], "affected": []}  # fmt: skip
    path = tmp_path / "advisory.json"
    path.write_text(json.dumps(advisory), "utf-8")
    first = update(workspace, sources=[path], now=NOW)
    advisory["modified"] = "2025-08-20T00:00:00Z"
    path.write_text(json.dumps(advisory), "utf-8")
    again = update(workspace, sources=[path], now=NOW)
    assert (first.aliases, again.aliases) == (1, 0)
    with store.open_lake(workspace, read_only=True) as lake:
        rows = lake.sql("SELECT alias, weakness, observed_at FROM weakness_aliases").to_pylist()
        assert lake.sql("SELECT count(*) AS n FROM signals WHERE kind = 'alias'")["n"].to_pylist() == [0]
    assert rows == [{"alias": name, "weakness": "CVE-2099-0001", "observed_at": rows[0]["observed_at"]}]
    assert rows[0]["observed_at"] in (datetime(2025, 8, 1), datetime(2025, 8, 2))


def test_what_was_known_earlier_can_be_asked_after_more_has_become_known(workspace: Workspace, tmp_path: Path) -> None:
    asked = pa.table({"weakness": ["CVE-2099-0001"]})
    then = update(workspace, sources=[scores(tmp_path, "a.csv", "2025-08-10", 0.5)], only_present=False, now=NOW)
    # A late file about an earlier day: true before, known after.
    update(workspace, sources=[scores(tmp_path, "b.csv", "2025-08-01", 0.3)], only_present=False, now=NOW)
    day = datetime(2025, 8, 5)
    with store.open_lake(workspace, read_only=True) as lake:
        assert signals_at(lake.sql, day, asked)["epss"].to_pylist() == [0.3]
        times = lake.sql("SELECT value, known_at FROM signals WHERE kind = 'epss' ORDER BY known_at").to_pylist()
    assert [row["value"] for row in times][:2] == [0.5, 0.3]
    assert times[0]["known_at"] < times[1]["known_at"]
    with store.open_lake(workspace, read_only=True, version=then.version) as lake:
        assert signals_at(lake.sql, day, asked)["epss"].to_pylist() == [None]
        assert signals_at(lake.sql, datetime(2025, 8, 12), asked)["epss"].to_pylist() == [0.5]
