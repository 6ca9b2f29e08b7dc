"""Compiled loops that bring a solved word of lanes up to date when steps go and others come."""

from __future__ import annotations

from typing import Any

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


@_compiled
def _doubt(v: Any, bits: Any, cur: Words, entry: Words, gone: Words, fresh: Words, queue: Any, touched: Any) -> None:
    bits &= cur[v] & ~gone[v] & ~entry[v]
    if bits != _ZERO:
        if gone[v] == _ZERO:
            touched.append(v)
        if fresh[v] == _ZERO:
            queue.append(v)
        gone[v] |= bits
        fresh[v] |= bits


@_compiled
def doubtful(s: Steps, luck: Luck, cur: Words, entry: Words, lost: Ints, bits: Words, work: Any, most: Any) -> Ints:
    """Mark in `gone` every lane of a state that may have hung on the `lost` steps (`bits`: in which lanes).

    `s` still has the lost steps alive. Returns the states; more than `most`: gives up and returns none,
    with one number -1. `work` is (gone, fresh), all 0 before; `fresh` is so again, `gone` on giving up too.
    """
    gone, fresh = work
    queue = [np.int32(0) for _ in range(0)]
    touched = [np.int32(0) for _ in range(0)]
    for i in range(lost.size):
        e = lost[i]
        held = bits[i] & cur[s.src[e]]
        if s.guard[e] >= 0:
            held &= cur[s.guard[e]]
        _doubt(s.dst[e], held, cur, entry, gone, fresh, queue, touched)
    while len(queue) > 0 and len(touched) <= most:
        v = queue.pop()
        ask = fresh[v]
        fresh[v] = _ZERO
        for e in range(s.start[v], s.start[v + 1]):
            _hangs(s, e, ask, luck, cur, entry, work, queue, touched)
        for i in range(s.guard_start[v], s.guard_start[v + 1]):
            _hangs(s, s.guard_ids[i], ask, luck, cur, entry, work, queue, touched)
    if len(queue) > 0:
        for v in touched:
            gone[v] = _ZERO
            fresh[v] = _ZERO
        return np.full(1, -1, np.int32)
    out = np.empty(len(touched), np.int32)
    for i in range(out.size):
        out[i] = touched[i]
    return out


@_compiled
def _hangs(
    s: Steps, e: Any, ask: Any, luck: Luck, cur: Words, entry: Words, work: Any, queue: Any, touched: Any
) -> None:
    gone, fresh = work
    d = s.dst[e]
    need = ask & cur[d] & ~gone[d] & ~entry[d] & cur[s.src[e]]
    if s.guard[e] >= 0:
        need &= cur[s.guard[e]]
    if need != _ZERO:
        _doubt(d, offer(s, e, need, luck), cur, entry, gone, fresh, queue, touched)


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
