"""Feeds into the lake and out again: idempotent, in any order, by date, with unknown as a value."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from importlib import resources
from itertools import permutations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore import store
from foreshore.errors import NothingToRead, UsageError
from foreshore.intel import changes
from foreshore.intel.rows import Rows
from foreshore.intel.show import show
from foreshore.intel.signals import feeds_at, signals_at
from foreshore.intel.update import update
from foreshore.workspace import Workspace

NOW = datetime(2025, 9, 1)
HEADING = "weakness,kind,value,text,source,model,observed_at\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "ws", seed=1)


def exposed(workspace: Workspace, *names: str) -> None:
    rows = [{"exposure": number + 1, "asset": 1, "weakness": name} for number, name in enumerate(names)]
    with store.open_lake(workspace) as lake:
        lake.append({"exposures": pa.Table.from_pylist(rows)}, job="exposures")


def table(folder: Path, name: str, *lines: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(HEADING + "".join(line + "\n" for line in lines), "utf-8")
    return folder / name


def kev(folder: Path, day: str, *names: str, ransomware: tuple[str, ...] = ()) -> Path:
    folder.mkdir(exist_ok=True)
    entries = [
        {
            "cveID": name,
            "dateAdded": "2025-01-01",
            "knownRansomwareCampaignUse": "Known" if name in ransomware else "Unknown",
        }
        for name in names
    ]
    whole = {
        "catalogVersion": day,
        "dateReleased": f"{day}T00:00:00Z",
        "count": len(entries),
        "vulnerabilities": entries,
    }
    (folder / f"kev-{day}.json").write_text(json.dumps(whole), "utf-8")
    return folder / f"kev-{day}.json"


def known(workspace: Workspace, name: str, when: datetime = NOW) -> dict[str, Any]:
    with store.open_lake(workspace, read_only=True) as lake:
        (row,) = signals_at(lake.sql, when, pa.table({"weakness": [name]})).to_pylist()
    assert isinstance(row, dict)
    return row


def test_without_feeds_everything_is_unknown(workspace: Workspace) -> None:
    exposed(workspace, "CVE-2099-0001")
    row = known(workspace, "CVE-2099-0001")
    assert (row["exploit"], row["kev"], row["ransomware"], row["epss"], row["cvss"]) == (
        "unknown",
        None,
        None,
        None,
        None,
    )


def test_a_feed_that_was_read_turns_unknown_into_no_for_cves_alone(workspace: Workspace, tmp_path: Path) -> None:
    exposed(workspace, "CVE-2099-0001", "CVE-2099-0002", "nessus:57608")
    result = update(workspace, sources=[kev(tmp_path / "f", "2025-08-01", "CVE-2099-0002")], now=NOW)
    assert result.missing == ("epss", "cvss", "exploits")
    assert result.stale == {"kev": 31}
    assert known(workspace, "CVE-2099-0001")["kev"] is False
    assert known(workspace, "CVE-2099-0001")["exploit"] == "unknown"  # no exploit feed was read
    assert known(workspace, "CVE-2099-0002")["exploit"] == "attacks"
    assert known(workspace, "nessus:57608")["kev"] is None
    # Before the feed's own date it says nothing.
    assert known(workspace, "CVE-2099-0001", datetime(2025, 7, 31))["kev"] is None


def test_reading_the_same_again_changes_nothing(workspace: Workspace, tmp_path: Path) -> None:
    exposed(workspace, "CVE-2099-0001")
    path = kev(tmp_path / "f", "2025-08-01", "CVE-2099-0001")
    first = update(workspace, sources=[path], now=NOW)
    again = update(workspace, sources=[path], now=NOW)
    assert (first.new, again.new, again.version) == (2, 0, first.version)
    assert [one.new for one in again.read] == [0]


def test_a_weakness_that_appears_later_is_found_in_the_same_file(workspace: Workspace, tmp_path: Path) -> None:
    path = kev(tmp_path / "f", "2025-08-01", "CVE-2099-0001")
    assert update(workspace, sources=[path], now=NOW).weaknesses == 0
    exposed(workspace, "CVE-2099-0001")
    assert update(workspace, sources=[path], now=NOW).new == 1
    assert known(workspace, "CVE-2099-0001")["kev"] is True


def test_what_leaves_the_catalogue_no_longer_holds(workspace: Workspace, tmp_path: Path) -> None:
    exposed(workspace, "CVE-2099-0001")
    files = [
        kev(tmp_path / "f", "2025-07-01", "CVE-2099-0001", ransomware=("CVE-2099-0001",)),
        kev(tmp_path / "f", "2025-08-01"),
    ]
    update(workspace, sources=files, now=NOW)
    before, after = (
        known(workspace, "CVE-2099-0001", datetime(2025, 7, 15)),
        known(workspace, "CVE-2099-0001"),
    )
    assert (before["kev"], before["exploit"]) == (True, "ransomware")
    assert (after["kev"], after["ransomware"], after["exploit"]) == (False, False, "unknown")


def test_the_ransomware_flag_holds_from_the_first_file_that_shows_it(workspace: Workspace, tmp_path: Path) -> None:
    exposed(workspace, "CVE-2099-0001")
    name = "CVE-2099-0001"
    update(
        workspace,
        sources=[
            kev(tmp_path / "f", "2025-07-01", name),
            kev(tmp_path / "f", "2025-08-01", name, ransomware=(name,)),
        ],
        now=NOW,
    )
    assert known(workspace, name, datetime(2025, 7, 15))["ransomware"] is False
    assert known(workspace, name)["ransomware"] is True
    assert known(workspace, name)["kev_at"] == datetime(2025, 1, 1)


def test_one_bad_file_does_not_stop_the_others(workspace: Workspace, tmp_path: Path) -> None:
    exposed(workspace, "CVE-2099-0001")
    folder = tmp_path / "f"
    kev(folder, "2025-08-01", "CVE-2099-0001")
    (folder / "broken.json").write_text('{"catalogVersion": "1", "vulnerabilities": [', "utf-8")
    (folder / "notes.txt").write_text("hello", "utf-8")
    result = update(workspace, sources=[folder, tmp_path / "nowhere"], now=NOW)
    assert result.new == 2
    assert [name for name, _ in result.failed] == [str(tmp_path / "nowhere"), "broken.json"]
    assert [name for name, _ in result.skipped] == ["notes.txt"]


def test_nothing_recognised_is_said(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello", "utf-8")
    with pytest.raises(NothingToRead, match="no feed was recognised"):
        update(workspace, sources=[tmp_path / "notes.txt"], now=NOW)


def test_the_newest_cvss_counts_and_a_differing_publication_is_flagged(workspace: Workspace, tmp_path: Path) -> None:
    exposed(workspace, "CVE-2099-0001")
    three = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E:U"
    path = table(
        tmp_path / "f",
        "own.csv",
        "CVE-2099-0001,cvss,10,AV:N/AC:L/Au:N/C:C/I:C/A:C,nvd,2.0,2025-03-01",
        f"CVE-2099-0001,cvss,9.0,{three},cna,3.1,2025-02-01",
    )
    update(workspace, sources=[path], now=NOW)
    row = known(workspace, "CVE-2099-0001")
    assert (row["cvss"], row["cvss_published"], row["cvss_version"], row["cvss_mismatch"]) == (
        9.8,
        9.0,
        "3.1",
        True,
    )
    assert row["cvss_source"] == "cna"


@pytest.mark.parametrize(
    ("lines", "exploit"),
    [
        (["*,feed:metasploit,,,m,,2025-08-01"], "none_known"),
        (
            ["*,feed:metasploit,,,m,,2025-08-01", "CVE-2099-0001,exploit_poc,1,EDB-1,exploit-db,,2025-01-01"],
            "poc",
        ),
        (
            [
                "CVE-2099-0001,exploit_poc,1,,a,,2025-01-01",
                "CVE-2099-0001,exploit_weaponized,1,x,b,,2025-01-02",
            ],
            "weaponized",
        ),
        (["CVE-2099-0001,ssvc_exploitation,,none,cisa-adp,,2025-01-01"], "none_known"),
        (["CVE-2099-0001,ssvc_exploitation,,public poc,cisa-adp,,2025-01-01"], "poc"),
        (["CVE-2099-0001,ssvc_exploitation,,active,cisa-adp,,2025-01-01"], "attacks"),
        (
            ["CVE-2099-0001,exploit_weaponized,1,x,b,,2025-09-02"],
            "unknown",
        ),  # after the day that is asked for
    ],
)
def test_the_ripest_known_exploit_counts(workspace: Workspace, tmp_path: Path, lines: list[str], exploit: str) -> None:
    exposed(workspace, "CVE-2099-0001")
    update(workspace, sources=[table(tmp_path / "f", "own.csv", *lines)], now=NOW)
    assert known(workspace, "CVE-2099-0001")["exploit"] == exploit


def epss(day: int, value: float) -> pa.Table:
    rows = Rows("first-epss")
    when = datetime(2025, 1, 1) + timedelta(days=day)
    rows.add("CVE-2099-0001", "epss", when, value=value, model="v4")
    rows.date(when)
    rows.mark("epss")
    return rows.table()


def stored(files: list[tuple[int, float]]) -> dict[int, float]:
    """What holds after each day when the daily files come in the given order."""
    with changes.Known(
        pa.table(
            {name: [] for name in changes._COLUMNS.split(", ")},
            schema=pa.schema(
                [
                    (name, kind)
                    for name, kind in [
                        ("weakness", pa.string()),
                        ("kind", pa.string()),
                        ("value", pa.float64()),
                        ("text", pa.string()),
                        ("source", pa.string()),
                        ("model", pa.string()),
                        ("observed_at", pa.timestamp("us")),
                        ("feed", pa.string()),
                    ]
                ]
            ),
        )
    ) as known:
        for day, value in files:
            known.take(epss(day, value), f"file-{day}", (), None)
        rows = [row for row in known.added().to_pylist() if row["kind"] == "epss"]
    return {
        day: max(
            (row["observed_at"], row["value"])
            for row in rows
            if row["observed_at"] <= datetime(2025, 1, 1) + timedelta(days=day)
        )[1]
        for day, _ in files
    }


@settings(max_examples=6, deadline=None)
@given(st.lists(st.sampled_from([0.1, 0.2]), min_size=3, max_size=3))
def test_daily_files_give_the_same_history_in_any_order(values: list[float]) -> None:
    files = list(enumerate(values))
    truth = dict(files)
    for order in permutations(files):
        assert stored(list(order)) == truth


def test_unchanged_scores_are_not_stored_again() -> None:
    empty = Rows("x").table().append_column("feed", pa.array([], pa.string()))
    with changes.Known(empty) as known:
        assert [known.take(epss(day, 0.1), f"file-{day}", (), None) for day in range(3)] == [1, 0, 0]
        assert [row["kind"] for row in known.added().to_pylist()].count("feed:epss") == 3  # but that they were read is


def test_the_demos_own_table_is_a_feed(workspace: Workspace) -> None:
    exposed(workspace, "CVE-2021-44228", "CVE-2099-0001")
    with resources.as_file(resources.files("foreshore.estate") / "signals.csv") as path:
        result = update(workspace, sources=[path], now=NOW)
    assert result.missing == ()
    row = known(workspace, "CVE-2021-44228")
    assert (row["exploit"], row["kev"], row["epss_model"]) == ("ransomware", True, "v2025.03.14")
    assert known(workspace, "CVE-2099-0001")["exploit"] == "none_known"


def test_show_says_who_said_what_and_when(workspace: Workspace, tmp_path: Path) -> None:
    exposed(workspace, "CVE-2099-0001")
    update(workspace, sources=[kev(tmp_path / "f", "2025-08-01", "CVE-2099-0001")], now=NOW)
    with store.open_lake(workspace, read_only=True) as lake:
        found = show(lake, " cve-2099-0001 ", as_of=NOW)
        nobody = show(lake, "CVE-2099-9999", as_of=NOW)
        with pytest.raises(UsageError):
            show(lake, " ")
        assert feeds_at(lake.sql, NOW)["feed"].to_pylist() == ["kev"]
    assert found["present"] == 1
    assert [(row["kind"], row["source"]) for row in found["signals"]] == [("kev", "cisa-kev")]
    assert found["feeds"][0]["date"] == datetime(2025, 8, 1)
    assert (nobody["present"], nobody["signals"], nobody["summary"]["exploit"]) == (0, [], "unknown")
