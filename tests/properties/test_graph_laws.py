"""Laws of the attack-path engine, against brute force on small graphs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore.graph import (
    Effort,
    Graph,
    Params,
    Profile,
    Range,
    Shared,
    best_paths,
    contributions,
    reach,
    simulate,
)
from foreshore.graph import draws as luck
from foreshore.graph.model import Ints
from foreshore.graph.worlds import Worlds, prepare

LEVELS = (0.0, 0.1, 0.5, 0.9, 1.0)
build: Callable[..., Graph] = Graph
NONE = np.zeros(0, np.int32)


@st.composite
def graphs(draw: st.DrawFn, steps: int = 14, levels: tuple[float, ...] = LEVELS, params: bool = True) -> Graph:
    """Small graphs with cycles, guards, shared luck, unknown facts and causes of several steps."""
    states = draw(st.integers(2, 7))
    count = draw(st.integers(0, steps))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    keys = rng.integers(1, 2**62, count + 3)
    return build(
        states,
        rng.integers(0, states, count),
        rng.integers(0, states, count),
        rng.choice(levels, count),
        keys[:count],
        np.where(rng.random(count) < 0.3, rng.integers(0, states, count), -1),
        rng.integers(-1, 3, count),
        rng.integers(-1, 5, count),
        np.where(params, rng.integers(-1, 2, count), -1),
        Shared(
            keys[count:],
            np.array([0.5, 0.8, 0.3]),
            np.array([-1, 0 if params else -1, -1]),
            np.array([False, False, True]),
        ),
        Params(np.array([3, 4]), np.array([0.3, 0.5]), np.array([0.1, 0.4]), np.array([0.7, 0.6])),
    )


def attackers(states: int) -> list[Profile]:
    """One who starts at state 0 about twice a year, and a rare one at the last state but one."""
    second = np.array([max(0, states - 2)], np.int32)
    return [
        Profile("often", np.array([0], np.int32), Range(1.0, 2.0, 4.0)),
        Profile("seldom", second, Range.exactly(0.2)),
    ]


def kleene(graph: Graph, live: np.ndarray[tuple[int], np.dtype[np.bool_]], entries: Ints) -> set[int]:
    """The least fixpoint, one state at a time."""
    held = {int(one) for one in entries}
    while True:
        more = {
            int(graph.dst[e])
            for e in np.flatnonzero(live)
            if graph.src[e] in held and (graph.guard[e] < 0 or int(graph.guard[e]) in held)
        }
        if more <= held:
            return held
        held |= more


def lane_number(key: int, salt: int, lane: int) -> int:
    """The 32-bit random number of a lane, written out."""
    state, number = luck._mix(key ^ salt), 0
    for _ in range(32):
        state = (state + luck._GAMMA) % 2**64
        number = number * 2 + (luck._mix(state) >> lane & 1)
    return number


def succeeds(worlds: Worlds, p: float, param: int, key: int, salt: int, lane: int, draw: int) -> bool:
    if param >= 0 and 0 < p < 1:
        factor = worlds.factors[param, draw]
        p = p * factor / (1 - p + p * factor)
    if p in (0, 1):
        return p == 1
    bar = int(luck.thresholds(np.array([p]))[0])
    return lane_number(key, salt, lane) < bar


@settings(max_examples=25, deadline=None)
@given(graphs(), st.integers(0, 1000), st.sampled_from([4, 64, 128]))
def test_each_lane_is_the_least_fixpoint_of_its_own_bits(graph: Graph, seed: int, draws: int) -> None:
    everything = np.arange(graph.states, dtype=np.int32)
    people = attackers(graph.states)
    worlds = prepare(graph, people, everything, NONE, seed=seed, draws=draws)
    for block in (0, 1):
        year = luck.salt(seed, luck.YEAR, block)
        for solved in list(worlds.run(block))[:2]:
            own = luck.salt(seed, luck.OWN, block, solved.attack.k)
            for lane in (0, 17, 63):
                who = [i for i, mask in enumerate(solved.attack.masks) if int(mask) >> lane & 1]
                draw = int(worlds.lanes(block)[lane])
                pool = [
                    bool(worlds.unknown_bits[0, draw])
                    if graph.draws.epistemic[i]
                    else succeeds(
                        worlds,
                        graph.draws.p[i],
                        graph.draws.param[i],
                        int(graph.draws.key[i]),
                        year,
                        lane,
                        draw,
                    )
                    for i in range(3)
                ]
                live = np.array(
                    [
                        (graph.shared[e] < 0 or pool[graph.shared[e]])
                        and succeeds(worlds, graph.p[e], graph.param[e], int(graph.key[e]), own, lane, draw)
                        for e in range(graph.steps)
                    ],
                    np.bool_,
                )
                held = kleene(graph, live, people[who[0]].entries) if who else set()
                assert {v for v in everything if int(solved.targets[v]) >> lane & 1} == held


def exact_year(graph: Graph, people: list[Profile], target: int) -> float:
    """Yearly probability by going through every assignment of the shared and own bits."""
    total = 0.0
    own = np.flatnonzero((graph.p > 0) & (graph.p < 1))
    for pool in product((False, True), repeat=3):
        chance = np.prod(np.where(pool, graph.draws.p, 1 - graph.draws.p))
        hits = np.zeros(len(people))
        for bits in product((False, True), repeat=own.size):
            live = graph.p == 1
            live[own] = bits
            odds = np.prod(np.where(bits, graph.p[own], 1 - graph.p[own]))
            live &= np.append(pool, True)[graph.shared]
            for i, one in enumerate(people):
                hits[i] += odds * (target in kleene(graph, live, one.entries))
        total += chance * (1 - np.exp(-sum(one.rate.low * q for one, q in zip(people, hits, strict=True))))
    return float(total)


@settings(max_examples=25, deadline=None)
@given(graphs(steps=7, params=False), st.integers(0, 1000))
def test_the_answer_is_the_exact_one_within_four_standard_errors(graph: Graph, seed: int) -> None:
    people = [
        Profile("a", np.array([0], np.int32), Range.exactly(0.7)),
        Profile("b", np.array([graph.states - 2], np.int32), Range.exactly(0.3)),
    ]
    target = graph.states - 1
    found = simulate(graph, people, np.array([target], np.int32), seed=seed, effort=Effort(draws=4096, worlds=8192))
    truth = exact_year(graph, people, target)
    half = max(found.sampling_error[0], 3 / 8192)
    assert abs(found.probability[0] - truth) <= 4 * half / 1.96
    assert (truth == 0) == (not found.possible[0])


@settings(max_examples=30, deadline=None)
@given(graphs(), st.integers(0, 1000), st.sampled_from([1, 2]))
def test_contributions_are_the_differences_that_removal_makes(graph: Graph, seed: int, most: int) -> None:
    targets = np.unique(np.array([graph.states - 1, graph.states // 2], np.int32))
    values = np.array([3.0, 1.0])[: targets.size]
    people, effort = attackers(graph.states), Effort(worlds=128, losses_per_year=most)
    found = contributions(graph, people, targets, seed=seed, values=values, effort=effort)
    before = simulate(graph, people, targets, seed=seed, effort=effort)
    assert np.array_equal(before.losses, found.outcome.losses)
    for cause in range(graph.causes):
        after = simulate(graph, people, targets, seed=seed, effort=effort, removed=np.array([cause]))
        rebuilt = simulate(graph.without([cause]), people, targets, seed=seed, effort=effort)
        assert np.array_equal(after.losses, rebuilt.losses)
        exact = (before.events - after.events) @ values
        row = found.cause == cause
        assert found.mean[row].sum() == pytest.approx(exact, abs=1e-12)
        assert found.proof_flow[row].sum() >= found.mean[row].sum() - 1e-12
        by_target = found.pair_mean[found.pair_cause == cause]
        assert by_target @ values[found.pair_target[found.pair_cause == cause]] == pytest.approx(exact, abs=1e-12)
    assert (found.mean <= before.events @ values + 1e-12).all()
    assert ((found.low <= found.mean) & (found.mean <= found.high)).all()
    assert (np.diff(found.mean) <= 0).all()


@settings(max_examples=30, deadline=None)
@given(graphs(), st.integers(0, 1000), st.randoms(use_true_random=False))
def test_order_and_unrelated_steps_change_nothing(graph: Graph, seed: int, random: object) -> None:
    rng = np.random.default_rng(seed)
    order = rng.permutation(graph.steps)
    shuffled = build(
        graph.states + 2,
        *(
            np.append(getattr(graph, name)[order], extra)
            for name, extra in (
                ("src", graph.states),
                ("dst", graph.states + 1),
                ("p", 0.5),
                ("key", 5),
                ("guard", -1),
                ("shared", -1),
                ("cause", -1),
                ("param", -1),
            )
        ),
        graph.draws,
        graph.params,
    )
    targets = np.arange(graph.states, dtype=np.int32)
    people = attackers(graph.states)
    first = simulate(graph, people, targets, seed=seed, effort=Effort(worlds=128))
    for threads in (1, 2):
        again = simulate(shuffled, people, targets, seed=seed, effort=Effort(worlds=128, threads=threads))
        assert np.array_equal(first.losses, again.losses)
        assert np.array_equal(first.probability, again.probability)
    doubled = build(
        graph.states,
        *(np.tile(getattr(graph, name), 2) for name in ("src", "dst", "p", "key", "guard", "shared", "cause", "param")),
        graph.draws,
        graph.params,
    )
    assert np.array_equal(simulate(doubled, people, targets, seed=seed, effort=Effort(worlds=128)).losses, first.losses)


@settings(max_examples=40, deadline=None)
@given(graphs(), st.integers(0, 1000))
def test_more_chances_and_more_steps_never_help_the_defender(graph: Graph, seed: int) -> None:
    targets = np.arange(graph.states, dtype=np.int32)
    people, effort = attackers(graph.states), Effort(worlds=128)
    first = simulate(graph, people, targets, seed=seed, effort=effort)
    rng = np.random.default_rng(seed)
    likelier = replace(graph, p=np.minimum(1, graph.p + rng.choice([0, 0.2], graph.steps)))
    fewer = graph.without([int(rng.integers(0, 5))])
    opener = replace(graph, draws=replace(graph.draws, p=np.minimum(1, graph.draws.p + 0.15)))
    assert (simulate(likelier, people, targets, seed=seed, effort=effort).losses >= first.losses).all()
    assert (simulate(opener, people, targets, seed=seed, effort=effort).losses >= first.losses).all()
    assert (simulate(fewer, people, targets, seed=seed, effort=effort).losses <= first.losses).all()
    good, bad = (simulate(graph, people, targets, seed=seed, effort=effort, unknowns=w) for w in ("good", "bad"))
    assert (good.losses <= first.losses).all()
    assert (first.losses <= bad.losses).all()


@settings(max_examples=40, deadline=None)
@given(graphs(), st.integers(0, 1000))
def test_everything_stays_in_bounds_and_certain_steps_are_certain(graph: Graph, seed: int) -> None:
    targets = np.arange(graph.states, dtype=np.int32)
    people = attackers(graph.states)
    found = simulate(graph, people, targets, seed=seed, effort=Effort(worlds=64, draws=16))
    for values in (found.probability, found.low, found.high, found.sampling_low, found.sampling_high):
        assert ((values >= 0) & (values <= 1)).all()
    assert (found.low <= found.probability).all()
    assert (found.probability <= found.high).all()
    open_steps = (graph.p > 0) & (np.append(graph.draws.p, 1)[graph.shared] > 0)
    alone = [reach(graph, one.entries, open_steps) for one in people]
    assert np.array_equal(found.possible, alone[0] | alone[1])
    certain = replace(graph, p=(graph.p > 0).astype(float), draws=replace(graph.draws, p=np.ones(3)))
    sure = simulate(certain, people[:1], targets, seed=seed, effort=Effort(worlds=64))
    assert np.array_equal(sure.losses.all(axis=1), reach(certain, people[0].entries, certain.p > 0))
    assert np.array_equal(sure.losses.any(axis=1), sure.losses.all(axis=1))


def cheapest(graph: Graph, entry: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Best proof probabilities by relaxing until nothing changes."""
    p = graph.p * np.append(graph.draws.p, 1)[graph.shared]
    best = np.zeros(graph.states)
    best[entry] = 1
    for _ in range(graph.states + 1):
        for e in range(graph.steps):
            guard = graph.guard[e]
            other = best[guard] if guard >= 0 and guard != graph.src[e] else 1.0
            best[graph.dst[e]] = max(best[graph.dst[e]], best[graph.src[e]] * other * p[e])
    return best


@settings(max_examples=100, deadline=None)
@given(graphs())
def test_best_paths_are_proofs_and_the_best_of_them(graph: Graph) -> None:
    targets = np.array([graph.states - 1], np.int32)
    found = best_paths(graph, np.array([0], np.int32), targets)
    assert np.allclose(found.reached, cheapest(graph, 0), atol=1e-12)
    assert found.to_target[0] == found.reached[targets[0]]
    p = graph.p * np.append(graph.draws.p, 1)[graph.shared]
    for cause in range(graph.causes):
        hops = found.steps_through_cause(cause)
        assert bool(hops) == (found.through_cause[cause] > 0)
        held = {0}
        for step in hops:
            assert int(graph.src[step]) in held
            assert graph.guard[step] < 0 or int(graph.guard[step]) in held
            held.add(int(graph.dst[step]))
        if hops:
            assert int(targets[0]) in held
            assert cause in graph.cause[hops]
            assert np.prod(p[hops]) >= found.through_cause[cause] - 1e-12
