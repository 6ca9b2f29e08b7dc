"""Compiled search for the least costly way round what is barred, guided by the true costs without bars."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np

from foreshore.graph.kernels import _array, _compiled
from foreshore.graph.model import Bools, Floats, Ints, Longs


@_compiled
def detour(
    start: Longs, dst: Ints, weight: Floats, rest: Floats, at: Any, barred: Ints, blocked: Bools, scratch: Any
) -> Ints:
    """The arcs of the cheapest way from node `at` to a node whose `rest` is its end (see `routes`).

    `rest[v]` is the least cost from `v` to the end without bars, -1 marks the end itself; it never
    overrates, so that nodes are settled in the right order (A*). `barred` arcs may not come first,
    `blocked` nodes not be entered. `scratch` (costs of infinity, arcs) is clean again on return.
    """
    cost, via = scratch
    heap = [(0.0, np.int32(at))]
    touched = [np.int32(at)]
    cost[at] = 0.0
    end = np.int32(-1)
    while len(heap) > 0 and end < 0:
        estimate, v = heapq.heappop(heap)
        if rest[v] < 0:
            end = v
        elif v == at or estimate <= cost[v] + rest[v]:
            for e in range(start[v], start[v + 1]):
                w = dst[e]
                price = cost[v] + weight[e]
                if blocked[w] or price >= cost[w] or (v == at and (barred == e).any()):
                    continue
                if cost[w] == np.inf:
                    touched.append(w)
                cost[w] = price
                via[w] = e
                heapq.heappush(heap, (price + max(0.0, rest[w]), np.int32(w)))
    arcs = [np.int32(0) for _ in range(0)]
    while end >= 0 and end != at:
        arcs.append(via[end])
        end = np.int32(_source(start, via[end]))
    for v in touched:
        cost[v] = np.inf
    return _array(arcs, True)


@_compiled
def _source(start: Longs, e: Any) -> Any:
    """The node whose arcs hold arc `e`."""
    low, high = 0, start.size - 1
    while high - low > 1:
        middle = (low + high) // 2
        if start[middle] <= e:
            low = middle
        else:
            high = middle
    return low
