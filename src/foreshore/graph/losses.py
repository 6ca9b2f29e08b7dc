"""How much is lost in a year: the distribution by target and of all together, on the same years."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foreshore.errors import UsageError
from foreshore.graph import draws as luck
from foreshore.graph.estimates import estimate
from foreshore.graph.model import Bools, Floats, Ints, Longs, Range
from foreshore.graph.simulation import Outcome


@dataclass(frozen=True, eq=False)
class Spread:
    """Mean and quantiles of the yearly amount, one row per thing, years without an attack included.

    `low` and `high`: 5 % and 95 % points of the mean over parameters and unknowns; `error`: 95 % half-width of
    its sampling error; `p50`, `p90`, `p95`: amounts that a year exceeds with at most 50, 10 and 5 %.
    """

    mean: Floats
    low: Floats
    high: Floats
    error: Floats
    p50: Floats
    p90: Floats
    p95: Floats


@dataclass(frozen=True, eq=False)
class Losses:
    """Amounts by target and of all targets together.

    `known`: targets whose amount was given; the rows of others in `each` are not a number, and `total` leaves
    them out. `total` (one row) is the distribution of the yearly sum: never a sum of quantiles. `amounts`
    (targets, worlds) and `weight` are the years themselves.
    """

    known: Bools
    each: Spread
    total: Spread
    amounts: Floats
    weight: Floats

    def exceedance(self, amounts: Floats) -> Floats:
        """Probability that a year costs more than each of `amounts`, all targets together."""
        return exceeded(self.amounts.sum(axis=0), self.weight, np.asarray(amounts, np.float64))

    def curve(self, points: int = 50) -> tuple[Floats, Floats]:
        """The loss exceedance curve of all together: amounts that rise, and the probability of more."""
        total = self.amounts.sum(axis=0)
        seen = np.unique(total)
        picked = seen[np.unique(np.linspace(0, seen.size - 1, min(points, seen.size)).astype(int))]
        return picked, exceeded(total, self.weight, picked)


def losses(
    outcome: Outcome, ranges: Sequence[Range | None], *, seed: int, keys: Longs | Sequence[int] | None = None
) -> Losses:
    """Draw what each loss costs from the range of its target, and add up the years.

    `ranges`: one for each target, None where nobody knows. `keys`: a stable public number of each target, so
    that it keeps its luck when others come and go (default: its state). The amount of the n-th loss of a
    target in a year belongs to seed, key, year and n, whatever else is simulated. Where `outcome.rare` has
    years for a target its row in `each` comes from these; `total` is of the ordinary years. Raises UsageError
    when there is not one range for each target.
    """
    count = outcome.targets.size
    names = np.asarray(outcome.targets if keys is None else keys, np.int64)
    if len(ranges) != count or names.shape != (count,):
        raise UsageError(f"{len(ranges)} ranges for {count} targets")
    known = np.array([one is not None for one in ranges], np.bool_)
    amounts = drawn(outcome.losses, ranges, names, seed)
    rows = np.where(known[:, None], amounts, np.nan)
    each = spread(rows, outcome.weight, outcome.draws)
    rare = outcome.rare
    if rare is not None and rare.rows.size:
        some = [ranges[int(row)] for row in rare.rows]
        own = drawn(rare.losses, some, names[rare.rows], luck.salt(seed, luck.MIX))
        own = np.where(known[rare.rows][:, None], own, np.nan)
        each = _put(each, rare.rows, spread(own, rare.weight, outcome.draws))
    return Losses(
        known, each, spread(amounts.sum(axis=0)[None], outcome.weight, outcome.draws), amounts, outcome.weight
    )


def drawn(hits: Ints, ranges: Sequence[Range | None], names: Longs, seed: int) -> Floats:
    """The amount lost by target and year."""
    out = np.zeros(hits.shape)
    for row, one in enumerate(ranges):
        for n in range(int(hits[row].max(initial=0)) if one is not None else 0):
            worlds = np.flatnonzero(hits[row] > n)
            u = luck.uniform(luck.salt(seed, luck.AMOUNT, int(names[row]), n), worlds)
            assert one is not None
            out[row, worlds] += luck.quantile(one, u)
    return out


def spread(amounts: Floats, weight: Floats, draws: int) -> Spread:
    """Mean and quantiles of each row of `amounts` (rows, worlds), each world with its weight."""
    most = float(np.nan_to_num(amounts).max(initial=0.0))
    found = estimate(amounts * weight, draws, weight * most, most, signed=True)
    points = [quantile(amounts, weight, level) for level in (0.5, 0.9, 0.95)]
    return Spread(found.mean, np.maximum(found.low, 0), np.maximum(found.high, 0), found.error, *points)


def exceeded(amounts: Floats, weight: Floats, over: Floats) -> Floats:
    """Probability that a year costs more than each of `over`."""
    order = np.argsort(amounts, kind="stable")
    above = np.append(np.cumsum(weight[order][::-1])[::-1], 0.0) / max(1, amounts.size)
    return np.asarray(np.minimum(above[np.searchsorted(amounts[order], over, side="right")], 1.0))


def quantile(amounts: Floats, weight: Floats, level: float) -> Floats:
    """The least amount that a year exceeds with at most 1 - `level`; the weight that is missing are years of 0."""
    out = np.zeros(len(amounts))
    for row, values in enumerate(amounts):
        seen = np.append(0.0, np.unique(values))
        good = exceeded(values, weight, seen) <= 1 - level + 1e-12
        out[row] = np.nan if np.isnan(values).any() else seen[int(np.argmax(good))]
    return out


def _put(all_rows: Spread, rows: Ints, some: Spread) -> Spread:
    columns = {}
    for name in ("mean", "low", "high", "error", "p50", "p90", "p95"):
        columns[name] = getattr(all_rows, name).copy()
        columns[name][rows] = getattr(some, name)
    return Spread(**columns)
