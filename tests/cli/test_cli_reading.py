"""Verbs that read the last cycle, through the command line."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
CONTRACT = {
    "id", "asset", "asset_name", "weakness", "title", "place", "state", "reachable", "exploit", "leads_to", "likelihood",
    "contribution", "treatment", "label", "due", "owner", "verdict", "disposition", "first_seen", "last_seen", "sources",
}  # fmt: skip


def exposures(cli: Cli, workspace: Path, *more: str) -> list[dict[str, Any]]:
    return list(cli("exposures", "--json", "-w", str(workspace), *more).json())


def test_exposures_keep_their_contract_and_agree_with_the_cycle(cli: Cli, company: Path) -> None:
    from foreshore.query import lists
    from foreshore.workspace import Workspace

    found = exposures(cli, company)
    assert all(row.keys() >= CONTRACT for row in found)
    assert all(row["contribution"].keys() >= {"mean", "low", "high"} for row in found)
    result = json.loads(lists.rows(Workspace.open(company), "select result from cycle")[0]["result"])
    assert Counter(row["treatment"] for row in found) == +Counter(result["treatments"])
    assert [row["rank"] for row in found] == list(range(1, len(found) + 1))


def test_two_sources_are_one_exposure(cli: Cli, company: Path) -> None:
    found = [row for row in exposures(cli, company) if row["weakness"] == "CVE-2021-44228"]
    assert [row["sources"] for row in found] == [["agents", "probes"]]


def test_a_query_picks_and_a_wrong_one_is_named(cli: Cli, company: Path) -> None:
    found = exposures(cli, company, "--where", "asset_name ~ pc-* and severity >= medium", "--top", "3")
    assert len(found) == 3
    assert all(row["asset_name"].startswith("pc-") for row in found)
    wrong = cli("exposures", "--where", "colour = red", "-w", str(company))
    assert wrong.code == 2
    assert "colour" in wrong.err


@pytest.mark.parametrize(("query", "code"), [("kev = yes", 10), ("severity = info", 0)])
def test_fail_on_stops_a_pipeline(cli: Cli, company: Path, query: str, code: int) -> None:
    assert cli("exposures", "--json", "--fail-on", query, "-w", str(company)).code == code


def test_lists_are_json_and_text(cli: Cli, company: Path) -> None:
    for verb in ("exposures", "moved", "assets", "actions"):
        rows = cli(verb, "--json", "-w", str(company)).json()
        assert isinstance(rows, list)
        shown = cli(verb, "-w", str(company))
        assert shown.code == 0
        assert shown.out.strip()


def test_keys_stay_whole_in_a_narrow_table(cli: Cli, company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    first = exposures(cli, company)[0]["id"]
    assert first in cli("exposures", "-w", str(company)).out


def test_a_ticket_in_its_three_forms(cli: Cli, company: Path) -> None:
    first = cli("actions", "--json", "-w", str(company)).json()[0]
    assert first["id"].startswith("ACT-")
    for form in ("md", "json", "csv"):
        ticket = cli("actions", "--ticket", first["id"], "--format", form, "-w", str(company))
        assert ticket.code == 0
        assert first["id"] in ticket.out
    assert cli("actions", "--ticket", "ACT-ZZZZ", "-w", str(company)).code == 2


def test_explain_answers_the_three_questions_with_facts(cli: Cli, company: Path) -> None:
    key = exposures(cli, company)[0]["id"]
    found = cli("explain", key, "--json", "-w", str(company)).json()
    assert found.keys() >= {"id", "answers", "facts", "would_lower", "path", "exposure"}
    assert found["id"] == key
    assert [one["answer"] for one in found["answers"]] == ["yes", "yes", "yes"]
    assert all(one["question"].endswith("?") and one["why"] for one in found["answers"])
    assert all(step.keys() >= {"step", "fact", "source", "age", "assumed"} for step in found["path"])
    sources = {fact["source"] for fact in found["facts"]}
    assert {"agents", "probes", "CISA KEV", "EPSS"} <= sources
    ages = [fact["age"] for fact in found["facts"] if fact["source"] == "agents"]
    assert ages == ["9 days old"]
    why_one = next(fact["fact"] for fact in found["facts"] if "are one exposure" in fact["fact"])
    assert "same weakness (CVE-2021-44228)" in why_one
    assert "hostname web-1" in why_one


def test_explain_in_words_names_the_way(cli: Cli, company: Path) -> None:
    shown = cli("explain", exposures(cli, company)[0]["id"][:9], "-w", str(company))
    assert shown.code == 0
    assert "Can an attacker get to it?  YES" in shown.out
    assert "The likeliest way:" in shown.out


def test_the_way_is_found_again_when_it_was_not_kept(cli: Cli, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from foreshore.prioritization import answers

    key = exposures(cli, copy)[0]["id"]
    kept = cli("explain", key, "--json", "-w", str(copy)).json()["path"]
    monkeypatch.setattr(answers, "_STEPS", "select * from steps where exposure = {key} and false")
    again = cli("explain", key, "--json", "-w", str(copy)).json()["path"]
    assert [step["step"] for step in again] == [step["step"] for step in kept]


def test_paths_can_be_narrowed(cli: Cli, company: Path) -> None:
    where = ("--json", "-w", str(company))
    every = cli("paths", "--top", "50", *where).json()["paths"]
    assert [one["probability"] for one in every] == sorted((one["probability"] for one in every), reverse=True)
    assert all(one["to"] == "Web shop" for one in cli("paths", "--to", "web", *where).json()["paths"])
    assert cli("paths", "--through", "web-1", *where).json()["paths"]
    around = cli("paths", "--avoid", "web-1", "--top", "50", *where).json()["paths"]
    assert all("web-1" not in (step["asset_name"] or "") for one in around for step in one["hops"])
    assert all(one["from"] == "internet" for one in cli("paths", "--from", "internet", *where).json()["paths"])
    wrong = cli("paths", "--to", "Nothing like it", *where)
    assert wrong.code == 2
    assert "Web shop" in wrong.err


@pytest.mark.parametrize("key", ["EXP-0000-0000-00000", "EXP-????", "", "ACT-1234"])
def test_a_key_that_names_nothing_is_wrong_usage(cli: Cli, company: Path, key: str) -> None:
    found = cli("explain", key, "-w", str(company))
    assert found.code == 2
    assert found.out == ""
    assert found.err.startswith("foreshore: ")


def test_a_short_beginning_lists_the_candidates(cli: Cli, company: Path) -> None:
    keys = [row["id"] for row in exposures(cli, company)]
    letter = Counter(key[4] for key in keys).most_common(1)[0][0]
    shared = [key for key in keys if key[4] == letter]
    found = cli("explain", f"EXP-{letter}", "-w", str(company))
    if len(shared) == 1:
        assert found.code == 0
    else:
        assert found.code == 2
        assert any(key in found.err for key in shared)


def test_intel_show_tells_who_said_what_and_when(cli: Cli, company: Path) -> None:
    found = cli("intel", "show", "cve-2021-44228", "--json", "-w", str(company)).json()
    assert found["summary"]["kev"] is True
    assert found["present"] >= 1
    shown = cli("intel", "show", "CVE-2021-44228", "-w", str(company))
    assert "used in attacks" in shown.out


def test_plan_keeps_its_contract(cli: Cli, company: Path) -> None:
    found = cli("plan", "--json", "--changes", "2", "-w", str(company)).json()
    assert found.keys() >= {"actions", "before", "after", "bound", "unit"}
    assert 1 <= len(found["actions"]) <= 2
    assert all(
        one.keys() >= {"id", "title", "team", "hours", "removes", "left", "exposures"} for one in found["actions"]
    )
    left = [found["before"], *(one["left"] for one in found["actions"])]
    for one, before, after in zip(found["actions"], left, left[1:], strict=False):
        assert one["removes"] == pytest.approx(before - after)
    assert found["after"] == left[-1]
    assert found["bound"] >= found["before"] - found["after"] - 1e-9


def test_a_plan_without_hours_does_nothing_for_that_team(cli: Cli, company: Path) -> None:
    found = cli("plan", "--json", "--hours", "web-team=0", "-w", str(company)).json()
    assert all(one["team"] != "web-team" for one in found["actions"])
    for wrong in ("web-team", "web-team=x", "web-team=-1", "nobody-here=3"):
        assert cli("plan", "--hours", wrong, "-w", str(company)).code == 2
