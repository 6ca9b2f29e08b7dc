"""Explanations beyond what a cycle keeps: the likeliest way of any open exposure, found again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from foreshore.cycle import again, spoken
from foreshore.graph.paths import best_paths
from foreshore.prioritization import answers
from foreshore.prioritization.explain import Narrator
from foreshore.prioritization.modelled import modelled

if TYPE_CHECKING:
    from foreshore.workspace import Workspace


def explain(workspace: Workspace, text: str) -> dict[str, Any]:
    """Return what `explain --json` prints; see `prioritization.answers.explain` and `spoken.words` (decisions)."""
    found = answers.explain(workspace, text, retell=lambda key: retold(workspace, key))
    return {**found, "decisions": spoken.words(workspace, found["id"])}


def retold(workspace: Workspace, exposure: int) -> list[dict[str, Any]]:
    """Return the steps of the likeliest way through `exposure` in the served cycle, as rows of `steps`."""
    with again.snapshot(workspace, again.served(workspace)) as snapshot:
        found = modelled(snapshot)
        keys = found.context.exposures.column("exposure").to_pylist()
        if exposure not in keys:
            return []
        model = found.model
        risk: Any = SimpleNamespace(best=best_paths(model.graph, model.entries, model.targets))
        narrator = Narrator(found.context, found.compiled, found.chances, risk, snapshot.policy)
        path = narrator.through(keys.index(exposure))
        service = narrator.end_of(path)
        return [{"exposure": exposure, "service": service, **row} for row in narrator.told(path)]
