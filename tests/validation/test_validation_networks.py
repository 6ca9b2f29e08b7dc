"""A real small network: two namespaces, a filter between them that lets one port through."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
NEAR, FAR = "192.0.2.1", "192.0.2.2"
# Ports: 8080 open, 8081 with nobody listening, 8082 listening behind a filter that drops, 8083 behind
# one that answers with a reset.
_RULES = """
table inet guarding {
  chain incoming {
    type filter hook input priority 0; policy accept;
    tcp dport 8082 drop
    tcp dport 8083 reject with tcp reset
  }
}
"""
_SERVER = """
import socket
servers = [socket.create_server(("192.0.2.2", port)) for port in (8080, 8082, 8083)]
print("ready", flush=True)
import time
time.sleep(600)
"""
_CLIENT = """
import sys
from pathlib import Path
from foreshore import facts
from foreshore.validation.checks.tcp_reach import PLUGIN
from foreshore.validation.guard import Guard, Limits
from foreshore.validation.hypothesis import Hypothesis
from foreshore.validation.journal import Journal
from foreshore.validation.permits import Permits
folder, port = Path(sys.argv[1]), int(sys.argv[2])
target = facts.Target("192.0.2.2", ports=(8080, 8081, 8082, 8083))
guard = Guard(Permits((target,)), folder / "STOP", Journal(folder / "journal.jsonl"), limits=Limits(connect_seconds=2))
one = Hypothesis("tcp_reach", "reachable", 1, "far", "host", "main", "192.0.2.2", port, "near", "a test")
print(PLUGIN.run(PLUGIN.plan(one), guard).outcome)
"""


def _missing() -> str:
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "namespaces need root"
    absent = [tool for tool in ("ip", "nft") if shutil.which(tool) is None]
    return f"not installed: {', '.join(absent)}" if absent else ""


def _run(*command: str, **more: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60, **more).stdout  # type: ignore[call-overload, no-any-return]


Ask = Callable[[int], str]


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Ask]:
    """Runs the reach check for a port, from one namespace to the other."""
    if reason := _missing():
        pytest.skip(reason)
    near, far = (f"fs{os.getpid()}{end}" for end in "ab")
    server: subprocess.Popen[str] | None = None
    try:
        try:
            _build(near, far)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"this machine allows no namespaces: {error.stderr.strip()}")
        inside = ("ip", "netns", "exec")
        server = subprocess.Popen([*inside, far, sys.executable, "-c", _SERVER], stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        yield lambda port: _run(*inside, near, sys.executable, "-c", _CLIENT, str(tmp_path), str(port)).strip()
    finally:
        if server is not None:
            server.kill()
            server.communicate()
        for name in (near, far):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def _build(near: str, far: str) -> None:
    for name in (near, far):
        _run("ip", "netns", "add", name)
    _run("ip", "link", "add", near, "netns", near, "type", "veth", "peer", "name", far, "netns", far)
    for name, address in ((near, NEAR), (far, FAR)):
        _run("ip", "-n", name, "address", "add", f"{address}/24", "dev", name)
        _run("ip", "-n", name, "link", "set", name, "up")
    _run("ip", "netns", "exec", far, "nft", "-f", "-", input=_RULES)


def test_open_closed_dropped_and_rejected_are_told_apart(ask: Ask) -> None:
    assert {port: ask(port) for port in (8080, 8081, 8082, 8083)} == {
        8080: "confirmed", 8081: "refuted", 8082: "inconclusive", 8083: "refuted",
    }  # fmt: skip
