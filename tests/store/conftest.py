"""A workspace and an opened lake for the tests of the store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from foreshore import store
from foreshore.store.ducklake import Lake
from foreshore.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "ws", seed=7)


@pytest.fixture
def lake(workspace: Workspace) -> Iterator[Lake]:
    with store.open_lake(workspace) as opened:
        yield opened
