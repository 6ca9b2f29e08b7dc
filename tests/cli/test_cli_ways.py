"""Ways, blast radius, key junctions and unknown facts, through the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.company import Cli, few_worlds

from foreshore.cycle import opened, pathing
from foreshore.errors import UsageError
from foreshore.prioritization import wayfinding
from foreshore.workspace import Workspace

HOPS = {
    "step",
    "rule",
    "technique",
    "probability",
    "fact",
    "source",
    "age",
    "assumed",
    "asset",
    "asset_name",
    "exposure",
}
MANIFEST = """
apiVersion: v1
kind: Pod
metadata: {name: agent, namespace: shop}
spec:
  hostPID: true
  containers: [{name: agent, image: "registry.example.com/agent:1", securityContext: {privileged: true}}]
"""


def asked(cli: Cli, workspace: Path, *words: str) -> Any:
    return cli("paths", *words, "--json", "-w", str(workspace)).json()


@pytest.fixture(scope="module")
def answered(company: Path) -> Callable[..., Any]:
    """What `paths --json` prints, for many questions on a graph that is compiled once."""
    workspace = Workspace.open(company)
    graph = opened.load(workspace)
    return lambda **words: pathing.answered(workspace, graph, pathing.Asked(**words))


def test_a_way_names_each_hop_with_its_fact_source_and_age(cli: Cli, company: Path) -> None:
    found = asked(cli, company, "--from", "internet", "--to", "Web shop", "-k", "3")
    assert found["from"] == "the internet"
    assert found["to"] == "Web shop"
    assert found["reachable"] == "yes"
    first = found["paths"][0]
    assert all(hop.keys() >= HOPS for hop in first["hops"])
    assert first["hops"][0]["rule"] == "enter"
    assert first["hops"][-1]["rule"].startswith("harm")
    use = next(hop for hop in first["hops"] if hop["exposure"])
    assert use["asset_name"] == "web-1"
    assert use["weakness"] == "CVE-2021-44228"
    assert use["age"] == "9 days old"
    assert not use["assumed"]
    ways = [[hop["step"] for hop in one["hops"]] for one in found["paths"]]
    assert len({tuple(one) for one in ways}) == len(ways)


@pytest.mark.parametrize(
    "what", ["web-1", "203.0.113.10", "WEB-?", "name:web-1", "asset:name = 'web-1'", "asset:service = 'Web shop'"]
)
def test_one_asset_by_each_of_its_names(answered: Callable[..., Any], what: str) -> None:
    found = answered(start=what, goal="Web shop", count=1)
    assert found["reachable"] == "yes"
    (way,) = found["paths"]
    assert [hop["asset_name"] for hop in way["hops"]] == ["web-1", "web-1"]
    assert way["hops"][0]["source"] == "the question"


def test_as_a_user_less_is_held_than_fully(answered: Callable[..., Any]) -> None:
    fully, user = (answered(start=word, goal="Web shop")["paths"] for word in ("web-1", "user:web-1"))
    assert fully[0]["probability"] >= user[0]["probability"]
    assert fully[0]["hops"][0]["step"] == "The attacker holds web-1 fully."
    assert user[0]["hops"][0]["step"] == "The attacker holds web-1 as an ordinary user."


def test_through_and_avoid_take_assets_techniques_rules_and_weaknesses(answered: Callable[..., Any]) -> None:
    ends = {"start": "internet", "goal": "Web shop"}
    for what in ("web-1", "T1190", "rule:exploit", "CVE-2021-44228", "exposure:kev"):
        through = answered(**ends, through=(what,))["paths"]
        assert through, what
        assert all(any(hop["weakness"] == "CVE-2021-44228" for hop in one["hops"]) for one in through), what
        around = answered(**ends, avoid=(what,))
        assert not any(hop["weakness"] == "CVE-2021-44228" for one in around["paths"] for hop in one["hops"]), what


def test_where_nothing_leads_it_says_so(cli: Cli, company: Path, answered: Callable[..., Any]) -> None:
    nothing = answered(start="internet", goal="Web shop", avoid=("web-1",))
    assert nothing["reachable"] == "no"
    assert nothing["paths"] == []
    said = cli("paths", "--from", "internet", "--to", "Web shop", "--avoid", "web-1", "-w", str(company))
    assert said.code == 0
    assert "No path" in said.out


def test_ways_are_asked_for_in_the_one_language(cli: Cli, company: Path, answered: Callable[..., Any]) -> None:
    few = answered(goal="Web shop", where="assumed = 0 and weakness ~ 'CVE-2021-*'")["paths"]
    assert few
    assert all(one["assumed"] == 0 for one in few)
    assert answered(goal="Web shop", where="probability > 1")["paths"] == []
    wrong = cli("paths", "--where", "probabillity > 1", "-w", str(company))
    assert wrong.code == 2
    assert "probability" in wrong.err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ({"goal": "Web shup"}, "Web shop"), ({"start": "web-2"}, "web-1"), ({"start": "T1190"}, "--through"),
        ({"through": ("T9999",)}, "T1190"), ({"through": ("asset:nam = x",)}, "name"), ({"goal": "user:web-2"}, "web-1"),
        ({"through": ("CVE-1999-0001",)}, "CVE-"), ({"start": "AST-?"}, "Web shop"),
        ({"start": "user:"}, "service"), ({"through": ("zone:nowhere",)}, "dmz"),
    ],
)  # fmt: skip
def test_what_names_nothing_is_wrong_usage_with_what_was_meant(
    answered: Callable[..., Any], words: dict[str, Any], hint: str
) -> None:
    with pytest.raises(UsageError) as found:
        answered(**words)
    assert any(one in found.value.sentence() for one in hint.split("|"))


def test_a_blast_radius_says_what_becomes_reachable_and_what_falls(cli: Cli, company: Path) -> None:
    found = cli("blast", "db-1", "--json", "-w", str(company)).json()
    assert found["of"] == "db-1"
    gains = {one["name"]: one for one in found["services"]}
    assert gains["Card payments"]["given"] > gains["Card payments"]["before"]
    assert gains["Card payments"]["gain"] == max(one["gain"] for one in found["services"])
    assert 0 <= found["assets"]["one_hop"] <= found["assets"]["any"]
    assert 0 < found["weighted"] <= 1
    as_user = cli("blast", "user:db-1", "--json", "-w", str(company)).json()
    assert as_user["weighted"] <= found["weighted"] + 1e-9
    assert "Who holds db-1" in cli("blast", "db-1", "-w", str(company)).out
    assert cli("blast", "Web shop", "-w", str(company)).code == 2


def test_junctions_carry_what_goes_without_them(cli: Cli, company: Path) -> None:
    found = cli("junctions", "--json", "-w", str(company)).json()
    first = found["exposures"][0]
    assert first["name"] == "CVE-2021-44228 on web-1"
    served = cli("exposures", "--json", "-w", str(company)).json()
    share = next(one["contribution"]["mean"] for one in served if one["id"] == first["id"])
    assert first["share"] == pytest.approx(share)
    assert "Web shop" in {one["name"] for one in first["services"]} | set(first["strict"])
    assert [one["share"] for one in found["exposures"]] == sorted(
        (one["share"] for one in found["exposures"]), reverse=True
    )
    assert any(one["name"] == "web-1" for one in found["assets"])
    # All ways to the shop lead over its only machine: whoever cannot take it cannot harm the shop.
    assert "Web shop" in next(one["strict"] for one in found["assets"] if one["name"] == "web-1")
    assert "Exposures on every way" in cli("junctions", "-w", str(company)).out


def test_unknown_facts_are_told_by_what_would_answer_them(cli: Cli, company: Path) -> None:
    found = cli("unknowns", "--json", "-w", str(company)).json()
    assert {one["name"] for one in found} == {"Web shop", "Card payments"}
    for one in found:
        for each in one["narrowed_by"]:
            assert each["what"]
            assert each["narrows"] > 0
            assert one["best_case"] <= each["best_if_bad"] + 1e-9
            assert each["worst_if_good"] <= one["worst_case"] + 1e-9
    assert [one["name"] for one in cli("unknowns", "--service", "web shop", "--json", "-w", str(company)).json()] == [
        "Web shop"
    ]
    assert cli("unknowns", "--service", "nothing", "-w", str(company)).code == 2
    assert "between best and worst case" in cli("unknowns", "-w", str(company)).out


def test_what_lowers_an_exposure_was_tried_and_the_figures_say_what_they_imply(cli: Cli, copy: Path) -> None:
    scope = copy / "scope.yaml"
    scope.write_text(scope.read_text("utf-8") + "history:\n  - {times: 0, years: 900, source: register}\n", "utf-8")
    result = cli("cycle", "--json", "-w", str(copy)).json()
    (told,) = result["implies"]["history"]
    assert told["contradicts"]
    assert "Warning: By your own history some service was never lost in 900 years" in cli("cycle", "-w", str(copy)).out
    assert result["implies"]["low"] <= result["implies"]["probability_per_year"] <= result["implies"]["high"]
    assert result["losses"]["total"] is None
    first = cli("exposures", "--json", "--top", "1", "-w", str(copy)).json()[0]
    assert first["treatment"] == "act_now"
    said = cli("explain", first["id"], "--json", "-w", str(copy)).json()["would_lower"]
    assert "port 443 in dmz is closed to the internet" in said


def test_ways_are_found_where_nothing_was_found_wrong(cli: Cli, tmp_path: Path) -> None:
    workspace = tmp_path / "ws"
    Workspace.create(workspace, seed=3)
    few_worlds(workspace)
    before = cli("paths", "-w", str(workspace))
    assert before.code == 3
    assert "foreshore cycle" in before.err
    (tmp_path / "pods.yaml").write_text(MANIFEST, encoding="utf-8")
    assert cli("import", str(tmp_path / "pods.yaml"), "--source", "cluster", "-w", str(workspace)).code == 0
    assert cli("cycle", "-w", str(workspace)).code == 0
    found = asked(cli, workspace, "--from", "shop/agent", "--to", "Node/*")
    assert found["reachable"] in ("yes", "unknown")
    assert found["paths"][0]["hops"][-1]["asset_name"]
    assert json.dumps(asked(cli, workspace, "--from", "Node/*", "--to", "Everything")["paths"])


def test_a_search_for_ways_that_was_given_up_is_told(
    cli: Cli, company: Path, answered: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = answered(start="internet", goal="Web shop", count=100)
    assert whole["complete"]
    assert not any("given up" in note for note in whole["notes"])
    monkeypatch.setattr(wayfinding, "FIRST", 1)
    monkeypatch.setattr(wayfinding, "MOST", 1)
    few = answered(start="internet", goal="Web shop", count=100)
    assert not few["complete"]
    assert len(few["paths"]) < len(whole["paths"])
    assert few["reachable"] == whole["reachable"]
    said = cli("paths", "--from", "internet", "--to", "Web shop", "-k", "100", "-w", str(company))
    assert "the search was given up" in said.err + said.out
