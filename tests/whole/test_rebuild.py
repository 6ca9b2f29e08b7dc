"""Through the front door: the facts, read again from the evidence, come out the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from foreshore.store import evidence
from foreshore.workspace import Workspace

pytestmark = pytest.mark.slow
MAPPING = """
tool = "tickets"
[fields]
title = "What"
severity = "How bad"
asset = "Machine"
"""


def foreshore(*arguments: str, cwd: Path, code: int = 0) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "foreshore.cli.main", *arguments, "--json"],
        cwd=cwd, capture_output=True, encoding="utf-8", timeout=600,
        env={**os.environ, "COLUMNS": "120", "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout) if done.stdout else None


def report(place: Path, name: str, day: str, *rows: tuple[str, str, str]) -> str:
    """A generic report of one day: host, serial number, vulnerability."""
    found = [
        {"title": cve, "severity": "high", "cve": cve, "asset": host, "serial": serial, "mac": "00:1b:21:00:00:09",
         "component": "openssl", "observed_at": day}
        for host, serial, cve in rows
    ]  # fmt: skip
    path = place / name
    path.write_text(json.dumps({"findings": found}), encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rebuild")
    root = Workspace.create(folder / "ws", seed=3).root
    both = [("build-0", "S1", "CVE-2024-0001"), ("build-1", "S2", "CVE-2024-0001"), ("build-1", "S2", "CVE-2024-0002")]
    foreshore("import", report(folder, "one.json", "2026-03-01", *both), "--coverage", "complete", cwd=root)
    foreshore("cycle", cwd=root)
    row = foreshore("exposures", "--where", "weakness = 'CVE-2024-0002'", cwd=root)[0]
    foreshore("decide", row["id"], "--as", "done", "--because", "updated by hand", cwd=root)
    questions = foreshore("assets", "review", cwd=root)
    if questions:
        pair = (questions[0]["left"]["id"], questions[0]["right"]["id"])
        foreshore("assets", "review", *pair, "--as", "same", "--because", "one machine, two boards", cwd=root)
    (folder / "tickets.toml").write_text(MAPPING, encoding="utf-8")
    (folder / "tickets.csv").write_text("What,How bad,Machine\nOld cipher,low,web-1\n", encoding="utf-8")
    foreshore("import", str(folder / "tickets.csv"), "--mapping", str(folder / "tickets.toml"), cwd=root)
    late = report(folder, "late.json", "2026-02-01", *both[:1])
    newest = report(folder, "newest.json", "2026-11-01", *both[:2])
    foreshore("import", late, cwd=root)
    foreshore("import", newest, "--coverage", "complete", "--source", "second", cwd=root)
    return root


def test_the_evidence_gives_the_same_facts(place: Path) -> None:
    found = foreshore("rebuild", cwd=place)
    assert found == {"equal": True, "imports": found["imports"], "lost": [], "differences": []}
    assert found["imports"] >= 4
    assert not (place / "tmp" / "rebuilt").exists()


def test_what_cannot_be_read_again_is_named(place: Path) -> None:
    workspace = Workspace.open(place)
    chosen = next(one for one in evidence.records(workspace) if one.kind == "report")
    evidence.forget(workspace, chosen.digest, because="asked by a person it was about")
    found = foreshore("rebuild", cwd=place, code=1)
    assert not found["equal"]
    assert len(found["lost"]) == 1
    assert "forgotten" in found["lost"][0]["why"] or "erased" in found["lost"][0]["why"]
    assert found["differences"]
