"""Years kept for a replay give what a new simulation of the same years gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore.graph import Effort, Graph, Params, Profile, Range, Shared, simulate
from foreshore.graph.replay import Replay

EFFORT = Effort(draws=64, worlds=128, losses_per_year=3)


def made(seed: int, states: int = 14, steps: int = 40) -> tuple[Graph, list[Profile], np.ndarray]:
    """A small random graph with guards, shared luck, uncertain parameters and repeated keys."""
    rng = np.random.default_rng(seed)
    params = Params(np.arange(2), np.full(2, 0.4), np.full(2, 0.2), np.full(2, 0.6))
    shared = Shared(
        rng.integers(0, 2**62, 3), rng.uniform(0.3, 1, 3), np.full(3, -1, np.int32), np.array([True, False, False])
    )
    graph = Graph(
        states,
        rng.integers(0, states, steps, dtype=np.int32),
        rng.integers(0, states, steps, dtype=np.int32),
        rng.choice([0.3, 0.6, 0.9, 1.0], steps),
        rng.choice(rng.integers(0, 2**62, 8), steps),
        rng.integers(-6, states, steps, dtype=np.int32).clip(-1),
        rng.integers(-1, 3, steps, dtype=np.int32),
        rng.integers(-1, 10, steps, dtype=np.int32),
        rng.integers(-1, 2, steps, dtype=np.int32),
        shared,
        params,
    )
    profiles = [Profile("one", np.array([0, 1], np.int32), Range(1, 2, 5))]
    return graph, profiles, np.array([states - 1, states - 2, states - 3], np.int32)


@given(st.integers(0, 2**32), st.lists(st.integers(-1, 12), max_size=6))
@settings(max_examples=60, deadline=None)
def test_a_replay_equals_a_new_simulation(seed: int, removed: list[int]) -> None:
    graph, profiles, targets = made(seed)
    kept = Replay(graph, profiles, targets, seed=seed, effort=EFFORT)
    whole = simulate(graph, profiles, targets, seed=seed, effort=EFFORT)
    gone = np.array(removed, np.int32)
    again = simulate(graph, profiles, targets, seed=seed, effort=EFFORT, removed=gone)
    assert kept.events.tolist() == whole.events.tolist()
    assert kept.without(gone).tolist() == again.events.tolist()


@pytest.mark.parametrize("seed", range(8))
def test_luck_that_is_kept_is_luck_drawn(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Remembering the luck of steps that are alike changes nothing."""
    from foreshore.graph import closures

    graph, profiles, targets = made(seed)
    outcomes = []
    for share in (1.0, 0.0):
        monkeypatch.setattr(closures, "MEMO", share)
        outcomes.append(simulate(graph, profiles, targets, seed=seed, effort=EFFORT))
    assert outcomes[0].losses.tolist() == outcomes[1].losses.tolist()
    assert outcomes[0].probability.tolist() == outcomes[1].probability.tolist()
