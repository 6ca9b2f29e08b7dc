"""How good an order of likelihood was, against EPSS: for scripts/train_likelihood.py.

Everything is judged on what a fit has not seen: days after it, and weaknesses that were not among
its examples. Intervals are percentiles of a bootstrap over the entries of KEV (the rare side); the
difference to EPSS is taken within each draw.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from foreshore.intel.opinion import fit, learning, prediction

Floats = NDArray[np.float64]
DRAWS = 2_000
EFFORTS = (0.05, 0.10, 0.15)
SEED = 20250831


class World(NamedTuple):
    """All weaknesses that EPSS scored on a day and that were not in KEV."""

    x: NDArray[np.float32]
    epss: Floats  # epss_rank
    added: NDArray[np.datetime64]
    sampled: NDArray[np.bool_]
    recorded: NDArray[np.bool_]  # a record with SSVC was known that day


class Judged(NamedTuple):
    """The orders of one window over the same weaknesses, what came true, and how long the window was."""

    orders: dict[str, Floats]
    p30: dict[str, Floats]
    came: NDArray[np.bool_]
    days: int
    kept: NDArray[np.bool_]
    recorded: NDArray[np.bool_]


class Places(NamedTuple):
    """Of one order: the share each entry beats, how many others stand above it, which entries stand as high."""

    below: Floats
    above: Floats
    at_least: Floats


def world(known: pa.Table, ask: Any, sample: int) -> World:
    """Return the world of a day from its features."""
    more = ask(
        "SELECT k.weakness, a.added, (md5_number(k.weakness) % "
        + str(sample)
        + " = 0) AS sampled FROM known k LEFT JOIN (SELECT weakness, min(observed_at) AS added FROM signals"
        " WHERE kind = 'kev' AND value > 0 GROUP BY 1) a USING (weakness) ORDER BY k.weakness",
        known=known.select(["weakness"]),
    )
    out = known["in_kev"].to_numpy(zero_copy_only=False).astype(bool)
    out |= known["rejected"].to_numpy(zero_copy_only=False).astype(bool)
    return World(
        prediction.matrix(known)[~out].astype(np.float32),
        known["epss_rank"].to_numpy(zero_copy_only=False).astype(np.float64)[~out],
        more["added"].to_numpy(zero_copy_only=False).astype("datetime64[us]")[~out],
        more["sampled"].to_numpy(zero_copy_only=False).astype(bool)[~out],
        ~np.isnan(known["automatable"].to_numpy(zero_copy_only=False).astype(np.float64))[~out],
    )


def judge(model: prediction.Model, world: World, start: datetime, end: datetime) -> Judged:
    """Return the orders of a window: from a day's knowledge, to be held against the entries up to `end`."""
    came = (world.added > np.datetime64(start, "us")) & (world.added <= np.datetime64(end, "us"))
    kept = came | ~world.sampled
    logit, _ = fit.log_odds(model.fit, world.x[kept].astype(np.float64))
    order, p30 = prediction.joined(model, logit, world.epss[kept])
    orders = {"epss": world.epss[kept], "own": logit, "joined": order}
    chances = {"own": fit.chance(logit), "joined": p30}
    return Judged(orders, chances, came[kept], (end - start).days, kept, world.recorded[kept])


