"""Compiled loops that find which causes a fall could not have done without.

For one word of lanes: walk back from the fallen targets over live steps, drawing luck only where it
matters, and keep that small live part; keep one proof of each fall in it; then try again without
each cause that is on a proof. A cause that is on no kept proof cannot be necessary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from foreshore.graph.kernels import _GAMMA, Luck, Steps, _array, _compiled, _inlined, mix, offer
from foreshore.graph.model import Ints, Longs, Words

if TYPE_CHECKING:
    from foreshore.graph.worlds import Attack, Worlds

_ZERO = np.uint64(0)


class Live(NamedTuple):
    """The live steps that bear on some fall in a word, with states and causes renumbered.

    `step` is the step's number in the part, `bits` the lanes in which it is live; ordered from the
    entries towards the targets. `states` gives their old numbers. Causes that label the very same steps
    here are one: `cause` (steps, causes of a step) holds these, `causes` the old numbers of all and
    `alike` which one each of them belongs to.
    """

    step: Ints
    src: Ints
    dst: Ints
    guard: Ints
    bits: Words
    cause: Ints
    states: Ints
    causes: Ints
    alike: Ints
    kinds: Any


def scratch(worlds: Worlds) -> tuple[Any, Ints, Ints]:
    """Make the arrays that `live_part` works in; they may be used again and again by one thread."""
    states, steps = worlds.part.states, worlds.part.step.size
    work = (
        np.zeros(states, np.uint64),
        np.zeros(states, np.uint64),
        np.zeros(steps, np.uint64),
        np.zeros(states + 1, np.int32),
    )
    return work, np.full(states, -1, np.int32), np.full(worlds.tags.count, -1, np.int32)


def entry(worlds: Worlds, attack: Attack, part: Live) -> Words:
    """Return the lanes in which attackers enter at each state of the part."""
    full = np.zeros(worlds.part.states, np.uint64)
    for i, mask in enumerate(attack.masks):
        full[worlds.entry_states(i)] |= mask
    return np.asarray(full[part.states])


def places(part: Live, states: Ints) -> Ints:
    """Return the numbers that `states` have in the part."""
    order = np.argsort(part.states, kind="stable")
    return order[np.searchsorted(part.states, states, sorter=order)].astype(np.int32)


@_inlined
def _want(v: Any, add: Any, work: Any, states: Any, row: Any) -> None:
    """Ask for lanes `add` of state `v`, and queue it; `row` holds head and size of the queue."""
    wanted, fresh, _, queue = work
    add &= ~wanted[v]
    if add != _ZERO:
        if wanted[v] == _ZERO:
            states.append(v)
        if fresh[v] == _ZERO:
            queue[(row[0] + row[1]) % queue.size] = v
            row[1] += 1
        wanted[v] |= add
        fresh[v] |= add


@_compiled
def _collect(s: Steps, luck: Luck, cur: Words, targets: Ints, asked: Words, work: Any) -> tuple[Ints, Ints]:
    """States and live steps behind the falls asked for, steps nearest to the entries first."""
    _, fresh, bits, queue = work
    states = [np.int32(0) for _ in range(0)]
    steps = [np.int32(0) for _ in range(0)]
    row = np.zeros(2, np.int64)
    for i in range(targets.size):
        _want(targets[i], asked[i], work, states, row)
    while row[1] > 0:
        v = queue[row[0]]
        row[0] = (row[0] + 1) % queue.size
        row[1] -= 1
        ask = fresh[v]
        fresh[v] = _ZERO
        for i in range(s.back_start[v], s.back_start[v + 1]):
            e = s.back_ids[i]
            g = s.guard[e]
            need = ask & cur[s.src[e]]
            if g >= 0:
                need &= cur[g]
            got = need
            if need != _ZERO:
                got = offer(s, e, need, luck)
            if got != _ZERO:
                if bits[e] == _ZERO:
                    steps.append(np.int32(e))
                bits[e] |= got
                _want(s.src[e], got, work, states, row)
                if g >= 0:
                    _want(g, got, work, states, row)
    return _array(states, False), _array(steps, True)


@_compiled
def _renumber(s: Steps, states: Ints, steps: Ints, work: Any, local: Ints, cause_local: Ints) -> Live:
    wanted, _, bits, _ = work
    for i in range(states.size):
        local[states[i]] = i
        wanted[states[i]] = _ZERO
    src = np.empty(steps.size, np.int32)
    dst = np.empty(steps.size, np.int32)
    guard = np.empty(steps.size, np.int32)
    live = np.empty(steps.size, np.uint64)
    for i in range(steps.size):
        e = steps[i]
        src[i], dst[i] = local[s.src[e]], local[s.dst[e]]
        guard[i] = local[s.guard[e]] if s.guard[e] >= 0 else -1
        live[i] = bits[e]
        bits[e] = _ZERO
    for i in range(states.size):
        local[states[i]] = -1
    cause, causes, alike, kinds = _labels(s, steps, cause_local)
    return Live(steps, src, dst, guard, live, cause, states, causes, alike, kinds)


@_compiled
def _labels(s: Steps, steps: Ints, cause_local: Ints) -> tuple[Ints, Ints, Ints, Any]:
    """Number the causes of some steps anew, those that label the same steps as one."""
    causes, codes = _codes(s, steps, cause_local)
    order = np.argsort(codes)
    alike = np.empty(causes.size, np.int32)
    kinds = 0
    for i in range(order.size):
        kinds += 1 if i == 0 or codes[order[i]] != codes[order[i - 1]] else 0
        alike[order[i]] = kinds - 1
    cause = np.full((steps.size, s.cause.shape[1]), -1, np.int32)
    for i in range(steps.size):
        for k in range(cause.shape[1]):
            c = s.cause[steps[i], k]
            if c >= 0:
                cause[i, k] = alike[cause_local[c]]
    for i in range(causes.size):
        cause_local[causes[i]] = -1
    return cause, causes, alike, kinds


@_compiled
def _codes(s: Steps, steps: Ints, cause_local: Ints) -> tuple[Ints, Words]:
    """The causes of some steps, numbered in `cause_local`, and for each a hash of the steps that it labels."""
    causes = [np.int32(0) for _ in range(0)]
    code = [np.uint64(0) for _ in range(0)]
    for i in range(steps.size):
        for k in range(s.cause.shape[1]):
            c = s.cause[steps[i], k]
            if c < 0:
                continue
            if cause_local[c] < 0:
                cause_local[c] = len(causes)
                causes.append(c)
                code.append(_ZERO)
            code[cause_local[c]] += mix(np.uint64(i + 1) * _GAMMA)
    codes = np.zeros(len(causes), np.uint64)
    for i in range(codes.size):
        codes[i] = code[i]
    return _array(causes, False), codes


@_compiled
def live_part(
    s: Steps,
    luck: Luck,
    cur: Words,
    targets: Ints,
    asked: Words,
    work: Any,
    local: Ints,
    cause_local: Ints,
) -> Live:
    """The live steps behind the falls `asked` (a word of lanes for each of `targets`).

    `work` (bits wanted, bits new, bits of steps, queue of states + 1) and the two renumbering arrays
    (all -1) are scratch, clean again on return.
    """
    states, steps = _collect(s, luck, cur, targets, asked, work)
    return _renumber(s, states, steps, work, local, cause_local)


@_compiled
def _sweep(part: Live, gone: Words, cur: Words, tree: Words) -> bool:
    """Take every live step once whose cause is not gone; tell whether any state gained a lane."""
    moved = False
    for e in range(part.src.size):
        got = cur[part.src[e]] & part.bits[e] & ~cur[part.dst[e]]
        if got == _ZERO:
            continue
        if part.guard[e] >= 0:
            got &= cur[part.guard[e]]
        for c in part.cause[e]:
            if c >= 0:
                got &= ~gone[c]
        if got != _ZERO:
            cur[part.dst[e]] |= got
            moved = True
            if tree.size:
                tree[e] |= got
    return moved


@_compiled
def _solve(part: Live, entry: Words, gone: Words, lanes: Any, cur: Words, tree: Words) -> None:
    """The least fixpoint without the causes that are gone in each lane."""
    for v in range(cur.size):
        cur[v] = entry[v] & lanes
    while _sweep(part, gone, cur, tree):
        pass


@_compiled
def fallen(part: Live, entry: Words, struck: Any, targets: Ints) -> Words:
    """Return the lanes in which each target falls when the causes that are `struck` are gone."""
    gone = np.zeros(struck.size, np.uint64)
    for c in range(struck.size):
        if struck[c]:
            gone[c] = ~_ZERO
    cur = np.empty(part.states.size, np.uint64)
    _solve(part, entry, gone, ~_ZERO, cur, np.zeros(0, np.uint64))
    out = np.empty(targets.size, np.uint64)
    for j in range(targets.size):
        out[j] = cur[targets[j]]
    return out


class Laid(NamedTuple):
    """The live parts of many words, one after another: those of word `w` are `step[w]:step[w + 1]` and so on.

    `src`, `dst`, `guard`, `place` are states of the word's own part; `cause` numbers the causes of all parts together.
    """

    step: Longs
    state: Longs
    target: Longs
    src: Ints
    dst: Ints
    guard: Ints
    bits: Words
    cause: Ints
    entry: Words
    place: Ints
    asked: Words


@_compiled
def _swept(laid: Laid, w: Any, struck: Any, cur: Words) -> Any:
    moved = False
    for e in range(laid.step[w], laid.step[w + 1]):
        got = cur[laid.src[e]] & laid.bits[e] & ~cur[laid.dst[e]]
        if got == _ZERO:
            continue
        if laid.guard[e] >= 0:
            got &= cur[laid.guard[e]]
        if got == _ZERO:
            continue
        there = True
        for c in laid.cause[e]:
            there &= c < 0 or not struck[c]
        if there:
            cur[laid.dst[e]] |= got
            moved = True
    return moved


@_compiled
def saved(laid: Laid, words: Ints, struck: Any) -> Words:
    """Return, by target of all words, the lanes in which it no longer falls; only `words` are looked at."""
    out = np.zeros(laid.asked.size, np.uint64)
    for w in words:
        cur = laid.entry[laid.state[w] : laid.state[w + 1]].copy()
        while _swept(laid, w, struck, cur):
            pass
        for t in range(laid.target[w], laid.target[w + 1]):
            out[t] = laid.asked[t] & ~cur[laid.place[t]]
    return out


@_inlined
def _count(causes: Any, on: Any, flow: Any) -> None:
    for c in causes:
        if c >= 0:
            flow[c] |= on


@_compiled
def _proof(part: Live, tree: Words, into: tuple[Longs, Ints], target: Any, asked: Any, flow: Any) -> None:
    """Mark in `flow` (one word per cause) the lanes in which a cause is on the kept proof of a target."""
    if asked == _ZERO:
        return
    start, ids = into
    wanted = np.zeros(part.states.size, np.uint64)
    fresh = np.zeros(part.states.size, np.uint64)
    todo = [np.int32(target)]
    wanted[target] = asked
    fresh[target] = asked
    while len(todo) > 0:
        v = todo.pop()
        ask = fresh[v]
        fresh[v] = _ZERO
        for i in range(start[v], start[v + 1]):
            e = ids[i]
            on = ask & tree[e]
            if on == _ZERO:
                continue
            _count(part.cause[e], on, flow)
            for w in (part.src[e], part.guard[e]):
                add = on & ~wanted[w] if w >= 0 else _ZERO
                if add != _ZERO:
                    wanted[w] |= add
                    if fresh[w] == _ZERO:
                        todo.append(w)
                    fresh[w] |= add


@_compiled
def _any_target(table: Any) -> Words:
    out = np.zeros(table.shape[0], np.uint64)
    for c in range(table.shape[0]):
        for j in range(table.shape[1]):
            out[c] |= table[c, j]
    return out


@_compiled
def _of_lane(part: Live, lane: Any) -> Ints:
    """The steps that are live in a lane, in their order."""
    bit = np.uint64(1) << np.uint64(lane)
    count = 0
    for e in range(part.bits.size):
        count += 1 if part.bits[e] & bit else 0
    out = np.empty(count, np.int32)
    count = 0
    for e in range(part.bits.size):
        if part.bits[e] & bit:
            out[count] = e
            count += 1
    return out


@_compiled
def _without_each(part: Live, steps: Ints, gone: Words, cur: Words) -> None:
    """The least fixpoint in one world, bit `i` without the causes that are gone in it; `cur` holds the entries."""
    again = True
    while again:
        again = False
        for e in steps:
            got = cur[part.src[e]] & ~cur[part.dst[e]]
            if got != _ZERO and part.guard[e] >= 0:
                got &= cur[part.guard[e]]
            if got != _ZERO:
                for c in part.cause[e]:
                    if c >= 0:
                        got &= ~gone[c]
            if got != _ZERO:
                cur[part.dst[e]] |= got
                again = True


@_compiled
def _enter(part: Live, entry: Words, targets: Ints, steps: Ints, bit: Any, cur: Words) -> None:
    """Start every state of some steps, and every target, from the entries of a lane alone."""
    for e in steps:
        for v in (part.src[e], part.dst[e], part.guard[e]):
            if v >= 0:
                cur[v] = ~_ZERO if entry[v] & bit else _ZERO
    for v in targets:
        cur[v] = ~_ZERO if entry[v] & bit else _ZERO


@_compiled
def _note(tried: Ints, lost: Any, bit: Any, need: Words) -> None:
    for i in range(tried.size):
        if lost >> np.uint64(i) & np.uint64(1):
            need[tried[i]] |= bit


@_compiled
def _try_lane(
    part: Live, entry: Words, targets: Ints, asked: Words, lane: Any, tried: Ints, need: Words, work: Any
) -> None:
    """Remove the causes `tried` one by one in the world of a lane, 64 at a time in the bits of a word."""
    gone, cur = work
    bit = np.uint64(1) << np.uint64(lane)
    steps = _of_lane(part, lane)
    for first in range(0, tried.size, 64):
        some = tried[first : first + 64]
        for i in range(some.size):
            gone[some[i]] = np.uint64(1) << np.uint64(i)
        _enter(part, entry, targets, steps, bit, cur)
        _without_each(part, steps, gone, cur)
        for j in range(targets.size):
            if asked[j] & bit:
                _note(some, ~cur[targets[j]], bit, need[:, j])
        for c in some:
            gone[c] = _ZERO


@_compiled
def necessary(part: Live, into: tuple[Longs, Ints], entry: Words, targets: Ints, asked: Words) -> tuple[Words, Words]:
    """For each cause and target: lanes in which the target falls only with the cause, and proof lanes.

    Both results have shape (causes, targets). `entry` holds the entry lanes of each state of the part.
    A necessary cause is on every proof, so what is missing from one proof is settled; the others are
    removed one by one, world by world, each in a bit of its own: a world has few live steps.
    """
    causes, count = part.kinds, targets.size
    flow = np.zeros((causes, count), np.uint64)
    need = np.zeros((causes, count), np.uint64)
    cur = np.empty(part.states.size, np.uint64)
    tree = np.zeros(part.src.size, np.uint64)
    gone = np.zeros(causes, np.uint64)
    _solve(part, entry, gone, ~_ZERO, cur, tree)
    for j in range(count):
        _proof(part, tree, into, targets[j], asked[j], flow[:, j])
    left = _any_target(flow)
    for lane in range(64):
        tried = np.flatnonzero(left >> np.uint64(lane) & np.uint64(1)).astype(np.int32)
        if tried.size:
            _try_lane(part, entry, targets, asked, lane, tried, need, (gone, cur))
    return need, flow
