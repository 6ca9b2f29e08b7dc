"""Markdown, JSON, CSV and PDF: the same content, safe for where it is shown; places and errors."""

from __future__ import annotations

import csv
import importlib
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from foreshore import keys
from foreshore.errors import NothingToRead, UsageError, WorkspaceError
from foreshore.report import writing
from foreshore.workspace import Workspace

Finish = Callable[..., None]


@pytest.fixture
def finished(workspace: Workspace, finish: Finish, made: SimpleNamespace) -> Workspace:
    bad = made.hostile
    rows = [
        made.exposure(1, 1, "act_now", title=bad, owner="=cmd()", fix="@SUM(A1)", asset_name=" \t=2+5"),
        made.exposure(2, 2, "unknown", reachable="unknown", reach_fact=bad, cvss=-1.5),
        made.exposure(3, 3, "routine", title="-2+3|cmd", zone="+1"),
        made.exposure(4, 4, None, disposition="not_ours", disposition_because="=HYPERLINK(1)"),
    ]
    finish(
        5, rows, facts=made.imports(), steps=made.path_of(1), actions=[made.action(901, 1, title=bad, team=bad)],
        services=[made.service("Card | payments", owner=bad)],
        result={"plan": {"before": 1.0, "after": 0.4, "bound": 0.7, "left": [0.4]}},
    )  # fmt: skip
    return workspace


def test_json_holds_what_the_page_shows(finished: Workspace, tmp_path: Path) -> None:
    found = json.loads(writing.write(finished, "json", tmp_path / "r.json").read_bytes())
    assert sum(one["count"] for one in found["treatments"]) == found["open"] == 3
    assert [one["id"] for one in found["exposures"]] == [keys.show("EXP", key) for key in (1, 2, 3)]
    assert [step["assumed"] for step in found["exposures"][0]["path"]] == [False, False, False, True, True, False]
    assert found["method"]["seed"] == 7
    assert found["as_of"] == "2026-03-01T12:00:00Z"
    assert found["news"] is None
    assert len(found["sentences"]) == 3
    assert all(sentence.endswith(".") for sentence in found["sentences"])


def test_the_first_actions_are_summed_by_what_is_left_not_by_what_each_removes_alone(
    workspace: Workspace, finish: Finish, made: SimpleNamespace, tmp_path: Path
) -> None:
    actions = [made.action(900 + number, number, removes=0.3) for number in range(1, 8)]
    left = [0.9, 0.8, 0.7, 0.65, 0.6, 0.55, 0.5]
    plan = {"before": 1.0, "after": 0.5, "bound": 0.7}
    rows = [made.exposure(1, 1, "act_now")]
    finish(4, rows, actions=actions, result={"plan": plan | {"left": left}})
    said = json.loads(writing.write(workspace, "json", tmp_path / "r.json").read_bytes())["sentences"][1]
    assert "first 5 actions together" in said
    assert "remove 40 % of the modelled risk" in said
    finish(5, rows, actions=actions, result={"plan": plan})
    said = json.loads(writing.write(workspace, "json", tmp_path / "r.json").read_bytes())["sentences"][1]
    assert "first 7 actions together" in said
    assert "remove 50 % of the modelled risk" in said


def test_csv_lists_every_exposure_and_holds_no_formula(finished: Workspace, tmp_path: Path) -> None:
    body = writing.write(finished, "csv", tmp_path / "r.csv").read_bytes()
    rows = list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"))))
    assert [row["id"] for row in rows] == [keys.show("EXP", key) for key in (1, 2, 3, 4)]
    for row in rows:
        for name, value in row.items():
            assert not value.lstrip().startswith(("=", "+", "@")), name
            assert not value.startswith("-") or _is_number(value), name
    assert rows[0]["owner"] == "'=cmd()"
    assert rows[1]["cvss"] == "-1.5"  # a number stays one
    assert rows[3]["disposition"] == "not_ours"


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def test_markdown_keeps_hostile_text_as_text(finished: Workspace, tmp_path: Path, made: SimpleNamespace) -> None:
    body = writing.write(finished, "md", tmp_path / "r.md").read_text("utf-8")
    assert made.hostile not in body
    assert "<script>" not in body.replace("\\<script\\>", "")
    assert "](y)" not in body.replace("\\](y)", "")
    lines = [line for line in body.splitlines() if line.startswith("| Card")]
    assert len(lines) == 1
    assert lines[0].replace("\\|", "").count("|") == 7  # six columns, whatever the name holds
    for heading in ("New since last time", "Treatments", "Services", "The first exposures", "What was covered"):
        assert f"## {heading}\n" in body


def test_without_out_the_file_stands_in_the_workspace(finished: Workspace) -> None:
    path = writing.write(finished, "json")
    assert path == finished.root / f"report-{keys.show('CYC', 5)}.json"


def test_a_folder_gets_a_file_of_that_name(finished: Workspace, tmp_path: Path) -> None:
    assert writing.write(finished, "csv", tmp_path) == tmp_path / f"report-{keys.show('CYC', 5)}.csv"
    assert writing.write(finished, "md", tmp_path / "new" / "r.md").parent.is_dir()


def test_a_place_that_cannot_be_written_is_a_clear_error(finished: Workspace, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkspaceError, match="cannot be written"):
        writing.write(finished, "csv", tmp_path / "file" / "r.csv")


def test_another_format_is_a_clear_error(finished: Workspace) -> None:
    with pytest.raises(UsageError, match="“docx” is no format"):
        writing.write(finished, "docx")


@pytest.mark.parametrize("format", ["html", "md", "json", "csv"])
def test_before_the_first_cycle_there_is_nothing_to_report(workspace: Workspace, tmp_path: Path, format: str) -> None:
    with pytest.raises(NothingToRead, match="no cycle has run yet"):
        writing.write(workspace, format, tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_pdf_without_its_extra_says_what_to_install(
    finished: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(UsageError, match="WeasyPrint"):
        writing.write(finished, "pdf", tmp_path / "r.pdf")


def test_pdf_is_written_where_its_extra_is_there(finished: Workspace, tmp_path: Path) -> None:
    try:
        importlib.import_module("weasyprint")
    except (ImportError, OSError) as error:  # the package, or a library of the system that it draws with
        pytest.skip(f"WeasyPrint cannot be used here: {error}")
    assert writing.write(finished, "pdf", tmp_path / "r.pdf").read_bytes().startswith(b"%PDF-")
