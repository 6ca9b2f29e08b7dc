"""A change on kept years equals a new simulation of the changed graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.graph.small import LEVELS, attackers, graphs, made

from foreshore.errors import UsageError
from foreshore.graph import Change, Effort, Graph, Outcome, WhatIf, applied, difference, simulate, whatif

SAME = ("losses", "probability", "low", "high", "sampling_error", "events", "possible", "weight", "sampling_high")


def alike(one: Outcome, other: Outcome) -> None:
    for name in SAME:
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


def changes(graph: Graph, seed: int) -> Change:
    """Some steps go, some change, some come, to old states and to new ones."""
    rng = np.random.default_rng(seed)
    states, steps = graph.states + int(rng.integers(0, 3)), graph.steps
    count = int(rng.integers(0, 5))
    new: dict[str, Any] = {
        "src": rng.integers(0, states, count),
        "dst": rng.integers(0, states, count),
        "p": rng.choice(LEVELS, count),
        "key": rng.choice(np.append(graph.key, rng.integers(1, 2**62, 3)), count),
        "guard": np.where(rng.random(count) < 0.3, rng.integers(0, states, count), -1),
        "shared": rng.integers(-1, 3, count),
        "param": rng.integers(-1, 2, count),
    }
    some = rng.permutation(steps)[: int(rng.integers(0, 4))]
    return Change(
        states=states,
        drop=np.flatnonzero(rng.random(steps) < 0.15),
        removed=graph.numbers("relation", rng.integers(0, 9, 1)) if rng.random() < 0.3 else np.zeros(0, np.int64),
        step=some,
        p=rng.choice(LEVELS, some.size),
        added=new if rng.random() < 0.8 else {},
    )


@settings(max_examples=80, deadline=None)
@given(graphs(), st.integers(0, 2**31), st.sampled_from(["believed", "good", "bad"]))
def test_incremental_equals_full_bit_by_bit(graph: Graph, seed: int, unknowns: str) -> None:
    targets = np.arange(graph.states, dtype=np.int32)
    people, effort = attackers(graph.states), Effort(worlds=128, losses_per_year=2)
    kept = WhatIf(graph, people, targets, seed=seed, effort=effort, unknowns=unknowns)
    alike(kept.before, simulate(graph, people, targets, seed=seed, effort=effort, unknowns=unknowns))
    for more in range(3):
        change = changes(graph, seed + more)
        full = simulate(applied(graph, change), people, targets, seed=seed, effort=effort, unknowns=unknowns)
        alike(kept.after(change), full)
    alike(kept.after(Change()), kept.before)


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_larger_graphs_too_and_with_words_solved_anew(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whatif, "MOST_TOUCHED", share)
    graph = made(3, 1500, 6000, (0.1, 0.5, 0.9))
    people, targets, effort = attackers(1500), np.arange(1400, 1500, dtype=np.int32), Effort(worlds=128)
    kept = WhatIf(graph, people, targets, seed=4, effort=effort)
    for seed in range(4):
        change = changes(graph, seed)
        alike(kept.after(change), simulate(applied(graph, change), people, targets, seed=4, effort=effort))


@settings(max_examples=40, deadline=None)
@given(graphs(), st.integers(0, 1000), st.floats(0.01, 0.99))
def test_moved_parameters_and_draws_are_simulated_anew(graph: Graph, seed: int, value: float) -> None:
    targets = np.arange(graph.states, dtype=np.int32)
    people, effort = attackers(graph.states), Effort(worlds=64)
    kept = WhatIf(graph, people, targets, seed=seed, effort=effort)
    change = Change(param=[0], value=[value], low=[value / 2], high=[min(1, value * 1.5)], draw=[1], draw_p=[value])
    now = applied(graph, change)
    assert now.params.value[0] == value
    assert now.draws.p[1] == value
    rows = (graph.param == 0) & (graph.p > 0) & (graph.p < 1)
    odds = (now.p / (1 - now.p + 1e-300)) / (graph.p / (1 - graph.p + 1e-300) + 1e-300)
    assert odds[rows] == pytest.approx(value / (1 - value) / (0.3 / 0.7))
    assert np.array_equal(now.p[~rows], graph.p[~rows])
    alike(kept.after(change), simulate(now, people, targets, seed=seed, effort=effort))
    if value >= 0.8:
        assert (kept.after(Change(draw=[1], draw_p=[value])).losses >= kept.before.losses).all()


@settings(max_examples=40, deadline=None)
@given(graphs(), st.integers(0, 1000))
def test_more_is_never_safer_and_differences_pair(graph: Graph, seed: int) -> None:
    targets = np.arange(graph.states, dtype=np.int32)
    people, effort = attackers(graph.states), Effort(worlds=64)
    kept = WhatIf(graph, people, targets, seed=seed, effort=effort)
    more = kept.after(Change(added={"src": [0], "dst": [graph.states - 1], "p": [0.5], "key": [7]}))
    assert (more.losses >= kept.before.losses).all()
    gain = difference(more, kept.before)
    assert gain.mean == pytest.approx(more.probability - kept.before.probability, abs=1e-12)


def test_years_too_large_to_keep_are_simulated_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whatif, "KEEP", 0)
    graph = made(2, 6, 12)
    people, targets, effort = attackers(6), np.arange(6, dtype=np.int32), Effort(worlds=64)
    kept = WhatIf(graph, people, targets, seed=1, effort=effort)
    change = changes(graph, 1)
    alike(kept.after(change), simulate(applied(graph, change), people, targets, seed=1, effort=effort))


@pytest.mark.parametrize(
    "wrong",
    [
        {"drop": [99]},
        {"drop": [True]},
        {"step": [0], "p": []},
        {"step": [0], "p": [1.5]},
        {"step": [0, 0], "p": [0.1, 0.2]},
        {"param": [9], "value": [0.5], "low": [0.1], "high": [0.9]},
        {"param": [0], "value": [0.5]},
        {"draw": [0], "draw_p": [-1]},
        {"added": {"src": [0]}},
        {"added": {"src": [0], "dst": [1], "p": [0.5], "key": [1], "colour": [1]}},
        {"added": {"src": [0], "dst": [77], "p": [0.5], "key": [1]}},
        {"added": {"src": [0], "dst": [1, 2], "p": [0.5], "key": [1]}},
        {"added": {"src": [0], "dst": [1], "p": [1.5], "key": [1]}},
    ],
)
def test_changes_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    graph = made(2, 6, 12)
    kept = WhatIf(graph, attackers(6), np.array([5], np.int32), seed=1, effort=Effort(worlds=64))
    with pytest.raises(UsageError):
        applied(graph, Change(**wrong))
    with pytest.raises(UsageError):
        kept.after(Change(**wrong))
