"""The policy through the command line: copied, checked, compared before it counts, noted when it does; deadlines."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]


@pytest.fixture
def where(copy: Path) -> tuple[str, str]:
    return ("--workspace", str(copy))


def edit(copy: Path, name: str, before: str, after: str) -> None:
    path = copy / "policy" / name
    text = path.read_text("utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not re.search(r"\.(lock|wal|sqlite-(wal|shm))$|wal$|shm$", path.name)
    }


def test_show_says_whose_each_file_is(cli: Cli, copy: Path, where: tuple[str, str]) -> None:
    rows = {one["file"]: one for one in cli("policy", "show", "--json", *where).json()}
    assert rows["treatment.toml"]["own"] is True
    assert {one["key"] for one in rows["treatment.toml"]["changes"]} == {
        "simulation.least_worlds", "simulation.most_worlds",
    }  # fmt: skip
    assert rows["obligations.toml"]["own"] is False
    text = cli("policy", "show", *where).out
    assert re.search(r"treatment\.toml +own copy +2", text)
    assert "[bod_26_04]" in cli("policy", "show", "obligations", *where).out
    assert cli("policy", "show", "weather", *where).code == 2


def test_copy_and_check(cli: Cli, copy: Path, where: tuple[str, str]) -> None:
    assert cli("policy", "check", *where).out.strip() == "The policy is valid."
    assert cli("policy", "copy", "obligations", *where).code == 0
    assert cli("policy", "copy", "obligations", *where).code == 2
    edit(copy, "obligations.toml", 'clock = "published"', 'clock = "sundial"')
    said = cli("policy", "check", *where)
    assert said.code == 1
    assert re.match(
        r"obligations\.toml:\d+, pci_dss\.clock: “sundial” is not known here Try: one of first_seen", said.out
    )
    (found,) = cli_json_of_failure(cli, "policy", "check", "--json", *where)
    assert set(found) == {"where", "what", "hint"}
    assert cli("policy", "diff", *where).code == 1


def cli_json_of_failure(cli: Cli, *words: str) -> Any:
    import json

    said = cli(*words)
    assert said.code == 1
    return json.loads(said.out)


def test_diff_of_an_unchanged_policy_moves_nothing(cli: Cli, where: tuple[str, str]) -> None:
    found = cli("policy", "diff", "--json", *where).json()
    assert (found["changes"], found["moved"], found["exposures"]) == ([], 0, [])
    assert "nothing would move" in cli("policy", "diff", *where).out


def test_diff_tells_what_would_move_and_writes_nothing(cli: Cli, copy: Path, where: tuple[str, str]) -> None:
    before = {one["id"]: one for one in cli("exposures", "--json", *where).json()}
    cli("policy", "copy", "likelihood", *where)
    edit(
        copy,
        "likelihood.toml",
        "kev = { value = 0.70, low = 0.40, high = 0.90",
        "kev = { value = 0.05, low = 0.05, high = 0.05",
    )
    cli("policy", "copy", "ssvc_human_impact", *where)
    edit(copy, "ssvc_human_impact.csv", "negligible,mef failure,medium", "negligible,mef failure,very high")
    kept = contents(copy)
    found = cli("policy", "diff", "--json", *where).json()
    assert contents(copy) == kept
    keys = {(one["file"], one["key"]) for one in found["changes"]}
    assert keys == {("likelihood.toml", "usable.kev"), ("ssvc_human_impact.csv", "negligible/mef failure")}
    assert found["moved"] == len(found["exposures"]) > 0
    assert found["moved_by"]["label"] > 0
    for side in ("before", "after"):
        assert sum(one[side] for one in found["treatments"]) == len(before)
    for one in found["exposures"]:
        now = before[one["id"]]
        assert (one["treatment"]["before"], one["label"]["before"]) == (now["treatment"], now["label"])
        assert one["sentence"]
    log4j = next(one for one in found["exposures"] if one["weakness"] == "CVE-2021-44228")
    assert log4j["label"]["before"] != log4j["label"]["after"]
    text = cli("policy", "diff", *where).out
    assert "0.7 (0.4 to 0.9)" in text
    assert "would move" in text
    after = cli("exposures", "--json", *where).json()
    assert {one["id"]: one["treatment"] for one in after} == {key: one["treatment"] for key, one in before.items()}


def test_the_next_cycle_is_as_the_diff_said_and_the_trail_notes_it(
    cli: Cli, copy: Path, where: tuple[str, str]
) -> None:
    from foreshore import decisions
    from foreshore.workspace import Workspace

    cli("policy", "copy", "ssvc_human_impact", *where)
    edit(copy, "ssvc_human_impact.csv", "negligible,mef failure,medium", "negligible,mef failure,very high")
    found = cli("policy", "diff", "--json", *where).json()
    told = {one["id"]: one["label"]["after"] for one in found["exposures"]}
    assert told
    assert cli("cycle", *where).code == 0
    now = {one["id"]: one["label"] for one in cli("exposures", "--json", *where).json()}
    assert {key: now[key] for key in told} == told
    cycles = cli("policy", "history", "--json", *where).json()
    assert [one["changed"] for one in cycles] == [False, True]
    assert cycles[-1]["digest"] == found["after"]
    assert [(one["file"], one["key"]) for one in cycles[-1]["changes"]] == [
        ("ssvc_human_impact.csv", "negligible/mef failure")
    ]
    assert "changed" in cli("policy", "history", *where).out
    with decisions.open(Workspace.open(copy)) as opened:
        entries = [one for one in opened.audit_entries() if one.what == "policy in force"]
        assert opened.audit_verify() is None
    assert [one.payload["digest"] for one in entries] == [one["digest"] for one in cycles]
    assert entries[-1].payload["changes"] == ["ssvc_human_impact.csv: negligible/mef failure medium → very high"]
    assert cli("cycle", *where).code == 0
    with decisions.open(Workspace.open(copy)) as opened:
        assert sum(one.what == "policy in force" for one in opened.audit_entries()) == 2
    assert cli("policy", "diff", "--json", *where).json()["changes"] == []
    back = cli("policy", "diff", "--json", "--from", cycles[0]["cycle"], *where).json()
    assert [one["old"] for one in back["changes"]] == ["very high"]


def test_diff_from_a_folder_of_drafts(cli: Cli, copy: Path, where: tuple[str, str], tmp_path: Path) -> None:
    drafts = tmp_path / "drafts"
    drafts.mkdir()
    found = cli("policy", "diff", "--json", "--from", str(drafts), *where).json()
    assert {one["key"] for one in found["changes"]} == {"simulation.least_worlds", "simulation.most_worlds"}
    assert cli("policy", "diff", "--from", str(tmp_path / "nowhere"), *where).code == 2


def test_a_deadline_rule_is_previewed_then_switched_on(cli: Cli, copy: Path, where: tuple[str, str]) -> None:
    kept = contents(copy)
    found = cli("policy", "preview", "bod-26-04", "--zone", "dmz", "--json", *where).json()
    assert contents(copy) == kept
    assert (found["in_force"], found["applies_to"], found["exposures"]) == ([], "zone:dmz", 1)
    buckets = {one["due"]: one["exposures"] for one in found["buckets"]}
    assert sum(buckets.values()) + found["no_deadline"] == 1
    team = next(one for one in found["teams"] if one["team"] == "web-team")
    assert team["hours_per_week"] == 10
    assert [one["has"] for one in team["until"]] == [pytest.approx(10 * days / 7) for days in (3, 14, 30, 60)]
    text = cli("policy", "preview", "bod-26-04", *where).out
    assert "not switched on" in text
    assert "web-team" in text

    before = cli("exposures", "--json", *where).json()
    assert all(one["due"] is None for one in before)
    scope = copy / "scope.yaml"
    scope.write_text(scope.read_text("utf-8") + "obligations: [{name: bod-26-04, applies_to: dmz}]\n", encoding="utf-8")
    assert cli("cycle", *where).code == 0
    rows = cli("exposures", "--json", *where).json()
    dated = [one for one in rows if one["due"]]
    assert [one["weakness"] for one in dated] == ["CVE-2021-44228"]
    assert dated[0]["due_rule"].startswith("CISA BOD 26-04: ")
    # Nobody said whether attacks can be automated: the mildest outcome for what is in the catalogue, from first seen.
    first = date.fromisoformat(dated[0]["first_seen"][:10])
    assert date.fromisoformat(dated[0]["due"][:10]) == first + timedelta(14)
    ticket = cli("actions", "--ticket", dated[0]["action"], *where).out
    assert f"By {dated[0]['due'][:10]}, because of CISA BOD 26" in ticket.replace("\\", "")
    again = cli("policy", "preview", "bod-26-04", "--zone", "dmz", "--json", *where).json()
    assert again["in_force"] == ["dmz"]
    assert {one["due"]: one["exposures"] for one in again["buckets"]} == buckets
    assert again["outcomes"] == [{"due_rule": dated[0]["due_rule"], "exposures": 1, "first": dated[0]["due"]}]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("preview", "sundial"), "no deadline rule"),
        (("preview", "own", "--zone", "moon"), "the scope in force has no “zone:moon”"),
        (("preview", "own", "--zone", "dmz", "--service", "Web shop"), "only one of"),
    ],
)
def test_what_cannot_be_previewed_is_said(cli: Cli, where: tuple[str, str], words: tuple[str, ...], says: str) -> None:
    said = cli("policy", *words, *where)
    assert said.code == 2
    assert says in said.err


def test_before_the_first_cycle_there_is_nothing_to_compare(cli: Cli, tmp_path: Path) -> None:
    from foreshore.workspace import Workspace

    Workspace.create(tmp_path / "new", seed=1)
    where = ("--workspace", str(tmp_path / "new"))
    assert cli("policy", "diff", *where).code == 3
    assert cli("policy", "preview", "own", *where).code == 3
    assert cli("policy", "history", *where).out.strip() == "No cycle has run yet."


def test_explain_and_intel_show_tell_the_standards_beside(cli: Cli, copy: Path, where: tuple[str, str]) -> None:
    row = next(one for one in cli("exposures", "--json", *where).json() if one["weakness"] == "CVE-2021-44228")
    points = {one["table"]: one for one in cli("explain", row["id"], "--json", *where).json()["decision_points"]}
    assert set(points) == {"SSVC Deployer", "CISA's SSVC", "CISA BOD 26-04"}
    bod = points["CISA BOD 26-04"]
    assert (bod["mildest"], bod["strictest"]) == ("14 days", "3 days & forensic investigation")
    values = {one["point"]: one for one in bod["points"]}
    assert (values["in_kev"]["value"], values["in_kev"]["source"]) == ("yes", "CISA KEV")
    assert values["publicly_exposed"]["value"] == "yes"
    assert (values["automatable"]["value"], values["automatable"]["known"]) == ("no or yes", False)
    shown = cli("intel", "show", "CVE-2021-44228", "--json", *where).json()["standards"]
    assert shown["epss"]["model"] == "v2025"
    assert shown["epss"]["horizons"]["365"] > shown["epss"]["score"]
    assert shown["lev"]["composite"] == 1.0
    assert "LEV (NIST CSWP 41)" in cli("intel", "show", "CVE-2021-44228", *where).out
