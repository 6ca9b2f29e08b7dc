"""Feeds from web addresses go through the one door, and what cannot be had is named."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from foreshore.http import Door
from foreshore.intel.update import update
from foreshore.workspace import Workspace

TABLE = (
    "weakness,kind,value,text,source,model,observed_at\n"
    "CVE-2099-0001,epss,0.5,,us,own,2025-08-01\n*,feed:epss,,,us,own,2025-08-01\n"
)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "own.csv").write_text(TABLE, "utf-8")
    own = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=own.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{own.server_address[1]}"
    own.shutdown()
    own.server_close()


def test_a_feed_is_downloaded_and_the_scratch_copy_removed(tmp_path: Path, server: str) -> None:
    workspace = Workspace.create(tmp_path / "ws", seed=1)
    door = Door(allowed=("127.0.0.1",))
    result = update(workspace, sources=[f"{server}/own.csv", f"{server}/none.csv"], only_present=False, door=door)
    assert [(one.feed, one.signals) for one in result.read] == [("table", 1)]
    assert result.new == 3  # the score, and two markers: of the feed it speaks for and of the table itself
    ((name, why),) = result.failed
    assert name == f"{server}/none.csv"
    assert "404" in why
    assert not list(workspace.temporary_dir.glob("intel-*"))


def test_the_door_stays_shut_for_ones_own_network(tmp_path: Path, server: str) -> None:
    workspace = Workspace.create(tmp_path / "ws", seed=1)
    result = update(workspace, sources=[f"{server}/own.csv"])
    assert result.read == ()
    assert "loopback" in result.failed[0][1]
