"""Through the front door: what goes out can be read again, and says no more and no less."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from foreshore.discovery.importing import Importer, Origin
from foreshore.facts import Finding, RunSeen, Sighting
from foreshore.store import open_lake
from foreshore.workspace import Workspace

pytestmark = pytest.mark.slow
PACKAGE = "pkg:deb/debian/openssl"


def foreshore(*arguments: str, cwd: Path, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "foreshore.cli.main", *arguments],
        cwd=cwd, capture_output=True, encoding="utf-8", timeout=600,
        env={**os.environ, "COLUMNS": "120", "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stderr


def flaw(asset: str, **said: Any) -> Finding:
    return Finding(asset=asset, rule="r", severity="high", **{"title": "t", **said})


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("exports") / "ws"
    records = [
        RunSeen(tool="alpha", observed_at=datetime(2026, 3, 1, tzinfo=UTC)),
        Sighting(key="a", name="=cmd|'/c calc'!A1", identifiers=(("fqdn", "a.example.com"),)),
        Sighting(key="b", name="b.example.com", identifiers=(("fqdn", "b.example.com"),)),
        flaw("a", weaknesses=("CVE-2024-0001",), component=f"{PACKAGE}@1", title="@SUM(1)"),
        flaw("b", weaknesses=("CVE-2024-0001",), component=f"{PACKAGE}@1"),
        flaw("b", weaknesses=("CVE-2024-0002",), port=443, protocol="tcp"),
        flaw("b", kind="misconfiguration", resource="sshd_config"),
    ]
    workspace = Workspace.create(root, seed=3)
    with Importer(workspace) as importer:
        importer.take(records, Origin(), file="a.json", reader="test", digest="1")
        importer.finish()
    foreshore("cycle", "--as-of", "2026-03-02", cwd=root)
    rows = json.loads(foreshore("exposures", "--json", cwd=root))
    ids = {(one["asset_name"], one["weakness"]): one["id"] for one in rows}
    until = str(date.today() + timedelta(days=60))
    foreshore("decide", ids["b.example.com", "CVE-2024-0001"], "--as", "false-positive", "--because",
              "the fix is backported", cwd=root)  # fmt: skip
    foreshore("decide", ids["b.example.com", "CVE-2024-0002"], "--as", "accepted", "--because",
              "replaced in summer", "--until", until, cwd=root)  # fmt: skip
    return root


def test_openvex_says_what_people_decided(place: Path) -> None:
    document = json.loads(foreshore("export", "--format", "openvex", "--out", "-", cwd=place))
    said = {(one["vulnerability"]["name"], one["status"]): one for one in document["statements"]}
    assert document["@context"] == "https://openvex.dev/ns/v0.2.0"
    assert len(document["statements"]) == 3
    assert said["CVE-2024-0001", "not_affected"]["impact_statement"] == "the fix is backported"
    assert said["CVE-2024-0002", "affected"]["action_statement"] == "replaced in summer"
    (parts,) = [one["subcomponents"] for one in said["CVE-2024-0001", "under_investigation"]["products"]]
    assert parts[0]["@id"] == PACKAGE


def test_cyclonedx_refers_to_what_it_lists(place: Path) -> None:
    document = json.loads(foreshore("export", "-f", "cyclonedx", "-o", "-", cwd=place))
    listed = {one["bom-ref"] for asset in document["components"] for one in (asset, *asset["components"])}
    assert {ref["ref"] for one in document["vulnerabilities"] for ref in one["affects"]} <= listed
    states = sorted(one["analysis"]["state"] for one in document["vulnerabilities"])
    assert states == ["exploitable", "false_positive", "in_triage"]


@pytest.mark.parametrize(
    ("format", "reader", "findings"),
    [("ocsf", "ocsf", 4), ("openvex", "openvex", 3), ("cyclonedx", "cyclonedx_json", 3)],
)
def test_what_goes_out_can_be_read_again(place: Path, format: str, reader: str, findings: int) -> None:
    out = place / f"out.{format}"
    told = json.loads(foreshore("export", "-f", format, "-o", str(out), "--json", cwd=place))
    assert told["exposures"] == findings
    assert sum(told["left_out"].values()) == 4 - findings
    (found,) = json.loads(foreshore("inspect", str(out), "--json", cwd=place))
    assert (found["reader"], found["findings"], found["skipped"], found["error"]) == (reader, findings, [], None)


def test_a_query_narrows_it(place: Path) -> None:
    out = foreshore("export", "-f", "ocsf", "--where", "weakness = 'CVE-2024-0002'", "-o", "-", cwd=place)
    (event,) = [json.loads(line) for line in out.splitlines()]
    assert event["vulnerabilities"][0]["cve"]["uid"] == "CVE-2024-0002"
    assert event["status_id"] == 3
    assert event["comment"] == "replaced in summer"


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_every_table_goes_out_whole(place: Path, format: str) -> None:
    told = json.loads(foreshore("export", "-f", format, "-o", str(place / format), "--json", cwd=place))
    rows = {one["file"].partition(".")[0]: one["rows"] for one in told["tables"]}
    assert rows["served_exposures"] == 4
    assert rows["decisions"] == 2
    with open_lake(Workspace.open(place), read_only=True) as lake:
        for name in ("runs", "sightings", "identifiers", "findings", "seen", "exposures"):
            assert rows[f"fact_{name}"] == lake.sql(f"select count(*) as n from {name}").column("n")[0].as_py()
    for name, count in rows.items():
        path = place / format / f"{name}.{format}"
        if format == "parquet":
            assert pq.read_metadata(path).num_rows == count
        else:
            with path.open(encoding="utf-8", newline="") as stream:
                cells = list(csv.DictReader(stream))
            assert len(cells) == count
            assert not [one for row in cells for one in row.values() if one.startswith(("=", "@"))]


def test_another_format_is_refused(place: Path) -> None:
    assert "ocsf, cyclonedx" in foreshore("export", "--format", "xlsx", cwd=place, code=2)
    assert "--where" in foreshore("export", "--format", "csv", "--where", "kev = true", cwd=place, code=2)
