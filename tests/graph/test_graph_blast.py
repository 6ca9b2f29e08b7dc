"""What holding a state is worth to an attacker."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.graph.small import closure, graphs, made, possible, settled

from foreshore.errors import UsageError
from foreshore.graph import Effort, Graph, blast


@settings(max_examples=60, deadline=None)
@given(graphs(), st.integers(0, 1000), st.data())
def test_what_is_newly_held(graph: Graph, seed: int, data: st.DataObject) -> None:
    state = st.integers(0, graph.states - 1)
    held = data.draw(st.lists(state, min_size=1, max_size=2))
    entries = data.draw(st.lists(state, max_size=2))
    targets = np.arange(graph.states, dtype=np.int32)
    found = blast(graph, held, targets, seed=seed, entries=entries, effort=Effort(worlds=64))  # type: ignore[arg-type]
    live = possible(graph)
    before, after = closure(graph, live, entries), closure(graph, live, entries + held)
    assert set(np.flatnonzero(found.reached)) == after - before - set(held)
    one = {
        int(graph.dst[e])
        for e in np.flatnonzero(live)
        if {int(graph.src[e]), int(graph.guard[e])} & set(held)
        and {int(graph.src[e]), int(graph.guard[e])} <= before | set(held) | {-1}
    }
    assert set(np.flatnonzero(found.first)) == one - before - set(held)
    assert (found.gain >= 0).all()
    assert (found.gain[~np.isin(targets, list(after))] == 0).all()
    assert found.given == pytest.approx(found.before + found.gain)
    assert found.weighted == pytest.approx(found.gain.sum())


@settings(max_examples=15, deadline=None)
@given(graphs(steps=7), st.integers(0, 1000))
def test_gains_are_the_exact_ones_within_four_standard_errors(graph: Graph, seed: int) -> None:
    plain = settled(graph)
    target, held = graph.states - 1, min(1, graph.states - 1)
    found = blast(
        plain, np.array([held]), np.array([target]), seed=seed, entries=np.array([0]),
        effort=Effort(draws=4096, worlds=8192), values=np.array([2.0]),
    )  # fmt: skip
    truth = 0.0
    own = np.flatnonzero((plain.p > 0) & (plain.p < 1))
    for pool in product((False, True), repeat=3):
        for bits in product((False, True), repeat=own.size):
            live = plain.p == 1
            live[own] = bits
            odds = np.prod(np.where(bits, plain.p[own], 1 - plain.p[own]))
            odds *= np.prod(np.where(pool, plain.draws.p, 1 - plain.draws.p))
            live &= np.append(pool, True)[plain.shared]
            truth += odds * ((target in closure(plain, live, [0, held])) - (target in closure(plain, live, [0])))
    assert abs(found.gain[0] - truth) <= 4 * max(found.error[0], 3 / 8192) / 1.96 + 1e-9
    assert found.weighted == pytest.approx(2 * found.gain[0])


def test_nothing_held_and_states_that_are_not_there_are_refused() -> None:
    graph = made(1, 4, 6)
    one = np.array([0], np.int32)
    with pytest.raises(UsageError):
        blast(graph, np.zeros(0, np.int32), one, seed=1)
    with pytest.raises(UsageError):
        blast(graph, np.array([4]), one, seed=1)
    with pytest.raises(UsageError):
        blast(graph, one, one, seed=1, values=np.array([1.0, 2.0]))
