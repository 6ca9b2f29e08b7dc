"""The best plan: as good as trying all, never above its bound, within its terms, in an order that can be done."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore.errors import UsageError
from foreshore.mobilization.actions import Action
from foreshore.mobilization.plan_best import best
from foreshore.mobilization.plan_bound import Rows, bound
from foreshore.mobilization.plan_terms import Budget, Terms
from foreshore.mobilization.plan_worlds import Listed, Proof

COUNT = 7
PROOFS = st.lists(st.frozensets(st.integers(0, COUNT - 1), max_size=3), min_size=1, max_size=4)
LOSSES = st.lists(PROOFS, min_size=1, max_size=10)
PAIRS = st.lists(st.tuples(st.integers(0, COUNT - 1), st.integers(0, COUNT - 1)), max_size=2)
TERMS = st.builds(
    Terms,
    most=st.integers(1, 4),
    hours=st.sampled_from([{}, {"a": 3.0}, {"a": 2.0, "b": 4.0}, {"b": 0.0}]),
    barred=st.frozensets(st.integers(0, COUNT - 1), max_size=2),
    excludes=PAIRS.map(tuple),
    needs=PAIRS.map(tuple),
)


def actions() -> list[Action]:
    return [
        Action(key, "patch", f"action {key}", "", "ab"[key % 2], "ticket", 1.0 + key % 3, [])
        for key in range(COUNT)
    ]  # fmt: skip


def plans(budget: Budget) -> list[frozenset[int]]:
    """Every plan within the terms."""
    every = (frozenset(some) for size in range(COUNT + 1) for some in itertools.combinations(range(COUNT), size))
    return [one for one in every if budget.fits(one) and budget.must <= one]


def greatest(losses: Listed, terms: Terms) -> float:
    """What the best of all plans removes."""
    return max(losses.left(frozenset()) - losses.left(one) for one in plans(Budget(actions(), terms)))


@settings(max_examples=300)
@given(LOSSES, TERMS)
def test_small_cases_equal_trying_all_and_the_bound_holds(proofs: list[list[Proof]], terms: Terms) -> None:
    losses = Listed(proofs)
    found = best(actions(), losses, terms)
    removed = found.plan.before - found.plan.after
    assert removed == pytest.approx(greatest(losses, terms), abs=1e-6)
    assert found.plan.bound >= removed - 1e-9
    assert found.plan.bound == pytest.approx(removed, abs=1e-6)
    assert found.exact


@settings(max_examples=200)
@given(LOSSES, TERMS)
def test_the_bound_of_the_relaxation_alone_holds_for_every_plan(proofs: list[list[Proof]], terms: Terms) -> None:
    from foreshore.mobilization import plan_bound

    losses, budget = Listed(proofs), Budget(actions(), terms)
    rows = Rows.first(losses, budget)
    some, plan_bound.SOME = plan_bound.SOME, -1
    try:
        most = bound(rows).most
    finally:
        plan_bound.SOME = some
    assert greatest(losses, terms) <= most + 1e-9


@settings(max_examples=150)
@given(LOSSES, TERMS)
def test_a_plan_keeps_its_terms_in_every_order_and_tells_what_is_left(proofs: list[list[Proof]], terms: Terms) -> None:
    losses = Listed(proofs)
    budget = Budget(actions(), terms)
    plan = best(actions(), losses, terms).plan
    numbers = [one.action.key for one in plan.actions]
    assert budget.fits(frozenset(numbers))
    assert len(set(numbers)) == len(numbers)
    for at, one in enumerate(plan.actions):
        done = frozenset(numbers[: at + 1])
        assert one.left == pytest.approx(losses.left(done))
        assert one.removes >= -1e-12
    waits = {one: other for one, other in budget.needs if (other, one) not in budget.needs and one in numbers}
    if len(waits) == 1:
        ((first, second),) = waits.items()
        assert numbers.index(second) < numbers.index(first)


@settings(max_examples=100)
@given(LOSSES, st.frozensets(st.integers(0, COUNT - 1), max_size=2))
def test_what_must_be_done_is_done(proofs: list[list[Proof]], must: frozenset[int]) -> None:
    terms = Terms(most=3, must=must)
    plan = best(actions(), Listed(proofs), terms).plan
    assert must <= {one.action.key for one in plan.actions}
    assert plan.before - plan.after == pytest.approx(greatest(Listed(proofs), terms), abs=1e-6)


def both_doors(*more: Sequence[Proof]) -> Listed:
    """A loss behind two doors (0 and 1), worth most, and others."""
    return Listed([[frozenset({0}), frozenset({1})], *more], [0.6, *[0.4 / len(more)] * len(more)])


def test_two_that_only_help_together_are_found() -> None:
    losses = both_doors([frozenset({2})], [frozenset({3})])
    found = best(actions(), losses, Terms(most=2))
    assert {one.action.key for one in found.plan.actions} == {0, 1}
    assert found.plan.bound == pytest.approx(0.6, abs=1e-6)
    assert [one.removes for one in found.plan.actions] == pytest.approx([0.0, 0.6])


def test_two_that_exclude_one_another_are_not_both_done() -> None:
    losses = both_doors([frozenset({2})], [frozenset({3})])
    found = best(actions(), losses, Terms(most=2, excludes=((1, 0),)))
    assert {one.action.key for one in found.plan.actions} == {2, 3}


def test_what_is_needed_comes_first_and_counts() -> None:
    losses = Listed([[frozenset({4})], [frozenset({5})]], [0.9, 0.1])
    alone = best(actions(), losses, Terms(most=1, needs=((4, 6),)))
    assert [one.action.key for one in alone.plan.actions] == [5]
    both = best(actions(), losses, Terms(most=2, needs=((4, 6),)))
    assert [one.action.key for one in both.plan.actions] == [6, 4]


def test_terms_that_no_plan_meets_are_refused() -> None:
    for terms in (
        Terms(most=1, must=frozenset({1, 2})), Terms(must=frozenset({1}), barred=frozenset({1})),
        Terms(must=frozenset({1}), hours={"b": 1.0}), Terms(must=frozenset({1, 2}), excludes=((1, 2),)),
        Terms(must=frozenset({99})),
    ):  # fmt: skip
        with pytest.raises(UsageError):
            best(actions(), Listed([[frozenset({1})]]), terms)


def test_nothing_to_save_is_an_empty_plan() -> None:
    found = best(actions(), Listed([[frozenset()]]), Terms())
    assert not found.plan.actions
    assert found.plan.bound == 0.0
    assert found.exact
