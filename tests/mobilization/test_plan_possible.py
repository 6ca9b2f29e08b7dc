"""Which actions a plan can hold at all: judged together as one by one."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from foreshore.errors import UsageError
from foreshore.mobilization.actions import Action
from foreshore.mobilization.plan_terms import Budget, Terms

KEYS = range(1, 8)
key, pair = st.sampled_from(KEYS), st.tuples(st.sampled_from(KEYS), st.sampled_from(KEYS))
terms = st.builds(
    Terms,
    most=st.integers(1, 4),
    hours=st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from([0.0, 2.0, 4.0, 6.5])),
    must=st.frozensets(key, max_size=2),
    barred=st.frozensets(key, max_size=2),
    excludes=st.lists(pair, max_size=2).map(tuple),
    needs=st.lists(pair, max_size=2).map(tuple),
)


@given(terms, st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([1.0, 2.0, 4.0])), min_size=7, max_size=7))
def test_together_as_one_by_one(asked: Terms, drawn: list[tuple[str, float]]) -> None:
    actions = [
        Action(one, "patch", "", "", team, "ticket", hours, []) for one, (team, hours) in zip(KEYS, drawn, strict=True)
    ]
    try:
        budget = Budget(actions, asked)
    except UsageError:
        return
    each: list[Any] = [one for one in range(7) if budget.fits(budget.must | budget.with_needs({one}))]
    assert budget.possible() == each


def test_no_action_at_all() -> None:
    assert Budget([], Terms()).possible() == []
