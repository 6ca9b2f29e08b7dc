"""DuckDB is opened in one place, which keeps it from writing into standard output."""

from __future__ import annotations

import re
from pathlib import Path

import foreshore
from foreshore import scratch
from foreshore.workspace import Workspace

SOURCES = Path(foreshore.__file__).parent


def test_nobody_else_opens_a_connection() -> None:
    opening = re.compile(r"\bduckdb\.connect\(")
    users = {path.name for path in SOURCES.rglob("*.py") if opening.search(path.read_text("utf-8"))}
    assert users == {"scratch.py"}


def test_no_connection_draws_a_progress_bar(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "ws", seed=1)
    for connection in (scratch.connect(), workspace.connect()):
        with connection, connection.cursor() as another:
            for one in (connection, another):
                assert one.execute("SELECT current_setting('enable_progress_bar')").fetchall() == [(False,)]
