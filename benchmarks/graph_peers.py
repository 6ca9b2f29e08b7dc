"""Reach and best path on one graph, by this engine and by others that are installed, in the same run.

`python -m benchmarks.graph_peers [--states 10000 100000]`: prints JSON. Others know no second premise, so the graph
holds only the steps without one. Each builds its own form first (`build`), then answers; answers must agree.
Needs networkx and rustworkx to compare with (and mal-toolbox, which builds attack graphs from a model and has no
search of its own: its graph is walked plainly); what is not installed is left out and said.
"""

from __future__ import annotations

import argparse
import importlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bench_graph import layered, timed
from foreshore.graph import Graph, best_paths, reach
from foreshore.graph.model import Floats, Ints

MAL_MOST = 20_000  # states that mal-toolbox is asked to build; it takes minutes beyond
LANGUAGE = """#id: "org.example.states"
#version: "1.0.0"
category System { asset State { | held -> onward.held } }
associations { State [inward] * <-- Step --> * [onward] State }
"""
Answer = tuple[int, Floats | None]


def ours(graph: Graph, entries: Ints, targets: Ints, out: dict[str, Any]) -> Answer:
    """This engine."""
    timed("build", out, lambda: (graph.by_src, graph.by_dst, graph.by_guard))
    held = timed("reach", out, lambda: reach(graph, entries))
    best = timed("best_path", out, lambda: best_paths(graph, entries, targets))
    return int(held.sum()), best.to_target


def with_networkx(graph: Graph, entries: Ints, targets: Ints, out: dict[str, Any]) -> Answer:
    """networkx: a search in breadth, and Dijkstra's on minus the logarithm."""
    nx: Any = importlib.import_module("networkx")

    def build() -> Any:
        made = nx.DiGraph()
        made.add_nodes_from(range(graph.states))
        made.add_weighted_edges_from(_edges(graph))
        return made

    made = timed("build", out, build)
    start = [int(one) for one in entries]
    layers = timed("reach", out, lambda: set().union(*nx.bfs_layers(made, start)))
    cost = timed("best_path", out, lambda: nx.multi_source_dijkstra_path_length(made, set(start)))
    return len(layers), np.exp([-cost.get(int(one), np.inf) for one in targets])


def with_rustworkx(graph: Graph, entries: Ints, targets: Ints, out: dict[str, Any]) -> Answer:
    """rustworkx: from one state before all entries."""
    rx: Any = importlib.import_module("rustworkx")

    def build() -> Any:
        made = rx.PyDiGraph(multigraph=False)
        made.add_nodes_from(range(graph.states + 1))
        made.add_edges_from(_edges(graph) + [(graph.states, int(one), 0.0) for one in entries])
        return made

    made = timed("build", out, build)
    held = timed("reach", out, lambda: rx.descendants(made, graph.states))
    cost = timed("best_path", out, lambda: rx.dijkstra_shortest_path_lengths(made, graph.states, float))
    found = dict(cost.items())
    return len(held), np.exp([-found.get(int(one), np.inf) for one in targets])


def with_mal_toolbox(graph: Graph, entries: Ints, targets: Ints, out: dict[str, Any]) -> Answer:
    """mal-toolbox: every state an asset with one attack step; its graph walked from the entries."""
    language: Any = importlib.import_module("maltoolbox.language")
    models: Any = importlib.import_module("maltoolbox.model")
    graphs: Any = importlib.import_module("maltoolbox.attackgraph")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "states.mal"
        file.write_text(LANGUAGE, encoding="utf-8")
        spoken = language.LanguageGraph.load_from_file(str(file))

    def build() -> Any:
        model = models.Model("states", spoken)
        assets = [model.add_asset("State", name=str(number)) for number in range(graph.states)]
        for src in range(graph.states):
            some = graph.by_src.ids[graph.by_src.start[src] : graph.by_src.start[src + 1]]
            onward = {assets[int(one)] for one in graph.dst[some] if int(one) != src}
            if onward:
                assets[src].add_associated_assets("onward", onward)
        return graphs.AttackGraph(spoken, model)

    made = timed("build", out, build)
    starts = [made.get_node_by_full_name(f"{int(one)}:held") for one in entries]

    def walk() -> int:
        seen, todo = set(starts), list(starts)
        while todo:
            more = todo.pop().children - seen
            seen |= more
            todo += more
        return len(seen)

    return timed("reach", out, walk), None


def _edges(graph: Graph) -> list[tuple[int, int, float]]:
    """Each pair of states once, at its likeliest step."""
    chance = graph.p.copy()
    shared = graph.shared >= 0
    chance[shared] *= graph.draws.p[graph.shared[shared]]
    order = np.lexsort((-chance, graph.dst, graph.src))
    src, dst = graph.src[order], graph.dst[order]
    first = np.append(True, (src[1:] != src[:-1]) | (dst[1:] != dst[:-1]))
    cost = -np.log(chance[order][first])
    return list(zip(src[first].tolist(), dst[first].tolist(), cost.tolist(), strict=True))


PEERS: dict[str, Callable[[Graph, Ints, Ints, dict[str, Any]], Answer]] = {
    "foreshore": ours,
    "networkx": with_networkx,
    "rustworkx": with_rustworkx,
    "mal-toolbox": with_mal_toolbox,
}


def compare(states: int) -> dict[str, Any]:
    """All that are installed, on one graph; raises AssertionError where they disagree."""
    graph, entries, targets = layered(1000, 1)
    ours(graph, entries, targets, {})  # compiled loops are loaded before the clock starts
    graph, entries, targets = layered(states, 7)
    graph = graph.only(graph.guard < 0)
    rows: dict[str, Any] = {"states": states, "steps": graph.steps}
    truth: Answer | None = None
    for name, call in PEERS.items():
        if name == "mal-toolbox" and states > MAL_MOST:
            continue
        rows[name] = {}
        try:
            held, best = call(graph, entries, targets, rows[name])
        except ModuleNotFoundError as missing:
            rows[name] = f"not installed ({missing.name})"
            continue
        truth = truth or (held, best)
        assert held == truth[0], f"{name} reaches {held} states, not {truth[0]}"
        assert best is None or truth[1] is None or np.allclose(best, truth[1], rtol=1e-9), f"{name} finds other ways"
    return rows


def main() -> None:
    """Compare at each size and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--states", type=int, nargs="+", default=[10_000, 100_000])
    print(json.dumps([compare(states) for states in parser.parse_args().states], indent=1))


if __name__ == "__main__":
    main()
