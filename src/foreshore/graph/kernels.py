"""Compiled loops over steps: one machine word holds 64 lanes, one bit each.

Own luck is bit-sliced: lane `l` of a step has a 32-bit random number whose bits are bit `l` of a
sequence of hash words, most significant first. It is compared with the threshold from the top, so
that a step is settled after about as many words as the logarithm of the lanes that still ask.
Nothing here sums floating-point numbers; the same words come out on every platform.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numba
import numpy as np

from foreshore.graph.model import Ints, Longs, Words

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _compiled(function: _Function) -> _Function:
    made: Any = numba.njit(cache=True, nogil=True)(function)
    return cast(_Function, made)


def _inlined(function: _Function) -> _Function:
    """For small parts of inner loops: passing many arrays along costs more than the work itself."""
    made: Any = numba.njit(inline="always")(function)
    return cast(_Function, made)


ALWAYS = 0xFFFFFFFF
_ALWAYS = np.uint32(ALWAYS)
_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31 = np.uint64(30), np.uint64(27), np.uint64(31)
_ZERO, _ONE = np.uint64(0), np.uint64(1)
_TOP = np.uint64(0x80000000)
_LOW32 = np.uint64(0xFFFFFFFF)


class Steps(NamedTuple):
    """The steps that are evaluated, ordered by `src` (`start[v]:start[v + 1]` leave state `v`).

    Steps under a guard stand a second time in the order of their guards, with both ends beside them.
    Steps with the same number in `luck` are live in the same lanes; it is empty where few are alike.
    """

    start: Longs
    src: Ints
    dst: Ints
    guard: Ints
    key: Words
    threshold: Any
    kind: Ints
    shared: Ints
    cause: Ints
    guard_start: Longs
    guard_ids: Ints
    guard_src: Ints
    guard_dst: Ints
    back_start: Longs
    back_ids: Ints
    luck: Ints


class Luck(NamedTuple):
    """What decides, in one word of lanes, whether a step is live.

    `memo` and `known` have one row for each kind of luck (`Steps.luck`): the lanes in which it holds,
    once somebody asked. `force` is empty, or gives for each step -1 or a row of `forced`: lanes in which its
    own luck holds in any case.
    """

    table: Words
    salt: Any
    shared: Words
    memo: Words
    known: Any
    force: Ints
    forced: Words


FREE = (np.zeros(0, np.int32), np.zeros(0, np.uint64))  # nothing is forced


@_compiled
def _array(numbers: Any, turned: Any) -> Ints:
    out = np.empty(len(numbers), np.int32)
    for i in range(len(numbers)):
        out[i] = numbers[len(numbers) - 1 - i] if turned else numbers[i]
    return out


@_compiled
def group(column: Ints, states: int) -> tuple[Longs, Ints]:
    """Counting sort: the positions of each value of `column` (values below 0 are left out)."""
    start = np.zeros(states + 1, np.int64)
    for e in range(column.size):
        if column[e] >= 0:
            start[column[e] + 1] += 1
    for v in range(states):
        start[v + 1] += start[v]
    ids = np.empty(start[states], np.int32)
    at = start[:-1].copy()
    for e in range(column.size):
        v = column[e]
        if v >= 0:
            ids[at[v]] = e
            at[v] += 1
    return start, ids


@_compiled
def forward(
    start: Longs,
    ids: Ints,
    gstart: Longs,
    gids: Ints,
    src: Ints,
    dst: Ints,
    guard: Ints,
    mask: Any,
    held: Any,
) -> None:
    """Mark in `held` every state that follows from those marked, over the steps in `mask`."""
    todo = np.empty(held.size, np.int32)
    size = 0
    for v in range(held.size):
        if held[v]:
            todo[size] = v
            size += 1
    while size > 0:
        size -= 1
        v = todo[size]
        for i in range(start[v], start[v + 1]):
            e = ids[i]
            if mask[e] and not held[dst[e]] and (guard[e] < 0 or held[guard[e]]):
                held[dst[e]] = True
                todo[size] = dst[e]
                size += 1
        for i in range(gstart[v], gstart[v + 1]):
            e = gids[i]
            if mask[e] and not held[dst[e]] and held[src[e]]:
                held[dst[e]] = True
                todo[size] = dst[e]
                size += 1


@_compiled
def backward(start: Longs, ids: Ints, src: Ints, guard: Ints, mask: Any, wanted: Any) -> None:
    """Mark in `wanted` every state from which one already marked may be helped along."""
    todo = np.empty(wanted.size, np.int32)
    size = 0
    for v in range(wanted.size):
        if wanted[v]:
            todo[size] = v
            size += 1
    while size > 0:
        size -= 1
        v = todo[size]
        for i in range(start[v], start[v + 1]):
            e = ids[i]
            if not mask[e]:
                continue
            if not wanted[src[e]]:
                wanted[src[e]] = True
                todo[size] = src[e]
                size += 1
            g = guard[e]
            if g >= 0 and not wanted[g]:
                wanted[g] = True
                todo[size] = g
                size += 1


@_compiled
def mix(x: Any) -> Any:
    """Finish a 64-bit counter hash (the finaliser known as splitmix64)."""
    x = (x ^ (x >> _S30)) * _M1
    x = (x ^ (x >> _S27)) * _M2
    return x ^ (x >> _S31)


@_compiled
def _fixed(state: Any, need: Any, threshold: Any) -> Any:
    live = _ZERO
    rest = np.uint64(threshold)
    while need != _ZERO and rest != _ZERO:
        state += _GAMMA
        luck = mix(state)
        if rest & _TOP:
            live |= need & ~luck
            need &= luck
        else:
            need &= ~luck
        rest = (rest << _ONE) & _LOW32
    return live


@_compiled
def _varied(state: Any, need: Any, table: Any, kind: Any) -> Any:
    live = _ZERO
    for i in range(32):
        if need == _ZERO:
            break
        state += _GAMMA
        luck = mix(state)
        bar = table[kind, i]
        live |= need & bar & ~luck
        need &= ~(bar ^ luck)
    return live


@_compiled
def lucky(key: Any, threshold: Any, kind: Any, table: Any, salt: Any, need: Any) -> Any:
    """Return those lanes of `need` in which the thing named `key` succeeds."""
    if kind < 0:
        if threshold == _ALWAYS:
            return need
        if threshold == 0:
            return _ZERO
        return _fixed(mix(key ^ salt), need, threshold)
    return _varied(mix(key ^ salt), need, table, kind)


@_compiled
def lucky_words(keys: Words, threshold: Any, kind: Ints, table: Any, salt: Any) -> Words:
    """One word of luck for each key, all lanes asked."""
    out = np.empty(keys.size, np.uint64)
    for i in range(keys.size):
        out[i] = lucky(keys[i], threshold[i], kind[i], table, salt, ~_ZERO)
    return out


@_compiled
def _drawn(s: Steps, e: Any, need: Any, luck: Luck) -> Any:
    draw = s.shared[e]
    if draw >= 0:
        need &= luck.shared[draw]
    if need != _ZERO:
        sure = _ZERO
        if luck.force.size > 0 and luck.force[e] >= 0:
            sure = need & luck.forced[luck.force[e]]
        need = sure | lucky(s.key[e], s.threshold[e], s.kind[e], luck.table, luck.salt, need & ~sure)
    return need


@_inlined
def offer(s: Steps, e: Any, need: Any, luck: Luck) -> Any:
    """Return those lanes of `need` in which step `e` is live: shared luck, then its own."""
    if s.luck.size > 0:
        same = s.luck[e]
        if luck.known[same] == 0:
            luck.known[same] = 1
            luck.memo[same] = _drawn(s, e, ~_ZERO, luck)
        return need & luck.memo[same]
    return _drawn(s, e, need, luck)


@_inlined
def _give(d: Any, v: Any, got: Any, cur: Words, new: Words, busy: Any) -> Any:
    cur[d] |= got
    new[d] |= got
    busy[d >> 6] = 1
    return d <= v


@_inlined
def _leave(s: Steps, v: Any, luck: Luck, cur: Words, new: Words, busy: Any) -> Any:
    """Offer the new lanes of state `v` to every step that needs it; tell whether an earlier state gained."""
    fresh = new[v]
    new[v] = _ZERO
    back = False
    for e in range(s.start[v], s.start[v + 1]):
        d = s.dst[e]
        need = fresh & ~cur[d]
        if need != _ZERO and s.guard[e] >= 0:
            need &= cur[s.guard[e]]
        if need != _ZERO:
            got = offer(s, e, need, luck)
            if got != _ZERO:
                back |= _give(d, v, got, cur, new, busy)
    for i in range(s.guard_start[v], s.guard_start[v + 1]):
        d = s.guard_dst[i]
        need = fresh & ~cur[d] & cur[s.guard_src[i]]
        if need != _ZERO:
            got = offer(s, s.guard_ids[i], need, luck)
            if got != _ZERO:
                back |= _give(d, v, got, cur, new, busy)
    return back


@_compiled
def spread(s: Steps, luck: Luck, cur: Words, new: Words, busy: Any) -> None:
    """Grow `cur` to its least fixpoint from the bits in `new` (which are in `cur` already).

    `busy` marks groups of 64 states that have new bits; states are swept in order until none has.
    """
    again = True
    while again:
        again = False
        for b in range(busy.size):
            if busy[b] == 0:
                continue
            busy[b] = 0
            for v in range(b * 64, min(b * 64 + 64, new.size)):
                if new[v] != _ZERO:
                    again |= _leave(s, v, luck, cur, new, busy)
