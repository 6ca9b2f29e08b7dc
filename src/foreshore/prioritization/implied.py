"""What the modelled figures imply: how often, at which cost, and how steady the order of the first exposures is."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foreshore import facts, keys
from foreshore.graph import Range, losses, stability
from foreshore.graph.estimates import estimate

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.graph.losses import Losses, Spread
    from foreshore.prioritization.modelled import Modelled
    from foreshore.prioritization.risk import Risk

FIRST = 20  # exposures whose place is asked about
LOOKED = 1000  # exposures that could stand there: the weightiest
SAMPLES = 400  # of draws, with repeats
POINTS = 24  # of the loss exceedance curve


def implies(found: Modelled, risk: Risk) -> dict[str, Any]:
    """Return how often some service is lost by these figures, and whether the scope's history contradicts them.

    `low` and `high` are the 5 % and 95 % points of the yearly chance over parameters and unknowns.
    """
    outcome = risk.believed.outcome
    lost = np.any(outcome.losses > 0, axis=0)[None].astype(np.float64) * outcome.weight
    any_one = estimate(lost, outcome.draws, outcome.weight, 1.0)
    chance = float(any_one.mean[0])
    every = {"": (chance, float(any_one.low[0]), float(any_one.high[0]))}
    for number, service in enumerate(found.context.services):
        columns = (outcome.probability, outcome.low, outcome.high)
        every[service.name] = tuple(float(column[number]) for column in columns)  # type: ignore[assignment]
    least = found.policy.number("treatment.history.least_chance").value
    return {
        "event": "some service is lost", "probability_per_year": chance, "low": every[""][1], "high": every[""][2],
        "once_in_years": once_in(chance),
        "history": [against(one, every[one.service], least) for one in found.scope.history if one.service in every],
    }  # fmt: skip


def once_in(chance: float) -> float | None:
    """Return the mean years between events of a yearly chance (Poisson: -1 / ln(1 - chance)); None for never."""
    return None if chance <= 0 else -1.0 / math.log1p(-min(chance, 1 - 1e-9))


def against(history: facts.History, chances: tuple[float, float, float], least: float) -> dict[str, Any]:
    """Hold what happened against a yearly chance (believed, low, high): how likely is a history at least so extreme?

    Events are Poisson; of the rates within the modelled range the one that suits the history best is taken, so
    that only a history which no part of the range explains counts as a contradiction.
    """
    rates = [-math.log1p(-min(one, 1 - 1e-9)) * history.years for one in chances]
    few = history.times < rates[0]
    rate = rates[1] if few else rates[2]
    chance = _poisson(history.times, rate, few=few)
    what = history.service or "some service"
    lost = {0: "was never lost", 1: "was lost once"}.get(history.times, f"was lost {history.times} times")
    told = f"{what} {lost} in {history.years:g} years, where the figures imply about {rates[0]:.2g} times"
    return {
        "service": history.service, "times": history.times, "years": history.years, "source": history.source,
        "implied": rates[0], "chance": chance, "contradicts": chance < least,
        "sentence": f"By your own history {told}" + ("" if chance >= least else ": the two contradict each other") + ".",
    }  # fmt: skip


def _poisson(times: int, rate: float, *, few: bool) -> float:
    """Return the chance of at most (`few`) or at least `times` events at this expected number."""
    from scipy.special import pdtr, pdtrc

    if few:
        return float(pdtr(times, rate))
    return 1.0 if times == 0 else float(pdtrc(times - 1, rate))


def ranges_of(services: tuple[facts.Service, ...]) -> list[Range | None]:
    """Return the range of each service's loss, None where no named person confirmed one."""
    return [
        Range(one.loss.low, one.loss.likely, one.loss.high) if one.loss and one.confirmed_by else None
        for one in services
    ]


def spread_of(found: Modelled, risk: Risk) -> Losses | None:
    """Return the distribution of the yearly loss; None where no range was confirmed."""
    services = found.context.services
    ranges = ranges_of(services)
    luck = [keys.of("service", one.name) for one in services]
    return losses(risk.believed.outcome, ranges, seed=risk.model.seed, keys=luck) if any(ranges) else None


def amounts(found: Modelled, risk: Risk) -> dict[str, Any]:
    """Return the distribution of the yearly loss for services whose range a person confirmed, and of their sum.

    `covers` is the share of modelled risk that these services carry; of the rest no amount is known.
    """
    services, outcome = found.context.services, risk.believed.outcome
    spread = spread_of(found, risk)
    if spread is None:
        return {"currency": found.scope.currency, "services": [], "total": None, "curve": [], "covers": 0.0}
    weighted = outcome.events * risk.model.weights
    covered = float(weighted[spread.known].sum() / weighted.sum()) if weighted.sum() else 0.0
    over, chance = spread.curve(POINTS)
    return {
        "currency": found.scope.currency, "covers": covered,
        "services": [
            {"name": one.name, **_row(spread.each, number)}
            for number, one in enumerate(services)
            if spread.known[number]
        ],
        "total": _row(spread.total, 0),
        "curve": [{"more_than": float(a), "probability": float(b)} for a, b in zip(over, chance, strict=True)],
    }  # fmt: skip


def _row(found: Spread, number: int) -> dict[str, float]:
    names = {"mean": "mean", "low": "low", "high": "high", "sampling_error": "error", "p50": "p50", "p90": "p90",
             "p95": "p95"}  # fmt: skip
    return {name: float(getattr(found, column)[number]) for name, column in names.items()}


def steadiness(found: Modelled, risk: Risk, assessed: pa.Table) -> dict[str, Any]:
    """Return how likely each of the first exposures stays among as many, over draws of parameters and unknowns."""
    ranked = risk.believed
    rows = _keys(found)
    looked = replace(ranked, by_draw=ranked.by_draw[:LOOKED])
    first = list(assessed.column("exposure").slice(0, FIRST).to_pylist())
    stays = stability(looked, min(FIRST, max(len(first), 1)), samples=SAMPLES, seed=risk.model.seed)
    by_key = dict(zip(rows[ranked.cause[:LOOKED]].tolist(), stays.tolist(), strict=True))
    told = [{"id": keys.show("EXP", key), "stays": float(by_key.get(key, 0.0))} for key in first if key in by_key]
    mean = float(np.mean([one["stays"] for one in told])) if len(ranked.cause) > FIRST else None  # else all stay
    return {"first": FIRST, "stays": mean, "exposures": told}


def _keys(found: Modelled) -> NDArray[np.int64]:
    return np.asarray(found.context.exposures.column("exposure").to_numpy(), np.int64)
