"""Our own model's chance after an update: of what EPSS does not score, with its reasons, through the front door."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
FLAW = "CVE-2023-2454"


def test_an_update_brings_our_own_chance_with_its_reasons(cli: Cli, copy: Path, tmp_path: Path) -> None:
    day = (datetime.now(UTC) - timedelta(days=3)).date().isoformat()
    index = tmp_path / "poc_index.csv"
    index.write_text(f"cve,first_seen\n{FLAW},{day}\n", "utf-8")
    cli("intel", "update", "--from", str(index), "-w", str(copy))
    found = cli("intel", "show", FLAW, "--json", "-w", str(copy)).json()
    summary = found["summary"]
    assert summary["own"] > 0
    assert summary["own_model"].startswith("own-1")
    assert "own_model" in [one["kind"] for one in found["signals"]]
    reasons = json.loads(summary["own_reasons"])
    assert reasons[0]["because"] == "an average weakness"
    assert any(day in one["because"] for one in reasons)
    odds = math.exp(sum(one["log_odds"] for one in reasons))
    assert summary["own"] == pytest.approx(odds / (1 + odds), rel=0.06)  # kept in two digits
