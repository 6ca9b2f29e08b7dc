"""Measure the attack-path engine on made-up layered graphs and print JSON, one object per size.

`python benchmarks/bench_graph.py [--states 10000 100000 1000000] [--worlds 1024]`: each size runs in a
process of its own. CPU seconds are of all threads; compiled loops are loaded before the clock starts.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np

from foreshore.graph import (
    Change,
    Effort,
    Graph,
    Params,
    Profile,
    Range,
    Shared,
    WhatIf,
    best_paths,
    choke_points,
    contributions,
    routes,
    simulate,
)
from foreshore.graph.model import Ints

LAYERS = 20
TARGETS = 50


def layered(states: int, seed: int) -> tuple[Graph, Ints, Ints]:
    """A graph of `states` states in 20 layers with 11 steps each, its entries and 50 targets.

    Eight steps of a state lead to the next layer, two stay in the layer, one leads back; one step in
    six needs a second state of the same layer. One step in eight shares its luck with others.
    """
    rng = np.random.default_rng(seed)
    width = states // LAYERS
    src = np.repeat(np.arange(states, dtype=np.int32), 11)
    jump = np.tile(np.array([1] * 8 + [0] * 2 + [-1], np.int32), states)
    layer = np.clip(src // width + jump, 0, LAYERS - 1).astype(np.int32)
    dst = layer * np.int32(width) + rng.integers(0, width, src.size, dtype=np.int32)
    guard = np.where(
        rng.random(src.size, np.float32) < 1 / 6,
        (src // width) * width + rng.integers(0, width, src.size, dtype=np.int32),
        -1,
    ).astype(np.int32)
    levels = np.round(np.exp(rng.normal(np.log(0.072), 0.8, 200)).clip(0.001, 0.95), 4)
    draws = max(8, states // 50)
    graph = Graph(
        states,
        src,
        dst,
        levels[rng.integers(0, 200, src.size, dtype=np.int16)],
        rng.integers(0, 2**62, src.size),
        guard,
        np.where(rng.random(src.size, np.float32) < 1 / 8, rng.integers(0, draws, src.size, np.int32), -1),
        np.where(rng.random(src.size, np.float32) < 1 / 2, rng.integers(0, states, src.size, np.int32), -1),
        rng.integers(-1, 8, src.size, np.int32),
        Shared(
            rng.integers(0, 2**62, draws),
            rng.choice(levels, draws) ** 0.3,
            np.full(draws, -1, np.int32),
            rng.random(draws) < 0.2,
        ),
        Params(np.arange(8), np.full(8, 0.3), np.full(8, 0.2), np.full(8, 0.45)),
    )
    return graph, np.arange(TARGETS, dtype=np.int32), np.arange(TARGETS, dtype=np.int32) + states - TARGETS


def timed(name: str, out: dict[str, Any], call: Any) -> Any:
    """Run `call` and note its time and the process' peak memory so far."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = call()
    out[name] = {
        "cpu_s": round(time.process_time() - cpu, 3),
        "wall_s": round(time.perf_counter() - wall, 3),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    return result


def one_size(states: int, worlds: int, threads: int) -> dict[str, Any]:
    """All measurements of one size."""
    out: dict[str, Any] = {"states": states, "worlds": worlds, "threads": threads}
    small, entries, targets = layered(1000, 1)
    once = Profile("one attack", entries, Range.exactly(1e-9))
    contributions(small, [once], targets, seed=1, effort=Effort(worlds=64))
    best_paths(small, entries, targets)
    chokes({}, (small, once, targets), Effort(worlds=64))
    WhatIf(small, [once], targets, seed=7, effort=Effort(worlds=64)).after(Change(removed=np.array([1])))
    graph, entries, targets = timed("generate", out, lambda: layered(states, 7))
    out["steps"] = graph.steps
    once = Profile("one attack", entries, Range.exactly(1e-9))
    effort = Effort(worlds=worlds, threads=threads)
    timed("index", out, lambda: (graph.by_src, graph.by_dst, graph.by_guard))
    watch = np.arange(0, states, max(1, states // 10_000), dtype=np.int32)
    found = timed("simulate", out, lambda: simulate(graph, [once], targets, seed=7, effort=effort, watch=watch))
    out["mean_target_p"] = round(float(found.probability.mean() / found.weight[0]), 4)
    out["mean_state_p"] = round(float(found.watched.mean() / found.weight[0]), 4)
    timed("best_paths", out, lambda: best_paths(graph, entries, targets))
    given = timed("contributions", out, lambda: contributions(graph, [once], targets, seed=7, effort=effort))
    out["causes_with_contribution"] = int((given.mean > 0).sum())
    out["causes_on_proofs"] = int(given.cause.size)
    chokes(out, (graph, once, targets), effort)
    if states <= 100_000:
        what_ifs(out, (graph, once, targets), given.cause)
    return out


def chokes(out: dict[str, Any], what: tuple[Graph, Profile, Ints], effort: Effort) -> None:
    """Weighted and strict choke points of four kinds of causes: exposures, states, rights and controls."""
    graph, once, targets = what
    rng = np.random.default_rng(5)
    layers = {
        "relation": np.where(rng.random(graph.steps, np.float32) < 0.5, graph.src // 4, -1).astype(np.int32),
        "control": rng.integers(-1, 40, (graph.steps, 2), np.int32),
    }
    many = replace(graph, layers=layers)
    kinds = ("cause", "state", "relation", "control")
    found = timed("choke_points", out, lambda: choke_points(many, [once], targets, seed=7, effort=effort, layers=kinds))
    out["choke_points_of"] = {kind: int((found[kind].mean > 0).sum()) for kind in kinds}
    out["strict_choke_points"] = {kind: int((found[kind].strict > 0).sum()) for kind in kinds}
    timed("routes", out, lambda: routes(graph, np.array([0], np.int32), targets[:1], 5))


def what_ifs(out: dict[str, Any], what: tuple[Graph, Profile, Ints], causes: Ints) -> None:
    """Changes asked one after another on 256 kept years: the heaviest causes and others, and a step added."""
    graph, once, targets = what
    few = Effort(worlds=256)
    timed("what_if_full", out, lambda: simulate(graph, [once], targets, seed=7, effort=few, removed=causes[:1]))
    kept = timed("what_if_keep", out, lambda: WhatIf(graph, [once], targets, seed=7, effort=few))
    spent = []
    for number in range(40):
        change = Change(removed=causes[number * 7 : number * 7 + 1])
        if number % 4 == 0:
            change = Change(added={"src": [number], "dst": [graph.states - 60], "p": [0.5], "key": [number]})
        began = time.perf_counter()
        kept.after(change)
        spent.append(time.perf_counter() - began)
    out["what_if_ms"] = {f"p{level}": round(1000 * float(np.quantile(spent, level / 100)), 1) for level in (50, 95)}


def main() -> None:
    """Measure each size in a fresh process and print a JSON list."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--states", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--worlds", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--here", action="store_true", help="measure in this process")
    given = parser.parse_args()
    if given.here:
        print(json.dumps([one_size(n, given.worlds, given.threads) for n in given.states]))
        return
    found = []
    for states in given.states:
        command = [sys.executable, __file__, "--here", "--states", str(states), "--worlds", str(given.worlds)]
        command += ["--threads", str(given.threads)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found += json.loads(done.stdout)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
