"""From an unknown, by an approved test through the guard, to an answer in the next cycle."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from foreshore import decisions
from foreshore.cycle import running, taking, validating
from foreshore.cycle.validating import JOURNAL
from foreshore.errors import UsageError
from foreshore.store import open_lake, serving
from foreshore.validation import evidence, journal
from foreshore.validation.guard import Limits
from foreshore.workspace import Workspace

pytestmark = pytest.mark.slow
FAST = Limits(per_target=1e6, per_target_burst=1e6, overall=1e6, overall_burst=1e6)
SCOPE = """
organization: Example Stores
zones:
  lab: {{site: main, networks: [192.0.2.0/24]}}
services:
  - {{name: Card payments, impact: {{tier: 4}}, assets: ["name:*"]}}
attackers:
  - {{name: insider, enters: [lab], attacks_per_year: {{low: 2, likely: 12, high: 50}}}}
targets:
  - {{what: 127.0.0.1, ports: [{port}, {closed}]}}
"""


@pytest.fixture
def ports() -> Iterator[tuple[int, int, int]]:
    """A port that listens, one that is closed, and one that is not among the targets."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as held, socket.socket() as other:
        for one in (held, other):
            one.bind(("127.0.0.1", 0))
        found = [int(one.getsockname()[1]) for one in (server, held, other)]
        yield found[0], found[1], found[2]


