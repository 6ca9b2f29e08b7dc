"""The same facts, policy and seed give the same answers, on one thread and on two, and in a copy elsewhere."""

from __future__ import annotations

import shutil
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

import foreshore.estate
from foreshore.cycle import running, taking
from foreshore.estate import write_demo
from foreshore.intel import update
from foreshore.store import open_lake
from foreshore.workspace import Workspace

AS_OF = datetime(2026, 3, 10)
SHOWN = (
    "select * exclude (cycle) from assessments order by rank",
    "select * exclude (cycle) from services_at order by service",
    "select * exclude (cycle) from actions order by action",
)


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A small company, imported, with intelligence and scope, before any cycle."""
    folder = tmp_path_factory.mktemp("reproducible")
    files = write_demo(folder / "company", 4, today=date(2026, 3, 9), assets=60)
    workspace = Workspace.create(folder / "ws", seed=9)
    for site in ("hq", "south"):
        taking.take(workspace, [one.path for one in files.reports if one.site == site], site=site)
    update.update(workspace, sources=[Path(foreshore.estate.__file__).parent / "signals.csv"])
    shutil.copy(files.scope, workspace.scope_file)
    return workspace


def answers(imported: Workspace, folder: Path, threads: int) -> list[list[dict[str, Any]]]:
    """Copy the workspace, give it a number of threads, run a cycle, and return what it says."""
    shutil.copytree(imported.root, folder)
    settings = folder / "foreshore.toml"
    settings.write_text(settings.read_text().replace('threads = "auto"', f"threads = {threads}"))
    copy = Workspace.open(folder)
    assert copy.threads == threads
    running.run(copy, as_of=AS_OF)
    with open_lake(copy, read_only=True) as lake:
        return [lake.sql(query).to_pylist() for query in SHOWN]


@pytest.mark.slow
def test_one_thread_and_two_say_the_same_to_the_last_digit(imported: Workspace, tmp_path: Path) -> None:
    one, two = (answers(imported, tmp_path / f"threads{number}", number) for number in (1, 2))
    assert one[0]
    assert one == two
