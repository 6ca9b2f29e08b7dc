"""What people decide: shown at once, kept by the next cycle, taken back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
BECAUSE = ("--because", "the vendor's patch was backported")


def exposures(cli: Cli, workspace: Path) -> list[dict[str, Any]]:
    return list(cli("exposures", "--json", "-w", str(workspace)).json())


def one(rows: list[dict[str, Any]], key: str) -> dict[str, Any]:
    return next(row for row in rows if row["id"] == key)


def test_a_false_positive_is_last_at_once_and_after_the_next_cycle(cli: Cli, copy: Path) -> None:
    key = exposures(cli, copy)[0]["id"]
    said = cli("decide", key, "--as", "false-positive", *BECAUSE, "--json", "-w", str(copy)).json()
    assert [(row["id"], row["disposition"]) for row in said] == [(key, "false_positive")]
    for again in (False, True):
        if again:
            result = cli("cycle", "--json", "-w", str(copy)).json()
            assert result["dismissed"] == 1
        rows = exposures(cli, copy)
        assert rows[-1]["id"] == key
        assert rows[-1]["treatment"] is None
        assert rows[-1]["disposition"] == "false_positive"
        assert rows[-1]["because"] == BECAUSE[1]


def test_a_decision_keeps_what_the_exposure_was(cli: Cli, copy: Path) -> None:
    from foreshore import decisions, keys
    from foreshore.workspace import Workspace

    row = exposures(cli, copy)[0]
    assert cli("decide", row["id"], "--as", "mitigated", *BECAUSE, "-w", str(copy)).code == 0
    with decisions.open(Workspace.open(copy)) as opened:
        entry = opened.history(keys.parse(row["id"], "EXP")[0])[0]
    kept = {name: entry.evidence[name] for name in ("id", "weakness", "asset_name", "place", "reachable", "treatment")}
    assert kept == {name: row[name] for name in kept}
    assert entry.because == BECAUSE[1]


def test_withdrawing_brings_it_back(cli: Cli, copy: Path) -> None:
    before = exposures(cli, copy)[0]
    where = ("-w", str(copy))
    refused = cli("decide", before["id"], "--as", "withdrawn", "--because", "we looked once more", *where)
    assert refused.code == 2
    assert "no decision" in refused.err
    assert cli("decide", before["id"], "--as", "not-applicable", *BECAUSE, *where).code == 0
    assert one(exposures(cli, copy), before["id"])["disposition"] == "not_applicable"
    assert cli("decide", before["id"], "--as", "withdrawn", "--because", "we looked once more", *where).code == 0
    after = one(exposures(cli, copy), before["id"])
    assert after["disposition"] is None
    assert after["treatment"] == before["treatment"]


def test_a_word_taken_back_after_a_cycle_waits_for_the_next(cli: Cli, copy: Path) -> None:
    where = ("-w", str(copy))
    key = exposures(cli, copy)[0]["id"]
    until = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"
    assert cli("decide", key, "--as", "accepted", "--until", until, *BECAUSE, *where).code == 0
    assert cli("cycle", *where).code == 0
    assert one(exposures(cli, copy), key)["treatment"] == "accepted"
    assert cli("decide", key, "--as", "withdrawn", "--because", "we looked once more", *where).code == 0
    found = one(exposures(cli, copy), key)
    assert (found["treatment"], found["disposition"]) == ("unknown", None)
    assert "next cycle" in found["reason"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--as", "accepted", *BECAUSE), "last day"),
        (("--as", "accepted", *BECAUSE, "--until", "2001-01-01"), "has passed"),
        (("--as", "accepted", *BECAUSE, "--until", "soon"), "is not a date"),
        (("--as", "mitigated", "--because", "ok"), "reason"),
        (("--as", "wrong", *BECAUSE), "is not a decision"),
    ],
)
def test_what_is_refused_says_why(cli: Cli, copy: Path, words: tuple[str, ...], told: str) -> None:
    key = exposures(cli, copy)[0]["id"]
    found = cli("decide", key, *words, "-w", str(copy))
    assert found.code == 2
    assert told in found.err
    assert one(exposures(cli, copy), key)["disposition"] is None


def test_all_or_none_when_one_key_is_wrong(cli: Cli, copy: Path) -> None:
    key = exposures(cli, copy)[0]["id"]
    found = cli("decide", key, "EXP-0000-0000-00000", "--as", "mitigated", *BECAUSE, "-w", str(copy))
    assert found.code == 2
    assert one(exposures(cli, copy), key)["disposition"] is None


def test_like_this_previews_and_takes_the_same_weakness_and_component(cli: Cli, copy: Path, make: Any) -> None:
    where = ("-w", str(copy))
    same = [make.row(f"srv-{n}", f"10.20.0.{n}", "CVE-2023-2454,PostgreSQL privileges,high,pkg:generic/postgresql,"
                     "postgresql,15.1,15.3,5432,version", 3) for n in (31, 32)]  # fmt: skip
    more = make.csv(copy.parent / "more.csv", *same)
    assert cli("import", str(more), "--source", "agents", *where).code == 0
    assert cli("cycle", *where).code == 0
    rows = [row for row in exposures(cli, copy) if row["weakness"] == "CVE-2023-2454"]
    assert len(rows) == 3
    words = ("decide", rows[0]["id"], "--as", "not-applicable", *BECAUSE, "--like-this", *where)
    stopped = cli(*words)  # nobody there to say yes
    assert stopped.code == 1
    assert all(row["id"] in stopped.err for row in rows)
    assert all(row["disposition"] is None for row in exposures(cli, copy))
    said = cli(*words, "--yes", "--json").json()
    assert {row["id"] for row in said} == {row["id"] for row in rows}
    decided = {row["id"] for row in exposures(cli, copy) if row["disposition"]}
    assert decided == {row["id"] for row in rows}


def test_a_key_from_before_a_merge_still_leads_to_the_exposure(cli: Cli, copy: Path) -> None:
    from foreshore import keys
    from foreshore.store import open_lake
    from foreshore.workspace import Workspace

    with open_lake(Workspace.open(copy), read_only=True) as lake:
        merged = lake.sql("select old, new from exposure_aliases").to_pylist()[0]
    old, new = keys.show("EXP", merged["old"]), keys.show("EXP", merged["new"])
    assert cli("explain", old, "--json", "-w", str(copy)).json()["id"] == new


def test_a_decision_on_an_id_from_before_a_merge_counts(cli: Cli, copy: Path) -> None:
    from foreshore import decisions, keys
    from foreshore.store import open_lake
    from foreshore.workspace import Workspace

    workspace = Workspace.open(copy)
    with open_lake(workspace, read_only=True) as lake:
        merged = lake.sql("select old, new from exposure_aliases").to_pylist()[0]
    with decisions.open(workspace) as opened:
        opened.decide([merged["old"]], "false_positive", because=BECAUSE[1], author="an analyst")
    key = keys.show("EXP", merged["new"])
    assert one(exposures(cli, copy), key)["disposition"] == "false_positive"
    assert cli("decide", key, "--as", "withdrawn", "--because", "we looked once more", "-w", str(copy)).code == 0
    assert one(exposures(cli, copy), key)["disposition"] is None


def test_a_claimed_fix_waits_for_verification(cli: Cli, copy: Path) -> None:
    key = exposures(cli, copy)[0]["id"]
    assert cli("decide", key, "--as", "done", "--because", "patched last night", "-w", str(copy)).code == 0
    assert one(exposures(cli, copy), key)["state"] == "pending_verification"