def made(folder: Path, named: dict[str, int], targets: tuple[int, int], more: Any = ()) -> Workspace:
    """A workspace with one host and a weakness on each port, after a cycle; nothing is approved yet."""
    workspace = Workspace.create(folder / "ws", seed=3)
    findings = [
        {"asset": "web-01.example.com", "cve": cve, "severity": "critical", "port": port, "protocol": "tcp",
         "title": f"Remote code execution {cve}", "cvss_vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}
        for cve, port in named.items()
    ]  # fmt: skip
    report = folder / "report.json"
    report.write_text(json.dumps([*findings, *more]))
    workspace.scope_file.write_text(SCOPE.format(port=targets[0], closed=targets[1]))
    assert not [one.error for one in taking.take(workspace, [report], site="main").errors]
    running.run(workspace)
    return workspace


@pytest.fixture
def workspace(tmp_path: Path, ports: tuple[int, int, int]) -> Workspace:
    """A workspace with weaknesses on an open port, a closed one, and one that is not among the targets."""
    named = {f"CVE-2024-100{number}": port for number, port in enumerate(ports, start=1)}
    return made(tmp_path, named, (ports[0], ports[1]))


def answers(workspace: Workspace) -> dict[str, tuple[str, str]]:
    connection = serving.connect(workspace)
    try:
        rows = connection.execute("select weakness, reachable, reach_fact from exposures").fetchall()
    finally:
        connection.close()
    return {weakness: (reachable, fact) for weakness, reachable, fact in rows}


def approve(workspace: Workspace) -> None:
    with decisions.open(workspace) as opened:
        current = opened.current_scope()
        assert current is not None
        opened.approve_targets(current.written.targets, because="our own machine", author="tests")


def validate(workspace: Workspace, **more: Any) -> list[dict[str, Any]]:
    """Ask for the next tests; the host's name leads to this machine."""
    return validating.validate(workspace, limits=FAST, resolve=lambda _host, _port: ["127.0.0.1"], **more)


def by_target(rows: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    return {int(one["target"].rpartition(":")[2]): one for one in rows}


def test_an_unknown_becomes_known_by_an_approved_test(workspace: Workspace, ports: tuple[int, int, int]) -> None:
    opened, closed, unlisted = ports
    assert {answer for answer, _ in answers(workspace).values()} == {"unknown"}

    # Written in scope.yaml but not approved: everything is refused, and written down.
    before = by_target(validate(workspace, run=True, vantage="lab"))
    assert set(before) == set(ports)
    assert {(one["outcome"], one["allowed"][:3]) for one in before.values()} == {("not_run", "no:")}
    log = workspace.root / JOURNAL
    assert [one["what"] for one in journal.entries(log)] == ["refused"] * 3

    approve(workspace)
    shown = by_target(validate(workspace, vantage="lab"))
    assert {port: one["allowed"] for port, one in shown.items()} == dict.fromkeys(ports, "yes")
    ran = by_target(validate(workspace, run=True, vantage="lab"))
    assert {port: one["outcome"] for port, one in ran.items()} == {
        opened: "confirmed", closed: "refuted", unlisted: "not_run",
    }  # fmt: skip
    assert "not among the approved ports" in ran[unlisted]["allowed"]
    # What was answered is not asked again, even before the next cycle.
    assert set(by_target(validate(workspace, vantage="lab"))) == {unlisted}

    running.run(workspace)
    found = answers(workspace)
    assert found["CVE-2024-1001"] == ("yes", "seen open from lab")
    # Not from the lab any more; but whoever takes the host by its open port stands beside the closed one.
    assert found["CVE-2024-1002"][1].startswith("not known whether main, without address reaches")
    assert found["CVE-2024-1003"][0] == "unknown"
    kept(workspace)


def test_a_closed_port_ends_the_only_way(tmp_path: Path, ports: tuple[int, int, int]) -> None:
    workspace = made(tmp_path, {"CVE-2024-1002": ports[1]}, (ports[0], ports[1]))
    assert answers(workspace)["CVE-2024-1002"][0] == "unknown"
    approve(workspace)
    assert [one["outcome"] for one in validate(workspace, run=True, vantage="lab")] == ["refuted"]
    running.run(workspace)
    assert answers(workspace)["CVE-2024-1002"][0] == "no"


def kept(workspace: Workspace) -> None:
    """The run, its verdicts and its receipt are there, and the receipt names the journal's last line."""
    with open_lake(workspace, read_only=True) as lake:
        run = lake.sql("select run, job, vantage, coverage from runs where source = 'foreshore validate'").to_pylist()
        verdicts = lake.sql("select run, outcome, vantage from verdicts order by outcome").to_pylist()
        assert evidence.standing(lake).num_rows == 0  # reach verdicts are about ports, not exposures
    assert [one["vantage"] for one in run] == ["lab"]
    assert {one["run"] for one in verdicts} == {run[0]["run"]}
    with decisions.open(workspace) as opened:
        receipt = opened.receipt(run[0]["job"])
        assert opened.audit_verify() is None
    assert receipt is not None
    log = journal.Journal(workspace.root / JOURNAL)
    assert receipt.detail["journal"] == log.head
    assert journal.broken(log.path) == 0


def test_the_stop_file_stops_everything(workspace: Workspace) -> None:
    approve(workspace)
    (workspace.root / "STOP").touch()
    rows = validate(workspace, run=True, vantage="lab")
    assert {one["outcome"] for one in rows} == {"not_run"}
    assert all("stop file" in one["allowed"] for one in rows)


def test_no_reach_test_without_a_place_and_no_unheard_of_place(workspace: Workspace) -> None:
    approve(workspace)
    rows = validate(workspace, run=True)
    assert rows
    assert {one["outcome"] for one in rows} == {"not_run"}
    assert any("--from-zone" in one["allowed"] for one in rows)
    with pytest.raises(UsageError, match="no zone nowhere"):
        validate(workspace, vantage="nowhere")


def test_a_handshake_refutes_an_old_version_that_is_gone(
    tmp_path: Path, ports: tuple[int, int, int], certificate: Any, tls_server: Any
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate("web-01.example.com").path)
    port = tls_server(context)
    said = {
        "TLS Version 1.0 Protocol Detection": "refuted", "SSL Self-Signed Certificate": "confirmed",
        "SSL Certificate Expiry": "refuted",
    }  # fmt: skip
    more = [
        {"asset": "web-01.example.com", "rule": f"check-{number}", "severity": "medium", "port": port,
         "protocol": "tcp", "title": title, "kind": "misconfiguration"}
        for number, title in enumerate(said)
    ]  # fmt: skip
    workspace = made(tmp_path, {"CVE-2024-1001": ports[0]}, (ports[0], port), more)
    approve(workspace)
    rows = validate(workspace, run=True)
    assert {one["check"] for one in rows if one["outcome"] != "not_run"} == {
        "tls (tls1.0)", "tls (self_signed)", "tls (expired)",
    }  # fmt: skip
    running.run(workspace)
    connection = serving.connect(workspace)
    try:
        found = dict(connection.execute("select title, verdict from exposures").fetchall())
    finally:
        connection.close()
    assert {title: found[title] for title in said} == said
    with open_lake(workspace, read_only=True) as lake:
        assert evidence.standing(lake).num_rows == len(said)
    # What a handshake has settled is not proposed again.
    assert not [one for one in validate(workspace) if one["check"].startswith("tls")]
