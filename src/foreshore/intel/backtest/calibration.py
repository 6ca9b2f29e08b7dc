"""Is a stated chance what happens? Log-loss, reliability by decile, expected against observed counts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from foreshore.intel.backtest import resampling
from foreshore.intel.backtest.measuring import Floats

_SMALLEST = 1e-9  # a stated chance of nothing must not cost infinitely much


class Stated:
    """Chances that one order stated for every weakness on every day, with what came true.

    `add` takes a day; the sums by weakness are kept for resampling, the chances for the deciles.
    """

    def __init__(self, clusters: int) -> None:
        self.loss, self.count = np.zeros(clusters), np.zeros(clusters)
        self.expected, self.came = np.zeros(clusters), np.zeros(clusters)
        self._chances: list[NDArray[np.float32]] = []
        self._truth: list[NDArray[np.bool_]] = []

    def add(self, chance: Floats, truth: NDArray[np.bool_], clusters: NDArray[np.int32]) -> None:
        """Take the chances of one day; `clusters` are the weaknesses' numbers, each at most once."""
        safe = np.clip(chance, _SMALLEST, 1 - _SMALLEST)
        self.loss[clusters] -= np.where(truth, np.log(safe), np.log1p(-safe))
        self.count[clusters] += 1
        self.expected[clusters] += chance
        self.came[clusters] += truth
        self._chances.append(chance.astype(np.float32))
        self._truth.append(truth)

    def deciles(self, level: float) -> list[dict[str, Any]]:
        """Return ten groups of equal size by stated chance, ties kept together (then fewer groups).

        Each has `from`, `to` and `mean` of the chance, `count`, `expected` and `observed` numbers, and
        the observed share with its Wilson interval.
        """
        chances, truth = np.concatenate(self._chances), np.concatenate(self._truth)
        edges = np.unique(np.quantile(chances, np.linspace(0, 1, 11), method="higher"))
        group = np.clip(np.searchsorted(edges, chances, side="right") - 1, 0, max(len(edges) - 2, 0))
        found = []
        for number in np.unique(group):
            inside = group == number
            count, observed = int(inside.sum()), int(truth[inside].sum())
            low, high = wilson(observed, count, level)
            stated = chances[inside].astype(np.float64)
            found.append({
                "from": float(stated.min()), "to": float(stated.max()), "mean": float(stated.mean()),
                "count": count, "expected": float(stated.sum()), "observed": observed,
                "share": observed / count, "low": low, "high": high,
            })  # fmt: skip
        return found

    def base_loss(self) -> float:
        """Log-loss of stating for everything the share that came true: the best that knows nothing else."""
        share = float(np.clip(self.came.sum() / self.count.sum(), _SMALLEST, 1 - _SMALLEST))
        return float(-(share * np.log(share) + (1 - share) * np.log1p(-share)))

    def losses(self, samples: int, seed: int) -> Floats:
        """Return the mean log-loss (natural logarithm) as it is and of every sample."""
        return resampling.means(self.loss, self.count, samples, seed)

    def ratios(self, samples: int, seed: int) -> Floats:
        """Return expected over observed counts, as it is and of every sample; NaN where nothing came true."""
        found = resampling.means(self.expected, self.came, samples, seed)
        return np.where(found > 1e100, np.nan, found)


def wilson(hits: int, count: int, level: float) -> tuple[float, float]:
    """Return the Wilson score interval of a share (Wilson 1927); it stays within 0 and 1."""
    from scipy.stats import norm

    if count == 0:
        return 0.0, 1.0
    z = float(norm.ppf((1 + level) / 2))
    share, spread = hits / count, z * z / count
    middle = (share + spread / 2) / (1 + spread)
    half = z * float(np.sqrt(share * (1 - share) / count + spread / count / 4)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)
