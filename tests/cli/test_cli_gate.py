"""The gate of a build: only what is new stops it, a report leaves nothing behind, breaking the glass is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.company import Cli

_LOG4J = (
    "CVE-2021-44228,Log4j remote code execution,critical,pkg:maven/org.apache.logging.log4j/log4j-core,log4j-core,"
    "2.14.0,2.17.1,443,package"
)
_VIEWER = "CVE-2020-1009,Viewer memory error,low,pkg:generic/viewer,viewer,1.0,1.1,,package"


def imports(cli: Cli, workspace: Path) -> int:
    return sum(one["imports"] for one in cli("sources", "--json", "-w", str(workspace)).json())


def test_without_an_earlier_cycle_everything_is_new_and_with_one_nothing_is(cli: Cli, copy: Path) -> None:
    where = ("-w", str(copy))
    first = cli("gate", "--stop", "severity = critical", "--json", *where)
    assert first.code == 10
    told = json.loads(first.out)
    assert told["passes"] is False
    assert told["new"] == told["matching"] > 0
    assert told["baseline"] is None
    assert cli("gate", "--stop", "cvss > 99", *where).code == 0
    assert cli("cycle", *where).code == 0
    again = cli("gate", "--stop", "severity = critical", "--json", *where).json()
    assert (again["passes"], again["new"], again["matching"]) == (True, 0, told["matching"])


def test_a_report_is_judged_and_not_kept(cli: Cli, copy: Path, make: Any, tmp_path: Path) -> None:
    where = ("-w", str(copy))
    before = imports(cli, copy), cli("exposures", "--json", *where).json()
    bad = make.csv(tmp_path / "build.csv", make.web, make.db, make.others, make.row("web-9", "203.0.113.19", _LOG4J, 1))
    stopped = cli("gate", str(bad), "--source", "agents", "--stop", "severity = critical", "--json", *where)
    assert stopped.code == 10, stopped.err
    told = json.loads(stopped.out)
    assert [one["asset_name"] for one in told["exposures"]] == ["web-9"]
    assert told["matching"] > told["new"] == 1
    harmless = make.row("pc-9", "10.1.0.9", _VIEWER, 1)
    good = make.csv(tmp_path / "same.csv", make.web, make.db, make.others, harmless)
    assert cli("gate", str(good), "--source", "agents", "--stop", "severity = critical", *where).code == 0
    assert (imports(cli, copy), cli("exposures", "--json", *where).json()) == before
    assert not list((copy / "tmp").glob("gate-*"))


def test_a_report_that_cannot_be_read_never_passes(cli: Cli, copy: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text('{"SchemaVersion": 2, "Results": [')
    answer = cli("gate", str(broken), "-w", str(copy))
    assert answer.code not in (0, 10)
    assert "broken.json" in answer.err


def test_breaking_the_glass_needs_a_reason_and_is_kept(cli: Cli, copy: Path) -> None:
    asked = ("gate", "--stop", "severity = critical", "-w", str(copy), "--json")
    assert cli(*asked, "--break-glass", "now").code == 2
    told = cli(*asked, "--break-glass", "agreed with the owner of the shop until Friday").json()
    assert told["passes"] is True
    assert told["new"] > 0
    from foreshore import decisions
    from foreshore.workspace import Workspace

    with decisions.open(Workspace.open(copy)) as opened:
        last = opened.audit_entries()[-1]
        assert opened.audit_verify() is None
    assert last.what == "gate passed by breaking the glass"
    assert last.payload["because"] == "agreed with the owner of the shop until Friday"
    assert last.payload["new"] == told["new"]


def test_a_wrong_query_or_cycle_is_one_sentence(cli: Cli, copy: Path) -> None:
    assert cli("gate", "--stop", "nonsense ==", "-w", str(copy)).code == 2
    assert cli("gate", "--stop", " ", "-w", str(copy)).code == 2
    assert cli("gate", "--baseline", "CYC-0000-0000-00000", "-w", str(copy)).code == 2
