"""Through the front door: explain for a KEV entry, a CVE without EPSS, a cloud misconfiguration, and a backport."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from foreshore.discovery.importing import Importer, Origin
from foreshore.facts import Finding, RunSeen, Sighting
from foreshore.workspace import Workspace

pytestmark = pytest.mark.slow

SCOPE = """
organization: Example Stores
zones:
  payments: {networks: [10.1.0.0/24]}
services:
  - {name: Card payments, impact: {tier: 5}, assets: ["name:pay-*"]}
"""
KEV, NO_EPSS, OLD = "CVE-2099-0001", "CVE-2099-0002", "CVE-2099-0003"
SIGNALS = f"""weakness,kind,value,text,source,model,observed_at
*,feed:kev,,,cisa-kev,,2025-06-01
*,feed:exploitdb,,,exploitdb,,2025-06-01
{KEV},kev,1,,cisa-kev,,2025-05-01
{KEV},ransomware,1,,cisa-kev,,2025-05-20
{KEV},exploit_poc,1,EDB-1,exploitdb,,2025-02-01
{KEV},exploit_poc,1,EDB-2,exploitdb,,2025-03-01
{KEV},exploit_weaponized,1,a/module,metasploit,,2025-04-01
{KEV},cvss,9.8,CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H,nvd,3.1,2025-02-01
{KEV},epss,0.9,0.99,epss,v4,2025-06-01
{KEV},cwe,,79,nvd,,2025-02-01
CWE-79,technique,,T1190,ctid,exploitation_technique,2025-01-01
T1190,name,,Exploit Public-Facing Application,attack,,2025-01-01
{NO_EPSS},cvss,7.5,CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N,nvd,3.1,2025-05-30
{OLD},cvss,9.8,CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H,nvd,3.1,2025-02-01
{OLD},fixed_in,,pkg:deb/debian/openssl?distro=debian-12,osv:DSA-1,3.0.11-1~deb12u1,2025-03-01
"""
ENDED = "eol:debian:12,end_of_life,,2025-01-01,endoflife.date,,2025-01-01\n"  # made up: it is supported longer
DEBIAN = {"component": "pkg:deb/debian/openssl", "component_name": "openssl", "port": 443}


def foreshore(*arguments: str, cwd: Path, code: int = 0, as_json: bool = True) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "foreshore.cli.main", *arguments, *(["--json"] if as_json else [])],
        cwd=cwd, capture_output=True, encoding="utf-8", timeout=600,
        env={**os.environ, "COLUMNS": "120", "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout) if as_json else done.stdout


def flaw(name: str, weakness: str, **more: Any) -> Finding:
    return Finding(asset="pay-1", rule=name, title=name, severity="critical", weaknesses=(weakness,), **more)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("asked") / "ws"
    workspace = Workspace.create(root, seed=3)
    workspace.scope_file.write_text(SCOPE, encoding="utf-8")
    records = [
        RunSeen(tool="alpha", observed_at=datetime(2025, 6, 1, tzinfo=UTC)),
        Sighting(key="pay-1", name="pay-1", os="Debian GNU/Linux 12 (bookworm)", internet="yes",
                 identifiers=(("hostname", "pay-1"), ("ip", "10.1.0.1"))),
        flaw("Web server flaw", KEV, port=443),
        flaw("New flaw", NO_EPSS, port=8443),
        flaw("Old OpenSSL", OLD, version="3.0.11-1~deb12u2", proof="version", **DEBIAN),
        flaw("Old OpenSSL, tried", "CVE-2099-0004", version="3.0.11-1~deb12u2", proof="confirmed", **DEBIAN),
        Finding(asset="pay-1", rule="s3_bucket_public", title="S3 bucket is public to anyone", severity="high",
                kind="misconfiguration", resource="arn:aws:s3:::pay-1", proof="configuration"),
        Finding(asset="pay-1", rule="33850", title="Unix operating system unsupported version detection",
                severity="critical", kind="end_of_life", proof="version"),
    ]  # fmt: skip
    with Importer(workspace) as importer:
        importer.take(records, Origin(), file="a.json", reader="test", digest="1")
        importer.finish()
    (root / "known.csv").write_text(SIGNALS + ENDED, encoding="utf-8")
    foreshore("intel", "update", "--from", "known.csv", cwd=root)
    foreshore("cycle", "--as-of", "2025-06-02", cwd=root)
    return root


def rows(place: Path, *more: str) -> dict[str, dict[str, Any]]:
    return {one["weakness"]: one for one in foreshore("exposures", *more, cwd=place)}


def explained(place: Path, weakness: str) -> tuple[dict[str, Any], str]:
    key = rows(place)[weakness]["id"]
    return foreshore("explain", key, cwd=place), foreshore("explain", key, cwd=place, as_json=False)


def test_a_kev_entry_tells_every_rung_since_when_and_by_whom(place: Path) -> None:
    found, text = explained(place, KEV)
    exploit = found["answers"][1]
    assert exploit["answer"] == "yes"
    assert exploit["kind"] == "ransomware"
    assert [(one["kind"], one["since"]) for one in exploit["rungs"]] == [
        ("poc", "2025-02-01"), ("weaponized", "2025-04-01"), ("attacks", "2025-05-01"), ("ransomware", "2025-05-20"),
    ]  # fmt: skip
    assert "since 2025-05-20 (says cisa-kev)" in exploit["why"]
    assert found["exposure"]["exploit_because"].startswith("Ransomware uses it since 2025-05-20")
    assert found["techniques"] == [{"id": "T1190", "name": "Exploit Public-Facing Application", "of": "cwe"}]
    assert "T1190 Exploit Public-Facing Application" in text
    assert found["decision_points"]
    shown = foreshore("intel", "show", KEV, cwd=place)
    assert shown["exploit"]["kind"] == "ransomware"
    assert exploit["why"].startswith(shown["exploit"]["sentence"])
    assert shown["exploit"]["sentence"] in foreshore("intel", "show", KEV, cwd=place, as_json=False)


def test_a_cve_without_epss_is_told_by_the_own_model_with_its_reasons(place: Path) -> None:
    found, text = explained(place, NO_EPSS)
    assert found["answers"][1]["answer"] == "no"
    assert "No exploit is known to exploitdb as of 2025-06-01" in found["answers"][1]["why"]
    assert "EPSS does not score it; our own model (" in text
    assert "lowered by: " in text
    assert "log_odds" not in text, "reasons are told in words"


def test_a_cloud_misconfiguration_is_told_by_its_class(place: Path) -> None:
    found, text = explained(place, "alpha:s3_bucket_public")
    assert found["answers"][1]["answer"] == "yes"
    assert "ordinary tools are enough (class “public storage”)" in text
    assert "no feed was read" not in text


def test_an_end_of_support_is_dated_by_the_feed(place: Path) -> None:
    _, text = explained(place, "alpha:33850")
    assert "support of debian 12 ended on 2025-01-01" in text.lower()
    assert foreshore("assets", "show", "pay-1", cwd=place)["end_of_support"]["day"] == "2025-01-01"


def test_what_the_distribution_fixed_waits_and_says_why_and_a_test_outweighs_it(place: Path) -> None:
    settled = rows(place, "--where", "vendor = fixed")
    assert list(settled) == [OLD]
    assert settled[OLD]["treatment"] == "watch"
    assert settled[OLD]["reason"].startswith(
        "Not affected: fixed by the distribution's backport (openssl 3.0.11-1~deb12u1"
    )
    found, text = explained(place, OLD)
    assert "osv:DSA-1" in text
    assert found["exposure"]["vendor"] == "fixed"
    assert found["exposure"]["likelihood"] < rows(place)[KEV]["likelihood"] / 5


def test_it_comes_back_when_the_vendor_changes_its_word(place: Path, tmp_path: Path) -> None:
    import shutil

    root = tmp_path / "ws"
    shutil.copytree(place, root)
    later = "weakness,kind,value,text,source,model,observed_at\n" + (
        f"{OLD},fixed_in,,pkg:deb/debian/openssl?distro=debian-12,osv:DSA-1,3.0.11-1~deb12u3,2025-06-03\n"
        "CVE-2099-0004,fixed_in,,pkg:deb/debian/openssl?distro=debian-12,osv:DSA-2,3.0.11-1~deb12u1,2025-06-03\n"
    )
    (root / "later.csv").write_text(later, encoding="utf-8")
    foreshore("intel", "update", "--from", "later.csv", cwd=root)
    foreshore("cycle", "--as-of", "2025-06-04", cwd=root)
    found = rows(root)
    assert found[OLD]["vendor"] is None
    assert found["CVE-2099-0004"]["vendor"] == "disputed"  # a test has shown it
    assert "what was shown counts" in found["CVE-2099-0004"]["vendor_because"]


def test_before_any_feed_nothing_says_no(tmp_path: Path) -> None:
    foreshore("init", str(tmp_path / "ws"), cwd=tmp_path, as_json=False)
    found = foreshore("intel", "show", KEV, cwd=tmp_path / "ws")
    assert found["exploit"]["answer"] == "unknown"
    assert found["exploit"]["sentence"] == "No source was read that would know of an exploit."
