"""The plan: greedy by what actions remove together, within hours, under a bound that always holds."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore.mobilization.actions import Action
from foreshore.mobilization.plan import choose


def action(key: int, exposures: Sequence[int], hours: float = 1.0, team: str = "a") -> Action:
    rows: list[dict[str, Any]] = [
        {"exposure": one, "asset": one, "treatment": "act_now", "due": None, "due_rule": "", "leads_to": []}
        for one in exposures
    ]
    return Action(key, "patch", f"action {key}", "", team, "ticket", hours, rows)


# Worlds: each is the list of proofs of a loss, a proof is the exposures on it. A loss is saved when
# every proof is cut. This is what the engine does, small enough to enumerate.
WORLDS = st.lists(
    st.lists(st.sets(st.integers(0, 5), min_size=1, max_size=3), min_size=1, max_size=3),
    min_size=1,
    max_size=8,
)


def left(worlds: list[list[set[int]]], gone: Sequence[int]) -> float:
    cut = set(gone)
    return sum(any(not proof & cut for proof in proofs) for proofs in worlds) / len(worlds)


def flow(worlds: list[list[set[int]]]) -> dict[int, float]:
    """Share of worlds whose kept (first) proof an exposure is on."""
    return {one: sum(one in proofs[0] for proofs in worlds) / len(worlds) for one in range(6)}


@settings(max_examples=200)
@given(WORLDS, st.integers(1, 3))
def test_no_plan_within_the_budget_removes_more_than_the_bound(worlds: list[list[set[int]]], most: int) -> None:
    actions = [action(one, [one], hours=1.0 + one % 2) for one in range(6)]
    found = choose(actions, lambda gone: left(worlds, gone), flow(worlds), hours={"a": 3.0}, most=most)
    best = max(
        1.0 - left(worlds, [one.key for one in chosen])
        for size in range(most + 1)
        for chosen in itertools.combinations(actions, size)
        if sum(one.hours for one in chosen) <= 3.0
    )
    assert best <= found.bound + 1e-9
    assert found.before - found.after <= best + 1e-9
    assert sum(one.action.hours for one in found.actions) <= 3.0


@given(WORLDS)
def test_what_is_left_falls_with_each_action_and_ends_at_the_plan(worlds: list[list[set[int]]]) -> None:
    actions = [action(one, [one]) for one in range(6)]
    found = choose(actions, lambda gone: left(worlds, gone), flow(worlds))
    shown = [found.before, *(one.left for one in found.actions)]
    assert all(later < earlier for earlier, later in itertools.pairwise(shown))
    assert shown[-1] == found.after == left(worlds, [one.action.key for one in found.actions])


def test_the_first_choice_is_the_one_that_removes_most() -> None:
    worlds: list[list[set[int]]] = [[{1}], [{1}], [{2}]]
    found = choose([action(one, [one]) for one in (1, 2)], lambda gone: left(worlds, gone), flow(worlds))
    assert [one.action.key for one in found.actions] == [1, 2]
    assert found.after == 0
