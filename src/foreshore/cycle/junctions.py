"""`foreshore junctions`: key junctions, the few exposures, assets, identities and relations that many ways need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from foreshore import keys
from foreshore.cycle import opened
from foreshore.graph import choke_points, strict
from foreshore.graph.replay import Replay

if TYPE_CHECKING:
    from foreshore.cycle.opened import Opened
    from foreshore.graph import Graph
    from foreshore.graph.chokes import Choke
    from foreshore.workspace import Workspace

LAYERS = {"exposures": "cause", "assets": "asset", "relations": "relation"}
LEAST = 0.01  # of a service's losses that has to go with a junction for it to matter there


def junctions(workspace: Workspace, top: int = 10) -> dict[str, Any]:
    """Return what `junctions --json` prints: the first `top` of each kind, those that carry most risk first.

    `share` is the part of all modelled risk that goes with it alone, `strict` the services to which no
    way leads without it, `services` those that would lose less, by which share of their losses.
    Raises NothingToRead before the first cycle.
    """
    return answered(opened.load(workspace), top)


def answered(graph: Opened, top: int = 10) -> dict[str, Any]:
    """Answer on an opened cycle; see `junctions`."""
    return {"cycle": keys.show("CYC", graph.cycle), "unit": "share of modelled risk", **found(graph, top)}


def found(graph: Opened, top: int) -> dict[str, list[dict[str, Any]]]:
    """Return the junctions of an opened cycle by kind."""
    model = graph.found.model
    layered = with_layers(graph)
    run = (layered, model.profiles, model.targets)
    effort = replace(model.effort, worlds=None)
    chokes = choke_points(*run, seed=model.seed, values=model.weights, effort=effort, layers=tuple(LAYERS.values()))
    years = replace(effort, worlds=min(effort.worlds_per_draw * effort.draws, 512))
    replay = Replay(*run, seed=model.seed, effort=years)
    telling = _Telling(graph, layered, replay)
    identity = np.array(
        [kind == "identity" for kind in graph.found.context.assets.column("kind").to_pylist()], np.bool_
    )
    every = np.ones(0, np.bool_)
    return {
        "exposures": telling.rows("cause", chokes["cause"], top, every, telling.exposure),
        "assets": telling.rows("asset", chokes["asset"], top, ~identity, telling.asset),
        "identities": telling.rows("asset", chokes["asset"], top, identity, telling.asset),
        "relations": telling.rows("relation", chokes["relation"], top, every, telling.relation),
    }


def with_layers(graph: Opened) -> Graph:
    """Return the graph with the kinds of causes that junctions are of: the asset that a step takes, its relation."""
    compiled, model = graph.found.compiled, graph.found.model
    states, dst = compiled.states, compiled.steps.columns["dst"]
    on_asset = (dst >= int(states.user(0))) & (dst < int(states.pool(0)))
    asset = np.where(on_asset, (dst - int(states.user(0))) % max(states.assets, 1), -1).astype(np.int32)
    layers = {**model.graph.layers, "asset": asset, "relation": compiled.steps.columns["tie"].astype(np.int32)}
    return replace(model.graph, layers=layers)


@dataclass
class _Telling:
    """Writes junctions for people and programs."""

    graph: Opened
    layered: Graph
    replay: Replay

    def rows(
        self, layer: str, found: Choke, top: int, mask: Any, told: Callable[[int], dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """Return the first junctions of a kind; `mask`, where not empty, says which numbers count."""
        model = self.graph.found.model
        whole = float(self.replay.events @ model.weights)
        must = strict(self.layered, model.profiles, model.targets, layer=layer)
        shown: list[dict[str, Any]] = []
        for row in np.lexsort((-found.strict, -found.mean)).tolist():
            number = int(found.cause[row])
            if len(shown) >= top or (found.mean[row] <= 0 and not found.strict[row]):
                break
            if len(mask) and not mask[number]:
                continue
            shown.append({
                **told(number), **self._shares(found, row),
                "strict": [self.graph.service_names[one] for one in must.target[must.cause == number].tolist()],
                "services": self._services(layer, number) if whole else [],
            })  # fmt: skip
        return shown

    def _shares(self, found: Choke, row: int) -> dict[str, float]:
        whole = self.whole(found)
        names = {"share": "mean", "low": "low", "high": "high", "sampling_error": "error", "traffic": "traffic"}
        return {
            name: float(np.clip(getattr(found, column)[row] / whole, 0, 1)) if whole else 0.0
            for name, column in names.items()
        }

    def whole(self, found: Choke) -> float:
        """All modelled risk, from a row that knows its share of it; else from the replayed years."""
        known = np.flatnonzero(found.share > 0)
        if len(known):
            return float(found.mean[known[0]] / found.share[known[0]])
        return float(self.replay.events @ self.graph.found.model.weights)

    def _services(self, layer: str, number: int) -> list[dict[str, Any]]:
        before = self.replay.events
        after = self.replay.without(np.asarray(self.layered.numbers(layer, np.array([number], np.int32)), np.int64))
        less = np.divide(before - after, before, out=np.zeros_like(before), where=before > 0)
        rows = [
            {"name": self.graph.service_names[one], "less": float(less[one])}
            for one in np.argsort(-less, kind="stable").tolist()
            if less[one] >= LEAST
        ]
        return rows

    def exposure(self, number: int) -> dict[str, Any]:
        """Name an exposure by its weakness and asset."""
        row = self.graph.found.context.exposures.slice(number, 1).to_pylist()[0]
        place = int(np.searchsorted(self.graph.asset_keys, row["asset"]))
        name = f"{row['weakness']} on {self.graph.asset_names[place]}"
        return {"id": keys.show("EXP", row["exposure"]), "name": name, "title": row["title"]}

    def asset(self, number: int) -> dict[str, Any]:
        """Name an asset or identity."""
        return {"id": keys.show("AST", int(self.graph.asset_keys[number])), "name": self.graph.asset_names[number]}

    def relation(self, number: int) -> dict[str, Any]:
        """Name a relation by its two ends and what it is."""
        tie = self.graph.found.context.ties.slice(number, 1).to_pylist()[0]
        ends = np.searchsorted(self.graph.asset_keys, [tie["source"], tie["target"]])
        source, target = (self.graph.asset_names[int(one)] for one in ends)
        what = str(tie.get("note") or tie["kind"]).replace("_", " ")
        return {
            "id": f"{keys.show('AST', tie['source'])} {tie['kind']} {keys.show('AST', tie['target'])}",
            "name": f"{source}: {what}: {target}", "source": tie["told_by"],
        }  # fmt: skip
