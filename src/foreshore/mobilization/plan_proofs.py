"""Compiled search for cheap proofs of losses in the live part of one word of lanes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np

_Function = TypeVar("_Function", bound=Callable[..., Any])
_ONE = np.uint64(1)


def _compiled(function: _Function) -> _Function:
    made: Any = numba.njit(cache=True, nogil=True)(function)
    return cast(_Function, made)


@_compiled
def _lower(price: Any, cost: Any, via: Any, v: Any, lane: Any, e: Any) -> Any:
    if price < cost[v, lane]:
        cost[v, lane] = price
        via[v, lane] = e
        return True
    return False


@_compiled
def _sweep(src: Any, dst: Any, guard: Any, bits: Any, weight: Any, wanted: Any, cost: Any, via: Any) -> Any:
    """Take every live step once; says whether anything got cheaper."""
    changed = False
    for e in range(src.size):
        live = bits[e] & wanted
        if live == np.uint64(0):
            continue
        u, g = src[e], guard[e]
        for lane in range(64):
            if live >> np.uint64(lane) & _ONE:
                other = cost[g, lane] if g >= 0 and g != u else 0.0
                changed |= _lower(cost[u, lane] + other + weight[e], cost, via, dst[e], lane, e)
    return changed


@_compiled
def _settle(
    src: Any, dst: Any, guard: Any, bits: Any, weight: Any, entry: Any, wanted: Any
) -> tuple[Any, Any]:  # fmt: skip
    """Least cost of each state in each wanted lane, costs of premises added, and the step that gives it."""
    cost = np.full((entry.size, 64), np.inf)
    via = np.full((entry.size, 64), -1, np.int32)
    for v in range(entry.size):
        for lane in range(64):
            if (entry[v] & wanted) >> np.uint64(lane) & _ONE:
                cost[v, lane] = 0.0
    while _sweep(src, dst, guard, bits, weight, wanted, cost, via):
        pass
    return cost, via


@_compiled
def _take(e: Any, n: Any, cause: Any, start: Any, action: Any, taken: Any, flat: Any) -> Any:
    """Note the actions that cut step `e`, each once for loss `n`; returns how many were new."""
    new = 0
    for column in range(cause.shape[1]):
        c = cause[e, column]
        if c >= 0:
            for i in range(start[c], start[c + 1]):
                if taken[action[i]] != n:
                    taken[action[i]] = n
                    flat.append(np.int64(action[i]))
                    new += 1
    return new


@_compiled
def cheapest(
    src: Any, dst: Any, guard: Any, bits: Any, weight: Any, entry: Any, wanted: Any, cause: Any, start: Any,
    action: Any, actions: Any, state: Any, lane: Any,
) -> tuple[Any, Any]:  # fmt: skip
    """Return how many actions are on a cheap proof of each (state, lane), and the actions one after another.

    `weight` is by step; `cause` (steps, several) holds local causes or -1, `action[start[c]:start[c + 1]]` what
    removes cause c; `actions` is how many there are.
    """
    _, via = _settle(src, dst, guard, bits, weight, entry, wanted)
    size = np.zeros(state.size, np.int64)
    flat = [np.int64(0) for _ in range(0)]
    seen = np.full(entry.size, -1, np.int64)
    taken = np.full(actions, -1, np.int64)
    for n in range(state.size):
        todo = [np.int64(state[n])]
        seen[state[n]] = n
        while len(todo) > 0:
            e = via[todo.pop(), lane[n]]
            if e < 0:
                continue
            size[n] += _take(e, n, cause, start, action, taken, flat)
            for side in range(2):
                w = src[e] if side == 0 else guard[e]
                if w >= 0 and seen[w] != n:
                    seen[w] = n
                    todo.append(np.int64(w))
    return size, _array(flat)


@_compiled
def _array(numbers: Any) -> Any:
    out = np.empty(len(numbers), np.int64)
    for i in range(len(numbers)):
        out[i] = numbers[i]
    return out
