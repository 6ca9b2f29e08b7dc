"""How steady an order is: the share of draws in which each row would stand among the first."""

from __future__ import annotations

import numpy as np

from foreshore.errors import UsageError
from foreshore.graph import draws as luck
from foreshore.graph.contributions import Ranked
from foreshore.graph.model import Floats


def stability(found: Ranked, first: int = 20, *, samples: int = 1000, seed: int = 0) -> Floats:
    """Probability that each row of `found` stands among the first `first`, in the order of its rows.

    Bootstrap over the draws of parameters and unknowns, each with the years simulated under it: `samples`
    times as many draws as there are, with repeats, give new means and a new order; equal means keep their
    order. Counts parameters, unknowns and sampling together. Raises UsageError for numbers below 1.
    """
    if first < 1 or samples < 1:
        raise UsageError("first and samples are at least 1")
    rows, draws = found.by_draw.shape
    inside = np.zeros(rows)
    if not rows or not draws:
        return inside
    for sample in range(samples):
        number = luck.hashed(luck.salt(seed, luck.RANK, sample), np.arange(draws)) % np.uint64(draws)
        weight = np.bincount(number.astype(np.int64), minlength=draws).astype(np.float64)
        mean = found.by_draw @ weight
        inside[np.argsort(-mean, kind="stable")[:first]] += 1
    return inside / samples
