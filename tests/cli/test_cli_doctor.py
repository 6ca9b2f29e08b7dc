"""The doctor finds what is wrong, and says unknown where nothing is known."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

Cli = Callable[..., Any]


def states(cli: Cli, workspace: Path) -> dict[str, dict[str, str]]:
    import json

    found = cli("doctor", "--json", "-w", str(workspace))
    rows = json.loads(found.out)
    assert found.code == (1 if any(row["state"] == "bad" for row in rows) else 0)
    return {row["what"]: row for row in rows}


def test_a_sound_workspace_has_nothing_bad(cli: Cli, copy: Path) -> None:
    found = states(cli, copy)
    for name in ("workspace", "catalogue", "facts", "scope", "policy", "decisions", "jobs", "last cycle", "evidence"):
        assert found[name]["state"] == "good", found[name]
    assert "WAL" in found["catalogue"]["detail"]
    assert "disk" in found


def test_a_feed_that_was_never_read_is_unknown_not_zero(cli: Cli, tmp_path: Path, make: Any) -> None:
    from foreshore.workspace import Workspace

    Workspace.create(tmp_path / "ws")
    assert states(cli, tmp_path / "ws")["facts"]["state"] == "unknown"
    report = make.csv(tmp_path / "one.csv", make.web)
    assert cli("import", str(report), "-w", str(tmp_path / "ws")).code == 0
    found = states(cli, tmp_path / "ws")
    for name in ("feed kev", "feed epss", "feed cvss", "feed exploits"):
        assert found[name]["state"] == "unknown"
        assert "unknown, not zero" in found[name]["detail"]
    assert found["last cycle"]["state"] == "unknown"
    assert found["scope"]["state"] == "warning"


def test_a_changed_decision_breaks_the_trail(cli: Cli, copy: Path) -> None:
    key = cli("exposures", "--json", "-w", str(copy)).json()[0]["id"]
    done = cli("decide", key, "--as", "mitigated", "--because", "a filter stands before it", "-w", str(copy))
    assert done.code == 0
    with sqlite3.connect(copy / "decisions.sqlite3") as connection:
        for (name,) in connection.execute("select name from sqlite_master where type = 'trigger'").fetchall():
            connection.execute(f'drop trigger "{name}"')
        table = connection.execute(
            "select name from sqlite_master where type = 'table' and name like '%disposition%'"
        ).fetchone()[0]
        connection.execute(f"update {table} set because = 'somebody else wrote this'")
    connection.close()
    assert states(cli, copy)["decisions"]["state"] == "bad"


def test_evidence_that_was_changed_is_found(cli: Cli, copy: Path) -> None:
    piece = next((copy / "evidence").glob("*.bin"))
    content = bytearray(piece.read_bytes())
    content[-1] ^= 1
    piece.write_bytes(content)
    assert states(cli, copy)["evidence"]["state"] == "bad"


def test_a_missing_serving_file_is_found(cli: Cli, copy: Path) -> None:
    for path in (copy / "serving").iterdir():
        path.unlink()
    assert states(cli, copy)["last cycle"]["state"] == "bad"


def test_imports_after_the_cycle_are_told(cli: Cli, copy: Path, make: Any) -> None:
    report = make.csv(
        copy.parent / "more.csv", make.row("pc-9", "10.1.0.9", "CVE-2020-1009,Viewer,low,,,,,,package", 1)
    )
    assert cli("import", str(report), "-w", str(copy)).code == 0
    found = states(cli, copy)["last cycle"]
    assert found["state"] == "warning"
    assert "1 import" in found["detail"]


def test_a_job_whose_receipt_a_crash_ate_gets_one(cli: Cli, copy: Path) -> None:
    (copy / "decisions.sqlite3").unlink()
    (copy / "scope.yaml").unlink()
    assert "written now" in states(cli, copy)["jobs"]["detail"]
    assert "each with its receipt" in states(cli, copy)["jobs"]["detail"]


def test_a_broken_scope_and_policy_are_found(cli: Cli, copy: Path) -> None:
    (copy / "scope.yaml").write_text("organisation: typo\n", encoding="utf-8")
    assert "scope.yaml:1" in states(cli, copy)["scope"]["detail"]
    (copy / "policy" / "treatment.toml").write_text("[act_now]\nshare = 3\n", encoding="utf-8")
    assert states(cli, copy)["policy"]["state"] == "bad"
