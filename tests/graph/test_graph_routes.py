"""The k likeliest ways are those that a listing of every chain gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.graph.small import chains, cheapest, closure, graphs, made

from foreshore.errors import UsageError
from foreshore.graph import Graph, routes

Ask = dict[str, list[int]]


@st.composite
def questions(draw: st.DrawFn) -> tuple[Graph, Ask]:
    graph = draw(graphs(steps=16, levels=(0.0, 0.1, 0.3, 0.5, 0.9, 1.0)))
    state = st.integers(0, graph.states - 1)
    few = st.lists(state, max_size=1)
    return graph, {
        "sources": draw(st.lists(state, min_size=1, max_size=2)),
        "goals": draw(st.lists(state, min_size=1, max_size=2)),
        "held": draw(few),
        "through": draw(st.lists(state, max_size=2)) if draw(st.booleans()) else [],
        "avoid": draw(few) if draw(st.booleans()) else [],
    }


def listed(graph: Graph, ask: Ask) -> list[tuple[float, tuple[int, ...], tuple[int, ...]]]:
    """All chains that answer the question, the likeliest first."""
    avoid = set(ask["avoid"])
    touched = [{int(graph.src[e]), int(graph.guard[e]), int(graph.dst[e])} for e in range(graph.steps)]
    chance = graph.p * np.append(graph.draws.p, 1)[graph.shared]
    chance = np.where([bool(avoid & one) for one in touched], 0.0, chance)
    sources, held = set(ask["sources"]) - avoid, set(ask["held"]) - avoid
    best = cheapest(graph, chance, sources | held)
    every = chains(graph, best, chance, sources, set(ask["goals"]) - avoid, sources | held)
    return sorted((one for one in every if set(ask["through"]) <= set(one[1])), key=lambda one: -one[0])


@settings(max_examples=150, deadline=None)
@given(questions())
def test_ways_are_the_likeliest_chains_of_states(asked: tuple[Graph, Ask]) -> None:
    graph, ask = asked
    best: dict[tuple[int, ...], float] = {}
    for chance, states, _ in listed(graph, ask):
        best[states] = max(best.get(states, 0.0), chance)
    wanted = sorted(best.values(), reverse=True)[:6]
    found = routes(graph, **ask, k=6)  # type: ignore[arg-type]
    assert found.complete
    assert np.allclose([one.chance for one in found.found], wanted, rtol=1e-9)
    assert len({one.states for one in found.found}) == len(found.found)
    for one in found.found:
        assert one.chance == pytest.approx(best[one.states])
        assert set(ask["through"]) <= set(one.states)
        assert not set(ask["avoid"]) & set(one.states)


@settings(max_examples=80, deadline=None)
@given(questions())
def test_every_way_is_a_proof_with_its_own_probability(asked: tuple[Graph, Ask]) -> None:
    graph, ask = asked
    for different in ("states", "causes", "apart"):
        for one in routes(graph, **ask, k=4, different=different).found:  # type: ignore[arg-type]
            held = set(ask["sources"]) | set(ask["held"])
            for step in one.steps:
                assert int(graph.src[step]) in held
                assert graph.guard[step] < 0 or int(graph.guard[step]) in held
                held.add(int(graph.dst[step]))
            assert one.states[-1] in ask["goals"]
            assert set(one.chain) <= set(one.steps)
            assert one.causes == {int(c) for c in graph.cause[list(one.steps)] if c >= 0}
            used = {int(s) for s in graph.shared[list(one.steps)] if s >= 0}
            each = np.prod(graph.p[list(one.steps)]) * np.prod(graph.draws.p[list(used)])
            assert one.probability == pytest.approx(each)
            assert one.chance <= one.probability + 1e-12


@settings(max_examples=60, deadline=None)
@given(questions())
def test_ways_apart_share_no_cause_and_each_is_the_best_left(asked: tuple[Graph, Ask]) -> None:
    graph, ask = asked
    found = routes(graph, **ask, k=4, different="apart").found  # type: ignore[arg-type]
    left = np.ones(graph.steps, np.bool_)
    for one in found:
        alone = routes(graph, **ask, k=1, step_mask=left).found  # type: ignore[arg-type]
        assert one.chance == pytest.approx(alone[0].chance)
        if one.causes:
            left &= ~np.isin(graph.cause, list(one.causes))
        else:
            left[list(one.steps)] = False
    for i, one in enumerate(found):
        for other in found[:i]:
            assert not one.causes & other.causes
            assert one.causes or other.causes or not set(one.steps) & set(other.steps)


@settings(max_examples=60, deadline=None)
@given(questions())
def test_ways_by_causes_have_each_set_of_causes_once(asked: tuple[Graph, Ask]) -> None:
    graph, ask = asked
    found = routes(graph, **ask, k=50, different="causes").found  # type: ignore[arg-type]
    assert len({one.causes for one in found}) == len(found)
    assert [one.chance for one in found] == sorted((one.chance for one in found), reverse=True)
    chances = [chance for chance, _, _ in listed(graph, ask)]
    assert bool(found) == bool(chances)
    assert not found or found[0].chance == pytest.approx(chances[0])


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_there_is_a_way_where_the_goal_can_be_held(graph: Graph) -> None:
    live = (graph.p > 0) & (np.append(graph.draws.p, 1)[graph.shared] > 0)
    for goal in range(graph.states):
        found = routes(graph, np.array([0]), np.array([goal]), 1).found
        assert bool(found) == (goal in closure(graph, live, [0]))


def test_a_large_graph_is_searched_where_it_matters() -> None:
    graph = made(5, 3000, 20_000, (0.2, 0.5, 0.9))
    found = routes(graph, np.array([0], np.int32), np.array([2999], np.int32), 20)
    assert len(found.found) == 20
    again = routes(graph, np.array([0], np.int32), np.array([2999], np.int32), 20)
    assert [one.steps for one in found.found] == [one.steps for one in again.found]


def test_giving_up_is_said() -> None:
    """Many chains, none of which has causes: one set of causes, and then nothing new."""
    src = np.repeat(np.arange(8, dtype=np.int32), 3)
    graph = Graph(9, src, src + np.int32(1), np.full(24, 0.5), np.arange(24))
    ask = (np.array([0], np.int32), np.array([8], np.int32))
    found = routes(graph, *ask, 2, different="causes", tries=50)
    assert len(found.found) == 1
    assert not found.complete
    assert routes(graph, *ask, 2).complete


def test_questions_about_ways_that_make_no_sense_are_refused() -> None:
    graph = made(1, 4, 6)
    one = np.array([0], np.int32)
    for wrong in ({"k": 0}, {"different": "colour"}, {"through": [9]}, {"avoid": [-1]}, {"tries": 0}):
        with pytest.raises(UsageError):
            routes(graph, one, one, **wrong)
    wide = made(1, 12, 6)
    with pytest.raises(UsageError):
        routes(wide, one, one, through=list(range(8)))
