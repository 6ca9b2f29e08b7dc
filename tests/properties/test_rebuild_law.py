"""Law: whatever was imported, in whatever order, the evidence read again gives the same facts."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foreshore.cycle import rebuilding, reviewing, taking
from foreshore.workspace import Workspace

pytestmark = pytest.mark.slow

HOSTS = st.sampled_from(["web-1", "web-2", "db-1"])
SERIALS = st.sampled_from(["", "S1", "S2"])
MACS = st.sampled_from(["", "00:1b:21:00:00:01", "00:1b:21:00:00:02"])
WEAKNESSES = st.sampled_from(["CVE-2024-0001", "CVE-2024-0002", "GHSA-jfh8-c2jp-5v3q"])
ROWS = st.tuples(HOSTS, SERIALS, MACS, WEAKNESSES, st.sampled_from(["openssl", ""]), st.sampled_from([0, 443]))
IMPORT = st.fixed_dictionaries(
    {
        "rows": st.lists(ROWS, min_size=1, max_size=4),
        "day": st.integers(1, 28),
        "source": st.sampled_from(["scanner", "agent"]),
        "coverage": st.sampled_from(["", "complete", "site:medium"]),
        "site": st.sampled_from(["main", "south"]),
    }
)
STEPS = st.lists(st.one_of(IMPORT, st.sampled_from(["same", "different"])), min_size=2, max_size=6)


@settings(
    max_examples=8, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(steps=STEPS)
def test_rebuilding_equals_what_is_there(steps: list[Any]) -> None:
    with TemporaryDirectory() as folder:
        workspace = Workspace.create(Path(folder) / "ws", seed=5)
        taken = [_step(workspace, Path(folder), number, step) for number, step in enumerate(steps)]
        if not any(taken):
            return
        found = rebuilding.rebuild(workspace)
        assert found["differences"] == []
        assert found["lost"] == []


def _step(workspace: Workspace, folder: Path, number: int, step: Any) -> bool:
    """Import a report, or answer the first question about two assets; returns whether something was imported."""
    if isinstance(step, dict):
        return _import(workspace, folder / f"{number}.json", step)
    questions = reviewing.queue(workspace) if (workspace.facts_dir / "catalog.sqlite").exists() else []
    for one in questions[:1]:
        pair = (one["left"]["id"], one["right"]["id"])
        reviewing.answer(workspace, *pair, same=step == "same", because="somebody looked at both", author="a test")
    return False


def _import(workspace: Workspace, path: Path, step: dict[str, Any]) -> bool:
    rows = [
        {"title": weakness, "severity": "high", "cve": weakness, "asset": host, "serial": serial, "mac": mac,
         "component": component, "port": port, "observed_at": f"2026-03-{step['day']:02d}"}
        for host, serial, mac, weakness, component, port in step["rows"]
    ]  # fmt: skip
    path.write_text(json.dumps({"findings": rows}), encoding="utf-8")
    found = taking.take(
        workspace, [path], source=step["source"], site=step["site"], coverage=step["coverage"]
    )  # fmt: skip
    assert not found.errors
    return True
