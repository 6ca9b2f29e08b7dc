"""EPSS over other horizons than its 30 days, and its change over time within one version of its model."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, datetime
from typing import NamedTuple

import pyarrow as pa

Ask = Callable[..., pa.Table]
DAYS = 30.0  # horizon of an EPSS score (FIRST.org)

_SCORES = """
    SELECT observed_at::DATE AS day, arg_max(value, {known: known_at, feed: feed}) AS score,
        coalesce(arg_max(model, {known: known_at, feed: feed}), '') AS model
    FROM signals s SEMI JOIN asked USING (weakness) WHERE kind = 'epss' AND value IS NOT NULL GROUP BY 1 ORDER BY 1
"""


def over(p30: float, days: float) -> float:
    """Return the chance within `days` from a 30-day chance, both 0..1: 1 - (1 - p30)^(days / 30).

    Constant hazard: two horizons after each other compound to the one over both.
    """
    if p30 >= 1.0:
        return 1.0 if days > 0 else 0.0
    return -math.expm1(days / DAYS * math.log1p(-p30))


class Change(NamedTuple):
    """A change of EPSS between two days; where `comparable` is False, `after - before` means nothing."""

    comparable: bool
    model: str
    from_day: date | None
    before: float | None
    to_day: date | None
    after: float | None
    sentence: str


def change_within_model(ask: Ask, weakness: str, as_of: date | datetime) -> Change | None:
    """Return the change from the first to the newest score of the newest version of the model; None: no two scores."""
    scores = [one for one in _scores(ask, weakness) if one[0] <= _day(as_of)]
    if not scores or not scores[-1][2]:
        return None
    same = [one for one in scores if one[2] == scores[-1][2]]
    if len(same) < 2:
        return None
    return Change(True, same[0][2], *same[0][:2], *same[-1][:2], _told(same[0], same[-1]))


Score = tuple[date, float, str]


def _scores(ask: Ask, weakness: str) -> list[Score]:
    found = ask(_SCORES, asked=pa.table({"weakness": [weakness]}))
    return [(row["day"], row["score"], row["model"]) for row in found.to_pylist()]


def _day(moment: date | datetime) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def _told(first: Score, last: Score) -> str:
    return f"since {first[0]:%Y-%m-%d}, within model {first[2]}: {first[1]:.2g} → {last[1]:.2g}"
