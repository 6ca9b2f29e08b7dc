"""Plans on simulated years of the engine: the proofs that are found are proofs, and the bound holds for every plan."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore.graph import Effort, Graph, Profile, Range, Shared
from foreshore.graph.replay import Replay
from foreshore.mobilization.actions import Action
from foreshore.mobilization.plan_best import best
from foreshore.mobilization.plan_bound import Rows, bound
from foreshore.mobilization.plan_terms import Budget, Terms
from foreshore.mobilization.plan_worlds import Sampled

COUNT = 6  # actions; each removes two of the causes 0 to 11
SEEDS = st.integers(0, 2**32)


def sampled(seed: int, most: int = 2) -> Sampled:
    """Kept years of a small random graph with guards, shared luck and causes of several steps."""
    rng = np.random.default_rng(seed)
    states, steps = 12, 34
    graph = Graph(
        states, rng.integers(0, states, steps, dtype=np.int32), rng.integers(1, states, steps, dtype=np.int32),
        rng.choice([0.4, 0.7, 0.9, 1.0], steps), rng.integers(0, 2**62, steps),
        rng.integers(-6, states, steps, dtype=np.int32).clip(-1), rng.integers(-2, 3, steps, dtype=np.int32).clip(-1),
        rng.integers(-1, 2 * COUNT, steps, dtype=np.int32),
        draws=Shared(rng.integers(0, 2**62, 3), rng.uniform(0.3, 1, 3), np.full(3, -1, np.int32), np.array([1, 0, 0], bool)),
    )  # fmt: skip
    profiles = [Profile("one", np.array([0], np.int32), Range(1, 2, 4))]
    targets = np.array([states - 1, states - 2, states - 3], np.int32)
    effort = Effort(draws=64, worlds=128, losses_per_year=most)
    kept = Replay(graph, profiles, targets, seed=seed, effort=effort, layers=("cause",))
    return Sampled(kept, np.array([3.0, 1.0, 0.0]), np.arange(2 * COUNT, dtype=np.int64) // 2, most)


def actions() -> list[Action]:
    return [Action(key, "patch", f"action {key}", "", "a", "ticket", 1.0, []) for key in range(COUNT)]


def plans(most: int) -> list[frozenset[int]]:
    return [frozenset(one) for size in range(most + 1) for one in itertools.combinations(range(COUNT), size)]


@settings(max_examples=40)
@given(SEEDS, st.integers(1, 3), st.integers(1, 3))
def test_no_plan_removes_more_than_the_bound_and_none_more_than_the_found_one(seed: int, size: int, most: int) -> None:
    losses = sampled(seed, most)
    found = best(actions(), losses, Terms(most=size))
    removed = found.plan.before - found.plan.after
    greatest = max(losses.left(frozenset()) - losses.left(one) for one in plans(size))
    assert greatest <= found.plan.bound + 1e-9
    assert removed <= greatest + 1e-9
    if found.exact:
        assert removed == pytest.approx(greatest, abs=2e-6)


@settings(max_examples=40)
@given(SEEDS, st.integers(1, 3), st.sampled_from([1, 64]))
def test_where_one_loss_or_every_loss_counts_the_best_of_all_plans_is_found(seed: int, size: int, most: int) -> None:
    losses = sampled(seed, most)
    found = best(actions(), losses, Terms(most=size))
    greatest = max(losses.left(frozenset()) - losses.left(one) for one in plans(size))
    assert found.exact
    assert found.plan.before - found.plan.after == pytest.approx(greatest, abs=2e-6)


@settings(max_examples=40)
@given(SEEDS, st.frozensets(st.integers(0, COUNT - 1), max_size=3), st.sampled_from([1, 64]))
def test_a_loss_that_a_plan_leaves_has_a_proof_without_it(seed: int, chosen: frozenset[int], most: int) -> None:
    """What is left by the engine is what the losses are worth that still have a proof."""
    losses = sampled(seed, most)
    worth = np.asarray(losses.worth)
    assert worth.sum() == pytest.approx(losses.left(frozenset()))
    weight = np.ones(COUNT)
    weight[sorted(chosen)] = 1e6
    every = np.arange(worth.size)
    proofs = losses.cheapest(weight, every)
    stays = np.array([not proof & chosen for proof in proofs], bool)
    assert float(worth[stays].sum()) == pytest.approx(losses.left(chosen), abs=1e-12)


@settings(max_examples=30)
@given(SEEDS, st.integers(1, 3))
def test_the_relaxation_alone_bounds_every_plan(seed: int, size: int) -> None:
    from foreshore.mobilization import plan_bound

    losses = sampled(seed)
    rows = Rows.first(losses, Budget(actions(), Terms(most=size)))
    some, plan_bound.SOME = plan_bound.SOME, -1
    try:
        most = bound(rows).most
    finally:
        plan_bound.SOME = some
    assert max(losses.left(frozenset()) - losses.left(one) for one in plans(size)) <= most + 1e-9
