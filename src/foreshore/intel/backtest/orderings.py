"""The orders that are compared: each a score for every weakness from what was known that day."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from foreshore.errors import BadPolicy
from foreshore.intel.backtest.measuring import Floats

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.policy import Policy


class View(NamedTuple):
    """What an order may see of one day: the rows of `signals_at` for those on the list, and more by `ask`.

    `ask` runs SQL over a lake whose table `signals` ends with `moment`; `listed` has the column
    `weakness`, in the order of `features`.
    """

    features: pa.Table
    ask: Callable[..., pa.Table]
    moment: datetime
    listed: pa.Table


# A score for every row of `features`; NaN where the order cannot say.
Score = Callable[[View], Floats]
_EXPLOITATION = {"none": 0, "public poc": 1, "active": 2}
_AUTOMATABLE = {"no": 0, "yes": 1}
_IMPACT = {"partial": 0, "total": 1}


@dataclass(frozen=True)
class Ordering:
    """One order: its short name, what it is in words, its score (higher is more urgent).

    `window_days` is set where the score is a chance within so many days; it can then be judged for
    calibration too. `trained_through` is the last day whose outcomes a fitted order has seen: days
    before are not a fair test of it.
    """

    name: str
    words: str
    score: Score
    window_days: float | None = None
    trained_through: datetime | None = None


def public(policy: Policy) -> list[Ordering]:
    """Return the orders that anyone can make from public scores, in the order of tables."""
    window = policy.number("likelihood.epss.window_days").value
    return [
        Ordering("EPSS", "chance of exploitation within 30 days, by FIRST", _column("epss"), window),
        Ordering("CVSS", "CVSS base score, recomputed from the vector", _column("cvss")),
        Ordering("KEV only", "what is known exploited first, the rest in no order", kev_only),
        Ordering("SSVC", "exploitation, then automatable, then technical impact", ssvc_points),
        Ordering("SSVC Deployer", "outcome of the Deployer table, alike in exposure and impact", _deployer(policy)),
        Ordering("SSVC CISA", "outcome of CISA's table, alike in mission impact", _cisa(policy)),
        Ordering("rank sum", "ranks by EPSS, by CVSS and by SSVC (automatable, total impact), added", rank_sum),
        Ordering("newest", "the youngest first", newest),
        Ordering("random", "in no order at all", lambda view: np.zeros(view.features.num_rows)),
    ]


def scored(ordering: Ordering, view: View) -> tuple[Floats, int]:
    """Return the scores, and how many weaknesses the order could not score.

    Those stand at the median of what it scores: neither first nor last for being unknown.
    """
    scores = np.asarray(ordering.score(view), dtype=np.float64)
    unknown = np.isnan(scores)
    if unknown.all():
        return np.zeros(len(scores)), len(scores)
    # A value that occurs, so that what is unknown is tied with it and not wedged between two.
    middle = np.quantile(scores[~unknown], 0.5, method="lower")
    return np.where(unknown, middle, scores), int(unknown.sum())


def within(chance: Floats, window_days: float, horizon_days: float) -> Floats:
    """Return the chance within the horizon of what has `chance` in the window, at constant hazard."""
    result: Floats = -np.expm1(horizon_days / window_days * np.log1p(-np.clip(chance, 0.0, 1.0 - 1e-12)))
    return result


def kev_only(view: View) -> Floats:
    """Score 1 for what is in the catalogue: a list that leaves those out is in no order by it."""
    return np.array([1.0 if one else 0.0 for one in view.features["kev"].to_pylist()])


def ssvc_points(view: View) -> Floats:
    """Exploitation before automatable before impact; an unknown point stands between its values."""
    parts = (
        (_levels(view.features, "ssvc_exploitation", _EXPLOITATION, 0.5), 9.0),
        (_levels(view.features, "ssvc_automatable", _AUTOMATABLE, 0.5), 3.0),
        (_levels(view.features, "ssvc_impact", _IMPACT, 0.5), 1.0),
    )
    return np.asarray(np.where(_assessed(view.features), sum(weight * level for level, weight in parts), np.nan))


def rank_sum(view: View) -> Floats:
    """Add the ranks by EPSS, CVSS and the number of SSVC's automatable and total; unknown is the middle rank."""
    points = _levels(view.features, "ssvc_automatable", _AUTOMATABLE, 0.5) + _levels(
        view.features, "ssvc_impact", _IMPACT, 0.5
    )
    columns = (
        _floats(view.features, "epss"),
        _floats(view.features, "cvss"),
        np.where(_assessed(view.features), points, np.nan),
    )
    return np.asarray(sum(_ranks(column) for column in columns), dtype=np.float64)


