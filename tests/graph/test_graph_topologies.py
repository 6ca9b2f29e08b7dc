"""Published small networks: what the engine says can be had is what a plain search over the same facts gives."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from foreshore.graph import Graph, Profile, Range, reach, simulate
from foreshore.graph.simulation import Effort

Rule = tuple[frozenset[str], str, float]  # premises, what they give, chance


def plain(rules: Iterable[Rule], held: set[str]) -> set[str]:
    """All that follows from `held`, rule by rule until nothing is new."""
    found, before = set(held), -1
    while len(found) != before:
        before = len(found)
        found |= {gained for needed, gained, _ in rules if needed <= found}
    return found


def graph_of(rules: list[Rule]) -> tuple[Graph, dict[str, int]]:
    """The same rules as steps; premises beyond the second go through states of their own."""
    names = sorted({name for needed, gained, _ in rules for name in (*needed, gained)})
    number = {name: place for place, name in enumerate(names)}
    steps: list[tuple[int, int, int, float]] = []
    states = len(names)
    for needed, gained, chance in rules:
        first, *others = sorted(number[name] for name in needed)
        for other in others[:-1]:
            steps.append((first, states, other, 1.0))
            first, states = states, states + 1
        steps.append((first, number[gained], others[-1] if others else -1, chance))
    source, target, guard, p = (np.array(column) for column in zip(*steps, strict=True))
    key = np.arange(len(steps), dtype=np.int64) + 1
    return Graph(states, source, target, p.astype(np.float64), key, guard=guard.astype(np.int32)), number


def engine(rules: list[Rule], held: set[str]) -> set[str]:
    """What the engine's closure gives."""
    graph, number = graph_of(rules)
    found = reach(graph, np.array([number[name] for name in held if name in number], np.int32))
    return {name for name, place in number.items() if found[place]} | held


def _pair(text: Any) -> tuple[int, int]:
    return ast.literal_eval(text) if isinstance(text, str) else tuple(text)


def nasim(file: Path) -> list[Rule]:
    """The rules of a NASim scenario; `0` is the internet, a service is used from where the firewall lets it."""
    text = yaml.safe_load(file.read_text("utf-8"))
    hosts = {_pair(name): one for name, one in text["host_configurations"].items()}
    allowed = {_pair(name): set(services) for name, services in text["firewall"].items()}
    joined = text["topology"]
    rules: list[Rule] = []
    for place, host in hosts.items():
        name = f"host {place}"
        rules.append((frozenset({f"root {name}"}), f"user {name}", 1.0))
        rules.append((frozenset({f"user {name}"}), f"in {place[0]}", 1.0))
        for exploit in text["exploits"].values():
            service = exploit["service"]
            if service not in host["services"] or str(exploit["os"]) not in ("None", host["os"]):
                continue
            gained = f"{exploit['access']} {name}"
            for subnet in range(len(joined)):
                if subnet == place[0] or (joined[subnet][place[0]] and service in allowed.get((subnet, place[0]), ())):
                    rules.append((frozenset({f"in {subnet}"}), gained, float(exploit["prob"])))
        for one in text["privilege_escalation"].values():
            if one["process"] in host["processes"] and str(one["os"]) in ("None", host["os"]):
                rules.append((frozenset({f"user {name}"}), f"{one['access']} {name}", float(one["prob"])))
    return rules


SCENARIOS = ("tiny-small", "tiny-hard", "small-linear", "small-honeypot", "medium-single-site", "medium-multi-site")


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_network_falls_as_far_as_a_plain_search_says(shared_data: Path, name: str) -> None:
    file = shared_data / "environments" / "nasim" / f"{name}.yaml"
    rules = nasim(file)
    found = engine(rules, {"in 0"})
    assert found == plain(rules, {"in 0"})
    for place in yaml.safe_load(file.read_text("utf-8"))["sensitive_hosts"]:
        assert f"root host {_pair(place)}" in found  # its makers say that these can be had


