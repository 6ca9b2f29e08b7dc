"""Causes of every kind: contributions, choke points and replays against removal, one cause at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.graph.small import attackers, closure, graphs, made, possible

from foreshore.errors import UsageError
from foreshore.graph import Effort, Graph, Profile, Range, choke_points, contributions, simulate, strict
from foreshore.graph.replay import Replay

KINDS = ("cause", "state", "relation", "control")


def every(graph: Graph, kind: str) -> range:
    """All causes of a kind."""
    return range(graph.states if kind == "state" else int(graph.layer(kind).max(initial=-1)) + 1)


@settings(max_examples=30, deadline=None)
@given(graphs(), st.integers(0, 1000), st.sampled_from([1, 2]))
def test_one_pass_equals_removing_each_cause_of_each_kind(graph: Graph, seed: int, most: int) -> None:
    targets = np.unique(np.array([graph.states - 1, graph.states // 2], np.int32))
    values = np.array([3.0, 1.0])[: targets.size]
    people, effort = attackers(graph.states), Effort(worlds=128, losses_per_year=most)
    found = contributions(
        graph, people, targets, seed=seed, values=values, effort=effort, layers=("state", "relation", "control")
    )
    plain = contributions(graph, people, targets, seed=seed, values=values, effort=effort)
    assert np.array_equal(plain.mean, found.mean)
    assert np.array_equal(plain.cause, found.cause)
    before = simulate(graph, people, targets, seed=seed, effort=effort)
    for kind in KINDS:
        table = found if kind == "cause" else found.layers[kind]
        assert set(table.cause.tolist()) <= set(every(graph, kind))
        for cause in every(graph, kind):
            gone = graph.numbers(kind, [cause])
            after = simulate(graph, people, targets, seed=seed, effort=effort, removed=gone)
            exact = (before.events - after.events) @ values
            assert table.mean[table.cause == cause].sum() == pytest.approx(exact, abs=1e-12)
            pairs = table.pair_cause == cause
            assert table.pair_mean[pairs] @ values[table.pair_target[pairs]] == pytest.approx(exact, abs=1e-12)
        assert (table.proof_flow >= table.mean - 1e-12).all()
        assert table.by_draw.mean(axis=1) == pytest.approx(table.mean)


@settings(max_examples=30, deadline=None)
@given(graphs(), st.integers(0, 1000), st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 6)), max_size=4))
def test_a_replay_knows_every_kind(graph: Graph, seed: int, chosen: list[tuple[str, int]]) -> None:
    targets = np.arange(graph.states, dtype=np.int32)
    people, effort = attackers(graph.states), Effort(worlds=128)
    kept = Replay(graph, people, targets, seed=seed, effort=effort, layers=KINDS)
    gone = np.concatenate([np.zeros(0, np.int64), *(graph.numbers(kind, [cause]) for kind, cause in chosen)])
    after = simulate(graph, people, targets, seed=seed, effort=effort, removed=gone)
    rebuilt = simulate(graph.without(gone), people, targets, seed=seed, effort=effort)
    assert np.array_equal(kept.outcome(gone).losses, after.losses)
    assert np.array_equal(rebuilt.losses, after.losses)
    assert np.array_equal(kept.before.losses, simulate(graph, people, targets, seed=seed, effort=effort).losses)


@settings(max_examples=80, deadline=None)
@given(graphs(steps=18), st.sampled_from(KINDS))
def test_strict_choke_points_are_those_of_exhaustive_removal(graph: Graph, kind: str) -> None:
    targets = np.arange(graph.states, dtype=np.int32)
    people = attackers(graph.states)
    wanted = set()
    for cause in every(graph, kind):
        left = graph.without(graph.numbers(kind, [cause]))
        for target in targets:
            with_it = [int(target) in closure(graph, possible(graph), one.entries) for one in people]
            after = [int(target) in closure(left, possible(left), one.entries) for one in people]
            if any(with_it) and not any(after) and not (kind == "state" and cause == target):
                wanted.add((cause, int(target)))
    found = strict(graph, people, targets, layer=kind)
    assert set(zip(found.cause.tolist(), found.target.tolist(), strict=True)) == wanted
    assert len(wanted) == found.cause.size


def test_more_candidates_than_lanes_are_all_tried() -> None:
    """A chain of 200 steps, each with a cause of its own: all are in every proof."""
    n = 200
    src = np.arange(n, dtype=np.int32)
    graph = Graph(n + 1, src, src + np.int32(1), np.ones(n), np.arange(n), cause=src)
    people = [Profile("one", np.array([0], np.int32), Range.exactly(1))]
    found = strict(graph, people, np.array([n], np.int32))
    assert found.cause.tolist() == list(range(n))
    assert strict(graph, people, np.array([n], np.int32), layer="state").cause.tolist() == list(range(1, n))


@settings(max_examples=20, deadline=None)
@given(graphs(), st.integers(0, 100))
def test_weighted_choke_points_say_what_removal_saves(graph: Graph, seed: int) -> None:
    targets = np.array([graph.states - 1], np.int32)
    people, effort = attackers(graph.states), Effort(worlds=128)
    found = choke_points(graph, people, targets, seed=seed, effort=effort, layers=KINDS)
    before = simulate(graph, people, targets, seed=seed, effort=effort)
    for kind in KINDS:
        must = strict(graph, people, targets, layer=kind).cause.tolist()
        for row, cause in enumerate(found[kind].cause):
            gone = graph.numbers(kind, [int(cause)])
            after = simulate(graph, people, targets, seed=seed, effort=effort, removed=gone)
            assert found[kind].mean[row] == pytest.approx(float((before.events - after.events)[0]), abs=1e-12)
            assert found[kind].strict[row] == must.count(int(cause))
            if found[kind].strict[row]:
                assert found[kind].mean[row] == pytest.approx(float(before.events[0]))
        assert (np.diff(found[kind].mean) <= 0).all()


def test_kinds_that_are_not_there_are_refused() -> None:
    graph = made(3, 5, 8)
    people, target = attackers(5), np.array([4], np.int32)
    for wrong in ({"a": [1]}, {"cause": [1] * 8}, {"a": [0.5] * 8}, {"a": [-2] * 8}):
        with pytest.raises(UsageError):
            Graph(5, graph.src, graph.dst, graph.p, graph.key, layers=wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        contributions(graph, people, target, seed=1, layers=("colour",))
    with pytest.raises(UsageError):
        graph.numbers("colour", [1])
    with pytest.raises(UsageError):
        graph.without([9 << 32])
    with pytest.raises(UsageError):
        choke_points(graph, people, target, seed=1, layers=())
    kept = Replay(graph, people, target, seed=1, effort=Effort(worlds=64))
    with pytest.raises(UsageError):
        kept.without(graph.numbers("state", [1]).astype(np.int64))
