"""Start-up clears what ended processes left, and nothing else."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from foreshore import store
from foreshore.store import evidence
from foreshore.workspace import Workspace, owner_mark

pytestmark = pytest.mark.skipif(os.name == "nt", reason="processes cannot be asked for harmlessly on Windows")


def ended_mark() -> str:
    """The mark of a process of this machine that has just ended."""
    code = "from foreshore.workspace import owner_mark; print(owner_mark())"
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def leave(folder: Path, mark: str) -> Path:
    path = folder / f".something{mark}-1"
    path.write_bytes(b"half")
    return path


def test_files_of_ended_processes_go_and_those_of_running_ones_stay(workspace: Workspace) -> None:
    folders = (workspace.root, workspace.evidence_dir, workspace.serving_dir, workspace.temporary_dir)
    ended = ended_mark()
    old = [leave(folder, ended) for folder in folders]
    spill = workspace.temporary_dir / f"duckdb{ended}-0"
    spill.mkdir()
    (spill / "block.tmp").write_bytes(b"x")
    ours = [leave(folder, owner_mark()) for folder in folders]
    elsewhere = leave(workspace.root, ".tmp-00000000-1")
    said = store.reconcile(workspace)
    assert len(said) == 5
    assert not any(path.exists() for path in [*old, spill])
    assert all(path.exists() for path in [*ours, elsewhere])
    assert store.reconcile(workspace) == []


def test_files_of_other_machines_go_after_a_day(workspace: Workspace) -> None:
    elsewhere = leave(workspace.root, ".tmp-00000000-1")
    before = time.time() - 25 * 3600
    os.utime(elsewhere, (before, before))
    assert len(store.reconcile(workspace)) == 1
    assert not elsewhere.exists()


def test_evidence_without_a_key_goes_after_an_hour_and_kept_evidence_stays(workspace: Workspace) -> None:
    digest = evidence.keep(workspace, io.BytesIO(b"report"))
    before = time.time() - 2 * 3600
    orphan, young = (workspace.evidence_dir / f"{letter * 64}.bin" for letter in "ab")
    for path in (orphan, young):
        path.write_bytes(b"x")
    for path in (orphan, workspace.evidence_dir / f"{digest}.bin"):
        os.utime(path, (before, before))
    store.reconcile(workspace)
    assert not orphan.exists()
    assert young.exists()
    with evidence.open_evidence(workspace, digest) as stream:
        assert stream.read() == b"report"


def test_the_note_of_an_ended_writer_goes_and_that_of_a_running_one_stays(workspace: Workspace) -> None:
    note = workspace.root / "foreshore.lock.holder"
    note.write_text(json.dumps({"pid": 4_000_000, "since": "yesterday"}))
    assert store.reconcile(workspace) == ["removed the note of a writer that has ended"]
    assert not note.exists()
    with workspace.lock():
        assert store.reconcile(workspace) == []
        assert note.exists()
