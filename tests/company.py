"""A small made-up company, imported and assessed once through the command line itself."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest import mock

import pytest

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


class Said(NamedTuple):
    """What a command answered."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Its standard output as JSON; the exit code has to be 0."""
        assert self.code == 0, self.err
        return json.loads(self.out)


def run(*arguments: str) -> Said:
    """Run the command line in this process, through its own entry point."""
    from foreshore.cli.main import main

    out, err = io.StringIO(), io.StringIO()
    code = 0
    with (
        mock.patch.dict(
            os.environ, {"COLUMNS": "200"}
        ),  # tables wrap where the terminal is narrow; tests read whole words
        mock.patch.object(sys, "argv", ["foreshore", *arguments]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
    assert "Traceback" not in err.getvalue()
    return Said(code, out.getvalue(), err.getvalue())


Cli = Callable[..., Said]
_HEAD = "asset,address,cve,title,severity,component,component_name,version,fixed_version,port,detection,last_seen\n"
_LOG4J = "pkg:maven/org.apache.logging.log4j/log4j-core"


def day(days: int) -> str:
    """Return the ISO date so many days ago."""
    return f"{TODAY - timedelta(days=days):%Y-%m-%d}"


def row(asset: str, address: str, rest: str, days: int) -> str:
    """Return one finding as a line of a generic CSV."""
    return f"{asset},{address},{rest},{day(days)}\n"


WEB = row(
    "web-1",
    "203.0.113.10",
    f"CVE-2021-44228,Log4j remote code execution,critical,{_LOG4J},log4j-core,2.14.0,2.17.1,443,package",
    9,
)
DB = row(
    "db-1",
    "10.20.0.5",
    "CVE-2023-2454,PostgreSQL privileges,high,pkg:generic/postgresql,postgresql,15.1,15.3,5432,version",
    9,
)
OTHERS = "".join(
    row(f"pc-{number}", f"10.1.0.{number}", f"CVE-2020-{1000 + number},Viewer memory error,medium,pkg:generic/viewer,viewer,1.0,1.1,,package", 9)
    for number in range(1, 7)
)  # fmt: skip
SCOPE = """\
organization: Example Stores
zones:
  dmz: {networks: [203.0.113.0/24]}
  office: {networks: [10.1.0.0/16]}
  data: {networks: [10.20.0.0/16]}
reach:
  rules:
    - {from: internet, to: dmz, ports: [443]}
    - {from: dmz, to: data, ports: [5432]}
services:
  - {name: Web shop, owner: web-team, impact: {tier: 4}, assets: ["name:web-*"]}
  - {name: Card payments, owner: data-team, impact: {tier: 4}, assets: ["name:db-*"]}
teams:
  - {name: web-team, assets: ["name:web-*"], hours_per_week: 10}
  - {name: data-team, assets: ["name:db-*"], hours_per_week: 10}
targets:
  - {what: 203.0.113.10, ports: [443]}
"""
_SIGNALS = "weakness,kind,value,text,source,model,observed_at\n"


def write_csv(path: Path, *rows: str) -> Path:
    """Write a generic report."""
    path.write_text(_HEAD + "".join(rows), encoding="utf-8")
    return path


def write_signals(path: Path, *rows: str) -> Path:
    """Write a table of intelligence, with the marks of the feeds that were read."""
    marks = "".join(f"*,feed:{name},,,{name},,{day(8)}\n" for name in ("kev", "epss", "poc_index", "cve5"))
    path.write_text(_SIGNALS + marks + "".join(one + "\n" for one in rows), encoding="utf-8")
    return path


def few_worlds(workspace: Path) -> None:
    """Give the workspace a policy of its own with few simulated years, so that cycles are quick."""
    text = (resources.files("foreshore.policy") / "treatment.toml").read_text("utf-8")
    for name in ("least_worlds", "most_worlds"):
        text = re.sub(
            rf"(?m)^{name} = .*$",
            f'{name} = {{ value = 256, low = 256, high = 256, unit = "count", source = "test" }}',
            text,
        )
    (workspace / "policy" / "treatment.toml").write_text(text, encoding="utf-8")


@pytest.fixture(scope="session")
def cli() -> Cli:
    """The command line, as a function."""
    return run


@pytest.fixture(scope="session")
def make() -> Any:
    """Ways to write reports and intelligence of the made-up company, and the rows that it begins with."""
    return SimpleNamespace(csv=write_csv, signals=write_signals, row=row, day=day, web=WEB, db=DB, others=OTHERS)


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with two sources, intelligence and one cycle; not to be changed."""
    from foreshore.workspace import Workspace

    root = tmp_path_factory.mktemp("company")
    workspace = root / "ws"
    Workspace.create(workspace, seed=11)
    few_worlds(workspace)
    (workspace / "scope.yaml").write_text(SCOPE, encoding="utf-8")
    where = ("--workspace", str(workspace))
    first = write_csv(root / "agents.csv", WEB, DB, OTHERS)
    second = write_csv(
        root / "probes.csv",
        WEB.replace(_LOG4J, "").replace("log4j-core,2.14.0,2.17.1", ",,").replace("package", "banner"),
    )
    for path, source in ((first, "agents"), (second, "probes")):
        assert run("import", str(path), "--source", source, *where).code == 0
    signals = write_signals(
        root / "signals.csv", "CVE-2021-44228,kev,1,,cisa-kev,,2021-12-10",
        "CVE-2021-44228,epss,0.97,,first-epss,v2025," + day(8), "CVE-2023-2454,epss,0.02,,first-epss,v2025," + day(8),
    )  # fmt: skip
    assert run("intel", "update", "--from", str(signals), *where).code == 0
    assert run("cycle", *where).code == 0
    return workspace


@pytest.fixture
def copy(company: Path, tmp_path: Path) -> Path:
    """The same workspace, to be changed."""
    return Path(shutil.copytree(company, tmp_path / "ws"))
