"""Intervals by drawing weaknesses again: a weakness brings all its days along, for all orders alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from foreshore.intel.backtest import measuring
from foreshore.intel.backtest.measuring import Floats, Order, Tally

Measure = Callable[[Sequence[Tally]], Floats]
_MEMORY = 24_000_000  # bytes of weights held at once


def draws(clusters: int, samples: int, seed: int, *, at_once: int = 0) -> Iterator[NDArray[np.uint8]]:
    """Yield weights (samples x clusters): how often each weakness was drawn, in blocks.

    A sample draws as many as there are, with replacement. The same seed gives the same draws, whatever
    the size of the blocks.
    """
    generator = np.random.default_rng(seed)
    block = at_once or max(1, min(samples, _MEMORY // max(clusters, 1)))
    for begin in range(0, samples, block):
        count = min(block, samples - begin)
        weights = np.empty((count, clusters), np.uint8)
        for row in weights:
            row[:] = np.bincount(generator.integers(0, clusters, clusters), minlength=clusters)
        yield weights


def measured(
    orders: Mapping[str, Sequence[Order]],
    measures: Mapping[str, Measure],
    clusters: int,
    samples: int,
    seed: int,
) -> dict[str, dict[str, Floats]]:
    """Return for each order and each measure its values: first as it is, then of every sample.

    `orders` gives for each name its list of every day; all names are measured on the same draws, so
    that differences between them are paired. Memory stays at one block of weights.
    """
    found: dict[str, dict[str, list[Floats]]] = {name: {one: [] for one in measures} for name in orders}
    _measure(orders, measures, None, found)
    for weights in draws(clusters, samples, seed):
        _measure(orders, measures, weights, found)
    return {name: {one: np.concatenate(parts) for one, parts in by.items()} for name, by in found.items()}


def _measure(
    orders: Mapping[str, Sequence[Order]],
    measures: Mapping[str, Measure],
    weights: NDArray[np.uint8] | None,
    found: dict[str, dict[str, list[Floats]]],
) -> None:
    for name, days in orders.items():
        tallies = [measuring.tally(one, weights) for one in days]
        for kind, measure in measures.items():
            found[name][kind].append(measure(tallies))


def means(sums: Floats, counts: Floats, samples: int, seed: int) -> Floats:
    """Return sum(sums)/sum(counts) as it is and of every sample; both have one entry a weakness.

    For measures that add up over items, such as log-loss; on the draws of `measured`.
    """
    values = [np.array([sums.sum() / counts.sum() if counts.sum() else np.nan])]
    for weights in draws(len(sums), samples, seed):
        values.append((weights @ sums) / np.maximum(weights @ counts, 1e-300))
    return np.concatenate(values)


def interval(values: Floats, level: float) -> tuple[float | None, float | None]:
    """Return the percentile interval of the samples in `values[1:]`; None where too few have a value."""
    drawn = values[1:][~np.isnan(values[1:])]
    if len(drawn) < max(20, len(values) // 2):
        return None, None
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
