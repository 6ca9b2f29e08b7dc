"""Learning from dated facts: rows of many days with what came afterwards, and the fit of one day.

A fit of a day is made from what was known by that day: rows whose horizon had ended, entries of KEV
that had been added. Weaknesses in KEV by then are all taken; of the others one in `SAMPLE` by the
digest of its name, weighted back, the same ones on every day, so that all the rest were never
seen in training and can judge the fit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from foreshore.intel.opinion import fit, prediction
from foreshore.intel.opinion.features import features
from foreshore.intel.opinion.fit import Floats

Ask = Callable[..., pa.Table]
# Reasons for these stand in docs/explain/own-model.md; none was chosen by trying.
SAMPLE = 20
HORIZON = timedelta(days=30)
EVERY = timedelta(days=14)
RIDGE = 10.0
CALIBRATED_ON = timedelta(days=180)
SLOPE_KEPT = 10.0  # how firmly calibration keeps the slope of 1
SHARES = (
    *(round(0.05 * step, 2) for step in range(20)),
    *(0.97, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9998, 0.9999, 1.0),
)


class Rows(NamedTuple):
    """Rows by weakness and day: features, the day, when added to KEV (NaT never), and whether in the sample."""

    x: Floats
    day: NDArray[np.datetime64]
    added: NDArray[np.datetime64]
    sampled: NDArray[np.bool_]


def rows(ask: Ask, days: Sequence[datetime], weaknesses: pa.Table) -> Rows:
    """Return the rows of each day: published by then, not rejected, not in KEV yet.

    `weaknesses` has the columns weakness, added (timestamp, NULL never) and sampled (bool).
    """
    by_name = {name: place for place, name in enumerate(weaknesses["weakness"].to_pylist())}
    added = weaknesses["added"].to_numpy(zero_copy_only=False).astype("datetime64[us]")
    sampled = weaknesses["sampled"].to_numpy(zero_copy_only=False).astype(bool)
    parts = []
    for day in days:
        known = features(ask, day, weaknesses.select(["weakness"]))
        places = np.array([by_name[name] for name in known["weakness"].to_pylist()], dtype=np.int64)
        moment = np.datetime64(day, "us")
        published = ~np.isnat(known["published"].to_numpy(zero_copy_only=False))
        rejected = known["rejected"].to_numpy(zero_copy_only=False).astype(bool)
        keep = published & ~rejected & ~(added[places] <= moment)
        parts.append((prediction.matrix(known)[keep].astype(np.float32), np.full(keep.sum(), moment), places[keep]))
    at = np.concatenate([part[2] for part in parts])
    return Rows(
        np.concatenate([part[0] for part in parts]),
        np.concatenate([part[1] for part in parts]),
        added[at],
        sampled[at],
    )


def days_between(first: datetime, last: datetime) -> list[datetime]:
    """Return every fortnight from `first` on, before `last`."""
    return [first + step * EVERY for step in range((last - first) // EVERY + 1) if first + step * EVERY < last]


def trained(found: Rows, through: datetime) -> fit.Fit:
    """Return the calibrated fit of a day: weights from all rows that had ended by then.

    The chance is calibrated by how an earlier fit, which ended `CALIBRATED_ON` before, did on the
    rows since then: those it had not seen.
    """
    whole, earlier = _fitted(found, through), _fitted(found, through - CALIBRATED_ON)
    x, y, weight = chosen(found, through, after=through - CALIBRATED_ON)
    shift, slope = calibration(fit.log_odds(earlier, x)[0], y, weight)
    return whole._replace(weights=whole.weights * slope, intercept=shift + slope * whole.intercept)


def calibration(logit: Floats, y: Floats, weight: Floats) -> tuple[float, float]:
    """Return shift and slope that fit chances to what happened (Platt), the slope held near 1 and above 0."""
    shift, slope = 0.0, 1.0
    for _ in range(100):
        p = fit.chance(shift + slope * logit)
        error, curve = weight * (p - y), weight * p * (1 - p)
        gradient = np.array([error.sum(), error @ logit + SLOPE_KEPT * (slope - 1)])
        cross = curve @ logit
        hessian = np.array([[curve.sum() + 1e-9, cross], [cross, curve @ logit**2 + SLOPE_KEPT]])
        step = np.clip(np.linalg.solve(hessian, gradient), -1.0, 1.0)
        shift, slope = shift - float(step[0]), max(slope - float(step[1]), 0.1)
        if np.abs(step).max() < 1e-10:
            break
    return shift, slope


def placed(made: fit.Fit, version: str, through: datetime, world: Floats, epss_rank: Floats) -> prediction.Model:
    """Return the model with its place among all: `world` are the features of all that EPSS scored by then."""
    shares = np.array(SHARES)
    logit, _ = fit.log_odds(made, world)
    own = _rising(np.quantile(logit, shares))
    order = prediction.surprise(own, prediction.rarity(shares), logit) + epss_rank
    return prediction.Model(version, through, made, shares, own, _rising(np.quantile(order, shares)))


def _rising(values: Floats) -> Floats:
    """Ties are drawn apart by a hair, so that a line through them is a function."""
    result: Floats = np.maximum.accumulate(values) + np.arange(len(values)) * 1e-9
    return result


def _fitted(found: Rows, through: datetime) -> fit.Fit:
    x, y, weight = chosen(found, through)
    signs = np.array([one.sign for one in prediction.USED], dtype=np.int64)
    return fit.fit(x, y, weight, signs, RIDGE)


def chosen(found: Rows, through: datetime, *, after: datetime | None = None) -> tuple[Floats, Floats, Floats]:
    """Return features, outcome and weight of the rows of days from `after` on whose horizon ended by `through`."""
    end = np.datetime64(through, "us")
    horizon = np.timedelta64(HORIZON)
    known = found.added <= end
    use = (found.day + horizon <= end) & (known | found.sampled)
    if after is not None:
        use &= found.day >= np.datetime64(after, "us")
    came = known & (found.added <= found.day + horizon)
    # Days overlap: each row counts for the share of its horizon that is its own.
    weight = np.where(known, 1.0, float(SAMPLE)) * (EVERY / HORIZON)
    return found.x[use].astype(np.float64), came[use].astype(np.float64), weight[use]
