"""Rules of the attack graph as data: the grammar, and what is said of mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foreshore import policy
from foreshore.errors import BadPolicy
from foreshore.policy import files
from foreshore.policy.rulebook import Ports, Text, Variable, read

GOOD: dict[str, Any] = {
    "title": "A key in a safe", "technique": "T1552.001", "technique_name": "Credentials In Files",
    "sentence": "From {host} the attacker opens {vault}", "holds": ["admin(host)", "reach(vault, 443)"],
    "where": ["controls(host, vault, 'open|read *')", "not tag(vault, 'sealed')", "differs(host, vault)"],
    "gains": "user(vault)", "chance": "movement.directory.right", "removed_by": "take the key from {host}",
    "source": "own convention",
}  # fmt: skip


def test_a_rule_is_read_into_terms() -> None:
    (rule,) = read({"own": {"safe_key": GOOD}}).rules
    assert (rule.name, rule.family, rule.variables) == ("safe_key", "own", ["host", "vault"])
    assert rule.holds[1].arguments == (Variable("vault"), Ports((443,)))
    assert rule.where[0].arguments[2] == Text(("open", "read *"))
    assert [term.negated for term in rule.where] == [False, True, False]
    assert [term.name for term in rule.gains] == ["user"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"holds": []}, "something to hold"),
        ({"holds": ["harm(host)"]}, "nothing to hold"),
        ({"holds": ["admin(other)"]}, "nothing in “where” says what “other” is"),
        ({"gains": "reach(vault, 443)"}, "nothing to hold or gain"),
        ({"where": ["controls(host)"]}, "with 1 arguments is no fact"),
        ({"where": ["owns(host, vault)"]}, "is no fact"),
        ({"where": ["controls(host, vault"]}, "is not a term"),
        ({"where": ["controls(host, 'a' 'b')"]}, "is no argument"),
        ({"where": ["not controls(host, vault)"]}, "nothing in “where”"),
        ({"sentence": "From {nowhere}"}, "“nowhere”"),
        ({"technique": "T15"}, "no ATT&CK technique"),
        ({"colour": "red"}, "“colour” is no part of a rule"),
        ({"title": " "}, "“title” has to be a text"),
        ({"chance": 0.5}, "a name of a number"),
    ],
)
def test_a_mistake_is_named_with_its_place(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BadPolicy) as caught:
        read({"own": {"safe_key": {**GOOD, **change}}})
    assert message in caught.value.what
    assert caught.value.where.startswith("rules/own.toml, safe_key")


def test_a_missing_part_is_named() -> None:
    with pytest.raises(BadPolicy, match="“removed_by” is missing"):
        read({"own": {"safe_key": {key: value for key, value in GOOD.items() if key != "removed_by"}}})


def test_what_rules_and_the_list_of_idle_notes_speak_of_is_claimed() -> None:
    book = read({"own": {"safe_key": GOOD, "not_a_step": {"Looks": "looking changes nothing"}}})
    assert sorted(book.claimed("controls")) == ["looks", "open", "read *"]


def _toml(chance: str) -> str:
    lists = "\n".join(f"{key} = {GOOD[key]!r}" for key in ("holds", "where")).replace("\\'", "'")
    texts = "\n".join(f'{key} = "{GOOD[key]}"' for key in GOOD if key not in ("holds", "where", "chance"))
    return f"[safe_key]\n{texts}\n{lists}\nchance = {chance}\n"


def test_a_team_adds_a_rule_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    file = tmp_path / "rules" / "safes.toml"
    file.write_text(_toml('{ value = 0.5, low = 0.2, high = 0.9, source = "our exercise" }'), encoding="utf-8")
    own = policy.load(tmp_path)
    (rule,) = [one for one in own.rulebook.rules if one.family == "safes"]
    assert own.number(rule.chance).value == 0.5
    assert own.digest != policy.load(None).digest
    assert [one["own"] for one in files.listed(tmp_path) if one["file"] == "rules/safes.toml"] == [True]
    assert files.problems(tmp_path) == []


@pytest.mark.parametrize("chance", ['"movement.nowhere"', '"movement.recovery.days"', '{ value = 2, low = 0, high = 3, source = "x" }'])  # fmt: skip
def test_a_chance_that_is_none_is_refused_by_line(tmp_path: Path, chance: str) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "safes.toml").write_text(_toml(chance), encoding="utf-8")
    (found,) = files.problems(tmp_path)
    assert "safes.toml" in found["where"] or "rulebook" in found["where"]


def test_every_shipped_rule_names_its_source_and_what_removes_it() -> None:
    rules = policy.load(None).rulebook.rules
    assert len(rules) >= 6
    assert all(rule.source and rule.removed_by and rule.sentence for rule in rules)
