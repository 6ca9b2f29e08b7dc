"""Choke points: what is in every proof of a target, and what removing it would save."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foreshore.errors import UsageError
from foreshore.graph.closures import Part, cut, states_of, steps_of
from foreshore.graph.contributions import contributions
from foreshore.graph.model import Bools, Floats, Graph, Ints, Longs, Profile, Words
from foreshore.graph.simulation import Effort

_DEAR = 1000.0  # what a step of the first proof costs in the second, which is to be another one


@dataclass(frozen=True, eq=False)
class Strict:
    """Pairs of a cause (its number in the layer) and a target (its row): no attacker gets there without it."""

    cause: Ints
    target: Ints


@dataclass(frozen=True, eq=False)
class Choke:
    """Choke points of one kind, the weightiest first; one row per cause on some proof.

    `mean`, `low`, `high`, `error`, `share`: value-weighted losses a year that go when it alone goes (as
    `contributions` says). `traffic`: the same on whose kept proof it is. `strict`: for how many targets
    it is in every proof that is possible at all.
    """

    cause: Ints
    mean: Floats
    low: Floats
    high: Floats
    error: Floats
    share: Floats
    traffic: Floats
    strict: Ints


def strict(graph: Graph, profiles: Sequence[Profile], targets: Ints, *, layer: str = "cause") -> Strict:
    """Find the causes of a kind that are in every proof of a target, for every attacker who can get there.

    Chances do not matter, only which steps are possible. What is in every proof is on any one of them, so
    the causes on two unlike proofs for each attacker and target are tried: each in a lane of its own lacks all its
    steps. Equal to removing each cause of the graph in turn, with guards and causes of several steps too.
    For `state` a target does not count as its own choke point. Raises UsageError for a layer or state
    that is not there.
    """
    return _stricts(graph, profiles, targets, [layer])[layer]


def _stricts(graph: Graph, profiles: Sequence[Profile], targets: Ints, layers: Sequence[str]) -> dict[str, Strict]:
    """`strict` for several layers at once."""
    goals = states_of(graph, targets, "targets")
    usable = (graph.p > 0) & np.append(graph.draws.p > 0, True)[graph.shared]
    columns = {layer: graph.layer(layer) for layer in layers}
    needed: dict[str, list[set[int] | None]] = {layer: [None] * goals.size for layer in layers}
    for one in profiles:
        entries = states_of(graph, one.entries, one.name)
        if one.rate.high <= 0 or not entries.size:
            continue
        laid = _Laid(graph, entries, goals, usable)
        for layer, column in columns.items():
            for row, causes in laid.needed(column):
                before = needed[layer][row]
                needed[layer][row] = causes if before is None else before & causes
    return {layer: _pairs(sets, goals if layer == "state" else None) for layer, sets in needed.items()}


def _pairs(needed: list[set[int] | None], own: Ints | None) -> Strict:
    pairs = sorted((c, row) for row, causes in enumerate(needed) for c in causes or ())
    if own is not None:
        pairs = [pair for pair in pairs if pair[0] != int(own[pair[1]])]
    found = np.array(pairs, np.int32).reshape(-1, 2)
    return Strict(np.ascontiguousarray(found[:, 0]), np.ascontiguousarray(found[:, 1]))


class _Laid:
    """The ways of one attacker to some goals, laid out so that causes can be knocked out of them."""

    def __init__(self, graph: Graph, entries: Ints, goals: Ints, usable: Bools) -> None:
        from foreshore.graph import kernels

        self.part = part = cut(graph, [entries], goals, usable)
        local = part.local[goals]
        self.there = np.flatnonzero(local >= 0)
        self.goals = local[self.there]
        starts = part.local[entries]
        self.starts = starts[starts >= 0]
        first = _proofs(part, self.starts, self.goals, np.ones(part.step.size))
        dear = np.ones(part.step.size)
        dear[np.unique(np.concatenate([np.zeros(0, np.int64), *first]))] = _DEAR
        self.proofs = list(zip(first, _proofs(part, self.starts, self.goals, dear), strict=True))
        always = np.full(part.step.size, kernels.ALWAYS, np.uint32)
        none = np.full(part.step.size, -1, np.int32)
        self.steps = steps_of(graph, part, always, none, none[:, None], remember=False)

    def needed(self, column: Ints) -> list[tuple[int, set[int]]]:
        """For each goal (row) that can be reached: the causes without which it cannot."""
        found: list[tuple[int, set[int]]] = [(int(row), set()) for row in self.there]
        mine = column[self.part.step]
        both = [np.intersect1d(mine[one], mine[other]) for one, other in self.proofs]
        tried = np.unique(np.concatenate([np.zeros(0, np.int32), *both])).astype(np.int32)
        tried = tried[tried >= 0]
        for first in range(0, tried.size, 64):
            some = tried[first : first + 64]
            bits = self._knocked_out(mine, some)[self.goals]
            for i, (_, causes) in enumerate(found):
                causes.update(int(c) for lane, c in enumerate(some) if not int(bits[i]) >> lane & 1)
        return found

    def _knocked_out(self, column: Ints, causes: Ints) -> Words:
        """The lanes in which each state is held, when lane `i` lacks every step of `causes[i]`."""
        from foreshore.graph import kernels

        bit = np.zeros(int(column.max(initial=0)) + 2, np.uint64)
        bit[causes] = np.uint64(1) << np.arange(causes.size, dtype=np.uint64)
        gone = np.bitwise_or.reduce(bit[column], axis=1)
        touched = np.flatnonzero(gone)
        which = np.full(column.shape[0], -1, np.int32)
        which[touched] = np.arange(touched.size, dtype=np.int32)
        nothing = np.zeros(0, np.uint64)
        fate = kernels.Luck(
            np.zeros((1, 32), np.uint64), np.uint64(0), ~gone[touched], nothing, np.zeros(0, np.uint8), *kernels.FREE
        )
        cur = np.zeros(self.part.states, np.uint64)
        cur[self.starts] = ~np.uint64(0)
        busy = np.ones((self.part.states + 63) // 64, np.uint8)
        kernels.spread(self.steps._replace(shared=which), fate, cur, cur.copy(), busy)
        return cur


def _proofs(part: Part, starts: Ints, goals: Ints, weight: Floats) -> list[Longs]:
    """The steps of one proof of each goal, one that costs little by `weight`."""
    from foreshore.graph import kernels, ways

    out = kernels.group(part.src, part.states)
    guards = kernels.group(part.guard, part.states)
    _, before = ways.forward_costs(*out, *guards, part.src, part.dst, part.guard, weight, starts, part.states)
    found = []
    for goal in goals:
        seen, todo, steps = {int(goal)}, [int(goal)], []
        while todo:
            step = int(before[todo.pop()])
            if step >= 0:
                steps.append(step)
                for state in (int(part.src[step]), int(part.guard[step])):
                    if state >= 0 and state not in seen:
                        seen.add(state)
                        todo.append(state)
        found.append(np.array(steps, np.int64))
    return found


def choke_points(
    graph: Graph,
    profiles: Sequence[Profile],
    targets: Ints,
    *,
    seed: int,
    values: Floats | None = None,
    effort: Effort | None = None,
    layers: Sequence[str] = ("cause", "state"),
) -> dict[str, Choke]:
    """Weighted and strict choke points of each kind in `layers`, all kinds on the same years.

    Weighted: what its removal saves, exactly, on the sampled years. Raises UsageError as `contributions` does.
    """
    if not layers:
        raise UsageError("choke points of no kind were asked for", hint=", ".join(graph.kinds))
    more = [name for name in layers if name != "cause"]
    found = contributions(graph, profiles, targets, seed=seed, values=values, effort=effort, layers=more)
    musts = _stricts(graph, profiles, targets, layers)
    out = {}
    for name in layers:
        one = found if name == "cause" else found.layers[name]
        must = musts[name]
        count = np.zeros(max(int(must.cause.max(initial=-1)), int(one.cause.max(initial=-1))) + 1, np.int32)
        np.add.at(count, must.cause, 1)
        out[name] = Choke(
            one.cause, one.mean, one.low, one.high, one.error, one.share, one.proof_flow, count[one.cause]
        )
    return out
