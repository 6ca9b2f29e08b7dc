"""Actions on kept proofs, and plans that are looked for only so long."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.mobilization.test_plan_worlds import COUNT, SEEDS, actions, plans, sampled

from foreshore.mobilization import plan_bound, plan_local
from foreshore.mobilization.actions import Action
from foreshore.mobilization.plan import flow_of
from foreshore.mobilization.plan_best import best
from foreshore.mobilization.plan_bound import Rows
from foreshore.mobilization.plan_terms import Budget, Terms


def test_an_action_is_on_the_proofs_of_all_that_it_closes() -> None:
    rows: list[dict[str, Any]] = [{"exposure": one} for one in (1, 2, 9)]
    given = [Action(7, "patch", "", "", "a", "ticket", 1.0, rows), Action(8, "patch", "", "", "a", "ticket", 1.0, [])]
    assert flow_of(given, {1: 0.25, 2: 0.5, 3: 0.125}) == {7: 0.75, 8: 0}


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(1, 3), st.sampled_from([1, 2, 64]), st.sampled_from([0.0, 0.001, 0.01]))
def test_a_search_that_is_cut_short_still_keeps_terms_and_its_bound_holds(
    seed: int, size: int, most: int, seconds: float
) -> None:
    losses = sampled(seed, most)
    found = best(actions(), losses, Terms(most=size), seconds=seconds)
    removed = found.plan.before - found.plan.after
    greatest = max(losses.left(frozenset()) - losses.left(one) for one in plans(size))
    assert len(found.plan.actions) <= size
    assert removed - 1e-9 <= greatest <= found.plan.bound + 1e-9
    again = best(actions(), sampled(seed, most), Terms(most=size), seconds=seconds)
    assert again == found, "counted, not timed: it comes out again"


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(1, 3))
def test_plans_among_few_actions_are_of_those_and_within_the_terms(seed: int, size: int) -> None:
    losses = sampled(seed, most=1)
    budget = Budget(actions(), Terms(most=size))
    rows = Rows.first(losses, budget)
    share = np.zeros(COUNT)
    share[:4] = 0.5
    tried = plan_local.among(rows, share, frozenset({4}))
    assert all(budget.fits(plan) and plan <= {0, 1, 2, 3, 4} for plan in tried)
    greatest = max(1 - losses.left(plan) for plan in plans(size) if plan <= {0, 1, 2, 3, 4})
    if rows.open.size:
        assert max(1 - losses.left(plan) for plan in tried) == pytest.approx(greatest, abs=2e-6)


def test_whole_plans_are_found_where_the_search_for_proofs_leaves_them_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """With more actions than whole plans are proven for, the relaxation's few still give the best one."""
    monkeypatch.setattr(plan_bound, "SOME", -1)
    for seed in range(12):
        losses = sampled(seed, most=1)
        found = best(actions(), losses, Terms(most=2))
        greatest = max(
            losses.left(frozenset()) - losses.left(frozenset(one)) for one in itertools.combinations(range(COUNT), 2)
        )
        assert found.plan.before - found.plan.after == pytest.approx(greatest, abs=2e-6)