def newest(view: View) -> Floats:
    """Score by day of publication."""
    days = [np.nan if one is None else one.toordinal() for one in view.features["published"].to_pylist()]
    return np.array(days, dtype=np.float64)


def _column(name: str) -> Score:
    return lambda view: _floats(view.features, name)


def _floats(features: pa.Table, name: str) -> Floats:
    found: Floats = features[name].to_numpy(zero_copy_only=False).astype(np.float64)
    return found


def _ranks(values: Floats) -> Floats:
    """Ranks as shares of what is known (ties share their mean rank); unknown is one half."""
    from scipy.stats import rankdata

    known = ~np.isnan(values)
    ranks = np.full(len(values), 0.5)
    if known.any():
        ranks[known] = (rankdata(values[known]) - 0.5) / known.sum()
    return ranks


def _levels(features: pa.Table, column: str, levels: Mapping[str, int], unknown: float) -> Floats:
    return np.array([levels.get(str(word or "").lower(), unknown) for word in features[column].to_pylist()], float)


def _assessed(features: pa.Table) -> np.typing.NDArray[np.bool_]:
    names = ("ssvc_exploitation", "ssvc_automatable", "ssvc_impact")
    return np.array([any(words) for words in zip(*(features[name].to_pylist() for name in names), strict=True)], bool)


def _deployer(policy: Policy) -> Score:
    outcomes = ("defer", "scheduled", "out-of-cycle", "immediate")
    rows: dict[tuple[str, ...], float] = {
        (row["exploitation"], row["automatable"]): _place(row["outcome"], outcomes, "ssvc_deployer.csv")
        for row in policy.table("ssvc_deployer")
        if row["exposure"] == policy.text("backtest.assumed.exposure")
        and row["human_impact"] == policy.text("backtest.assumed.human_impact")
    }
    return _by_table(rows, ("ssvc_exploitation", "ssvc_automatable"), (tuple(_EXPLOITATION), tuple(_AUTOMATABLE)))


def _cisa(policy: Policy) -> Score:
    outcomes = ("track", "track*", "attend", "act")
    rows: dict[tuple[str, ...], float] = {
        (row["exploitation"], row["automatable"], row["technical_impact"]): _place(
            row["outcome"], outcomes, "cisa_coordinator.csv"
        )
        for row in policy.table("cisa_coordinator")
        if row["mission_and_wellbeing"] == policy.text("backtest.assumed.mission_and_wellbeing")
    }
    columns = ("ssvc_exploitation", "ssvc_automatable", "ssvc_impact")
    return _by_table(rows, columns, (tuple(_EXPLOITATION), tuple(_AUTOMATABLE), tuple(_IMPACT)))


def _place(outcome: str, outcomes: Sequence[str], where: str) -> float:
    if outcome not in outcomes:
        raise BadPolicy(f"“{outcome}” is no outcome that can be ranked", where=where, hint=", ".join(outcomes))
    return float(outcomes.index(outcome))


def _by_table(
    rows: Mapping[tuple[str, ...], float], columns: Sequence[str], values: Sequence[tuple[str, ...]]
) -> Score:
    """Score by a table of decisions; where a point is unknown, by the mean over what it could be."""
    missing = [one for one in product(*values) if one not in rows]
    if missing:
        raise BadPolicy("a row is missing in a table of decisions", where=", ".join(missing[0]))
    known = {
        asked: float(np.mean([rows[one] for one in product(*_possible(asked, values))]))
        for asked in product(*((*options, "") for options in values))
        if any(asked)
    }

    def score(view: View) -> Floats:
        words = zip(*(view.features[name].to_pylist() for name in columns), strict=True)
        asked = (tuple(str(word or "").lower() for word in row) for row in words)
        return np.array([known.get(row, np.nan) for row in asked], dtype=np.float64)

    return score


def _possible(asked: Sequence[str], values: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return [(word,) if word else options for word, options in zip(asked, values, strict=True)]
