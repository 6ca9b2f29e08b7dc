"""Compiled loops that find which causes a fall could not have done without.

For one word of lanes: walk back from the fallen targets over live steps, drawing luck only where it
matters, and keep that small live part; keep one proof of each fall in it; then try again without
each cause that is on a proof. A cause that is on no kept proof cannot be necessary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from foreshore.graph.kernels import Luck, Steps, _compiled, _inlined, offer
from foreshore.graph.model import Ints, Longs, Words

if TYPE_CHECKING:
    from foreshore.graph.worlds import Attack, Worlds

_ZERO = np.uint64(0)


class Live(NamedTuple):
    """The live steps that bear on some fall in a word, with states and causes renumbered.

    `step` is the step's number in the part, `bits` the lanes in which it is live; ordered from the
    entries towards the targets. `states` and `causes` give the old numbers.
    """

    step: Ints
    src: Ints
    dst: Ints
    guard: Ints
    bits: Words
    cause: Ints
    states: Ints
    causes: Ints


def scratch(worlds: Worlds) -> tuple[Any, Ints, Ints]:
    """Make the arrays that `live_part` works in; they may be used again and again by one thread."""
    states, steps = worlds.part.states, worlds.part.step.size
    work = (
        np.zeros(states, np.uint64),
        np.zeros(states, np.uint64),
        np.zeros(steps, np.uint64),
        np.zeros(states + 1, np.int32),
    )
    return work, np.full(states, -1, np.int32), np.full(worlds.graph.causes, -1, np.int32)


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
def _array(numbers: Any, turned: Any) -> Ints:
    out = np.empty(len(numbers), np.int32)
    for i in range(len(numbers)):
        out[i] = numbers[len(numbers) - 1 - i] if turned else numbers[i]
    return out


@_compiled
def _renumber(s: Steps, states: Ints, steps: Ints, work: Any, local: Ints, cause_local: Ints) -> Live:
    wanted, _, bits, _ = work
    for i in range(states.size):
        local[states[i]] = i
        wanted[states[i]] = _ZERO
    src = np.empty(steps.size, np.int32)
    dst = np.empty(steps.size, np.int32)
    guard = np.empty(steps.size, np.int32)
    cause = np.empty(steps.size, np.int32)
    live = np.empty(steps.size, np.uint64)
    causes = np.empty(steps.size, np.int32)
    count = 0
    for i in range(steps.size):
        e = steps[i]
        src[i], dst[i] = local[s.src[e]], local[s.dst[e]]
        guard[i] = local[s.guard[e]] if s.guard[e] >= 0 else -1
        live[i] = bits[e]
        bits[e] = _ZERO
        c = s.cause[e]
        if c >= 0 and cause_local[c] < 0:
            cause_local[c] = count
            causes[count] = c
            count += 1
        cause[i] = cause_local[c] if c >= 0 else -1
    for i in range(states.size):
        local[states[i]] = -1
    for i in range(count):
        cause_local[causes[i]] = -1
    return Live(steps, src, dst, guard, live, cause, states, causes[:count].copy())


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
        if part.cause[e] >= 0:
            got &= ~gone[part.cause[e]]
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


@_compiled
def _avoid(part: Live, entry: Words, unloved: Words, lanes: Any, cur: Words, tree: Words) -> None:
    """The least fixpoint, taking steps of unloved causes only where nothing else gets further."""
    none = np.zeros(unloved.size, np.uint64)
    _solve(part, entry, unloved, lanes, cur, tree)
    while _sweep(part, none, cur, tree):
        while _sweep(part, unloved, cur, tree):
            pass


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
            if part.cause[e] >= 0:
                flow[part.cause[e]] |= on
            for side in range(2):
                w = part.src[e] if side == 0 else part.guard[e]
                if w < 0:
                    continue
                add = on & ~wanted[w]
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
def _narrow(
    part: Live, into: tuple[Longs, Ints], entry: Words, targets: Ints, asked: Words, maybe: Any, tries: Any
) -> None:
    """Strike from `maybe` what is not on further proofs, each made to avoid what is still in question."""
    cur = np.empty(part.states.size, np.uint64)
    on = np.zeros(part.causes.size, np.uint64)
    for _ in range(tries):
        unloved = _any_target(maybe)
        lanes = _ZERO
        for c in range(unloved.size):
            lanes |= unloved[c]
        tree = np.zeros(part.src.size, np.uint64)
        _avoid(part, entry, unloved, lanes, cur, tree)
        struck = False
        for j in range(targets.size):
            on[:] = _ZERO
            _proof(part, tree, into, targets[j], asked[j] & lanes, on)
            for c in range(on.size):
                struck |= (maybe[c, j] & ~on[c]) != _ZERO
                maybe[c, j] &= on[c]
        if not struck:
            return


@_compiled
def necessary(part: Live, into: tuple[Longs, Ints], entry: Words, targets: Ints, asked: Words) -> tuple[Words, Words]:
    """For each cause and target: lanes in which the target falls only with the cause, and proof lanes.

    Both results have shape (causes, targets). `entry` holds the entry lanes of each state of the part.
    A necessary cause is on every proof, so what is missing from one proof is settled; the few left
    are removed one by one, in each lane another one at the same time.
    """
    causes, count = part.causes.size, targets.size
    flow = np.zeros((causes, count), np.uint64)
    need = np.zeros((causes, count), np.uint64)
    cur = np.empty(part.states.size, np.uint64)
    tree = np.zeros(part.src.size, np.uint64)
    gone = np.zeros(causes, np.uint64)
    _solve(part, entry, gone, ~_ZERO, cur, tree)
    for j in range(count):
        _proof(part, tree, into, targets[j], asked[j], flow[:, j])
    maybe = flow.copy()
    _narrow(part, into, entry, targets, asked, maybe, 4)
    left = _any_target(maybe)
    none = np.zeros(0, np.uint64)
    while True:
        lanes = _ZERO
        for c in range(causes):
            gone[c] = left[c] & ~lanes
            lanes |= gone[c]
            left[c] &= ~gone[c]
        if lanes == _ZERO:
            return need, flow
        _solve(part, entry, gone, lanes, cur, none)
        for j in range(count):
            lost = asked[j] & lanes & ~cur[targets[j]]
            if lost != _ZERO:
                for c in range(causes):
                    need[c, j] |= lost & gone[c]
