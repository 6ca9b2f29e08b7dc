"""The front door: help, exit codes, and that no error ever shows a traceback."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
VERBS = (
    "demo", "init", "inspect", "import", "cycle", "validate", "doctor", "exposures", "moved", "assets", "actions",
    "explain", "paths", "plan", "diff", "report", "decide",
)  # fmt: skip
READING = (
    ("exposures",), ("moved",), ("assets",), ("actions",), ("explain", "EXP-1"), ("paths",), ("plan",), ("diff",),
    ("decide", "EXP-1", "--as", "mitigated", "--because", "a filter stands before it"), ("cycle",), ("validate",),
)  # fmt: skip


def test_help_lists_every_verb_and_each_shows_an_example(cli: Cli) -> None:
    whole = cli("--help")
    assert whole.code == 0
    for verb in VERBS:
        assert f"  {verb} " in whole.out
        shown = cli(verb, "--help")
        assert shown.code == 0
        assert "Example" in shown.out
        assert f"foreshore {verb}" in " ".join(shown.out.split())
    for group, names in {"intel": ("update", "show"), "scope": ("show", "check", "apply", "approve")}.items():
        for name in names:
            assert f"foreshore {group} {name}" in " ".join(cli(group, name, "--help").out.split())


def test_help_needs_none_of_the_heavy_parts() -> None:
    code = (
        "import sys\nfrom foreshore.cli import main\n"
        "heavy = {'duckdb', 'django', 'numba', 'numpy', 'pyarrow', 'ibis', 'lxml', 'scipy', 'rich.console'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_command_is_a_program_of_its_own(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "foreshore.cli.main", "exposures", "-w", str(tmp_path / "nowhere")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "there is no workspace here" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words", [("exposures", "--no-such-option"), ("no-such-verb",), ("explain",), ("plan", "--changes", "0")]
)
def test_wrong_usage_is_2(cli: Cli, words: tuple[str, ...]) -> None:
    found = cli(*words)
    assert found.code == 2
    assert found.err


@pytest.mark.parametrize("words", READING, ids=lambda words: words[0])
def test_before_anything_was_read_there_is_nothing_to_read(cli: Cli, tmp_path: Path, words: tuple[str, ...]) -> None:
    from foreshore.workspace import Workspace

    Workspace.create(tmp_path / "ws")
    found = cli(*words, "-w", str(tmp_path / "ws"))
    assert found.code == 3, found.err
    assert found.out == ""


def test_an_error_nobody_thought_of_is_a_sentence(cli: Cli, company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from foreshore.query import lists

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr(lists, "exposures", broken)
    found = cli("exposures", "-w", str(company))
    assert found.code == 1
    assert "ZeroDivisionError: of all things" in found.err
    assert found.err.count("\n") == 1


def test_the_workspace_comes_from_the_environment_too(cli: Cli, company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORESHORE_WORKSPACE", str(company))
    assert cli("exposures", "--json").json()


@pytest.mark.parametrize("words", [("--as-of", "yesterday"), ("--known-at", "CYC-ZZZZ")])
def test_a_cycle_refuses_dates_and_cycles_that_are_none(cli: Cli, company: Path, words: tuple[str, ...]) -> None:
    found = cli("cycle", *words, "-w", str(company))
    assert found.code == 2
    assert words[1] in found.err
