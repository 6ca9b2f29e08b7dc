"""Upkeep by the cycle: raw evidence goes when the workspace keeps its kind no longer, and what is to be kept stays."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from foreshore.store import evidence
from foreshore.workspace import RETENTION, Workspace

Cli = Callable[..., Any]


@pytest.fixture
def workspace(company: Path, tmp_path: Path) -> Workspace:
    return Workspace.open(Path(shutil.copytree(company, tmp_path / "ws")))


def kept(workspace: Workspace, kind: str, days: float) -> str:
    """Keep something of this kind as if so many days ago."""
    digest = evidence.keep(workspace, io.BytesIO(f"{kind} of {days} days ago".encode()), kind=kind)
    entry = evidence.record(workspace, digest)
    assert entry is not None
    older = msgspec.structs.replace(entry, kept_at=datetime.now(UTC) - timedelta(days=days))
    (workspace.evidence_dir / f"{digest}.key").write_bytes(msgspec.json.encode(older))
    return digest


def forgotten(workspace: Workspace) -> set[str]:
    return {one.digest for one in evidence.records(workspace) if not one.sealed}


def test_a_cycle_erases_what_is_older_than_its_kind_is_kept(cli: Cli, workspace: Workspace) -> None:
    limits = {kind: days for kind, days in RETENTION.items() if days is not None}
    assert set(limits) == {"connector", "check", "intel"}
    old = {kept(workspace, kind, days + 1) for kind, days in limits.items()}
    for kind, days in limits.items():
        kept(workspace, kind, days - 1)
    kept(workspace, "report", 9999)  # kept for ever, as the workspace says
    said = cli("cycle", "-w", str(workspace.root))
    assert said.code == 0
    assert forgotten(workspace) == old
    assert "3 pieces of raw evidence erased" in said.err
    assert all((workspace.evidence_dir / f"{digest}.key").exists() for digest in old)  # that it was there remains
    again = cli("cycle", "-w", str(workspace.root))
    assert "evidence erased" not in again.err
    assert forgotten(workspace) == old