def trees(found: learning.Rows, through: datetime, world: World) -> Floats:
    """Return the joined order with gradient-boosted trees (monotone alike) in place of the simple model."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    x, y, weight = learning.chosen(found, through)
    signs = [one.sign for one in prediction.USED]
    grown = HistGradientBoostingClassifier(
        max_iter=80, learning_rate=0.05, max_leaf_nodes=8, min_samples_leaf=40, l2_regularization=10.0,
        monotonic_cst=signs, early_stopping=False, random_state=0,
    ).fit(x, y, sample_weight=weight)  # fmt: skip
    value = grown.decision_function(world.x.astype(np.float64))
    order: Floats = prediction.rarity(_shares(value, value)) + world.epss
    return order


def window(one: Judged) -> dict[str, Any]:
    """Return the measures of each order over one window."""
    return {"eligible": len(one.came), "entries": int(one.came.sum()), "orders": _measures([one])}


def pooled(judged: list[Judged]) -> dict[str, Any]:
    """Return all windows together, with intervals, differences to EPSS, log-loss and reliability."""
    recorded = [_only(one, one.recorded) for one in judged]
    return {
        "all": _with_intervals(judged),
        "recorded": _with_intervals(recorded),
        "log_loss": {name: _log_loss(judged, name) for name in ("own", "joined")},
        "reliability": {name: _reliability(judged, name) for name in ("own", "joined")},
    }


def fixed_set(universe: pa.Table, known: pa.Table, model: prediction.Model) -> dict[str, Any]:
    """Return the measures on the fixed set of T0, for EPSS, CVSS, the plain rank sum, and ours."""
    frame = {name: universe[name].to_numpy(zero_copy_only=False) for name in universe.column_names}
    came = frame["came"].astype(bool)
    cvss = frame["cvss"].astype(np.float64)
    cvss = np.where(np.isnan(cvss), np.nanmedian(cvss), cvss)
    epss = np.nan_to_num(frame["epss"].astype(np.float64), nan=0.0)
    ssvc = frame["automatable"].astype(np.float64) + frame["total"].astype(np.float64)
    ranks = _shares(epss, epss) + _shares(cvss, cvss) + _shares(ssvc, ssvc)
    ours = prediction.judged(known, model)
    order = ours["order"].to_numpy(zero_copy_only=False)
    logit = ours["log_odds"].to_numpy(zero_copy_only=False)
    orders = {"cvss": cvss, "epss": epss, "rank_sum": ranks, "own": logit, "joined": order}
    one = Judged(orders, {}, came, 305, np.ones(len(came), bool), np.ones(len(came), bool))
    return {"eligible": len(came), "entries": int(came.sum()), "orders": _measures([one])}


def _only(one: Judged, keep: NDArray[np.bool_]) -> Judged:
    return one._replace(
        orders={name: values[keep] for name, values in one.orders.items()},
        p30={name: values[keep] for name, values in one.p30.items()},
        came=one.came[keep], kept=one.kept, recorded=one.recorded[keep],
    )  # fmt: skip


def _with_intervals(judged: list[Judged]) -> dict[str, Any]:
    ready = {name: [_placed(one, name) for one in judged] for name in judged[0].orders}
    point = {name: _measure(places, None) for name, places in ready.items()}
    drawn = [{name: _measure(places, draw) for name, places in ready.items()} for draw in _draws(judged)]
    found: dict[str, Any] = {"entries": sum(int(one.came.sum()) for one in judged), "orders": point}
    found["interval"] = {
        name: {key: _interval([one[name][key] for one in drawn]) for key in point[name]} for name in ready
    }
    found["better_than_epss"] = {
        name: {
            key: [round(point[name][key] - point["epss"][key], 4), *_interval(_differences(drawn, name, key))]
            for key in point[name]
        }
        for name in ready
        if name != "epss"
    }
    return found


def _differences(drawn: list[dict[str, dict[str, float]]], name: str, key: str) -> list[float]:
    return [one[name][key] - one["epss"][key] for one in drawn]


def _draws(judged: list[Judged]) -> list[list[NDArray[np.int64]]]:
    """Draws of entries, with repetition, over all windows together: how often each is drawn, by window."""
    random = np.random.default_rng(SEED)
    sizes = [int(one.came.sum()) for one in judged]
    total = sum(sizes)
    cuts = np.cumsum(sizes)[:-1]
    return [np.split(np.bincount(random.integers(0, total, total), minlength=total), cuts) for _ in range(DRAWS)]


def _measures(judged: list[Judged]) -> dict[str, dict[str, float]]:
    return {name: _measure([_placed(one, name) for one in judged], None) for name in judged[0].orders}


def _measure(places: list[Places], counts: list[NDArray[np.int64]] | None) -> dict[str, float]:
    weights = [
        np.ones(len(one.below)) if counts is None else counts[number].astype(np.float64)
        for number, one in enumerate(places)
    ]
    share, weight = np.concatenate([one.below for one in places]), np.concatenate(weights)
    precision = np.concatenate([_precision(one, own) for one, own in zip(places, weights, strict=True)])
    total = max(float(weight.sum()), 1e-9)
    found = {"auc": float(share @ weight) / total}
    for effort in EFFORTS:
        found[f"recall_{round(effort * 100)}"] = float((share > 1 - effort) @ weight) / total
    found["pr_auc"] = float(precision @ weight) / total
    return {key: round(value, 4) for key, value in found.items()}


def _placed(one: Judged, name: str) -> Places:
    """Where each entry stands: the share of those that did not come true which it beats, ties by half."""
    values = np.nan_to_num(one.orders[name], nan=-np.inf)
    below = _shares(values[~one.came], values[one.came])
    return Places(below, (1 - below) * int((~one.came).sum()), (below[None, :] >= below[:, None]).astype(np.float64))


def _precision(places: Places, weight: Floats) -> Floats:
    hits = places.at_least @ weight
    result: Floats = np.divide(hits, hits + places.above, out=np.zeros(len(hits)), where=hits > 0)
    return result


def _shares(among: Floats, values: Floats) -> Floats:
    ordered = np.sort(among)
    left = np.searchsorted(ordered, values, side="left")
    right = np.searchsorted(ordered, values, side="right")
    result: Floats = (left + right) / 2 / max(len(ordered), 1)
    return result


def _interval(values: list[float]) -> list[float]:
    return [round(float(one), 4) for one in np.percentile(values, [2.5, 97.5])]


def _to_window(p30: Floats, days: int) -> Floats:
    result: Floats = -np.expm1(days / 30 * np.log1p(-np.minimum(p30, 1 - 1e-12)))
    return result


def _log_loss(judged: list[Judged], name: str) -> dict[str, float]:
    """Mean log-loss, beside that of one chance for all: the share of the windows before (unknown to the first)."""
    ours, base, size = 0.0, 0.0, 0
    for number, one in enumerate(judged):
        before = judged[max(0, number - 1)]
        share = before.came.mean() / before.days * one.days
        p = np.clip(_to_window(one.p30[name], one.days), 1e-9, 1 - 1e-9)
        ours -= float(np.where(one.came, np.log(p), np.log1p(-p)).sum())
        base -= float(np.where(one.came, np.log(share), np.log1p(-share)).sum())
        size += len(one.came)
    return {"ours": round(ours / size, 6), "one_chance_for_all": round(base / size, 6)}


def _reliability(judged: list[Judged], name: str) -> list[dict[str, float]]:
    """Expected and observed entries by decile of the chance, within each window and summed."""
    rows = [{"decile": decile + 1, "expected": 0.0, "observed": 0.0} for decile in range(10)]
    for one in judged:
        p = _to_window(one.p30[name], one.days)
        place = np.minimum((np.argsort(np.argsort(p, kind="stable")) * 10) // len(p), 9)
        for decile in range(10):
            rows[decile]["expected"] += float(p[place == decile].sum())
            rows[decile]["observed"] += float(one.came[place == decile].sum())
    return [{key: round(value, 2) for key, value in row.items()} for row in rows]
