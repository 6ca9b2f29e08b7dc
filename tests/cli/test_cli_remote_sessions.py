"""A right to a remote session leads somewhere only where its port can be reached, as far as anybody looked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_cli_directory_ways import written
from tests.company import few_worlds
from tests.prioritization.test_directory_collections import ALICE, CLIENT, after, local

from foreshore.workspace import Workspace

SCOPE = "organization: Example\nzones:\n  office: {networks: [192.0.2.0/24]}\n"
Cli = Callable[..., Any]
NAME = f"{CLIENT[-4:]}.example.test"
SCAN = """<?xml version="1.0"?>
<nmaprun scanner="nmap" start="1750000000" version="7.94">
<scaninfo type="syn" protocol="tcp" numservices="2" services="80,3389"/>
<host starttime="1750000000" endtime="1750000100"><status state="up" reason="arp-response"/>
<address addr="192.0.2.10" addrtype="ipv4"/><hostnames><hostname name="{name}" type="PTR"/></hostnames>
<ports><port protocol="tcp" portid="80"><state state="open" reason="syn-ack"/></port>
<port protocol="tcp" portid="3389"><state state="{state}" reason="syn"/></port></ports></host>
<runstats><finished time="1750000200"/></runstats></nmaprun>
"""


def named() -> Any:
    """The machine with the name and domain by which a scan knows it too."""

    def change(every: Any) -> None:
        every[CLIENT]["Properties"] |= {"name": NAME.upper(), "domain": "EXAMPLE.TEST"}

    return change


def answer(cli: Cli, root: Path, state: str) -> dict[str, Any]:
    """Return what `paths` says from the account to the machine, whose port a scan saw as `state` says, if it did."""
    Workspace.create(root / "ws", seed=3)
    few_worlds(root / "ws")
    where = ("-w", str(root / "ws"))
    (root / "ws" / "scope.yaml").write_text(SCOPE, encoding="utf-8")
    collection = written(root / "first", after(local(CLIENT, "555", ALICE), named()), "2025-06-01")
    assert cli("import", str(collection), *where).code == 0
    if state:
        (root / "scan.xml").write_text(SCAN.format(name=NAME, state=state), encoding="utf-8")
        assert cli("import", str(root / "scan.xml"), "--from-zone", "office", *where).code == 0
    assert cli("cycle", *where).code == 0
    found = cli("paths", "--from", f"{ALICE[-4:]}@EXAMPLE.TEST", "--to", f"user:{NAME}", *where, "--json")
    assert found.code == 0, found.err
    said = found.json()
    assert isinstance(said, dict)
    return said


@pytest.mark.parametrize(("state", "wanted"), [("open", "yes"), ("closed", "no"), ("", "unknown")])
def test_a_remote_desktop_needs_its_port(cli: Cli, tmp_path: Path, state: str, wanted: str) -> None:
    said = answer(cli, tmp_path, state)
    assert said["reachable"] == wanted, json.dumps(said)
    if wanted == "unknown":
        (hop,) = [one for one in said["paths"][0]["hops"] if one["rule"] == "directory_remote_desktop"]
        assert hop["assumed"]
        assert "not known" in hop["fact"]
        told = cli("unknowns", "-w", str(tmp_path / "ws"), "--json").json()
        assert isinstance(told, (dict, list))
    if wanted == "yes":
        assert [one["rule"] for one in said["paths"][0]["hops"]][-2:] == ["reach", "directory_remote_desktop"]
