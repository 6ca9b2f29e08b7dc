"""From the steps of a path to the few nodes and links that are drawn: an entry, assets, services."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from foreshore.report import figures

_SERVICE_RULES = ("harm", "harm_data", "foundation")
_WORDS = {
    "reach": "network",
    "open": "opened by a user",
    "phish": "phishing",
    "harvest": "finds credentials",
    "login": "logs in",
    "tie": "known right",
    "escalate": "becomes administrator",
    "local": "becomes administrator",
    "foothold": "acts inside",
    "identity": "signs in",
    "foundation": "stands on it",
    "harm": "harms",
    "harm_data": "harms",
}


@dataclass
class Node:
    """One thing on the way: `kind` is entry, asset or service; `link` says how one gets to it."""

    label: str
    kind: str
    where: str = ""
    link: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    assumed: bool = False

    @property
    def link_text(self) -> str:
        """How an attacker gets here, in few words."""
        return ", ".join(dict.fromkeys(self.link))


def chain(steps: Iterable[Mapping[str, Any]]) -> list[Node]:
    """Return the nodes of a path in order; steps on one asset become one node.

    `steps` are rows of the table `steps` with `asset_name` and `weakness`. A link is `assumed` when
    any of its steps is.
    """
    nodes: list[Node] = []
    pending: list[str] = []
    assumed = False
    for step in steps:
        rule = str(step["rule"])
        if rule == "enter":
            label = "people" if not step["zone"] else str(step["zone"])
            nodes.append(Node("Internet" if label == "internet" else label.capitalize(), "entry"))
        elif rule in _SERVICE_RULES:
            nodes.append(
                Node(_service(step), "service", link=[*pending, _WORDS[rule]], assumed=assumed or bool(step["assumed"]))
            )
            pending, assumed = [], False
        elif rule == "phish" and step["zone"]:
            nodes.append(
                Node(f"A user in {step['zone']}", "asset", link=[*pending, _WORDS[rule]], assumed=bool(step["assumed"]))
            )
            pending, assumed = [], False
        elif step["asset"]:
            _on_asset(nodes, step, pending, assumed)
            pending, assumed = [], False
        else:
            pending.append(_word(step))
            assumed = assumed or bool(step["assumed"])
    return nodes


def _on_asset(nodes: list[Node], step: Mapping[str, Any], pending: list[str], assumed: bool) -> None:
    name = str(step["asset_name"] or "an asset")
    if nodes and nodes[-1].kind == "asset" and nodes[-1].label == name:
        nodes[-1].notes.append(_word(step))
        nodes[-1].link += pending
        nodes[-1].assumed = nodes[-1].assumed or assumed
        return
    weak = bool(step["weakness"])
    here = assumed or (bool(step["assumed"]) and not weak)
    nodes.append(Node(name, "asset", str(step["zone"] or ""), [*pending, _word(step)], [], here))


def _word(step: Mapping[str, Any]) -> str:
    if step.get("weakness"):
        return figures.short(step["weakness"], 30)
    rule = str(step["rule"])
    return _WORDS.get(rule) or figures.short(step.get("rule_title"), 40) or rule.replace("_", " ")


def _service(step: Mapping[str, Any]) -> str:
    """The service that a step harms, from the fact that every such step tells."""
    fact, rule = str(step["fact"] or ""), str(step["rule"])
    before, found, after = fact.partition(" stands on " if rule == "foundation" else " belongs to ")
    name = (before if rule == "foundation" else after) if found else ""
    return name or str(step.get("service") or "a service")
