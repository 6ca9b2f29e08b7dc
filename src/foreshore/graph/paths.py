"""The likeliest way to each target and through each cause, as an explanation and a lower bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foreshore.errors import UsageError
from foreshore.graph.closures import _mask, states_of
from foreshore.graph.model import Bools, Floats, Graph, Ints


@dataclass(frozen=True, eq=False)
class BestPaths:
    """Likeliest ways, from entries to targets, at the central value of every parameter.

    The probability of a way is the product over its steps of own and shared luck. Where a step has a
    guard the ways to both premises multiply (Knuth's generalisation of Dijkstra's rule); what they
    share is counted twice, so the true probability of that way is at least as great, and the
    probability that a target falls at all greater still.
    `to_target` (one per target) and `through_cause` (one per cause) are 0 where there is no way;
    `step_of_cause` is the step of the cause on its best way, -1 without.
    `reached` (one per state) is the best probability of getting there.
    """

    graph: Graph
    targets: Ints
    to_target: Floats
    through_cause: Floats
    step_of_cause: Ints
    reached: Floats
    _before: Ints
    _next: Ints

    def steps_to_state(self, state: int) -> list[int]:
        """Steps of the best way to a state, premises before what needs them; empty at an entry."""
        return self._ordered([state], [])

    def steps_to_target(self, row: int) -> list[int]:
        """Steps of the best way to the `row`-th target; empty where there is none."""
        if not 0 <= row < self.targets.size:
            raise UsageError(f"there is no target {row}", hint=f"0 to {self.targets.size - 1}")
        return self.steps_to_state(int(self.targets[row]))

    def steps_through_cause(self, cause: int) -> list[int]:
        """Steps of the best way through a cause, from an entry to a target; empty where there is none."""
        if not 0 <= cause < self.step_of_cause.size or self.step_of_cause[cause] < 0:
            return []
        tail = [int(self.step_of_cause[cause])]
        at = int(self.graph.dst[tail[0]])
        while self._next[at] >= 0:
            tail.append(int(self._next[at]))
            at = int(self.graph.dst[tail[-1]])
        return self._ordered([], tail)

    def _ordered(self, states: list[int], tail: list[int]) -> list[int]:
        """The proofs of `states`, then each step of `tail` after the proofs of its premises."""
        out: list[int] = []
        held: set[int] = set()
        for state in states:
            self._prove(state, held, out)
        for step in tail:
            for premise in self._premises(step):
                self._prove(premise, held, out)
            if int(self.graph.dst[step]) not in held or step == tail[0]:
                out.append(step)
                held.add(int(self.graph.dst[step]))
        return out

    def _premises(self, step: int) -> list[int]:
        guard = int(self.graph.guard[step])
        return [int(self.graph.src[step])] + ([guard] if guard >= 0 else [])

    def _prove(self, state: int, held: set[int], out: list[int]) -> None:
        todo = [state]
        while todo:
            at = todo[-1]
            step = int(self._before[at])
            missing = [] if step < 0 else [one for one in self._premises(step) if one not in held]
            if at in held or not missing:
                todo.pop()
                if at not in held:
                    held.add(at)
                    if step >= 0:
                        out.append(step)
            else:
                todo.extend(reversed(missing))


def best_paths(graph: Graph, entries: Ints, targets: Ints, step_mask: Bools | None = None) -> BestPaths:
    """Find the likeliest way from `entries` to each of `targets`, and through each cause to any target.

    `step_mask` leaves out steps. Time grows with steps times the logarithm of states.
    """
    return best_paths_each(graph, entries, [targets], step_mask)[0]


def best_paths_each(
    graph: Graph, entries: Ints, groups: Sequence[Ints], step_mask: Bools | None = None
) -> list[BestPaths]:
    """`best_paths` for several groups of targets; the search from the entries is made once for all."""
    from foreshore.graph import ways

    starts = states_of(graph, entries, "entries")
    chance = np.where(_mask(graph, step_mask), graph.p, 0.0)
    shared = np.flatnonzero(graph.shared >= 0)
    chance[shared] *= graph.draws.p[graph.shared[shared]]
    with np.errstate(divide="ignore"):
        weight = np.asarray(-np.log(chance) + 0.0)
    out, into, guards = graph.by_src, graph.by_dst, graph.by_guard
    ahead, before = ways.forward_costs(
        out.start,
        out.ids,
        guards.start,
        guards.ids,
        graph.src,
        graph.dst,
        graph.guard,
        weight,
        starts,
        graph.states,
    )
    reached = np.exp(-ahead)
    found = []
    for targets in groups:
        goals = states_of(graph, targets, "targets")
        after, following = ways.backward_costs(into.start, into.ids, graph.src, graph.guard, weight, ahead, goals)
        cost, step = ways.best_by_cause(
            graph.src, graph.dst, graph.guard, graph.cause, weight, ahead, after, graph.causes
        )
        found.append(BestPaths(graph, goals, reached[goals], np.exp(-cost), step, reached, before, following))
    return found
