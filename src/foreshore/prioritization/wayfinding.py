"""The likeliest different ways between things in an attack graph, as lists of steps."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from foreshore.graph import Graph, Route, routes

if TYPE_CHECKING:
    from foreshore.prioritization.steps import Steps

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
FIRST, MOST = 24, 384  # ways asked of the engine at first and at last, for some turn out to be alike
APART = 60  # starts that are asked one by one, where one attacker does not hold them all


@dataclass(frozen=True)
class Question:
    """Where ways start and end; `through` are sets of steps of each of which one is used, `usable` those allowed.

    `starts` are groups of states that one attacker holds together: premises that only two attackers
    could hold between them do not count. `held` is held besides: premises may use it, no way starts from it.
    """

    starts: tuple[tuple[int, ...], ...]
    goals: tuple[int, ...]
    usable: Bools
    through: tuple[Bools, ...] = ()
    held: tuple[int, ...] = ()


@dataclass(frozen=True)
class Way:
    """One way: its steps, premises before what needs them, and the chance that all of them work together."""

    steps: tuple[int, ...]
    probability: float


@dataclass(frozen=True)
class Looked:
    """Ways, likeliest first, and whether the search for more of them was given up (`complete` is false then)."""

    ways: list[Way]
    complete: bool


Alike = Callable[[Sequence[int]], Hashable]
_SAME = {"harm": -1, "harm_data": -1}
_NOTHING_NEW = ("reach", "foothold", "gate")  # hops that make no way a different one: which port, and standing there


def likeness(steps: Steps) -> Alike:
    """Return what tells ways of these steps apart for people: rules, assets, exposures and relations, not ports."""
    columns, rules = steps.columns, steps.rules
    names = [_SAME.get(rule, number) for number, rule in enumerate(rules)]
    new = [rule not in _NOTHING_NEW for rule in rules]

    def alike(way: Sequence[int]) -> Hashable:
        shown = (one for one in way if new[int(columns["rule"][one])])
        return tuple(
            (names[int(columns["rule"][one])], *(int(columns[name][one]) for name in ("asset", "cause", "tie", "dst")))
            for one in shown
        )

    return alike


def ways(graph: Graph, question: Question, alike: Alike, count: int) -> list[Way]:
    """Return up to `count` different ways, likeliest first; of those with one answer of `alike` only the likeliest."""
    return looked(graph, question, alike, count).ways


def looked(graph: Graph, question: Question, alike: Alike, count: int) -> Looked:
    """Look for `ways`, and say whether fewer than `count` are all that there are.

    Given up is a search in which `MOST` candidates held too few ways, or one whose attackers start in more than
    `APART` different ways.
    """
    field = _Field(graph, question)
    whole = field.ways([one for group in question.starts for one in group], alike, count)
    found, complete = list(whole.ways), whole.complete
    if len(question.starts) > 1 and len(found) < count and bool((graph.guard >= 0).any()):
        complete = len(question.starts) <= APART  # with one attacker after another the joint search proves nothing
        for group in question.starts[:APART]:
            more = field.ways(list(group), alike, count)
            found += more.ways
            complete &= more.complete
    best: dict[Hashable, Way] = {}
    for one in sorted(found, key=lambda way: (-way.probability, len(way.steps), way.steps)):
        best.setdefault(alike(one.steps), one)
    return Looked(list(best.values())[:count], complete or len(best) >= count)


class _Field:
    """The graph that is searched: the allowed steps, in layers where something has to be passed."""

    def __init__(self, graph: Graph, question: Question) -> None:
        self.graph, self.question = graph, question
        number = np.flatnonzero(question.usable)
        self.part, self.number, self.goals = _only(graph, number), number, np.array(question.goals, np.int64)
        for mask in question.through:
            self.part, step = layered(self.part, mask[self.number])
            self.number = self.number[step]
            self.goals = self.goals + self.part.states // 2

    def ways(self, sources: Sequence[int], alike: Alike, count: int) -> Looked:
        """Return different ways from `sources`, which one attacker of the question can start."""
        wanted = max(FIRST, 2 * count)
        while True:
            found = routes(
                self.part, np.unique(sources).astype(np.int32), self.goals.astype(np.int32), wanted,
                held=np.array(self.question.held, np.int32),
            )  # fmt: skip
            kept: dict[Hashable, Way] = {}
            for one in self._fit(found.found):
                kept.setdefault(alike(one.steps), one)
            enough = len(kept) >= count or (len(found.found) < wanted and found.complete)
            if enough or len(found.found) < wanted or wanted >= MOST:
                return Looked(list(kept.values()), enough)
            wanted *= 4

    def _fit(self, found: Sequence[Route]) -> Iterator[Way]:
        for one in found:
            steps = tuple(dict.fromkeys(int(self.number[step]) for step in one.steps))
            begun = self._begun(steps)
            gained = [int(self.graph.dst[step]) for step in steps]
            if (
                len(set(gained)) == len(gained) and not begun & set(gained) and self._together(begun)
            ):  # else round for nothing
                yield Way(steps, chance_of(self.graph, steps))

    def _begun(self, steps: Sequence[int]) -> set[int]:
        """Return the states that a way needs before it has gained them: where its attacker starts."""
        held: set[int] = set()
        begun: set[int] = set()
        for step in steps:
            begun |= {int(self.graph.src[step]), int(self.graph.guard[step])} - held - {-1}
            held.add(int(self.graph.dst[step]))
        return begun

    def _together(self, begun: set[int]) -> bool:
        """Can one attacker start this way, or does it need what only two hold between them?"""
        return any(begun <= {*group, *self.question.held} for group in self.question.starts)


def _only(graph: Graph, number: Ints) -> Graph:
    return replace(
        graph, src=graph.src[number], dst=graph.dst[number], p=graph.p[number], key=graph.key[number],
        guard=graph.guard[number], shared=graph.shared[number], param=graph.param[number],
        cause=graph.cause[number], layers={},
    )  # fmt: skip


def layered(graph: Graph, mask: Bools) -> tuple[Graph, Ints]:
    """Return two copies of a graph, joined by the steps of `mask` alone, and each step's number in the graph.

    Whoever is in the second copy has taken such a step. The second premise of a step is always proved in
    the first copy; with a guard either premise may be the one that has passed.
    """
    every, guarded, chosen = np.arange(graph.steps), np.flatnonzero(graph.guard >= 0), np.flatnonzero(mask)
    shift = graph.states
    parts = [
        (every, graph.src, graph.guard, graph.dst),
        (every, graph.src + shift, graph.guard, graph.dst + shift),
        (guarded, graph.src[guarded], graph.guard[guarded] + shift, graph.dst[guarded] + shift),
        (chosen, graph.src[chosen], graph.guard[chosen], graph.dst[chosen] + shift),
    ]
    step, src, guard, dst = (np.concatenate([part[number] for part in parts]) for number in range(4))
    step = np.asarray(step, np.int64)
    return replace(
        graph, states=2 * shift, src=src, dst=dst, guard=guard, p=graph.p[step], key=graph.key[step],
        shared=graph.shared[step], param=graph.param[step], cause=graph.cause[step], layers={},
    ), step  # fmt: skip


def chance_of(graph: Graph, steps: Sequence[int]) -> float:
    """Return the chance that all `steps` succeed together at the central value of every number.

    Steps with one key succeed together, so the least chance among them counts once; a shared draw
    counts once however many steps hang on it.
    """
    own: dict[int, float] = {}
    for step in steps:
        key = int(graph.key[step])
        own[key] = min(own.get(key, 1.0), float(graph.p[step]))
    draws = {int(graph.shared[step]) for step in steps} - {-1}
    return float(np.prod([*own.values(), *(float(graph.draws.p[one]) for one in sorted(draws)), 1.0]))
