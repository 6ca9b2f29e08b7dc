"""Nmap scans what was approved, on this machine, and nothing else; a stop file ends it."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreshore import facts
from foreshore.cycle import leave, scopes, taking
from foreshore.discovery import collecting
from foreshore.discovery.connectors import nmap
from foreshore.discovery.connectors._asking import Pace
from foreshore.discovery.connectors._sources import Source, load
from foreshore.discovery.readers import nmap as reader
from foreshore.discovery.reports import FileReport
from foreshore.errors import Refused, UsageError
from foreshore.validation import journal
from foreshore.workspace import Workspace

needs_nmap = pytest.mark.skipif(shutil.which("nmap") is None, reason="nmap is not installed")
FAST = Pace(1e9, lambda: 0.0, lambda _seconds: None)
SCOPE = """organization: Example
sites:
  here: {{}}
zones:
  office: {{site: here, networks: [127.0.0.0/8]}}
targets:
  - {{what: 127.0.0.1, ports: [{ports}]}}
"""


@pytest.fixture
def listening() -> Iterator[int]:
    """A port of this machine that accepts connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "ws")


def approve(workspace: Workspace, ports: Sequence[int]) -> None:
    workspace.scope_file.write_text(SCOPE.format(ports=", ".join(map(str, ports))), "utf-8")
    scopes.apply_scope(workspace)
    scopes.approve_targets(workspace, because="agreed with the owner")


def source_of(workspace: Workspace, targets: str, ports: str) -> Source:
    text = f'[sources.scan]\nconnector = "nmap"\ntargets = [{targets}]\nports = "{ports}"\nfrom_zone = "office"\n'
    (workspace.root / "sources.toml").write_text(text, "utf-8")
    return load(workspace.root)["scan"]


@needs_nmap
def test_an_approved_address_is_scanned_and_its_neighbours_are_not(workspace: Workspace, listening: int) -> None:
    approve(workspace, [listening])
    source = source_of(workspace, '"127.0.0.0/30"', str(listening))
    found = collecting.collect(workspace, source, pace=FAST, leave=leave.of(workspace, "nmap"))
    assert found.vantage == "office"
    assert [(one.call, one.account) for one in found.refused] == [("leave", "127.0.0.0/30")]
    assert found.refused[0].why.startswith("3 of 4 addresses: 127.0.0.0 is an address of this machine itself")
    (main, name), (report, own) = found.reports
    assert (name, own, Path(report).name) == ("scan", "", "nmap-1.xml")
    records = list(reader.PLUGIN.read(FileReport(report, Path(report))))
    assert [(one.port, one.state) for one in records if isinstance(one, facts.PortSeen)] == [(listening, "open")]
    said = journal.entries(workspace.root / "validation.jsonl")
    assert [(one["what"], one["host"]) for one in said] == [
        ("refused", "127.0.0.0"), ("cleared", "127.0.0.1"), ("refused", "127.0.0.2"), ("refused", "127.0.0.3"),
    ]  # fmt: skip
    for path in (main, report):
        result = taking.take(workspace, [Path(path)], site="here", vantage=found.vantage)
        assert not result.errors
        assert [run.reader for run in result.runs] == ["nmap_collection" if path == main else "nmap"]


@needs_nmap
def test_a_port_that_is_not_approved_refuses_the_address(workspace: Workspace, listening: int) -> None:
    approve(workspace, [listening])
    source = source_of(workspace, '"127.0.0.1"', f"{listening},1-3")
    found = collecting.collect(workspace, source, pace=FAST, leave=leave.of(workspace, "nmap"))
    assert [one.why for one in found.refused] == ["port 1 is not among the approved ports of 127.0.0.1"]
    assert len(found.reports) == 1


@needs_nmap
@pytest.mark.parametrize("approved", [False, True])
def test_without_leave_or_with_a_stop_file_nothing_is_scanned(
    workspace: Workspace, listening: int, approved: bool
) -> None:
    approve(workspace, [listening])
    source = source_of(workspace, '"127.0.0.1"', str(listening))
    (workspace.root / "STOP").touch()
    given_leave = leave.of(workspace, "nmap") if approved else None
    found = collecting.collect(workspace, source, pace=FAST, leave=given_leave)
    assert len(found.reports) == 1
    assert [one.why for one in found.refused] == [
        "the stop file is there" if approved else "nothing was approved to be touched"
    ]


class StopsLater:
    """Lets nmap begin, then says that everything has to stop."""

    def __init__(self) -> None:
        self.asked = 0

    def address(self, host: str, ports: Sequence[int]) -> str:
        assert ports
        return host

    def check(self) -> None:
        self.asked += 1
        if self.asked > 2:
            raise Refused("the stop file is there")


@needs_nmap
def test_a_stop_ends_a_scan_that_runs(workspace: Workspace) -> None:
    # One probe a second for 65535 ports: it is still at work when it is stopped.
    text = source_of(workspace, '"127.0.0.1"', "1-65535")
    slow = nmap.Nmap(targets=("127.0.0.1",), ports="1-65535", per_second=1, from_zone="office")
    with pytest.raises(collecting.CollectionFailed, match="the stop file is there"):
        collecting.collect(workspace, Source(text.name, "nmap", slow), pace=FAST, leave=StopsLater())


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ("", "no targets"), ('targets = ["-iL"]\nfrom_zone = "office"', "no address, network or name"),
        ('targets = ["10.0.0.0/8"]\nfrom_zone = "office"', "more than 4096"),
        ('targets = ["192.0.2.1"]', "where this machine stands"),
        ('targets = ["192.0.2.1"]\nfrom_zone = "office"\nports = "80; ls"', "no ports"),
        ('targets = ["192.0.2.1"]\nfrom_zone = "office"\nper_second = 0', "out of range"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(workspace: Workspace, settings: str, what: str) -> None:
    (workspace.root / "sources.toml").write_text(f'[sources.scan]\nconnector = "nmap"\n{settings}\n', "utf-8")
    with pytest.raises(UsageError, match=what):
        load(workspace.root)


@given(st.sets(st.integers(1, 65535), min_size=1, max_size=40))
def test_ports_are_written_as_they_are_read(ports: set[int]) -> None:
    written = ",".join(nmap._ranges(sorted(ports)))
    assert nmap.ports_of(written) == sorted(ports)


def test_the_command_makes_plain_connections_to_the_chosen_ports_only() -> None:
    line = nmap.Nmap(targets=("192.0.2.1",), ports="22,80-82", from_zone="office", ping=True).command("nmap", six=False)
    assert line[line.index("-p") + 1] == "22,80-82"
    assert "-PS80,22" in line
    assert {"--unprivileged", "-sT", "-n", "--max-rate", "--host-timeout"} <= set(line)
