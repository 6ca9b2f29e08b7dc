"""Means over sampled years, and two intervals kept apart: sampling, and parameters with unknowns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foreshore.graph.model import Floats

_Z = 1.959963984540054


@dataclass(frozen=True, eq=False)
class Estimate:
    """One row per thing: its mean, range over draws, and 95 % half-widths of the sampling error.

    `noise` is the half-width of only what more worlds of the same draws would narrow.
    """

    mean: Floats
    low: Floats
    high: Floats
    error: Floats
    sampling_low: Floats
    sampling_high: Floats
    noise: Floats


def estimate(x: Floats, draws: int, ceiling: Floats, most: float, *, signed: bool = False) -> Estimate:
    """Estimate the mean of each row of `x` (rows, worlds), where world `w` belongs to draw `w % draws`.

    **Sampling.** Without anything that varies by draw the worlds are independent and the variance of
    the mean is that of the worlds over their number. Else the draws' means are the independent
    values and a t quantile is used; draws are spread evenly, so this errs to the wide side. The
    interval is Wilson's with the number of trials that gives this variance, scaled by the mean of
    `ceiling` (the greatest a world can count); nothing seen: up to 3 / worlds (rule of three).

    **Draws.** The variance of the draws' means less what sampling adds to it, divided by that
    variance, is the share that is real; deviations from the mean are shrunk by its square root
    before the 5 % and 95 % points are taken. Everything stays within 0 and `most`.
    """
    count = x.shape[1]
    if not count:
        zero = np.zeros(x.shape[0])
        return Estimate(zero, zero, zero, zero, zero, zero, zero)
    draws = min(draws, count)
    by_draw = x.reshape(x.shape[0], count // draws, draws)
    means = by_draw.mean(axis=1)
    within = by_draw.var(axis=1, ddof=1) if by_draw.shape[1] > 1 else np.tile(x.var(axis=1)[:, None], means.shape[1])
    return from_draws(means, within.mean(axis=1), count, float(ceiling.mean()), most, signed=signed)


def from_draws(
    means: Floats, within: Floats, count: int, ceiling: float, most: float, *, signed: bool = False
) -> Estimate:
    """Estimate from the means of each draw (rows, draws) and the variance of worlds within draws."""
    draws = means.shape[1]
    mean = means.mean(axis=1)
    noise = within / count
    between = means.var(axis=1, ddof=1) if draws > 1 else np.zeros(mean.size)
    added = noise * draws
    real = np.clip(between - added, 0, None)
    share = np.sqrt(np.divide(real, between, out=np.zeros_like(real), where=between > 0))
    shrunk = mean[:, None] + (means - mean[:, None]) * share[:, None]
    floor = -most if signed else 0.0
    low = np.clip(np.minimum(np.quantile(shrunk, 0.05, axis=1), mean), floor, most)
    high = np.clip(np.maximum(np.quantile(shrunk, 0.95, axis=1), mean), floor, most)
    variance = noise + real / draws
    return _finish(mean, low, high, variance, noise, count, (ceiling, draws, signed))


def _finish(
    mean: Floats,
    low: Floats,
    high: Floats,
    variance: Floats,
    noise: Floats,
    count: int,
    form: tuple[float, int, bool],
) -> Estimate:
    ceiling, draws, signed = form
    z = np.where(variance > noise, _t95(draws), _Z)
    half = z * np.sqrt(variance)
    rule = 3.0 * ceiling / count
    if signed or ceiling <= 0:
        error = np.where((variance > 0) | (ceiling <= 0), half, rule)
        return Estimate(mean, low, high, error, mean - error, mean + error, _Z * np.sqrt(noise))
    share = np.clip(mean / ceiling, 0, 1)
    scaled = variance / ceiling**2
    trials = np.divide(share * (1 - share), scaled, out=np.full_like(share, count), where=scaled > 0)
    trials = np.clip(trials, 1.0, None)
    middle = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    reach = z / (1 + z**2 / trials) * np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    bottom = np.clip(np.minimum(middle - reach, share), 0, 1) * ceiling
    top = np.clip(np.maximum(middle + reach, share), 0, 1) * ceiling
    bottom = np.where(mean <= 0, 0.0, np.where(share >= 1, np.maximum(0, ceiling - rule), bottom))
    top = np.where(mean <= 0, min(rule, ceiling), np.where(share >= 1, ceiling, top))
    error = np.maximum(top - mean, mean - bottom)
    return Estimate(mean, low, high, error, bottom, top, np.maximum(_Z * np.sqrt(noise), _wilson_floor(share, rule)))


def _wilson_floor(share: Floats, rule: float) -> Floats:
    """Nothing seen, or nothing else seen, still leaves three worlds' worth of doubt."""
    return np.where((share <= 0) | (share >= 1), rule, 0.0)


def _t95(draws: int) -> float:
    from scipy.special import stdtrit

    return float(np.round(stdtrit(max(1, draws - 1), 0.975), 9))
