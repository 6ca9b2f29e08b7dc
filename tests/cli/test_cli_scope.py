"""The scope from the command line: shown, checked, applied, and what may be tested."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Cli = Callable[..., Any]


def test_show_gives_the_scope_in_force(cli: Cli, company: Path) -> None:
    found = cli("scope", "show", "--json", "-w", str(company)).json()
    assert found["organization"] == "Example Stores"
    assert [service["name"] for service in found["services"]] == ["Web shop", "Card payments"]
    assert found["targets"] == []  # none is approved
    assert "organization: Example Stores" in cli("scope", "show", "-w", str(company)).out


def test_check_names_the_line_of_what_matches_nothing(cli: Cli, copy: Path) -> None:
    scope = copy / "scope.yaml"
    text = scope.read_text("utf-8").replace('"name:db-*"]}\nteams', '"name:nothing-*"]}\nteams')
    scope.write_text(text, encoding="utf-8")
    line = next(number for number, one in enumerate(text.splitlines(), 1) if "nothing-*" in one)
    notes = cli("scope", "check", "--json", "-w", str(copy)).json()
    assert all(note.keys() == {"level", "line", "sentence"} for note in notes)
    assert any(note["line"] == line and "nothing-*" in note["sentence"] for note in notes)
    assert f"scope.yaml:{line}:" in cli("scope", "check", "-w", str(copy)).out


def test_a_broken_scope_names_its_line_and_starts_nothing(cli: Cli, copy: Path) -> None:
    (copy / "scope.yaml").write_text(
        "organization: Example\nzones:\n  dmz: {networks: [300.1.2.3/24]}\n", encoding="utf-8"
    )
    before = cli("exposures", "--json", "-w", str(copy)).out
    for words in (("scope", "check"), ("scope", "apply"), ("cycle",)):
        found = cli(*words, "-w", str(copy))
        assert found.code == 1
        assert "scope.yaml:3" in found.err
    assert cli("exposures", "--json", "-w", str(copy)).out == before
    assert cli("scope", "show", "--json", "-w", str(copy)).json()["organization"] == "Example Stores"


def test_a_scope_that_is_not_text_is_refused(cli: Cli, copy: Path) -> None:
    (copy / "scope.yaml").write_bytes(b"\xff\xfe\x00organization")
    for words in (("scope", "check"), ("scope", "apply"), ("cycle",)):
        found = cli(*words, "-w", str(copy))
        assert found.code == 1
        assert "UTF-8" in found.err


def test_apply_says_what_differs_once(cli: Cli, copy: Path) -> None:
    scope = copy / "scope.yaml"
    scope.write_text(scope.read_text("utf-8").replace("tier: 4", "tier: 5", 1), encoding="utf-8")
    changes = cli("scope", "apply", "--json", "-w", str(copy)).json()["changes"]
    assert changes == ["Service Web shop: impact tier 4 → 5."]
    assert cli("scope", "apply", "--json", "-w", str(copy)).json() == {"changes": []}
    assert cli("scope", "show", "--json", "-w", str(copy)).json()["services"][0]["tier"] == 5


def test_targets_take_effect_only_by_an_approved_decision(cli: Cli, copy: Path) -> None:
    where = ("-w", str(copy))
    assert cli("scope", "approve", "--because", "yes", *where).code == 2
    given = cli("scope", "approve", "--because", "agreed with the owner", "--json", *where).json()
    assert [(one["what"], one["ports"]) for one in given] == [("203.0.113.10", [443])]
    assert cli("scope", "show", "--json", *where).json()["targets"][0]["what"] == "203.0.113.10"


def test_without_a_scope_there_is_one_of_the_folders_name(cli: Cli, tmp_path: Path) -> None:
    from foreshore.workspace import Workspace

    Workspace.create(tmp_path / "acme")
    assert cli("scope", "show", "--json", "-w", str(tmp_path / "acme")).json()["organization"] == "acme"
    assert cli("scope", "check", "-w", str(tmp_path / "acme")).code == 1
    assert cli("scope", "approve", "--because", "agreed with the owner", "-w", str(tmp_path / "acme")).code == 2


def test_leave_to_test_is_taken_back_at_once(cli: Any, copy: Path) -> None:
    where = ("-w", str(copy))
    approved = cli("scope", "approve", "--because", "agreed with the owner", "--json", *where).json()
    assert [one["what"] for one in approved] == ["203.0.113.10"]
    assert cli("scope", "revoke", "--because", "no", *where).code == 2
    said = cli("scope", "revoke", "--because", "the owner asked us to stop", *where)
    assert (said.code, "Nothing of the scope may be tested now" in said.out) == (0, True)
    assert cli("scope", "revoke", "--because", "the owner asked us to stop", "--json", *where).json() == {
        "may_be_tested": []
    }
