"""Measures of an order equal their definitions, ties are true expectations, intervals cover what they claim."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, pairwise, permutations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore.intel.backtest import measuring, resampling
from foreshore.intel.backtest.calibration import Stated, wilson
from foreshore.intel.backtest.measuring import Order, Tally

Item = tuple[float, bool]
ITEMS = st.lists(st.tuples(st.sampled_from([0.0, 1.0, 2.0, 5.0]), st.booleans()), min_size=2, max_size=7).filter(
    lambda items: any(true for _, true in items)
)
MIXED = ITEMS.filter(lambda items: not all(true for _, true in items))


def listed(items: Sequence[Item]) -> Order:
    return measuring.order(np.array([score for score, _ in items]), np.array([true for _, true in items]))


def tallied(items: Sequence[Item]) -> list[Tally]:
    return [measuring.tally(listed(items))]


def every_way(items: Sequence[Item]) -> Iterator[list[bool]]:
    """All lists that the scores allow: the truths, best score first, each tie in every order."""
    ranked = sorted(items, key=lambda item: -item[0])
    ties = [[true for _, true in tie] for _, tie in groupby(ranked, key=lambda item: item[0])]
    for way in product(*(list(permutations(tie)) for tie in ties)):
        yield [true for part in way for true in part]


def expected(items: Sequence[Item], measure: Callable[[list[bool]], float]) -> float:
    return float(np.mean([measure(way) for way in every_way(items)]))


def pairs_won(way: list[bool]) -> float:
    pairs = [(a, b) for a, first in enumerate(way) if first for b, other in enumerate(way) if not other]
    return sum(a < b for a, b in pairs) / len(pairs)


def precision_sum(way: list[bool]) -> float:
    return float(np.mean([sum(way[: place + 1]) / (place + 1) for place, true in enumerate(way) if true]))


@given(items=MIXED)
def test_the_area_is_the_share_of_pairs_in_the_right_order(items: list[Item]) -> None:
    assert measuring.auc(tallied(items))[0] == pytest.approx(expected(items, pairs_won))
    positive = [score for score, true in items if true]
    negative = [score for score, true in items if not true]
    counted = np.mean([(a > b) + (a == b) / 2 for a in positive for b in negative])
    assert measuring.auc(tallied(items))[0] == pytest.approx(counted)


@given(items=ITEMS)
def test_average_precision_is_its_definition_over_all_ways_to_break_ties(items: list[Item]) -> None:
    assert measuring.average_precision(tallied(items))[0] == pytest.approx(expected(items, precision_sum))


@given(items=ITEMS, effort=st.floats(0.0, 1.0))
def test_recall_and_efficiency_at_an_effort_are_counts(items: list[Item], effort: float) -> None:
    places = int(np.floor(effort * len(items) + 1e-9))
    found = expected(items, lambda way: sum(way[:places]))
    assert measuring.recall(tallied(items), effort)[0] == pytest.approx(found / sum(true for _, true in items))
    assert measuring.recall_of(tallied(items), places)[0] == pytest.approx(found / sum(true for _, true in items))
    if places:
        assert measuring.efficiency(tallied(items), effort)[0] == pytest.approx(found / places)


def _found_in(places: int) -> Callable[[list[bool]], float]:
    return lambda way: float(sum(way[:places]))


@given(items=ITEMS, coverage=st.floats(0.05, 1.0))
def test_the_effort_for_a_coverage_is_where_the_expected_curve_first_reaches_it(
    items: list[Item], coverage: float
) -> None:
    wanted = coverage * sum(true for _, true in items)
    curve = [expected(items, _found_in(places)) for places in range(len(items) + 1)]
    place = next(number for number, found in enumerate(curve) if found >= wanted - 1e-9)
    before = curve[place - 1]
    exact = (place - 1 + (wanted - before) / (curve[place] - before)) / len(items)
    assert measuring.effort_for(tallied(items), coverage)[0] == pytest.approx(exact, abs=1e-6)


@given(items=ITEMS)
def test_more_effort_never_finds_less_and_all_of_it_finds_all(items: list[Item]) -> None:
    found = [measuring.recall(tallied(items), effort)[0] for effort in np.linspace(0, 1, 23)]
    assert found[0] == 0
    assert found[-1] == pytest.approx(1)
    assert all(later >= earlier - 1e-12 for earlier, later in pairwise(found))
    drawn = measuring.curve(tallied(items), np.linspace(0, 1, 23))
    assert np.all(np.diff(drawn) >= -1e-12)


@given(truth=st.lists(st.booleans(), min_size=2, max_size=30).filter(lambda truth: any(truth) and not all(truth)))
def test_a_perfect_order_gets_one_a_reversed_one_nothing_and_none_a_half(truth: list[bool]) -> None:
    perfect = tallied([(float(true), true) for true in truth])
    reversed_ = tallied([(float(not true), true) for true in truth])
    none = tallied([(1.0, true) for true in truth])
    assert measuring.auc(perfect)[0] == 1
    assert measuring.average_precision(perfect)[0] == pytest.approx(1)
    assert measuring.recall(perfect, sum(truth) / len(truth))[0] == pytest.approx(1)
    assert measuring.auc(reversed_)[0] == 0
    assert measuring.auc(none)[0] == pytest.approx(0.5)
    assert measuring.effort_for(none, 0.5)[0] == pytest.approx(0.5, abs=1e-6)


def test_drawn_scores_are_worth_a_half_within_their_error() -> None:
    generator = np.random.default_rng(5)
    truth = generator.random(20_000) < 0.05
    days = [measuring.tally(measuring.order(generator.random(20_000), truth))]
    assert measuring.auc(days)[0] == pytest.approx(0.5, abs=4 * np.sqrt(1 / 12 / truth.sum()))
    assert measuring.recall(days, 0.1)[0] == pytest.approx(0.1, abs=4 * np.sqrt(0.09 / truth.sum()))


@given(items=MIXED, weights=st.lists(st.integers(0, 3), min_size=7, max_size=7))
def test_a_weakness_that_was_drawn_twice_counts_as_two_tied_ones(items: list[Item], weights: list[int]) -> None:
    drawn = np.array([weights[: len(items)]], np.uint8)
    repeated = [item for item, count in zip(items, weights, strict=False) for _ in range(count)]
    weighed = [measuring.tally(listed(items), drawn)]
    if not any(true for _, true in repeated):
        assert np.isnan(measuring.recall(weighed, 0.5)[0])
        return
    assert measuring.recall(weighed, 0.3)[0] == pytest.approx(measuring.recall(tallied(repeated), 0.3)[0])
    assert measuring.average_precision(weighed)[0] == pytest.approx(measuring.average_precision(tallied(repeated))[0])
    if not all(true for _, true in repeated):
        assert measuring.auc(weighed)[0] == pytest.approx(measuring.auc(tallied(repeated))[0])


@given(first=MIXED, second=MIXED)
def test_over_several_days_each_true_item_counts_once_within_its_own_day(first: list[Item], second: list[Item]) -> None:
    days = [*tallied(first), *tallied(second)]
    count = [sum(true for _, true in items) for items in (first, second)]
    for measure in (measuring.auc, measuring.average_precision, lambda days: measuring.recall(days, 0.4)):
        alone = [measure(tallied(items))[0] for items in (first, second)]
        assert measure(days)[0] == pytest.approx(np.average(alone, weights=count))


def test_what_has_no_score_is_tied_at_the_end_and_an_empty_day_counts_nothing() -> None:
    truth = np.array([True, False, True, False])
    some = measuring.tally(measuring.order(np.array([np.nan, 3.0, 2.0, np.nan]), truth))
    assert measuring.recall([some], 0.5)[0] == 0.5
    assert measuring.recall([some], 0.75)[0] == 0.75
    empty = measuring.tally(measuring.order(np.zeros(0), np.zeros(0, bool)))
    assert measuring.recall([some, empty], 0.5)[0] == 0.5
    assert np.isnan(measuring.recall([empty], 0.5)[0])


def test_draws_depend_on_the_seed_alone() -> None:
    whole = np.concatenate(list(resampling.draws(50, 9, 3, at_once=9)))
    parts = np.concatenate(list(resampling.draws(50, 9, 3, at_once=2)))
    assert np.array_equal(whole, parts)
    assert (whole.sum(axis=1) == 50).all()
    assert not np.array_equal(whole, np.concatenate(list(resampling.draws(50, 9, 4, at_once=9))))


def _world(generator: np.random.Generator, clusters: int) -> tuple[Any, Any]:
    truth = generator.random(clusters) < 0.12
    return generator.normal(size=clusters) + 1.2 * truth, truth


def test_intervals_by_weakness_cover_the_truth_and_those_by_row_do_not() -> None:
    """The same weaknesses on four days hold the knowledge of one day: rows drawn singly pretend to four."""
    generator = np.random.default_rng(11)
    scores, truth = _world(generator, 200_000)
    real = measuring.recall([measuring.tally(measuring.order(scores, truth))], 0.2)[0]
    covered = {"weakness": 0, "row": 0}
    worlds, count, days = 120, 300, 4
    for number in range(worlds):
        scores, truth = _world(generator, count)
        by_weakness = [measuring.order(scores, truth)] * days
        rows = [
            measuring.order(scores, truth, np.arange(day * count, (day + 1) * count, dtype=np.int32))
            for day in range(days)
        ]
        measures: dict[str, resampling.Measure] = {"recall": lambda tallies: measuring.recall(tallies, 0.2)}
        for name, orders, clusters in (("weakness", by_weakness, count), ("row", rows, count * days)):
            drawn = resampling.measured({"one": orders}, measures, clusters, 200, number)["one"]["recall"]
            low, high = resampling.interval(drawn, 0.95)
            assert low is not None
            assert high is not None
            covered[name] += low <= real <= high
    assert covered["weakness"] >= 0.88 * worlds
    assert covered["row"] <= 0.80 * worlds


def test_a_difference_is_paired_on_the_same_draws() -> None:
    generator = np.random.default_rng(2)
    truth = generator.random(400) < 0.1
    scores = generator.normal(size=400) + truth
    orders = {"one": [measuring.order(scores, truth)], "same": [measuring.order(2 * scores, truth)]}
    drawn = resampling.measured(orders, {"auc": measuring.auc}, 400, 50, 1)
    assert np.array_equal(drawn["one"]["auc"], drawn["same"]["auc"])
    assert np.ptp(drawn["one"]["auc"][1:]) > 0
    assert resampling.interval(drawn["one"]["auc"] - drawn["same"]["auc"], 0.95) == (0.0, 0.0)


def test_too_few_values_give_no_interval() -> None:
    assert resampling.interval(np.array([0.5, *[np.nan] * 60, 0.4]), 0.95) == (None, None)


CHANCES = st.lists(st.tuples(st.floats(0.0, 1.0), st.booleans()), min_size=1, max_size=40)


@settings(max_examples=60)
@given(first=CHANCES, second=CHANCES)
def test_log_loss_and_counts_are_their_definitions(first: list[Item], second: list[Item]) -> None:
    stated = Stated(40)
    loss, number = 0.0, 0
    for day in (first, second):
        chance, truth = np.array([one for one, _ in day]), np.array([true for _, true in day])
        stated.add(chance, truth, np.arange(len(day), dtype=np.int32))
        safe = np.clip(chance, 1e-9, 1 - 1e-9)
        loss -= float(np.sum(np.log(np.where(truth, safe, 1 - safe))))
        number += len(day)
    assert stated.losses(3, 1)[0] == pytest.approx(loss / number)
    parts = stated.deciles(0.95)
    assert sum(part["count"] for part in parts) == number
    assert sum(part["observed"] for part in parts) == sum(true for day in (first, second) for _, true in day)
    assert sum(part["expected"] for part in parts) == pytest.approx(stated.expected.sum(), abs=1e-4)
    assert all(part["low"] <= part["share"] + 1e-12 and part["share"] <= part["high"] + 1e-12 for part in parts)
    assert all(a["to"] <= b["from"] for a, b in pairwise(parts))


def test_a_stated_share_that_is_right_costs_what_the_base_rate_costs() -> None:
    truth = np.arange(1000) < 30
    stated = Stated(1000)
    stated.add(np.full(1000, 0.03), truth, np.arange(1000, dtype=np.int32))
    assert stated.losses(1, 1)[0] == pytest.approx(stated.base_loss())
    assert stated.ratios(200, 1)[0] == pytest.approx(1)
    low, high = resampling.interval(stated.ratios(200, 1), 0.95)
    assert low is not None
    assert high is not None
    assert low < 1 < high


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"), [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0)]
)
def test_wilson_intervals_are_those_of_the_formula(hits: int, count: int, low: float, high: float) -> None:
    assert wilson(hits, count, 0.95) == pytest.approx((low, high), abs=1e-4)
    assert wilson(0, 0, 0.95) == (0.0, 1.0)
