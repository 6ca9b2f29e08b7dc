"""Explanations beyond what a cycle keeps: the likeliest way of any open exposure, found again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from foreshore.cycle import opened, spoken
from foreshore.graph.paths import best_paths, best_paths_each
from foreshore.prioritization import answers, lowering
from foreshore.prioritization.explain import Narrator
from foreshore.query import lists

if TYPE_CHECKING:
    from foreshore.workspace import Workspace

_LEAST = "treatment.explanation.least_fall"


def explain(workspace: Workspace, text: str) -> dict[str, Any]:
    """Return what `explain --json` prints; see `prioritization.answers.explain` and `spoken.words` (decisions)."""
    found = answers.explain(workspace, text, retell=lambda key: retold(workspace, key))
    lower = str(found["would_lower"])
    if not lower.startswith(lowering.CHECKED):
        lower = lowered(workspace, lists.find(workspace, [text])[0]["exposure"]) or lower
    found["exposure"] |= {"would_lower": lower}
    return {**found, "would_lower": lower, "decisions": spoken.words(workspace, found["id"])}


def lowered(workspace: Workspace, exposure: int) -> str:
    """Return what lowers `exposure` besides its own fix, tried on simulated years; empty where it carries nothing."""
    graph = opened.load(workspace)
    row = np.flatnonzero(graph.exposure_keys == exposure)
    if not len(row) or not bool((graph.found.compiled.steps.columns["cause"] == row[0]).any()):
        return ""
    found, model = graph.found, graph.found.model
    best, *ways = best_paths_each(model.graph, model.entries, [model.targets, *(one[None] for one in model.targets)])
    risk: Any = SimpleNamespace(model=model, best=best, to_service=ways)
    narrator = Narrator(found.context, found.compiled, found.chances, risk, found.policy)
    return lowering.one(found, risk, narrator, int(row[0]), found.policy.number(_LEAST).value)


def retold(workspace: Workspace, exposure: int) -> list[dict[str, Any]]:
    """Return the steps of the likeliest way through `exposure` in the served cycle, as rows of `steps`."""
    graph = opened.load(workspace)
    row = np.flatnonzero(graph.exposure_keys == exposure)
    if not len(row):
        return []
    found, model = graph.found, graph.found.model
    risk: Any = SimpleNamespace(best=best_paths(model.graph, model.entries, model.targets))
    narrator = Narrator(found.context, found.compiled, found.chances, risk, found.policy)
    path = narrator.through(int(row[0]))
    service = narrator.end_of(path)
    return [{"exposure": exposure, "service": service, **one} for one in narrator.told(path)]
