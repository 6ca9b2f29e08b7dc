"""A team's own rule of the attack graph, from its file to the path that it opens and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.company import Cli

RULE = """
[badge_printer]
title = "The badge printer opens doors"
technique = "T1078"
technique_name = "Valid Accounts"
sentence = "Whoever holds {printer} prints a badge for {door}"
holds = ["admin(printer)"]
where = ["controls(printer, door, 'edge PrintsBadgesFor')", "not attribute(door, 'sealed', 'true')"]
gains = "admin(door)"
chance = { value = 0.6, low = 0.3, high = 0.9, source = "our exercise" }
removed_by = "take {door} out of the printer's list"
source = "our own"
"""
LEFT = RULE.replace("'edge PrintsBadgesFor'", "'?'")


def _graph(edges: list[str]) -> str:
    nodes = [
        {"id": name, "kinds": ["Thing"], "properties": {"name": f"{name}.example.test"}} for name in ("prn", "gate")
    ]
    ties = [{"kind": kind, "start": {"value": "prn"}, "end": {"value": "gate"}} for kind in edges]
    return json.dumps({"metadata": {"source_kind": "Badges"}, "graph": {"nodes": nodes, "edges": ties}})


@pytest.fixture
def badges(tmp_path: Path, cli: Cli) -> Path:
    """A workspace that knows a printer, a gate and what ties them."""
    report = tmp_path / "badges.json"
    report.write_text(_graph(["PrintsBadgesFor"]), encoding="utf-8")
    folder = tmp_path / "ws"
    assert cli("init", str(folder)).code == 0
    assert cli("import", str(report), "-w", str(folder)).code == 0
    return folder


def _way(cli: Cli, folder: Path) -> Any:
    assert cli("cycle", "-w", str(folder), "--json").code == 0
    ends = ("--from", "prn.example.test", "--to", "gate.example.test")
    return cli("paths", *ends, "-w", str(folder), "--json").json()


def _rule(folder: Path, text: str) -> None:
    (folder / "policy" / "rules").mkdir(parents=True, exist_ok=True)
    (folder / "policy" / "rules" / "ours.toml").write_text(text, encoding="utf-8")


def test_an_own_rule_opens_a_path_and_tells_it(badges: Path, cli: Cli) -> None:
    _rule(badges, RULE)
    found = _way(cli, badges)
    assert found["reachable"] == "yes"
    hop = found["paths"][0]["hops"][-1]
    assert hop["rule"] == "badge_printer"
    assert hop["step"] == "Whoever holds prn.example.test prints a badge for gate.example.test."
    assert "PrintsBadgesFor" in hop["fact"]
    assert found["paths"][0]["probability"] == pytest.approx(0.6)


def test_an_edge_that_no_rule_explains_leads_nowhere(badges: Path, cli: Cli) -> None:
    assert _way(cli, badges)["paths"] == []
    _rule(badges, LEFT)  # what is said to be idle is not a right that nobody names
    assert _way(cli, badges)["paths"] == []


def test_a_rule_that_is_wrong_stops_with_its_place(badges: Path, cli: Cli) -> None:
    _rule(badges, RULE.replace("admin(door)", "admin(window)"))
    said = cli("cycle", "-w", str(badges))
    assert said.code != 0
    assert "ours.toml" in said.err
    assert "window" in said.err
