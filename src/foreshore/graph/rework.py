"""Compiled loops that bring a solved word of lanes up to date when steps go and others come."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from foreshore.graph.kernels import Luck, Steps, _compiled, lucky, offer, spread
from foreshore.graph.model import Ints, Words

_ZERO = np.uint64(0)


@_compiled
def drawn(keys: Words, threshold: Any, kind: Ints, table: Any, salt: Any, shared: Ints, words: Words) -> Words:
    """The lanes in which steps outside the laid-out ones are live: shared luck and their own."""
    out = np.empty(keys.size, np.uint64)
    for i in range(keys.size):
        need = ~_ZERO if shared[i] < 0 else words[shared[i]]
        out[i] = lucky(keys[i], threshold[i], kind[i], table, salt, need) if need != _ZERO else need
    return out


class Tree(NamedTuple):
    """One proof of everything that is held in a word: by step (ascending, few of all) the lanes it was the last step in.

    `start[v]:start[v + 1]` are those that leave state `v`; `guarded[guard_start[v]:guard_start[v + 1]]` those that have
    it as their guard. A lane of a state has one last step, none where an attacker enters.
    """

    step: Ints
    bits: Words
    start: Ints
    guarded: Ints
    guard_start: Ints


def tree_of(s: Steps, bits: Words) -> Tree:
    """Lay out a proof that `grow` noted by step."""
    step = np.flatnonzero(bits).astype(np.int32)
    states = s.start.size - 1
    guard = s.guard[step]
    guarded = np.flatnonzero(guard >= 0).astype(np.int32)
    guarded = guarded[np.argsort(guard[guarded], kind="stable")]
    every = np.arange(states + 1)
    return Tree(
        step, bits[step], np.searchsorted(s.src[step], every).astype(np.int32), guarded,
        np.searchsorted(guard[guarded], every).astype(np.int32),
    )  # fmt: skip


@_compiled
def _noted(s: Steps, e: Any, v: Any, fresh: Any, luck: Luck, work: Any, bits: Words) -> Any:
    """Offer lanes of `v` to a step that needs it, and note what it gave; tell whether an earlier state gained."""
    cur, new, busy = work
    d = s.dst[e]
    need = fresh & ~cur[d] & cur[s.src[e]]
    if s.guard[e] >= 0:
        need &= cur[s.guard[e]]
    if need == _ZERO:
        return False
    got = offer(s, e, need, luck)
    if got == _ZERO:
        return False
    bits[e] |= got
    cur[d] |= got
    new[d] |= got
    busy[d >> 6] = 1
    return d <= v


@_compiled
def grow(s: Steps, luck: Luck, cur: Words, new: Words, busy: Any, bits: Words) -> None:
    """Grow `cur` as `kernels.spread` does; `bits` takes, by step, the lanes in which it was the last of a proof."""
    work = (cur, new, busy)
    again = True
    while again:
        again = False
        for b in range(busy.size):
            if busy[b] == 0:
                continue
            busy[b] = 0
            for v in range(b * 64, min(b * 64 + 64, new.size)):
                fresh = new[v]
                new[v] = _ZERO
                if fresh == _ZERO:
                    continue
                for e in range(s.start[v], s.start[v + 1]):
                    again |= _noted(s, e, v, fresh, luck, work, bits)
                for i in range(s.guard_start[v], s.guard_start[v + 1]):
                    again |= _noted(s, s.guard_ids[i], v, fresh, luck, work, bits)


@_compiled
def _doubt(v: Any, bits: Any, gone: Words, fresh: Words, queue: Any, touched: Any) -> None:
    bits &= ~gone[v]
    if bits != _ZERO:
        if gone[v] == _ZERO:
            touched.append(v)
        if fresh[v] == _ZERO:
            queue.append(v)
        gone[v] |= bits
        fresh[v] |= bits


@_compiled
def doubtful(s: Steps, tree: Tree, lost: Ints, bits: Words, work: Any, most: Any) -> Ints:
    """Mark in `gone` every lane of a state whose kept proof has one of the `lost` steps (`bits`: in which lanes).

    What is not marked has its kept proof still. Returns the states; more than `most`: gives up and returns none,
    with one number -1. `work` is (gone, fresh), all 0 before; `fresh` is so again, `gone` on giving up too.
    """
    gone, fresh = work
    queue = [np.int32(0) for _ in range(0)]
    touched = [np.int32(0) for _ in range(0)]
    for i in range(lost.size):
        _doubt(s.dst[lost[i]], bits[i], gone, fresh, queue, touched)
    while len(queue) > 0 and len(touched) <= most:
        v = queue.pop()
        ask = fresh[v]
        fresh[v] = _ZERO
        if v + 1 < tree.start.size:
            for i in range(tree.start[v], tree.start[v + 1]):
                _doubt(s.dst[tree.step[i]], ask & tree.bits[i], gone, fresh, queue, touched)
            for k in range(tree.guard_start[v], tree.guard_start[v + 1]):
                i = tree.guarded[k]
                _doubt(s.dst[tree.step[i]], ask & tree.bits[i], gone, fresh, queue, touched)
    out = np.full(1, -1, np.int32)
    if len(queue) > 0:
        for v in touched:
            gone[v] = _ZERO
            fresh[v] = _ZERO
    else:
        out = np.empty(len(touched), np.int32)
        for i in range(out.size):
            out[i] = touched[i]
    return out


def on_proofs(tree: Tree, steps: Ints) -> Words:
    """The lanes in which each of `steps` is the last of a kept proof."""
    if not tree.step.size:
        return np.zeros(steps.size, np.uint64)
    place = np.minimum(np.searchsorted(tree.step, steps), tree.step.size - 1)
    return np.where(tree.step[place] == steps, tree.bits[place], _ZERO)


@_compiled
def restore(s: Steps, luck: Luck, cur: Words, states: Ints, gone: Words, new: Words, busy: Any) -> None:
    """Take the doubtful lanes back and give again those that another live step still gives.

    `s` no longer has the lost steps alive. `gone` is all 0 again on return.
    """
    for v in states:
        cur[v] &= ~gone[v]
    for v in states:
        for i in range(s.back_start[v], s.back_start[v + 1]):
            e = s.back_ids[i]
            need = gone[v] & ~cur[v] & cur[s.src[e]]
            if s.guard[e] >= 0:
                need &= cur[s.guard[e]]
            if need != _ZERO:
                got = offer(s, e, need, luck)
                if got != _ZERO:
                    cur[v] |= got
                    new[v] |= got
                    busy[v >> 6] = 1
    for v in states:
        gone[v] = _ZERO
    spread(s, luck, cur, new, busy)


@_compiled
def push(s: Steps, luck: Luck, cur: Words, new: Words, busy: Any, ends: Any, bits: Words) -> None:
    """Add steps that are not laid out (`ends`: src, dst, guard; `bits`: lanes in which each is live)."""
    src, dst, guard = ends
    again = True
    while again:
        again = False
        for i in range(bits.size):
            got = bits[i] & cur[src[i]] & ~cur[dst[i]]
            if got != _ZERO and guard[i] >= 0:
                got &= cur[guard[i]]
            if got != _ZERO:
                cur[dst[i]] |= got
                new[dst[i]] |= got
                busy[dst[i] >> 6] = 1
                again = True
        if again:
            spread(s, luck, cur, new, busy)