@pytest.mark.parametrize("name", SCENARIOS)
def test_without_its_firewall_rules_nothing_beyond_the_first_network_falls(shared_data: Path, name: str) -> None:
    rules = nasim(shared_data / "environments" / "nasim" / f"{name}.yaml")
    first = [one for one in rules if "in 0" not in one[0]]
    assert engine(first, {"in 0"}) == {"in 0"}


@pytest.mark.parametrize("name", SCENARIOS[:3])
def test_what_can_be_had_is_what_has_a_chance(shared_data: Path, name: str) -> None:
    rules = nasim(shared_data / "environments" / "nasim" / f"{name}.yaml")
    graph, number = graph_of(rules)
    profile = Profile("one attack", np.array([number["in 0"]], np.int32), Range.exactly(3.0))
    targets = np.arange(len(number), dtype=np.int32)
    found = simulate(graph, [profile], targets, seed=5, effort=Effort(worlds=2048))
    reached = plain(rules, {"in 0"})
    assert {text for text, place in number.items() if found.possible[place]} == reached & set(number)
    assert all(found.probability[number[text]] > 0 for text in reached if text in number)


def _named(call: Any, key: str, place: int) -> Any:
    """An argument of a call that is written by name or by place."""
    return call.get(key, (call.get("args") or [None] * (place + 1))[place]) if isinstance(call, dict) else None


def _open(node: dict[str, Any], way: str, usual: set[str]) -> set[str]:
    listed = (node.get("firewall") or {}).get(way)
    if listed is None:
        return usual
    return {_named(rule, "port", 0) for rule in listed if "ALLOW" in json.dumps(rule)}


def battle(file: Path) -> tuple[list[Rule], set[str]]:
    """The rules of a CyberBattleSim network: known nodes, credentials, and nodes that are owned."""
    text = json.loads(file.read_text("utf-8"))
    usual = {_named(rule, "port", 0) for rule in text["default_allow_rules"]}
    nodes, rules, held = text["nodes"], [], set()
    for name, node in nodes.items():
        rules.append((frozenset({f"own {name}"}), f"know {name}", 1.0))
        if node.get("agent_installed"):
            held.add(f"own {name}")
        for flaw in node.get("vulnerabilities", {}).values():
            needed = f"{'know' if 'REMOTE' in flaw['type']['_ref'] else 'own'} {name}"
            outcome = flaw["outcome"]
            if outcome["_call"].endswith("LeakedNodesId"):
                rules += [(frozenset({needed}), f"know {other}", 1.0) for other in outcome["args"][0]]
            elif outcome["_call"].endswith("LeakedCredentials"):
                for one in outcome["credentials"]:
                    rules += [(frozenset({needed}), f"{word}", 1.0) for word in
                              (f"key {one['credential']}", f"know {one['node']}")]  # fmt: skip
        for service in node.get("services", []):
            port, keys = _named(service, "name", 0), service.get("allowedCredentials") or []
            if port in _open(node, "incoming", usual):
                rules += [
                    (frozenset({f"know {name}", f"key {key}", f"own {source}"}), f"own {name}", 1.0)
                    for key in keys for source, other in nodes.items()
                    if source != name and port in _open(other, "outgoing", usual)
                ]  # fmt: skip
    return rules, held


def test_a_capture_the_flag_network_is_taken_as_far_as_a_plain_search_says(shared_data: Path) -> None:
    rules, held = battle(shared_data / "environments" / "cyberbattlesim" / "toy_ctf.json")
    found = engine(rules, held)
    assert found == plain(rules, held)
    owned = {name[4:] for name in found if name.startswith("own ")}
    assert {"client", "Website", "AzureStorage", "AzureResourceManager"} <= owned
    assert "AzureVM" not in owned  # its firewall lets nobody in


def test_without_the_credential_nothing_behind_it_is_taken(shared_data: Path) -> None:
    rules, held = battle(shared_data / "environments" / "cyberbattlesim" / "toy_ctf.json")
    fewer = [rule for rule in rules if rule[1] != "key ReusedMySqlCred-web"]
    assert "own Website" in engine(rules, held)
    assert "own Website" not in engine(fewer, held)
    assert engine(fewer, held) == plain(fewer, held)
