"""Whose word on an asset counts, from the command line: shown, the same in lists, and changed by a team's table."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from foreshore.store import serving
from foreshore.workspace import Workspace

Cli = Callable[..., Any]
_HEAD = "asset,address,cve,title,severity,owner,os,asset_tags,last_seen\n"


@pytest.fixture
def told(cli: Cli, copy: Path, tmp_path: Path) -> Path:
    """The company after a register and, later, another source spoke of the same host."""
    for source, owner, day in (("cmdb", "register team", "2026-01-02"), ("guesses", "someone else", "2026-03-02")):
        path = tmp_path / f"{source}.csv"
        line = f"web-1,203.0.113.10,CVE-2020-9999,Something,low,{owner},Debian 12,from-{source},{day}\n"
        path.write_text(_HEAD + line, encoding="utf-8")
        assert cli("import", str(path), "--source", source, "-w", str(copy)).code == 0
    return copy


def _owners(cli: Cli, workspace: Path) -> dict[str, bool]:
    found = cli("assets", "show", "web-1", "--json", "-w", str(workspace)).json()
    return {one["value"]: one["in_force"] for one in found["attributes"] if one["attribute"] == "owner"}


def _rank_guesses_first(workspace: Path) -> None:
    shipped = (resources.files("foreshore.policy") / "precedence.csv").read_text("utf-8")
    own = shipped + "owner,guesses,1,our people trust it most\n"
    (workspace / "policy" / "precedence.csv").write_text(own, encoding="utf-8")


def test_show_marks_what_counts_and_a_teams_table_changes_it(cli: Cli, told: Path) -> None:
    assert _owners(cli, told) == {"register team": True, "someone else": False}
    lines = cli("assets", "show", "web-1", "-w", str(told)).out.splitlines()
    assert any("register team" in line and " yes " in line for line in lines)
    assert any("someone else" in line and " yes " not in line for line in lines)
    _rank_guesses_first(told)
    assert _owners(cli, told) == {"register team": False, "someone else": True}


def test_every_attribute_has_one_value_in_force_and_every_tag_counts(cli: Cli, told: Path) -> None:
    rows = cli("assets", "show", "web-1", "--json", "-w", str(told)).json()["attributes"]
    for name in {one["attribute"] for one in rows} - {"tags"}:
        assert len({one["value"] for one in rows if one["attribute"] == name and one["in_force"]}) == 1, name
    tags = [one for one in rows if one["attribute"] == "tags"]
    assert {one["value"] for one in tags} == {"from-cmdb", "from-guesses"}
    assert all(one["in_force"] for one in tags)


def test_lists_and_selectors_go_by_the_value_in_force_and_the_tags_of_rules(cli: Cli, told: Path) -> None:
    scope = told / "scope.yaml"
    text = scope.read_text("utf-8").replace(
        "  - {name: web-team", '  - {name: registered, assets: ["owner:register*"]}\n  - {name: web-team'
    )
    text = text.replace('assets: ["name:db-*"]}\nteams', 'assets: ["tag:pci"]}\nteams') + 'tags: {pci: ["zone:data"]}\n'
    scope.write_text(text, encoding="utf-8")
    notes = [one["sentence"] for one in cli("scope", "check", "--json", "-w", str(told)).json()]
    assert not [one for one in notes if "pci" in one or "register" in one]
    assert cli("cycle", "-w", str(told)).code == 0
    owners = {one["name"]: one["owner"] for one in cli("assets", "--json", "-w", str(told)).json()}
    assert owners["web-1"] == "registered"
    assert cli("scope", "show", "--json", "-w", str(told)).json()["tags"] == [{"tag": "pci", "assets": ["zone:data"]}]
    assert "tags:\n  pci: [" in cli("scope", "show", "-w", str(told)).out
    with serving.connect(Workspace.open(told)) as connection:
        held = dict(connection.execute("SELECT service, assets FROM services").fetchall())
    assert held == {"Web shop": 1, "Card payments": 1}  # db-1, by the tag that the rule gives its zone
