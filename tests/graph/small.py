"""Small random graphs and plain, slow answers to compare the engine with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from hypothesis import strategies as st

from foreshore.graph import Graph, Params, Profile, Range, Shared

LEVELS = (0.0, 0.1, 0.5, 0.9, 1.0)


@st.composite
def graphs(draw: st.DrawFn, steps: int = 14, levels: tuple[float, ...] = LEVELS, most: int = 7) -> Graph:
    """Graphs with cycles, guards, shared luck, unknown facts and causes of three kinds, some in pairs."""
    states = draw(st.integers(2, most))
    count = draw(st.integers(0, steps))
    return made(draw(st.integers(0, 2**32 - 1)), states, count, levels)


def made(seed: int, states: int, count: int, levels: tuple[float, ...] = LEVELS) -> Graph:
    """One such graph."""
    rng = np.random.default_rng(seed)
    keys = rng.integers(1, 2**62, count + 3)
    columns: dict[str, Any] = {
        "src": rng.integers(0, states, count, dtype=np.int32),
        "dst": rng.integers(0, states, count, dtype=np.int32),
        "p": rng.choice(levels, count),
        "key": keys[:count],
        "guard": np.where(rng.random(count) < 0.3, rng.integers(0, states, count), -1).astype(np.int32),
        "shared": rng.integers(-1, 3, count, dtype=np.int32),
        "cause": rng.integers(-1, 5, count, dtype=np.int32),
        "param": rng.integers(-1, 2, count, dtype=np.int32),
    }
    unsure = np.array([-1, 0, -1], np.int32)
    return Graph(
        states,
        **columns,
        draws=Shared(keys[count:], np.array([0.5, 0.8, 0.3]), unsure, np.array([False, False, True])),
        params=Params(np.array([3, 4]), np.array([0.3, 0.5]), np.array([0.1, 0.4]), np.array([0.7, 0.6])),
        layers={
            "relation": rng.integers(-1, 4, count, dtype=np.int32),
            "control": rng.integers(-1, 3, (count, 2), dtype=np.int32),
        },
    )


def settled(graph: Graph) -> Graph:
    """The same without anything that varies from draw to draw but unknown facts."""
    no = np.full(graph.steps, -1, np.int32)
    return replace(graph, param=no, draws=replace(graph.draws, param=np.full(3, -1, np.int32)))


def attackers(states: int) -> list[Profile]:
    """One who starts at state 0 about twice a year, and a rare one at the last state but one."""
    second = np.array([max(0, states - 2)], np.int32)
    return [
        Profile("often", np.array([0], np.int32), Range(1.0, 2.0, 4.0)),
        Profile("seldom", second, Range.exactly(0.2)),
    ]


def possible(graph: Graph) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Steps that can work at all."""
    return np.asarray((graph.p > 0) & (np.append(graph.draws.p, 1.0)[graph.shared] > 0))


def closure(graph: Graph, live: Any, entries: Any) -> set[int]:
    """The least fixpoint, one state at a time."""
    held = {int(one) for one in entries}
    while True:
        more = {
            int(graph.dst[e])
            for e in np.flatnonzero(live)
            if int(graph.src[e]) in held and (graph.guard[e] < 0 or int(graph.guard[e]) in held)
        }
        if more <= held:
            return held
        held |= more


def cheapest(graph: Graph, chance: Any, entries: Any) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Best proof probabilities (premises multiply) by relaxing until nothing changes."""
    best = np.zeros(graph.states)
    best[list(entries)] = 1
    for _ in range(graph.states + 1):
        for e in range(graph.steps):
            guard = graph.guard[e]
            other = best[guard] if guard >= 0 and guard != graph.src[e] else 1.0
            best[graph.dst[e]] = max(best[graph.dst[e]], best[graph.src[e]] * other * chance[e])
    return best


def chains(graph: Graph, best: Any, chance: Any, sources: set[int], goals: set[int], given: set[int]) -> Iterator[Any]:
    """Every chain of steps from a source to a goal that comes to no state twice: (chance, states, steps)."""
    todo: list[tuple[float, tuple[int, ...], tuple[int, ...]]] = [(1.0, (one,), ()) for one in sorted(sources)]
    while todo:
        p, states, steps = todo.pop()
        if states[-1] in goals:
            yield p, states, steps
            continue
        for e in range(graph.steps):
            src, guard, dst = int(graph.src[e]), int(graph.guard[e]), int(graph.dst[e])
            if states[-1] not in (src, guard) or dst in states or dst in given:
                continue
            other = guard if states[-1] == src else src
            more = chance[e] * (best[other] if guard >= 0 and guard != src else 1.0)
            if more > 0:
                todo.append((p * more, (*states, dst), (*steps, e)))


def exact_year(graph: Graph, people: list[Profile], target: int) -> float:
    """Yearly probability of a fall by going through every assignment of shared and own luck (no parameters)."""
    total = 0.0
    own = np.flatnonzero((graph.p > 0) & (graph.p < 1))
    for pool in product((False, True), repeat=graph.draws.key.size):
        chance = np.prod(np.where(pool, graph.draws.p, 1 - graph.draws.p))
        hits = np.zeros(len(people))
        for bits in product((False, True), repeat=own.size):
            live = graph.p == 1
            live[own] = bits
            odds = np.prod(np.where(bits, graph.p[own], 1 - graph.p[own]))
            live &= np.append(np.array(pool, np.bool_), True)[graph.shared]
            for i, one in enumerate(people):
                hits[i] += odds * (target in closure(graph, live, one.entries))
        total += chance * -np.expm1(-sum(one.rate.low * q for one, q in zip(people, hits, strict=True)))
    return float(total)
