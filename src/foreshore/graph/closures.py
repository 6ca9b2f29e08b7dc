"""What can be reached, what leads somewhere, and the part of a graph in which both hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foreshore.errors import UsageError
from foreshore.graph import draws as luck
from foreshore.graph.model import Bools, Graph, Ints, Longs

if TYPE_CHECKING:
    from foreshore.graph.kernels import Steps


MEMO = 0.5  # luck is kept for steps alike where they are at most this share of all
_MIX = 0x5DEECE66D


def states_of(graph: Graph, states: object, name: str) -> Ints:
    """Check a list of states against the graph."""
    chosen = np.asarray(states, np.int64).reshape(-1)
    if chosen.size and (chosen.min() < 0 or chosen.max() >= graph.states):
        raise UsageError(f"“{name}” names a state that is not there", hint=f"0 to {graph.states - 1}")
    return np.ascontiguousarray(chosen, np.int32)


def reach(graph: Graph, entries: Ints, step_mask: Bools | None = None) -> Bools:
    """States that can be held at all: `entries` and what follows over the steps in `step_mask`.

    A step with a guard counts once both of its premises are held. Returns one flag per state.
    """
    from foreshore.graph import kernels

    held = np.zeros(graph.states, np.bool_)
    held[states_of(graph, entries, "entries")] = True
    out, guards = graph.by_src, graph.by_guard
    kernels.forward(
        out.start,
        out.ids,
        guards.start,
        guards.ids,
        graph.src,
        graph.dst,
        graph.guard,
        _mask(graph, step_mask),
        held,
    )
    return held


def leads(graph: Graph, targets: Ints, step_mask: Bools | None = None) -> Bools:
    """States that may help towards `targets` over the steps in `step_mask`, as source or as guard.

    Not more than "may": whether the other premise can be held is not asked. One flag per state.
    """
    from foreshore.graph import kernels

    wanted = np.zeros(graph.states, np.bool_)
    wanted[states_of(graph, targets, "targets")] = True
    into = graph.by_dst
    kernels.backward(into.start, into.ids, graph.src, graph.guard, _mask(graph, step_mask), wanted)
    return wanted


def _mask(graph: Graph, step_mask: Bools | None) -> Bools:
    if step_mask is None:
        return np.ones(graph.steps, np.bool_)
    given = np.ascontiguousarray(step_mask, np.bool_)
    if given.shape != (graph.steps,):
        raise UsageError(f"“step_mask” has {given.size} flags for {graph.steps} steps")
    return given


@dataclass(frozen=True, eq=False)
class Part:
    """The states and steps that matter between entries and targets, renumbered.

    `local[v]` is the new number of state `v` or -1; `step` gives the graph's number of each step.
    """

    states: int
    local: Ints
    step: Ints
    src: Ints
    dst: Ints
    guard: Ints
    start: NDArray[np.int64]


def cut(graph: Graph, starts: Sequence[Ints], targets: Ints, usable: Bools) -> Part:
    """Drop every state and step that lies on no way to `targets` over `usable` steps.

    `starts` are the entries of each attacker; premises that only two different attackers could hold
    together do not count as held.
    """
    from foreshore.graph import kernels

    held = np.zeros(graph.states, np.bool_)
    open_now = np.zeros(graph.steps, np.bool_)
    guarded = np.flatnonzero(graph.guard >= 0)
    for entries in starts:
        mine = reach(graph, entries, usable)
        ready = usable & mine[graph.src]
        ready[guarded] &= mine[graph.guard[guarded]]
        held |= mine
        open_now |= ready
    kept = leads(graph, targets, open_now) & held
    local = np.full(graph.states + 1, -1, np.int32)
    states = np.flatnonzero(kept)
    local[states] = np.arange(states.size, dtype=np.int32)
    ids = graph.by_src.ids
    step = ids[(open_now & kept[graph.dst])[ids]]
    src, dst = local[graph.src[step]], local[graph.dst[step]]
    start, _ = kernels.group(src, states.size)
    return Part(int(states.size), local[:-1], step, src, dst, local[graph.guard[step]], start)


def _alike(columns: Sequence[NDArray[Any]]) -> Ints:
    """Number steps so that those that are equal in every column share a number; empty where few are."""
    code = np.zeros(columns[0].size, np.uint64)
    for column in columns:
        code = luck.hashed(_MIX, code ^ luck.hashed(_MIX, column.astype(np.uint64)))
    _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
    few = first.size > MEMO * inverse.size
    if few or any(not np.array_equal(column[first][inverse], column) for column in columns):
        return np.zeros(0, np.int32)
    return inverse.astype(np.int32)


def whole(graph: Graph) -> Part:
    """The whole graph as a part: every state keeps its number, steps stand in the order of `by_src`."""
    step = graph.by_src.ids
    states = np.arange(graph.states, dtype=np.int32)
    return Part(graph.states, states, step, graph.src[step], graph.dst[step], graph.guard[step], graph.by_src.start)


@dataclass(frozen=True, eq=False)
class Tags:
    """Causes of several kinds in one numbering: those of `names[i]` start at `first[i]`; the last is their number.

    `column` has a row for each step of a part and as many columns as a step can have causes; -1: none.
    """

    names: tuple[str, ...]
    first: Longs
    column: Ints

    @property
    def count(self) -> int:
        """How many causes there are."""
        return int(self.first[-1])

    def among(self, graph: Graph, removed: Ints | Longs) -> Bools:
        """Which causes are among the removal numbers; raises UsageError for kinds that are not numbered here."""
        gone = np.zeros(self.count, np.bool_)
        for kind, ids in graph.by_kind(removed):
            if kind not in self.names:
                raise UsageError(f"causes of the kind “{kind}” were not kept", hint=", ".join(self.names))
            i = self.names.index(kind)
            gone[self.first[i] + ids[ids < self.first[i + 1] - self.first[i]]] = True
        return gone


def tags(graph: Graph, part: Part, names: Sequence[str]) -> Tags:
    """Number the causes of the kinds `names` together."""
    columns = [graph.layer(name)[part.step] for name in names]
    sizes = [graph.states if name == "state" else int(graph.layer(name).max(initial=-1)) + 1 for name in names]
    first = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes, dtype=np.int64)])
    if first[-1] >= 2**31:
        raise UsageError("a graph holds fewer than 2^31 causes")
    moved = [np.where(c >= 0, c + np.int32(first[i]), np.int32(-1)) for i, c in enumerate(columns)]
    return Tags(tuple(names), first, np.ascontiguousarray(np.concatenate(moved, axis=1), np.int32))


def steps_of(
    graph: Graph, part: Part, threshold: NDArray[np.uint32], kind: Ints, cause: Ints, *, remember: bool = True
) -> Steps:
    """Lay out a part for the compiled loops; `cause` has a row for each step of the part.

    `remember` says whether the luck of steps that are alike is worth keeping once it is drawn.
    """
    from foreshore.graph import kernels

    guard_start, guard_ids = kernels.group(part.guard, part.states)
    back_start, back_ids = kernels.group(part.dst, part.states)
    return kernels.Steps(
        part.start,
        part.src,
        part.dst,
        part.guard,
        graph.key[part.step].view(np.uint64),
        threshold,
        kind,
        graph.shared[part.step],
        cause,
        guard_start,
        guard_ids,
        part.src[guard_ids],
        part.dst[guard_ids],
        back_start,
        back_ids,
        _alike((graph.key[part.step], threshold, kind, graph.shared[part.step])) if remember else np.zeros(0, np.int32),
    )
