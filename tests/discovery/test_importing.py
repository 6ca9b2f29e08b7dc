"""The import from the front door, over the real lake."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from foreshore import store
from foreshore.discovery.importing import import_paths
from foreshore.errors import NothingToRead, UsageError
from foreshore.store import evidence
from foreshore.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "ws", seed=3)


def nuclei(path: Path, *matches: tuple[str, str], day: int = 1) -> Path:
    rows = [
        {
            "template-id": template, "type": "http", "host": f"https://{host}.example.com", "ip": "192.0.2.7",
            "matched-at": f"https://{host}.example.com/", "timestamp": f"2026-05-{day:02}T00:00:00Z",
            "info": {"name": template, "severity": "high", "classification": {"cve-id": [template]}},
        }
        for host, template in matches
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_the_result_is_what_other_programs_rely_on(workspace: Workspace, tmp_path: Path) -> None:
    report = nuclei(tmp_path / "a.jsonl", ("web", "CVE-2024-0001"), ("shop", "CVE-2024-0002"))
    told: dict[str, Any] = msgspec.to_builtins(import_paths(workspace, [report]))
    (run,) = told["runs"]
    assert {"run", "file", "reader", "findings", "duplicate", "coverage"} <= run.keys()
    assert (run["reader"], run["findings"], run["duplicate"]) == ("nuclei", 2, False)
    assert told["exposures"] == {"new": 2, "seen": 0, "fixed": 0, "reopened": 0}
    assert told["assets"] == {"new": 2, "seen": 0, "review": 0}


def test_the_same_file_again_is_known_by_its_digest(workspace: Workspace, tmp_path: Path) -> None:
    report = nuclei(tmp_path / "a.jsonl", ("web", "CVE-2024-0001"))
    import_paths(workspace, [report])
    with store.open_lake(workspace) as lake:
        version = lake.version
    notes: list[str] = []
    again = import_paths(workspace, [report, report], on_note=notes.append)
    assert [run.duplicate for run in again.runs] == [True, True]
    assert "known by its digest" in notes[0]
    with store.open_lake(workspace) as lake:
        assert lake.version == version


def test_a_new_file_with_the_same_findings_adds_only_that_they_were_seen(workspace: Workspace, tmp_path: Path) -> None:
    import_paths(workspace, [nuclei(tmp_path / "a.jsonl", ("web", "CVE-2024-0001"))])
    again = import_paths(workspace, [nuclei(tmp_path / "b.jsonl", ("web", "CVE-2024-0001"), day=2)])
    assert (again.exposures.new, again.exposures.seen) == (0, 1)
    with store.open_lake(workspace) as lake:
        count = lake.sql("SELECT (SELECT count(*) FROM findings) AS f, (SELECT count(*) FROM seen) AS s")
        assert count.to_pylist() == [{"f": 1, "s": 2}]


def test_a_declared_full_export_closes_what_is_gone(workspace: Workspace, tmp_path: Path) -> None:
    both = nuclei(tmp_path / "a.jsonl", ("web", "CVE-2024-0001"), ("web", "CVE-2024-0002"))
    import_paths(workspace, [both])
    one = nuclei(tmp_path / "b.jsonl", ("web", "CVE-2024-0001"), day=2)
    assert import_paths(workspace, [one]).exposures.fixed == 0
    later = nuclei(tmp_path / "c.jsonl", ("web", "CVE-2024-0001"), day=3)
    assert import_paths(workspace, [later], coverage="complete").exposures.fixed == 1


def test_a_bad_file_is_named_and_the_rest_is_taken(workspace: Workspace, tmp_path: Path) -> None:
    good = nuclei(tmp_path / "a.jsonl", ("web", "CVE-2024-0001"))
    bad = tmp_path / "b.jsonl"
    bad.write_bytes(b"\x00\x01\x02 nothing of a report")
    found = import_paths(workspace, [bad, good])
    assert [one.file for one in found.errors] == [str(bad)]
    assert found.exposures.new == 1
    with store.open_lake(workspace) as lake:
        assert lake.sql("SELECT file FROM runs").to_pylist() == [{"file": str(good)}]
    assert len(list(evidence.records(workspace))) == 1


def test_a_secret_in_the_evidence_is_not_stored(workspace: Workspace, tmp_path: Path) -> None:
    secret = "AKIA" + "EXAMPLEEXAMPLE12"
    report = tmp_path / "generic.json"
    row = {"asset": "web.example.com", "title": "Key in page", "severity": "high", "evidence": f"key={secret}",
           "description": f"The page shows {secret}"}  # fmt: skip
    report.write_text(json.dumps({"findings": [row]}), "utf-8")
    assert import_paths(workspace, [report]).exposures.new == 1
    for path in workspace.root.rglob("*"):
        if path.is_file():
            assert secret.encode() not in path.read_bytes()
    with store.open_lake(workspace) as lake:
        held = str(lake.sql("FROM findings").to_pylist() + lake.sql("FROM checks").to_pylist())
    assert secret not in held
    assert "[secret " in held


def test_wrong_words_and_empty_folders_say_so(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no coverage"):
        import_paths(workspace, [tmp_path], coverage="everything")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingToRead):
        import_paths(workspace, [tmp_path / "empty"])


def test_the_raw_report_is_kept_encrypted(workspace: Workspace, tmp_path: Path) -> None:
    report = nuclei(tmp_path / "a.jsonl", ("web", "CVE-2024-0001"))
    import_paths(workspace, [report])
    (kept,) = evidence.records(workspace)
    with evidence.open_evidence(workspace, kept.digest) as stream:
        assert stream.read() == report.read_bytes()
