"""Importance sampling: unbiased, and intervals that hold, on graphs that are solved exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.graph.small import attackers, exact_year, graphs, made, settled

from foreshore.graph import Effort, Graph, Profile, Range, Shared, contributions, simulate
from foreshore.graph.rare import MOST_TARGETS

RARE = Effort(worlds=2048, rare=True)


def often(rate: float = 2.0, *entries: int) -> Profile:
    return Profile("often", np.array(entries or (0,), np.int32), Range.exactly(rate))


def arcs(*ends: tuple[int, int, float], **more: object) -> Graph:
    src, dst, p = (np.array(column) for column in zip(*ends, strict=True))
    states = int(max(src.max(), dst.max())) + 1
    return Graph(states, src, dst, p, np.arange(src.size) * 7919 + 13, **more)  # type: ignore[arg-type]


CHAIN = arcs((0, 1, 0.02), (1, 2, 0.02), (2, 3, 0.02))
MESH = arcs((0, 1, 0.02), (0, 2, 0.03), (1, 2, 0.1), (2, 1, 0.1), (1, 3, 0.02), (2, 3, 0.01), (3, 4, 0.2), (1, 4, 1e-4))
BOTH = arcs((0, 1, 0.02), (0, 2, 0.03), (1, 3, 0.1), (2, 3, 0.001), guard=np.array([-1, -1, 2, -1]))
LUCK = Shared(np.array([5, 6]), np.array([0.01, 0.4]), np.array([-1, -1]), np.array([False, True]))
SHARED = arcs((0, 1, 0.05), (1, 2, 0.5), (0, 2, 0.002), (2, 3, 0.1), shared=np.array([0, 0, 1, -1]), draws=LUCK)
SAME = replace(CHAIN, key=np.array([5, 5, 9]), p=np.array([0.01, 0.02, 0.02]))
CASES = {"chain": (CHAIN, 3), "mesh": (MESH, 4), "both": (BOTH, 3), "shared": (SHARED, 3)}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_means_are_unbiased_and_intervals_cover_the_exact_value(name: str) -> None:
    """Over 200 seeds: the mean of the means is the exact value, and at least 95 % of the intervals hold it."""
    graph, target = CASES[name]
    people = [often()]
    exact = exact_year(graph, people, target)
    assert exact < 1e-3
    found = [simulate(graph, people, np.array([target]), seed=seed, effort=RARE) for seed in range(200)]
    assert all(one.rare is not None for one in found)
    means = np.array([one.probability[0] for one in found])
    assert abs(means.mean() - exact) < 4 * means.std() / np.sqrt(200)
    inside = sum(bool(one.sampling_low[0] <= exact <= one.sampling_high[0]) for one in found)
    assert inside >= 190
    width = np.median([one.sampling_error[0] for one in found]) / exact
    assert width < 0.8


def test_a_service_of_one_in_a_hundred_thousand_years_gets_a_useful_interval() -> None:
    """Within the lanes that ordinary years may have, where these would see nothing at all."""
    graph = arcs((0, 1, 0.02), (1, 2, 0.02), (2, 3, 0.0125))
    found = simulate(graph, [often()], np.array([3], np.int32), seed=3)
    exact = -np.expm1(-2 * 0.02 * 0.02 * 0.0125)
    assert exact == pytest.approx(1e-5, rel=0.01)
    assert found.rare is not None
    assert found.sampling_low[0] <= exact <= found.sampling_high[0]
    assert found.sampling_error[0] < 0.3 * exact
    assert found.rare.weight.max() <= 1 / 0.2


@settings(max_examples=30, deadline=None)
@given(graphs(steps=7, levels=(0.001, 0.02, 0.1, 1.0)), st.integers(0, 1000))
def test_any_graph_within_its_standard_errors(graph: Graph, seed: int) -> None:
    graph = settled(graph)
    people = [often(0.7), Profile("other", np.array([graph.states - 2], np.int32), Range.exactly(0.3))]
    target = graph.states - 1
    effort = Effort(draws=1024, worlds=4096, rare=True)
    found = simulate(graph, people, np.array([target], np.int32), seed=seed, effort=effort)
    truth = exact_year(graph, people, target)
    half = max(found.sampling_error[0], 3 / 4096)
    assert abs(found.probability[0] - truth) <= 4 * half / 1.96
    assert (found.sampling_low <= found.probability).all()
    assert (found.probability <= found.sampling_high).all()
    assert 0 <= found.probability[0] <= 1


@pytest.mark.slow
def test_one_luck_with_several_bars_is_left_alone() -> None:
    """Steps of one key and different chances: forcing the luck would not be the chance of either."""
    exact = -np.expm1(-2 * 0.01 * 0.02)
    means = [
        simulate(SAME, [often()], np.array([3], np.int32), seed=seed, effort=RARE).probability[0] for seed in range(60)
    ]
    assert abs(np.mean(means) - exact) < 4 * np.std(means) / np.sqrt(60) + 1e-12


def test_ordinary_years_stay_as_they_are_and_targets_seen_often_too() -> None:
    graph = made(11, 30, 90, (0.02, 0.1, 0.4))
    people, targets = attackers(30), np.arange(30, dtype=np.int32)
    plain = simulate(graph, people, targets, seed=5, effort=Effort(worlds=512))
    found = simulate(graph, people, targets, seed=5, effort=Effort(worlds=512, rare=True))
    assert plain.rare is None
    assert found.rare is not None
    assert 0 < found.rare.rows.size <= MOST_TARGETS
    assert np.array_equal(plain.losses, found.losses)
    assert np.array_equal(plain.events, found.events)
    rest = np.setdiff1d(targets, found.rare.rows)
    assert np.array_equal(plain.probability[rest], found.probability[rest])
    given = contributions(graph, people, targets, seed=5, effort=Effort(worlds=512, rare=True))
    assert np.array_equal(given.outcome.probability, found.probability)


def test_the_same_seed_gives_the_same_years_on_any_number_of_threads() -> None:
    graph, target = CASES["mesh"]
    people, targets = [often()], np.array([target], np.int32)
    one, two = (simulate(graph, people, targets, seed=4, effort=replace(RARE, threads=n)) for n in (1, 2))
    assert one.rare is not None
    assert two.rare is not None
    assert np.array_equal(one.rare.losses, two.rare.losses)
    assert np.array_equal(one.rare.weight, two.rare.weight)
    assert np.array_equal(one.probability, two.probability)


def test_removed_causes_and_unknowns_hold_for_rare_years_too() -> None:
    graph = replace(SHARED, cause=np.array([0, -1, 1, -1]))
    people, targets = [often()], np.array([3], np.int32)
    run = {"seed": 2, "effort": Effort(worlds=4096, rare=True)}
    bad = simulate(graph, people, targets, unknowns="bad", **run)  # type: ignore[arg-type]
    good = simulate(graph, people, targets, unknowns="good", **run)  # type: ignore[arg-type]
    cut = simulate(graph, people, targets, unknowns="bad", removed=np.array([0]), **run)  # type: ignore[arg-type]
    both = simulate(graph, people, targets, unknowns="good", removed=np.array([0]), **run)  # type: ignore[arg-type]
    known = replace(LUCK, p=np.array([0.01, 1.0]), epistemic=np.array([False, False]))
    assert bad.probability[0] == pytest.approx(exact_year(replace(graph, draws=known), people, 3), rel=0.25)
    assert cut.probability[0] == pytest.approx(-np.expm1(-2 * 0.002 * 0.1), rel=0.25)
    assert good.probability[0] < bad.probability[0]
    assert both.probability[0] == 0
    assert not both.possible[0]
