"""Measure a plan of 20 actions among 5,000 and what-if answers on made-up layered graphs; prints JSON.

`python -m benchmarks.planning [--states 10000 100000] [--actions 5000] [--changes 20] [--worlds 256] [--seeds 1]`. The
graph is that of `bench_graph`; each action removes every cause whose number leaves the same remainder, so that it
closes weaknesses in many places. Said are seconds, how far the bound is above what the plan removes, on the years it
was chosen on and on fresh ones, and the time of one incremental what-if (median and 95th of a hundred actions).
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import numpy as np

from benchmarks.bench_graph import layered
from benchmarks.measuring import clock
from foreshore.graph import Effort, Profile, Range
from foreshore.graph.replay import Replay
from foreshore.mobilization.actions import Action
from foreshore.mobilization.plan_best import best
from foreshore.mobilization.plan_terms import Terms
from foreshore.mobilization.plan_worlds import Sampled

ASKED = 100  # what-ifs that are timed


def kept(states: int, seed: int, worlds: int) -> Replay:
    """Simulate and keep years of the layered graph."""
    graph, entries, targets = layered(states, 1)
    profiles = [Profile("outside", entries, Range(0.5, 1, 3))]
    return Replay(graph, profiles, targets, seed=seed, effort=Effort(worlds=worlds), layers=("cause",))


def sampled(years: Replay, actions: int) -> Sampled:
    """Give each cause of the graph to an action."""
    return Sampled(years, np.ones(years.before.targets.size), np.arange(years.graph.causes) % actions, 1)


def one_size(states: int, options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """All measurements of one size and seed."""
    rng = np.random.default_rng(seed)
    actions = [
        Action(key, "patch", f"action {key}", "", f"team {key % 5}", "ticket", float(hours), [])
        for key, hours in enumerate(rng.choice([1.0, 2.0, 4.0, 8.0], options.actions))
    ]
    terms = Terms(most=options.changes, hours={f"team {number}": 20.0 for number in range(5)})
    with clock() as sampling:
        years = kept(states, seed, options.worlds)
        losses, fresh = (
            sampled(years, options.actions),
            sampled(kept(states, seed + 1000, options.worlds), options.actions),
        )
    with clock() as planning:
        found = best(actions, losses, terms, fresh)
    removed = found.plan.before - found.plan.after
    return {
        "states": states, "seed": seed, "actions": options.actions, "changes": len(found.plan.actions),
        "worlds": options.worlds, "losses": int(losses.worth.size), "sampling": sampling, "planning": planning,
        "removes": removed, "bound": found.plan.bound, "gap": found.plan.bound / removed - 1 if removed else None,
        "removes_fresh": None if found.fresh is None else 1 - found.fresh, "exact": found.exact,
        "what_if_ms": what_ifs(losses, options.actions, seed),
    }  # fmt: skip


def what_ifs(losses: Sampled, actions: int, seed: int) -> dict[str, float]:
    """Time what is left without single actions."""
    spent = []
    for action in np.random.default_rng(seed).choice(actions, min(ASKED, actions), replace=False).tolist():
        begun = time.perf_counter()
        losses.left(frozenset([action]))
        spent.append(1000 * (time.perf_counter() - begun))
    return {"median": round(float(np.median(spent)), 2), "p95": round(float(np.quantile(spent, 0.95)), 2)}


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--states", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--actions", type=int, default=5_000)
    parser.add_argument("--changes", type=int, default=20)
    parser.add_argument("--worlds", type=int, default=256)
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    for states in options.states:
        for seed in range(options.seeds):
            print(json.dumps(one_size(states, options, seed)), flush=True)


if __name__ == "__main__":
    main()
