"""Through the front door: what nobody looks at is named, and people answer which assets are the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from foreshore import facts
from foreshore.discovery.importing import Importer, Origin
from foreshore.facts import ControlSeen, Finding, RunSeen, Sighting
from foreshore.workspace import Workspace

pytestmark = pytest.mark.slow

SCOPE = """
organization: Example Stores
zones:
  payments: {networks: [10.1.0.0/24]}
  office: {networks: [10.2.0.0/24]}
  archive: {networks: [10.3.0.0/24]}
services:
  - {name: Card payments, impact: {tier: 5}, assets: ["name:pay-*"]}
teams:
  - {name: payments-team, assets: ["zone:payments"]}
"""


def foreshore(*arguments: str, cwd: Path, code: int = 0) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "foreshore.cli.main", *arguments, "--json"],
        cwd=cwd, capture_output=True, encoding="utf-8", timeout=600,
        env={**os.environ, "COLUMNS": "120", "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout) if done.stdout else done.stderr


def seen(tool: str, day: str) -> RunSeen:
    from datetime import UTC, datetime

    return RunSeen(tool=tool, observed_at=datetime.fromisoformat(day).replace(tzinfo=UTC))


def host(name: str, address: str, *more: tuple[str, str], inside: bool | None = None) -> Sighting:
    return Sighting(key=name, name=name, identifiers=(("hostname", name), ("ip", address), *more), authenticated=inside)


def flaw(name: str) -> Finding:
    return Finding(asset=name, rule="r1", title="t", severity="high", weaknesses=("CVE-2024-0001",), port=443)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("blind") / "ws"
    workspace = Workspace.create(root, seed=3)
    workspace.scope_file.write_text(SCOPE, encoding="utf-8")
    runs: list[list[facts.Record]] = [
        [seen("alpha", "2026-01-01"), host("pay-1", "10.1.0.1", inside=False), flaw("pay-1"),
         host("pc-1", "10.2.0.1", inside=False), flaw("pc-1")],
        [seen("alpha", "2026-01-08"), host("pc-1", "10.2.0.1", inside=False), flaw("pc-1")],
        [seen("alpha", "2026-01-15"), host("pc-1", "10.2.0.1", inside=False), flaw("pc-1")],
        [seen("inventory", "2026-03-01"), host("pay-2", "10.1.0.2"), host("lost", "10.9.0.9"),
         ControlSeen(asset="pay-2", kind="edr")],
        [seen("cloud", "2026-03-01"), Sighting(key="v", name="v", kind="cloud_resource", identifiers=(
            ("arn", "arn:aws:ec2:eu-west-1:111122223333:instance/i-0abc"),))],
    ]  # fmt: skip
    with Importer(workspace) as importer:
        for number, records in enumerate(runs):
            importer.take(records, Origin(), file=f"{number}.json", reader="test", digest=str(number))
        importer.finish()
    foreshore("cycle", "--as-of", "2026-04-01", cwd=root)
    return root


def test_what_nobody_looks_at_is_named_nearest_to_what_matters_first(place: Path) -> None:
    found = foreshore("coverage", cwd=place)
    spots = {(one["kind"], one["subject"]): one for one in found["blind_spots"]}
    assert spots["no_scanner", "payments"]["examples"] == ["pay-2"]
    assert spots["not_lately", "payments"]["examples"] == ["pay-1"]
    assert spots["not_lately", "office"]["examples"] == ["pc-1"]
    assert spots["no_edr", "payments"]["examples"] == ["pay-1"]
    assert spots["no_zone", ""]["examples"] == ["lost"]
    assert ("no_owner", "payments") not in spots
    assert spots["no_owner", "office"]["assets"] == 1
    assert spots["no_login", "alpha"]["assets"] == 2
    assert spots["empty_range", "archive"]["assets"] == 0
    assert spots["account", "111122223333"]["assets"] == 1
    assert ("silent", "alpha") in spots
    assert ("silent", "inventory") not in spots  # seen once, not long ago
    weights = [(one["critical"], one["near"], one["assets"]) for one in found["blind_spots"]]
    assert weights == sorted(weights, reverse=True)
    assert all(one["would_take"] for one in found["blind_spots"])


def test_the_statement_counts_what_is_known(place: Path) -> None:
    found = foreshore("coverage", cwd=place)
    stated = {one["kind"]: (one["known"], one["of"]) for one in found["stated"]}
    assert found["as_of"].startswith("2026-04-01")
    assert stated == {
        "no_scanner": (2, 5),
        "not_lately": (0, 5),
        "no_edr": (1, 4),
        "no_owner": (2, 5),
        "no_zone": (3, 4),
    }
    assert [one["name"] for one in foreshore("coverage", "--list", "no_scanner", cwd=place)] == ["lost", "pay-2", "v"]
    assert "no_scanner" in foreshore("coverage", "--list", "nothing", cwd=place, code=2)


@pytest.fixture
def clones(tmp_path: Path) -> Path:
    """Two machines of one agent id and two serial numbers: their join is refused."""
    workspace = Workspace.create(tmp_path / "ws", seed=3)
    with Importer(workspace) as importer:
        for number, serial in enumerate(("S1", "S2")):
            name = f"build-{number}"
            records = [seen("alpha", "2026-03-01"), host(name, f"10.2.0.{number + 1}", ("serial", serial), ("mac", "00:1b:21:00:00:09")),
                       flaw(name)]  # fmt: skip
            importer.take(records, Origin(), file=f"{number}.json", reader="test", digest=serial)
        importer.finish()
    return workspace.root


def test_a_refused_join_waits_for_a_person_and_the_answer_is_obeyed(clones: Path) -> None:
    (question,) = foreshore("assets", "review", cwd=clones)
    assert question["shares"] == "mac"
    assert question["why"] == "two values of serial"
    pair = (question["left"]["id"], question["right"]["id"])
    answer = foreshore(
        "assets", "review", *pair, "--as", "same", "--because", "the main board was replaced", cwd=clones
    )
    assert len(answer["assets"]) == 1
    assert foreshore("assets", "review", cwd=clones) == []
    shown = foreshore("assets", "show", pair[1], cwd=clones)
    assert shown["id"] == answer["assets"][0]
    assert {one["value"] for one in shown["identifiers"] if one["kind"] == "serial"} == {"s1", "s2"}
    assert {one["source"] for one in shown["attributes"]} == {"alpha"}
    foreshore("cycle", cwd=clones)
    (row,) = foreshore("exposures", cwd=clones)
    decided = foreshore(
        "decide",
        row["id"],
        "--as",
        "accepted",
        "--because",
        "waits for the move",
        "--until",
        str(date.today() + timedelta(days=90)),
        cwd=clones,
    )
    answer = foreshore(
        "assets", "review", *shown["parts"], "--as", "different", "--because", "they are clones after all", cwd=clones
    )
    assert len(answer["assets"]) == 2
    foreshore("cycle", cwd=clones)
    rows = foreshore("exposures", cwd=clones)
    assert len(rows) == 2
    assert [one["disposition"] for one in rows if one["disposition"]] == ["accepted"], decided


def test_an_answer_without_its_reason_or_about_one_asset_is_refused(clones: Path) -> None:
    (question,) = foreshore("assets", "review", cwd=clones)
    pair = (question["left"]["id"], question["right"]["id"])
    assert "foreshore:" in foreshore("assets", "review", *pair, "--as", "same", cwd=clones, code=2)
    assert "same as itself" in foreshore(
        "assets", "review", pair[0], pair[0], "--as", "same", "--because", "they look alike", cwd=clones, code=2
    )
    assert "no asset" in foreshore(
        "assets",
        "review",
        pair[0],
        "AST-0000-0000-00000",
        "--as",
        "same",
        "--because",
        "they look alike",
        cwd=clones,
        code=2,
    )


def test_a_workspace_with_hosts_and_no_exposure_has_its_cycle(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "ws", seed=3)
    with Importer(workspace) as importer:
        importer.take([seen("inventory", "2026-03-01"), host("pc-1", "10.2.0.1")], Origin(), file="a", reader="test")
        importer.finish()
    found = foreshore("cycle", cwd=workspace.root)
    assert found["treatments"] == dict.fromkeys(found["treatments"], 0)
    assert foreshore("coverage", cwd=workspace.root)["assets"] == 1
