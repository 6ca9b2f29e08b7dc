"""The made-up company, and one running service over a copy of it for all tests of a process."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.company import cli, company, copy, make
from tests.served import Service, serving

__all__ = ["cli", "company", "copy", "make"]


@pytest.fixture(scope="session")
def service(company: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A running service with one administrator; tests add accounts and never remove what others use."""
    workspace = shutil.copytree(company, tmp_path_factory.mktemp("served") / "ws")
    with serving(Path(workspace)) as running:
        yield running
