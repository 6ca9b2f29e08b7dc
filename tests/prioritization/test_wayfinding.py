"""Different ways through a graph: each a proof that somebody can make, found exactly where there is one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.graph.small import graphs

from foreshore.graph import Graph, reach
from foreshore.prioritization import wayfinding
from foreshore.prioritization.wayfinding import Question, Way, chance_of, layered, ways

LEVELS = (0.1, 0.5, 0.9, 1.0)


def by_states(graph: Graph, steps: Sequence[int]) -> tuple[int, ...]:
    return tuple(int(graph.dst[one]) for one in steps)


def question(graph: Graph, starts: Sequence[Sequence[int]], goal: int, *through: Sequence[int]) -> Question:
    masks = []
    for chosen in through:
        mask = np.zeros(graph.steps, np.bool_)
        mask[list(chosen)] = True
        masks.append(mask)
    return Question(tuple(map(tuple, starts)), (goal,), np.ones(graph.steps, np.bool_), tuple(masks))


def found(graph: Graph, asked: Question, count: int = 4) -> list[Way]:
    return ways(graph, asked, lambda steps: by_states(graph, steps), count)


def proves(graph: Graph, way: Way, asked: Question) -> bool:
    """Does some one attacker of the question hold all that each step needs, and the goal in the end?"""

    def by(start: Sequence[int]) -> bool:
        held = set(start)
        for step in way.steps:
            guard = int(graph.guard[step])
            if int(graph.src[step]) not in held or (guard >= 0 and guard not in held):
                return False
            held.add(int(graph.dst[step]))
        return bool(held & set(asked.goals))

    return any(by(start) for start in asked.starts)


def splits(graph: Graph) -> bool:
    """Could a premise be held only by two starts together?"""
    return bool((graph.guard >= 0).any())


@settings(deadline=None, max_examples=150)
@given(graph=graphs(levels=LEVELS), goal=st.integers(0, 6), second=st.integers(0, 6))
def test_each_way_is_a_proof_and_there_is_one_where_the_goal_can_be_held(graph: Graph, goal: int, second: int) -> None:
    goal, second = goal % graph.states, second % graph.states
    asked = question(graph, [[0], [second]], goal)
    told = found(graph, asked)
    assert all(proves(graph, one, asked) for one in told)
    assert all(one.probability == chance_of(graph, one.steps) for one in told)
    assert all(left.probability >= right.probability for left, right in pairwise(told))
    assert len({by_states(graph, one.steps) for one in told}) == len(told)
    possible = any(bool(reach(graph, np.array([one], np.int32))[goal]) for one in (0, second))
    assert bool(told) == possible


@settings(deadline=None, max_examples=150)
@given(graph=graphs(levels=LEVELS), goal=st.integers(0, 6), marked=st.sets(st.integers(0, 13), max_size=3))
def test_ways_through_something_use_it_and_are_found_where_a_plain_search_finds_one(
    graph: Graph, goal: int, marked: set[int]
) -> None:
    graph = replace(graph, guard=np.full(graph.steps, -1, np.int32))
    goal = goal % graph.states
    chosen = {one for one in marked if one < graph.steps}
    asked = question(graph, [[0]], goal, sorted(chosen))
    told = found(graph, asked)
    assert all(proves(graph, one, asked) and set(one.steps) & chosen for one in told)
    assert bool(told) == simple(graph, 0, goal, frozenset({0}), chosen, met=False)


def simple(graph: Graph, at: int, goal: int, seen: frozenset[int], chosen: set[int], *, met: bool) -> bool:
    """Is there a path that comes to no state twice and uses a chosen step?"""
    if at == goal and met:
        return True
    return any(
        simple(graph, int(graph.dst[step]), goal, seen | {int(graph.dst[step])}, chosen, met=met or step in chosen)
        for step in np.flatnonzero(graph.src == at).tolist()
        if int(graph.dst[step]) not in seen
    )


def test_what_only_two_attackers_hold_between_them_is_no_way() -> None:
    graph = Graph(
        4, src=np.array([0, 1], np.int32), dst=np.array([2, 3], np.int32), p=np.ones(2), key=np.array([1, 2]),
        guard=np.array([1, -1], np.int32),
    )  # fmt: skip
    assert not found(graph, question(graph, [[0], [1]], 2))
    assert [one.steps for one in found(graph, question(graph, [[0, 1]], 2))] == [(0,)]


def test_a_forbidden_step_is_gone_round_and_two_things_are_passed_in_any_order() -> None:
    # 0 -a-> 1 -b-> 3 and 0 -c-> 2 -d-> 3, then 3 -e-> 4
    graph = Graph(
        5, src=np.array([0, 1, 0, 2, 3], np.int32), dst=np.array([1, 3, 2, 3, 4], np.int32),
        p=np.array([0.9, 0.9, 0.5, 0.5, 1.0]), key=np.arange(1, 6),
    )  # fmt: skip
    assert [one.steps for one in found(graph, question(graph, [[0]], 4))] == [(0, 1, 4), (2, 3, 4)]
    assert [one.steps for one in found(graph, question(graph, [[0]], 4, [4], [2]))] == [(2, 3, 4)]
    assert not found(graph, question(graph, [[0]], 4, [0], [2]))
    usable = np.array([False, True, True, True, True])
    assert [one.steps for one in found(graph, replace(question(graph, [[0]], 4), usable=usable))] == [(2, 3, 4)]


def test_luck_that_is_shared_counts_once() -> None:
    graph = Graph(
        3, src=np.array([0, 1], np.int32), dst=np.array([1, 2], np.int32), p=np.array([0.5, 0.4]), key=np.array([7, 7])
    )
    assert math.isclose(chance_of(graph, [0, 1]), 0.4)


@settings(deadline=None, max_examples=60)
@given(graph=graphs(levels=LEVELS), marked=st.sets(st.integers(0, 13)))
def test_layers_hold_twice_what_the_graph_holds(graph: Graph, marked: set[int]) -> None:
    mask = np.isin(np.arange(graph.steps), sorted(marked))
    twice, step = layered(graph, mask)
    held = reach(twice, np.array([0], np.int32))
    once = reach(graph, np.array([0], np.int32))
    assert (held[: graph.states] == once).all()
    assert not (held[graph.states :] & ~once).any()
    assert (graph.p[step] == twice.p).all()
    if not mask.any():
        assert not held[graph.states :].any()


def fan(wide: int) -> Graph:
    """As many ways of two steps from state 0 to state 1 as `wide`."""
    between = np.arange(wide, dtype=np.int32) + 2
    src, dst = np.concatenate([0 * between, between]), np.concatenate([between, 0 * between + 1])
    return Graph(wide + 2, src, dst, np.full(2 * wide, 0.5), np.arange(2 * wide))


@pytest.mark.parametrize(("most", "complete"), [(4, False), (16, False), (40, True)])
def test_a_search_that_was_given_up_says_so(monkeypatch: pytest.MonkeyPatch, most: int, complete: bool) -> None:
    monkeypatch.setattr(wayfinding, "FIRST", 4)
    monkeypatch.setattr(wayfinding, "MOST", most)
    graph = fan(30)
    asked = question(graph, [[0]], 1)
    told = wayfinding.looked(graph, asked, lambda _: 0, 2)
    assert len(told.ways) == 1
    assert told.complete is complete
    assert wayfinding.looked(graph, asked, lambda _: 0, 1).complete, "as many as were asked for"


def test_attackers_that_are_not_asked_one_by_one_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wayfinding, "APART", 2)
    graph = replace(fan(3), guard=np.array([-1, -1, -1, -1, -1, 0], np.int32))
    for starts, complete in (([[0], [2]], True), ([[0], [2], [3]], False)):
        assert wayfinding.looked(graph, question(graph, starts, 1), tuple, 9).complete is complete
