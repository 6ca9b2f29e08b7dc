"""`foreshore blast`: what an attacker gains who holds an asset or an identity (its blast radius)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from foreshore import keys
from foreshore.cycle import naming, opened
from foreshore.errors import UsageError
from foreshore.graph import blast as of_graph

if TYPE_CHECKING:
    from foreshore.cycle.opened import Bools, Opened
    from foreshore.workspace import Workspace


def blast(workspace: Workspace, text: str, top: int = 20) -> dict[str, Any]:
    """Return what `blast --json` prints of the asset, identity or zone that `text` names (see `query.things`).

    Chances are those of one attack that starts where the scope's attackers start, with what was named
    held as well (`given`) and without (`before`), on the same luck. `weighted` is the sum over services of
    weight times gain, as a share of the sum of all weights. Raises UsageError for what names nothing.
    """
    return answered(workspace, opened.load(workspace), text, top)


def answered(workspace: Workspace, graph: Opened, text: str, top: int = 20) -> dict[str, Any]:
    """Answer on an opened cycle; see `blast`."""
    what = naming.meant(workspace, graph, text)
    if not (what.assets or what.places or what.people):
        raise UsageError(f"“{text}” is nothing that an attacker could hold", hint="an asset, an identity, a zone")
    model = graph.found.model
    held = naming.states_of(graph, what)
    found = of_graph(
        model.graph, held.astype(np.int32), model.targets, seed=model.seed, entries=model.entries,
        values=model.weights, effort=model.effort,
    )  # fmt: skip
    whole = float(model.weights.sum()) or 1.0
    reached, first = (_assets(graph, one) for one in (found.reached, found.first))
    own = set(what.assets)
    gained = [row for row in np.flatnonzero(reached).tolist() if row not in own]
    near = [row for row in np.flatnonzero(first).tolist() if row not in own]
    ahead = sorted(gained, key=lambda row: (row not in set(near), graph.asset_names[row]))
    return {
        "of": what.label, "cycle": keys.show("CYC", graph.cycle), "held_as": what.held,
        "assets": {"one_hop": len(near), "any": len(gained)},
        "names": [graph.asset_names[row] for row in ahead[:top]],
        "services": _services(graph, found), "weighted": found.weighted / whole,
        "weighted_low": found.weighted_low / whole, "weighted_high": found.weighted_high / whole,
        "sampling_error": found.weighted_error / whole, "notes": what.notes,
    }  # fmt: skip


def _assets(graph: Opened, states: Bools) -> Bools:
    """Return which assets are held as user or administrator in `states`."""
    numbers, every = graph.found.compiled.states, np.arange(graph.found.compiled.states.assets)
    return np.asarray(states[numbers.user(every)] | states[numbers.admin(every)], np.bool_)


def _services(graph: Opened, found: Any) -> list[dict[str, Any]]:
    weights = graph.found.model.weights
    rows = [
        {
            "name": name, "weight": float(weights[number]), "before": float(found.before[number]),
            "given": float(found.given[number]), "gain": float(found.gain[number]), "low": float(found.low[number]),
            "high": float(found.high[number]), "sampling_error": float(found.error[number]),
        }
        for number, name in enumerate(graph.service_names)
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (-float(str(row["gain"])), str(row["name"])))
