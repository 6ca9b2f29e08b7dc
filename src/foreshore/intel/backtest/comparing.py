"""The comparison: every order on every past day, measured together, with intervals and paired differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foreshore.intel.backtest import measuring, orderings, origins, resampling
from foreshore.intel.backtest.calibration import Stated
from foreshore.intel.signals import signals_at

if TYPE_CHECKING:
    from foreshore.intel.backtest.measuring import Floats, Order
    from foreshore.intel.backtest.orderings import Ordering
    from foreshore.intel.backtest.origins import Design, Origin, Past
    from foreshore.store.ducklake import Lake

AGAINST = ("EPSS", "CVSS")
CURVE = tuple(round(point, 4) for point in (*np.linspace(0, 0.1, 21), *np.linspace(0.12, 0.5, 20), *np.linspace(0.55, 1, 10)))  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """What is measured: shares of the list, list lengths a team really works, sampling, seed.

    `capacity` is a number of weaknesses worked on in each horizon, 0 for none.
    """

    efforts: tuple[float, ...]
    capacity: int
    samples: int
    level: float
    seed: int
    least: float


@dataclass
class Ranked:
    """Every day's list under every order, kept as places only, and the chances that orders stated."""

    days: list[Origin] = field(default_factory=list)
    orders: dict[str, list[Order]] = field(default_factory=dict)
    stated: dict[str, Stated] = field(default_factory=dict)
    unscored: dict[str, list[int]] = field(default_factory=dict)
    rejected: list[int] = field(default_factory=list)
    clusters: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))


def ranked(
    lake: Lake,
    past: Past,
    design: Design,
    found: Sequence[Origin],
    compared: Sequence[Ordering],
    say: Callable[[str], None] = lambda _: None,
) -> Ranked:
    """Rank the list of every day by every order, with only what was known that day."""
    import pyarrow as pa

    # Weaknesses are numbered anew: only those that stand on any list are drawn when resampling.
    clusters = np.unique(np.concatenate([one.members for one in found]))
    result = Ranked(clusters=clusters)
    for one in found:
        say(f"ranking {len(one.members):,} weaknesses as of {one.day}")
        ask, listed = origins.world(lake, past, design, one)
        features = signals_at(ask, one.moment, listed)
        # Later rejections are not known that day; earlier ones leave the list.
        kept = ~np.array(features["rejected"].to_pylist(), bool)
        result.rejected.append(int((~kept).sum()))
        mask = pa.array(kept)
        view = orderings.View(features.filter(mask), ask, one.moment, listed.filter(mask))
        day = replace(one, members=one.members[kept], truth=one.truth[kept])
        result.days.append(day)
        _rank(result, view, day, compared, design.horizon)
    return result


def _rank(result: Ranked, view: orderings.View, day: Origin, compared: Sequence[Ordering], horizon: int) -> None:
    numbers = np.searchsorted(result.clusters, day.members).astype(np.int32)
    for ordering in compared:
        scores, unscored = orderings.scored(ordering, view)
        result.orders.setdefault(ordering.name, []).append(measuring.order(scores, day.truth, numbers))
        result.unscored.setdefault(ordering.name, []).append(unscored)
        if ordering.window_days and unscored < len(scores):
            chance = orderings.within(scores, ordering.window_days, horizon)
            stated = result.stated.setdefault(ordering.name, Stated(len(result.clusters)))
            stated.add(chance, day.truth, numbers)


def measured(result: Ranked, settings: Settings) -> dict[str, Any]:
    """Return `orders` (each with `measures` and `curve`) and `differences` between them, with intervals."""
    kinds = measures(settings)
    values = resampling.measured(result.orders, kinds, len(result.clusters), settings.samples, settings.seed)
    # With hardly any true item an interval would only pretend.
    hits = np.unique(np.concatenate([day.members[day.truth] for day in result.days]))
    give = partial(_given, level=settings.level, enough=len(hits) >= settings.least)
    losses = {name: one.losses(settings.samples, settings.seed) for name, one in result.stated.items()}
    for name, loss in losses.items():
        values[name]["log_loss"] = loss
    orders = {
        name: {
            "measures": {kind: give(drawn) for kind, drawn in by.items()},
            "curve": _curve(result.orders[name]),
            "unscored": result.unscored[name],
            "calibration": _calibration(result.stated.get(name), settings, give),
        }
        for name, by in values.items()
    }
    return {"orders": orders, "differences": _differences(values, give), "came_true": len(hits)}


def measures(settings: Settings) -> dict[str, resampling.Measure]:
    """Return the measures by name: coverage and efficiency at each effort, and those of the whole order."""
    found: dict[str, resampling.Measure] = {}
    for effort in settings.efforts:
        found[f"recall_{_share(effort)}"] = partial(measuring.recall, effort=effort)
    if settings.capacity:
        found["recall_capacity"] = partial(measuring.recall_of, capacity=settings.capacity)
    for effort in settings.efforts:
        found[f"efficiency_{_share(effort)}"] = partial(measuring.efficiency, effort=effort)
    found["auc"] = measuring.auc
    found["average_precision"] = measuring.average_precision
    found["effort_for_half"] = partial(measuring.effort_for, coverage=0.5)
    return found


def _share(effort: float) -> str:
    return f"{100 * effort:g}"


def _given(drawn: Floats, *, level: float, enough: bool) -> dict[str, float | None]:
    low, high = resampling.interval(drawn, level) if enough else (None, None)
    return {"value": None if np.isnan(drawn[0]) else float(drawn[0]), "low": low, "high": high}


def _differences(
    values: Mapping[str, Mapping[str, Floats]], give: Callable[[Floats], dict[str, float | None]]
) -> list[dict[str, Any]]:
    """Every order minus each of `AGAINST`, paired: on the same days and the same draws."""
    return [
        {"order": name, "against": other, "measure": kind, **give(by[kind] - values[other][kind])}
        for other in AGAINST
        if other in values
        for name, by in values.items()
        if name != other
        for kind in by
        if kind in values[other]
    ]


def _curve(days: Sequence[Order]) -> list[dict[str, float]]:
    efforts = np.array(CURVE)
    tallies = [measuring.tally(one) for one in days]
    coverage = measuring.curve(tallies, efforts)
    found = [float(measuring.efficiency(tallies, effort)[0]) if effort else float("nan") for effort in efforts]
    return [
        {"effort": float(effort), "coverage": float(share), "efficiency": None if np.isnan(part) else part}  # type: ignore[dict-item]
        for effort, share, part in zip(efforts, coverage, found, strict=True)
    ]


def _calibration(
    stated: Stated | None, settings: Settings, give: Callable[[Floats], dict[str, float | None]]
) -> dict[str, Any] | None:
    if stated is None:
        return None
    return {
        "deciles": stated.deciles(settings.level),
        "expected": float(stated.expected.sum()),
        "observed": int(stated.came.sum()),
        "expected_over_observed": give(stated.ratios(settings.samples, settings.seed)),
        "log_loss_of_base_rate": stated.base_loss(),
    }
