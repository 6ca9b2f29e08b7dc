"""The distribution of yearly losses, and how steady the order of contributions is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.graph.small import attackers, graphs, made

from foreshore.errors import UsageError
from foreshore.graph import Effort, Graph, Profile, Range, contributions, losses, simulate, stability
from foreshore.graph import draws as luck

PERT = Range(10, 20, 60)
WIDE = Range(10_000, 0, 1_000_000, "lognormal")


def sure(targets: int = 1) -> Graph:
    """Every attack takes every target."""
    dst = np.arange(1, targets + 1, dtype=np.int32)
    return Graph(targets + 1, np.zeros(targets, np.int32), dst, np.ones(targets), np.arange(targets))


def attacked(rate: float, targets: int = 1, most: int = 1, worlds: int = 64 * 512) -> object:
    attacker = Profile("one", np.array([0], np.int32), Range.exactly(rate))
    effort = Effort(worlds=worlds, losses_per_year=most)
    return simulate(sure(targets), [attacker], np.arange(1, targets + 1, dtype=np.int32), seed=7, effort=effort)


@pytest.mark.parametrize(("span", "mean"), [(PERT, 25.0), (WIDE, WIDE.mean), (Range.exactly(9), 9.0)])
def test_amounts_follow_their_range(span: Range, mean: float) -> None:
    """With an attack in (nearly) every year the year costs what the range says."""
    found = losses(attacked(40.0), [span], seed=1)  # type: ignore[arg-type]
    assert abs(found.each.mean[0] - mean) < 4 * found.each.error[0] / 1.96 + 1e-9
    for level, value in ((0.5, found.each.p50), (0.9, found.each.p90), (0.95, found.each.p95)):
        truth = float(luck.quantile(span, np.array([level]))[0])
        assert value[0] == pytest.approx(truth, rel=0.05)
    assert found.each.p50[0] <= found.each.p90[0] <= found.each.p95[0]


@pytest.mark.corpus
def test_means_are_those_of_the_reference(shared_data: Path) -> None:
    known = json.loads((shared_data / "reference/risk/known_answers.json").read_text())
    assert PERT.mean == pytest.approx(known["pert_10_20_60"]["mean"])
    assert WIDE.mean == pytest.approx(known["lognormal90_10000_1000000"]["mean"], rel=1e-4)
    rate = known["compound_poisson"]["lam"]
    found = losses(attacked(rate, most=40), [WIDE], seed=1)  # type: ignore[arg-type]
    assert abs(found.total.mean[0] - known["compound_poisson"]["mean"]) < 4 * found.total.error[0] / 1.96
    assert found.exceedance(np.array([0.0]))[0] == pytest.approx(known["compound_poisson"]["p_any_loss"], abs=0.01)
    spread = np.sqrt(np.average(found.amounts[0] ** 2 * found.weight) - found.total.mean[0] ** 2)
    assert spread == pytest.approx(known["compound_poisson"]["sd"], rel=0.1)


def test_a_total_is_of_the_years_and_not_a_sum_of_quantiles() -> None:
    """Two targets that always fall together, and two that fall by different luck."""
    found = losses(attacked(0.2, targets=2), [Range.exactly(5), Range.exactly(7)], seed=1)  # type: ignore[arg-type]
    p = 1 - np.exp(-0.2)
    assert found.total.mean[0] == pytest.approx(12 * p, abs=0.2)
    assert found.total.p90[0] == 12
    assert found.total.p50[0] == 0
    apart = Graph(3, [0, 0], [1, 2], [0.3, 0.3], [1, 2])  # type: ignore[arg-type]
    attacker = Profile("one", np.array([0], np.int32), Range.exactly(0.2))
    outcome = simulate(apart, [attacker], np.array([1, 2], np.int32), seed=3, effort=Effort(worlds=64 * 64))
    loose = losses(outcome, [Range.exactly(10)] * 2, seed=1)
    assert loose.each.p95.tolist() == [10, 10]
    assert loose.total.p95[0] == 10 < loose.each.p95.sum()
    assert loose.total.mean[0] == pytest.approx(loose.each.mean.sum())


@settings(max_examples=30, deadline=None)
@given(graphs(), st.integers(0, 1000), st.sampled_from([1, 3]))
def test_losses_keep_their_laws(graph: Graph, seed: int, most: int) -> None:
    targets = np.arange(graph.states, dtype=np.int32)
    effort = Effort(worlds=256, losses_per_year=most)
    outcome = simulate(graph, attackers(graph.states), targets, seed=seed, effort=effort)
    spans: list[Range | None] = [PERT, None, WIDE, Range.exactly(3), Range.exactly(0), PERT, None][: targets.size]
    found = losses(outcome, spans, seed=seed)
    known = np.array([one is not None for one in spans])
    assert np.array_equal(found.known, known)
    assert np.isnan(found.each.mean[~known]).all()
    assert found.total.mean[0] == pytest.approx(found.each.mean[known].sum())
    curve = found.curve()
    assert (np.diff(curve[1]) <= 1e-12).all()
    assert ((curve[1] >= 0) & (curve[1] <= 1)).all()
    fixed = losses(outcome, [Range.exactly(3)] * targets.size, seed=seed)
    assert fixed.each.mean == pytest.approx(3 * outcome.events)
    scaled = losses(outcome, [Range(20, 40, 120) if one is PERT else None for one in spans], seed=seed)
    plain = losses(outcome, [one if one is PERT else None for one in spans], seed=seed)
    assert scaled.amounts == pytest.approx(2 * plain.amounts)
    threads = simulate(graph, attackers(graph.states), targets, seed=seed, effort=replace(effort, threads=2))
    assert np.array_equal(losses(threads, spans, seed=seed).amounts, found.amounts)
    turned = simulate(graph, attackers(graph.states), targets[::-1].copy(), seed=seed, effort=effort)
    assert np.array_equal(losses(turned, spans[::-1], seed=seed).amounts, found.amounts[::-1])


def test_years_of_rare_targets_count_for_their_own_row() -> None:
    chain = Graph(4, [0, 1, 2], [1, 2, 3], [0.02] * 3, [1, 2, 3])  # type: ignore[arg-type]
    attacker = Profile("one", np.array([0], np.int32), Range.exactly(2.0))
    outcome = simulate(chain, [attacker], np.array([1, 3], np.int32), seed=3)
    found = losses(outcome, [PERT, PERT], seed=1)
    assert found.each.mean[1] == pytest.approx(25 * 2 * 0.02**3, rel=0.3)
    assert found.each.mean[0] == pytest.approx(25 * (1 - np.exp(-0.04)), rel=0.3)


def test_ranges_that_do_not_fit_are_refused() -> None:
    outcome = attacked(1.0, worlds=64)
    with pytest.raises(UsageError):
        losses(outcome, [], seed=1)  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        losses(outcome, [PERT], seed=1, keys=[1, 2])  # type: ignore[arg-type]


def test_ranks_far_apart_are_steady_and_even_ones_are_not() -> None:
    """Four causes that carry 0.9, 0.3, 0.3 and nearly nothing."""
    graph = Graph(5, [0] * 4, [1, 2, 3, 4], [0.9, 0.3, 0.3, 0.01], [1, 2, 3, 4], cause=[0, 1, 2, 3])  # type: ignore[arg-type]
    attacker = Profile("one", np.array([0], np.int32), Range.exactly(1.0))
    targets = np.arange(1, 5, dtype=np.int32)
    found = contributions(graph, [attacker], targets, seed=5, effort=Effort(worlds=4096))
    steady = dict(zip(found.cause.tolist(), stability(found, 2, seed=1), strict=True))
    assert steady[0] == 1
    assert 0 < steady[1] < 1
    assert steady[1] + steady[2] == pytest.approx(1)
    assert steady[3] == 0
    assert (stability(found, 4) == 1).all()
    assert np.array_equal(stability(found, 2, seed=1), stability(found, 2, seed=1))


@settings(max_examples=20, deadline=None)
@given(graphs(), st.integers(0, 100), st.integers(1, 5))
def test_shares_of_ranks_add_up(graph: Graph, seed: int, first: int) -> None:
    targets = np.array([graph.states - 1], np.int32)
    found = contributions(
        graph, attackers(graph.states), targets, seed=seed, effort=Effort(worlds=128), layers=["state"]
    )
    for table in (found, found.layers["state"]):
        steady = stability(table, first, samples=50, seed=seed)
        assert steady.sum() == pytest.approx(min(first, table.cause.size))
        assert ((steady >= 0) & (steady <= 1)).all()


def test_ranks_of_nothing_make_no_sense() -> None:
    graph = made(1, 4, 6)
    found = contributions(graph, attackers(4), np.array([3], np.int32), seed=1, effort=Effort(worlds=64))
    with pytest.raises(UsageError):
        stability(found, 0)
