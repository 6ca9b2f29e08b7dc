"""Compiled least-cost search over steps, forwards with guards and backwards to the targets."""

from __future__ import annotations

from typing import Any

import numpy as np

from foreshore.graph.kernels import _compiled
from foreshore.graph.model import Floats, Ints, Longs


@_compiled
def _rise(heap: Ints, place: Ints, cost: Floats, at: Any) -> None:
    v = heap[at]
    while at > 0:
        up = (at - 1) >> 2
        if cost[heap[up]] <= cost[v]:
            break
        heap[at] = heap[up]
        place[heap[at]] = at
        at = up
    heap[at] = v
    place[v] = at


@_compiled
def _pop(heap: Ints, place: Ints, cost: Floats, size: Any) -> Any:
    best = heap[0]
    place[best] = -2
    size -= 1
    if size == 0:
        return best
    v = heap[size]
    at = 0
    while True:
        child = 4 * at + 1
        if child >= size:
            break
        least = child
        for other in range(child + 1, min(child + 4, size)):
            if cost[heap[other]] < cost[heap[least]]:
                least = other
        if cost[heap[least]] >= cost[v]:
            break
        heap[at] = heap[least]
        place[heap[at]] = at
        at = least
    heap[at] = v
    place[v] = at
    return best


@_compiled
def _lower(v: Any, price: Any, step: Any, state: Any, size: Any) -> Any:
    cost, via, heap, place = state
    if place[v] == -2 or price >= cost[v]:
        return size
    cost[v] = price
    via[v] = step
    if place[v] == -1:
        place[v] = size
        heap[size] = v
        size += 1
    _rise(heap, place, cost, place[v])
    return size


@_compiled
def forward_costs(
    start: Longs,
    ids: Ints,
    guard_start: Longs,
    guard_ids: Ints,
    src: Ints,
    dst: Ints,
    guard: Ints,
    weight: Floats,
    entries: Ints,
    states: Any,
) -> tuple[Floats, Ints]:
    """Least cost of a proof of each state, costs of premises added (Knuth's rule), and its last step."""
    cost = np.full(states, np.inf)
    via = np.full(states, -1, np.int32)
    heap = np.empty(states, np.int32)
    place = np.full(states, -1, np.int32)
    state = (cost, via, heap, place)
    size = 0
    for v in entries:
        size = _lower(v, 0.0, -1, state, size)
    while size > 0:
        v = _pop(heap, place, cost, size)
        size -= 1
        for i in range(start[v], start[v + 1]):
            e = ids[i]
            g = guard[e]
            if g < 0 or g == v:
                size = _lower(dst[e], cost[v] + weight[e], e, state, size)
            elif place[g] == -2:
                size = _lower(dst[e], cost[v] + cost[g] + weight[e], e, state, size)
        for i in range(guard_start[v], guard_start[v + 1]):
            e = guard_ids[i]
            if place[src[e]] == -2 and src[e] != v:
                size = _lower(dst[e], cost[v] + cost[src[e]] + weight[e], e, state, size)
    return cost, via


@_compiled
def backward_costs(
    start: Longs, ids: Ints, src: Ints, guard: Ints, weight: Floats, ahead: Floats, targets: Ints
) -> tuple[Floats, Ints]:
    """Least cost from each state to any target, other premises at their forward cost, and the next step."""
    states = ahead.size
    cost = np.full(states, np.inf)
    via = np.full(states, -1, np.int32)
    heap = np.empty(states, np.int32)
    place = np.full(states, -1, np.int32)
    state = (cost, via, heap, place)
    size = 0
    for v in targets:
        size = _lower(v, 0.0, -1, state, size)
    while size > 0:
        v = _pop(heap, place, cost, size)
        size -= 1
        for i in range(start[v], start[v + 1]):
            e = ids[i]
            u, g = src[e], guard[e]
            other = ahead[g] if g >= 0 and g != u else 0.0
            if weight[e] + other < np.inf:
                size = _lower(u, cost[v] + weight[e] + other, e, state, size)
            if g >= 0 and g != u and weight[e] + ahead[u] < np.inf:
                size = _lower(g, cost[v] + weight[e] + ahead[u], e, state, size)
    return cost, via


@_compiled
def best_by_cause(
    src: Ints, dst: Ints, guard: Ints, cause: Ints, weight: Floats, ahead: Floats, after: Floats, causes: Any
) -> tuple[Floats, Ints]:
    """For each cause the least cost of a way through one of its steps, and that step (-1: none)."""
    cost = np.full(causes, np.inf)
    step = np.full(causes, -1, np.int32)
    for e in range(src.size):
        c = cause[e]
        if c < 0:
            continue
        price = ahead[src[e]] + weight[e] + after[dst[e]]
        if guard[e] >= 0 and guard[e] != src[e]:
            price += ahead[guard[e]]
        if price < cost[c]:
            cost[c] = price
            step[c] = e
    return cost, step
