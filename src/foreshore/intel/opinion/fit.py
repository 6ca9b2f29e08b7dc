"""Fitting: a logistic regression that keeps the directions the policy demands, in a few lines of numpy.

What is unknown weighs as the average of what is known (after centring it is nought), so that no
weakness ranks higher or lower because a source has not spoken of it yet. With some hundred positive
cases few robust parameters win over many: ridge shrinks each weight, and a weight whose sign would
contradict the policy is nought.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
STEPS = 200
TOLERANCE = 1e-10


class Fit(NamedTuple):
    """A fitted model on raw features: log-odds = intercept + sum of weights * (x - centres), unknown x left out."""

    centres: Floats
    scales: Floats
    weights: Floats  # per unit of the raw feature
    intercept: float


def fit(x: Floats, y: Floats, weight: Floats, signs: NDArray[np.int64], ridge: float) -> Fit:
    """Return the weighted logistic regression of `y` (0 or 1) on `x` (rows by features, NaN unknown).

    Minimises sum(weight * log-loss) + ridge/2 * |w|^2 over standardised features, the intercept free,
    w * sign >= 0 where `signs` is not 0. Newton steps on the free weights with halving until the loss
    falls; a bound weight is set free again when its gradient points inside. Deterministic.
    """
    centres, scales = _standards(x, weight)
    z = np.nan_to_num((x - centres) / scales, nan=0.0)
    design = np.column_stack([np.ones(len(z)), z])
    penalty = np.r_[1e-9, np.full(z.shape[1], ridge)]
    bound = np.r_[0, signs]
    w = np.zeros(design.shape[1])
    share = float(np.sum(weight * y) / np.sum(weight))
    w[0] = np.log(share / (1 - share)) if 0 < share < 1 else 0.0
    loss = _loss(design, y, weight, penalty, w)
    for _ in range(STEPS):
        step, free = _step(design, y, weight, penalty, bound, w)
        new, new_loss = _search(design, y, weight, penalty, bound, w, step * free, loss)
        if loss - new_loss < TOLERANCE * (1 + abs(loss)):
            break
        w, loss = new, new_loss
    return Fit(centres, scales, w[1:] / scales, float(w[0]))


def log_odds(model: Fit, x: Floats) -> tuple[Floats, Floats]:
    """Return the log-odds of each row and the contribution of each feature; they sum up with the intercept."""
    each: Floats = np.nan_to_num((x - model.centres) * model.weights, nan=0.0)
    return model.intercept + each.sum(axis=1), each


def chance(logit: Floats) -> Floats:
    """Return the chance of log-odds, safe for large ones."""
    result: Floats = np.exp(-np.logaddexp(0.0, -logit))
    return result


def _standards(x: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Weighted mean and spread of what is known of each feature; 0 and 1 where nothing is or all is alike."""
    known = ~np.isnan(x)
    mass = known.T @ weight
    filled = np.where(known, x, 0.0)
    centres = np.divide(filled.T @ weight, mass, out=np.zeros(x.shape[1]), where=mass > 0)
    spread = np.where(known, x - centres, 0.0) ** 2
    variance = np.divide(spread.T @ weight, mass, out=np.ones(x.shape[1]), where=mass > 0)
    return centres, np.where(variance > 1e-12, np.sqrt(np.maximum(variance, 1e-12)), 1.0)


def _loss(design: Floats, y: Floats, weight: Floats, penalty: Floats, w: Floats) -> float:
    logit = design @ w
    return float(np.sum(weight * (np.logaddexp(0.0, logit) - y * logit)) + 0.5 * np.sum(penalty * w * w))


def _step(
    design: Floats, y: Floats, weight: Floats, penalty: Floats, bound: NDArray[np.int64], w: Floats
) -> tuple[Floats, NDArray[np.bool_]]:
    p = chance(design @ w)
    gradient = design.T @ (weight * (p - y)) + penalty * w
    # At its bound and pushed further out: stays there.
    free = ~((bound != 0) & (w == 0) & (gradient * bound >= 0))
    curvature = weight * p * (1 - p)
    part = design[:, free]
    hessian = (part * curvature[:, None]).T @ part + np.diag(penalty[free])
    step = np.zeros(len(w))
    step[free] = np.linalg.solve(hessian, gradient[free])
    return step, free


def _search(
    design: Floats, y: Floats, weight: Floats, penalty: Floats, bound: NDArray[np.int64], w: Floats, step: Floats,
    loss: float,
) -> tuple[Floats, float]:  # fmt: skip
    size = 1.0
    for _ in range(40):
        new = w - size * step
        new = np.where((bound != 0) & (new * bound < 0), 0.0, new)
        found = _loss(design, y, weight, penalty, new)
        if found <= loss:
            return new, found
        size /= 2
    return w, loss
